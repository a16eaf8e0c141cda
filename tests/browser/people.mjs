// Who walks: people with a browser each, and the commands that they run elsewhere.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

export const PASSWORD = "a long enough Password of a test";
export const demo = process.env.BOATHOOK_DEMO;
const bin = process.env.BOATHOOK_BIN;

export async function signIn(browser, person, more = {}) {
  const context = await browser.newContext(more);
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (message) => {
    // An answer of 4xx is a step of the walk; all else that the browser complains of is a fault.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.faults.push(message.text());
  });
  await page.goto("/");
  await page.getByLabel("Name").fill(person);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname !== "/sign-in");
  return page;
}

export function boathook(person, ...args) {
  const config = path.join(demo, "walk", person);
  fs.mkdirSync(config, { recursive: true });
  return execFileSync(path.join(bin, "boathook"), args, { env: { ...process.env, BOATHOOK_CONFIG_DIR: config }, input: `${PASSWORD}\n`, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}

export function login(person) {
  boathook(person, "login", process.env.BOATHOOK_ORIGIN, "--ca", path.join(demo, "server/ca.pem"), "--person", person);
}

export function server(...args) {
  return execFileSync(path.join(bin, "boathook-server"), ["--config", path.join(demo, "server/boathook-server.toml"), ...args], { input: `${PASSWORD}\n`, encoding: "utf8" });
}

// The holders of the admission keys compare fingerprints and admit keys, on their own machines.
export async function admit(page, keys) {
  const dir = path.join(demo, "walk");
  fs.mkdirSync(dir, { recursive: true });
  const { roster } = await (await page.request.get("/api/v1/trust")).json();
  const answer = await page.request.get(`/api/v1/trust/rosters/${roster.version}`);
  const file = (n) => path.join(dir, `roster-${n}.bson`);
  let now = file(`${roster.version}-old`);
  fs.writeFileSync(now, await answer.body());
  for (const [n, [person, key]] of keys.entries()) {
    const next = file(`${roster.version}-${n}`);
    boathook("holders", "roster", "add", now, person, "--key", key, "--place", "browser", "--out", next);
    now = next;
  }
  for (const holder of ["rita", "rolf"]) {
    boathook("holders", "roster", "sign", now, "--key", path.join(demo, "people", `${holder}.pem`), "--root", path.join(demo, "people/root.bson"), "--yes");
  }
  login("root-admin");
  boathook("root-admin", "trust", "import", now);
}
