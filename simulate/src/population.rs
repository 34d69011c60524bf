//! Who lives in the world: how many of each persona, where they stand in the graph, and when they begin.
//!
//! Separate, because it runs once, before the first event. Invariants: benign social accounts come first and fill the
//! contact graph; an account's own generator does not depend on how many others there are.

use std::rc::Rc;

use crate::agent::Habit;
use crate::city::{City, Recruit};
use crate::config::BASE_RATE;
use crate::draw::{Draw, HOUR, SECOND, stream};
use crate::graph::Graph;
use crate::persona::{Label, Persona};
use crate::personas::arrivals::Cohort;
use crate::personas::{self, brigade, person};
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
    cohorts(city);
    let born: Vec<i64> = city.agents.iter().map(|agent| agent.born).collect();
    city.graph = Graph::build(&born, city.config.start_ms, city.config.seed);
    for (persona, n) in counts.iter().filter(|(persona, _)| !persona.is_social()) {
        personas::enlist(city, *persona, *n);
    }
    brigade::reporters(city);
}

/// Puts the accounts of new cohorts together by thirty; half of the cohorts are on new accounts.
fn cohorts(city: &mut City) {
    let is_member = |who: &Who| city.agents[*who as usize].persona == Persona::NewCohort;
    let members: Vec<Who> = (0..city.agents.len() as Who).filter(is_member).collect();
    for (number, chunk) in members.chunks(30).enumerate() {
        let mut rng = city.cradle(Persona::NewCohort, 1 << 38 | number as u64);
        let run = (city.end - city.config.start_ms) as f64;
        let at = city.config.start_ms + (run * rng.between(0.05, 0.9)) as u64;
        let intake = rng.chance(0.5);
        let gap_ms = rng.spread(15.0 * SECOND, 80.0 * SECOND);
        let shared: Rc<[Who]> = chunk.into();
        for (place, who) in chunk.iter().enumerate() {
            let agent = &mut city.agents[*who as usize];
            if intake {
                agent.born = at as i64 - (rng.spread(0.1, 100.0) * HOUR) as i64;
                agent.seen = agent.born;
                agent.gone = agent.born >= city.config.start_ms as i64;
            }
            agent.mind =
                Some(Box::new(Cohort { members: Rc::clone(&shared), at, place, gap_ms, begun: false }));
        }
    }
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
    let (mind, registers) = personas::mind(city, persona, &mut rng);
    if let Some(at) = registers {
        born = at as i64;
    }
    let who = city.enlist(Recruit { persona, ordinal: place, born, home, habit, mind });
    if persona == Persona::DormantReturner {
        let agent = &mut city.agents[who as usize];
        (agent.habit.talk, agent.habit.meet) = (0.0, 0.0);
    }
    who
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
            let idle = idle_ms(world, who) as i64;
            let agent = &mut world.city.agents[who as usize];
            agent.seen = (world.now as i64 - idle).max(agent.born);
            if idle > (20.0 * HOUR) as i64 && agent.persona == Persona::AccountTakeover {
                // Its owner no longer uses it.
                (agent.habit.talk, agent.habit.meet) = (0.0, 0.0);
            }
            person::grudges(world, who);
        }
    }
}

/// How long an account has been away when the run starts.
fn idle_ms(world: &mut World<'_>, who: Who) -> f64 {
    let persona = world.city.agents[who as usize].persona;
    let rng = world.rng(who);
    match persona {
        Persona::DormantReturner => rng.spread(20.0, 500.0) * 24.0 * HOUR,
        Persona::AccountTakeover if rng.chance(0.5) => rng.spread(1.0, 90.0) * 24.0 * HOUR,
        _ => rng.exponential(9.0 * HOUR),
    }
}
