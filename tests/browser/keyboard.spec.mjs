// The main walk again, by keyboard alone: no mouse, nothing clicked or filled by script.
import { expect, test } from "@playwright/test";

import { enter, focusIsSeen, press, signInByKeys, tabTo, type } from "./keyboard.mjs";
import { PASSWORD, admit, keyOn, leave, newPage } from "./people.mjs";

test.describe.configure({ mode: "serial" });

let ada, ben, vera, hook, line;

test.beforeAll(async ({ browser }) => {
  [ada, ben, vera] = [await newPage(browser), await newPage(browser), await newPage(browser)];
  for (const page of [ada, ben, vera]) {
    // Whoever reaches for the mouse fails.
    await page.addInitScript(() => addEventListener("mousedown", () => { throw new Error("a mouse was used"); }, true));
  }
});

test.afterAll(() => leave(ada, ben, vera));

const TITLE = "Facts by keyboard";
const text = (places) => `title = "${TITLE}"
reason = "The login is slow."
expires = "1d"

[audience]
everyone = true

[limits]
places = ${places}
packet = "2 MiB"

[[collect]]
section = "host"
collector = "host"
`;

const toml = (page) => page.getByLabel("The hook's text");

test("signing in, and a wrong password first", async () => {
  await ada.goto("/");
  await type(ada, ada.getByLabel("Name"), null, "ada");
  await type(ada, ada.getByLabel("Password"), null, "not that one");
  await press(ada, "Enter");
  await expect(ada.getByRole("alert")).toContainText("wrong");
  await expect(ada.getByLabel("Name")).toHaveValue("ada");
  await signInByKeys(ada, "ada", PASSWORD);
  await signInByKeys(ben, "ben", PASSWORD);
  await signInByKeys(vera, "vera", PASSWORD);
});

test("keys lead through the site, and a filter waits for its button", async () => {
  await press(ada, "?");
  await expect(ada.getByRole("heading", { name: "Help and keys" })).toBeVisible();
  await press(ada, "Tab");
  await focusIsSeen(ada);
  await press(ada, "Enter");
  expect(new URL(ada.url()).hash).toBe("#main");
  await press(ada, "/");
  await focusIsSeen(ada);
  await ada.keyboard.type("SUP-1?");
  expect(new URL(ada.url()).pathname).toBe("/help");
  await press(ada, "Backspace", "Enter");
  await ada.waitForURL(/\/search\?q=SUP-1$/);
  await expect(ada.getByRole("link", { name: /SUP-1/ }).first()).toBeVisible();
  await press(ada, "/", "Escape", "g", "t");
  await ada.waitForURL(/\/tickets$/);
  await tabTo(ada, "combobox", "Customer");
  await press(ada, "ArrowDown");
  await expect(ada.getByRole("combobox", { name: "Customer" })).toHaveValue("acme");
  expect(new URL(ada.url()).search).toBe("");
  await enter(ada, "button", "Show");
  await ada.waitForURL(/customer=acme/);
});

test("the author drafts with a fault, and mends it", async () => {
  await enter(ada, "link", "SUP-1");
  await ada.waitForURL(/SUP-1$/);
  await press(ada, "n");
  await expect(ada.getByRole("heading", { name: "New hook" })).toBeVisible();
  await type(ada, toml(ada), null, text(0));
  await expect(ada.locator("#beside")).toContainText("limits.places");
  // The fault's line leads into the text.
  await enter(ada, ada.locator("#beside a[data-line]").first());
  await expect(toml(ada)).toBeFocused();
  await focusIsSeen(ada);
  await tabTo(ada, "button", "Save draft");
  await press(ada, "Space");
  await expect(ada.getByRole("alert")).toContainText("Nothing was saved");
  await type(ada, toml(ada), null, text(5));
  await expect(ada.locator("#beside")).toContainText("facts of the machine");
  await enter(ada, "button", "Send to review");
  await ada.waitForURL(/\/hooks\/.*\/review$/);
  hook = ada.url().match(/hooks\/([^/]+)/)[1];
});

test("both make a key, and the holders admit them", async () => {
  const keys = [];
  await press(ben, "g", "h");
  await enter(ben, "link", TITLE);
  await ben.waitForURL(`**/hooks/${hook}/review`);
  for (const [person, page] of [["ada", ada], ["ben", ben]]) {
    await expect(page.locator("#digest-here")).toContainText("the same");
    await enter(page, "button", "Make a key in this browser");
    await expect(page.locator("#key-now")).toContainText("not admitted yet");
    keys.push([person, await keyOn(page)]);
  }
  await admit(ada, keys);
});

test("the reviewer sends it back once, the author mends and signs", async () => {
  await press(ben, "F5");
  await type(ben, "textbox", /What should be changed/, "three places are enough");
  await enter(ben, "button", "Send back");
  await expect(ben.locator("main")).toContainText("sent back");
  await press(ada, "g", "t");
  await ada.waitForURL(/\/tickets$/);
  await enter(ada, "link", "SUP-1");
  await ada.waitForURL(/SUP-1$/);
  await enter(ada, "link", TITLE);
  await expect(ada.locator("main")).toContainText("three places are enough");
  await type(ada, toml(ada), null, text(3));
  await enter(ada, "button", "Send to review");
  await ada.waitForURL(/review$/);
  await enter(ada, "button", /^Sign revision/);
  await expect(ada.locator("main")).toContainText("You have signed this revision");
});

test("the reviewer signs, and the counters move under the author's eyes", async () => {
  await press(ada, "g", "t");
  await ada.waitForURL(/\/tickets$/);
  await enter(ada, "link", "SUP-1");
  await ada.waitForURL(/SUP-1$/);
  const row = ada.getByRole("row", { name: new RegExp(TITLE) });
  await expect(row).toContainText("in review");
  await tabTo(ada, "link", TITLE);
  await press(ben, "g", "h");
  await enter(ben, "link", TITLE);
  await expect(ben.locator("#digest-here")).toContainText("the same");
  await enter(ben, "button", /^Sign revision/);
  await expect(ben.locator("main")).toContainText(/published|received/);
  await expect(row).toContainText("published");
  await expect(row).toContainText("1/3");
  // What moved took the focus from nobody.
  await expect(ada.getByRole("link", { name: TITLE })).toBeFocused();
  await focusIsSeen(ada);
});

test("the author opens the packet, finds a line, and shares its link", async () => {
  await enter(ada, ada.getByRole("region", { name: "Packets, table" }).getByRole("link").first());
  await ada.waitForURL(/\/packets\//);
  await type(ada, ada.getByLabel("Find in this packet"), null, "linux");
  await press(ada, "Enter");
  await expect(ada.getByRole("status").first()).toContainText("hit");
  await enter(ada, ada.getByRole("link", { name: /^Line / }).first());
  await ada.waitForURL(/\/files\/.*#L\d+/);
  line = ada.url();
  await ben.goto(line);
  await expect(ben.locator(new URL(line).hash)).toBeInViewport();
});

test("the viewer reads the audit", async () => {
  await press(vera, "g", "a");
  await vera.waitForURL(/\/audit$/);
  await expect(vera.getByRole("row", { name: new RegExp(TITLE) })).toContainText("1 of 3");
  await enter(vera, "link", "Over time");
  await expect(vera.getByRole("region", { name: "Days" })).toBeVisible();
  await enter(vera, "link", "Events");
  await tabTo(vera, "combobox", "Kind");
  await vera.keyboard.type("Hook");
  const chosen = await vera.getByRole("combobox", { name: "Kind" }).inputValue();
  expect(chosen).not.toBe("");
  await enter(vera, vera.getByText("More filters"));
  await type(vera, "textbox", "Ticket", "jira/SUP-1");
  await enter(vera, "button", "Show");
  await vera.waitForURL(/ticket=jira%2FSUP-1/);
  await enter(vera, vera.locator(".events summary").first());
  await expect(vera.locator(".events details[open]").first()).toContainText("jira/SUP-1");
  await enter(vera, "link", "Chains");
  await enter(vera, "link", /^Verify/);
  await expect(vera.locator("main")).toContainText(/whole to event|being verified/);
  expect((await vera.goto(line)).status()).toBe(403);
});

test("signing out", async () => {
  for (const page of [ada, ben, vera]) {
    await enter(page, page.locator("details.me summary"));
    await enter(page, "button", "Sign out");
    await expect(page.getByRole("status")).toContainText("You are signed out");
  }
});
