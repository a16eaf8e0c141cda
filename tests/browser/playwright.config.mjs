// Real Chromium, one window after the other: the walk's steps build on each other.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  outputDir: "../../target/browser",
  use: {
    baseURL: process.env.BOATHOOK_ORIGIN,
    ignoreHTTPSErrors: true,
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.BOATHOOK_CHROMIUM ?? "/usr/bin/chromium",
      // As root, as CI is, Chromium has no sandbox of its own.
      args: process.getuid() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
