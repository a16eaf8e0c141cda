// Who walks: people with a browser each, and the commands that they run elsewhere.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

export const PASSWORD = "a long enough Password of a test";
export const demo = process.env.BOATHOOK_DEMO;
const bin = process.env.BOATHOOK_BIN;

// A page in a browser of its own; what it complains of is in `faults`.
export async function newPage(browser, more = {}) {
  const context = await browser.newContext(more);
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (message) => {
    // An answer of 4xx is a step of the walk; all else that the browser complains of is a fault.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.faults.push(message.text());
  });
  return page;
}

export async function signIn(browser, person, more = {}) {
  const page = await newPage(browser, more);
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

// An agent with a directory of its own; it is not started.
export function agent(name, args, input = "") {
  const dir = path.join(demo, "walk", name);
  const config = path.join(dir, "agent.toml");
  const made = fs.existsSync(config);
  fs.mkdirSync(dir, { recursive: true });
  if (!made) {
    fs.writeFileSync(config, `state_dir = "state"\npolicy = "policy.toml"\n[facts]\nname = "${name}"\n`);
    fs.writeFileSync(path.join(dir, "policy.toml"), 'consent = "auto"\n[agent]\nallow_root = true\n');
  }
  return execFileSync(path.join(bin, "boathook-agent"), ["--config", config, ...args], { input, encoding: "utf8" });
}

export function server(...args) {
  return execFileSync(path.join(bin, "boathook-server"), ["--config", path.join(demo, "server/boathook-server.toml"), ...args], { input: `${PASSWORD}\n`, encoding: "utf8" });
}

// Nothing that the browser complains of on the way, and nothing left open.
export async function leave(...pages) {
  for (const page of pages.filter(Boolean)) await page.context().close();
  const faults = pages.filter(Boolean).flatMap((page) => page.faults);
  if (faults.length) throw new Error(`the browser complained: ${faults.join("; ")}`);
}

// A hook of that person's, sent to review by the command line.
export function toReview(person, text) {
  login(person);
  const file = path.join(demo, "walk", `${person}.toml`);
  fs.writeFileSync(file, text);
  const hook = boathook(person, "hook", "new", file, "--quiet").trim();
  boathook(person, "hook", "submit", hook);
  return hook;
}

// The key that a review page shows once it was made there.
export async function keyOn(page) {
  const command = await page.locator("#key-now code").last().textContent();
  return command.match(/ed25519:\S+/)[0];
}

// A revoker takes a key back, alone and at once.
export function revoke(fingerprint, reason) {
  login("root-admin");
  const out = path.join(demo, "walk", `revocation-${fingerprint}.bson`);
  return boathook("root-admin", "revoke", "key", fingerprint, "--reason", reason, "--key", path.join(demo, "people/rita.pem"), "--out", out, "--import", "--yes");
}

// The holders of the admission keys compare fingerprints and admit keys, on their own machines.
// `gone`: person and fingerprint of keys that the same roster drops.
export async function admit(page, keys, gone = []) {
  const dir = path.join(demo, "walk");
  fs.mkdirSync(dir, { recursive: true });
  const { roster } = await (await page.request.get("/api/v1/trust")).json();
  const answer = await page.request.get(`/api/v1/trust/rosters/${roster.version}`);
  const file = (n) => path.join(dir, `roster-${n}.bson`);
  let now = file(`${roster.version}-old`);
  fs.writeFileSync(now, await answer.body());
  const changes = [
    ...keys.map(([person, key]) => ["add", person, "--key", key, "--place", "browser"]),
    ...gone.map(([person, key]) => ["remove", person, "--key", key]),
  ];
  for (const [n, [verb, ...what]] of changes.entries()) {
    const next = file(`${roster.version}-${n}`);
    boathook("holders", "roster", verb, now, ...what, "--out", next);
    now = next;
  }
  for (const holder of ["rita", "rolf"]) {
    boathook("holders", "roster", "sign", now, "--key", path.join(demo, "people", `${holder}.pem`), "--root", path.join(demo, "people/root.bson"), "--yes");
  }
  login("root-admin");
  boathook("root-admin", "trust", "import", now);
}
