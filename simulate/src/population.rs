//! Who lives in the world: how many of each persona, where they stand in the graph, and when they begin.
//!
//! Separate, because it runs once, before the first event. Invariants: benign social accounts come first and fill the
//! contact graph; an account's own generator does not depend on how many others there are.

use crate::agent::Habit;
use crate::city::{City, Recruit};
use crate::config::BASE_RATE;
use crate::draw::{Draw, HOUR, stream};
use crate::graph::Graph;
use crate::persona::{Label, Persona};
use crate::personas::person;
use crate::queue::{Task, Who};
use crate::world::World;

/// Accounts of each persona, in the order of [`Persona::ALL`].
pub(crate) fn census(city: &City) -> Vec<(Persona, u32)> {
    let benign = city.config.accounts;
    let rate = city.config.base_rate.unwrap_or(BASE_RATE);
    let abusive = (f64::from(benign) * rate / (1.0 - rate) + 0.5) as u32;
    let mut counts: Vec<(Persona, u32)> = Vec::new();
    for persona in Persona::ALL.iter().copied() {
        let (of, per) = match persona.label() {
            Label::Benign => (benign, 100_000.0),
            Label::Abusive => (abusive, 1_000.0),
        };
        let share = (f64::from(of) * f64::from(persona.weight()) / per + 0.5) as u32;
        let least = if persona.label() == Label::Benign { of / 1_000 } else { u32::from(of >= 10) };
        let n = if persona.weight() == 0 { 0 } else { share.max(least.min(2)) };
        counts.push((persona, city.config.counts.get(&persona).copied().unwrap_or(n)));
    }
    let others: u32 = counts.iter().filter(|(p, _)| p.label() == Label::Benign).map(|(_, n)| n).sum();
    if !city.config.counts.contains_key(&Persona::Person) {
        counts[0].1 = benign.saturating_sub(others);
    }
    counts
}

/// Fills the city.
pub(crate) fn settle(city: &mut City) {
    let counts = census(city);
    let mut social: Vec<Persona> = Vec::new();
    for (persona, n) in counts.iter().filter(|(persona, _)| persona.is_social()) {
        social.extend(std::iter::repeat_n(*persona, *n as usize));
    }
    let mut rng = stream(city.config.seed, 0x9091);
    for i in (1..social.len()).rev() {
        social.swap(i, rng.below(i as u32 + 1) as usize);
    }
    for persona in social {
        resident(city, persona);
    }
    let born: Vec<i64> = city.agents.iter().map(|agent| agent.born).collect();
    city.graph = Graph::build(&born, city.config.start_ms, city.config.seed);
}

/// Adds a social account: at home on its street, and mostly years old.
fn resident(city: &mut City, persona: Persona) -> Who {
    let place = city.agents.len() as u64;
    let mut rng = stream(city.config.seed ^ 0xbabe, place);
    let street = place / 6;
    let mut home = city.home(&mut rng, street);
    let habit = Habit::draw(&mut rng);
    if place > 0 && rng.chance(0.05) {
        // A family or a couple shares one device.
        home.device = city.agents[place as usize - 1].home.device;
    }
    let start = city.config.start_ms as i64;
    let age_ms = rng.lognormal(15_000.0, 1.1).clamp(30.0, 130_000.0) * HOUR;
    let mut born = start - age_ms as i64;
    if persona == Persona::Newcomer {
        born = start + (rng.unit() * (city.end as i64 - start) as f64) as i64;
    }
    let mind = crate::personas::mind(city, persona, &mut rng);
    city.enlist(Recruit { persona, ordinal: place, born, home, habit, mind })
}

/// Puts everybody's first task on the agenda.
pub(crate) fn begin(world: &mut World<'_>) {
    world.now = world.city.config.start_ms;
    for who in 0..world.city.agents.len() as Who {
        let born = world.city.agents[who as usize].born;
        if born >= world.now as i64 {
            world.at(born as u64, who, Task::Register);
        } else {
            world.at(world.now, who, Task::Day);
            let idle = world.rng(who).exponential(9.0 * HOUR) as i64;
            let agent = &mut world.city.agents[who as usize];
            agent.seen = (world.now as i64 - idle).max(agent.born);
            person::grudges(world, who);
        }
    }
}
