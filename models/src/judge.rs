//! How good the decisions were, against the truth: what `weir judge` prints.
//!
//! Separate from `measure`, which is about scores: here an account counts as caught only if a decision was enforced.
//! Definitions: *restricted* = an enforced challenge, rate limit or ban; *limited* = a rate limit or ban; an *act* is
//! a message, group creation, group add or look-up, delivered or refused. An abusive account counts from its onset on: decisions
//! before it do not catch it, and with fewer than five acts after it the account is left out. What an account sends
//! after its ban is not counted as delivered. Invariants: no result depends on hash order; state is small per account.

mod account;
mod builder;
mod difference;
mod html;
mod json;
mod report;
mod stats;
mod tally;
mod text;

pub use builder::JudgeBuilder;
pub use difference::{Difference, Group, Moved, Reacted};
pub use report::{Level, Listed, Messages, PersonaRow, Precision, Report, Side, UserDays};
pub use stats::Share;

/// What is known to be true of one account: a line of the truth file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The account.
    pub account: String,
    /// Whether it abuses.
    pub abusive: bool,
    /// What kind of account it is.
    pub persona: String,
    /// When the abuse begins, ms since the Unix epoch; `None`: from the start, or never.
    pub onset_ts: Option<u64>,
}

/// What to judge by.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Abusive accounts with fewer acts after onset are left out.
    pub acts_min: u32,
    /// Shares of accounts that abuse in a month, for precision.
    pub base_rates: Vec<f64>,
    /// The most restricted benign accounts that are listed by name.
    pub listed_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { acts_min: 5, base_rates: vec![0.001, 0.015], listed_max: 200 }
    }
}
