// What each kind of answer tells the browser, and that the browser holds to it. BOATHOOK_RECORD names a file for the table.
import { expect, request, test } from "@playwright/test";
import fs from "node:fs";
import http from "node:http";

import { COOKIE, enter, origin, state, token } from "./state.mjs";

const PAGE_CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const API_CSP = "default-src 'none'; frame-ancestors 'none'";
const DOWNLOAD_CSP = "sandbox; default-src 'none'";
const HTML = "text/html,application/xhtml+xml";

let made, person;
const answers = [];

test.beforeAll(async () => {
  test.setTimeout(120_000);
  made = await state();
  person = await token("ada");
});

test.afterAll(() => {
  if (!process.env.BOATHOOK_RECORD) return;
  const names = ["status", "content-type", "content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy", "cross-origin-opener-policy",
    "cross-origin-resource-policy", "permissions-policy", "cache-control", "strict-transport-security", "content-disposition", "location", "set-cookie"];
  const text = answers.map(({ kind, asked, headers }) => `${kind}\n  ${asked}\n${names.filter((n) => headers[n]).map((n) => `  ${n}: ${headers[n]}`).join("\n")}\n`).join("\n");
  fs.writeFileSync(process.env.BOATHOOK_RECORD, text.replaceAll(/bh_[\w-]+/g, "bh_…").replaceAll(person, "…"));
});

async function ask(kind, at, { of = person, accept = "*/*", method = "GET", ...more } = {}) {
  const client = await request.newContext({ baseURL: origin, ignoreHTTPSErrors: true });
  const headers = { accept, ...(of ? { cookie: `${COOKIE}=${of}` } : {}), ...more.headers };
  const answer = await client.fetch(at, { ...more, method, headers, maxRedirects: 0 });
  const out = { kind, asked: `${method} ${at}`, headers: { status: String(answer.status()), ...answer.headers() } };
  answers.push(out);
  const text = await answer.body().catch(() => Buffer.alloc(0));
  await client.dispose();
  return { ...out.headers, body: text };
}

function hardened(headers, csp) {
  expect.soft(headers["content-security-policy"]).toBe(csp);
  expect.soft(headers["x-content-type-options"]).toBe("nosniff");
  expect.soft(headers["x-frame-options"]).toBe("DENY");
  expect.soft(headers["referrer-policy"]).toBe("same-origin");
  expect.soft(headers["cross-origin-opener-policy"]).toBe("same-origin");
  expect.soft(headers["cross-origin-resource-policy"]).toBe("same-origin");
  expect.soft(headers.server, "nothing says what runs here").toBeUndefined();
}

const personal = (headers) => expect.soft(headers["cache-control"]).toMatch(/^(private, )?no-store$/);

for (const [kind, at, of] of [
  ["a page", () => "/tickets/jira/SUP-2", true], ["a page of a packet", (s) => `/packets/${s.packet}`, true], ["a file of a packet as a page", (s) => `/packets/${s.packet}/files/${s.files.text}`, true],
  ["sign-in", () => "/sign-in", false],
]) {
  test(`headers of ${kind}`, async () => {
    const got = await ask(kind, at(made), { accept: HTML, of: of ? person : null });
    expect(got.status).toBe("200");
    hardened(got, PAGE_CSP);
    personal(got);
    expect(got["content-type"]).toBe("text/html; charset=utf-8");
    expect(got["set-cookie"]).toBeUndefined();
  });
}

test("headers of a page that nobody asks for", async () => {
  const got = await ask("a page, to nobody", "/tickets?customer=acme", { accept: HTML, of: null });
  expect(got.status).toBe("303");
  expect(got.location).toBe("/sign-in?to=%2Ftickets%3Fcustomer%3Dacme");
  hardened(got, PAGE_CSP);
  personal(got);
});

for (const [kind, at, status, of] of [["an error, 404", "/tickets/jira/NO-1", "404", true], ["an error, 404 to nobody", "/no/such/page", "404", false], ["maintenance, 503", "/maintenance", "503", false]]) {
  test(`headers of ${kind}, as a page`, async () => {
    const got = await ask(`${kind}, as a page`, at, { accept: HTML, of: of ? person : null });
    expect(got.status).toBe(status);
    expect(got["content-type"]).toBe("text/html; charset=utf-8");
    hardened(got, PAGE_CSP);
    personal(got);
  });
}

for (const [kind, at, status] of [["JSON", "/api/v1/tickets/jira/SUP-2", "200"], ["an error as JSON", "/api/v1/tickets/jira/NO-1", "404"], ["an error as JSON, of no address", "/api/v1/none", "404"]]) {
  test(`headers of ${kind}`, async () => {
    const got = await ask(kind, at);
    expect(got.status).toBe(status);
    expect(got["content-type"]).toMatch(/^application\/(problem\+)?json/);
    hardened(got, API_CSP);
    personal(got);
  });
}

test("headers of an event stream", async ({ browser }) => {
  const page = await enter(browser, "ada");
  await page.goto("/help");
  const got = await page.evaluate(async () => {
    const stop = new AbortController();
    const answer = await fetch("/api/v1/tickets/jira/SUP-2/events", { signal: stop.signal });
    const headers = Object.fromEntries(answer.headers);
    stop.abort();
    return { status: String(answer.status), ...headers };
  });
  answers.push({ kind: "an event stream", asked: "GET /api/v1/tickets/jira/SUP-2/events", headers: got });
  expect(got.status).toBe("200");
  expect(got["content-type"]).toMatch(/^text\/event-stream/);
  hardened(got, API_CSP);
  expect(got["cache-control"]).toMatch(/no-store/);
  await page.context().close();
});

for (const [kind, at] of [
  ["a packet, downloaded", (s) => `/api/v1/packets/${s.packet}/zip`], ["a packet's receipt", (s) => `/api/v1/packets/${s.packet}/receipt`],
  ["a text file of a packet, downloaded", (s) => `/api/v1/packets/${s.packet}/files/${s.files.text}`], ["a CSV file of a packet, downloaded", (s) => `/api/v1/packets/${s.packet}/files/${s.files.csv}`],
]) {
  test(`headers of ${kind}`, async () => {
    const got = await ask(kind, at(made), { accept: HTML });
    expect(got.status).toBe("200");
    hardened(got, DOWNLOAD_CSP);
    personal(got);
    expect(got["content-disposition"]).toMatch(/^attachment; filename="[\w.-]+"$/);
    expect(got["content-type"]).not.toMatch(/html|svg|xml|javascript/);
  });
}

test("headers of the audit's export", async () => {
  const vera = await token("vera");
  const got = await ask("the audit's export", "/api/v1/audit/export?chain=customer:acme", { of: vera, accept: HTML });
  expect(got.status).toBe("200");
  hardened(got, DOWNLOAD_CSP);
  personal(got);
  expect(got["content-disposition"]).toMatch(/^attachment; filename="[\w.-]+"$/);
});

test("headers of assets", async () => {
  const page = await ask("a page, for its assets", "/sign-in", { of: null, accept: HTML });
  const all = [...page.body.toString().matchAll(/"(\/assets\/[^"]+)"/g)].map((m) => m[1]);
  expect(all.length).toBeGreaterThanOrEqual(3);
  for (const at of new Set(all)) {
    const got = await ask(`an asset, ${at.split(".").pop()}`, at, { of: null });
    expect(got.status).toBe("200");
    hardened(got, PAGE_CSP);
    expect(got["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(got["set-cookie"]).toBeUndefined();
  }
});

test("the cookie of a sign-in is the host's own, hidden from script, and sent to no other site's requests", async ({ browser }) => {
  const page = await enter(browser, "ada");
  const form = await ask("the form to sign in", "/sign-in", { of: null, accept: HTML });
  const field = form.body.toString().match(/name="csrf" value="([^"]*)"/)[1];
  const { PASSWORD } = await import("./people.mjs");
  let got;
  // Sign-ins are slowed by rate, and other tests sign in too.
  await expect(async () => {
    got = await ask("signing in", "/sign-in", { method: "POST", of: null, accept: HTML, headers: { origin }, form: { csrf: field, person: "vera", password: PASSWORD, to: "/" } });
    expect(got.status).toBe("303");
  }).toPass({ timeout: 45_000, intervals: [3_000] });
  expect(got["set-cookie"]).toMatch(/^__Host-boathook=bh_[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
  hardened(got, PAGE_CSP);
  await page.goto("/help");
  expect(await page.evaluate(() => document.cookie)).toBe("");
  await page.context().close();
});

// ---- what the policy keeps out ----

const INJECTED = {
  "an inline script": ["script-src-elem", (d) => { const s = d.createElement("script"); s.textContent = "globalThis.ran = true"; d.body.append(s); }],
  "a script from elsewhere": ["script-src-elem", (d) => { const s = d.createElement("script"); s.src = "https://evil.example/x.js"; d.body.append(s); }],
  "a script as data": ["script-src-elem", (d) => { const s = d.createElement("script"); s.src = "data:text/javascript,globalThis.ran=true"; d.body.append(s); }],
  "an inline handler": ["script-src-attr", (d) => { const i = d.createElement("img"); i.setAttribute("onerror", "globalThis.ran = true"); i.src = "/none"; d.body.append(i); }],
  "an address of script": ["script-src-elem", (d) => { const a = d.createElement("a"); a.href = "javascript:globalThis.ran = true"; d.body.append(a); a.click(); }],
  "eval": ["script-src", () => { try { (0, eval)("globalThis.ran = true"); } catch { /* as it should be */ } }],
  "a function made of text": ["script-src", () => { try { Function("globalThis.ran = true")(); } catch { /* as it should be */ } }],
  "an inline style": ["style-src-elem", (d) => { const s = d.createElement("style"); s.textContent = "main { display: none }"; d.head.append(s); }],
  "a style attribute": ["style-src-attr", (d) => { d.querySelector("main").setAttribute("style", "display: none"); }],
  "a style from elsewhere": ["style-src-elem", (d) => { const l = d.createElement("link"); l.rel = "stylesheet"; l.href = "https://evil.example/x.css"; d.head.append(l); }],
  "a picture from elsewhere": ["img-src", (d) => { const i = d.createElement("img"); i.src = "https://evil.example/x.png"; d.body.append(i); }],
  "a font from elsewhere": ["font-src", () => { const f = new FontFace("x", "url(https://evil.example/x.woff2)"); f.load().catch(() => {}); }],
  "a request to elsewhere": ["connect-src", () => { fetch("https://evil.example/").catch(() => {}); }],
  "a frame": ["frame-src", (d) => { const f = d.createElement("iframe"); f.src = "https://evil.example/"; d.body.append(f); }],
  "an object": ["object-src", (d) => { const o = d.createElement("object"); o.data = "https://evil.example/x.svg"; d.body.append(o); }],
  "a worker": ["worker-src", () => { try { new Worker("data:text/javascript,1"); } catch { /* as it should be */ } }],
  "another base": ["base-uri", (d) => { const b = d.createElement("base"); b.href = "https://evil.example/"; d.head.append(b); }],
  "a form to elsewhere": ["form-action", (d) => { const f = d.createElement("form"); f.action = "https://evil.example/"; f.method = "post"; d.body.append(f); f.submit(); }],
};

for (const [what, [directive, inject]] of Object.entries(INJECTED)) {
  test(`the policy blocks ${what}`, async ({ browser }) => {
    const page = await enter(browser, "ada");
    await page.goto("/tickets/jira/SUP-2");
    const was = page.url();
    // What gets past the policy would come here.
    const asked = [];
    await page.context().route("https://evil.example/**", (route) => { asked.push(route.request().url()); return route.abort(); });
    const [said] = await page.evaluate(`new Promise((done) => {
      const said = [];
      document.addEventListener("securitypolicyviolation", (e) => { said.push({ directive: e.effectiveDirective, blocked: e.blockedURI, kind: e.disposition }); setTimeout(() => done(said), 50); });
      setTimeout(() => done(said), 3000);
      // Not within this very call: a debugger's own words may do what the page's may not.
      setTimeout(() => (${inject.toString()})(document));
    })`);
    expect(said?.directive).toBe(directive);
    expect(said.kind).toBe("enforce");
    answers.push({ kind: `the policy blocks ${what}`, asked: "securitypolicyviolation", headers: { status: `${said.directive} (${said.blocked})` } });
    expect(await page.evaluate(() => globalThis.ran)).toBeUndefined();
    expect(await page.evaluate(() => getComputedStyle(document.querySelector("main")).display)).toBe("block");
    expect(page.url()).toBe(was);
    expect(asked).toEqual([]);
    await page.context().close();
  });
}

// ---- other sites ----

async function site(html) {
  const server = http.createServer((_, answer) => { answer.setHeader("content-type", "text/html"); answer.end(html); });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

// Chromium asks before it sends a form from http to https? It does not: only the other way.
test("a form of another site does nothing in a person's name", async ({ browser }) => {
  const page = await enter(browser, "ada");
  const other = await site(`<form id="f" method="post" action="${origin}/hooks/${made.published}/stop"><input name="why" value="another site's"><input name="csrf" value="guessed"></form><script>f.submit()</script>`);
  const [answer] = await Promise.all([page.waitForResponse(`${origin}/hooks/${made.published}/stop`), page.goto(other.address)]);
  // SameSite=Lax: the cookie does not even come along. Where it does, origin and token refuse.
  expect(answer.status()).toBe(403);
  await page.goto(`/hooks/${made.published}`);
  await expect(page.locator("main")).toContainText("published");
  await page.context().close();
  other.close();
});

for (const [what, headers] of [
  ["another site's origin, with the cookie", { origin: "https://evil.example" }],
  ["no origin, and a fetch from another site", { "sec-fetch-site": "cross-site" }],
  ["a neighbour's origin of the same site", { origin: "https://localhost:1", "sec-fetch-site": "same-site" }],
  ["an origin that is null", { origin: "null" }],
  ["our origin, and a token that is none", { origin }],
]) {
  test(`a form is refused: ${what}`, async () => {
    const got = await ask(`a form with ${what}`, `/hooks/${made.published}/stop`, { method: "POST", accept: HTML, headers, form: { why: "another site's", csrf: "guessed" } });
    expect(got.status).toBe("403");
    const api = await ask(`JSON with ${what}`, `/api/v1/hooks/${made.published}/stop`, { method: "POST", headers, data: { why: "another site's" } });
    expect(api.status).toBe("403");
  });
}

test("another site frames no page, and reads nothing", async ({ browser }) => {
  const page = await enter(browser, "ada");
  const other = await site(`<iframe id="f" src="${origin}/help"></iframe><img id="i" src="${origin}/assets/none"><script>fetch("${origin}/api/v1/me", { credentials: "include", mode: "no-cors" }).then(() => { document.title = "answered"; }, () => { document.title = "refused"; });</script>`);
  const said = [];
  page.on("console", (m) => said.push(m.text()));
  await page.goto(other.address);
  await expect(page).toHaveTitle("refused");
  await expect.poll(() => said.join("\n")).toMatch(/frame-ancestors|X-Frame-Options/);
  const framed = page.frames().find((f) => f !== page.mainFrame());
  expect(await framed.evaluate(() => document.body?.innerText ?? "").catch(() => "")).not.toContain("Keys");
  await page.context().close();
  other.close();
});

test("no address leads on to another site", async () => {
  for (const to of ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)", "/%5cevil.example", "\thttps://evil.example/"]) {
    const got = await ask(`sign-in, on to ${to}`, `/sign-in?to=${encodeURIComponent(to)}`, { accept: HTML });
    const on = got.location ?? got.body.toString().match(/name="to" value="([^"]*)"/)?.[1];
    expect(new URL(on, `${origin}/sign-in`).origin, to).toBe(origin);
  }
});
