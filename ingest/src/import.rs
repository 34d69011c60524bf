//! Converters of public data sets of real messages to events, to see what weir does to real people.
//!
//! Separate from reading events, because a data set knows less than a gateway: what it does not hold stays unknown.
//! Invariants: a converter holds the pairs of one data set in memory, nothing else; same table, same events, in order
//! of time; an account's id says which data set it is from (`cm…`, `cph…`) and keeps the set's own number.

pub mod collegemsg;
pub mod copenhagen_sms;

mod table;

use std::collections::{BTreeMap, BTreeSet};

use schema::Event;

use crate::error::Error;

/// Receives the converted events.
pub type Emit<'a> = &'a mut dyn FnMut(&Event<'_>) -> Result<(), Error>;

/// How to convert.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Take the hours since an account's first event in the set for its age. Off: the age stays unknown. On, an account
    /// looks new on the first day that the set shows it, which makes the rules for newcomers as strict as they can be.
    pub age_from_first_event: bool,
}

/// What was converted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows read.
    pub rows: u64,
    /// Accounts seen.
    pub accounts: u64,
    /// Events written.
    pub events: u64,
}

/// Who wrote to whom before, and when an account was first seen.
#[derive(Default)]
struct Memory {
    pairs: BTreeMap<(u32, u32), Pair>,
    first_seen_ms: BTreeMap<u32, u64>,
}

/// A pair of accounts that have a message between them.
struct Pair {
    opener: u32,
    answered: bool,
}

/// What a message is between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The first between them.
    Opening,
    /// The first from the one who had been written to.
    Answer,
    /// Any other.
    Other,
}

impl Memory {
    /// Notes a message.
    fn step(&mut self, from: u32, to: u32) -> Step {
        let key = (from.min(to), from.max(to));
        match self.pairs.get_mut(&key) {
            None => {
                self.pairs.insert(key, Pair { opener: from, answered: false });
                Step::Opening
            }
            Some(pair) if pair.opener != from && !pair.answered => {
                pair.answered = true;
                Step::Answer
            }
            Some(_) => Step::Other,
        }
    }

    /// Hours since the account was first seen in the set, this time included.
    fn age_h(&mut self, account: u32, ts: u64) -> f32 {
        let first = *self.first_seen_ms.entry(account).or_insert(ts);
        ts.saturating_sub(first) as f32 / 3_600_000.0
    }
}

/// Pairs that have each other in the address book, smaller number first.
type Friends = BTreeSet<(u32, u32)>;
