// What every script needs: a browser, pages that fail on whatever a browser complains about, people who come in, axe, pictures, and a report.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// WCAG 2.2 AA, and what axe holds for good practice.
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export const launch = () =>
  chromium.launch({
    executablePath: process.env.WEIR_CHROMIUM,
    args: ["--headless", "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });

export const check = (holds, what) => {
  if (!holds) throw new Error(`does not hold: ${what}`);
  console.log(`ok ${what}`);
};

// A page whose complaints (refused scripts and styles, exceptions, failed loads) are kept in `complaints`.
export const open = async (browser, { width = 1280, height = 800, dark = false, locale = "en-GB", scripts = true } = {}) => {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    locale,
    javaScriptEnabled: scripts,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    // An answer of 4xx is told as an error, too: those are asked for by the scripts, which look at them themselves.
    if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource")) {
      complaints.push(`${page.url()}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error}`));
  page.complaints = complaints;
  return page;
};

export const PASSWORD = "river holds the debris back";

// Comes in by a one-time link; `name`: where one may choose it.
export const enter = async (page, link, name = "") => {
  await page.goto(link);
  if (name) await page.fill("input[name=name]", name);
  await page.fill("input[name=password]", PASSWORD);
  await page.fill("input[name=again]", PASSWORD);
  await page.click("button.primary");
  await page.waitForSelector("nav");
  return page;
};

// A one-time link for somebody, by whoever may invite.
export const invite = async (page, name, role) => {
  await page.goto(new URL("/review/people", page.url()).href);
  await page.fill("input[name=name]", name);
  await page.selectOption("form[action='/review/people/invite'] select", role);
  await page.click("text=Make a link");
  return new URL(await page.locator("input[readonly]").inputValue(), page.url()).href;
};

// Pictures of all that is open, for whoever looks why a script failed.
export const failed = async (browser) => {
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [place, page] of pages.entries()) await picture(page, `failed-${place}`).catch(() => {});
};

// What axe finds on the page as it is.
export const violations = async (page) => {
  await page.evaluate(AXE);
  const found = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), TAGS);
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
};

// Whether the page is wider than the window.
export const overflows = (page) => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

export const picture = (page, name) =>
  page.screenshot({ path: path.join(process.env.WEIR_PICTURES, `${name}.png`), fullPage: true });

// Looks at every page in both languages, light and dark, wide and narrow; gives what is wrong with them.
export const sweep = async (page, base, paths) => {
  const found = [];
  for (const language of ["en", "ar"]) {
    for (const theme of ["light", "dark"]) {
      await page.goto(`${base}/review/me`);
      await page.selectOption("select[name=language]", language);
      await page.selectOption("select[name=theme]", theme);
      await page.locator("form[action='/review/me/looks'] button").click();
      await page.waitForLoadState();
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 800 });
        for (const [place, path] of paths.entries()) {
          await page.goto(base + path);
          for (const one of await violations(page)) found.push(`${path} ${language} ${theme} ${width}: ${one}`);
          if (await overflows(page)) found.push(`${path} ${language} ${theme} ${width}: wider than the window`);
          const name = path.split("/").slice(2).join("-").replace(/\?.*/, "") || "home";
          await picture(page, `${name}-${place}-${language}-${theme}-${width}`);
        }
      }
    }
  }
  return found;
};
