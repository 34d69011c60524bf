//! What attackers have in common: where they come from and what their messages look like.
//!
//! Separate, because every attacker draws from the same wide ranges, which overlap the innocent on purpose: some are
//! typed, some genuine, some behind an ordinary carrier. Invariant: nothing here is a sure sign by itself.

use rand_chacha::ChaCha8Rng;

use crate::acts::{Note, human_size};
use crate::agent::{Habit, Mind};
use crate::city::{City, Recruit};
use crate::draw::{Draw, HOUR, mix};
use crate::network::{self, Home, Identities};
use crate::persona::Persona;
use crate::queue::{OUTSIDE, Task, Who};
use crate::world::World;

/// An attacker's identity: a third hides behind a carrier, a third in a data centre, the rest abroad.
pub(crate) fn home(city: &City, rng: &mut ChaCha8Rng) -> Home {
    let street = mix(rng.next_device()) >> 44;
    let mut home = city.home(rng, street);
    let country = network::any_country(rng);
    home.country = country;
    home.place = country;
    home.device = rng.next_device();
    home.range = network::range(rng, country, city.blocks);
    if rng.chance(0.5) {
        home.range = network::disposable(rng, country);
    }
    match rng.below(10) {
        0..=3 => home.net = network::hosting(rng),
        4..=7 => home.net = network::mobile(rng, country),
        _ => home.net = network::house(country, u64::from(rng.below(1 << 20))),
    }
    if rng.chance(0.35) {
        home.place = network::any_country(rng);
        home.net = if rng.chance(0.5) { network::hosting(rng) } else { network::mobile(rng, home.place) };
    }
    home.mobile = home.net;
    home.attested = network::attested(rng, 0.5);
    home
}

/// What an attacker's messages look like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    typed: f64,
    forwarded: f64,
    in_contacts: f64,
    /// The one size of a template; `None`: written like a person.
    size: Option<u8>,
    /// By how many buckets the template varies.
    wobble: u32,
}

impl Style {
    /// A machine's: one template, mostly untyped, hardly anybody has it in contacts.
    pub(crate) fn machine(rng: &mut ChaCha8Rng) -> Self {
        Self {
            typed: [0.0, 0.0, 0.0, 0.5, 1.0][rng.below(5) as usize],
            forwarded: if rng.chance(0.2) { rng.between(0.3, 1.0) } else { 0.0 },
            in_contacts: rng.between(0.0, 0.02),
            size: Some(rng.whole(5, 13) as u8),
            wobble: [0, 0, 0, 1, 2][rng.below(5) as usize],
        }
    }

    /// A person's who writes by hand, or nearly.
    pub(crate) fn hand(rng: &mut ChaCha8Rng) -> Self {
        Self {
            typed: rng.between(0.2, 1.0),
            forwarded: rng.between(0.0, 0.15),
            in_contacts: rng.between(0.0, 0.06),
            size: if rng.chance(0.5) { Some(rng.whole(5, 9) as u8) } else { None },
            wobble: 1,
        }
    }

    /// One message.
    pub(crate) fn note(&self, rng: &mut ChaCha8Rng, old: bool) -> Note {
        let size = match self.size {
            Some(size) => size + rng.below(self.wobble + 1) as u8,
            None => human_size(rng),
        };
        Note {
            old,
            in_contacts: rng.chance(if old { 0.95 } else { self.in_contacts }),
            typed: rng.chance(self.typed),
            forwarded: rng.chance(self.forwarded),
            size: size.min(15),
        }
    }
}

/// Adds an attacker of an age at the start of the run (hours; negative: registers that long after the start).
pub(crate) fn enlist(
    city: &mut City,
    as_what: (Persona, u64),
    home: Home,
    age_h: f64,
    mind: Box<dyn Mind>,
) -> Who {
    let (persona, ordinal) = as_what;
    let mut rng = city.cradle(persona, ordinal | 1 << 39);
    let born = city.config.start_ms as i64 - (age_h * HOUR) as i64;
    let habit = Habit::none(&mut rng);
    city.enlist(Recruit { persona, ordinal, born, home, habit, mind: Some(mind) })
}

/// Idle talk with a handful of friends, so that the account looks lived in.
pub(crate) fn cover(world: &mut World<'_>, who: Who, day: u64, talks: f64) {
    for _ in 0..world.rng(who).poisson(talks) {
        let friend = mix(u64::from(who) << 8 | u64::from(world.rng(who).below(5))) as u32 | OUTSIDE;
        let at = crate::clock::moment(world.rng(who), day, 0.0);
        let left = world.rng(who).exponential(3.0) as u16;
        world.at(at, who, Task::Turn { peer: friend, left, mine: true, old: true });
    }
}
