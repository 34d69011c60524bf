//! Attackers of many accounts: boxes of SIM cards and rings in lockstep.
//!
//! Separate, because their accounts share a plan. Invariants: each account of a ring is benign by itself; a farm
//! replaces a banned account within minutes, at most a fixed number of times.

use std::cell::RefCell;
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;

use crate::acts::Reception;
use crate::agent::Mind;
use crate::city::City;
use crate::clock::{DAY_MS, HOUR_MS};
use crate::draw::{Draw, HOUR, MINUTE, SECOND, mix, stream, trait_of};
use crate::network::{self, Home, Identities, Net};
use crate::persona::Persona;
use crate::personas::outreach::unwanted;
use crate::personas::rogue::{self, Style};
use crate::queue::{OUTSIDE, Task, Who};
use crate::world::World;

/// Splits `n` accounts into campaigns of `low..=high` accounts; what is left over joins the last one.
fn campaigns(rng: &mut ChaCha8Rng, n: u32, low: f64, high: f64) -> Vec<u32> {
    let mut sizes: Vec<u32> = Vec::new();
    let mut left = n;
    while left > 0 {
        let size = (rng.spread(low, high + 1.0) as u32).min(left);
        match sizes.last_mut() {
            Some(last) if size < low as u32 => *last += size,
            _ => sizes.push(size),
        }
        left -= size;
    }
    sizes
}

/// A box of modems.
struct Farm {
    devices: Vec<u64>,
    nets: Vec<Net>,
    ranges: Vec<u64>,
    home: Home,
    style: Style,
    met: Reception,
    /// First contacts of a round, and median gap, ms.
    round: (f64, f64),
    rest_h: f64,
    rounds_left: u32,
    /// Replacements that it can still afford.
    spare: u32,
    /// The next account's ordinal.
    next: u64,
}

/// One card in a box.
struct Card {
    farm: Rc<RefCell<Farm>>,
    rounds_left: u32,
    left: u32,
    begun: bool,
}

impl Farm {
    fn draw(city: &City, rng: &mut ChaCha8Rng, size: u32, first: u64) -> Self {
        let home = rogue::home(city, rng);
        let country = home.country;
        let net = |rng: &mut ChaCha8Rng| {
            if rng.chance(0.4) { network::hosting(rng) } else { network::mobile(rng, home.place) }
        };
        Self {
            devices: (0..rng.whole(3, 20)).map(|_| rng.next_device()).collect(),
            nets: (0..rng.whole(1, 3)).map(|_| net(rng)).collect(),
            ranges: (0..rng.whole(1, 4))
                .map(|_| network::disposable(rng, country) ^ u64::from(rng.below(4)) << 8)
                .collect(),
            home,
            style: Style::machine(rng),
            met: unwanted(rng, (0.0, 0.06), (0.01, 0.08)),
            round: (rng.spread(20.0, 80.0), rng.spread(2.0, 60.0) * SECOND),
            rest_h: rng.spread(2.0, 14.0),
            rounds_left: rng.whole(2, 8),
            spare: size * 8,
            next: first,
        }
    }

    /// Adds an account to the box, which registers at a time.
    fn insert(farm: &Rc<RefCell<Farm>>, city: &mut City, at: u64) -> Who {
        let mut this = farm.borrow_mut();
        let ordinal = this.next;
        this.next += 1;
        let mut rng = city.cradle(Persona::SimFarm, ordinal);
        let mut home = this.home;
        home.device = this.devices[rng.below(this.devices.len() as u32) as usize];
        home.net = this.nets[rng.below(this.nets.len() as u32) as usize];
        home.mobile = this.nets[rng.below(this.nets.len() as u32) as usize];
        home.range = this.ranges[rng.below(this.ranges.len() as u32) as usize];
        let rounds_left = this.rounds_left;
        drop(this);
        let age_h = (city.config.start_ms as f64 - at as f64) / HOUR;
        let card = Card { farm: Rc::clone(farm), rounds_left, left: 0, begun: false };
        rogue::enlist(city, (Persona::SimFarm, ordinal), home, age_h, Box::new(card))
    }
}

/// Adds farms of `n` accounts in all.
pub(crate) fn farms(city: &mut City, n: u32) {
    let mut rng = city.cradle(Persona::SimFarm, 1 << 38);
    for (number, size) in campaigns(&mut rng, n, 30.0, 60.0).into_iter().enumerate() {
        let mut rng = city.cradle(Persona::SimFarm, 1 << 38 | (number as u64 + 1));
        let farm = Rc::new(RefCell::new(Farm::draw(city, &mut rng, size, (number as u64) << 16)));
        let run = (city.end - city.config.start_ms) as f64;
        let mut at = city.config.start_ms as f64 + rng.between(-0.2, 0.7) * run;
        // A box is filled over minutes or over a day.
        let pace = rng.spread(20.0 * SECOND, 30.0 * MINUTE);
        for _ in 0..size {
            Farm::insert(&farm, city, at as u64);
            at += rng.exponential(pace);
        }
    }
}

impl Card {
    fn replace(&mut self, world: &mut World<'_>, who: Who) {
        world.city.agents[who as usize].gone = true;
        if self.farm.borrow().spare == 0 {
            return;
        }
        self.farm.borrow_mut().spare -= 1;
        let delay = world.rng(who).lognormal(5.0 * MINUTE, 0.7) as u64;
        let new = Farm::insert(&self.farm, world.city, world.now + delay);
        world.later(delay, new, Task::Register);
    }
}

impl Mind for Card {
    fn day(&mut self, world: &mut World<'_>, who: Who, _: u64) {
        if !std::mem::replace(&mut self.begun, true) {
            let warm_up = world.rng(who).spread(2.0, 400.0) * MINUTE;
            world.later(warm_up as u64, who, Task::Wake { step: 0 });
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        if world.city.agents[who as usize].hold.banned {
            return self.replace(world, who);
        }
        let farm = Rc::clone(&self.farm);
        let farm = farm.borrow();
        if step == 0 {
            if self.rounds_left == 0 {
                return;
            }
            self.rounds_left -= 1;
            self.left = world.rng(who).lognormal(farm.round.0, 0.3).clamp(20.0, 80.0) as u32;
        }
        world.onset(who);
        let peer = world.outsider(who);
        let note = farm.style.note(world.rng(who), false);
        world.approach(who, peer, note, &farm.met);
        self.left -= 1;
        let patience = world.patience(who);
        let rest = self.left == 0 || patience.is_none();
        let gap = if rest && !world.city.agents[who as usize].hold.banned {
            world.rng(who).lognormal(farm.rest_h * HOUR_MS as f64, 0.4)
        } else {
            world.rng(who).lognormal(farm.round.1, 0.7) * patience.unwrap_or(1.0)
        };
        world.later(gap as u64, who, Task::Wake { step: u32::from(!rest) });
    }
}

/// A ring's plan: waves of targets, whom every member writes to within minutes.
struct Ring {
    seed: u64,
    style: Style,
    met: Reception,
    /// Waves a day, targets of a wave.
    waves: u32,
    targets: u32,
    /// Within which every member has written to a target, ms.
    window_ms: f64,
    /// Share of members that take part in a wave.
    turnout: f64,
    /// First and last day of the campaign, days from the run's start.
    days: (u64, u64),
}

/// One member.
struct Member {
    ring: Rc<Ring>,
    cover: f64,
}

/// Adds rings of `n` accounts in all.
pub(crate) fn rings(city: &mut City, n: u32) {
    let mut rng = city.cradle(Persona::LockstepRing, 1 << 38);
    let mut ordinal = 0;
    for (number, size) in campaigns(&mut rng, n, 20.0, 500.0).into_iter().enumerate() {
        let mut rng = city.cradle(Persona::LockstepRing, 1 << 38 | (number as u64 + 1));
        let days = (city.config.hours / 24.0) as u64;
        let drawn = u64::from(rng.below((days / 2) as u32 + 1));
        let first = if city.config.rings_first { drawn.min(number as u64) } else { drawn };
        let ring = Rc::new(Ring {
            seed: rng.next_device(),
            style: Style::hand(&mut rng),
            met: unwanted(&mut rng, (0.02, 0.08), (0.005, 0.04)),
            waves: rng.whole(1, 3),
            targets: rng.whole(3, 12),
            window_ms: rng.spread(10.0, 120.0) * MINUTE,
            turnout: rng.between(0.6, 1.0),
            days: (first, first + u64::from(rng.whole(2, 6))),
        });
        let shared: Vec<Home> = (0..size.div_ceil(4)).map(|_| rogue::home(city, &mut rng)).collect();
        let hides = rng.chance(0.5);
        for _ in 0..size {
            let mut home = shared[rng.below(shared.len() as u32) as usize];
            home.device = rng.next_device();
            if hides {
                home = rogue::home(city, &mut rng);
            }
            let member = Member { ring: Rc::clone(&ring), cover: rng.between(0.0, 2.0) };
            let age_h = rng.spread(2.0, 300.0) * 24.0;
            rogue::enlist(city, (Persona::LockstepRing, ordinal), home, age_h, Box::new(member));
            ordinal += 1;
        }
    }
}

impl Mind for Member {
    fn day(&mut self, world: &mut World<'_>, who: Who, day: u64) {
        rogue::cover(world, who, day, self.cover);
        let start = world.city.config.start_ms;
        let ring = &self.ring;
        // Waves are planned by the run's days, whatever the member's own zone.
        let today = (world.now - start) / DAY_MS;
        for (of_day, wave) in
            [today, today + 1].into_iter().flat_map(|d| (0..ring.waves).map(move |w| (d, w)))
        {
            let mut plan = stream(ring.seed, of_day << 8 | u64::from(wave));
            let at = start + of_day * DAY_MS + (plan.between(0.0, 22.0) * HOUR) as u64;
            let mine =
                (world.now..day + DAY_MS).contains(&at) && (ring.days.0..ring.days.1).contains(&of_day);
            if !mine || !world.rng(who).chance(ring.turnout) {
                continue;
            }
            for target in 0..ring.targets {
                let delay = world.rng(who).between(0.0, ring.window_ms);
                let step = (of_day as u32 * 8 + wave) << 8 | target;
                world.at(at + delay as u64, who, Task::Wake { step });
            }
        }
    }

    fn wake(&mut self, world: &mut World<'_>, who: Who, step: u32) {
        if world
            .patience(who)
            .is_none_or(|slower| slower > 3.0 && trait_of(u64::from(who), u64::from(step)) < 0.5)
        {
            return;
        }
        world.onset(who);
        let peer = mix(self.ring.seed ^ u64::from(step)) as u32 | OUTSIDE;
        let note = self.ring.style.note(world.rng(who), false);
        world.approach(who, peer, note, &self.ring.met);
    }
}
