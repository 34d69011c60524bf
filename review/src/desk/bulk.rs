//! One act on many cases: proposed with a preview, approved, carried out case by case, stopped, taken back.
//!
//! Separate from acts, which it only repeats: each case is claimed and checked as if it were worked by hand. Invariants: urgent, blind
//! and appealed cases are never among them; above a number somebody else must approve; what is not done any more when its turn comes is
//! passed over with the reason; carrying out goes on where it stopped.

use rusqlite::{Connection, OptionalExtension as _, Row};
use schema::{Act, Label, Verdict};

use super::Desk;
use super::acts::{CLAUSES, Wanted};
use super::case::Case;
use super::cause::Cause;
use super::queue::{self, Filter};
use super::rank;
use crate::error::Error;

/// Most cases of one act.
const CASES_MAX: usize = 2_000;
/// Above so many cases somebody else must approve.
pub const ALONE_MAX: u64 = 20;
/// Cases that a preview shows.
const SAMPLE: i64 = 10;

/// One act on many cases.
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
    /// Cases that wait, are done, were passed over, were taken back.
    pub counts: [u64; 4],
}

impl Bulk {
    /// All cases.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether somebody else must approve it.
    pub fn needs_another(&self) -> bool {
        self.total() > ALONE_MAX
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
            counts: [count(9)?, count(10)?, count(11)?, count(12)?],
        })
    }

    fn wanted(&self) -> Wanted {
        let verdict = Verdict::from_word(&self.act);
        Wanted {
            act: if verdict.is_some() { Act::Verdict } else { Act::Label },
            verdict,
            scope: None,
            limit: None,
            expires: None,
            policy: self.policy.clone(),
            reason: self.reason.clone(),
            label: Label::from_word(&self.label),
            shown: vec!["bulk".to_owned()],
            batch: Some(self.id.clone()),
        }
    }
}

const SELECT: &str = "SELECT id, owner, made_at, state, approver, act, label, policy, reason,
    (SELECT count(*) FROM bulk_items WHERE bulk = id AND state = 'waiting'),
    (SELECT count(*) FROM bulk_items WHERE bulk = id AND state = 'done'),
    (SELECT count(*) FROM bulk_items WHERE bulk = id AND state = 'passed_over'),
    (SELECT count(*) FROM bulk_items WHERE bulk = id AND state = 'undone') FROM bulks";

/// One by its id.
pub fn load(db: &Connection, id: &str) -> Result<Option<Bulk>, Error> {
    let mut query = db.prepare_cached(&format!("{SELECT} AS b WHERE b.id = ?1"))?;
    Ok(query.query_row([id], Bulk::read).optional()?)
}

/// The latest ones.
pub fn latest(db: &Connection, most: usize) -> Result<Vec<Bulk>, Error> {
    let mut query = db.prepare_cached(&format!("{SELECT} ORDER BY made_at DESC, id LIMIT ?1"))?;
    let rows = query.query_map([most as i64], Bulk::read)?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// A random sample of its cases, the same whenever it is asked for.
pub fn sample(db: &Connection, id: &str) -> Result<Vec<Case>, Error> {
    let sql = "SELECT cases.* FROM bulk_items JOIN cases ON cases.id = case_id WHERE bulk = ?1 ORDER BY bulk_items.lot LIMIT ?2";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map((id, SAMPLE), Case::read)?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// Why cases were passed over, and how many.
pub fn passed_over(db: &Connection, id: &str) -> Result<Vec<(String, u64)>, Error> {
    let sql = "SELECT why, count(*) FROM bulk_items WHERE bulk = ?1 AND state = 'passed_over' GROUP BY why ORDER BY 2 DESC";
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
    fn check(&self) -> Result<(), Error> {
        let refuse = |why| Err(Error::Refused(why));
        if self.reason.trim().is_empty() {
            return refuse("refused.no_reason");
        }
        match self.act {
            "label" if Label::from_word(self.label).is_none() => refuse("refused.no_label"),
            "label" => Ok(()),
            "lift" | "ban" | "confirm" | "exempt" if CLAUSES.contains(&self.policy) => Ok(()),
            "lift" | "ban" | "confirm" | "exempt" => refuse("refused.no_policy"),
            _ => refuse("refused.no_act"),
        }
    }
}

impl Desk {
    /// Proposes an act on what a filter shows now; its id.
    pub(crate) fn propose_bulk(
        &self,
        owner: &str,
        filter: &Filter,
        what: &Proposal<'_>,
    ) -> Result<String, Error> {
        what.check()?;
        let now = self.now();
        let may =
            |case: &Case| !matches!(case.cause, Cause::Urgent | Cause::Appeal) && !case.cause.is_blind();
        let listed = self.store.read(|db| queue::page(db, (filter, now), None, CASES_MAX * 2))?;
        let cases: Vec<Case> =
            listed.into_iter().map(|listed| listed.case).filter(may).take(CASES_MAX).collect();
        if cases.is_empty() {
            return Err(Error::Refused("bulk.nothing"));
        }
        let id = format!("b_{}", self.once().replace('.', "_"));
        let mut writer = self.store.writer();
        let transaction = writer.transaction()?;
        let sql = "INSERT INTO bulks (id, owner, made_at, state, act, label, policy, reason)
            VALUES (?1, ?2, ?3, 'proposed', ?4, ?5, ?6, ?7)";
        let values = (&id, owner, now as i64, what.act, what.label, what.policy, what.reason);
        transaction.prepare_cached(sql)?.execute(values)?;
        for case in &cases {
            let sql = "INSERT INTO bulk_items (bulk, case_id, lot, state) VALUES (?1, ?2, ?3, 'waiting')";
            let lot = rank::lot(&format!("{id}{}", case.id));
            transaction.prepare_cached(sql)?.execute((&id, &case.id, lot))?;
        }
        transaction.commit()?;
        Ok(id)
    }

    /// Approves it; above [`ALONE_MAX`] cases only a lead who did not propose it may.
    pub(crate) fn approve_bulk(&self, id: &str, (who, is_lead): (&str, bool)) -> Result<(), Error> {
        let bulk = self.store.read(|db| load(db, id))?.ok_or(Error::Refused("bulk.gone"))?;
        let is_own = bulk.owner == who;
        if bulk.needs_another() && (is_own || !is_lead) {
            return Err(Error::Refused("bulk.another"));
        }
        if !is_own && !is_lead {
            return Err(Error::Refused("refused.not_yours"));
        }
        self.step(id, "state IN ('proposed', 'cancelled')", "running", who)
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
            self.step(id, "state IN ('cancelled', 'done', 'undoing')", "undoing", &bulk.approver)
        } else {
            self.step(id, "state IN ('proposed', 'running')", "cancelled", &bulk.approver)
        }
    }

    fn step(&self, id: &str, from: &str, to: &str, approver: &str) -> Result<(), Error> {
        let sql = format!("UPDATE bulks SET state = ?2, approver = ?3 WHERE id = ?1 AND {from}");
        match self.store.writer().prepare_cached(&sql)?.execute((id, to, approver))? {
            0 => Err(Error::Refused("bulk.state_changed")),
            _ => Ok(()),
        }
    }

    /// Carries out what is approved, or takes it back, until nothing is left or somebody stops it. Blocks for long.
    pub(crate) fn run_bulk(&self, id: &str) -> Result<(), Error> {
        loop {
            let Some(bulk) = self.store.read(|db| load(db, id))? else { return Ok(()) };
            let (from, end) = match &*bulk.state {
                "running" => ("waiting", "done"),
                "undoing" => ("done", "undone"),
                _ => return Ok(()),
            };
            let item: Option<(String, String)> = self.store.read(|db| {
                let sql = "SELECT case_id, review FROM bulk_items WHERE bulk = ?1 AND state = ?2 ORDER BY case_id LIMIT 1";
                let mut query = db.prepare_cached(sql)?;
                Ok(query.query_row((id, from), |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
            })?;
            let Some((case_id, review)) = item else {
                let state = format!("state = '{}'", bulk.state);
                return self.step(id, &state, end, &bulk.approver);
            };
            let outcome = if from == "waiting" {
                self.one(&bulk, &case_id)
            } else {
                self.one_back(&bulk, &case_id, &review)
            };
            let (state, review, why) = match outcome {
                Ok(review) => (end, review, ""),
                Err(Error::Refused(why)) => ("passed_over", review, why),
                Err(error) => return Err(error),
            };
            let sql =
                "UPDATE bulk_items SET state = ?3, review = ?4, why = ?5 WHERE bulk = ?1 AND case_id = ?2";
            self.store.writer().prepare_cached(sql)?.execute((id, &case_id, state, review, why))?;
        }
    }

    fn one(&self, bulk: &Bulk, case_id: &str) -> Result<String, Error> {
        let case = self.store.read(|db| Case::load(db, case_id))?.ok_or(Error::Refused("bulk.gone"))?;
        let ids = self.act(&case, &bulk.owner, (&bulk.wanted(), &bulk.id))?;
        Ok(ids.into_iter().next().unwrap_or_default())
    }

    fn one_back(&self, bulk: &Bulk, case_id: &str, review: &str) -> Result<String, Error> {
        let case = self.store.read(|db| Case::load(db, case_id))?.ok_or(Error::Refused("bulk.gone"))?;
        // A label by itself has no letter behind its id's.
        let act = review.strip_suffix('l').unwrap_or(review);
        self.undo(&case, &bulk.owner, (act, true, &bulk.id))?;
        Ok(review.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Habits;
    use crate::desk::case::State;
    use crate::desk::scene::{World, appeal, decision};

    const BAN: Proposal<'static> =
        Proposal { act: "ban", label: "abusive", policy: "bulk", reason: "one farm" };

    #[test]
    fn many_cases_are_decided_at_once_only_with_another_approver_and_all_of_it_can_be_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let habits = Habits { seconds_per_10_000: 0, audits_per_10_000: 0, ..Habits::default() };
        let (world, desk) = World::desk(folder.path(), habits);
        for n in 0..30 {
            world.arrive(decision(&format!("d{n}"), &format!("a{n}"), "review", ""));
        }
        world.arrive(appeal("e", "appealed", "d"));
        let id = desk.propose_bulk("x", &Filter::default(), &BAN).expect("fine");
        let bulk = || desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
        assert_eq!((bulk().total(), bulk().needs_another()), (30, true), "the appeal is not among them");
        let sampled = desk.store.read(|db| sample(db, &id)).expect("readable");
        assert_eq!(sampled.len(), 10);
        for who in [("x", true), ("y", false)] {
            let refused = desk.approve_bulk(&id, who);
            assert!(matches!(refused, Err(Error::Refused("bulk.another"))), "{who:?} {refused:?}");
        }
        desk.run_bulk(&id).expect("nothing is approved");
        assert_eq!(bulk().counts, [30, 0, 0, 0]);
        // One is taken by somebody else meanwhile.
        let held = desk.store.read(|db| Case::load(db, &sampled[0].id)).expect("readable").expect("there");
        desk.claim(&held, "z", "1").expect("written");
        desk.approve_bulk(&id, ("y", true)).expect("a lead who did not propose it");
        desk.run_bulk(&id).expect("works");
        assert_eq!((bulk().counts, &*bulk().state), ([0, 29, 1, 0], "done"));
        let why = desk.store.read(|db| passed_over(db, &id)).expect("readable");
        assert_eq!(why, [("refused.held".to_owned(), 1)]);
        let decided = desk.store.read(|db| Case::load(db, &sampled[1].id)).expect("readable").expect("there");
        assert_eq!((decided.state, &*decided.outcome), (State::Decided, "ban"));
        desk.turn_bulk(&id, ("x", false), true).expect("its owner may");
        desk.run_bulk(&id).expect("works");
        assert_eq!((bulk().counts, &*bulk().state), ([0, 0, 1, 29], "undone"));
        let again = desk.store.read(|db| Case::load(db, &sampled[1].id)).expect("readable").expect("there");
        assert_eq!(again.state, State::Open);
    }

    #[test]
    fn what_is_stopped_goes_no_further_and_what_is_incomplete_is_not_proposed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (world, desk) = World::desk(folder.path(), Habits::default());
        world.arrive(decision("d", "a", "review", ""));
        let refused = |what: Proposal<'_>| match desk.propose_bulk("x", &Filter::default(), &what) {
            Err(Error::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(Proposal { reason: "", ..BAN }), "refused.no_reason");
        assert_eq!(refused(Proposal { policy: "", ..BAN }), "refused.no_policy");
        assert_eq!(refused(Proposal { act: "skip", ..BAN }), "refused.no_act");
        let id = desk.propose_bulk("x", &Filter::default(), &BAN).expect("fine");
        desk.turn_bulk(&id, ("x", false), false).expect("its owner stops it");
        desk.run_bulk(&id).expect("nothing happens");
        let bulk = desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
        assert_eq!((&*bulk.state, bulk.counts), ("cancelled", [1, 0, 0, 0]));
        desk.approve_bulk(&id, ("x", false)).expect("few need no other, and it goes on");
        desk.run_bulk(&id).expect("works");
        let bulk = desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
        assert_eq!((&*bulk.state, bulk.counts), ("done", [0, 1, 0, 0]));
    }
}
