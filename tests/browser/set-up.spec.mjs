// A new server: the link that `init` printed makes the first admin, once.
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

import { newServer } from "./house.mjs";
import { PASSWORD, leave, newPage } from "./people.mjs";

test.describe.configure({ mode: "serial" });

let server, olga;

test.beforeAll(async ({ browser }) => {
  server = await newServer("new");
  await server.start();
  olga = await newPage(browser);
});

test.afterAll(async () => {
  await leave(olga);
  await server.stop();
});

const sound = async (page) => expect((await new AxeBuilder({ page }).analyze()).violations.map((v) => v.id)).toEqual([]);

test("the link opens a form, and a fault in it costs nothing", async () => {
  expect(server.setUp).toMatch(new RegExp(`^${server.origin}/set-up/[A-Za-z0-9_-]{20,}$`));
  await olga.goto(server.setUp);
  await expect(olga.getByRole("heading", { name: "Set up boathook" })).toBeVisible();
  await sound(olga);
  await olga.getByLabel("Sign in as").fill("olga");
  await olga.getByLabel("Name, as people read it").fill("Olga O.");
  await olga.getByLabel("Password", { exact: false }).first().fill(PASSWORD);
  await olga.getByLabel("Password again").fill("another one than that");
  await olga.getByRole("button", { name: "Become the first admin" }).click();
  await expect(olga.getByText("the two are not the same")).toBeVisible();
  await expect(olga.getByLabel("Sign in as")).toHaveValue("olga");
  await sound(olga);
});

test("the first admin is signed in and told what comes next", async () => {
  await olga.getByLabel("Password", { exact: false }).first().fill(PASSWORD);
  await olga.getByLabel("Password again").fill(PASSWORD);
  await olga.getByRole("button", { name: "Become the first admin" }).click();
  await olga.waitForURL(/\/admin\/people$/);
  await expect(olga.getByRole("row", { name: /olga/ })).toContainText("admin");
  const next = olga.getByRole("region", { name: "Before a first hook can run" });
  await expect(next.getByRole("listitem")).toHaveCount(5);
  await expect(next.getByText("to do")).toHaveCount(5);
  await sound(olga);
  await next.getByRole("link", { name: /Bring the root/ }).click();
  await expect(olga.locator("main")).toContainText("boathook root new");
  await sound(olga);
});

test("what is done is told as done", async () => {
  await olga.goto(`${server.origin}/admin/customers`);
  await olga.getByLabel("Id").fill("acme");
  await olga.getByLabel("Name").fill("ACME Ltd");
  await olga.getByRole("button", { name: "Add customer" }).click();
  await expect(olga.getByRole("heading", { name: /ACME Ltd/ })).toBeVisible();
  await expect(olga.locator("main")).toContainText("There is no root yet");
  await olga.goto(`${server.origin}/admin/people`);
  await expect(olga.getByRole("listitem").filter({ hasText: "Add a customer" })).toContainText("done");
});

test("the link works once, and says so", async ({ browser }) => {
  const late = await newPage(browser);
  for (const link of [server.setUp, `${server.origin}/set-up/guessed`]) {
    const answer = await late.goto(link);
    expect(answer.status()).toBe(410);
    await expect(late.getByRole("heading", { name: "This link does not count" })).toBeVisible();
    await expect(late.getByRole("alert")).toContainText(link === server.setUp ? "was used" : "no such link");
    await expect(late.locator("main")).toContainText("boathook-server set-up-link");
    await expect(late.locator("form")).toHaveCount(0);
  }
  await sound(late);
  // The form of a window that was open all the time comes too late as well.
  const answer = await late.request.post(server.setUp, {
    form: { person: "eve", name: "Eve", password: PASSWORD, again: PASSWORD },
    headers: { origin: server.origin },
  });
  expect(answer.status()).toBe(410);
  await leave(late);
  expect(() => server.run(["set-up-link"])).toThrow(/admin of all customers/);
});

test("signed out, the first admin comes back with the password", async () => {
  await olga.locator("details.me summary").click();
  await olga.getByRole("button", { name: "Sign out" }).click();
  await expect(olga.getByRole("status")).toContainText("You are signed out");
  await olga.getByLabel("Name").fill("olga");
  await olga.getByLabel("Password").fill(PASSWORD);
  await olga.getByRole("button", { name: "Sign in" }).click();
  await expect(olga.getByText("Olga O.")).toBeVisible();
});
