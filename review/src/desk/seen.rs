//! What pages showed of an account, to whom: so that a label says what whoever gave it had seen, whatever their browser says.
//!
//! Separate from pages, each of which tells it what it is about to show. Invariants: noted before it is shown; what was seen on another
//! page, or in an earlier case, and tells what automation or others thought, is told as [`BEFORE`]; what a deletion covers goes. No part
//! of the fold.

use std::sync::PoisonError;

use rusqlite::{Connection, OptionalExtension as _};
use schema::Restriction;

use super::case::Case;
use super::{Desk, exposure};
use crate::audit;
use crate::error::Error;
use crate::people::Viewer;

pub use schema::review::{SEEN_BEFORE as BEFORE, reveals};

/// How long it is remembered, ms of log time.
const KEPT_MS: u64 = 90 * 24 * 60 * 60 * 1_000;

/// What the screen of a case shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screened {
    /// The case.
    pub case: String,
    /// Its account.
    pub account: String,
    /// What of the account, as codes.
    pub codes: Vec<&'static str>,
    /// Other accounts, of which it shows what is in force.
    pub beside: Vec<String>,
}

/// How long what was fetched ahead may be shown, ms: behind it reports come in and decisions are made.
const AHEAD_MS: u64 = 30_000;

/// A page that was fetched ahead.
#[derive(Debug)]
pub struct Ahead {
    screen: Screened,
    /// When, wall ms.
    taken: u64,
    /// What it is about, whoever holds it.
    case: Case,
    /// What it shows to be in force, unless it is blind.
    in_force: Option<Vec<Restriction>>,
}

/// What is shown of an account, in a case or (empty) elsewhere, as codes.
type Told<'a> = (&'a str, &'a str, &'a [&'a str]);

/// What a line about a case tells of its account.
fn on_a_line(case: &Case) -> &'static [&'static str] {
    let has_rule = !case.rule.is_empty() || !case.reason.is_empty() && !case.decision.is_empty();
    match (has_rule, case.score.is_some()) {
        (true, true) => &["rule", "score"],
        (true, false) => &["rule"],
        (false, true) => &["score"],
        (false, false) => &[],
    }
}

/// The case, whoever holds it or came to it.
fn unheld(case: &Case) -> Case {
    let mut case = case.clone();
    case.free();
    case.reached = false;
    case
}

impl Desk {
    /// Notes what is about to be shown of accounts, in a case or (empty) elsewhere.
    pub(crate) fn note_shown(
        &self,
        viewer: &str,
        case_id: &str,
        shown: &[(&str, &[&str])],
    ) -> Result<(), Error> {
        let told: Vec<Told<'_>> = shown.iter().map(|(account, codes)| (case_id, *account, *codes)).collect();
        self.note_told(viewer, &told)
    }

    /// Notes that a list is about to show cases, each with what automation did and how it scored; blind ones without.
    pub(crate) fn note_listed<'a>(
        &self,
        viewer: &str,
        cases: impl Iterator<Item = &'a Case>,
    ) -> Result<(), Error> {
        let open = cases.filter(|case| !case.cause.is_blind());
        let told = open.map(|case| (&*case.id, &*case.account, on_a_line(case)));
        let told: Vec<Told<'_>> = told.filter(|(_, _, codes)| !codes.is_empty()).collect();
        self.note_told(viewer, &told)
    }

    /// Notes that the screen of a case is about to be shown, in the audit chain, too: all of it or nothing.
    pub(crate) fn note_screen(&self, viewer: &Viewer, screen: &Screened) -> Result<(), Error> {
        let mut told: Vec<Told<'_>> = vec![(&screen.case, &screen.account, &screen.codes)];
        told.extend(screen.beside.iter().map(|account| ("", &**account, &["standing"][..])));
        let fresh = self.fresh(&viewer.id, &told)?;
        let (wall, now) = (self.wall(), self.now());
        self.noted(viewer, ("view_case", &audit::account(&screen.account), &screen.case), |db| {
            exposure::saw(db, &viewer.id, wall)?;
            write(db, &viewer.id, (&fresh, now))
        })
    }

    /// Notes that what is in force for accounts is about to be shown beside another.
    pub(crate) fn note_beside(&self, viewer: &str, accounts: &[String]) -> Result<(), Error> {
        let shown: Vec<(&str, &[&str])> =
            accounts.iter().map(|account| (&**account, &["standing"][..])).collect();
        self.note_shown(viewer, "", &shown)
    }

    /// Remembers what was fetched ahead for somebody, and shown to nobody yet: their latest alone. `in_force`: as it shows it, unless it is
    /// blind.
    pub(crate) fn keep_ahead(
        &self,
        viewer: &str,
        screen: Screened,
        (case, in_force): (&Case, Option<&[Restriction]>),
    ) {
        let in_force = in_force.map(<[Restriction]>::to_vec);
        let kept = Ahead { screen, taken: self.wall(), case: unheld(case), in_force };
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).insert(viewer.to_owned(), kept);
    }

    /// Notes that what was fetched ahead of a case is shown now; false: it was not remembered, is no longer true or too old, and must be
    /// fetched again. `case`: as it is now.
    pub(crate) fn show_ahead(&self, viewer: &Viewer, case: &Case) -> Result<bool, Error> {
        let kept = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).remove(&viewer.id);
        let Some(kept) = kept.filter(|kept| kept.case == unheld(case)) else { return Ok(false) };
        if self.wall().saturating_sub(kept.taken) > AHEAD_MS {
            return Ok(false);
        }
        if let Some(in_force) = &kept.in_force
            && *in_force != self.in_force(&case.account)?
        {
            return Ok(false);
        }
        self.note_screen(viewer, &kept.screen)?;
        Ok(true)
    }

    fn note_told(&self, viewer: &str, told: &[Told<'_>]) -> Result<(), Error> {
        let fresh = self.fresh(viewer, told)?;
        if fresh.is_empty() {
            return Ok(());
        }
        let mut writer = self.store.writer();
        let transaction = writer.transaction()?;
        write(&transaction, viewer, (&fresh, self.now()))?;
        Ok(transaction.commit()?)
    }

    /// What of it was not noted before: case, account, and all codes with those of before.
    fn fresh<'a>(&self, viewer: &str, told: &[Told<'a>]) -> Result<Vec<(&'a str, &'a str, String)>, Error> {
        let known = self.store.read(|db| {
            let sql = "SELECT codes FROM shown WHERE account = ?1 AND actor = ?2 AND case_id = ?3";
            let mut query = db.prepare_cached(sql)?;
            let one = |(case_id, account, _): &Told<'_>| {
                let codes = query.query_row((account, viewer, case_id), |row| row.get::<_, String>(0));
                Ok(codes.optional()?.unwrap_or_default())
            };
            told.iter().map(one).collect::<Result<Vec<String>, Error>>()
        })?;
        let mut fresh = Vec::new();
        for ((case_id, account, codes), known) in told.iter().zip(known) {
            let has = |code: &&&str| known.split_whitespace().any(|one| one == **code);
            let more: Vec<&str> = codes.iter().filter(|code| !has(code)).copied().collect();
            if !more.is_empty() {
                fresh.push((
                    *case_id,
                    *account,
                    format!("{known} {}", more.join(" ")).trim_start().to_owned(),
                ));
            }
        }
        Ok(fresh)
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

/// Writes what is fresh, and lets go what is too old.
fn write(db: &Connection, viewer: &str, (fresh, now): (&[(&str, &str, String)], u64)) -> Result<(), Error> {
    for (case_id, account, codes) in fresh {
        let sql = "INSERT INTO shown VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (account, actor, case_id) DO UPDATE SET codes = excluded.codes, at = excluded.at";
        db.prepare_cached(sql)?.execute((account, viewer, case_id, codes, now as i64))?;
    }
    let sql = "DELETE FROM shown WHERE at < ?1";
    db.prepare_cached(sql)?.execute([now.saturating_sub(KEPT_MS) as i64])?;
    Ok(())
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

    #[test]
    fn what_a_list_tells_is_told_by_labels_and_a_blind_case_tells_nothing_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_world, desk) = World::desk(folder.path(), Habits::default());
        let made = |id: &str, cause: Cause| Case {
            rule: "busy".to_owned(),
            score: Some(0.7),
            ..Case::new(id.to_owned(), "a", cause, 1)
        };
        let (listed, second) = (made("k", Cause::Review), made("k2", Cause::Second));
        let told = |case: &Case| desk.shown_to(case, "x").expect("readable").join(" ");
        desk.note_listed("x", [&second].into_iter()).expect("noted");
        assert_eq!(told(&second), "");
        desk.note_listed("x", [&listed].into_iter()).expect("noted");
        assert_eq!((&*told(&listed), &*told(&second)), ("rule score", "before"));
        desk.note_beside("y", &["a".to_owned()]).expect("noted");
        assert_eq!(desk.shown_to(&second, "y").expect("readable"), ["before"]);
    }
}
