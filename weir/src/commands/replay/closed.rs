//! A small simulated town that reacts, once under each side: what a replay of recorded traffic cannot show.
//!
//! Separate from the replay. Invariants: both sides have the same town and seed; what is refused does not happen, farms replace what was
//! banned, innocents pass challenges; it says that it is simulated.

use std::collections::BTreeMap;

use models::judge::{Group, Reacted};
use schema::{Body, Event, Mode, Scope};
use scorer::{Engine, EngineConfig, ExemptList, Output};
use simulate::{Config, Gateway, Label, Restraint, Simulation};

use crate::error::Error;

/// Length of the town's life, hours.
const HOURS: f64 = 48.0;
/// Abusive accounts among all: many, so that a small town has some of each kind.
const BASE_RATE: f64 = 0.05;
/// The town.
const SEED: u64 = 1;

/// Lets the town live under both sides.
pub fn sides(accounts: u32, configs: [EngineConfig; 2]) -> Result<[Reacted; 2], Error> {
    let [a, b] = configs;
    Ok([side(accounts, a)?, side(accounts, b)?])
}

fn side(accounts: u32, config: EngineConfig) -> Result<Reacted, Error> {
    let town = Config { accounts, hours: HOURS, seed: SEED, base_rate: Some(BASE_RATE), ..Config::default() };
    let mut simulation = Simulation::new(town).map_err(|error| Error::Usage(error.to_string()))?;
    let bots: Vec<String> = simulation.exempt().collect();
    let exempt = ExemptList::parse("exempt accounts", &bots.join("\n"))?;
    let engine = Engine::new(EngineConfig { exempt, ..config });
    let mut gateway = Watched { engine, output: Output::default(), offset: 0, accounts: BTreeMap::new() };
    simulation.run(&mut gateway);
    let mut reacted = Reacted { hours: HOURS, ..Reacted::default() };
    for truth in simulation.truth() {
        let group = if truth.label == Label::Abusive { &mut reacted.abusive } else { &mut reacted.benign };
        gateway.accounts.get(&truth.account).copied().unwrap_or_default().count(group);
    }
    Ok(reacted)
}

/// What came of one account.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    new_chats: u64,
    is_restricted: bool,
    is_banned: bool,
}

impl Account {
    fn count(self, group: &mut Group) {
        group.accounts += 1;
        group.restricted += u64::from(self.is_restricted);
        group.banned += u64::from(self.is_banned);
        group.new_chats += self.new_chats;
    }
}

struct Watched {
    engine: Engine,
    output: Output,
    offset: u64,
    accounts: BTreeMap<String, Account>,
}

impl Gateway for Watched {
    fn offer(&mut self, event: &Event<'_>) {
        self.output.clear();
        self.engine.process(event, self.offset, &mut self.output);
        self.offset += 1;
        // What a gateway refuses is told as such, and is no message.
        if matches!(&event.body, Body::Message(message) if message.first_contact == Some(true)) {
            self.accounts.entry(event.account.to_owned()).or_default().new_chats += 1;
        }
        for decision in self.output.decisions.iter().filter(|one| one.mode == Mode::Enforce) {
            let account = self.accounts.entry(decision.account.clone()).or_default();
            account.is_restricted |= decision.action.restricts();
            account.is_banned |= decision.action == schema::Action::Ban;
        }
    }

    fn restriction(&mut self, account: &str, scope: Scope, now_ms: u64) -> Option<Restraint> {
        let found = self.engine.restriction(account, scope, now_ms)?;
        Some(Restraint { action: found.action, limit: found.limit, decision: found.decision.to_owned() })
    }
}
