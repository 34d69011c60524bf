//! Attackers who hardly write: spam by adding to groups, and enumeration of numbers.
//!
//! Separate from outreach: their acts are group adds and look-ups. Invariant: everybody whom a group spammer adds may
//! leave within a day.

use crate::acts::Reception;
use crate::agent::Mind;
use crate::city::City;
use crate::clock::moment;
use crate::draw::{Draw, HOUR, MINUTE, SECOND};
use crate::persona::Persona;
use crate::personas::outreach::{fresh, unwanted};
use crate::personas::rogue::{self, Style};
use crate::queue::{Task, Who};
use crate::world::World;

/// Creates groups and adds strangers.
struct GroupSpam {
    style: Style,
    met: Reception,
    /// Groups a day, members of a group, members of one act.
    groups: f64,
    members: f64,
    batch: f64,
    /// Share of added people who know it, and who leave within a day.
    known: f64,
    leave: f64,
    gap_ms: f64,
    days_left: u32,
    left: u32,
    begun: bool,
}

/// Looks numbers up.
struct Enumerator {
    /// Numbers a day, numbers of one look-up.
    daily: f64,
    batch: f64,
    hit: f64,
    days_left: u32,
    left: f64,
    gap_ms: f64,
    begun: bool,
}

/// Adds `n` group spammers.
pub(crate) fn group_spam(city: &mut City, n: u32) {
    for ordinal in 0..u64::from(n) {
        let mut rng = city.cradle(Persona::GroupAddSpam, ordinal);
        let home = rogue::home(city, &mut rng);
        let age_h =
            if rng.chance(0.5) { fresh(&mut rng, city.config.hours) } else { rng.spread(24.0, 9_000.0) };
        let mind = GroupSpam {
            style: Style::machine(&mut rng),
            met: unwanted(&mut rng, (0.0, 0.03), (0.003, 0.03)),
            groups: rng.spread(5.0, 50.0),
            members: rng.spread(20.0, 250.0),
            batch: rng.spread(1.0, 120.0),
            known: rng.between(0.0, 0.08),
            leave: rng.between(0.2, 0.6),
            gap_ms: rng.spread(2.0 * SECOND, 5.0 * MINUTE),
            days_left: rng.whole(1, 3),
            left: 0,
            begun: false,
        };
        rogue::enlist(city, (Persona::GroupAddSpam, ordinal), home, age_h, Box::new(mind));
    }
}

/// Adds `n` enumerators.
pub(crate) fn enumeration(city: &mut City, n: u32) {
    for ordinal in 0..u64::from(n) {
        let mut rng = city.cradle(Persona::Enumeration, ordinal);
        let home = rogue::home(city, &mut rng);
        let age_h =
            if rng.chance(0.6) { fresh(&mut rng, city.config.hours) } else { rng.spread(24.0, 9_000.0) };
        let daily = rng.spread(1_000.0, 1_000_000.0);
        let mind = Enumerator {
            daily,
            batch: rng.spread(50.0, 5_000.0).max(daily / 300.0),
            hit: rng.between(0.05, 0.6),
            days_left: rng.whole(1, 6),
            left: 0.0,
            gap_ms: 0.0,
            begun: false,
        };
        rogue::enlist(city, (Persona::Enumeration, ordinal), home, age_h, Box::new(mind));
    }
}

/// The first day's work waits for hours, later ones come at some hour.
fn start_of_day(world: &mut World<'_>, who: Who, day: u64, begun: &mut bool) {
    if std::mem::replace(begun, true) {
        let at = moment(world.rng(who), day, 0.0);
        world.at(at, who, Task::Wake { step: 0 });
    } else {
        let wait = world.rng(who).spread(0.05, 20.0) * HOUR;
        world.later(wait as u64, who, Task::Wake { step: 0 });
    }
}

impl Mind for GroupSpam {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        if self.days_left > 0 {
            self.days_left -= 1;
            start_of_day(world, who, day, &mut self.begun);
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        let Some(patience) = world.patience(who) else { return };
        if step == 0 {
            self.left = world.rng(who).lognormal(self.groups, 0.3).clamp(5.0, 50.0) as u32;
        }
        world.onset(who);
        self.group(world, who);
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            let gap = world.rng(who).lognormal(self.gap_ms, 0.6) * patience;
            world.later(gap as u64, who, Task::Wake { step: 1 });
        }
    }
}

impl GroupSpam {
    /// One group: created, filled in some acts, written into.
    fn group(&mut self, world: &mut World<'_>, who: Who) {
        let group = world.rng(who).below(1 << 23) | 1 << 27;
        if !world.create_group(who, group).done() {
            return;
        }
        let wanted = world.rng(who).lognormal(self.members, 0.3).clamp(20.0, 250.0) as u32;
        let mut size = 1;
        while size < wanted {
            let count = (self.batch as u32).clamp(1, wanted - size);
            let known = world.rng(who).poisson(f64::from(count) * self.known);
            if !world.add_members(who, (group, size), count, known).done() {
                break;
            }
            size += count;
        }
        self.aftermath(world, who, group, size - 1);
        for _ in 0..world.rng(who).whole(1, 3) {
            let note = self.style.note(world.rng(who), true);
            world.send_group(who, (group, size), note);
        }
    }

    fn aftermath(&self, world: &mut World<'_>, who: Who, group: u32, added: u32) {
        for _ in 0..added {
            let peer = world.outsider(who);
            if world.rng(who).chance(self.leave) {
                let delay = world.rng(who).lognormal(90.0 * MINUTE, 1.6).min(24.0 * HOUR) as u64;
                world.later(delay, who, Task::Leave { peer, group });
            }
            if world.rng(who).chance(self.met.block + self.met.report) {
                let delay = world.rng(who).lognormal(self.met.report_ms, 1.2) as u64;
                world.city.ties.entry(crate::city::pair(who, peer)).or_insert(crate::city::LOW_FIRST);
                let task = if world.rng(who).chance(0.5) {
                    Task::Block { peer }
                } else {
                    Task::Report { peer, reason: self.met.reason }
                };
                world.later(delay, who, task);
            }
        }
    }
}

impl Mind for Enumerator {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        if self.days_left > 0 {
            self.days_left -= 1;
            start_of_day(world, who, day, &mut self.begun);
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        let Some(patience) = world.patience(who) else { return };
        if step == 0 {
            self.left = world.rng(who).lognormal(self.daily, 0.3).clamp(1_000.0, 1e6);
            let acts = self.left / self.batch;
            self.gap_ms = world.rng(who).between(1.0, 14.0) * HOUR / acts.max(4.0);
        }
        world.onset(who);
        let count = world.rng(who).lognormal(self.batch, 0.2).clamp(20.0, self.left.max(20.0)) as u32;
        let hits = (f64::from(count) * self.hit * world.rng(who).between(0.85, 1.15)) as u32;
        world.lookup(who, count, hits);
        self.left -= f64::from(count);
        if self.left > 0.0 {
            let gap = world.rng(who).lognormal(self.gap_ms, 0.3) * patience;
            world.later(gap as u64, who, Task::Wake { step: 1 });
        }
    }
}
