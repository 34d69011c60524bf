//! What the archive keeps and for how long, whatever it lies in.
//!
//! Separate from ClickHouse and SQLite, which hold the same. Invariants: a record has one key, by which a repeat is the
//! same record (an event and a reject: its place in the log; a row: the place of its event; a decision and a review: its
//! id); an event is kept with the documented fields of its kind and nothing more.

pub(crate) mod read;

use schema::{Decision, Event, Mode, Reject, Review, Row, Scope};

/// One record on its way into the archive.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// An event and its place in the log.
    Event {
        /// Partition.
        partition: u32,
        /// Offset.
        offset: u64,
        /// When the log took it, ms since the Unix epoch.
        at: u64,
        /// The event; its own `at` is not kept.
        event: &'a Event<'a>,
    },
    /// A decision.
    Decision(&'a Decision),
    /// A feature row.
    Row(&'a Row),
    /// An act of a reviewer.
    Review(&'a Review),
    /// A refused record.
    Reject(&'a Reject),
}

/// How long each kind of record is kept, days of log time. Counts by the minute live as long as what they count by day
/// of their newest: `counts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events.
    pub events: u32,
    /// Decisions and reviews.
    pub decisions: u32,
    /// Feature rows.
    pub rows: u32,
    /// Rejects, which may hold whatever their sender put there.
    pub rejects: u32,
    /// Counts by the minute, which hold no account.
    pub counts: u32,
}

impl Default for Retention {
    /// 90 days; decisions and counts 400; rejects 14.
    fn default() -> Self {
        Self { events: 90, decisions: 400, rows: 90, rejects: 14, counts: 400 }
    }
}

/// The code of the leading reason; empty for a lift.
pub(crate) fn leading(decision: &Decision) -> &str {
    decision.reasons.first().map_or("", |reason| reason.code.as_str())
}

/// Whether by it an account counts as detected; what restricts a shared entity (`registration`) is about no account.
pub(crate) fn detects(decision: &Decision) -> bool {
    decision.mode == Mode::Enforce && decision.action.restricts() && decision.scope != Scope::Registration
}
