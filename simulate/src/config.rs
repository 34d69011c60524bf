//! What to simulate, and what can be wrong with the request.
//!
//! Separate, so that the command line can build and check a request without the simulator. Invariant: a checked
//! configuration cannot make the simulator fail.

use std::collections::BTreeMap;

use schema::limits::{TS_MS_MAX, TS_MS_MIN};

use crate::field::FieldSet;
use crate::persona::Persona;

/// Share of abusive accounts among all if the caller asks for none: the world's highest published monthly share.
pub const BASE_RATE: f64 = 0.015;
/// Most benign accounts of one run.
pub const ACCOUNTS_MAX: u32 = 20_000_000;
/// Longest run, hours.
pub const HOURS_MAX: f64 = 24.0 * 92.0;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Benign accounts. Abusive ones come on top.
    pub accounts: u32,
    /// Length, hours.
    pub hours: f64,
    /// Seed: the same configuration gives the same bytes.
    pub seed: u64,
    /// Start, ms since the Unix epoch (UTC).
    pub start_ms: u64,
    /// Share of abusive accounts among all accounts, 0..=0.5; `None`: [`BASE_RATE`].
    pub base_rate: Option<f64>,
    /// Optional fields that are left unknown in every event.
    pub without: FieldSet,
    /// Exact numbers of accounts that replace the default ones; `Person` takes what is left of the benign.
    pub counts: BTreeMap<Persona, u32>,
    /// Whether rings begin on the first days, one a day, and not anywhere in the first half of the run: for who watches from the start.
    pub rings_first: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            accounts: 10_000,
            hours: 168.0,
            seed: 1,
            // 2025-11-03T00:00:00Z, a Monday.
            start_ms: 1_762_128_000_000,
            base_rate: None,
            without: FieldSet::NONE,
            counts: BTreeMap::new(),
            rings_first: false,
        }
    }
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Too many or too few accounts.
    #[error("{0} accounts cannot be simulated: give between 1 and {ACCOUNTS_MAX}")]
    Accounts(u64),
    /// The length is not a positive number of hours or too long.
    #[error("{0} hours cannot be simulated: give more than 0 and at most {HOURS_MAX}")]
    Hours(f64),
    /// The share of abusive accounts is outside of its range.
    #[error("a share of {0} abusive accounts cannot be simulated: give between 0 and 0.5")]
    BaseRate(f64),
    /// The time lies outside of what an event may carry.
    #[error("a run from {0} ms since the Unix epoch does not lie between 2001 and 2100: give another start")]
    Start(u64),
    /// No optional field of the contract.
    #[error("{0:?} is no optional field of an event: see the list in the documentation of --without")]
    UnknownField(String),
}

impl Config {
    /// Checks the request.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), Error> {
        let asked: u64 = self.counts.values().map(|n| u64::from(*n)).sum();
        if self.accounts == 0 || self.accounts > ACCOUNTS_MAX || asked > u64::from(ACCOUNTS_MAX) {
            return Err(Error::Accounts(u64::from(self.accounts).max(asked)));
        }
        if !(self.hours > 0.0 && self.hours <= HOURS_MAX) {
            return Err(Error::Hours(self.hours));
        }
        if let Some(rate) = self.base_rate.filter(|rate| !(0.0..=0.5).contains(rate)) {
            return Err(Error::BaseRate(rate));
        }
        if self.start_ms < TS_MS_MIN || self.end_ms() > TS_MS_MAX {
            return Err(Error::Start(self.start_ms));
        }
        Ok(())
    }

    /// The first moment after the run, ms since the Unix epoch.
    #[must_use]
    pub fn end_ms(&self) -> u64 {
        self.start_ms.saturating_add((self.hours * 3_600_000.0) as u64)
    }
}
