// Acts on many: a campaign with its picture, acted on as one; what a version did, lifted in one act; both approved by another and taken
// back; every page of it, and of quality, without a finding of axe.
// node campaigns.mjs LINK_OF_ADA LINK_OF_LENA
import { check, enter, failed, launch, open, picture, sweep } from "./drive.mjs";

const [adas, lenas] = process.argv.slice(2);
const base = new URL(adas).origin;
const browser = await launch();

const state = (page) => page.locator(".figure .badge").first().textContent();
const figure = (page, name) =>
  page.locator(".figure", { has: page.locator("dt", { hasText: name }) }).locator("dd").first().innerText();
const settled = async (page, wanted) => {
  for (let tries = 0; tries < 100 && (await state(page)) !== wanted; tries += 1) {
    await page.waitForTimeout(200);
    await page.reload();
  }
  check((await state(page)) === wanted, `it comes to: ${wanted}`);
};
const standing = async (page, account) =>
  (await (await page.context().request.get(`${base}/v1/accounts/${account}/standing`)).json()).restrictions ?? [];

try {
  const ada = await enter(await open(browser), adas);
  const lena = await enter(await open(browser), lenas);

  // The campaign, and what its members share.
  await ada.click("text=Campaigns");
  check((await ada.locator("tbody tr").count()) === 1, "the ring is one campaign, and nothing else is one");
  check(/in \d+/.test(await ada.locator("tbody tr").first().innerText()), "it has a clock");
  await picture(ada, "campaigns-1280-light");
  await ada.locator("tbody a").first().click();
  await ada.waitForSelector("#picture");
  const campaign = new URL(ada.url()).pathname;
  check((await figure(ada, "Members")) === "12", "all twelve are in it");
  check((await ada.locator("svg.net circle").count()) === 12, "the picture shows them");
  check((await ada.locator("svg.net rect.device").count()) === 2, "and the two devices");
  check((await ada.locator("svg.net rect.target").count()) >= 5, "and whom they all wrote to");
  check((await ada.locator("svg.net path").count()) >= 30, "with lines between");
  check((await ada.locator("section[aria-labelledby=shared] tbody tr").count()) >= 3, "a table says the same for who does not see it");
  check((await ada.locator("section[aria-labelledby=targets] tbody tr").count()) === 10, "common targets with their times");
  check((await ada.locator("section[aria-labelledby=timing] svg").count()) === 1, "timing is drawn");
  check((await ada.locator("section[aria-labelledby=members] tbody tr").count()) === 12, "each member has its standing");
  const proven = Number(await figure(ada, "With evidence"));
  check(proven >= 4 && proven < 12, `some have evidence of their own (${proven}), others only company`);
  await picture(ada, "campaign-1280-light");

  // Acted on as one: proposed, approved by another, done, taken back.
  await ada.selectOption("select[name=act]", "ban");
  await ada.selectOption("select[name=label]", "abusive");
  await ada.selectOption("select[name=policy]", "bulk");
  await ada.fill("textarea[name=reason]", "one ring");
  await ada.click("text=Show the preview");
  await ada.waitForSelector("#sample");
  const act = new URL(ada.url()).pathname;
  check((await figure(ada, "Wait")) === "12", "the preview counts them");
  check((await ada.locator("h1").innerText()).includes("12 accounts"), "as accounts, which they are");
  check((await ada.locator("section[aria-labelledby=foreseen] li").first().innerText()).startsWith(`${12 - proven} ×`), "and those that it would pass over");
  check((await ada.locator("text=Approve and begin").count()) === 0, "who proposed it does not approve it");
  await picture(ada, "campaign-preview-1280-light");
  await lena.goto(base + act);
  await lena.click("text=Approve and begin");
  await settled(lena, "Done");
  check(Number(await figure(lena, "Done")) === proven, "members with evidence of their own are banned");
  check(Number(await figure(lena, "Passed over")) === 12 - proven, "the others are passed over");
  check((await lena.locator("text=Nothing speaks against it but its company.").count()) === 1, "and it is said why");
  check((await standing(ada, "ring00_pseudonym")).some((one) => one.action === "ban" && one.human), "the ban is in force");
  check(!(await standing(ada, "ring11_pseudonym")).some((one) => one.action === "ban"), "company alone bans nobody");
  await lena.click("text=Take all of it back");
  await settled(lena, "Taken back");
  check(!(await standing(ada, "ring00_pseudonym")).some((one) => one.action === "ban"), "the ban is gone");

  // What a rule's version did, from the page of policies.
  check((await standing(ada, "bulk07_pseudonym")).some((one) => one.action === "ban" && !one.human), "a rule banned them");
  await ada.goto(`${base}/review/control`);
  check((await ada.locator("section[aria-labelledby=made] tbody tr").count()) >= 2, "what versions did is listed");
  await picture(ada, "control-made-1280-light");
  const option = await ada.locator("select[name=made] option", { hasText: "device-farm-bulk" }).getAttribute("value");
  await ada.selectOption("select[name=made]", option);
  await ada.selectOption("form[action='/review/control/undo'] select[name=policy]", "no_violation");
  await ada.fill("form[action='/review/control/undo'] input[name=reason]", "the rule was wrong");
  await ada.click("form[action='/review/control/undo'] button");
  await ada.waitForSelector("#sample");
  const undoing = new URL(ada.url()).pathname;
  const count = await figure(ada, "Wait");
  check(Number(count) > 5, `the preview counts what is in force (${count})`);
  check((await ada.locator("text=DE").count()) >= 1, "by country");
  check((await ada.locator("text=Approve and begin").count()) === 0, "who proposed it does not approve it");
  await picture(ada, "undo-preview-1280-light");
  await lena.goto(base + undoing);
  await lena.click("text=Approve and begin");
  await settled(lena, "Done");
  check((await figure(lena, "Done")) === count, "all of it is lifted");
  check((await standing(ada, "bulk07_pseudonym")).length === 0, "and nothing is in force");
  await lena.click("text=Take all of it back");
  await settled(lena, "Taken back");
  check((await standing(ada, "bulk07_pseudonym")).some((one) => one.action === "ban" && one.human), "taken back: as a human's");

  // Two disagree: a lead who is neither of them judges, blind.
  const verdict = { id: "by-api", case: "k_o0", account: "quiet00_pseudonym", at: Date.now(), actor: "somebody", act: "verdict", verdict: "ban", policy: "bulk", reason: "seen" };
  const sent = await ada.context().request.post(`${base}/v1/reviews`, { headers: { "Content-Type": "application/x-ndjson" }, data: JSON.stringify(verdict) });
  check((await sent.json()).rejected === 0, "somebody bans an account");
  const rows = async (page, path, wanted) => {
    for (let tries = 0; tries < 100; tries += 1) {
      await page.goto(base + path);
      if ((await page.locator("[data-row]").count()) >= wanted) return;
      await page.waitForTimeout(200);
    }
    check(false, `${path} has ${wanted} rows`);
  };
  await rows(ada, "/review/?cause=second", 1);
  await ada.click("[data-row]");
  await ada.waitForSelector("#act");
  const judged = await ada.locator("h1").textContent();
  check((await ada.locator("#why").count()) === 0, "a second review is blind");
  for (const key of ["o", "3", "8", "Control+Enter"]) await ada.keyboard.press(key);
  await ada.waitForFunction((before) => document.querySelector("h1").textContent !== before, judged);
  await rows(lena, "/review/?cause=dispute", 1);
  await picture(lena, "queue-dispute-1280-light");
  await lena.click("[data-row]");
  await lena.waitForSelector("#act");
  const dispute = new URL(lena.url()).pathname;
  check((await lena.locator("h1").textContent()) === judged, "a lead is given what they disagree about");
  check((await lena.locator("#why").count()) === 0 && (await lena.locator("section[aria-labelledby=history]").count()) === 0, "without what either said");
  await picture(lena, "case-dispute-1280-light");
  await ada.goto(base + dispute);
  check((await ada.locator("#act").count()) === 0, "it is closed to who is one of the two, whatever their role");
  for (const key of ["o", "1", "5"]) await lena.keyboard.press(key);
  await lena.selectOption("select[name=policy]", "bulk");
  await lena.keyboard.press("Control+Enter");
  await lena.waitForFunction((path) => location.pathname !== path, dispute);
  await lena.goto(`${base}/review/quality`);
  check((await lena.locator("table", { hasText: "Third, blind" }).locator("tbody tr").first().locator("td").nth(2).innerText()) === "Abusive", "what the third said counts");
  await picture(lena, "quality-dispute-1280-light");

  const found = await sweep(ada, base, [dispute, "/review/?cause=dispute", "/review/campaigns", campaign, act, undoing, "/review/bulk", "/review/bulk/new?cause=ban", "/review/quality"]);
  check(found.length === 0, `axe: ${found.join("\n")}`);
  for (const page of [ada, lena]) check(page.complaints.length === 0, `no complaint: ${page.complaints.join("; ")}`);
} catch (error) {
  await failed(browser);
  throw error;
} finally {
  await browser.close();
}
