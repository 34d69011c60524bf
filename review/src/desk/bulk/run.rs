//! Who comes when: an act on many is carried out, or taken back, item after item, until nothing is left or somebody stops it.
//!
//! Separate from what is done to each (`carry`). Invariants: nothing is done that is not in the state for it when its turn comes; what
//! became of each is noted before the next; while the log or the store takes nothing it waits, says why, and goes on by itself; what was
//! under way when the process ended goes on after the next start.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use schema::desk::Untaken;

use super::carry::{Item, Outcome};
use super::{Bulk, Kind, load};
use crate::desk::Desk;
use crate::error::Error;

/// Restrictions of a version that are lifted with one write.
const BUNCH: i64 = 100;
/// How long it waits before it tries again: at first, and at most.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

impl Desk {
    /// Lets an act on many that was approved, or is to be taken back, begin on a thread of its own. What is done so far is in the file.
    pub(crate) fn begin_bulk(self: &Arc<Self>, id: &str) {
        self.on_a_thread(vec![id.to_owned()]);
    }

    /// Lets everything go on that was under way when the desk ended. For whoever feeds it, once it has caught up with the log.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn go_on(self: &Arc<Self>) -> Result<(), Error> {
        let ids = self.store.read(|db| {
            let sql = "SELECT id FROM bulks WHERE state IN ('running', 'undoing') ORDER BY made_at, id";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
        })?;
        if !ids.is_empty() {
            tracing::info!(acts = ids.len(), "acts on many that were under way go on");
            self.on_a_thread(ids);
        }
        Ok(())
    }

    /// Its own thread for as long as it takes; the process may end meanwhile.
    fn on_a_thread(self: &Arc<Self>, ids: Vec<String>) {
        let desk = Arc::clone(self);
        let work = move || ids.iter().for_each(|id| desk.carry_through(id));
        if let Err(error) = std::thread::Builder::new().name("weir-bulk".to_owned()).spawn(work) {
            tracing::error!(%error, "an act on many waits for the next start: there is no thread for it");
        }
    }

    /// Carries one out, and waits while it cannot go on. Blocks for long.
    fn carry_through(&self, id: &str) {
        let _turn = self.bulk_turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pause = PAUSE;
        while let Err(error) = self.run_bulk(id) {
            tracing::warn!(%error, id, "an act on many waits, and goes on by itself");
            std::thread::sleep(pause);
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    /// Carries out what is approved, or takes it back, until nothing is left, somebody stops it, or it cannot go on now.
    pub(super) fn run_bulk(&self, id: &str) -> Result<(), Error> {
        let Some(mut bulk) = self.store.read(|db| load(db, id))? else { return Ok(()) };
        loop {
            (bulk.state, bulk.approver) = self.store.read(|db| state(db, id))?;
            let (from, end) = match &*bulk.state {
                "running" => ("waiting", "done"),
                "undoing" => ("done", "undone"),
                _ => return Ok(()),
            };
            let items = self.items(&bulk, from)?;
            let Some(first) = items.first().map(|item| item.item.clone()) else {
                let state = format!("state = '{}'", bulk.state);
                return self.step(id, &state, (end, &bulk.approver), None);
            };
            match self.outcomes(&bulk, items, from) {
                Ok(outcomes) => self.note_outcomes(id, end, &outcomes)?,
                Err(error) => {
                    let sql = "UPDATE bulk_items SET why = ?3 WHERE bulk = ?1 AND item = ?2";
                    self.store.writer().prepare_cached(sql)?.execute((id, first, why(&error)))?;
                    return Err(error);
                }
            }
        }
    }

    fn items(&self, bulk: &Bulk, state: &str) -> Result<Vec<Item>, Error> {
        let most = if bulk.kind == Kind::Version { BUNCH } else { 1 };
        self.store.read(|db| {
            let sql = "SELECT item, account, case_id, decision, review FROM bulk_items
                WHERE bulk = ?1 AND state = ?2 ORDER BY item LIMIT ?3";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map((&bulk.id, state, most), |row| {
                let (item, account, case_id) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Item { item, account, case_id, decision: row.get(3)?, review: row.get(4)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    fn note_outcomes(&self, id: &str, end: &str, outcomes: &[Outcome]) -> Result<(), Error> {
        let mut writer = self.store.writer();
        let transaction = writer.transaction()?;
        for (item, outcome) in outcomes {
            let (state, review, why) = match outcome {
                Ok(review) => (end, review, ""),
                Err(why) => ("passed_over", &item.review, *why),
            };
            let sql = "UPDATE bulk_items SET state = ?3, review = ?4, why = ?5, case_id = ?6 WHERE bulk = ?1 AND item = ?2";
            let values = (id, &item.item, state, review, why, &item.case_id);
            transaction.prepare_cached(sql)?.execute(values)?;
        }
        Ok(transaction.commit()?)
    }
}

/// Why it does not go on: the key of a text.
fn why(error: &Error) -> &'static str {
    match error {
        Error::Refused(key) => key,
        Error::Untaken(Untaken::Refused(_)) => "refused.log",
        Error::Untaken(Untaken::Unavailable(_)) => "bulk.log_down",
        Error::Told(_) => "bulk.standing_down",
        Error::File { .. } | Error::Store(_) => "bulk.store_down",
    }
}

/// State and approver.
fn state(db: &Connection, id: &str) -> Result<(String, String), Error> {
    let mut query = db.prepare_cached("SELECT state, approver FROM bulks WHERE id = ?1")?;
    Ok(query.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
