// From a ticket to a line of a packet, as the people of the house do it in their browsers.
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

import { admit, boathook, demo, login, signIn } from "./people.mjs";

test.describe.configure({ mode: "serial" });

let ada, ben, vera;
let hook;
const all = () => [ada, ben, vera].filter(Boolean);

test.beforeAll(async ({ browser }) => {
  ada = await signIn(browser, "ada");
  ben = await signIn(browser, "ben");
  vera = await signIn(browser, "vera");
});

test.afterAll(async () => {
  for (const page of all()) {
    expect(page.faults).toEqual([]);
    await page.context().close();
  }
});

async function sound(page) {
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((v) => `${page.url()}: ${v.id} ${v.nodes.map((n) => n.target).join(" ")}`)).toEqual([]);
}

const text = (places) => `title = "Facts for the login"
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

test("the author drafts from a ticket with a fault, and mends it", async () => {
  await ada.getByRole("link", { name: "Tickets", exact: true }).click();
  await ada.getByRole("link", { name: "SUP-1", exact: true }).click();
  await sound(ada);
  await ada.keyboard.press("n");
  await expect(ada.getByRole("heading", { name: "New hook" })).toBeVisible();
  await ada.getByLabel("The hook's text").fill(text(0));
  await expect(ada.locator("#beside")).toContainText("limits.places");
  await sound(ada);
  await ada.getByRole("button", { name: "Save draft" }).click();
  await expect(ada.getByRole("alert")).toContainText("Nothing was saved");
  await ada.getByLabel("The hook's text").fill(text(5));
  await expect(ada.locator("#beside")).toContainText("facts of the machine");
  await ada.getByRole("button", { name: "Send to review" }).click();
  await ada.waitForURL(/\/hooks\/.*\/review$/);
  hook = ada.url().match(/hooks\/([^/]+)/)[1];
});

test("first use makes a key in the browser and asks for its admission", async () => {
  const keys = [];
  for (const [person, page] of [["ada", ada], ["ben", ben]]) {
    await page.goto(`/hooks/${hook}/review`);
    await expect(page.locator("#digest-here")).toContainText("the same");
    await expect(page.getByRole("button", { name: /^Sign revision/ })).toBeDisabled();
    await page.getByRole("button", { name: "Make a key in this browser" }).click();
    await expect(page.locator("#key-now")).toContainText("not admitted yet");
    const command = await page.locator("#key-now code").last().textContent();
    keys.push([person, command.match(/ed25519:\S+/)[0]]);
    await sound(page);
  }
  const secret = await ada.evaluate(async () => {
    const db = await new Promise((done) => { const open = indexedDB.open("boathook", 1); open.onsuccess = () => done(open.result); });
    const key = await new Promise((done) => { const get = db.transaction("keys").objectStore("keys").get("ada"); get.onsuccess = () => done(get.result); });
    return crypto.subtle.exportKey("pkcs8", key.pair.privateKey).then(() => "read out", (error) => error.name);
  });
  expect(secret).toBe("InvalidAccessError");
  await admit(ada, keys);
});

test("the reviewer sends it back once, reads the difference, then signs", async () => {
  await ben.goto(`/hooks/${hook}/review`);
  await ben.getByLabel(/What should be changed/).fill("three places are enough");
  await ben.getByRole("button", { name: "Send back" }).click();
  await expect(ben.locator("main")).toContainText("sent back");
  await ada.goto(`/hooks/${hook}/edit`);
  await expect(ada.locator("main")).toContainText("three places are enough");
  await ada.getByLabel("The hook's text").fill(text(3));
  await ada.getByRole("button", { name: "Send to review" }).click();
  await ada.waitForURL(/review$/);
  await ada.getByRole("button", { name: /^Sign revision/ }).click();
  await expect(ada.locator("main")).toContainText("You have signed this revision");

  await ben.goto(`/hooks/${hook}/review`);
  await expect(ben.locator("#digest-here")).toContainText("the same");
  await sound(ben);
});

test("the counters move while the page is open", async () => {
  await ada.goto("/tickets/jira/SUP-1");
  const row = ada.getByRole("row", { name: /Facts for the login/ });
  await expect(row).toContainText("in review");
  await ben.getByRole("button", { name: /^Sign revision/ }).click();
  await expect(ben.locator("main")).toContainText(/published|received/);
  await expect(row).toContainText("published");
  await expect(row).toContainText("1/3");
  await sound(ada);
});

test("the author opens the packet, finds a line, and shares its link", async () => {
  await ada.getByRole("region", { name: "Packets, table" }).getByRole("link").first().click();
  await ada.waitForURL(/\/packets\//);
  await sound(ada);
  await ada.goto(`${ada.url()}/search?q=linux`);
  await expect(ada.getByRole("status").first()).toContainText("hit");
  await sound(ada);
  await ada.getByRole("link", { name: /^Line / }).first().click();
  await ada.waitForURL(/\/files\/.*#L\d+/);
  await sound(ada);
  // Somebody else's window opens at the same line.
  await ben.goto(ada.url());
  const line = new URL(ada.url()).hash;
  await expect(ben.locator(line)).toBeInViewport();
  const foreign = await vera.goto(ada.url());
  expect(foreign.status()).toBe(403);
});

test("the viewer sees the audit and is refused all else", async () => {
  await vera.goto("/");
  expect(new URL(vera.url()).pathname).toBe("/audit");
  for (const path of ["/tickets", "/tickets/jira/SUP-1", "/hooks", `/hooks/${hook}`, `/hooks/${hook}/review`, "/packets"]) {
    const answer = await vera.goto(path);
    expect(answer.status(), path).toBe(403);
  }
});

test("a wide hook is finished with a key outside of the browser, and the page moves on by itself", async () => {
  login("ada");
  const wide = boathook("ada", "hook", "new", `${demo}/hook.toml`, "--quiet").trim();
  boathook("ada", "hook", "submit", wide);
  await ben.goto(`/hooks/${wide}/review`);
  await ben.getByRole("button", { name: /^Sign revision/ }).click();
  await expect(ben.locator("main")).toContainText("You have signed this revision");
  await expect(ben.locator("main")).toContainText("A key outside of the browser must sign this");
  boathook("ada", "hook", "sign", wide, "--key", `${demo}/people/ada.pem`, "--yes");
  await ben.waitForURL(new RegExp(`/hooks/${wide}$`));
  await expect(ben.locator("main")).toContainText("published");
});
