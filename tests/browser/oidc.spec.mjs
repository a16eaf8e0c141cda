// Sign-in at a real provider of OpenID Connect, at another site and behind a CA of its own.
import fs from "node:fs";
import path from "node:path";

import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

import { newServer } from "./house.mjs";
import { PASSWORD, demo, leave, newPage } from "./people.mjs";
import { CLIENT, SECRET, newProvider } from "./provider.mjs";

test.describe.configure({ mode: "serial" });

const people = {
  7: { name: "Ella E.", preferred_username: "Ella@example.com", groups: ["support"] },
  8: { name: "Nobody yet", preferred_username: "nora", groups: ["canteen"] },
  9: { name: "Not ours", preferred_username: "root-admin", groups: ["support"] },
};
const BUTTON = "Sign in with the walk's provider";
let server, provider, ella, admin;

test.beforeAll(async ({ browser }) => {
  const dir = path.join(path.dirname(demo), "provider");
  provider = await newProvider(dir, people);
  fs.writeFileSync(path.join(dir, "secret"), `${SECRET}\n`, { mode: 0o600 });
  server = await newServer("oidc", {
    'issuer = ""': `issuer = "${provider.issuer}"`,
    'client_id = ""': `client_id = "${CLIENT}"`,
    'client_secret_file = ""': `client_secret_file = "${dir}/secret"`,
    "# PEM of a private CA that the provider's certificate is from. Empty: the system's CAs.\nca = \"\"": `ca = "${provider.ca}"`,
    'scopes = ["openid", "profile"]': 'scopes = ["openid", "profile", "groups"]',
    'button = "Sign in with your organisation"': `button = "${BUTTON}"`,
    "[oidc.roles]": '[oidc.roles]\nsupport = ["engineer:acme"]\nleads = ["reviewer:acme", "viewer"]',
  });
  server.user("root-admin", "Admin", "admin");
  server.run(["customer", "add", "acme", "ACME Ltd"]);
  await server.start();
  ella = await newPage(browser);
});

test.afterAll(async () => {
  await leave(ella, admin);
  await server.stop();
  await provider.stop();
});

const at = (place) => `${server.origin}${place}`;
const button = (page) => page.getByRole("link", { name: BUTTON });
const wrong = (page) => page.getByRole("alert");

async function asAccount(page, account) {
  await expect(page.getByRole("heading", { name: "Provider" })).toBeVisible();
  expect(new URL(page.url()).origin).toBe(provider.issuer);
  await page.getByLabel("Account").fill(account);
  await page.getByRole("button", { name: "Continue" }).click();
}

// Whoever is not signed in is asked to.
async function outside(page) {
  await page.goto(at("/"));
  expect(new URL(page.url()).pathname).toBe("/sign-in");
}

// The address at the provider of a sign-in that this browser begins, not gone to.
async function begin(page, to = "/") {
  const answer = await page.request.get(at(`/sign-in/oidc?to=${encodeURIComponent(to)}`), { maxRedirects: 0 });
  expect(answer.status()).toBe(303);
  return new URL(answer.headers().location);
}

test("while the provider is away, the page says so and the password still serves", async () => {
  await ella.goto(at("/hooks"));
  await expect(button(ella)).toBeVisible();
  expect((await new AxeBuilder({ page: ella }).analyze()).violations.map((v) => v.id)).toEqual([]);
  await button(ella).click();
  await expect(wrong(ella)).toContainText("does not answer as it should");
  await expect(ella.getByLabel("Password")).toBeVisible();
  await provider.start(server.origin);
  // A failed step of the walk; what else the browser says is a fault.
  ella.faults = ella.faults.filter((words) => !/status of 503/.test(words));
});

test("an engineer by their group lands where they were going, with the roles of the claim", async () => {
  await ella.goto(at("/hooks"));
  await button(ella).click();
  await asAccount(ella, "7");
  await ella.waitForURL(at("/hooks"));
  await ella.goto(at("/"));
  await expect(ella.getByRole("heading", { name: "What needs you" })).toBeVisible();
  await ella.goto(at("/me"));
  await expect(ella.locator("main")).toContainText("ella");
  await expect(ella.locator("main")).toContainText("engineer:acme");
  await expect(ella.locator("main")).toContainText(`You sign in at ${provider.issuer}`);
  await expect(ella.locator("main")).toContainText("at the provider");
  expect((await ella.goto(at("/admin/people"))).status()).toBe(403);
});

test("PKCE with S256 is asked for, and without it the provider refuses", async ({ browser }) => {
  const url = await begin(ella);
  expect(url.searchParams.get("code_challenge_method")).toBe("S256");
  expect(url.searchParams.get("code_challenge")).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(url.searchParams.get("state").length).toBeGreaterThan(20);
  expect(url.searchParams.get("nonce").length).toBeGreaterThan(20);
  for (const name of ["code_challenge", "code_challenge_method"]) url.searchParams.delete(name);
  const other = await newPage(browser);
  const mine = await begin(other);
  url.searchParams.set("state", mine.searchParams.get("state"));
  await other.goto(url.href);
  await expect(wrong(other)).toContainText("the provider says:");
  await expect(wrong(other)).toContainText("PKCE");
  // A code that was got with somebody else's challenge buys nothing.
  const again = await begin(other);
  again.searchParams.set("code_challenge", mine.searchParams.get("code_challenge"));
  await other.goto(again.href);
  await asAccount(other, "7");
  await expect(wrong(other)).toContainText("the provider");
  await outside(other);
  await leave(other);
});

test("a wrong state, a replayed answer and another nonce are refused in clear words", async ({ browser }) => {
  const other = await newPage(browser);
  await begin(other);
  await other.goto(at("/sign-in/oidc/callback?code=x&state=guessed"));
  await expect(wrong(other)).toContainText("belongs to another sign-in");
  // The attempt is over: its right state comes too late.
  let back;
  other.on("request", (request) => {
    if (request.url().includes("/oidc/callback?code=")) back = request.url();
  });
  const first = await begin(other);
  await other.goto(first.href);
  await asAccount(other, "7");
  await other.waitForURL(at("/"));
  expect(new URL(back).searchParams.get("state")).toBe(first.searchParams.get("state"));
  await other.goto(back);
  await expect(wrong(other)).toContainText("finished it already");
  // In another browser that has an attempt of its own.
  const third = await newPage(browser);
  await begin(third);
  await third.goto(back);
  await expect(wrong(third)).toContainText("belongs to another sign-in");
  const changed = await begin(third);
  changed.searchParams.set("nonce", "another-one-than-the-browsers-own");
  await third.goto(changed.href);
  await asAccount(third, "7");
  await expect(wrong(third)).toContainText("what the provider says belongs to another sign-in");
  await outside(third);
  await leave(other, third);
});

test("whoever has no role is refused, and nobody takes over a name", async ({ browser }) => {
  for (const [account, words] of [["8", "gives you a role here"], ["9", "somebody else's here"]]) {
    const page = await newPage(browser);
    await page.goto(at("/"));
    await button(page).click();
    await asAccount(page, account);
    await expect(wrong(page)).toContainText(words);
    expect(new URL(page.url()).pathname).toBe("/sign-in/oidc/callback");
    await leave(page);
  }
});

test("the way onward stays on this server", async ({ browser }) => {
  const page = await newPage(browser);
  for (const evil of ["//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)"]) {
    await page.goto(at(`/sign-in?to=${encodeURIComponent(evil)}`));
    const asked = new URL(await button(page).getAttribute("href"), server.origin);
    expect(asked.searchParams.get("to"), evil).toBe("/");
    expect(await page.locator("input[name=to]").inputValue(), evil).toBe("/");
    await page.goto((await begin(page, evil)).href);
    if (new URL(page.url()).origin === provider.issuer) await asAccount(page, "7");
    await expect(page.getByRole("heading", { name: "What needs you" })).toBeVisible();
    expect(new URL(page.url()).href, evil).toBe(at("/"));
    await page.context().clearCookies({ name: "__Host-boathook" });
  }
  // The password's form, as somebody else's page could send it.
  await page.goto(at("/sign-in?to=//evil.example"));
  await page.locator("input[name=to]").evaluate((field) => { field.value = "//evil.example"; });
  await page.getByLabel("Name").fill("root-admin");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Admin", { exact: true }).first()).toBeVisible();
  expect(new URL(page.url()).origin).toBe(server.origin);
  admin = page;
});

test("groups changed at the provider change the roles at the next sign-in", async () => {
  people[7].groups = ["leads"];
  await ella.goto(at("/me"));
  await expect(ella.locator("main")).toContainText("engineer:acme");
  await ella.goto((await begin(ella, "/me")).href);
  if (new URL(ella.url()).origin === provider.issuer) await asAccount(ella, "7");
  await ella.waitForURL(at("/me"));
  await expect(ella.locator("main")).toContainText("reviewer:acme");
  await expect(ella.locator("main")).not.toContainText("engineer:acme");
  await admin.goto(at("/admin/people/ella"));
  await expect(admin.locator("main")).toContainText("vouches for this person");
});

test("signed out everywhere, the next page asks who it is", async () => {
  admin.once("dialog", (dialog) => dialog.accept());
  await admin.getByRole("button", { name: "Sign ella out everywhere" }).click();
  await expect(admin.locator("main")).toContainText("Nowhere now");
  await ella.goto(at("/hooks"));
  expect(new URL(ella.url()).pathname).toBe("/sign-in");
  await expect(button(ella)).toBeVisible();
});

test("whoever lost all groups loses what they had", async () => {
  await ella.goto((await begin(ella)).href);
  await ella.waitForURL(at("/"));
  people[7].groups = [];
  const page = await newPage(ella.context().browser());
  await page.goto((await begin(page)).href);
  await asAccount(page, "7");
  await expect(wrong(page)).toContainText("gives you a role here");
  expect((await ella.goto(at("/hooks"))).status()).toBe(403);
  await leave(page);
});
