// Script switched off: every page reads as it does with script, and forms do their work.
import { expect, test } from "@playwright/test";

import { PASSWORD } from "./people.mjs";
import { enter, hookText, origin, publish, review, state } from "./state.mjs";
import { PAGES } from "./table.mjs";

const OFF = { javaScriptEnabled: false };

let made;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  made = await state();
});

// What stands on the page, in words; times are told by the clock and left out.
async function words(page) {
  const text = await page.locator("main").evaluate((main) => {
    const all = main.cloneNode(true);
    for (const time of all.querySelectorAll("time")) time.remove();
    // An error's number is its request's own.
    for (const number of all.querySelectorAll(".error code")) number.remove();
    // What is hidden cannot be read.
    for (const hidden of all.querySelectorAll("[hidden]")) hidden.remove();
    return all.textContent;
  });
  return new Set(text.split(/\s+/).filter(Boolean));
}

for (const { name, of, at } of PAGES) {
  test(`reads without script: ${name}`, async ({ browser }) => {
    const [on, off] = [await enter(browser, of), await enter(browser, of, OFF)];
    await on.goto(at(made));
    await on.waitForTimeout(200);
    await off.goto(at(made));
    const [with_, without] = [await words(on), await words(off)];
    const missing = [...with_].filter((word) => !without.has(word) && !/^\d+$/.test(word));
    // Signing, and what the browser computes itself, are script's.
    const allowed = name.startsWith("review") ? 0.45 : 0.02;
    expect(missing.length / with_.size, `missing: ${missing.join(" ")}`).toBeLessThanOrEqual(allowed);
    expect(off.faults).toEqual([]);
    await on.context().close();
    await off.context().close();
  });
}

test("a hidden part of a page opens without script", async ({ browser }) => {
  const page = await enter(browser, "vera", OFF);
  await page.goto("/audit?tab=events");
  await page.locator(".events summary").first().click();
  await expect(page.locator(".events dl").first()).toBeVisible();
  await page.context().close();
});

test("sign-in and sign-out", async ({ browser }) => {
  const page = await enter(browser, null, OFF);
  await page.goto("/tickets/jira/SUP-2");
  expect(new URL(page.url()).pathname).toBe("/sign-in");
  // Sign-ins are slowed by rate, and other tests sign in too.
  await expect(async () => {
    await page.goto(`/sign-in?to=${encodeURIComponent("/tickets/jira/SUP-2")}`);
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    expect(page.url()).toBe(`${origin}/tickets/jira/SUP-2`);
  }).toPass({ timeout: 45_000, intervals: [3_000] });
  await page.locator(".me summary").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto("/tickets");
  expect(new URL(page.url()).pathname).toBe("/sign-in");
  await page.context().close();
});

test("a wrong password is told, and the name is kept", async ({ browser }) => {
  const page = await enter(browser, null, OFF);
  await expect(async () => {
    await page.goto("/sign-in");
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password").fill("not this one at all");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("alert")).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 45_000, intervals: [3_000] });
  await expect(page.getByLabel("Name")).toHaveValue("ada");
  await page.context().close();
});

test("filters have a button, and their choice an address", async ({ browser }) => {
  const page = await enter(browser, "ada", OFF);
  await page.goto("/hooks");
  await page.getByLabel("State").selectOption("stopped");
  await page.getByRole("button", { name: "Show" }).click();
  expect(new URL(page.url()).searchParams.get("state")).toBe("stopped");
  await expect(page.locator("main")).toContainText("Facts, asked too early");
  await expect(page.locator("main")).not.toContainText("Facts, logs and the database");
  await page.getByRole("searchbox").first().fill("SUP-2");
  await page.getByRole("searchbox").first().press("Enter");
  expect(new URL(page.url()).pathname).toBe("/search");
  await page.context().close();
});

test("a draft is checked, saved, sent to review and sent back", async ({ browser }) => {
  const page = await enter(browser, "ada", OFF);
  await page.goto("/tickets/jira/SUP-2/hooks/new");
  const text = page.getByLabel("The hook's text");
  await text.fill(hookText({ title: "Without script", places: 0 }));
  await page.getByRole("button", { name: "Check the text" }).click();
  await expect(page.locator("#beside")).toContainText("limits.places");
  await page.getByRole("button", { name: "Save draft" }).click();
  await expect(page.getByRole("alert")).toContainText("Nothing was saved");
  await expect(text).toHaveValue(/Without script/);
  await text.fill(hookText({ title: "Without script", places: 2 }));
  await page.getByRole("button", { name: "Save draft" }).click();
  await expect(page).toHaveURL(/\/hooks\/[\w-]+\/edit/);
  await text.fill(hookText({ title: "Without script, mended", places: 2 }));
  await page.getByRole("button", { name: "Send to review" }).click();
  await expect(page).toHaveURL(/\/hooks\/[\w-]+\/review/);
  const at = new URL(page.url()).pathname;
  const ben = await enter(browser, "ben", OFF);
  await ben.goto(at);
  await expect(ben.locator("main")).toContainText("Without script, mended");
  await expect(ben.locator(".needs-script")).toContainText("boathook hook sign");
  await ben.getByLabel(/What should be changed/).fill("one place is enough");
  await ben.getByRole("button", { name: "Send back" }).click();
  await expect(ben.locator("main")).toContainText("sent back");
  await page.goto(at.replace("/review", "/edit"));
  await expect(page.locator("main")).toContainText("one place is enough");
  await page.context().close();
  await ben.context().close();
});

test("a hook is stopped by its form", async ({ browser }) => {
  const hook = publish(hookText({ title: "Stopped without script" }));
  const page = await enter(browser, "ada", OFF);
  await page.goto(`/hooks/${hook}`);
  await page.getByLabel(/Why/).first().fill("seen enough");
  await page.getByRole("button", { name: /^Stop/ }).click();
  await expect(page.locator("main")).toContainText("stopped");
  await expect(page.locator("main")).toContainText("seen enough");
  await page.context().close();
});

test("a review reads in full", async ({ browser }) => {
  const hook = review(hookText({ title: "Read without script" }));
  const page = await enter(browser, "ben", OFF);
  await page.goto(`/hooks/${hook}/review`);
  for (const part of ["ada", "facts of the machine", "SHA-256", 'collector = "host"']) await expect(page.locator("main")).toContainText(part);
  await page.context().close();
});
