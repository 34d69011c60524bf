//! What pages showed of an account, to whom: so that a label says what whoever gave it had seen, whatever their browser says.
//!
//! Separate from pages, each of which tells it what it is about to show. Invariants: noted before it is shown; what was seen on another
//! page, or in an earlier case, and tells what automation or others thought, is told as [`BEFORE`]; what a deletion covers goes. No part
//! of the fold.

use rusqlite::OptionalExtension as _;

use super::Desk;
use super::case::Case;
use crate::error::Error;

/// Code of what was seen before, elsewhere, and takes the blindness.
pub const BEFORE: &str = "before";
/// How long it is remembered, ms of log time.
const KEPT_MS: u64 = 90 * 24 * 60 * 60 * 1_000;

/// Whether a code tells what automation or others thought of an account.
pub fn reveals(code: &str) -> bool {
    matches!(code, "score" | "bars" | "rule" | "decisions" | "reviews" | "standing" | "evidence" | BEFORE)
}

impl Desk {
    /// Notes what is about to be shown of accounts, in a case or (empty) elsewhere.
    pub(crate) fn note_shown(
        &self,
        viewer: &str,
        case_id: &str,
        shown: &[(&str, &[&str])],
    ) -> Result<(), Error> {
        let known = self.store.read(|db| {
            let sql = "SELECT codes FROM shown WHERE account = ?1 AND actor = ?2 AND case_id = ?3";
            let mut query = db.prepare_cached(sql)?;
            let one = |(account, _): &(&str, &[&str])| {
                let codes = query.query_row((account, viewer, case_id), |row| row.get::<_, String>(0));
                Ok(codes.optional()?.unwrap_or_default())
            };
            shown.iter().map(one).collect::<Result<Vec<String>, Error>>()
        })?;
        let mut fresh = Vec::new();
        for ((account, codes), known) in shown.iter().zip(known) {
            let has = |code: &&&str| known.split_whitespace().any(|one| one == **code);
            let more: Vec<&str> = codes.iter().filter(|code| !has(code)).copied().collect();
            if !more.is_empty() {
                fresh.push((*account, format!("{known} {}", more.join(" ")).trim_start().to_owned()));
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let mut writer = self.store.writer();
        let transaction = writer.transaction()?;
        for (account, codes) in fresh {
            let sql = "INSERT INTO shown VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (account, actor, case_id) DO UPDATE SET codes = excluded.codes, at = excluded.at";
            transaction.prepare_cached(sql)?.execute((account, viewer, case_id, codes, now as i64))?;
        }
        let sql = "DELETE FROM shown WHERE at < ?1";
        transaction.prepare_cached(sql)?.execute([now.saturating_sub(KEPT_MS) as i64])?;
        Ok(transaction.commit()?)
    }

    /// What somebody had seen when they act in a case, as codes.
    pub(super) fn shown_to(&self, case: &Case, actor: &str) -> Result<Vec<String>, Error> {
        let rows = self.store.read(|db| {
            let sql = "SELECT case_id, codes FROM shown WHERE account = ?1 AND actor = ?2";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map((&case.account, actor), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })?;
        let mut codes = Vec::new();
        for (case_id, shown) in &rows {
            if *case_id == case.id {
                codes.extend(shown.split_whitespace().map(str::to_owned));
            }
        }
        let elsewhere = rows.iter().filter(|(case_id, _)| *case_id != case.id);
        if elsewhere.flat_map(|(_, shown)| shown.split_whitespace()).any(reveals) {
            codes.push(BEFORE.to_owned());
        }
        Ok(codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Habits;
    use crate::desk::cause::Cause;
    use crate::desk::scene::World;

    #[test]
    fn a_label_says_what_was_shown_to_whoever_gave_it_and_what_they_had_seen_elsewhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let (world, desk) = World::desk(folder.path(), Habits::default());
        let case = Case::new("k".to_owned(), "a", Cause::Audit, 1);
        let told = |actor: &str| desk.shown_to(&case, actor).expect("readable").join(" ");
        desk.note_shown("x", "k", &[("a", &["timeline"])]).expect("noted");
        desk.note_shown("x", "k", &[("a", &["timeline", "reports"]), ("b", &["score"])]).expect("noted");
        assert_eq!((&*told("x"), &*told("y")), ("timeline reports", ""));
        desk.note_shown("x", "", &[("a", &["reports"])]).expect("noted");
        assert_eq!(told("x"), "timeline reports", "what reveals nothing is no matter");
        desk.note_shown("x", "", &[("a", &["standing"])]).expect("noted");
        assert_eq!(told("x"), "timeline reports before");
        world.pass(KEPT_MS + 1);
        desk.note_shown("x", "k2", &[("a", &["timeline"])]).expect("noted");
        assert_eq!(told("x"), "");
    }
}
