// The admin's pages as an admin walks them, and the viewer's audit.
import fs from "node:fs";

import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

import { PASSWORD, agent, leave, signIn } from "./people.mjs";

test.describe.configure({ mode: "serial" });

let admin, pia, vera, secret;

test.beforeAll(async ({ browser }) => {
  admin = await signIn(browser, "root-admin");
  vera = await signIn(browser, "vera");
});

test.afterAll(() => leave(admin, pia, vera));

const sound = async (page) => expect((await new AxeBuilder({ page }).analyze()).violations.map((v) => `${page.url()} ${v.id} ${v.nodes[0].target}`)).toEqual([]);
const tab = (page, name) => page.getByRole("navigation", { name: "Administration" }).getByRole("link", { name }).click();

test("a customer is made, and a join string is shown once", async () => {
  await admin.getByRole("link", { name: "Admin", exact: true }).click();
  await tab(admin, "Customers");
  await admin.getByLabel("Id").fill("Initech!");
  await admin.getByLabel("Name").fill("Initech");
  await admin.getByRole("button", { name: "Add customer" }).click();
  await expect(admin.locator("#id-wrong")).toBeVisible();
  await expect(admin.getByLabel("Id")).toHaveValue("Initech!");
  await admin.getByLabel("Id").fill("initech");
  await admin.getByRole("button", { name: "Add customer" }).click();
  await expect(admin.getByRole("heading", { name: /Initech/ })).toBeVisible();
  await admin.getByLabel("How many instances may join").fill("2");
  await admin.getByRole("button", { name: "Make a join string" }).click();
  const made = admin.getByRole("status");
  await expect(made).toContainText("shown this once");
  secret = (await made.locator("pre.secret").textContent()).trim();
  expect(secret.length).toBeGreaterThan(60);
  await sound(admin);
  await admin.goto("/admin/customers/initech");
  await expect(admin.locator("main")).not.toContainText(secret);
  await expect(admin.getByRole("region", { name: "Join strings, table" }).getByRole("row", { name: /open/ })).toContainText("0 of 2");
});

test("a person is made with a role for a customer, and may do that alone", async ({ browser }) => {
  await tab(admin, "People");
  await admin.getByRole("textbox", { name: /^Person/ }).fill("pia");
  await admin.getByLabel("Name", { exact: true }).fill("Pia P.");
  await admin.getByLabel("engineer", { exact: true }).selectOption("only");
  await admin.getByLabel("Customers for the role engineer").fill("nobody");
  await admin.getByLabel("First password").fill(PASSWORD);
  await admin.getByRole("button", { name: "Add person" }).click();
  await expect(admin.getByRole("alert")).toContainText("nobody");
  await expect(admin.getByLabel("Customers for the role engineer")).toHaveValue("nobody");
  await sound(admin);
  await admin.getByLabel("Customers for the role engineer").fill("initech");
  await admin.getByLabel("First password").fill(PASSWORD);
  await admin.getByRole("button", { name: "Add person" }).click();
  await admin.waitForURL(/\/admin\/people\/pia/);
  await sound(admin);
  pia = await signIn(browser, "pia");
  await expect(pia.getByRole("link", { name: "Admin", exact: true })).toHaveCount(0);
  expect((await pia.goto("/tickets/jira/SUP-1")).status()).toBe(404);
  expect((await pia.goto("/admin/people")).status()).toBe(403);
});

test("roles change at the next request, and signing out ends all", async () => {
  await admin.getByLabel("Customers for the role engineer").fill("initech, acme");
  await admin.getByRole("button", { name: "Save pia" }).click();
  await expect(admin.getByRole("status")).toBeVisible();
  expect((await pia.goto("/tickets/jira/SUP-1")).status()).toBe(200);
  await admin.getByLabel("engineer", { exact: true }).selectOption("");
  await admin.getByLabel("viewer", { exact: true }).selectOption("all");
  await admin.getByRole("button", { name: "Save pia" }).click();
  await expect(admin.getByRole("status")).toBeVisible();
  expect((await pia.goto("/tickets/jira/SUP-1")).status()).toBe(403);
  expect((await pia.goto("/audit")).status()).toBe(200);
  await expect(admin.getByRole("region", { name: "Signed in" })).toContainText("1 sign-in is open");
  admin.once("dialog", (dialog) => dialog.accept());
  await admin.getByRole("button", { name: "Sign pia out everywhere" }).click();
  await expect(admin.getByRole("region", { name: "Signed in" })).toContainText("Nowhere now");
  await pia.goto("/audit");
  expect(new URL(pia.url()).pathname).toBe("/sign-in");
});

test("an instance waits for its fingerprint, and is let in", async () => {
  agent("app-02", ["enroll", "-"], secret);
  await tab(admin, "Customers");
  const waiting = admin.getByRole("region", { name: "Instances that wait or are held" });
  await expect(waiting).toContainText("waits to be confirmed");
  await waiting.getByRole("link", { name: "app-02" }).click();
  await sound(admin);
  // As it says of itself on its machine.
  const told = agent("app-02", ["status"]).match(/[0-9a-f]{64}/)[0];
  await expect(admin.locator("main")).not.toContainText(told);
  const field = admin.getByLabel("The fingerprint that they told you");
  await field.fill(told.replace(/.$/, (last) => (last === "0" ? "1" : "0")));
  await admin.getByRole("button", { name: "Confirm instance" }).click();
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await field.fill(told);
  await admin.getByRole("button", { name: "Confirm instance" }).click();
  await expect(admin.getByRole("heading", { name: "Confirm it" })).toHaveCount(0);
  await expect(admin.locator("main")).toContainText(told);
  await admin.goto("/admin/customers/initech");
  await expect(admin.getByRole("region", { name: "Instances that wait for you" })).toContainText("No instance waits");
  await expect(admin.getByRole("region", { name: "Join strings, table" }).getByRole("row", { name: /open/ })).toContainText("1 of 2");
});

test("trust and servers are told", async () => {
  await admin.goto("/admin");
  await tab(admin, "Trust");
  await expect(admin.getByRole("region", { name: "Root" })).toContainText("2 of rita, rolf");
  await expect(admin.getByRole("region", { name: "Root" })).toContainText("names this server's");
  const { roster } = await (await admin.request.get("/api/v1/trust")).json();
  await expect(admin.getByRole("region", { name: "Roster" })).toContainText(`Version${roster.version}`);
  await sound(admin);
  await admin.getByLabel(/^The document/).fill("bm8gZG9jdW1lbnQ=");
  await admin.getByRole("button", { name: "Verify and import" }).click();
  await expect(admin.getByRole("alert").first()).toBeVisible();
  await expect(admin.getByLabel(/^The document/)).toHaveValue("bm8gZG9jdW1lbnQ=");
  await tab(admin, "Servers");
  await expect(admin.getByRole("region", { name: "This server" })).toContainText("answers in");
  await sound(admin);
  await tab(admin, "Erasures");
  await expect(admin.locator("main")).toContainText("boathook-server erase packet");
});

test("the viewer's audit: now, over time, events, chains, export", async () => {
  await vera.goto("/");
  expect(new URL(vera.url()).pathname).toBe("/audit");
  await expect(vera.getByRole("region", { name: "Active hooks" }).getByRole("row").nth(1)).toContainText("ada");
  await vera.getByRole("link", { name: "Over time" }).click();
  await expect(vera.getByRole("img").first()).toBeVisible();
  const today = new Date().toISOString().slice(0, 10);
  const day = vera.getByRole("region", { name: "Days" }).getByRole("row", { name: today });
  await expect(day.getByRole("cell").first()).not.toHaveText("0");
  await expect(day.getByRole("cell").last()).not.toHaveText("0");
  await vera.getByRole("link", { name: "Events" }).click();
  await vera.getByLabel("Person").fill("ben");
  await vera.getByRole("button", { name: "Show" }).click();
  await expect(vera.locator(".events li").first()).toContainText("ben");
  for (const line of await vera.locator(".events li strong").allTextContents()) expect(line).toContain("ben");
  await vera.getByRole("link", { name: "Chains" }).click();
  await vera.getByRole("link", { name: /^Verify/ }).first().click();
  await expect(async () => {
    await vera.reload();
    await expect(vera.locator("main")).toContainText(/whole to event \d+/, { timeout: 1_000 });
  }).toPass();
  const download = vera.waitForEvent("download");
  await vera.getByRole("link", { name: /^Export/ }).first().click();
  const lines = fs.readFileSync(await (await download).path(), "utf8").trim().split("\n");
  expect(lines.length).toBeGreaterThan(5);
  for (const one of lines) JSON.parse(one);
  await sound(vera);
});

test("the viewer is refused all else", async () => {
  for (const path of ["/tickets", "/tickets/jira/SUP-1", "/hooks", "/instances", "/packets", "/search?q=SUP", "/admin", "/admin/people", "/admin/keys", "/admin/trust", "/admin/servers", "/admin/customers"]) {
    const answer = await vera.goto(path);
    expect(answer.status(), path).toBe(403);
  }
  for (const path of ["users", "packets", "tickets", "instances"]) {
    expect((await vera.request.get(`/api/v1/${path}`)).status(), path).toBe(403);
  }
});
