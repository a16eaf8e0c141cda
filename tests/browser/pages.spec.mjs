// Every page in every mode: axe finds nothing, nothing overflows, one heading, a title, and the browser complains of nothing.
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

import { enter, state } from "./state.mjs";
import { MODES, PAGES } from "./table.mjs";

let made;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  made = await state();
});

for (const mode of ["light", "dark", "phone"]) {
  test.describe(mode, () => {
    for (const { name, of, at, status = 200 } of PAGES) {
      test(name, async ({ browser }) => {
        const page = await enter(browser, of, MODES[mode]);
        // Policies that are broken are events, too; nothing of the page can take this listener away.
        await page.addInitScript(() => {
          globalThis.broken = [];
          document.addEventListener("securitypolicyviolation", (e) => globalThis.broken.push(`${e.effectiveDirective} ${e.blockedURI}`));
        });
        const answer = await page.goto(at(made));
        expect(answer.status()).toBe(status);
        await page.waitForLoadState("load");
        if (status >= 400 && status < 600 && name.startsWith("error")) {
          await expect(page.locator("main code"), "what the log has it under").toHaveText(answer.headers()["x-request-id"]);
        }
        expect(await page.evaluate(() => document.documentElement.lang)).toBe("en");
        expect(await page.locator("h1").count()).toBe(1);
        expect(await page.locator("h1").textContent()).toMatch(/\S/);
        expect(await page.title()).toMatch(/^\S.* · boathook$/);
        const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
        expect(wide, "pixels wider than the window").toBeLessThanOrEqual(0);
        // Of a thousand lines that are alike, some. Colours are all that dark has of its own.
        const axe = new AxeBuilder({ page }).exclude("[data-lines] tr:nth-child(n+40)");
        const found = await (mode === "dark" ? axe.withRules("color-contrast") : axe).analyze();
        expect(found.violations.map((v) => `${v.id} ${v.nodes.map((n) => n.target).join(" ")}`)).toEqual([]);
        expect(await page.evaluate(() => globalThis.broken)).toEqual([]);
        expect(page.faults).toEqual([]);
        expect(page.elsewhere).toEqual([]);
        await page.context().close();
      });
    }
  });
}
