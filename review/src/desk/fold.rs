//! The fold: what each record of the log does to the cases.
//!
//! Separate from who reads the log and from the pages. Invariants: the tables are a function of the records in their order, however
//! they were split into batches; a repeated record changes nothing; an account has at most one open case; the log decides who
//! claimed first. A verdict closes its case whoever holds it, since the engine carries it out in any case. Time is log time: staff's
//! times (claims, clocks, days) are stretched by the log's pace, which is 1 but in a demonstration.

mod companions;
mod decided;
mod dispute;
mod golden;
mod heard;
mod restricted;
mod said;

use std::collections::BTreeMap;

use rusqlite::Connection;
use schema::desk::{Arrived, Entry};
use schema::{Body, EntityKind};

use super::case::{Case, case_id};
use super::cause::Cause;
use super::rank::REPORT_MS;
use crate::error::Error;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a claim holds without a sign of life, ms of staff's time.
pub const CLAIM_MS: u64 = 5 * 60 * 1_000;

/// Tables of which every row is about the account in its column `account`.
const ABOUT_ACCOUNTS: [&str; 17] = [
    "cases",
    "causes",
    "facts",
    "said",
    "labels",
    "decided",
    "reported",
    "before",
    "campaign_members",
    "campaign_links",
    "restricted",
    "bulk_items",
    "handles",
    "golden",
    "golden_answers",
    "shown",
    "disagreements",
];

/// How the desk works.
#[derive(Debug, Clone, PartialEq)]
pub struct Habits {
    /// How many times faster than the wall the log's clock runs: 1, but in a demonstration.
    pub pace: f64,
    /// Most cases of one rule that stay for another day without anybody having come to them.
    pub cases_per_day: u32,
    /// The same for single rules.
    pub budgets: BTreeMap<String, u32>,
    /// Of automatic decisions with a score in the band 0.4 to 0.6, so many in 10,000 become blind audit cases; see [`decided`].
    pub audits_per_10_000: u32,
    /// Of cases that a human decided, so many in 10,000 are judged again, blind, by another.
    pub seconds_per_10_000: u32,
    /// Of cases about bans, automation's and humans', so many in 10,000 are judged blind once they are closed, whether somebody decided or
    /// nobody came to them.
    pub bans_per_10_000: u32,
    /// One of so many slots of the queue is drawn at random over the score bands; 0: none.
    pub slots_a_lot: u32,
    /// Above so many, an act on many must be approved by a lead who did not propose it.
    pub bulk_alone_max: u32,
    /// Whenever so many cases were taken for the first time, a golden item is put into the queue; 0: never.
    pub slots_a_golden: u32,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            pace: 1.0,
            cases_per_day: 500,
            budgets: BTreeMap::new(),
            audits_per_10_000: 100,
            seconds_per_10_000: 1_000,
            bans_per_10_000: 2_000,
            slots_a_lot: 10,
            bulk_alone_max: 20,
            slots_a_golden: 25,
        }
    }
}

impl Habits {
    /// A time of staff, ms, as log time.
    pub fn stretched(&self, ms: u64) -> u64 {
        (ms as f64 * self.pace) as u64
    }
}

/// One transaction of the fold.
pub struct Fold<'a> {
    db: &'a Connection,
    habits: &'a Habits,
}

impl<'a> Fold<'a> {
    /// Over the tables of `review.db`; whoever calls it holds a transaction.
    pub fn new(db: &'a Connection, habits: &'a Habits) -> Self {
        Self { db, habits }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// If the store fails; then nothing of the transaction may be kept.
    pub fn take(&self, entry: &Entry) -> Result<(), Error> {
        let at = entry.at;
        self.day(at)?;
        match &entry.arrived {
            Arrived::Review(review) => self.said(review, (entry.position, at)),
            Arrived::Decision(decision) => self.decided(decision, at),
            Arrived::Event(text) => {
                let Ok(raw) = schema::json::decode(text.as_bytes()) else { return Ok(()) };
                let Ok(Some(event)) = raw.event() else { return Ok(()) };
                match &event.body {
                    Body::Report { feedback, reason } => self.reported(&event, (feedback, *reason), at),
                    Body::Appeal { decision } => self.appealed(&event, decision, at),
                    Body::Deletion => self.deleted(event.account),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Notes a cause of a case; whether it is a new one.
    fn is_new(&self, id: &str, account: &str) -> Result<bool, Error> {
        let sql = "INSERT OR IGNORE INTO causes VALUES (?1, ?2)";
        Ok(self.db.prepare_cached(sql)?.execute((id, account))? > 0)
    }

    /// The account's open case, raised to a stronger cause, or a new one; `None` if `by` caused one before. Not stored yet.
    fn case_for(&self, account: &str, cause: Cause, (by, at): (&str, u64)) -> Result<Option<Case>, Error> {
        let id = case_id(account, cause, by);
        if !self.is_new(&id, account)? {
            return Ok(None);
        }
        let due_at = at.saturating_add(self.habits.stretched(cause.due_ms()));
        let mut case = match Case::open_of(self.db, account)? {
            Some(open) if open.cause <= cause => return Ok(Some(open)),
            Some(open) => open,
            None => {
                let mut case = Case::new(id, account, cause, at);
                case.due_at = due_at;
                self.hear(&mut case)?;
                case
            }
        };
        // A dispute is for leads; what is graver is for whoever comes first.
        case.escalated &= case.cause != Cause::Dispute;
        case.cause = cause;
        case.due_at = case.due_at.min(due_at);
        Ok(Some(case))
    }

    /// A day of staff begins: what nobody came to within the budget closes, and old reports go.
    fn day(&self, at: u64) -> Result<(), Error> {
        let day = (at / self.habits.stretched(DAY_MS).max(1)) as i64;
        let before = self.tally("day")?;
        if before.is_some_and(|before| before >= day) {
            return Ok(());
        }
        self.set_tally("day", day)?;
        if before.is_none() {
            return Ok(());
        }
        let causes = Cause::ALL.into_iter().filter(|cause| cause.has_budget());
        let causes: Vec<String> = causes.map(|cause| (cause as i64).to_string()).collect();
        let sql = format!(
            "UPDATE cases SET state = 2, closed_at = ?1, claimed_until = 0 WHERE id IN (SELECT id FROM (
                SELECT id, rule, row_number() OVER (PARTITION BY rule ORDER BY class, key, id) AS place FROM cases
                WHERE state = 0 AND reached = 0 AND escalated = 0 AND cause IN ({})) WHERE place > coalesce((SELECT value FROM json_each(?3) WHERE key = rule), ?2))",
            causes.join(", ")
        );
        let budgets = serde_json::to_string(&self.habits.budgets).expect("it has string keys");
        self.db.prepare_cached(&sql)?.execute((at as i64, self.habits.cases_per_day, budgets))?;
        self.audit_unreviewed_bans(at)?;
        self.raise_all_waiting(at)?;
        let sql = "DELETE FROM reported WHERE at < ?1";
        self.db.prepare_cached(sql)?.execute([at.saturating_sub(REPORT_MS) as i64])?;
        self.forget_campaigns(at)?;
        self.forget_restricted(at)
    }

    fn tally(&self, name: &str) -> Result<Option<i64>, Error> {
        let mut query = self.db.prepare_cached("SELECT value FROM tally WHERE name = ?1")?;
        let mut rows = query.query([name])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }

    fn set_tally(&self, name: &str, value: i64) -> Result<(), Error> {
        let sql = "INSERT INTO tally VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.db.prepare_cached(sql)?.execute((name, value))?;
        Ok(())
    }

    /// The account is gone: so is everything that was noted about it.
    fn deleted(&self, account: &str) -> Result<(), Error> {
        let skips = "DELETE FROM skips WHERE case_id IN (SELECT id FROM cases WHERE account = ?1)";
        self.db.prepare_cached(skips)?.execute([account])?;
        self.db.prepare_cached("DELETE FROM campaign_links WHERE companion = ?1")?.execute([account])?;
        for table in ABOUT_ACCOUNTS {
            let sql = format!("DELETE FROM {table} WHERE account = ?1");
            self.db.prepare_cached(&sql)?.execute([account])?;
        }
        Ok(())
    }
}

/// Whether a key is that of a shared thing, not of an account.
fn is_shared(account: &str) -> bool {
    account.split_once(':').is_some_and(|(kind, _)| EntityKind::from_word(kind).is_some())
}

#[cfg(test)]
mod tests;
