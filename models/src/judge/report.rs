//! The judgement as a value: every number that `weir judge` shows.
//!
//! Separate from how it is counted (`tally`) and shown (`text`, `html`, `json`). Invariants: personas are sorted by
//! name, benign after abusive; listed restrictions by account and time.

use schema::{Action, Decision, Scope};

use super::stats::Share;
use crate::measure::Quality;

/// How hard a restriction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A challenge, rate limit or ban.
    Restricted,
    /// A rate limit or ban.
    Limited,
    /// A ban.
    Banned,
}

impl Level {
    /// From the weakest.
    pub const ALL: [Level; 3] = [Level::Restricted, Level::Limited, Level::Banned];

    /// The word that is shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Level::Restricted => "restricted",
            Level::Limited => "limited",
            Level::Banned => "banned",
        }
    }
}

/// First-contact messages delivered before the first restriction, over restricted accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Messages {
    /// Half of the accounts sent at most so many; `None` of none.
    pub median: Option<u32>,
    /// Nine tenths sent at most so many.
    pub p90: Option<u32>,
}

/// Abusive or benign accounts as a whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Side {
    /// Restricted, limited and banned, of all that count.
    pub levels: [Share; 3],
    /// An act was refused, or would have been.
    pub felt: Share,
    /// User-days (account and UTC day with an act) on which a restriction of each level was in force.
    pub user_days: UserDays,
}

/// User-days by level of the restriction in force.
pub type UserDays = [Share; 3];

/// One persona.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaRow {
    /// Its name.
    pub persona: String,
    /// Whether it abuses.
    pub abusive: bool,
    /// Accounts, with those left out.
    pub accounts: u64,
    /// Too few acts after onset.
    pub left_out: u64,
    /// Restricted, limited and banned, of those that count.
    pub levels: [Share; 3],
    /// An act was refused, or would have been.
    pub felt: Share,
    /// Messages before the first restriction.
    pub messages: Messages,
    /// Recipients reached before the ban by banned accounts: median and p90.
    pub recipients: Messages,
    /// User-days by level.
    pub user_days: UserDays,
}

/// Precision at a base rate, from recall and false-positive rate of accounts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    /// Share of accounts that abuse.
    pub base_rate: f64,
    /// Of which decisions.
    pub level: Level,
    /// Whether of user-days instead of accounts.
    pub user_days: bool,
    /// Precision as measured; NaN if nobody was caught.
    pub value: f64,
    /// With the worse ends of both intervals.
    pub low: f64,
    /// With the better ends.
    pub high: f64,
}

/// A restriction of a benign account.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The account.
    pub account: String,
    /// Its persona.
    pub persona: String,
    /// What was done.
    pub action: Action,
    /// What it covers.
    pub scope: Scope,
    /// When, ms since the Unix epoch.
    pub issued: u64,
    /// Its rule, score band or blocklist; its source if it has none.
    pub rule: String,
    /// Code of the leading reason.
    pub reason: String,
    /// Until the tally knows names.
    pub(super) number: u32,
}

impl Listed {
    pub(super) fn of(decision: &Decision, number: u32) -> Self {
        Self {
            account: decision.account.clone(),
            persona: String::new(),
            action: decision.action,
            scope: decision.scope,
            issued: decision.issued,
            rule: decision.rule.clone().unwrap_or_else(|| decision.source.word().to_owned()),
            reason: decision.reasons.first().map(|reason| reason.code.clone()).unwrap_or_default(),
            number,
        }
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Events read.
    pub events: u64,
    /// Of those, about accounts without truth.
    pub events_without_truth: u64,
    /// Decisions read.
    pub decisions: u64,
    /// Of those, about accounts without truth (entities included).
    pub decisions_without_truth: u64,
    /// Of those with truth, in shadow mode: not judged.
    pub shadow: u64,
    /// Abusive accounts with fewer acts than [`Report::acts_min`] after onset, and how many of them were restricted.
    pub left_out: Share,
    /// See [`super::Settings::acts_min`].
    pub acts_min: u32,
    /// Abusive accounts restricted before onset: not counted as caught by that.
    pub early: u64,
    /// Abusive accounts.
    pub abusive: Side,
    /// Benign accounts.
    pub benign: Side,
    /// Of all accounts that were banned, those that nobody had reported by then.
    pub bans_unreported: Share,
    /// Of the abusive accounts that were restricted, those registered here and restricted before their first act.
    pub at_registration: Share,
    /// Messages before the first restriction, abusive accounts.
    pub messages: Messages,
    /// Recipients reached by abusive accounts before their ban.
    pub recipients: Messages,
    /// For each base rate, user-days after accounts, and level.
    pub precision: Vec<Precision>,
    /// All personas.
    pub personas: Vec<PersonaRow>,
    /// The benign persona with the largest share restricted, if any was: its place in `personas`.
    pub worst_benign: Option<usize>,
    /// Restrictions of benign accounts, the first of them.
    pub listed: Vec<Listed>,
    /// How many there are.
    pub listed_all: u64,
    /// Ranking by each account's highest score, if there were scores; accounts without one rank last.
    pub scores: Option<Quality>,
}
