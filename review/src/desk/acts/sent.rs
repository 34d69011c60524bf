//! Sending what somebody did: one act on a case at a time, and each in the audit chain before the log has it.
//!
//! Separate from what is sent. Invariants: whoever comes second to a case waits until the first act is done, and then sees what it did;
//! nothing is sent that is not in the chain; what the log did not confirm is said to be so, since it may lie there all the same.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::OptionalExtension as _;
use schema::Review;
use schema::desk::Untaken;

use crate::audit;
use crate::desk::Desk;
use crate::error::Error;

/// Cases that somebody acts on at this moment.
#[derive(Default)]
pub struct Acting {
    cases: Mutex<BTreeSet<String>>,
    ended: Condvar,
}

/// One's turn at a case; it ends when this is dropped.
pub struct Turn<'a> {
    acting: &'a Acting,
    case: String,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.acting.cases.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.case);
        self.acting.ended.notify_all();
    }
}

impl Desk {
    /// Waits for one's turn at a case.
    pub(super) fn turn_at(&self, case: &str) -> Turn<'_> {
        let Acting { cases, ended } = &self.acting;
        let cases = cases.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cases =
            ended.wait_while(cases, |cases| cases.contains(case)).unwrap_or_else(PoisonError::into_inner);
        cases.insert(case.to_owned());
        Turn { acting: &self.acting, case: case.to_owned() }
    }

    /// Sends records about one account; the chain says before that `actor` did `what`, and after if the log did not confirm it.
    pub(super) fn send_audited(
        &self,
        reviews: &[Review],
        (actor, what): (&str, &str),
        detail: &str,
    ) -> Result<(), Error> {
        let subject = reviews.first().map_or(String::new(), |review| audit::account(&review.account));
        let note = |what: &str| {
            let entry = audit::Entry::new(self.wall(), actor, what, &subject, detail);
            audit::append(&self.store.writer(), &entry)
        };
        note(what)?;
        let sent = self.given.outlet.review(reviews);
        let became = match &sent {
            Ok(()) => return Ok(()),
            Err(Untaken::Unavailable(_)) => "unconfirmed",
            Err(Untaken::Refused(_)) => "refused",
        };
        if let Err(error) = note(&format!("{what}_{became}")) {
            tracing::error!(%error, what, "the audit chain does not say that the log did not confirm an act");
        }
        Ok(sent?)
    }

    /// Whether the log has a record, and if so whether it was taken back.
    pub(in crate::desk) fn is_undone(&self, id: &str) -> Result<Option<bool>, Error> {
        self.store.read(|db| {
            let mut query = db.prepare_cached("SELECT undone FROM said WHERE id = ?1")?;
            Ok(query.query_row([id], |row| row.get(0)).optional()?)
        })
    }
}
