//! What the engine promises, one sentence a test. The bench of these tests: an engine, a clock and short words.
//!
//! Separate to keep the engine readable; the promises are in the files below, by theme.

mod activate;
mod adopt;
mod audit;
mod checkpoint;
mod ends;
mod evidence;
mod holdout;
mod humans;
mod line;
mod lineup;
mod model;
mod outrank;
mod shared;
mod victims;

use schema::{Body, Chat, Contact, Event, Feedback, Message, ReportReason, Session};

use super::*;
use crate::policy::Policy;

pub(super) const T0: u64 = 1_732_453_200_000;
pub(super) const MINUTE: u64 = 60_000;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// An engine under test.
pub(super) struct Trial {
    pub engine: Engine,
    pub now: u64,
    pub sent: u64,
    pub output: Output,
}

/// A policy of these rules and settings; `format` and `name` are given.
pub(super) fn policy(text: &str) -> Policy {
    Policy::parse("test", &format!("format = 1\nname = \"test\"\n{text}")).unwrap_or_else(|e| panic!("{e}"))
}

/// A rule: name, condition, and further lines.
pub(super) fn rule(name: &str, when: &str, more: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\nwhen = '{when}'\n{more}\n")
}

impl Trial {
    pub fn new(text: &str) -> Self {
        Self::with(EngineConfig { policy: policy(text), ..small() })
    }

    pub fn with(config: EngineConfig) -> Self {
        Self { engine: Engine::new(config), now: T0, sent: 0, output: Output::default() }
    }

    /// Lets time pass.
    pub fn after(&mut self, ms: u64) -> &mut Self {
        self.now += ms;
        self
    }

    /// One event of `account` now; what was decided, as `mode action scope rule`.
    pub fn event(&mut self, account: &str, age_h: Option<f32>, body: Body<'_>) -> Vec<String> {
        self.sent += 1;
        let id = format!("e_{}", self.sent);
        let event = Event { id: &id, ts: self.now, at: Some(self.now), account, age_h, idle_h: None, body };
        let before = self.output.decisions.len();
        let outcome = self.engine.process(&event, self.sent, &mut self.output);
        let decided = &self.output.decisions[before..];
        assert!(decided.is_empty() || outcome == Outcome::Decided, "{outcome:?}");
        decided.iter().map(words).collect()
    }

    /// `count` messages to new strangers, a second apart.
    pub fn strangers(&mut self, account: &str, age_h: Option<f32>, count: u32) -> Vec<String> {
        let mut decided = Vec::new();
        for _ in 0..count {
            self.now += 1000;
            let peer = format!("p_{}", self.sent);
            decided.extend(self.event(account, age_h, stranger(&peer)));
        }
        decided
    }

    pub fn verdict(&mut self, account: &str, verdict: schema::VerdictEvent<'_>) -> Vec<String> {
        self.event(account, None, Body::Verdict(verdict))
    }

    /// The newest decision.
    pub fn last(&self) -> schema::Decision {
        self.output.decisions.last().expect("something was decided").clone()
    }

    /// What a gateway would do with a message to a new chat.
    pub fn in_force(&self, account: &str) -> Option<schema::Action> {
        self.engine.restriction(account, Scope::NewChats, self.now).map(|r| r.action)
    }
}

/// Small tables.
pub(super) fn small() -> EngineConfig {
    EngineConfig {
        store: features::StoreLimits { accounts_max: 1000 },
        relations: features::RelationLimits { entities_max: 1000, contacts_max: 1024 },
        standings_max: 1000,
        ..EngineConfig::default()
    }
}

pub(super) fn words(d: &schema::Decision) -> String {
    format!("{} {} {} {}", d.mode, d.action, d.scope, d.rule.as_deref().unwrap_or("-"))
}

pub(super) fn stranger(peer: &str) -> Body<'_> {
    Body::Message(Message {
        chat: Chat::Direct,
        peer: Some(peer),
        group: None,
        group_size: None,
        first_contact: Some(true),
        in_contacts: Some(false),
        forwarded: None,
        typed: Some(false),
        size: Some(5),
    })
}

pub(super) fn feedback(peer: &str) -> Feedback<'_> {
    Feedback {
        peer,
        contact: Some(Contact::Account),
        peer_age_h: Some(10_000.0),
        peer_device: Some(peer),
        peer_prefix: Some(peer),
        peer_range: Some(peer),
    }
}

pub(super) fn report(peer: &str, reason: ReportReason) -> Body<'_> {
    Body::Report { feedback: feedback(peer), reason }
}

pub(super) fn session(device: &str) -> Body<'_> {
    Body::Session(Session { device: Some(device), ..Session::default() })
}
