// A starting text's form: what is typed there and does not stand in the text is not sent.
import { expect, test } from "@playwright/test";

import { enter, state } from "./state.mjs";

test("what the form says and the text does not say yet is not sent", async ({ browser }) => {
  await state();
  const ada = await enter(browser, "ada");
  await ada.goto("/tickets/jira/SUP-1/hooks/new?start=host-and-logs");
  await ada.locator("form.fill").getByRole("textbox").first().fill("Typed and not filled in");
  for (const name of ["Send to review", "Save draft"]) {
    await ada.getByRole("button", { name }).click();
    await expect(ada.getByRole("alert")).toContainText("Fill the text");
    await expect(ada).toHaveURL(/hooks\/new\?start=host-and-logs$/);
  }
  await ada.getByRole("button", { name: "Fill the text" }).click();
  await expect(ada.getByLabel(/The hook's text/)).toHaveValue(/Typed and not filled in/);
  await ada.getByRole("button", { name: "Save draft" }).click();
  await ada.waitForURL(/\/hooks\/[^/]+\/edit$/);
  await expect(ada.getByLabel(/The hook's text/)).toHaveValue(/Typed and not filled in/);
  expect(ada.faults).toEqual([]);
  await ada.context().close();
});
