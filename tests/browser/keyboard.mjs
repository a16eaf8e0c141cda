// A person without a mouse: what they press, and that they always see where they are.
import { expect } from "@playwright/test";

// What has the focus is in the window and has an outline of its own.
export async function focusIsSeen(page) {
  const at = await page.evaluate(() => {
    const at = document.activeElement;
    const style = getComputedStyle(at);
    const box = at.getBoundingClientRect();
    const inside = box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && !/rgba\(.*, 0\)$/.test(style.outlineColor);
    return {
      what: at.outerHTML.slice(0, 160),
      seen: inside && at.checkVisibility({ opacityProperty: true, visibilityProperty: true }),
      marked: outline || style.boxShadow !== "none",
    };
  });
  expect(at, `${page.url()}: the focus is not seen at ${at.what}`).toMatchObject({ seen: true, marked: true });
  return at;
}

// Presses Tab until that element has the focus; each stop on the way must be seen. `wanted`: a role, with its name, or a locator.
export async function tabTo(page, wanted, name, limit = 60) {
  const target = typeof wanted === "string" ? page.getByRole(wanted, { name }) : wanted;
  await expect(target.first()).toBeVisible();
  for (let presses = 0; presses < limit; presses++) {
    await page.keyboard.press("Tab");
    // Past the last stop the browser's own frame has the focus, and the next Tab begins at the top.
    if (await page.evaluate(() => document.activeElement === document.body)) continue;
    await focusIsSeen(page);
    if (await target.evaluateAll((all) => all[0] === document.activeElement)) return;
  }
  throw new Error(`${page.url()}: ${limit} Tabs did not lead to ${name ?? target}`);
}

export async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

// Goes there by Tab and presses Enter.
export async function enter(page, wanted, name) {
  await tabTo(page, wanted, name);
  await press(page, "Enter");
}

// In place of what stands in the field.
export async function type(page, wanted, name, text) {
  await tabTo(page, wanted, name);
  await press(page, "Control+a");
  await page.keyboard.type(text);
}

export async function signInByKeys(page, person, password) {
  await page.goto("/");
  await type(page, page.getByLabel("Name"), null, person);
  await type(page, page.getByLabel("Password"), null, password);
  await press(page, "Enter");
  await page.waitForURL((url) => url.pathname !== "/sign-in");
}
