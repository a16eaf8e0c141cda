// One sign-in a person for all of the tests (the server slows sign-ins by rate), and the state that the pages are looked at in.
import { request } from "@playwright/test";
import fs from "node:fs";
import path from "node:path";

import { PASSWORD, boathook, demo } from "./people.mjs";

export const origin = process.env.BOATHOOK_ORIGIN;
export const COOKIE = "__Host-boathook";
const walk = path.join(demo, "walk");

const read = (name) => { try { return JSON.parse(fs.readFileSync(path.join(walk, name), "utf8")); } catch { return {}; } };
function keep(name, value) {
  fs.mkdirSync(walk, { recursive: true });
  fs.writeFileSync(path.join(walk, name), JSON.stringify(value, null, 1), { mode: 0o600 });
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// A sign-in's token, asked for anew where another test has ended it.
export async function token(person) {
  const http = await request.newContext({ baseURL: origin, ignoreHTTPSErrors: true });
  try {
    const known = read("tokens.json");
    if (known[person]) {
      const me = await http.get("/api/v1/me", { headers: { authorization: `Bearer ${known[person]}` } });
      if (me.ok()) return known[person];
    }
    for (;;) {
      const answer = await http.post("/api/v1/sign-in", { data: { person, password: PASSWORD, label: "a test" } });
      if (answer.ok()) {
        const { token } = await answer.json();
        keep("tokens.json", { ...read("tokens.json"), [person]: token });
        return token;
      }
      if (answer.status() !== 429) throw new Error(`${person}: ${answer.status()} ${await answer.text()}`);
      await pause(2_000);
    }
  } finally {
    await http.dispose();
  }
}

// The JSON API in a person's name.
export async function api(person) {
  const headers = { authorization: `Bearer ${await token(person)}` };
  const http = await request.newContext({ baseURL: origin, ignoreHTTPSErrors: true, extraHTTPHeaders: headers });
  const said = async (answer) => {
    if (!answer.ok()) throw new Error(`${answer.url()}: ${answer.status()} ${await answer.text()}`);
    const text = await answer.text();
    return text ? JSON.parse(text) : null;
  };
  return {
    get: async (at) => said(await http.get(`/api/v1/${at}`)),
    post: async (at, data = {}) => said(await http.post(`/api/v1/${at}`, { data })),
    put: async (at, data) => said(await http.put(`/api/v1/${at}`, { data })),
    raw: http,
  };
}

// A window of a person who is signed in, or of nobody. It writes down what goes wrong in it and what it asks for elsewhere.
export async function enter(browser, person, more = {}) {
  const context = await browser.newContext({ baseURL: origin, ignoreHTTPSErrors: true, ...more });
  if (person) await context.addCookies([{ name: COOKIE, value: await token(person), url: origin, secure: true, httpOnly: true, sameSite: "Lax" }]);
  const page = await context.newPage();
  watch(page);
  return page;
}

export function watch(page) {
  page.faults = [];
  page.elsewhere = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (message) => {
    // That the page itself was answered by a status of failure is looked at where it is asked for.
    const ofStatus = /Failed to load resource: the server responded with a status of/.test(message.text()) && message.location().url === page.url();
    if (["error", "warning"].includes(message.type()) && !ofStatus) page.faults.push(message.text());
  });
  page.on("dialog", (dialog) => { page.faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (asked) => { if (!asked.url().startsWith(`${origin}/`)) page.elsewhere.push(asked.url()); });
}

// ---- hooks ----

export const hookText = ({ title, ticket = "SUP-2", places = 3, collect = '[[collect]]\nsection = "host"\ncollector = "host"\n', audience = "everyone = true", limits = "" }) => `title = ${JSON.stringify(title)}
reason = "The pages are looked at."
customers = ["acme"]
expires = "1d"

[ticket]
system = "jira"
key = ${JSON.stringify(ticket)}

[audience]
${audience}

[limits]
places = ${places}
packet = "2 MiB"
${limits}
${collect}`;

function profile(person) {
  try {
    boathook(person, "ticket", "list");
  } catch {
    boathook(person, "login", origin, "--ca", path.join(demo, "server/ca.pem"), "--person", person);
  }
}

function file(text) {
  const at = path.join(walk, "hook.toml");
  fs.mkdirSync(walk, { recursive: true });
  fs.writeFileSync(at, text);
  return at;
}

export const draft = (text) => boathook("ada", "hook", "new", file(text), "--quiet").trim();
export const edit = (id, text) => boathook("ada", "hook", "edit", id, file(text));
export const submit = (id) => boathook("ada", "hook", "submit", id);
export const sign = (person, id, ...more) => boathook(person, "hook", "sign", id, "--key", `${demo}/people/${person}.pem`, "--yes", ...more);
export const stop = (person, id, why) => boathook(person, "hook", "stop", id, "--why", why);

export function review(text) {
  const id = draft(text);
  submit(id);
  return id;
}

export function publish(text) {
  const id = review(text);
  sign("ada", id);
  sign("ben", id);
  return id;
}

export async function packetOf(http, hook) {
  for (let n = 0; n < 150; n++) {
    const { items } = await http.get(`packets?hook=${hook}`);
    if (items.length) return items[0];
    await pause(200);
  }
  throw new Error(`no packet came for ${hook}`);
}

// ---- the state ----

// The agent's policy allows this directory, wherever the demo is.
export const logs = path.join(demo, "app-01/log");

const everything = `[[collect]]
section = "host"
collector = "host"

[[collect]]
section = "logs"
collector = "file"
paths = [${JSON.stringify(`${logs}/pages/*`)}]

[[collect]]
section = "journal"
collector = "journal"
since = "1h"

[[collect]]
section = "database"
collector = "postgres"
credential = "shop"
port = 1
database = "shop"
`;

function write() {
  const dir = path.join(logs, "pages");
  fs.mkdirSync(dir, { recursive: true });
  const line = (n) => `2026-03-04T05:${String(n % 60).padStart(2, "0")}:00Z ${n % 97 ? "INFO" : "ERROR"} request ${n} of customer acme took ${(n * 7919) % 4000} ms`;
  fs.writeFileSync(path.join(dir, "app.log"), `${Array.from({ length: 3000 }, (_, n) => line(n + 1)).join("\n")}\nAuthorization: Bearer abcdefghijklmnop0123456789\n`);
  fs.writeFileSync(path.join(dir, "jobs.csv"), `id,name,state,took_ms,message\n${Array.from({ length: 60 }, (_, n) => `${n},reindex-${n},${n % 7 ? "done" : "failed"},${n * 311},"said ""no"" at step ${n}, and went on"`).join("\n")}\n`);
  fs.writeFileSync(path.join(dir, "settings.json"), JSON.stringify({ listen: ":8065", plugins: ["a", "b"], log: { level: "debug", files: Array.from({ length: 40 }, (_, n) => ({ n, name: `file-${n}` })) } }));
  fs.writeFileSync(path.join(dir, "empty.txt"), "");
}

// Takes a packet's bytes away behind the server's back: what reads them fails as a server's fault does.
function lose(packet) {
  const all = path.join(demo, "server/data/store/packets");
  const at = fs.readdirSync(all, { recursive: true }).find((one) => path.basename(one) === packet.claim_id);
  fs.rmSync(path.join(all, at), { recursive: true });
}

// Made once a demo: SUP-2 has a hook in each state and packets with sections of each outcome.
export async function state() {
  const known = read("state.json");
  if (known.packet) return known;
  write();
  const ada = await api("ada");
  for (const person of ["ada", "ben"]) profile(person);
  boathook("ada", "ticket", "put", "jira/SUP-2", "--customer", "acme", "--title", "Login slow since upgrade to 5.37", "--url", "https://jira.example.com/SUP-2");
  const published = publish(hookText({ title: "Facts, logs and the database", places: 10, collect: everything }));
  const packet = await packetOf(ada, published);
  const stopped = publish(hookText({ title: "Facts, asked too early" }));
  const lost = await packetOf(ada, stopped);
  stop("ada", stopped, "seen enough");
  const inReview = review(hookText({ title: "Kernel and processes", collect: '[[collect]]\nsection = "kernel"\ncollector = "command"\npath = "/bin/uname"\nargs = ["-a"]\n\n[[collect]]\nsection = "processes"\ncollector = "processes"\n' }));
  sign("ada", inReview);
  const drafted = draft(hookText({ title: "Logs of the last hour" }));
  // The published one goes on: its second revision waits, with a difference to read.
  const revised = publish(hookText({ title: "Facts, twice", places: 2 }));
  edit(revised, hookText({ title: "Facts, twice", places: 4, collect: everything }));
  submit(revised);
  const lostFile = (await ada.get(`packets/${lost.claim_id}/files`)).items[0].path;
  lose(lost);
  const all = (await ada.get(`packets/${packet.claim_id}/files`)).items.map((f) => f.path);
  const ending = (e) => all.find((f) => f.endsWith(e));
  const made = {
    published, stopped, inReview, drafted, revised, packet: packet.claim_id, instance: packet.instance, lost: `/packets/${lost.claim_id}/files/${lostFile}`,
    files: { text: ending("app.log"), json: ending("settings.json"), csv: ending("jobs.csv"), empty: ending("empty.txt") },
  };
  keep("state.json", made);
  return made;
}
