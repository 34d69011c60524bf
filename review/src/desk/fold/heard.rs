//! What reports and appeals do to cases.
//!
//! Separate from decisions. Invariants: an author counts once an account; authors are bounded, and a crowd that looks alike counts
//! little; an appeal never goes to whoever decided, nor to whoever approved that as part of an act on many.

use rusqlite::OptionalExtension as _;
use schema::{Decision, Event, Feedback, ReportReason};

use super::decided::tell;
use super::{Case, Cause, Error, Fold};
use crate::desk::rank::{self, Voice};

/// Most authors that are remembered about one account.
const AUTHORS_MAX: i64 = 64;

impl Fold<'_> {
    pub(super) fn reported(
        &self,
        event: &Event<'_>,
        (feedback, reason): (&Feedback<'_>, ReportReason),
        at: u64,
    ) -> Result<(), Error> {
        self.note(event.account, (feedback, reason), at)?;
        let is_urgent = matches!(reason, ReportReason::Threat | ReportReason::ChildSafety);
        let case = if is_urgent {
            self.case_for(event.account, Cause::Urgent, (event.id, at))?
        } else {
            Case::open_of(self.db, event.account)?
        };
        let Some(mut case) = case else { return Ok(()) };
        self.hear(&mut case)?;
        if is_urgent && case.reason.is_empty() {
            reason.word().clone_into(&mut case.reason);
        }
        case.store(self.db)
    }

    /// Remembers what an author said: the gravest and most credible of it.
    fn note(
        &self,
        account: &str,
        (feedback, reason): (&Feedback<'_>, ReportReason),
        at: u64,
    ) -> Result<(), Error> {
        let sql = "SELECT reason, credit FROM reported WHERE account = ?1 AND author = ?2";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, f64>(1)?));
        let before = self.db.prepare_cached(sql)?.query_row((account, feedback.peer), read).optional()?;
        if before.is_none() {
            let mut query = self.db.prepare_cached("SELECT count(*) FROM reported WHERE account = ?1")?;
            let authors: i64 = query.query_row([account], |row| row.get(0))?;
            if authors >= AUTHORS_MAX {
                return Ok(());
            }
        }
        let mut credit = rank::credit(feedback);
        let mut reason = reason;
        if let Some((word, earned)) = before {
            credit = credit.max(earned);
            let other = ReportReason::from_word(&word).unwrap_or(ReportReason::Other);
            if rank::gravity(other) > rank::gravity(reason) {
                reason = other;
            }
        }
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let looks = [feedback.peer_device, feedback.peer_prefix, feedback.peer_range].map(text);
        let [device, prefix, range] = looks;
        let sql = "INSERT OR REPLACE INTO reported VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = (account, feedback.peer, at as i64, reason.word(), credit, device, prefix, range);
        self.db.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Tells a case what all reports say.
    pub(super) fn hear(&self, case: &mut Case) -> Result<(), Error> {
        let sql = "SELECT reason, credit, device, prefix, range FROM reported WHERE account = ?1 ORDER BY at, author";
        let mut query = self.db.prepare_cached(sql)?;
        let mut rows = query.query([&case.account])?;
        let (mut voices, mut gravest) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            let reason = ReportReason::from_word(&row.get::<_, String>(0)?).unwrap_or(ReportReason::Other);
            if gravest.is_none_or(|gravest| rank::gravity(reason) > rank::gravity(gravest)) {
                gravest = Some(reason);
            }
            let (credit, device, prefix, range) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            voices.push(Voice { credit, device, prefix, range });
        }
        // A report that nobody would believe says nothing about harm, unless a human must look at it anyhow.
        case.heard = rank::heard(&voices);
        case.reported = gravest.filter(|_| case.heard >= 0.1 || case.cause == Cause::Urgent);
        Ok(())
    }

    pub(super) fn appealed(&self, event: &Event<'_>, decision: &str, at: u64) -> Result<(), Error> {
        let Some(mut case) = self.case_for(event.account, Cause::Appeal, (event.id, at))? else {
            return Ok(());
        };
        case.appealed = true;
        if case.cause == Cause::Appeal {
            decision.clone_into(&mut case.decision);
            let sql = "SELECT body FROM decided WHERE id = ?1 AND account = ?2";
            let body: Option<String> = self
                .db
                .prepare_cached(sql)?
                .query_row((decision, event.account), |row| row.get(0))
                .optional()?;
            if let Some(judged) = body.and_then(|body| serde_json::from_str::<Decision>(&body).ok()) {
                tell(&mut case, &judged);
            }
        }
        // Also where something graver is open: who decided does not judge the appeal, whatever it is found in.
        let sql = "SELECT DISTINCT actor FROM said WHERE account = ?1 AND undone = 0 AND (act = 'verdict' OR act = 'note' AND
            body ->> 'batch' IN (SELECT body ->> 'batch' FROM said WHERE account = ?1 AND act = 'verdict' AND undone = 0))
            ORDER BY actor";
        let mut statement = self.db.prepare_cached(sql)?;
        let actors = statement.query_map([event.account], |row| row.get::<_, String>(0))?;
        for actor in actors.collect::<rusqlite::Result<Vec<String>>>()? {
            case.exclude(&actor);
        }
        case.store(self.db)
    }
}
