// A browser's key: asked for, admitted by the holders, revoked by a revoker, and a new one in its place.
import { expect, test } from "@playwright/test";

import { admit, keyOn, leave, revoke, signIn, toReview } from "./people.mjs";

test.describe.configure({ mode: "serial" });

let ben, admin, hook, first, fingerprint;

const text = `title = "For a key"
reason = "The login is slow."
expires = "1d"

[ticket]
system = "jira"
key = "SUP-1"

[audience]
everyone = true

[limits]
places = 1
packet = "1 MiB"

[[collect]]
section = "host"
collector = "host"
`;

test.beforeAll(async ({ browser }) => {
  ben = await signIn(browser, "ben");
  admin = await signIn(browser, "root-admin");
  hook = toReview("ada", text);
});

test.afterAll(() => leave(ben, admin));

const sign = () => ben.getByRole("button", { name: /^Sign revision/ });
const admitted = () => admin.getByRole("region", { name: "Admitted keys" });

test("the page of keys shows who asks, the fingerprint, and what the holders run", async () => {
  await ben.goto(`/hooks/${hook}/review`);
  await ben.getByRole("button", { name: "Make a key in this browser" }).click();
  await expect(ben.locator("#key-now")).toContainText("not admitted yet");
  await expect(ben.getByRole("button", { name: "Ask for admission again" })).toBeEnabled();
  first = await keyOn(ben);
  fingerprint = await ben.locator("#key-now code").first().textContent();
  await admin.goto("/admin/keys");
  const asked = admin.getByRole("article").filter({ hasText: fingerprint });
  await expect(asked).toContainText("ben, key in a browser");
  await expect(asked).toContainText(`--key ${first} --place browser`);
  await ben.goto("/me");
  await expect(ben.getByRole("listitem").filter({ hasText: fingerprint })).toContainText("asked for");
});

test("once the holders admit it, it stands among the admitted and signs", async () => {
  await admit(admin, [["ben", first]]);
  await admin.goto("/admin/keys");
  await expect(admitted().getByRole("row").filter({ hasText: fingerprint })).toContainText("a browser");
  const asked = admin.getByRole("article").filter({ hasText: fingerprint });
  await expect(asked).toContainText("admitted");
  admin.once("dialog", (dialog) => dialog.accept());
  await asked.getByRole("button", { name: "Clear the request" }).click();
  await expect(asked).toHaveCount(0);
  await ben.goto(`/hooks/${hook}/review`);
  await expect(ben.locator("#key-now")).toContainText(`Signs with your key ${fingerprint.slice(0, 12)}`);
  await expect(sign()).toBeEnabled();
});

test("revoked, it signs no more, even on a page that was open before", async () => {
  expect(revoke(fingerprint, "laptop stolen")).toContain("it is on the server");
  await sign().click();
  await expect(ben.getByRole("alert")).toContainText("Not signed");
  await expect(ben.getByRole("alert")).toContainText("revoked");
  await admin.goto("/admin/keys");
  await expect(admitted().getByRole("row").filter({ hasText: fingerprint })).toContainText("revoked");
  await expect(admin.getByRole("region", { name: "Revoked" })).toContainText("laptop stolen");
  await ben.goto(`/hooks/${hook}/review`);
  await expect(ben.locator("#key-now")).toContainText("no longer signs: it was revoked (laptop stolen)");
  await expect(ben.locator("#key-now")).toContainText("make a new key");
  await expect(sign()).toBeDisabled();
  await ben.goto("/me");
  await expect(ben.getByRole("listitem").filter({ hasText: fingerprint })).toContainText("revoked");
});

test("a new key takes its place, and signs once it is admitted", async () => {
  await ben.goto(`/hooks/${hook}/review`);
  await ben.getByRole("button", { name: "Make a new key in this browser" }).click();
  await expect(ben.locator("#key-now")).toContainText("not admitted yet");
  const second = await keyOn(ben);
  expect(second).not.toBe(first);
  await ben.reload();
  await expect(ben.locator("#key-now")).toContainText("not admitted yet");
  expect(await keyOn(ben)).toBe(second);
  await admit(admin, [["ben", second]], [["ben", fingerprint]]);
  await ben.reload();
  await expect(sign()).toBeEnabled();
  await sign().click();
  await expect(ben.locator("main")).toContainText("You have signed this revision");
  await admin.goto("/admin/keys");
  await expect(admitted()).not.toContainText(fingerprint);
});
