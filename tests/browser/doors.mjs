// The doors: the first administrator by a one-time link, signing in and out, a second factor, an invitation, and every page of the
// shell in both languages, light and dark, wide and narrow, without a finding of axe.
// node doors.mjs LINK
import { createHmac } from "node:crypto";
import { PASSWORD, check, enter, invite, launch, open, overflows, picture, sweep, violations } from "./drive.mjs";

const link = process.argv[2];
const base = new URL(link).origin;
const browser = await launch();

const signIn = async (page, name, password, code = "") => {
  await page.goto(`${base}/review/sign-in`);
  await page.fill("input[name=name]", name);
  await page.fill("input[name=password]", password);
  await page.fill("input[name=code]", code);
  await page.click("button.primary");
};

// A code of RFC 6238 for a secret in base32.
const totp = (secret, atMs = Date.now()) => {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replaceAll(" ", "")].map((letter) => digits.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(atMs / 30_000)));
  const digest = createHmac("sha1", key).update(step).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
};

try {
  const page = await open(browser);
  await page.goto(`${base}/`);
  check(page.url().includes("/review/sign-in"), "who is not signed in comes to the door");
  await page.goto(link);
  await page.waitForFunction(() => document.activeElement?.name === "name");
  await page.keyboard.type("Ada");
  await page.keyboard.press("Tab");
  await page.keyboard.type("short");
  check(!(await page.evaluate(() => document.querySelector("form").checkValidity())), "a short password is refused by the form");
  await page.fill("input[name=password]", PASSWORD);
  await page.fill("input[name=again]", PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForSelector("nav");
  check(await page.locator(".who-name").textContent() === "Ada", "the link makes the first administrator");
  const cookies = await page.context().cookies();
  const session = cookies.find((cookie) => cookie.name === "weir");
  check(session.httpOnly && session.sameSite === "Strict" && session.path === "/review", "the cookie is for no script and no other site");
  check(await page.evaluate(() => document.cookie) === "", "no script sees it");
  const again = await open(browser);
  check((await again.goto(link)).status() === 422, "the link works once");

  // The second factor, by keyboard and app.
  await page.goto(`${base}/review/me/factor`);
  const secret = await page.locator("code.secret").textContent();
  await page.fill("input[name=code]", totp(secret));
  await page.fill("input[name=present]", PASSWORD);
  await page.click("button.primary");
  const recovery = await page.locator("ul.codes code").allTextContents();
  check(recovery.length === 10, "ten recovery codes are shown once");
  check((await violations(page)).length === 0, "axe: recovery codes");
  await page.goto(`${base}/review/me`);
  await page.click("text=Sign out everywhere");
  check(page.url().includes("/review/sign-in"), "signed out everywhere");
  await signIn(page, "ada", PASSWORD);
  check((await page.locator("[role=alert]").textContent()).includes("wrong"), "without the code nobody comes in");
  await signIn(page, "ada", PASSWORD, recovery[0]);
  await page.waitForSelector("nav");
  await page.goto(`${base}/review/me`);
  await page.fill("form[action='/review/me/factor/off'] input[name=present]", PASSWORD);
  await page.click("text=Stop using it");
  await page.waitForSelector("text=Set up a second factor");
  check(true, "the factor is taken off by the password");

  // An invitation, used in another browser.
  const address = await invite(page, "Rita", "reviewer");
  for (const look of [{}, { dark: true, width: 360 }, { locale: "ar-EG" }, { dark: true, width: 360, locale: "ar-EG" }]) {
    const welcome = await open(browser, look);
    await welcome.goto(address);
    const wrong = await violations(welcome);
    check(wrong.length === 0 && !(await overflows(welcome)), `axe and width: welcome ${JSON.stringify(look)} ${wrong.join("\n")}`);
    await picture(welcome, `welcome-${look.locale ?? "en"}-${look.dark ? "dark" : "light"}-${look.width ?? 1280}`);
    await welcome.context().close();
  }
  const rita = await enter(await open(browser), address);
  check((await rita.goto(`${base}/review/people`)).status() === 403, "a reviewer does not see people");
  check(await rita.locator("nav a[href='/review/people']").count() === 0, "nor a link to them");
  await page.goto(`${base}/review/people`);
  await page.locator("tr", { hasText: "Rita" }).locator("text=Shut out").click();
  await rita.goto(`${base}/review/me`);
  check(rita.url().includes("/review/sign-in"), "who is shut out is out at once");

  // A form from elsewhere: another port of this machine is another site's page as far as forms go.
  const forged = await page.context().request.post(`${base}/review/me/looks`, { form: { language: "ar", theme: "dark" }, headers: { origin: "https://evil.example" } });
  check(forged.status() === 403, "a form from elsewhere changes nothing");

  // Every page, each way.
  const paths = (process.argv[3] ?? "/review/me,/review/people,/review/audit,/review/nowhere,/review/me/factor").split(",");
  const found = await sweep(page, base, paths);
  for (const dark of [false, true]) {
    for (const locale of ["en-GB", "ar-EG"]) {
      for (const width of [1280, 360]) {
        const door = await open(browser, { dark, locale, width });
        await door.goto(`${base}/review/sign-in`);
        for (const one of await violations(door)) found.push(`sign-in ${locale} ${dark} ${width}: ${one}`);
        if (await overflows(door)) found.push(`sign-in ${locale} ${width}: wider than the window`);
        await picture(door, `sign-in-${locale}-${dark ? "dark" : "light"}-${width}`);
        await door.context().close();
      }
    }
  }
  check(found.length === 0, `axe and width, ${paths.length} pages, two languages, light and dark, 1280 and 360 px\n${found.join("\n")}`);

  // Without scripts everything works that was done so far.
  const plain = await open(browser, { scripts: false });
  await signIn(plain, "ada", PASSWORD);
  check((await plain.content()).includes("/review/sign-out"), "signing in needs no script");
  check(page.complaints.length === 0, `no browser complained\n${page.complaints.join("\n")}`);
} finally {
  await browser.close();
}
