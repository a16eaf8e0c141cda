// Pictures of every page in every mode: node shots.mjs DIR [NAME…], with the environment that `run` gives the tests.
import { chromium } from "@playwright/test";
import fs from "node:fs";
import path from "node:path";

import { enter, state } from "./state.mjs";
import { MODES, PAGES } from "./table.mjs";

const [dir, ...names] = process.argv.slice(2);
if (!dir) throw new Error("node shots.mjs DIR [NAME…]");
fs.mkdirSync(dir, { recursive: true });
const made = await state();
const browser = await chromium.launch({ executablePath: process.env.BOATHOOK_CHROMIUM ?? "/usr/bin/chromium", args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
const modes = (process.env.MODES ?? Object.keys(MODES).join(",")).split(",");
for (const mode of modes) {
  for (const { name, of, at } of PAGES) {
    if (names.length && !names.includes(name)) continue;
    const page = await enter(browser, of, { ...MODES[mode], ...(process.env.SCALE ? { deviceScaleFactor: Number(process.env.SCALE) } : {}) });
    await page.goto(at(made));
    await page.waitForTimeout(300);
    // The first screen must answer the page's question; the whole page is taken where FULL asks for it.
    await page.screenshot({ path: path.join(dir, `${name}-${mode}.png`), fullPage: Boolean(process.env.FULL) });
    await page.context().close();
  }
}
await browser.close();
