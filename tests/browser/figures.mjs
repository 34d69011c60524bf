// The pages of figures, search, versions and statements, over a server with some history: seen, followed, without a finding of axe.
// node figures.mjs LINK ACCOUNT DEVICE PUBLISHER_NAME
import { check, enter, invite, launch, open, overflows, picture, sweep, violations } from "./drive.mjs";

const [link, account, device] = process.argv.slice(2);
const base = new URL(link).origin;
const browser = await launch();

try {
  const page = await enter(await open(browser), link, "Ada");
  const ben = await enter(await open(browser), await invite(page, "Ben", "publisher"));

  // Overview: figures, charts with words, and what is shown when the server is away.
  await page.goto(`${base}/review/overview?span=1h`);
  check((await page.locator(".figure").count()) >= 5, "the overview has figures");
  const vitals = (await page.locator(".vitals > div").allInnerTexts()).map((text) => text.replace(/\s+/g, " "));
  check(["Newest record", "Position of the log", "Engine behind", "Newest checkpoint", "History behind", "Newest event", "Build"].every((what) => vitals.some((text) => text.startsWith(what))), `health is told (${vitals.join("; ")})`);
  check(vitals.filter((text) => text.endsWith("well")).length >= 4, "and how well all is");
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

  const whole = async (look) => {
    await page.goto(`${base}/review/investigate?kind=account&key=${account}`);
    await page.fill("form[action='/review/reveal'] input[name=reason]", "police request 17");
    await page.click("form[action='/review/reveal'] button");
    check((await page.locator("main").innerText()).includes(account), `the whole pseudonym is shown for a reason (${look})`);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 800 });
      const wrong = await violations(page);
      check(wrong.length === 0 && !(await overflows(page)), `axe and width: reveal ${look} ${width} ${wrong.join("\n")}`);
      await picture(page, `reveal-${look}-${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto(`${base}/review/investigate?kind=account&key=${account}`);
  };
  await whole("en-light");

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
  const inForce = (text) => ben.locator("section[aria-labelledby=in-force] tbody tr", { hasText: text });
  await inForce("strict").waitFor();
  check(/Ben/.test(await inForce("strict").innerText()) && /UTC/.test(await inForce("strict").innerText()), "another does: it is in force, since when and by whom");

  // A model: first as a shadow, then it decides; a list; each compared with what is in force, and gone back from.
  const propose = async (what, note, { shadow = false } = {}) => {
    await page.goto(`${base}/review/control`);
    await page.selectOption("select[name=what]", what);
    await page.fill("form[action='/review/control/propose'] input[name=note]", note);
    if (shadow) await page.check("form[action='/review/control/propose'] input[name=shadow]");
    await page.click("form[action='/review/control/propose'] button");
    await page.waitForSelector("table.facts");
    check((await page.locator("input[name=typed]").count()) === 0, `who proposed ${what} does not put it in force`);
    return page.url();
  };
  const putInForce = async (address, version, button = "Put in force") => {
    await ben.goto(address);
    await ben.fill("input[name=typed]", version);
    await ben.click(`text=${button}`);
    await ben.waitForURL(`${base}/review/control`);
  };
  const figure = async (what, of = page) =>
    (await of.locator("table.facts tr", { has: of.locator("th", { hasText: what }) }).first().locator("td").allInnerTexts()).map((text) => text.replace(/[\s\u202f]+/g, " "));
  const asShadow = await propose("model/candidate/1", "is it any good?", { shadow: true });
  check((await figure("Trees"))[1].includes("·") && (await figure("Kind of model"))[0] === "boosted trees", "a model says its trees beside those in force");
  check((await figure("Calibration"))[1].includes("differs"), "what differs is marked");
  check(!(await figure("AUC"))[1].includes("differs") && (await page.locator("table.facts tr", { hasText: "Rows in band" }).count()) >= 1, "its measures and its thresholds are told");
  check(Number((await figure("Drift between the two"))[1]) === 0, "drift between the two is told");
  pages.push(asShadow.slice(base.length));
  await putInForce(asShadow, "1");
  check((await inForce("candidate").innerText()).includes("shadow"), "it scores as a shadow and decides nothing");
  const now = Date.now();
  const events = [];
  for (let n = 0; n < 3; n += 1) {
    const of = { account: `shaded${n}`, age_h: 0.1 };
    events.push({ id: `s${n}`, ts: now, kind: "registration", country: n ? "DE" : "IN", ip_prefix: "10.1.2.0/24", ...of });
    for (let m = 0; m < 60; m += 1) events.push({ id: `s${n}_${m}`, ts: now + m, kind: "message", chat: "direct", peer: `q${m}`, first_contact: true, in_contacts: false, typed: false, ...of });
  }
  const posted = await page.context().request.post(`${base}/v1/events`, { headers: { "content-type": "application/x-ndjson" }, data: events.map((event) => JSON.stringify(event)).join("\n") });
  check(posted.status() === 200, "traffic goes on");
  await inForce("candidate").locator("a").click();
  await ben.waitForSelector("table.facts");
  const shown = new URL(ben.url()).pathname;
  await ben.click("text=Compare shadows");
  const both = async () => Number((await ben.locator(".figure dd").first().innerText().catch(() => "0")) || 0);
  for (let tries = 0; tries < 50 && (await both()) < 3; tries += 1) { await ben.waitForTimeout(200); await ben.reload(); }
  check((await both()) === 3, "a page compares the shadow with what was done: three accounts of both");
  const lands = await ben.locator("[aria-labelledby=by-land] tbody tr").allInnerTexts();
  check(lands.length === 2 && lands[0].startsWith("DE") && /2/.test(lands[0]), `by country (${lands.join("; ")})`);
  check((await ben.locator("[aria-labelledby=by-act] tbody tr").count()) >= 1, "by act");
  pages.push(new URL(ben.url()).pathname + new URL(ben.url()).search, shown);
  const decides = await propose("model/candidate/1", "it is");
  await putInForce(decides, "1");
  check((await inForce("candidate").innerText()).includes("decides"), "promoted, it decides, and is no shadow any more");
  const first = await propose("blocklist/rented/1", "rented numbers");
  check((await page.locator("main").innerText()).includes("Nothing is in force in its place"), "a first list has nothing to be compared with");
  await putInForce(first, "1");
  const second = await propose("blocklist/rented/2", "newer");
  check((await page.locator("main").innerText()).includes("2 entries were added, 1 removed, 2 stay"), "what a list changes is counted by its exact set");
  check((await page.locator("main").innerText()).includes("A Bloom filter cannot list"), "and what a filter cannot do is said");
  check((await figure("False positives"))[1].includes("95 %") && (await figure("from feed"))[1].includes("2"), "with its measured rate, and its sources");
  await putInForce(second, "2");
  check((await inForce("rented").innerText()).includes("2"), "the newer list is in force");
  await putInForce(first, "1", "Go back to it");
  check((await inForce("rented").locator("code").innerText()) === "1", "gone back, by one person alone");
  pages.push(second.slice(base.length));
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

  // Investigate, the rest: by network and by decision; a ranking over 90 days, of a length of one's choice.
  await page.goto(`${base}/review/investigate`);
  await page.selectOption("select[name=kind]", "prefix");
  await page.fill("input[name=key]", "10.1.2.0/24");
  await page.click("form[role=search] button");
  check((await page.locator("section[aria-labelledby=found] a").count()) === 3, "a network leads to its accounts");
  await page.goto(`${base}/review/investigate?kind=decision&key=${restriction.decision}`);
  check(/\/review\/account\/h_[0-9a-f]{20}$/.test(page.url()), "a decision leads to the account that it is about");
  await page.goto(`${base}/review/investigate`);
  await page.selectOption("select[name=group]", "event_kind");
  await page.selectOption("section[aria-labelledby=top] select[name=days]", "90");
  await page.selectOption("section[aria-labelledby=top] select[name=limit]", "50");
  await page.click("section[aria-labelledby=top] button");
  check(/days=90/.test(page.url()) && /limit=50/.test(page.url()), "a ranking over 90 days has an address of its own");
  check((await page.locator("section[aria-labelledby=top] tbody th").allInnerTexts()).join().includes("messages"), "in words");

  const found = await sweep(page, base, pages);
  // As the sweep left it: Arabic, dark.
  await whole("ar-dark");
  check(found.length === 0, `axe and width, ${pages.length} pages\n${found.join("\n")}`);
  check(complaints.length === 0 && ben.complaints.length === 0, `no browser complained\n${complaints.concat(ben.complaints).join("\n")}`);
} finally {
  await browser.close();
}
