//! Benign people whose work or fame brings strangers: sellers, support, administrators, celebrities.
//!
//! Separate from senders of mailings: what they send is typed and answered. Invariant: strangers who wrote first are
//! never first contacts of the account.

use rand_chacha::ChaCha8Rng;

use crate::acts::{Note, Reception, human_size};
use crate::agent::Mind;
use crate::clock::{DAY_MS, HOUR_MS, moment};
use crate::draw::{Draw, HOUR, MINUTE, SECOND};
use crate::queue::{Task, Who};
use crate::world::World;

/// Strangers write to it, and it answers: a market seller, or a celebrity who answers few.
pub(crate) struct Answerer {
    /// Strangers a day.
    strangers: f64,
    /// Share that it answers.
    answers: f64,
    /// Mean further messages of a thread.
    thread: f64,
    /// Typed by hand, or pasted from a price list.
    typed: f64,
}

impl Answerer {
    /// 20 to 80 strangers a day, most of them answered.
    pub(crate) fn seller(rng: &mut ChaCha8Rng) -> Self {
        Self {
            strangers: rng.between(20.0, 80.0),
            answers: rng.between(0.8, 1.0),
            thread: rng.between(1.0, 5.0),
            typed: rng.between(0.4, 0.95),
        }
    }

    /// Hundreds of strangers a day, few of them answered.
    pub(crate) fn celebrity(rng: &mut ChaCha8Rng) -> Self {
        Self {
            strangers: rng.lognormal(300.0, 0.7),
            answers: rng.between(0.01, 0.3),
            thread: rng.between(0.2, 1.5),
            typed: rng.between(0.8, 1.0),
        }
    }
}

impl Mind for Answerer {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        let count = world.rng(who).poisson(self.strangers * self.answers);
        for _ in 0..count.min(400) {
            let at = moment(world.rng(who), day, 0.0);
            world.at(at, who, Task::Wake { step: 0 });
        }
        // Fans among the simulated accounts write first messages of their own.
        if self.strangers > 100.0 {
            for _ in 0..world.rng(who).poisson(3.0) {
                let at = moment(world.rng(who), day, 0.0);
                world.at(at, who, Task::Wake { step: 1 });
            }
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        if step == 1 {
            let people = world.city.agents.len() as u32;
            let fan = world.rng(who).below(people);
            let agent = &world.city.agents[fan as usize];
            if agent.persona == crate::persona::Persona::Person && !agent.gone {
                let note = world.note(who, fan, who, false);
                world.send(fan, who, note);
            }
            return;
        }
        let peer = world.outsider(who);
        world.written_to(who, peer);
        let rng = world.rng(who);
        let note = Note {
            old: false,
            in_contacts: rng.chance(0.4),
            typed: rng.chance(self.typed),
            forwarded: rng.chance(0.05),
            size: human_size(rng),
        };
        if !world.send(who, peer, note).done() {
            return;
        }
        let left = world.rng(who).exponential(self.thread) as u16;
        let delay = world.rng(who).lognormal(60.0 * SECOND, 1.2) as u64;
        world.later(delay, who, Task::Turn { peer, left, mine: false, old: false });
        if world.rng(who).chance(0.0015) {
            let delay = world.rng(who).lognormal(3.0 * HOUR, 1.0) as u64;
            world.later(delay, who, Task::Report { peer, reason: schema::ReportReason::Scam });
        }
    }
}

/// Writes to customers who asked for it: 30 to 150 new numbers a day, short two-way threads.
pub(crate) struct Support {
    daily: f64,
    met: Reception,
    in_contacts: f64,
}

impl Support {
    pub(crate) fn draw(rng: &mut ChaCha8Rng) -> Self {
        let met = Reception {
            answer: rng.between(0.5, 0.85),
            answer_ms: rng.spread(2.0, 30.0) * MINUTE,
            chat: rng.between(0.5, 4.0),
            undelivered: rng.between(0.003, 0.02),
            block: 0.002,
            report: 0.0008,
            ..Reception::PERSON
        };
        Self { daily: rng.spread(30.0, 150.0), met, in_contacts: rng.between(0.02, 0.3) }
    }
}

impl Mind for Support {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        if crate::clock::is_weekend(day, world.zone(who)) && world.rng(who).chance(0.8) {
            return;
        }
        for _ in 0..world.rng(who).poisson(self.daily) {
            let at = day + 4 * HOUR_MS + (world.rng(who).between(0.0, 9.5) * HOUR) as u64;
            world.at(at, who, Task::Wake { step: 0 });
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, _: u32) {
        let peer = world.outsider(who);
        let mut note = world.note(who, who, peer, false);
        note.in_contacts = world.rng(who).chance(self.in_contacts);
        world.approach(who, peer, note, &self.met);
    }
}

/// Runs 10 to 50 groups: announcements into all of them, and new members in batches.
pub(crate) struct Administrator {
    groups: u32,
    first: u32,
    /// Announcements a day.
    announcements: f64,
    /// Gap between two groups, ms.
    gap_ms: f64,
    /// Which group is next in the running announcement.
    next: u32,
}

impl Administrator {
    pub(crate) fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self {
            groups: rng.whole(10, 50),
            first: rng.below(1 << 22) | 1 << 26,
            announcements: rng.between(0.5, 4.0),
            gap_ms: rng.spread(1.5 * SECOND, 30.0 * SECOND),
            next: 0,
        }
    }

    /// Members of a group: 50 to 1,024, the same whenever asked.
    fn size(&self, group: u32) -> u32 {
        50 + (crate::draw::trait_of(u64::from(self.first), u64::from(group)) * 974.0) as u32
    }
}

impl Mind for Administrator {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        for _ in 0..world.rng(who).poisson(self.announcements) {
            let at = moment(world.rng(who), day, -1.0);
            world.at(at, who, Task::Wake { step: 0 });
        }
        // A new class or season: a group is filled with people who mostly know the school.
        if world.rng(who).chance(0.12) {
            let at = moment(world.rng(who), day, -1.0);
            world.at(at, who, Task::Wake { step: 1 });
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        if step == 1 {
            return self.fill(world, who);
        }
        let group = self.first + self.next;
        let note = world.note(who, who, who, true);
        let sent = world.send_group(who, (group, self.size(group)), note);
        self.next = (self.next + 1) % self.groups;
        if self.next > 0 && sent.done() {
            let delay = world.rng(who).lognormal(self.gap_ms, 0.6) as u64;
            world.later(delay, who, Task::Wake { step: 0 });
        }
    }
}

impl Administrator {
    fn fill(&mut self, world: &mut World<'_>, who: Who) {
        let group = self.first + self.groups;
        self.groups = (self.groups + 1).min(50);
        if !world.create_group(who, group).done() {
            return;
        }
        let wanted = world.rng(who).whole(20, 180);
        let mut size = 1;
        while size < wanted {
            let count = world.rng(who).whole(5, 60);
            let share = world.rng(who).between(0.55, 1.0);
            if !world.add_members(who, (group, size), count, (f64::from(count) * share) as u32).done() {
                return;
            }
            size += count;
        }
        for _ in 0..world.rng(who).poisson(f64::from(size) * 0.03) {
            let (peer, delay) = (world.outsider(who), world.rng(who).below(DAY_MS as u32));
            world.later(u64::from(delay), who, Task::Leave { peer, group });
        }
    }
}
