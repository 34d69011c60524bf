//! Attackers who write to strangers, one account each: blasters, drips, baited scams, reply washing.
//!
//! Separate from campaigns of many accounts (`campaign`). They are one behaviour with other ranges: how many a day, how
//! fast, at what hours, and how it is received. Invariant: the abuse starts with the first unsolicited message.

use rand_chacha::ChaCha8Rng;
use schema::ReportReason;

use crate::acts::{Reception, Sent};
use crate::agent::Mind;
use crate::city::City;
use crate::clock::{HOUR_MS, moment};
use crate::draw::{Draw, HOUR, MINUTE, SECOND, mix};
use crate::persona::Persona;
use crate::personas::rogue::{self, Style};
use crate::queue::{OUTSIDE, Task, Who};
use crate::world::World;

/// One attacker's ways.
pub(crate) struct Outreach {
    style: Style,
    met: Reception,
    /// First contacts a day.
    daily: f64,
    /// Gap of a run, ms; `None`: spread over human hours.
    gap_ms: Option<f64>,
    /// Messages of one run before a pause.
    run: u32,
    /// Days that it works.
    days_left: u32,
    /// Hours between its first day and its first message.
    wait_h: f64,
    /// Conversations with friends a day.
    cover: f64,
    /// Share of contacts that are accomplices, who always answer.
    wash: f64,
    accomplices: u32,
    left: u32,
}

/// Adds `n` accounts of one of the four personas.
pub(crate) fn enlist(city: &mut City, persona: Persona, n: u32) {
    for ordinal in 0..u64::from(n) {
        let mut rng = city.cradle(persona, ordinal);
        let home = rogue::home(city, &mut rng);
        let run_h = city.config.hours;
        let (mind, age_h) = match persona {
            Persona::BulkBlaster => (Outreach::blaster(&mut rng), fresh(&mut rng, run_h)),
            Persona::SlowDrip => (Outreach::drip(&mut rng), rng.spread(7.0, 60.0) * 24.0),
            Persona::BaitedScam => (Outreach::bait(&mut rng), rng.spread(0.5, 90.0) * 24.0),
            _ => (Outreach::washer(&mut rng, ordinal), fresh(&mut rng, run_h)),
        };
        rogue::enlist(city, (persona, ordinal), home, age_h, Box::new(mind));
    }
}

/// The age of an account that is thrown away after use: most register within the run, some shortly before.
pub(crate) fn fresh(rng: &mut ChaCha8Rng, run_h: f64) -> f64 {
    if rng.chance(0.15) { rng.spread(0.2, 72.0) } else { -rng.between(0.0, run_h * 0.9) }
}

/// How unsolicited mail is received.
pub(crate) fn unwanted(rng: &mut ChaCha8Rng, answer: (f64, f64), anger: (f64, f64)) -> Reception {
    let anger = rng.spread(anger.0, anger.1);
    let reports = rng.between(0.2, 0.7);
    Reception {
        undelivered: rng.spread(0.004, 0.3),
        answer: rng.between(answer.0, answer.1),
        block: anger * (1.0 - reports),
        report: anger * reports,
        reason: if rng.chance(0.7) { ReportReason::Spam } else { ReportReason::Scam },
        answer_ms: rng.spread(3.0, 40.0) * MINUTE,
        report_ms: rng.spread(0.3, 8.0) * HOUR,
        chat: 1.0,
    }
}

impl Outreach {
    fn blaster(rng: &mut ChaCha8Rng) -> Self {
        Self {
            style: Style::machine(rng),
            met: unwanted(rng, (0.0, 0.05), (0.01, 0.08)),
            daily: rng.spread(50.0, 2_000.0),
            gap_ms: Some(rng.spread(150.0, 5.0 * SECOND)),
            run: rng.spread(20.0, 800.0) as u32,
            days_left: rng.spread(1.0, 5.9) as u32,
            wait_h: rng.spread(0.02, 12.0),
            cover: if rng.chance(0.2) { 2.0 } else { 0.0 },
            wash: 0.0,
            accomplices: 0,
            left: 0,
        }
    }

    fn drip(rng: &mut ChaCha8Rng) -> Self {
        Self {
            style: Style::hand(rng),
            met: unwanted(rng, (0.03, 0.10), (0.01, 0.07)),
            daily: rng.spread(5.0, 25.0),
            gap_ms: None,
            days_left: 60,
            wait_h: rng.between(0.0, 48.0),
            cover: rng.between(0.0, 3.0),
            ..Self::blaster(rng)
        }
    }

    fn bait(rng: &mut ChaCha8Rng) -> Self {
        let mut met = unwanted(rng, (0.15, 0.40), (0.01, 0.03));
        met.reason = ReportReason::Scam;
        met.report_ms = rng.between(20.0, 90.0) * HOUR;
        met.chat = rng.between(2.0, 10.0);
        met.undelivered = rng.spread(0.004, 0.08);
        Self { met, daily: rng.between(10.0, 40.0), ..Self::drip(rng) }
    }

    fn washer(rng: &mut ChaCha8Rng, ordinal: u64) -> Self {
        Self {
            wash: rng.between(0.2, 0.3),
            // Four washers share a pool of accomplices.
            accomplices: mix((ordinal / 4) ^ 0xacc0) as u32,
            daily: rng.spread(50.0, 900.0),
            ..Self::blaster(rng)
        }
    }

    /// Writes to the next stranger, or to an accomplice.
    fn shoot(&self, world: &mut World<'_>, who: Who) -> Sent {
        let washed = world.rng(who).chance(self.wash);
        let inside = world.rng(who).chance(0.08);
        let people = world.city.agents.len() as u32;
        let peer = match (washed, inside) {
            (true, _) => {
                mix(u64::from(self.accomplices) << 16 | u64::from(world.rng(who).below(300))) as u32 | OUTSIDE
            }
            (_, true) => world.rng(who).below(people),
            _ => world.outsider(who),
        };
        let note = self.style.note(world.rng(who), false);
        let met = if washed {
            Reception { undelivered: 0.0, answer: 0.97, block: 0.0, report: 0.0, ..self.met }
        } else {
            self.met
        };
        world.onset(who);
        world.approach(who, peer, note, &met)
    }
}

impl Mind for Outreach {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        rogue::cover(world, who, day, self.cover);
        if self.gap_ms.is_none() && self.wait_h > 0.0 {
            // Those who keep human hours wait for whole days.
            self.wait_h -= 24.0;
            return;
        }
        if self.wait_h > 0.0 {
            // The first day comes with the registration, or with the start of the run.
            let wait = (std::mem::take(&mut self.wait_h) * HOUR) as u64;
            return world.later(wait, who, Task::Wake { step: 0 });
        }
        if self.days_left == 0 {
            return;
        }
        self.days_left -= 1;
        let at = if self.gap_ms.is_some() { moment(world.rng(who), day, 0.0) } else { day.max(world.now) };
        world.at(at, who, Task::Wake { step: 0 });
    }

    /// Step 0 begins a day's work; step 1 is the next message of a run; step 2 a single one.
    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        let Some(patience) = world.patience(who) else { return };
        match (step, self.gap_ms) {
            (0, None) => self.spread(world, who, patience),
            (0, Some(_)) if self.left > 0 => {}
            (0, Some(_)) => {
                self.left = world.rng(who).lognormal(self.daily, 0.4).clamp(20.0, 2_000.0) as u32;
                world.later(0, who, Task::Wake { step: 1 });
            }
            (1, Some(gap_ms)) => self.run_on(world, who, gap_ms),
            _ => {
                self.shoot(world, who);
            }
        }
    }
}

impl Outreach {
    /// Spreads the day's messages over the waking hours.
    fn spread(&mut self, world: &mut World<'_>, who: Who, patience: f64) {
        let day = crate::clock::day_start(world.now, world.zone(who));
        for _ in 0..world.rng(who).poisson(self.daily / patience).min(40) {
            let at = moment(world.rng(who), day, 0.0);
            world.at(at, who, Task::Wake { step: 2 });
        }
    }

    /// The next message of a run, and when the one after it comes.
    fn run_on(&mut self, world: &mut World<'_>, who: Who, gap_ms: f64) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        self.shoot(world, who);
        let Some(patience) = world.patience(who) else {
            self.left = 0;
            return;
        };
        let pause = self.left.is_multiple_of(self.run.max(1));
        let gap = if pause {
            world.rng(who).lognormal(0.7 * HOUR_MS as f64, 0.8)
        } else {
            world.rng(who).lognormal(gap_ms, 0.45) * patience
        };
        world.later(gap as u64, who, Task::Wake { step: 1 });
    }
}
