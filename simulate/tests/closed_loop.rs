//! The closed loop against a gateway made for the test: what is refused does not happen, and what follows.
//!
//! Separate from the engine's own tests: no rule or model is judged here.

use std::collections::BTreeMap;

use schema::{Action, Body, Event, Limit, Scope};
use scorer::{Engine, EngineConfig, Output};
use simulate::{Config, Gateway, Persona, Restraint, Simulation};

/// Restrains every account after its tenth first contact.
struct Strict {
    action: Action,
    first_contacts: BTreeMap<String, u32>,
    answers: Vec<bool>,
    refused: BTreeMap<String, Vec<(u64, u32)>>,
    messages_after: u32,
    last: u64,
}

impl Strict {
    fn new(action: Action) -> Self {
        Self {
            action,
            first_contacts: BTreeMap::new(),
            answers: Vec::new(),
            refused: BTreeMap::new(),
            messages_after: 0,
            last: 0,
        }
    }
}

impl Gateway for Strict {
    fn offer(&mut self, event: &Event<'_>) {
        assert!(event.ts >= self.last);
        self.last = event.ts;
        match &event.body {
            Body::Message(message) if message.first_contact == Some(true) => {
                let count = self.first_contacts.entry(event.account.to_owned()).or_default();
                self.messages_after += u32::from(*count >= 10);
                *count += 1;
            }
            Body::ChallengeResult { passed, .. } => self.answers.push(*passed),
            Body::Refused { count, .. } => {
                self.refused.entry(event.account.to_owned()).or_default().push((event.ts, *count));
            }
            _ => {}
        }
    }

    fn restriction(&mut self, account: &str, scope: Scope, _: u64) -> Option<Restraint> {
        let held = scope == Scope::NewChats || self.action == Action::Ban;
        (held && self.first_contacts.get(account).is_some_and(|n| *n >= 10)).then(|| Restraint {
            action: self.action,
            limit: (self.action == Action::RateLimit).then_some(Limit { max: 3, per_s: 3_600 }),
            decision: "d_1".to_owned(),
        })
    }
}

fn run(action: Action) -> (Strict, Simulation) {
    let config = Config { accounts: 1_500, hours: 72.0, seed: 3, ..Config::default() };
    let mut simulation = Simulation::new(config).expect("the configuration is in range");
    let mut gateway = Strict::new(action);
    simulation.run(&mut gateway);
    (gateway, simulation)
}

#[test]
fn a_banned_account_does_nothing_more_and_its_attempts_are_told_once_a_minute_at_most() {
    let (gateway, _) = run(Action::Ban);
    assert_eq!(gateway.messages_after, 0);
    assert!(!gateway.refused.is_empty());
    for told in gateway.refused.values() {
        assert!(told.iter().all(|(_, count)| *count > 0));
        assert!(told.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 60_000), "{told:?}");
    }
}

#[test]
fn a_farm_replaces_banned_accounts_and_the_truth_knows_the_new_ones() {
    let farm = |simulation: &Simulation| simulation.truth().filter(|l| l.persona == Persona::SimFarm).count();
    let (_, closed) = run(Action::Ban);
    let config = Config { accounts: 1_500, hours: 72.0, seed: 3, ..Config::default() };
    let before = farm(&Simulation::new(config).unwrap());
    assert!(farm(&closed) > before, "{} of {before}", farm(&closed));
}

#[test]
fn a_rate_limit_lets_its_rate_through() {
    let (limited, _) = run(Action::RateLimit);
    let (banned, _) = run(Action::Ban);
    assert!(limited.messages_after > 0);
    assert!(limited.first_contacts.values().all(|n| *n <= 10 + 3 + 3 * 72), "more than the limit's rate");
    assert!(limited.first_contacts.values().sum::<u32>() > banned.first_contacts.values().sum::<u32>());
}

#[test]
fn some_pass_a_challenge_and_machines_mostly_fail() {
    let (gateway, _) = run(Action::Challenge);
    let passed = gateway.answers.iter().filter(|passed| **passed).count();
    assert!(passed > 0 && passed < gateway.answers.len(), "{passed} of {}", gateway.answers.len());
}

#[test]
fn the_closed_loop_repeats_itself() {
    let total = || run(Action::RateLimit).0.refused;
    assert_eq!(total(), total());
}

#[test]
fn with_the_engine_inside_its_decisions_are_those_of_the_written_events() {
    let config = Config { accounts: 600, hours: 48.0, seed: 4, ..Config::default() };
    let mut simulation = Simulation::new(config).expect("the configuration is in range");
    let engine = || Engine::new(EngineConfig::default());
    let mut lines = Vec::new();
    let mut decisions = Vec::new();
    simulation.run_closed(
        &mut engine(),
        &mut |event| schema::json::encode(event, &mut lines),
        &mut |decision| decisions.push(decision.clone()),
    );
    assert!(!decisions.is_empty());
    let (mut replay, mut output) = (engine(), Output::default());
    for (number, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let raw = schema::json::decode(line).unwrap();
        let event = raw.event().unwrap().expect("the simulator only writes known kinds");
        replay.process(&event, number as u64 + 1, &mut output);
    }
    assert_eq!(decisions, output.decisions);
}
