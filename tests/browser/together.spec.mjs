// Two people at one hook at once: what each sees, and what is refused.
import { expect, test } from "@playwright/test";

import { admit } from "./people.mjs";
import { edit, enter, hookText, publish, review, sign, state, stop, submit } from "./state.mjs";

test.describe.configure({ mode: "serial" });

let ada, ben;

const make = async (page) => {
  await page.getByRole("button", { name: "Make a key in this browser" }).click();
  await expect(page.locator("#key-now")).toContainText("not admitted yet");
  return (await page.locator("#key-now code").last().textContent()).match(/ed25519:\S+/)[0];
};

test.beforeAll(async ({ browser }) => {
  test.setTimeout(180_000);
  await state();
  const hook = review(hookText({ title: "A hook to make keys on" }));
  const keys = [];
  [ada, ben] = [await enter(browser, "ada"), await enter(browser, "ben")];
  for (const [person, page] of [["ada", ada], ["ben", ben]]) {
    await page.goto(`/hooks/${hook}/review`);
    keys.push([person, await make(page)]);
  }
  await admit(ada, keys);
});

test.afterAll(async () => {
  for (const page of [ada, ben].filter(Boolean)) {
    expect(page.faults.filter((fault) => !/status of (4\d\d|503)|net::ERR_FAILED|htmx:error/.test(fault))).toEqual([]);
    await page.context().close();
  }
});

const button = (page) => page.getByRole("button", { name: /^Sign revision/ });
const changed = (page) => page.getByRole("alert").filter({ hasText: "This changed while you had it open" });
const told = async (who, page, what) => console.log(`${who}: ${(await what.allInnerTexts()).map((t) => t.trim()).filter(Boolean).join(" | ")}`);

async function open(page, hook) {
  await page.goto(`/hooks/${hook}/review`);
  await expect(page.locator("#digest-here")).toContainText("the same");
  await expect(button(page)).toBeEnabled();
}

// A window that hears nothing more, as on a train: what it shows grows old.
async function deaf(page) {
  await page.route(/\/events$/, (route) => route.abort());
}

test("one sends back what the other has open", async () => {
  const hook = review(hookText({ title: "Sent back while it is read" }));
  await open(ada, hook);
  await open(ben, hook);
  await ben.getByLabel(/What should be changed/).fill("fewer places, please");
  await ben.getByRole("button", { name: "Send back" }).click();
  await expect(ben.locator("main")).toContainText("sent back");
  // Her page says so by itself, with the words, and offers no signing.
  await expect(changed(ada)).toContainText("sent back: ben: fewer places, please");
  await expect(button(ada)).toBeDisabled();
  await told("ben sent it back; ada's open page", ada, changed(ada));
});

test("what could not be fetched just when it changed is fetched again", async () => {
  const hook = review(hookText({ title: "Away for a moment" }));
  await open(ada, hook);
  const faults = [(route) => route.fulfill({ status: 503, contentType: "text/html", body: "<p>Away.</p>" }), (route) => route.abort()];
  const itself = new RegExp(`/hooks/${hook}/review$`);
  await ada.route(itself, (route) => (faults.shift() ?? ((route) => route.continue()))(route));
  await open(ben, hook);
  await ben.getByLabel(/What should be changed/).fill("later, please");
  await ben.getByRole("button", { name: "Send back" }).click();
  await expect(changed(ada)).toContainText("sent back: ben: later, please", { timeout: 20_000 });
  expect(faults).toEqual([]);
  // What stood there was not lost on the way.
  await expect(ada.locator("#digest-here")).toBeVisible();
  await ada.unroute(itself);
});

test("signing what was sent back meanwhile is refused with words", async () => {
  const hook = review(hookText({ title: "Sent back unheard" }));
  await deaf(ada);
  await open(ada, hook);
  await open(ben, hook);
  await ben.getByLabel(/What should be changed/).fill("not like this");
  await ben.getByRole("button", { name: "Send back" }).click();
  await expect(ben.locator("main")).toContainText("sent back");
  await button(ada).click();
  await expect(ada.locator("#signed")).toContainText(/Not signed: .*(sent back|draft|review)/);
  await told("ada signs on the old page", ada, ada.locator("#signed"));
  await ada.unroute(/\/events$/);
});

test("a text is changed while it is reviewed", async () => {
  const hook = review(hookText({ title: "Changed while it is read", places: 3 }));
  await open(ben, hook);
  // The author sends other bytes to review.
  await ada.goto(`/hooks/${hook}/edit`);
  await ada.getByLabel("The hook's text").fill(hookText({ title: "Changed while it is read", places: 2 }));
  await ada.getByRole("button", { name: "Send to review" }).click();
  await ada.waitForURL(/review(\?|$)/);
  await expect(changed(ben)).toContainText("its author has sent a newer text to review");
  await told("ada sent a newer text to review; ben's open page", ben, changed(ben));
  await expect(button(ben)).toBeDisabled();
  await ben.reload();
  await expect(ben.locator("#digest-here")).toContainText("the same");
  await expect(button(ben)).toBeEnabled();
  await expect(ben.locator("main")).toContainText("0 of 2");
  await button(ben).click();
  await expect(ben.locator("main")).toContainText("You have signed this revision");
  // What somebody has signed changes no more under its signature.
  await ada.goto(`/hooks/${hook}/edit`);
  await ada.getByLabel("The hook's text").fill(hookText({ title: "Changed while it is read", places: 1 }));
  await ada.getByRole("button", { name: "Send to review" }).click();
  await expect(ada.getByRole("alert")).toContainText("people have signed it");
  await told("ada changes what ben has signed", ada, ada.getByRole("alert"));
  await ada.goto("/");
});

test("signing the older bytes is refused with words", async () => {
  const hook = review(hookText({ title: "Changed unheard", places: 3 }));
  await deaf(ben);
  await open(ben, hook);
  edit(hook, hookText({ title: "Changed unheard", places: 2 }));
  submit(hook);
  await button(ben).click();
  await expect(ben.locator("#signed")).toContainText("Not signed: ");
  await told("ben signs the older bytes", ben, ben.locator("#signed"));
  await ben.unroute(/\/events$/);
  await ben.reload();
  await expect(ben.locator("main")).toContainText("0 of 2");
});

test("the next revision of a published hook comes while its first is read", async () => {
  const hook = publish(hookText({ title: "The next revision", places: 2 }));
  await ben.goto(`/hooks/${hook}/review?revision=1`);
  edit(hook, hookText({ title: "The next revision", places: 1 }));
  submit(hook);
  await expect(changed(ben)).toContainText("a newer revision has begun");
  await told("revision 2 is in review; ben's page of revision 1", ben, changed(ben));
  await ben.reload();
  await expect(ben.locator(".notice").first()).toContainText("Revision 2 is newer");
});

test("a hook is stopped while it is being signed", async () => {
  const hook = review(hookText({ title: "Stopped while it is read" }));
  sign("ada", hook);
  await open(ben, hook);
  stop("ada", hook, "the customer called it off");
  await expect(changed(ben)).toContainText("stopped");
  await expect(changed(ben)).toContainText("the customer called it off");
  await expect(button(ben)).toBeDisabled();
  await told("ada stopped it; ben's open page", ben, changed(ben));
});

test("signing what was stopped meanwhile is refused with words", async () => {
  const hook = review(hookText({ title: "Stopped unheard" }));
  sign("ada", hook);
  await deaf(ben);
  await open(ben, hook);
  stop("ada", hook, "the customer called it off");
  await button(ben).click();
  await expect(ben.locator("#signed")).toContainText(/Not signed: .*stopped/);
  await told("ben signs on the old page", ben, ben.locator("#signed"));
  await ben.unroute(/\/events$/);
  await ben.reload();
  await expect(ben.locator("main")).toContainText("stopped");
});
