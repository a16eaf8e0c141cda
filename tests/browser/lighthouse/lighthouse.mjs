// Lighthouse on the pages that people live in, signed in: node lighthouse.mjs [desktop|mobile]…, with the environment that
// `run` gives the tests, after `npm ci` here and in the folder above. Fails where a score is below 95.
import { chromium } from "@playwright/test";
import lighthouse, { desktopConfig } from "lighthouse";
import net from "node:net";

import { COOKIE, origin, state, token } from "../state.mjs";
import { PAGES } from "../table.mjs";

const CATEGORIES = ["performance", "accessibility", "best-practices"];
const LEAST = 95;
const wanted = process.argv.slice(2).length ? process.argv.slice(2) : ["desktop", "mobile"];

const port = await new Promise((done) => {
  const server = net.createServer().listen(0, () => { const { port } = server.address(); server.close(() => done(port)); });
});
const made = await state();
const args = [`--remote-debugging-port=${port}`, "--ignore-certificate-errors", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])];
const browser = await chromium.launch({ executablePath: process.env.BOATHOOK_CHROMIUM ?? "/usr/bin/chromium", args });
let below = 0;
for (const form of wanted) {
  console.log(`${form.padEnd(10)} ${CATEGORIES.map((c) => c.padStart(15)).join("")}   FCP ms   LCP ms   bytes`);
  for (const { name, of, at } of PAGES.filter((page) => page.core)) {
    const extraHeaders = { Cookie: `${COOKIE}=${await token(of)}` };
    const flags = { port, output: "json", logLevel: "error", onlyCategories: CATEGORIES, extraHeaders, disableStorageReset: true };
    const { lhr } = await lighthouse(`${origin}${at(made)}`, flags, form === "desktop" ? desktopConfig : undefined);
    if (!new URL(lhr.finalDisplayedUrl).pathname.startsWith(at(made).split("?")[0])) throw new Error(`${name}: led to ${lhr.finalDisplayedUrl}`);
    const scores = CATEGORIES.map((c) => Math.round((lhr.categories[c].score ?? 0) * 100));
    const ms = (id) => String(Math.round(lhr.audits[id].numericValue)).padStart(9);
    console.log(`${name.padEnd(10)} ${scores.map((s) => String(s).padStart(15)).join("")}${ms("first-contentful-paint")}${ms("largest-contentful-paint")}${ms("total-byte-weight")}`);
    for (const [n, category] of CATEGORIES.entries()) {
      if (scores[n] >= LEAST) continue;
      below++;
      for (const { id, weight } of lhr.categories[category].auditRefs) {
        const audit = lhr.audits[id];
        if (weight > 0 && audit.score !== null && audit.score < 0.9) console.log(`    ${category}: ${id} ${audit.displayValue ?? ""} ${JSON.stringify(audit.details?.items ?? []).slice(0, 300)}`);
      }
    }
  }
}
await browser.close();
process.exit(below ? 1 : 0);
