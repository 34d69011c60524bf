//! A thief in an old account: new device, new network, then everybody in the address book within hours.
//!
//! Separate, because the account is a victim's: it lives an ordinary life, or sleeps, until the takeover. Invariant:
//! before the onset nothing tells it from its neighbours.

use rand_chacha::ChaCha8Rng;
use schema::ReportReason;

use crate::agent::Mind;
use crate::clock::HOUR_MS;
use crate::draw::{Draw, HOUR, MINUTE};
use crate::network::{self, Identities};
use crate::personas::rogue::Style;
use crate::queue::{Task, Who};
use crate::world::World;

/// The thief's plan.
pub(crate) struct Takeover {
    at: u64,
    style: Style,
    /// Messages an hour.
    hourly: f64,
    /// Hours of one raid, and raids.
    hours: f64,
    raids: u32,
    answer: f64,
    anger: f64,
    /// Share of messages to strangers.
    strangers: f64,
    left: u32,
    next: u32,
    planned: bool,
}

impl Takeover {
    pub(crate) fn draw(rng: &mut ChaCha8Rng, run: (u64, u64)) -> Self {
        Self {
            at: run.0 + ((run.1 - run.0) as f64 * rng.between(0.05, 0.9)) as u64,
            style: Style::hand(rng),
            hourly: rng.spread(20.0, 300.0),
            hours: rng.spread(0.5, 6.0),
            raids: rng.whole(1, 3),
            answer: rng.between(0.2, 0.4),
            anger: rng.spread(0.005, 0.05),
            strangers: if rng.chance(0.3) { rng.between(0.0, 0.4) } else { 0.0 },
            left: 0,
            next: 0,
            planned: false,
        }
    }

    /// Moves in: another device, another network, most often another country.
    fn enter(&mut self, world: &mut World<'_>, who: Who) {
        world.onset(who);
        let agent = &mut world.city.agents[who as usize];
        let rng = &mut agent.rng;
        agent.home.device = rng.next_device();
        if rng.chance(0.7) {
            agent.home.place = network::any_country(rng);
        }
        agent.home.net =
            if rng.chance(0.5) { network::hosting(rng) } else { network::mobile(rng, agent.home.place) };
        agent.home.mobile = agent.home.net;
        agent.home.attested = network::attested(rng, 0.6);
        (agent.habit.talk, agent.habit.meet) = (0.0, 0.0);
        world.identify(who, false);
    }

    fn message(&mut self, world: &mut World<'_>, who: Who) {
        let contacts = world.city.graph.contacts(who).len() as u32;
        let stranger = contacts == 0 || world.rng(who).chance(self.strangers);
        let place = self.next % contacts.max(1);
        self.next += 1;
        let (peer, old) = if stranger {
            (world.outsider(who), false)
        } else {
            (world.city.graph.contacts(who)[place as usize], place < world.city.graph.warm(who))
        };
        let note = self.style.note(world.rng(who), old);
        if !world.send(who, peer, note).done() {
            return;
        }
        if world.rng(who).chance(self.answer) {
            let delay = world.rng(who).lognormal(6.0 * MINUTE, 1.2) as u64;
            world.later(delay, who, Task::Turn { peer, left: 1, mine: false, old });
        }
        if world.rng(who).chance(self.anger) {
            let delay = world.rng(who).lognormal(60.0 * MINUTE, 1.3) as u64;
            world.later(delay, who, Task::Block { peer });
            if world.rng(who).chance(0.4) {
                world.later(delay + 9_000, who, Task::Report { peer, reason: ReportReason::Scam });
            }
        }
    }
}

impl Mind for Takeover {
    fn day(&mut self, world: &mut World<'_>, who: Who, _: u64) {
        if !self.planned {
            self.planned = true;
            world.at(self.at.max(world.now), who, Task::Wake { step: 0 });
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        if step == 0 {
            if world.city.agents[who as usize].onset.is_none() {
                self.enter(world, who);
            }
            self.raids = self.raids.saturating_sub(1);
            self.left = ((self.hourly * self.hours) as u32).clamp(10, 900);
            let look = world.rng(who).lognormal(4.0 * MINUTE, 0.8) as u64;
            return world.later(look, who, Task::Wake { step: 1 });
        }
        self.message(world, who);
        let Some(patience) = world.patience(who) else { return };
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            if self.raids > 0 {
                let rest = 6 * HOUR_MS + world.rng(who).exponential(12.0 * HOUR) as u64;
                world.later(rest, who, Task::Wake { step: 0 });
            }
            return;
        }
        let gap = world.rng(who).lognormal(0.75 * HOUR / self.hourly, 0.75) * patience;
        world.later(gap as u64, who, Task::Wake { step: 1 });
    }
}
