//! Report brigades: crowds who report an innocent within the hour, and the innocents themselves.
//!
//! Separate, because here the victim is the account and the attackers act only by reporting. Invariants: the victim did
//! nothing; of a lured brigade every author wrote first.

use rand_chacha::ChaCha8Rng;
use schema::ReportReason;

use crate::agent::Mind;
use crate::city::City;
use crate::draw::{Draw, HOUR, MINUTE};
use crate::network::{self, Identities};
use crate::persona::Persona;
use crate::personas::rogue;
use crate::queue::{Task, Who};
use crate::world::{Origin, World};

/// An innocent who is going to be brigaded, beside an ordinary life.
pub(crate) struct Victim {
    at: u64,
    reports: u32,
    lured: bool,
    crowd: Crowd,
    /// Authors who are simulated accounts, the first of them.
    pub(crate) reporters: Vec<Who>,
    reason: ReportReason,
    window_ms: f64,
    planned: bool,
}

/// What the authors look like.
struct Crowd {
    /// Devices, networks and ranges that they share; empty: a crowd of real, unlike people.
    devices: Vec<u64>,
    home: network::Home,
    age_h: f64,
}

impl Victim {
    pub(crate) fn draw(city: &City, rng: &mut ChaCha8Rng, lured: bool, run: (u64, u64)) -> Self {
        let alike = rng.chance(0.6);
        let devices = if alike { rng.whole(1, 30) } else { 0 };
        Self {
            at: run.0 + ((run.1 - run.0) as f64 * rng.between(0.02, 0.95)) as u64,
            reports: rng.spread(10.0, 301.0) as u32,
            lured,
            crowd: Crowd {
                devices: (0..devices).map(|_| rng.next_device()).collect(),
                home: rogue::home(city, rng),
                age_h: if alike { rng.spread(1.0, 2_000.0) } else { 14_000.0 },
            },
            reporters: Vec::new(),
            reason: [ReportReason::Spam, ReportReason::Scam, ReportReason::Harassment, ReportReason::Other]
                [rng.below(4) as usize],
            window_ms: rng.between(10.0, 55.0) * MINUTE,
            planned: false,
        }
    }

    /// The author of a report: simulated, alike, or anybody.
    fn author(&self, world: &mut World<'_>, who: Who, place: u32) -> (Who, Option<Origin>) {
        if let Some(reporter) = self.reporters.get(place as usize) {
            return (*reporter, None);
        }
        let peer = crate::draw::mix(u64::from(who) << 16 | u64::from(place)) as u32 | crate::queue::OUTSIDE;
        let devices = self.crowd.devices.len() as u32;
        let alike = (devices > 0).then(|| {
            let rng = world.rng(who);
            Origin {
                age_h: rng.lognormal(self.crowd.age_h, 0.5),
                device: self.crowd.devices[rng.below(devices) as usize],
                net: self.crowd.home.net,
                range: self.crowd.home.range,
            }
        });
        (peer, alike)
    }

    /// An author of a lured brigade writes, and the victim answers.
    fn lure(&self, world: &mut World<'_>, who: Who, author: Who) {
        if author < crate::queue::OUTSIDE {
            let note = world.note(who, author, who, false);
            world.send(author, who, note);
        } else {
            world.written_to(who, author);
        }
        if world.rng(who).chance(0.9) {
            let delay = world.rng(who).lognormal(2.0 * MINUTE, 0.7) as u64;
            world.later(delay, who, Task::Turn { peer: author, left: 0, mine: true, old: false });
        }
    }
}

impl Mind for Victim {
    fn day(&mut self, world: &mut World<'_>, who: Who, _: u64) {
        if !self.planned {
            self.planned = true;
            world.at(self.at.max(world.now), who, Task::Wake { step: 0 });
        }
    }

    /// Step 0: the brigade begins; odd steps: an author writes; even ones: it reports.
    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        if step == 0 {
            for place in 0..self.reports {
                let delay = world.rng(who).between(0.0, self.window_ms) as u64;
                if self.lured {
                    world.later(delay, who, Task::Wake { step: place * 2 + 1 });
                }
                let wait = if self.lured { (20.0 * MINUTE) as u64 } else { 0 };
                world.later(delay + wait, who, Task::Wake { step: place * 2 + 2 });
            }
            return;
        }
        let place = (step - 1) / 2;
        let (author, crowd) = self.author(world, who, place);
        if !step.is_multiple_of(2) {
            return self.lure(world, who, author);
        }
        world.report(who, author, self.reason, crowd);
        if world.rng(who).chance(0.3) {
            world.later(4_000, who, Task::Block { peer: author });
        }
    }
}

/// One of a brigade: on the network for its reports alone.
struct Reporter;

impl Mind for Reporter {
    fn day(&mut self, world: &mut World<'_>, who: Who, _: u64) {
        if world.city.agents[who as usize].onset.is_none() {
            world.onset(who);
            world.identify(who, false);
        }
    }
}

/// Adds the authors of every twentieth brigade as accounts of their own.
pub(crate) fn reporters(city: &mut City) {
    let victims: Vec<Who> = (0..city.agents.len() as Who)
        .filter(|who| {
            let persona = city.agents[*who as usize].persona;
            matches!(persona, Persona::BrigadeVictim | Persona::LuredBrigadeVictim)
        })
        .step_by(20)
        .collect();
    let mut ordinal = 0;
    for victim in victims {
        let mut rng = city.cradle(Persona::ReportBrigade, 1 << 38 | u64::from(victim));
        let shared = rogue::home(city, &mut rng);
        let mut crew = Vec::new();
        for _ in 0..rng.whole(10, 60) {
            let mut home = shared;
            if rng.chance(0.7) {
                home.device = rng.next_device();
            }
            let age_h = rng.spread(1.0, 4_000.0);
            crew.push(rogue::enlist(
                city,
                (Persona::ReportBrigade, ordinal),
                home,
                age_h,
                Box::new(Reporter),
            ));
            ordinal += 1;
        }
        let day_ms = HOUR as u64 * 24;
        let at = city.config.start_ms + day_ms.min((city.end - city.config.start_ms) / 2);
        let run = (at, city.end);
        let lured = city.agents[victim as usize].persona == Persona::LuredBrigadeVictim;
        let mut mind = Victim::draw(city, &mut rng, lured, run);
        mind.reporters = crew;
        city.agents[victim as usize].mind = Some(Box::new(mind));
    }
}
