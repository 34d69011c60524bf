// Signing in by a provider of OpenID Connect: with a role and without, a link of whoever is signed in, and answers that are not taken.
// node oidc.mjs LINK PROVIDER
import { check, enter, launch, open as openAnywhere, picture, violations } from "./drive.mjs";

const [link, provider] = process.argv.slice(2);
const base = new URL(link).origin;
const browser = await launch();

// The provider's own pages want a font from elsewhere: nobody is asked.
const open = async () => {
  const page = await openAnywhere(browser);
  await page.route((url) => ![base, provider].includes(url.origin), (route) => route.abort());
  return page;
};

// Signs in at the provider, and lets it tell who one is.
const identify = async (page, name) => {
  await page.waitForURL((url) => url.origin === provider);
  await page.fill("input[name=login]", name);
  await page.fill("input[name=password]", "any");
  await page.click("button[type=submit]");
  // The next page asks whether it may tell; the button of the one before is another.
  await page.waitForSelector("form:not(:has(input[name=login])) button[type=submit]");
  await page.click("form:not(:has(input[name=login])) button[type=submit]");
  await page.waitForURL((url) => url.origin === base);
};

try {
  const page = await open();
  await page.goto(`${base}/review/sign-in?next=${encodeURIComponent("/review/overview")}`);
  check((await violations(page)).length === 0, "the door with a provider has no finding of axe");
  await picture(page, "sign-in-provider");
  const back = page.waitForRequest((request) => request.url().startsWith(`${base}/review/oidc/back`));
  await page.click("a.provider");
  await identify(page, "olga");
  await page.waitForURL(`${base}/review/overview`);
  check(await page.locator(".who-name").textContent() === "olga", "who has a role comes in by the provider, where they wanted to go");
  await page.goto(`${base}/review/me`);
  check((await page.textContent("header.head")).includes("lead") || (await page.textContent("header.head")).includes("Lead"), "with the role that the claim says");
  const used = (await back).url();
  check((await page.goto(used)).status() === 422, "the same answer a second time is refused");
  check((await page.goto(`${base}/review/oidc/back?state=${"0".repeat(64)}&code=x`)).status() === 422, "so is one of a state that nobody began");

  const other = await open();
  const theirs = other.waitForRequest((request) => request.url().startsWith(`${base}/review/oidc/back`));
  await other.route(`${base}/review/oidc/back*`, (route) => route.abort());
  await other.goto(`${base}/review/sign-in`);
  await other.click("a.provider");
  await identify(other, "rob").catch(() => {});
  const stolen = (await theirs).url();
  const victim = await open();
  check((await victim.goto(stolen)).status() === 422, "an answer is not taken in another browser than the one that began");
  await victim.goto(`${base}/review/`);
  check(victim.url().includes("/review/sign-in"), "and signs nobody in");

  const stranger = await open();
  await stranger.goto(`${base}/review/sign-in`);
  await stranger.click("a.provider");
  await identify(stranger, "mallory");
  await stranger.waitForSelector("h1");
  check((await stranger.textContent("main")).includes("role"), "who has no role is told so and does not come in");
  await stranger.goto(`${base}/review/`);
  check(stranger.url().includes("/review/sign-in"), "and is not signed in");

  // Whoever has a password here links the provider, and comes by it from then on.
  const ada = await enter(await open(), link, "Ada");
  await ada.goto(`${base}/review/me`);
  await ada.click("button.provider");
  await identify(ada, "ada-at-the-provider");
  await ada.waitForURL(`${base}/review/me`);
  const again = await open();
  await again.goto(`${base}/review/sign-in`);
  await again.click("a.provider");
  await identify(again, "ada-at-the-provider");
  await again.waitForSelector("nav");
  check(await again.locator(".who-name").textContent() === "Ada", "who linked it comes by it, with the role that is theirs here");
  await again.goto(`${base}/review/people`);
  check((await again.textContent("main")).includes("olga"), "an administrator by a link sees who came by the provider");

  // Whoever signs out at the provider is signed out here.
  await page.goto(`${base}/review/me`);
  check(page.url() === `${base}/review/me`, "who came by the provider is signed in still");
  const forged = await page.context().request.post(`${base}/review/oidc/end`, { form: { logout_token: "a.b.c" } });
  check(forged.status() === 400, "a word of nobody's ends nothing");
  await page.goto(`${provider}/session/end`);
  await page.click("button[name=logout]");
  await page.waitForURL("**/session/end/success**");
  await page.goto(`${base}/review/me`);
  check(page.url().includes("/review/sign-in"), "and is not once they signed out there");
  await again.goto(`${base}/review/me`);
  check(again.url() === `${base}/review/me`, "others go on");
} finally {
  await browser.close();
}
