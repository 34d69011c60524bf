//! Benign accounts that send by the hundred: broadcasters and the two kinds of bots.
//!
//! Separate, because they look like spammers to any counter; what tells them apart is who has them in contacts, what
//! they are registered as, and the exempt list. Invariant: only bots are on the exempt list.

use rand_chacha::ChaCha8Rng;
use schema::Tier;

use crate::acts::{Note, Reception};
use crate::agent::{Habit, Mind};
use crate::city::{City, Recruit};
use crate::clock::{DAY_MS, HOUR_MS};
use crate::draw::{Draw, HOUR, SECOND, mix};
use crate::network::{self, Identities};
use crate::persona::Persona;
use crate::queue::{OUTSIDE, Task, Who};
use crate::world::World;

/// Adds `n` accounts of one of the three personas.
pub(crate) fn enlist(city: &mut City, persona: Persona, n: u32) {
    for ordinal in 0..u64::from(n) {
        let mut rng = city.cradle(persona, ordinal);
        let (tier, mind): (Tier, Box<dyn Mind>) = match persona {
            Persona::BusinessBroadcaster => {
                (broadcaster_tier(&mut rng), Box::new(Broadcaster::draw(&mut rng)))
            }
            Persona::OtpBot => (bot_tier(&mut rng), Box::new(OtpBot::draw(&mut rng))),
            _ => (bot_tier(&mut rng), Box::new(AlertBot::draw(&mut rng))),
        };
        let mut home = city.home(&mut rng, mix(ordinal) >> 40);
        home.tier = Some(tier);
        if rng.chance(0.6) {
            home.net = network::hosting(&mut rng);
            home.mobile = home.net;
        }
        home.attested = network::attested(&mut rng, if persona.is_exempt() { 0.3 } else { 0.8 });
        home.device = rng.next_device();
        let age_ms = rng.lognormal(9_000.0, 1.0).clamp(300.0, 90_000.0) * HOUR;
        let born = city.config.start_ms as i64 - age_ms as i64;
        let habit = Habit::none(&mut rng);
        city.enlist(Recruit { persona, ordinal, born, home, habit, mind: Some(mind) });
    }
}

fn broadcaster_tier(rng: &mut ChaCha8Rng) -> Tier {
    [Tier::Business, Tier::Business, Tier::Business, Tier::Verified, Tier::Person][rng.below(5) as usize]
}

fn bot_tier(rng: &mut ChaCha8Rng) -> Tier {
    [Tier::Verified, Tier::Verified, Tier::Bot, Tier::Business, Tier::Person][rng.below(5) as usize]
}

/// Sends the day's news to its customers, of whom nearly all have it in contacts.
struct Broadcaster {
    /// Recipients a day.
    daily: f64,
    /// Days between two mailings.
    every: u32,
    /// Median gap, ms.
    gap_ms: f64,
    /// Share of recipients that it never wrote to before.
    fresh: f64,
    /// Share that has it in contacts.
    in_contacts: f64,
    /// Share of recipients who answer.
    answer: f64,
    forwarded: f64,
    /// Size bucket of today's mailing.
    size: u8,
    left: u32,
    /// First number of its customers.
    base: u32,
    /// Who is next.
    next: u32,
}

impl Broadcaster {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self {
            daily: rng.lognormal(420.0, 0.6).clamp(200.0, 2_000.0),
            every: [1, 1, 2, 3][rng.below(4) as usize],
            gap_ms: rng.spread(0.4 * SECOND, 12.0 * SECOND),
            fresh: if rng.chance(0.15) { rng.between(0.2, 0.5) } else { rng.between(0.0, 0.08) },
            in_contacts: rng.between(0.95, 0.995),
            answer: rng.between(0.01, 0.12),
            forwarded: if rng.chance(0.2) { 0.8 } else { 0.02 },
            size: 8,
            left: 0,
            base: rng.below(1 << 30),
            next: 0,
        }
    }
}

impl Mind for Broadcaster {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        if !((day / DAY_MS) as u32 + who).is_multiple_of(self.every) {
            return;
        }
        let rng = world.rng(who);
        self.left = rng.lognormal(self.daily, 0.25).clamp(200.0, 2_000.0) as u32;
        self.size = rng.whole(7, 14) as u8;
        self.next = 0;
        let at = day + 4 * HOUR_MS + (rng.between(0.0, 9.0) * HOUR) as u64;
        world.at(at, who, Task::Wake { step: 0 });
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        let rng = world.rng(who);
        let old = !rng.chance(self.fresh);
        let peer = if old { self.base + self.next } else { rng.below(1 << 31) } | OUTSIDE;
        self.next += 1;
        let in_contacts = rng.chance(self.in_contacts);
        let forwarded = rng.chance(self.forwarded);
        let note = Note { old, in_contacts, typed: false, forwarded, size: self.size };
        let met =
            Reception { answer: self.answer, block: 0.0015, report: 0.0005, chat: 1.0, ..Reception::PERSON };
        world.approach(who, peer, note, &met);
        self.left = self.left.saturating_sub(1);
        if self.left > 0 && world.patience(who).is_some() {
            let gap = world.rng(who).lognormal(self.gap_ms, 0.5);
            world.later(gap as u64, who, Task::Wake { step });
        }
    }
}

/// One code to each person who logs in: always somebody new, never an answer, one size.
struct OtpBot {
    gap_ms: f64,
    jitter: f64,
    size: u8,
    in_contacts: f64,
}

impl OtpBot {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self {
            gap_ms: DAY_MS as f64 / rng.lognormal(450.0, 0.8).clamp(80.0, 3_000.0),
            jitter: rng.between(0.02, 0.25),
            size: rng.whole(5, 7) as u8,
            in_contacts: rng.between(0.0, 0.06),
        }
    }
}

impl Mind for OtpBot {
    fn day(&mut self, world: &mut World<'_>, who: Who, _: u64) {
        world.identify(who, false);
        if world.now == world.city.config.start_ms {
            let first = world.rng(who).between(0.0, self.gap_ms);
            world.later(first as u64, who, Task::Wake { step: 0 });
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        let peer = world.outsider(who);
        let rng = world.rng(who);
        let old = rng.chance(0.3);
        let in_contacts = rng.chance(self.in_contacts);
        let note = Note { old, in_contacts, typed: false, forwarded: false, size: self.size };
        let met =
            Reception { undelivered: 0.02, answer: 0.001, block: 0.0008, chat: 0.0, ..Reception::PERSON };
        world.approach(who, peer, note, &met);
        let wobble = (1.0 + self.jitter * world.rng(who).normal()).max(0.05);
        world.later((self.gap_ms * wobble) as u64, who, Task::Wake { step });
    }
}

/// The same alarm to every subscriber, on the beat.
struct AlertBot {
    subscribers: u32,
    every_ms: f64,
    gap_ms: f64,
    size: u8,
    base: u32,
}

impl AlertBot {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let subscribers = rng.spread(20.0, 400.0) as u32;
        Self {
            subscribers,
            every_ms: rng.spread(0.5 * HOUR, 24.0 * HOUR) * (f64::from(subscribers) / 60.0).max(0.4),
            gap_ms: rng.spread(0.2 * SECOND, 5.0 * SECOND),
            size: rng.whole(6, 9) as u8,
            base: rng.below(1 << 30),
        }
    }
}

impl Mind for AlertBot {
    fn day(&mut self, world: &mut World<'_>, who: Who, _: u64) {
        world.identify(who, false);
        if world.now == world.city.config.start_ms {
            let first = world.rng(who).between(0.0, self.every_ms);
            world.later(first as u64, who, Task::Wake { step: 0 });
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        let peer = (self.base + step) | OUTSIDE;
        let rng = world.rng(who);
        let old = !rng.chance(0.01);
        let note =
            Note { old, in_contacts: rng.chance(0.3), typed: false, forwarded: false, size: self.size };
        world.send(who, peer, note);
        let last = step + 1 >= self.subscribers;
        let gap = if last { self.every_ms } else { self.gap_ms * world.rng(who).between(0.97, 1.03) };
        world.later(gap as u64, who, Task::Wake { step: if last { 0 } else { step + 1 } });
    }
}
