//! Ordinary life: conversations in bursts, a few new people, groups, and now and then an errand.
//!
//! Separate, because most benign personas live it beside their trade. Invariant: everything is drawn from the account's
//! own habit, at hours when its owner is awake.

use rand_chacha::ChaCha8Rng;
use schema::ReportReason;

use crate::acts::Reception;
use crate::clock::{self, DAY_MS, HOUR_MS};
use crate::draw::{Draw, MINUTE, SECOND, trait_of};
use crate::network::Identities;
use crate::persona::Persona;
use crate::queue::{Errand, OUTSIDE, Task, Who};
use crate::world::World;

/// Mean messages of a conversation.
const TURNS: f64 = 3.4;

/// Plans the local day that began at `day`.
pub(crate) fn day(world: &mut World<'_>, who: Who, day: u64) {
    let eve = world.city.holiday.is_eve(day);
    let weekend = clock::is_weekend(day, world.zone(who));
    let agent = &mut world.city.agents[who as usize];
    let habit = agent.habit;
    let rng = &mut agent.rng;
    let mut mood = rng.lognormal(0.9, 0.5) * if weekend { 1.1 } else { 1.0 };
    if rng.chance(0.12) {
        mood = 0.0;
    }
    let talks = rng.poisson(habit.talk * mood / TURNS);
    let meets = rng.poisson(habit.meet * mood.min(2.0));
    let group_talks = rng.poisson(habit.talk * mood * 0.06);
    let extra = if eve { rng.poisson((habit.spree - 1.0) * (habit.talk + 1.0) / TURNS * 1.3) } else { 0 };
    for (count, task) in [(talks, Task::Talk), (meets, Task::Meet), (group_talks, Task::GroupTalk)] {
        for _ in 0..count {
            let rng = &mut world.city.agents[who as usize].rng;
            let at = clock::moment(rng, day, habit.shift_h);
            world.at(at, who, task);
        }
    }
    for _ in 0..extra {
        // The greetings of the holiday fall into a few hours around midnight.
        let at = day + 18 * HOUR_MS + (world.rng(who).between(-3.0, 3.5) * HOUR_MS as f64) as u64;
        world.at(at, who, Task::Talk);
    }
    errands(world, who, day, eve);
}

/// Plans what is rare.
fn errands(world: &mut World<'_>, who: Who, day: u64, eve: bool) {
    const ODDS: [(f64, Task); 4] = [
        (0.08, Task::Errand(Errand::Lookup)),
        (0.008, Task::Errand(Errand::NewGroup)),
        (0.0014, Task::Errand(Errand::NewPhone)),
        (0.00015, Task::Delete),
    ];
    let shift_h = world.city.agents[who as usize].habit.shift_h;
    for (odds, task) in ODDS {
        if world.rng(who).chance(odds) {
            let at = clock::moment(world.rng(who), day, shift_h);
            world.at(at, who, task);
        }
    }
    let greets =
        world.city.agents[who as usize].persona == Persona::HolidayGreeter || world.rng(who).chance(0.04);
    if eve && greets {
        let at = day + 20 * HOUR_MS + (world.rng(who).normal() * 20.0 * MINUTE) as u64;
        world.at(at, who, Task::Errand(Errand::Greet));
    }
}

/// Begins a conversation with one of the people it knows, mostly the closest.
pub(crate) fn talk(world: &mut World<'_>, who: Who) {
    let warm = world.city.graph.warm(who);
    let agent = &mut world.city.agents[who as usize];
    let known = warm + agent.met;
    if known == 0 {
        return meet(world, who);
    }
    let draw = |rng: &mut ChaCha8Rng| {
        let unit = rng.unit();
        (f64::from(known) * unit * unit * unit) as u32
    };
    let (place, other) = (draw(&mut agent.rng), draw(&mut agent.rng));
    let left = (agent.rng.lognormal(1.0, 1.4) as u32).min(60) as u16;
    // Of two that come to mind, the more talkative is the likelier one.
    let chatty = |place: u32| {
        let peer = world.city.graph.contacts(who).get(place as usize);
        peer.and_then(|peer| world.city.agents.get(*peer as usize)).map_or(0.0, |agent| agent.habit.talk)
    };
    let place = if chatty(other) > chatty(place) { other } else { place };
    let Some(peer) = world.city.graph.contacts(who).get(place as usize).copied() else { return };
    world.later(0, who, Task::Turn { peer, left, mine: true, old: place < warm });
}

/// Writes to somebody new: a contact not yet met, or a stranger.
pub(crate) fn meet(world: &mut World<'_>, who: Who) {
    let place = world.city.graph.warm(who) + world.city.agents[who as usize].met;
    let contact = world.city.graph.contacts(who).get(place as usize).copied();
    if let Some(peer) = contact.filter(|_| world.city.agents[who as usize].rng.chance(0.55)) {
        world.city.agents[who as usize].met += 1;
        greet_contact(world, who, peer);
        return;
    }
    let simulated = world.city.agents.len() as u32;
    let inside = world.rng(who).chance(0.1);
    let peer = if inside { world.rng(who).below(simulated) } else { world.outsider(who) };
    if peer < OUTSIDE && !world.city.agents[peer as usize].persona.is_social() {
        return;
    }
    let mut note = world.note(who, who, peer, false);
    note.forwarded = note.forwarded && world.rng(who).chance(0.2);
    let met = world.ordinary(who);
    world.approach(who, peer, note, &met);
    if world.rng(who).chance(0.25) {
        let delay = world.rng(who).lognormal(25.0 * SECOND, 1.0) as u64;
        world.later(delay, who, Task::Turn { peer, left: 0, mine: true, old: false });
    }
}

/// First words to somebody whose number it has: mostly mutual, mostly answered.
pub(crate) fn greet_contact(world: &mut World<'_>, who: Who, peer: Who) {
    let mut note = world.note(who, who, peer, false);
    note.in_contacts = trait_of(world.city.config.seed ^ u64::from(who), u64::from(peer)) < 0.85;
    let met = Reception { answer: 0.77, block: 0.0005, report: 0.0001, ..Reception::PERSON };
    world.approach(who, peer, note, &met);
}

/// A message or a few in the account's circle, or in another group of the neighbourhood.
pub(crate) fn group_talk(world: &mut World<'_>, who: Who) {
    let Some(mut group) = world.city.graph.circle(who) else { return };
    if world.rng(who).chance(0.3) {
        let large = world.rng(who).lognormal(60.0, 0.8).clamp(12.0, 800.0) as u32;
        group = (group.0 | 1 << 24, large);
    }
    let note = world.note(who, who, who, true);
    world.send_group(who, group, note);
    if world.rng(who).chance(0.3) {
        let delay = world.rng(who).lognormal(60.0 * SECOND, 1.2) as u64;
        world.later(delay, who, Task::GroupTalk);
    }
}

/// Something rare.
pub(crate) fn errand(world: &mut World<'_>, who: Who, errand: Errand) {
    match errand {
        Errand::Lookup => {
            let count = world.rng(who).exponential(2.5) as u32 + 1;
            let hits = (f64::from(count) * world.rng(who).between(0.4, 1.0)) as u32;
            world.lookup(who, count, hits);
        }
        Errand::NewGroup => new_group(world, who),
        Errand::NewPhone => {
            let device = world.rng(who).next_device();
            world.city.agents[who as usize].home.device = device;
            world.identify(who, false);
        }
        Errand::Greet => greet_all(world, who),
    }
}

/// A group with a few contacts; now and then one of them leaves.
fn new_group(world: &mut World<'_>, who: Who) {
    let group = world.rng(who).below(1 << 23) | 1 << 25;
    if !world.create_group(who, group).done() {
        return;
    }
    let contacts = world.city.graph.contacts(who).len() as f64;
    let count = (world.rng(who).lognormal(6.0, 0.7).min(contacts * 0.8) as u32).max(2);
    let unknown = world.rng(who).poisson(f64::from(count) * 0.06);
    world.add_members(who, (group, 1), count, count.saturating_sub(unknown));
    for _ in 0..world.rng(who).poisson(f64::from(count) * 0.02) {
        let (peer, delay) = (world.outsider(who), world.rng(who).below(DAY_MS as u32));
        world.later(u64::from(delay), who, Task::Leave { peer, group });
    }
    let note = world.note(who, who, who, true);
    world.send_group(who, (group, count + 1), note);
}

/// The same greeting to all good contacts within minutes, mostly forwarded.
fn greet_all(world: &mut World<'_>, who: Who) {
    let eager = world.city.agents[who as usize].persona == Persona::HolidayGreeter;
    let share = if eager { world.rng(who).between(0.5, 1.0) } else { world.rng(who).between(0.1, 0.5) };
    let known = world.city.graph.contacts(who).len() as f64;
    let pace = world.rng(who).spread(2.0 * SECOND, 40.0 * SECOND);
    let mut delay = 0.0;
    for place in 0..(known * share) as u32 {
        delay += world.rng(who).exponential(pace);
        let old = place < world.city.graph.warm(who);
        let Some(peer) = world.city.graph.contacts(who).get(place as usize).copied() else { return };
        world.later(delay as u64, who, Task::Turn { peer, left: 0, mine: true, old });
        if world.rng(who).chance(0.45) {
            let answer = delay + world.rng(who).lognormal(20.0 * MINUTE, 1.3);
            world.later(answer as u64, who, Task::Turn { peer, left: 0, mine: false, old });
        }
    }
}

/// Quarrels: an ordinary contact blocks or reports the account out of a grudge.
pub(crate) fn grudges(world: &mut World<'_>, who: Who) {
    let days = world.city.config.hours / 24.0;
    if !world.rng(who).chance(0.0015 * days) {
        return;
    }
    let contacts = world.city.graph.contacts(who).len() as u32;
    let place = world.rng(who).below(contacts) as usize;
    let Some(peer) = world.city.graph.contacts(who).get(place).copied() else { return };
    let delay = u64::from(world.rng(who).below((days * DAY_MS as f64).min(4e9) as u32));
    world.later(delay, who, Task::Block { peer });
    if world.rng(who).chance(0.3) {
        world.later(delay + 5_000, who, Task::Report { peer, reason: ReportReason::Harassment });
    }
}
