//! Where two people disagree about an account: a third, a lead who is neither of them, judges it blind.
//!
//! Separate from what opens the second review. Invariants: a disagreement is raised once; while something else about the account is open it
//! waits, and is raised when that is closed, if the two still disagree.

use schema::{Label, Review};

use super::said::about_the_same;
use super::{Case, Cause, Error, Fold};

impl Fold<'_> {
    /// Opens a case for a third person where a blind second label says otherwise than the first, or notes that one is due.
    pub(super) fn dispute(&self, second: &Case, review: &Review, at: u64) -> Result<(), Error> {
        if review.label.is_none() || !self.is_disputed(second)? {
            return Ok(());
        }
        if Case::open_of(self.db, &second.account)?.is_none() {
            return self.raise(second, at);
        }
        let sql = "INSERT OR IGNORE INTO disagreements VALUES (?1, ?2)";
        self.db.prepare_cached(sql)?.execute((&second.id, &second.account))?;
        Ok(())
    }

    /// Raises what waits until nothing else about an account is open.
    pub(super) fn raise_waiting(&self, account: &str, at: u64) -> Result<(), Error> {
        if Case::open_of(self.db, account)?.is_some() {
            return Ok(());
        }
        let sql = "SELECT second FROM disagreements WHERE account = ?1 ORDER BY second";
        let mut query = self.db.prepare_cached(sql)?;
        let waiting =
            query.query_map([account], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        for second in waiting {
            let gone = "DELETE FROM disagreements WHERE second = ?1";
            self.db.prepare_cached(gone)?.execute([&second])?;
            if let Some(second) = Case::load(self.db, &second)?
                && self.is_disputed(&second)?
            {
                return self.raise(&second, at);
            }
        }
        Ok(())
    }

    /// The same for all accounts: cases close with the day, too.
    pub(super) fn raise_all_waiting(&self, at: u64) -> Result<(), Error> {
        let mut query =
            self.db.prepare_cached("SELECT DISTINCT account FROM disagreements ORDER BY account")?;
        let accounts = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        accounts.iter().try_for_each(|account| self.raise_waiting(account, at))
    }

    fn raise(&self, second: &Case, at: u64) -> Result<(), Error> {
        let Some(third) = self.case_for(&second.account, Cause::Dispute, (&second.id, at))? else {
            return Ok(());
        };
        let mut third = about_the_same(third, second);
        third.excluded.clone_from(&second.excluded);
        for (actor, _) in self.said_blind(second)? {
            third.exclude(&actor);
        }
        third.escalated = true;
        third.store(self.db)
    }

    /// Whether somebody said blind of a second review what differs from the first.
    fn is_disputed(&self, second: &Case) -> Result<bool, Error> {
        // It may have become a graver case meanwhile.
        if second.cause == Cause::Dispute || second.of_case.is_empty() {
            return Ok(false);
        }
        let is_told = |label: &Label| *label != Label::CannotTell;
        let Some(first) = self.first_said(second)?.filter(is_told) else { return Ok(false) };
        let said = self.said_blind(second)?;
        Ok(said.iter().filter(|(_, label)| is_told(label)).any(|(_, label)| *label != first))
    }

    /// Who said what in a case, blind, in order.
    fn said_blind(&self, case: &Case) -> Result<Vec<(String, Label)>, Error> {
        let sql = "SELECT actor, label FROM labels WHERE case_id = ?1 AND blind = 1 ORDER BY at, review";
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map([&case.id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        let rows = rows.collect::<rusqlite::Result<Vec<(String, String)>>>()?;
        Ok(rows.into_iter().filter_map(|(actor, label)| Some((actor, Label::from_word(&label)?))).collect())
    }
}
