//! How long somebody has looked at cases: today, and since their last break.
//!
//! Separate from the audit chain, which says what was seen and is kept for good; this is forgotten after a week, is shown to nobody but
//! the person, and ranks nobody. Invariants: a minute counts once, however many tabs show a case in it and however often a page is
//! loaded; what counts is the server's own record of views and of signs of life, not a clock of the browser.

use rusqlite::Connection;

use super::Desk;
use crate::error::Error;
use crate::people::Viewer;

const MINUTE_MS: u64 = 60_000;
const DAY_MIN: u64 = 24 * 60;
/// So many minutes without a case are a break; fewer are thinking or a slow page.
const BREAK_MIN: u64 = 10;
/// Minutes that are kept.
const KEPT_MIN: u64 = 7 * DAY_MIN;

/// How long it was, minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Since midnight UTC.
    pub today_min: u64,
    /// Since the last break; 0: there is one now.
    pub since_break_min: u64,
}

/// Notes that somebody has a case before them now.
pub fn saw(db: &Connection, person: &str, wall_ms: u64) -> Result<(), Error> {
    let minute = wall_ms / MINUTE_MS;
    let noted = db
        .prepare_cached("INSERT OR IGNORE INTO exposure VALUES (?1, ?2)")?
        .execute((person, minute as i64))?;
    if noted > 0 {
        let old = minute.saturating_sub(KEPT_MIN) as i64;
        db.prepare_cached("DELETE FROM exposure WHERE person = ?1 AND minute < ?2")?
            .execute((person, old))?;
    }
    Ok(())
}

/// How long somebody has looked, out of what was noted.
pub fn of(db: &Connection, person: &str, wall_ms: u64) -> Result<Exposure, Error> {
    let now = wall_ms / MINUTE_MS;
    let midnight = now / DAY_MIN * DAY_MIN;
    // A sitting may have begun yesterday.
    let from = midnight.saturating_sub(DAY_MIN) as i64;
    let mut query =
        db.prepare_cached("SELECT minute FROM exposure WHERE person = ?1 AND minute >= ?2 ORDER BY minute")?;
    let minutes = query.query_map((person, from), |row| row.get::<_, i64>(0))?;
    let minutes: Vec<u64> =
        minutes.map(|minute| minute.map(|minute| minute as u64)).collect::<Result<_, _>>()?;
    Ok(counted(&minutes, (midnight, now)))
}

/// `minutes`: those noted, in order.
fn counted(minutes: &[u64], (midnight, now): (u64, u64)) -> Exposure {
    let (mut today_min, mut sitting, mut before) = (0, 0, None::<u64>);
    for minute in minutes {
        let passed = before.map_or(BREAK_MIN, |before| minute - before);
        let spent = if passed < BREAK_MIN { passed } else { 1 };
        sitting = if passed < BREAK_MIN { sitting + passed } else { 1 };
        if *minute >= midnight {
            today_min += spent.min(minute - midnight + 1);
        }
        before = Some(*minute);
    }
    let is_over = before.is_none_or(|before| now.saturating_sub(before) >= BREAK_MIN);
    Exposure { today_min, since_break_min: if is_over { 0 } else { sitting } }
}

impl Desk {
    /// Notes a view in the audit chain, and that it was before somebody's eyes now.
    ///
    /// # Errors
    /// If the store cannot be written: then nothing may be shown.
    pub(crate) fn viewed(
        &self,
        viewer: &Viewer,
        (what, subject, detail): (&str, &str, &str),
    ) -> Result<(), Error> {
        let wall = self.wall();
        self.noted(viewer, (what, subject, detail), |db| saw(db, &viewer.id, wall))
    }

    /// Somebody is still there.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn still_there(&self, person: &str) -> Result<(), Error> {
        saw(&self.store.writer(), person, self.wall())
    }

    /// How long somebody has looked at cases.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn exposure(&self, person: &str) -> Result<Exposure, Error> {
        let wall = self.wall();
        self.store.read(|db| of(db, person, wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn minutes_count_once_short_gaps_are_work_and_long_ones_a_break() {
        let of = |minutes: &[u64], now| counted(minutes, (1_440, now));
        let exposure = |today_min, since_break_min| Exposure { today_min, since_break_min };
        assert_eq!(of(&[], 1_500), exposure(0, 0));
        assert_eq!(of(&[1_500], 1_500), exposure(1, 1));
        assert_eq!(of(&[1_500, 1_501, 1_505], 1_506), exposure(6, 6));
        assert_eq!(of(&[1_500, 1_501, 1_511, 1_512], 1_513), exposure(4, 2), "ten minutes are a break");
        assert_eq!(of(&[1_500, 1_501], 1_511), exposure(2, 0), "and it is one while it lasts");
        assert_eq!(of(&[1_436, 1_438, 1_443], 1_443), exposure(4, 8), "a sitting goes on over midnight");
    }

    #[test]
    fn what_was_noted_is_ones_own_survives_a_start_and_is_forgotten_after_a_week() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("review.db");
        let start = 1_732_453_200_000;
        let store = Store::open(&path).expect("opens");
        for ms in [0, 5_000, 70_000, 130_000] {
            saw(&store.writer(), "u_ada", start + ms).expect("noted");
        }
        drop(store);
        let store = Store::open(&path).expect("opens again");
        let told = |person: &str, at| store.read(|db| of(db, person, at)).expect("told");
        assert_eq!(told("u_ada", start + 130_000), Exposure { today_min: 3, since_break_min: 3 });
        assert_eq!(told("u_ben", start + 130_000), Exposure::default());
        saw(&store.writer(), "u_ada", start + 8 * DAY_MIN * MINUTE_MS).expect("noted");
        let left: i64 = store
            .read(|db| Ok(db.query_row("SELECT count(*) FROM exposure", [], |row| row.get(0))?))
            .expect("told");
        assert_eq!(left, 1);
    }
}
