// An instance that means ill: its name, its files' names and what is in them try HTML, script, formulas, marks that turn
// text, and ways out of their folder. A real agent sends them; the pages show them as what they are.
import { expect, test } from "@playwright/test";
import { spawn, execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { demo } from "./people.mjs";
import { api, enter, hookText, origin, packetOf, publish, state, stop } from "./state.mjs";

test.describe.configure({ mode: "serial" });

const RUN = "globalThis.ran=true";
const BIDI = "\u202e";
const NAME = `"><img src=x onerror=${RUN}> '${BIDI}gnp`;
const TITLE = `<script>${RUN}</script>"' onmouseover=${RUN} x='`;

// What is in the directory that the hook collects; a name is bytes.
const FILES = [
  ["<img src=x onerror=globalThis.ran=true>.log", "<img src=x onerror=globalThis.ran=true>\n"],
  ["'\"><svg onload=globalThis.ran=true>.txt", "</td></table></main><script>globalThis.ran=true</script>\n"],
  ["' autofocus onfocus='globalThis.ran=true' x='.txt", "attribute\n"],
  ["&lt;script&gt;globalThis.ran=true&lt;;script&gt;.txt", "&lt;img src=x onerror=globalThis.ran=true&gt;\n"],
  ["{{7*7}}${7*7}#L1;%2e%2e%2fetc%2fpasswd.txt", "{{7*7}} ${7*7} {% include \"/etc/passwd\" %}\n"],
  ["..\\..\\evil.txt", "backslashes\n"],
  [" ..", "dots\n"],
  ["con.txt", "a device\n"],
  [`exe${BIDI}gnp.log`, `if (user.isAdmin)${BIDI} { \u2066// only admins\u2069 \u2066return; } zero\u200bwidth soft\u00adhyphen\n`],
  ["a\u001b[31mred\u001b]0;title\u0007\nline.log", "\u001b[31mred\u001b[0m \u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007 \u0008\u0008\u0008bell\u0007 \u009b31m\n"],
  [Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x6c, 0x6f, 0x67]), Buffer.from([0x6f, 0x6b, 0x20, 0xff, 0xfe, 0x20, 0xc3, 0x28, 0x0a])],
  ["formulas.csv", "name,value,@head\n=cmd|'/C calc'!A0,+1+1,-2+3\n@SUM(A1:A9),\"=HYPERLINK(\"\"https://evil.example\"\",\"\"x\"\")\",<b>x</b>\n"],
  ["proto.json", JSON.stringify({ a: "</script><script>globalThis.ran=true</script>" }).replace("{", '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"<img src=x onerror=globalThis.ran=true>":"\\u202e\\u0000",')],
  ["page.html", "<!doctype html><script>globalThis.ran=true</script><meta http-equiv=refresh content='0;url=https://evil.example'>\n"],
  ["picture.svg", "<svg xmlns='http://www.w3.org/2000/svg' onload='globalThis.ran=true'><script>globalThis.ran=true</script></svg>\n"],
  ["long.log", `${"<b>x</b>".repeat(40_000)}\nafter\n`],
  ["javascript:globalThis.ran=true", "a scheme\n"],
];

let ada, page, agent, hook, packet, files, instance;
const dir = path.join(demo, `hostile-${Date.now()}`);

function collected() {
  const at = path.join(dir, "log");
  fs.mkdirSync(at, { recursive: true });
  for (const [name, content] of FILES) fs.writeFileSync(Buffer.concat([Buffer.from(`${at}/`), Buffer.from(name)]), content);
  return at;
}

async function enrol(logs) {
  const bin = path.join(process.env.BOATHOOK_BIN, "boathook-agent");
  const config = path.join(dir, "agent.toml");
  fs.writeFileSync(config, `state_dir = "state"\npolicy = "policy.toml"\n[facts]\nname = ${JSON.stringify(NAME)}\n[facts.labels]\n${JSON.stringify("env")} = ${JSON.stringify(`<b>${BIDI}x`)}\n`);
  fs.writeFileSync(path.join(dir, "policy.toml"), `consent = "auto"\n[allow]\ndirectories = [${JSON.stringify(logs)}]\nraw = true\n[agent]\nallow_root = true\n`);
  const admin = await api("root-admin");
  const { join_string } = await admin.post("customers/acme/join-tokens", { count: 1, expires_in: "1d", confirm: false });
  execFileSync(bin, ["--config", config, "enroll", "-"], { input: join_string });
  agent = spawn(bin, ["--config", config, "run"], { stdio: ["ignore", "ignore", fs.openSync(path.join(dir, "agent.log"), "w")] });
}

test.beforeAll(async ({ browser }) => {
  test.setTimeout(180_000);
  await state();
  ada = await api("ada");
  await ada.put("tickets/jira/EVIL-1", { customer: "acme", title: TITLE });
  const known = new Set((await ada.get("instances?customer=acme")).items.map((i) => i.id));
  await enrol(collected());
  await expect(async () => {
    instance = (await ada.get("instances?customer=acme")).items.find((i) => !known.has(i.id));
    expect(instance).toBeTruthy();
  }).toPass();
  hook = publish(hookText({
    title: `<b>bold</b> "' onclick=${RUN} x='`, ticket: "EVIL-1", audience: `instances = ["${instance.id}"]`, places: 1,
    collect: `[[collect]]\nsection = "logs"\ncollector = "file"\npaths = [${JSON.stringify(`${dir}/log/*`)}]\n\n[[collect]]\nsection = "raw"\ncollector = "file"\nraw = true\npaths = [${JSON.stringify(`${dir}/log/f*.log`)}, ${JSON.stringify(`${dir}/log/*.html`)}]\n`,
  }));
  packet = await packetOf(ada, hook);
  files = (await ada.get(`packets/${packet.claim_id}/files`)).items;
  page = await enter(browser, "ada");
});

test.afterAll(async () => {
  agent?.kill("SIGKILL");
  await page?.context().close();
});

const address = (file) => `/packets/${packet.claim_id}/files/${file.path.split("/").map(encodeURIComponent).join("/")}`;
const named = (end) => files.find((f) => f.path.endsWith(end));

// Nothing ran, nothing was asked of elsewhere, no element came of what was collected, and nothing hides in the text.
async function harmless(at, window = page) {
  await window.goto(at);
  await window.waitForTimeout(100);
  expect(await window.evaluate(() => globalThis.ran), at).toBeUndefined();
  expect(window.faults, at).toEqual([]);
  expect(window.elsewhere, at).toEqual([]);
  const made = await window.evaluate(() => ({
    foreign: [...document.querySelectorAll("main script, main img, main svg:not([role=img]), main b, main iframe, main object, main style, main meta, main link")].map((e) => e.outerHTML.slice(0, 200)),
    handlers: [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes].filter((a) => /^on|^style$|^autofocus$/.test(a.name) || /^\s*(javascript|data|vbscript):/i.test(a.value)).map((a) => `${e.tagName} ${a.name}=${a.value}`.slice(0, 200))),
    elsewhere: [...document.querySelectorAll("[href], [src], [action]")].map((e) => e.href || e.src || e.action).filter((url) => typeof url === "string" && !url.startsWith(`${location.origin}/`)),
    unseen: [...new Set((document.documentElement.outerHTML + document.title).match(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu) ?? [])].map((c) => c.codePointAt(0).toString(16)),
    polluted: {}.polluted,
  }));
  expect(made, at).toEqual({ foreign: [], handlers: [], elsewhere: [], unseen: [], polluted: undefined });
}

test("the agent passes on each file under a name that unpacks safely everywhere", async () => {
  for (const { path: name } of files) {
    expect(name).toMatch(/^[\p{L}\p{N} !#$%&'()+,\-.;=@[\]^_`{}~/]+$/u);
    expect(name.split("/")).not.toContain("..");
    expect(name).not.toMatch(/\\|:|\/(con|nul|aux)\./i);
  }
  console.log(`${FILES.length} files lie there, these came:\n  ${files.map((f) => JSON.stringify(f.path.split("/").slice(-1)[0])).join("\n  ")}`);
  console.log(`sections: ${JSON.stringify(packet.sections)}`);
  expect(files.length).toBeGreaterThanOrEqual(FILES.length - 2);
});

test("the pages around the packet", async () => {
  for (const at of [
    "/", "/tickets", "/tickets/jira/EVIL-1", "/tickets/jira/EVIL-1/hooks/new", "/hooks", `/hooks/${hook}`, `/hooks/${hook}/review`, "/instances", `/instances/${packet.instance}`,
    "/packets", "/packets?ticket=jira/EVIL-1", `/packets?hook=${hook}`, `/packets?instance=${packet.instance}`, `/packets/${packet.claim_id}`,
  ]) await harmless(at);
});

test("each file's page, as text and as what it says it is", async () => {
  test.setTimeout(180_000);
  for (const file of files) {
    await harmless(address(file));
    await harmless(`${address(file)}?as=text&wrap=1&q=${encodeURIComponent("<b>x")}`);
  }
});

test("marks that turn text, and controls, are shown by their number", async () => {
  await page.goto(`${address(files.find((f) => f.path.includes("gnp.log")))}`);
  for (const mark of ["202E", "2066", "2069", "200B", "00AD"]) await expect(page.locator("main")).toContainText(`⟨U+${mark}⟩`);
  await page.goto(`${address(files.find((f) => f.path.includes("red")))}`);
  for (const mark of ["001B", "0007", "0008", "009B"]) await expect(page.locator("main")).toContainText(`⟨U+${mark}⟩`);
  await page.goto(`/instances/${packet.instance}`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(`"><img src=x onerror=${RUN}> '⟨U+202E⟩gnp`);
  expect(await page.title()).not.toContain(BIDI);
});

test("what is no UTF-8 never leaves the instance, unless raw bytes were allowed: then it stands byte by byte", async () => {
  const [redacted, raw] = ["logs", "raw"].map((section) => files.find((f) => f.section === section && /\/f[^/]{0,2}\.log$/.test(f.path)));
  await page.goto(address(redacted));
  await expect(page.locator("main")).toContainText("[left out: 8 bytes that are not UTF-8 text]");
  expect(raw.raw).toBe(true);
  await harmless(address(raw));
  await expect(page.locator("main")).toContainText("ok ⟨FF⟩⟨FE⟩ ⟨C3⟩(");
  await expect(page.locator("main")).toContainText("without redaction");
});

test("a table of formulas is a table of words, and JSON's names are names", async () => {
  await page.goto(address(named("formulas.csv")));
  await expect(page.getByRole("cell", { name: "=cmd|'/C calc'!A0" })).toBeVisible();
  expect(await page.locator("main table a").count()).toBe(0);
  await page.goto(address(named("proto.json")));
  await expect(page.locator("main")).toContainText("__proto__");
  await expect(page.locator("main")).toContainText("</script><script>");
});

test("a search, within the packet and everywhere", async () => {
  for (const q of ["<img src=x", "onerror", BIDI, "</script>", "\"'><b>", "=cmd", "__proto__"]) {
    await harmless(`/packets/${packet.claim_id}/search?q=${encodeURIComponent(q)}`);
    await harmless(`/search?q=${encodeURIComponent(q)}`);
  }
  await page.goto(`/packets/${packet.claim_id}/search?q=onerror`);
  await expect(page.getByRole("status").first()).toContainText("hit");
  await page.goto("/search?q=onerror");
  await expect(page.locator("main")).toContainText("⟨U+202E⟩");
});

test("the audit's pages", async ({ browser }) => {
  const vera = await enter(browser, "vera");
  for (const at of ["/audit", "/audit?tab=days", "/audit?tab=events", `/audit?tab=events&chain=customer:acme&ticket=jira/EVIL-1`, "/audit?tab=chains", `/audit?tab=events&person=${encodeURIComponent(TITLE)}`]) await harmless(at, vera);
  await vera.context().close();
});

test("no cell of the audit's CSV is a formula", async () => {
  // As much as a ticket system may send, and as much as people may type.
  for (const key of ["=1+1", "+1", "-1", "@SUM(A1)"]) {
    const said = await ada.raw.put(`/api/v1/tickets/jira/${encodeURIComponent(key)}`, { data: { customer: "acme", title: "=cmd|'/C calc'!A0" } });
    console.log(`a ticket whose key is ${key}: ${said.status()}`);
  }
  stop("ada", hook, "=cmd|'/C calc'!A0");
  const vera = await api("vera");
  const answer = await vera.raw.get("/api/v1/audit/events.csv?chain=customer:acme");
  expect(answer.status()).toBe(200);
  const text = await answer.text();
  const cells = [...text.matchAll(/(?:^|,|\r\n)(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g)].map((m) => m[1] ?? m[2]);
  expect(cells.length).toBeGreaterThan(100);
  expect(cells.filter((cell) => /^[=+\-@\t\r\n]/.test(cell))).toEqual([]);
  expect(text).toContain("calc");
  console.log(`${cells.length} cells; with a formula in them: ${cells.filter((c) => /cmd|=1\+1|@SUM/.test(c)).slice(0, 4).join("   ")}`);
});

test("what is typed into addresses comes back as words", async () => {
  const evil = encodeURIComponent(`"><script>${RUN}</script>${BIDI}`);
  for (const at of [`/tickets?customer=${evil}`, `/hooks?state=${evil}`, `/packets?day=${evil}`, `/packets?ticket=${evil}`, `/instances?customer=${evil}`, `/tickets/${evil}/${evil}`, `/hooks/${evil}`, `/packets/${evil}`,
    `/packets/${packet.claim_id}/files/${evil}`, `${address(files[0])}?from=${evil}&q=${evil}`, `/${evil}`, `/sign-in?to=${evil}`]) await harmless(at);
});

test("downloads have plain names, and a type that nothing runs", async () => {
  for (const file of files) {
    const answer = await ada.raw.get(`/api/v1${address(file)}`);
    expect(answer.status(), file.path).toBe(200);
    const { "content-disposition": disposition, "content-type": type, "content-security-policy": csp } = answer.headers();
    expect(disposition, file.path).toMatch(/^attachment; filename="[A-Za-z0-9._-]+"$/);
    expect(disposition).not.toMatch(/filename="\./);
    expect(type).not.toMatch(/html|svg|xml|script/);
    expect(csp).toBe("sandbox; default-src 'none'");
  }
  await page.goto(address(named("page.html")));
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download file" }).click()]);
  expect(download.suggestedFilename()).toMatch(/^[A-Za-z0-9._-]+$/);
  expect(page.url().startsWith(origin)).toBe(true);
});
