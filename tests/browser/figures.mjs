// The pages of figures, search, versions and statements, over a server with some history: seen, followed, without a finding of axe.
// node figures.mjs LINK ACCOUNT DEVICE PUBLISHER_NAME
import { check, launch, open, sweep } from "./drive.mjs";

const [link, account, device] = process.argv.slice(2);
const base = new URL(link).origin;
const PASSWORD = "river holds the debris back";
const browser = await launch();

const join = async (address, name) => {
  const page = await open(browser);
  await page.goto(new URL(address, base).href);
  if (name) await page.fill("input[name=name]", name);
  await page.fill("input[name=password]", PASSWORD);
  await page.fill("input[name=again]", PASSWORD);
  await page.click("button.primary");
  await page.waitForSelector("nav");
  return page;
};

try {
  const page = await join(link, "Ada");
  await page.goto(`${base}/review/people`);
  await page.fill("input[name=name]", "Ben");
  await page.selectOption("form[action='/review/people/invite'] select", "publisher");
  await page.click("text=Make a link");
  const ben = await join(await page.locator("input[readonly]").inputValue());

  // Overview: figures, charts with words, and what is shown when the server is away.
  await page.goto(`${base}/review/overview?span=1h`);
  check((await page.locator(".figure").count()) >= 5, "the overview has figures");
  check((await page.locator("svg[role=img][aria-label]").count()) >= 2, "each chart says what it shows");
  check((await page.locator(".legend li").count()) >= 1, "and its numbers stand beside it");
  await page.context().setOffline(true);
  await page.waitForSelector("#stale:not([hidden])", { timeout: 20_000 });
  check(true, "when the server does not answer, the page says that it is old");
  await page.context().setOffline(false);
  await page.waitForSelector("#stale", { state: "hidden", timeout: 20_000 });
  check(true, "and goes on by itself");
  const complaints = page.complaints.filter((text) => !text.includes("ERR_INTERNET_DISCONNECTED"));

  // Investigate: by device, then to the account; a ranking with an address of its own.
  await page.goto(`${base}/review/investigate`);
  await page.selectOption("select[name=kind]", "device");
  await page.fill("input[name=key]", device);
  await page.click("form[role=search] button");
  check((await page.locator("section[aria-labelledby=found] a").count()) >= 1, "a device leads to its accounts");
  await page.selectOption("select[name=group]", "decision_rule");
  await page.click("section[aria-labelledby=top] button");
  check((await page.locator("section[aria-labelledby=top] tbody tr").count()) >= 1, "rules by how often they decide");
  const address = page.url();
  await ben.goto(address);
  check((await ben.locator("section[aria-labelledby=top] tbody tr").count()) >= 1, "the address shows a colleague the same");
  await page.goto(`${base}/review/investigate?kind=account&key=${account}`);
  check(/\/review\/account\/h_[0-9a-f]{20}$/.test(page.url()), "an account leads to its page, by an id that is not its pseudonym");

  // Statement of reasons of a restriction.
  const feed = await page.context().request.get(`${base}/v1/accounts/${account}/standing`);
  const restriction = (await feed.json()).restrictions[0];
  const statements = page.locator("section[aria-labelledby=in-force] a[href^='/review/statement/']");
  check((await statements.count()) >= 1, "what is in force leads to its statement of reasons");
  await statements.first().click();
  const text = await page.locator("pre").textContent();
  const statement = JSON.parse(text);
  check(page.url().endsWith(statement.puid) && statement.decision_ground === "DECISION_GROUND_INCOMPATIBLE_CONTENT", "a statement of reasons");
  check(!text.includes(account), "names nobody");
  check((await page.locator("[lang=ar][dir=rtl] p").count()) >= 6, "the notice is told in both languages");
  const pages = ["/review/overview", "/review/investigate", address.slice(base.length), "/review/control", `/review/statement/${restriction.decision}`];

  // Two people for a version; the switch alone, with its name typed.
  await page.goto(`${base}/review/control`);
  await page.selectOption("select[name=what]", "policy/strict/2");
  await page.fill("input[name=note]", "fewer false alarms");
  await page.click("form[action='/review/control/propose'] button");
  check((await page.locator("pre.diff .added").count()) >= 1, "what a policy changes is shown line by line");
  check((await page.locator("input[name=typed]").count()) === 0, "who proposed it does not put it in force");
  const proposal = page.url();
  pages.push(proposal.slice(base.length));
  await ben.goto(proposal);
  await ben.fill("input[name=typed]", "1");
  await ben.click("text=Put in force");
  check((await ben.locator("h1").textContent()).includes("may not be done"), "a wrong version is not taken");
  await ben.goto(proposal);
  await ben.fill("input[name=typed]", "2");
  await ben.click("text=Put in force");
  await ben.waitForSelector("text=Put in force by records of the log");
  check((await ben.locator("section[aria-labelledby=in-force]").textContent()).includes("strict"), "another does, and it is in force");
  await ben.fill("input[name=reason]", "it bans everybody");
  await ben.fill("input[name=typed]", "enforcement");
  await ben.click("text=Suspend automatic enforcement");
  await ben.waitForSelector("text=Automatic enforcement is suspended");
  await page.goto(`${base}/review/overview`);
  check(await page.locator("text=The kill switch is on").isVisible(), "the overview says that the kill switch is on");
  await ben.fill("input[name=reason]", "mended");
  await ben.fill("input[name=typed]", "enforcement");
  await ben.click("text=Resume automatic enforcement");
  await ben.waitForSelector("text=Automatic enforcement is on");
  check(true, "and it goes on");

  const found = await sweep(page, base, pages);
  check(found.length === 0, `axe and width, ${pages.length} pages\n${found.join("\n")}`);
  check(complaints.length === 0 && ben.complaints.length === 0, `no browser complained\n${complaints.concat(ben.complaints).join("\n")}`);
} finally {
  await browser.close();
}
