//! Taking an act back: what it did to the case, and by verdicts of its own what it did to the account.
//!
//! Separate from doing. Invariants: only whoever did it and leads take it back, and of an appeal nobody to whom it is closed takes back
//! what another said; a verdict after which another one counts is not taken back, since what was in force before it is not what would be
//! put back; an act on many that takes back goes on where it stopped.

use rusqlite::Connection;
use schema::{Act, Review};

use super::restore::restoring;
use super::{Desk, NO_CASE, TAKEN_BACK};
use crate::desk::case::Case;
use crate::error::Error;

impl Desk {
    /// Takes everything of one act back. Only whoever did it and leads may.
    pub(crate) fn undo(
        &self,
        case: &Case,
        actor: &str,
        (act, by_lead, once): (&str, bool, &str),
    ) -> Result<Vec<Review>, Error> {
        let _turn = self.turn_at(&case.id);
        let reviews = self.undoing(case, actor, (act, by_lead, once))?;
        let ids: Vec<&str> = reviews.iter().map(|review| &*review.id).take(4).collect();
        self.send_audited(&reviews, (actor, "act_undo"), &format!("{} {}", case.id, ids.join(" ")))?;
        self.folded(&reviews[0].id)?;
        Ok(reviews)
    }

    /// The same as part of an act on many by `owner`, whose id is `batch`; sent again, it is one.
    pub(in crate::desk) fn undo_in_batch(
        &self,
        case: &Case,
        owner: &str,
        (act, batch): (&str, &str),
    ) -> Result<(), Error> {
        let _turn = self.turn_at(&case.id);
        let reviews = self.undoing(case, owner, (act, true, batch))?;
        self.given.outlet.review(&reviews)?;
        self.folded(&reviews[0].id)
    }

    /// The records that take an act back, if they may be sent.
    fn undoing(
        &self,
        case: &Case,
        actor: &str,
        (act, by_lead, once): (&str, bool, &str),
    ) -> Result<Vec<Review>, Error> {
        let now = self.now();
        let of = |number: usize| self.record(case, (actor, Act::Undo), &format!("{once}u{number}"));
        // Begun by the same words before: the rest of it is sent again.
        let is_begun = self.is_undone(&of(0).id)?.is_some();
        let done = self.store.read(|db| done(db, (&case.id, act), is_begun))?;
        if done.is_empty() {
            return Err(Error::Refused("refused.nothing_to_undo"));
        }
        let is_anothers = done.iter().any(|one| one.actor != actor);
        if is_anothers && !by_lead {
            return Err(Error::Refused("refused.not_yours"));
        }
        if is_anothers && case.excludes(actor) {
            return Err(Error::Refused("refused.own_decision"));
        }
        let verdict = done.iter().find(|one| one.act == Act::Verdict);
        if let Some(verdict) = verdict.filter(|_| !is_begun)
            && self.store.read(|db| is_superseded(db, &case.account, &verdict.id))?
        {
            return Err(Error::Refused("refused.later_verdict"));
        }
        let mut reviews = Vec::new();
        for (number, one) in done.iter().enumerate() {
            let mut undo = of(number);
            undo.undoes = Some(one.id.clone());
            (undo.policy, undo.reason) = (one.policy.clone(), Some(TAKEN_BACK.to_owned()));
            reviews.push(undo);
        }
        if let Some(verdict) = verdict {
            let before = self.before(&verdict.id)?.ok_or(Error::Refused("refused.before_unknown"))?;
            for (number, word) in restoring(&before, verdict, now).into_iter().enumerate() {
                let mut review = self.record(case, (actor, Act::Verdict), &format!("{once}v{number}"));
                (review.verdict, review.scope) = (Some(word.verdict), word.scope);
                (review.limit, review.expires) = (word.limit, word.expires);
                review.policy.clone_from(&verdict.policy);
                review.reason = Some(TAKEN_BACK.to_owned());
                review.undoes = Some(verdict.id.clone());
                NO_CASE.clone_into(&mut review.case);
                reviews.push(review);
            }
        }
        Ok(reviews)
    }
}

/// What an act did that counts, the last first; `is_begun`: also what was taken back.
fn done(db: &Connection, (case, act): (&str, &str), is_begun: bool) -> Result<Vec<Review>, Error> {
    let sql = "SELECT body FROM said WHERE case_id = ?1 AND (undone = 0 OR ?3) AND counts = 1 AND (id = ?2 OR id = ?2 || 'l')
        ORDER BY position DESC";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map((case, act, is_begun), |row| row.get::<_, String>(0))?;
    let bodies = rows.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
}

/// Whether after a verdict another one was given about the account, anywhere, that was not taken back. What takes a verdict back is none.
pub fn is_superseded(db: &Connection, account: &str, verdict: &str) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM said AS later WHERE later.account = ?1 AND later.act = ?3 AND later.undone = 0
        AND later.position > (SELECT position FROM said WHERE id = ?2) AND later.body ->> 'undoes' IS NULL
        AND NOT EXISTS (SELECT 1 FROM said AS back WHERE back.account = ?1 AND back.body ->> 'undoes' = later.id)";
    Ok(db.prepare_cached(sql)?.exists((account, verdict, Act::Verdict.word()))?)
}
