//! One act on many: on cases of the queue, on a campaign's members, or on all that a version did; as it lies in the store.
//!
//! Separate from proposing (`propose`), from what is foreseen of it (`foresee`) and from carrying out (`run`, `carry`). Invariants: a
//! proposal acts on nothing; above a number somebody else must approve; what is not done any more when its turn comes is passed over with
//! the reason; carrying out goes on where it stopped; what somebody does to it is in the audit chain with it.

mod carry;
mod foresee;
mod propose;
mod run;
mod versions;

use rusqlite::{Connection, OptionalExtension as _, Row};
use schema::{Label, Verdict};

use super::Desk;
use super::case::Case;
use super::clause::Clause;
use crate::audit;
use crate::error::Error;

pub use foresee::Foreseen;
pub use propose::AT_ONCE_MAX;
pub use versions::{Made, made};

/// Cases that a preview shows.
const SAMPLE: i64 = 10;

/// What an act is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Cases that a filter showed.
    Cases,
    /// Members of a campaign.
    Campaign,
    /// What a version of a policy, model or list did.
    Version,
}

impl Kind {
    /// The word in the file.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Cases => "cases",
            Kind::Campaign => "campaign",
            Kind::Version => "version",
        }
    }

    fn of(word: &str) -> Kind {
        match word {
            "campaign" => Kind::Campaign,
            "version" => Kind::Version,
            _ => Kind::Cases,
        }
    }
}

/// One act on many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    /// Its id; the `batch` of its reviews.
    pub id: String,
    /// Who proposed it.
    pub owner: String,
    /// When, ms of log time.
    pub made_at: u64,
    /// `proposed`, `running`, `cancelled`, `done`, `undoing` or `undone`.
    pub state: String,
    /// Who approved it; empty: nobody yet.
    pub approver: String,
    /// The verdict, or `label`.
    pub act: String,
    /// The label; empty: none.
    pub label: String,
    /// The clause of the policy.
    pub policy: String,
    /// Why.
    pub reason: String,
    /// What it is about.
    pub kind: Kind,
    /// The campaign, or what did it; empty: cases.
    pub target: String,
    /// Of cases: how many the filter showed. Of a version: how much of it is in force, if that is more than one act is about. 0: not told.
    pub shown: u64,
    /// Why it does not go on at this moment: the key of a text; empty: it does, or is not under way.
    pub halted: String,
    /// Those that wait, are done, were passed over, were taken back.
    pub counts: [u64; 4],
}

impl Bulk {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether somebody else must approve it, who may act alone on so many.
    pub fn needs_another(&self, alone_max: u32) -> bool {
        self.total() > u64::from(alone_max)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let count = |at: usize| row.get::<_, i64>(at).map(|count| count as u64);
        Ok(Self {
            id: row.get(0)?,
            owner: row.get(1)?,
            made_at: row.get::<_, i64>(2)? as u64,
            state: row.get(3)?,
            approver: row.get(4)?,
            act: row.get(5)?,
            label: row.get(6)?,
            policy: row.get(7)?,
            reason: row.get(8)?,
            kind: Kind::of(&row.get::<_, String>(9)?),
            target: row.get(10)?,
            shown: count(11)?,
            halted: row.get(12)?,
            counts: [count(13)?, count(14)?, count(15)?, count(16)?],
        })
    }
}

const SELECT: &str =
    "SELECT id, owner, made_at, state, approver, act, label, policy, reason, kind, target, shown,
    coalesce((SELECT why FROM bulk_items AS i WHERE i.bulk = id AND b.state IN ('running', 'undoing')
        AND i.state = CASE b.state WHEN 'running' THEN 'waiting' ELSE 'done' END ORDER BY i.item LIMIT 1), ''),
    (SELECT count(*) FROM bulk_items WHERE bulk = id AND state = 'waiting'),
    (SELECT count(*) FROM bulk_items WHERE bulk = id AND state = 'done'),
    (SELECT count(*) FROM bulk_items WHERE bulk = id AND state = 'passed_over'),
    (SELECT count(*) FROM bulk_items WHERE bulk = id AND state = 'undone') FROM bulks AS b";

/// One by its id.
pub fn load(db: &Connection, id: &str) -> Result<Option<Bulk>, Error> {
    let mut query = db.prepare_cached(&format!("{SELECT} WHERE b.id = ?1"))?;
    Ok(query.query_row([id], Bulk::read).optional()?)
}

/// The latest ones, of one target or (empty) of all.
pub fn latest(db: &Connection, target: &str, most: usize) -> Result<Vec<Bulk>, Error> {
    let mut query = db.prepare_cached(&format!(
        "{SELECT} WHERE ?1 = '' OR target = ?1 ORDER BY made_at DESC, id LIMIT ?2"
    ))?;
    let rows = query.query_map((target, most as i64), Bulk::read)?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// One of what is acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The account.
    pub account: String,
    /// Its case: the one that is acted on, or the newest.
    pub case: Option<Case>,
    /// What was in force as it was proposed; empty: nothing, or not looked at.
    pub what: String,
    /// `waiting`, `done`, `passed_over` or `undone`.
    pub state: String,
}

/// A random sample, the same whenever it is asked for.
pub fn sample(db: &Connection, id: &str) -> Result<Vec<Sampled>, Error> {
    let sql = "SELECT account, case_id, what, state FROM bulk_items WHERE bulk = ?1 ORDER BY lot LIMIT ?2";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map((id, SAMPLE), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
    })?;
    let mut sample = Vec::new();
    for row in rows {
        let (account, case_id, what, state) = row?;
        let newest =
            "SELECT * FROM cases WHERE account = ?1 AND (?2 = '' OR id = ?2) ORDER BY opened_at DESC LIMIT 1";
        let case = db.prepare_cached(newest)?.query_row((&account, &case_id), Case::read).optional()?;
        sample.push(Sampled { account, case, what, state });
    }
    Ok(sample)
}

/// Why some were passed over, and how many.
pub fn passed_over(db: &Connection, id: &str) -> Result<Vec<(String, u64)>, Error> {
    let sql = "SELECT why, count(*) FROM bulk_items WHERE bulk = ?1 AND state = 'passed_over' GROUP BY why ORDER BY 2 DESC, why";
    counted(db, sql, id)
}

/// How many are of which country, most first; an empty one: not known.
pub fn by_country(db: &Connection, id: &str) -> Result<Vec<(String, u64)>, Error> {
    let sql = "SELECT coalesce(facts.country, ''), count(*) FROM bulk_items LEFT JOIN facts ON facts.account = bulk_items.account
        WHERE bulk = ?1 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 12";
    counted(db, sql, id)
}

/// How many were under which action as it was proposed, most first; an empty one: none, or not looked at.
pub fn by_action(db: &Connection, id: &str) -> Result<Vec<(String, u64)>, Error> {
    let sql = "SELECT what, count(*) FROM bulk_items WHERE bulk = ?1 GROUP BY what ORDER BY 2 DESC, 1";
    counted(db, sql, id)
}

fn counted(db: &Connection, sql: &str, id: &str) -> Result<Vec<(String, u64)>, Error> {
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map([id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// What is proposed: act, label, clause and reason as words.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// `lift`, `ban`, `confirm`, `exempt` or `label`.
    pub act: &'a str,
    /// The label; empty: none.
    pub label: &'a str,
    /// The clause.
    pub policy: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl Proposal<'_> {
    fn check(&self, clauses: &[Clause]) -> Result<(), Error> {
        let refuse = |why| Err(Error::Refused(why));
        if self.reason.trim().is_empty() {
            return refuse("refused.no_reason");
        }
        match self.act {
            "label" if Label::from_word(self.label).is_none() => return refuse("refused.no_label"),
            "label" => {}
            act if !matches!(
                Verdict::from_word(act),
                Some(Verdict::Lift | Verdict::Ban | Verdict::Confirm | Verdict::Exempt)
            ) =>
            {
                return refuse("refused.no_act");
            }
            _ => {}
        }
        if clauses.iter().any(|clause| clause.id == self.policy) {
            Ok(())
        } else {
            refuse("refused.no_policy")
        }
    }
}

impl Desk {
    /// Approves it; above the configured number only a lead who did not propose it may.
    pub(crate) fn approve_bulk(&self, id: &str, (who, is_lead): (&str, bool)) -> Result<(), Error> {
        let bulk = self.store.read(|db| load(db, id))?.ok_or(Error::Refused("bulk.gone"))?;
        let is_own = bulk.owner == who;
        if bulk.needs_another(self.given.habits.bulk_alone_max) && (is_own || !is_lead) {
            return Err(Error::Refused("bulk.another"));
        }
        if !is_own && !is_lead {
            return Err(Error::Refused("refused.not_yours"));
        }
        self.step(id, "state IN ('proposed', 'cancelled')", ("running", who), Some((who, "bulk_approve")))
    }

    /// Stops it, or takes it back: from now on nothing more of it is done.
    pub(crate) fn turn_bulk(
        &self,
        id: &str,
        (who, is_lead): (&str, bool),
        undoes: bool,
    ) -> Result<(), Error> {
        let bulk = self.store.read(|db| load(db, id))?.ok_or(Error::Refused("bulk.gone"))?;
        if bulk.owner != who && !is_lead {
            return Err(Error::Refused("refused.not_yours"));
        }
        if undoes {
            let from = "state IN ('cancelled', 'done', 'undoing')";
            self.step(id, from, ("undoing", &bulk.approver), Some((who, "bulk_undo")))
        } else {
            let from = "state IN ('proposed', 'running')";
            self.step(id, from, ("cancelled", &bulk.approver), Some((who, "bulk_stop")))
        }
    }

    /// Brings it into another state; who did what, if somebody did, is in the audit chain in the same moment.
    fn step(
        &self,
        id: &str,
        from: &str,
        (to, approver): (&str, &str),
        by: Option<(&str, &str)>,
    ) -> Result<(), Error> {
        let mut writer = self.store.writer();
        let transaction = writer.transaction()?;
        let sql = format!("UPDATE bulks SET state = ?2, approver = ?3 WHERE id = ?1 AND {from}");
        if transaction.prepare_cached(&sql)?.execute((id, to, approver))? == 0 {
            return Err(Error::Refused("bulk.state_changed"));
        }
        if let Some((who, what)) = by {
            audit::append(&transaction, &audit::Entry::new(self.wall(), who, what, "", id))?;
        }
        Ok(transaction.commit()?)
    }
}

#[cfg(test)]
mod tests;
