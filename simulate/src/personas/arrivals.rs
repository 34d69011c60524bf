//! Benign bursts of people who come: new numbers, new phones, imported address books, new cohorts, long absence.
//!
//! Separate, because each is a burst once in a life, by an account that is often hours old. Invariant: whom they write
//! to are people who know them, or are about to.

use rand_chacha::ChaCha8Rng;

use crate::acts::Reception;
use crate::agent::Mind;
use crate::clock::{self, HOUR_MS};
use crate::draw::{Draw, HOUR, MINUTE, SECOND};
use crate::network::{self, Identities};
use crate::personas::person;
use crate::queue::{Errand, Task, Who};
use crate::world::World;

/// How one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coming {
    /// Registers within the run and imports a small address book.
    Newcomer,
    /// Imports 200 to 2,000 contacts in minutes.
    Importer,
    /// Tells 30 to 300 people of its new number within an hour; few have it in contacts.
    NewNumber,
    /// A new phone, and everybody is greeted.
    NewPhone,
    /// Away for weeks to years.
    Dormant,
    /// Abroad for some days.
    Abroad,
}

/// A burst once in the run.
pub(crate) struct Arrival {
    how: Coming,
    /// When, ms since the Unix epoch.
    at: u64,
    /// People or numbers in the burst.
    many: u32,
    gap_ms: f64,
    done: u32,
    begun: bool,
}

impl Arrival {
    /// An arrival at a moment of the run.
    pub(crate) fn draw(rng: &mut ChaCha8Rng, how: Coming, run: (u64, u64)) -> Self {
        let (many, gap_ms) = match how {
            Coming::Newcomer => (rng.lognormal(5.0, 0.8).min(60.0) as u32, 0.0),
            Coming::Importer => (rng.spread(200.0, 2_000.0) as u32, 0.0),
            Coming::NewNumber => {
                let many = rng.spread(30.0, 300.0);
                (many as u32, 3_300.0 * SECOND / many)
            }
            Coming::NewPhone => (rng.spread(15.0, 160.0) as u32, rng.spread(5.0 * SECOND, 90.0 * SECOND)),
            Coming::Dormant => (rng.lognormal(4.0, 0.7).min(25.0) as u32, 4.0 * MINUTE),
            Coming::Abroad => (rng.whole(2, 6), 0.0),
        };
        let at = run.0 + ((run.1 - run.0) as f64 * rng.unit() * 0.9) as u64;
        Self { how, at, many, gap_ms, done: 0, begun: false }
    }

    /// Whether the account registers at that moment.
    pub(crate) fn registers(&self) -> Option<u64> {
        matches!(self.how, Coming::Newcomer | Coming::Importer | Coming::NewNumber).then_some(self.at)
    }

    fn begin(&mut self, world: &mut World<'_>, who: Who) {
        let rng = world.rng(who);
        let first = match self.how {
            Coming::Newcomer | Coming::Importer => rng.lognormal(60.0 * SECOND, 0.8),
            Coming::NewNumber => rng.lognormal(4.0 * MINUTE, 0.8),
            _ => rng.lognormal(2.0 * MINUTE, 0.6),
        };
        world.later(first as u64, who, Task::Wake { step: 1 });
    }

    /// Whom the burst's next message goes to, and whether they wrote to each other before.
    fn next_peer(&mut self, world: &mut World<'_>, who: Who) -> (Who, bool) {
        let place = self.done;
        self.done += 1;
        match world.city.graph.contacts(who).get(place as usize).copied() {
            Some(peer) => (peer, place < world.city.graph.warm(who)),
            None => (world.outsider(who), matches!(self.how, Coming::NewPhone)),
        }
    }

    fn import(&mut self, world: &mut World<'_>, who: Who) {
        let total =
            if self.how == Coming::Importer { self.many } else { world.rng(who).spread(15.0, 400.0) as u32 };
        let share = world.rng(who).between(0.2, 0.75);
        let batches = total.div_ceil(250);
        for batch in 0..batches {
            let count = (total - batch * 250).min(250);
            world.lookup(who, count, (f64::from(count) * share) as u32);
        }
        // First words of the first day; a heavy newcomer greets dozens.
        for _ in 0..self.many.min(60) {
            let delay = world.rng(who).lognormal(1.5 * HOUR, 1.2).min(20.0 * HOUR) as u64;
            world.later(delay, who, Task::Meet);
        }
    }
}

impl Mind for Arrival {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        if self.begun {
            return;
        }
        if self.registers().is_some() {
            self.begun = true;
            return self.begin(world, who);
        }
        let waking = day + 5 * HOUR_MS;
        if self.at < waking + 16 * HOUR_MS {
            self.begun = true;
            let at = self.at.max(waking).max(world.now);
            world.at(at, who, Task::Wake { step: 0 });
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        match (self.how, step) {
            (Coming::Newcomer | Coming::Importer, _) => self.import(world, who),
            (Coming::Abroad, 0) => {
                let back = u64::from(self.many) * clock::DAY_MS;
                travel(world, who, true);
                world.later(back, who, Task::Wake { step: 1 });
            }
            (Coming::Abroad, _) => travel(world, who, false),
            (Coming::NewPhone, 0) => {
                person::errand(world, who, Errand::NewPhone);
                self.begin(world, who);
            }
            (Coming::Dormant, 0) => {
                // Half of those who come back do so on another phone.
                if world.rng(who).chance(0.5) {
                    let device = world.rng(who).next_device();
                    world.city.agents[who as usize].home.device = device;
                }
                let (talk, meet) =
                    (world.rng(who).lognormal(2.0, 1.0).min(40.0), world.rng(who).lognormal(0.3, 1.0));
                (world.city.agents[who as usize].habit.talk, world.city.agents[who as usize].habit.meet) =
                    (talk, meet.min(8.0));
                world.identify(who, false);
                self.begin(world, who);
            }
            _ => self.greet(world, who),
        }
    }
}

impl Arrival {
    /// The next greeting of the burst.
    fn greet(&mut self, world: &mut World<'_>, who: Who) {
        if self.done >= self.many {
            return;
        }
        let (peer, old) = self.next_peer(world, who);
        let mut note = world.note(who, who, peer, old);
        let pasted = self.how == Coming::NewNumber && world.rng(who).chance(0.7);
        note.typed = note.typed && !pasted;
        let (known, answer) = match self.how {
            Coming::NewNumber => (0.2, 0.5),
            Coming::NewPhone => (0.93, 0.6),
            _ => (0.8, 0.5),
        };
        note.in_contacts = world.rng(who).chance(known);
        let met = Reception { answer, block: 0.003, report: 0.0006, chat: 1.5, ..Reception::PERSON };
        if !old || self.how == Coming::NewNumber {
            world.approach(who, peer, note, &met);
        } else if world.send(who, peer, note).done() && world.rng(who).chance(answer) {
            let delay = world.rng(who).lognormal(10.0 * MINUTE, 1.3) as u64;
            world.later(delay, who, Task::Turn { peer, left: 2, mine: false, old });
        }
        if world.patience(who).is_some() {
            let gap = world.rng(who).lognormal(self.gap_ms * 0.7, 0.8) as u64;
            world.later(gap, who, Task::Wake { step: 1 });
        }
    }
}

/// Goes abroad, onto a foreign carrier, or comes home.
fn travel(world: &mut World<'_>, who: Who, away: bool) {
    let agent = &mut world.city.agents[who as usize];
    let home = agent.home;
    if away {
        let place = network::any_country(&mut agent.rng);
        agent.home.place = place;
        agent.home.net = network::mobile(&mut agent.rng, place);
        agent.home.mobile = network::mobile(&mut agent.rng, place);
    } else {
        agent.home.place = home.country;
        agent.home.net = network::house(home.country, u64::from(who / 6));
        agent.home.mobile = network::mobile(&mut agent.rng, home.country);
    }
    world.identify(who, false);
}

/// A class, a wedding, a staff intake: everybody writes to everybody else within an hour.
pub(crate) struct Cohort {
    /// The first member; members are numbered in a row among the cohort's accounts.
    pub(crate) members: std::rc::Rc<[Who]>,
    /// When, ms since the Unix epoch.
    pub(crate) at: u64,
    pub(crate) place: usize,
    pub(crate) gap_ms: f64,
    pub(crate) begun: bool,
}

impl Mind for Cohort {
    fn day(&mut self, world: &mut World<'_>, who: Who, _: u64) {
        if !self.begun {
            self.begun = true;
            let late = world.rng(who).exponential(8.0 * MINUTE) as u64;
            world.at(self.at.max(world.now) + late, who, Task::Wake { step: 0 });
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        let count = self.members.len();
        if step as usize + 1 >= count {
            return;
        }
        let peer = self.members[(self.place + 1 + step as usize) % count];
        let mut note = world.note(who, who, peer, false);
        note.in_contacts = world.rng(who).chance(0.4);
        let met = Reception { answer: 0.77, answer_ms: 6.0 * MINUTE, block: 0.0004, ..Reception::PERSON };
        world.approach(who, peer, note, &met);
        let gap = world.rng(who).lognormal(self.gap_ms, 0.8) as u64;
        world.later(gap, who, Task::Wake { step: step + 1 });
    }
}
