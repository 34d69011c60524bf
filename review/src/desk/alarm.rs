//! What should wake somebody: how many cases wait, how long, and how many are late.
//!
//! Separate from the queue, which shows the same to those who work it. Invariant: every cause is told, also one of which nothing waits.

use rusqlite::Connection;

use super::cause::Cause;
use super::{Desk, campaign};
use crate::error::Error;

/// Most campaigns that are counted.
const CAMPAIGNS_MAX: usize = 1_000;

/// Open cases of one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The word of the cause, such as `urgent`; `campaign`: accounts that act together, which are no cases.
    pub cause: &'static str,
    /// How many.
    pub open: u64,
    /// Of them, those past their clock.
    pub overdue: u64,
    /// How long the oldest has waited, ms of log time; 0: there is none.
    pub oldest_ms: u64,
}

impl Desk {
    /// What waits, a line a cause.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn waiting(&self) -> Result<Vec<Waiting>, Error> {
        let now = self.now();
        let none = |cause: Cause| Waiting { cause: cause.word(), open: 0, overdue: 0, oldest_ms: 0 };
        // A golden item is an audit to whoever looks.
        let told = Cause::ALL.into_iter().filter(|cause| *cause != Cause::Golden);
        let mut waiting: Vec<Waiting> = told.map(none).collect();
        self.store.read(|db| {
            let sql = "SELECT cause, count(*), sum(due_at < ?1), min(opened_at) FROM cases WHERE state = 0 GROUP BY cause";
            let mut query = db.prepare_cached(sql)?;
            let mut rows = query.query([now as i64])?;
            while let Some(row) = rows.next()? {
                let number: i64 = row.get(0)?;
                let word = Cause::from_number(number).map_or("", Cause::word);
                let Some(one) = waiting.iter_mut().find(|one| one.cause == word) else { continue };
                one.open += row.get::<_, i64>(1)? as u64;
                one.overdue += row.get::<_, i64>(2)? as u64;
                one.oldest_ms = one.oldest_ms.max(now.saturating_sub(row.get::<_, i64>(3)? as u64));
            }
            drop(rows);
            waiting.push(campaigns(db, now, |ms| self.given.habits.stretched(ms))?);
            Ok(())
        })?;
        Ok(waiting)
    }
}

/// Campaigns that nobody acted on since they last grew.
pub fn campaigns(db: &Connection, now: u64, stretched: impl Fn(u64) -> u64 + Copy) -> Result<Waiting, Error> {
    let mut told = Waiting { cause: "campaign", open: 0, overdue: 0, oldest_ms: 0 };
    for one in campaign::latest(db, now, CAMPAIGNS_MAX)? {
        let (Some(since), Some(due_at)) = (one.waits_since, one.due_at(stretched)) else { continue };
        told.open += 1;
        told.overdue += u64::from(due_at < now);
        told.oldest_ms = told.oldest_ms.max(now.saturating_sub(since));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Habits;
    use crate::desk::scene::{World, decision};

    #[test]
    fn what_waits_is_told_by_cause_with_what_is_late() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_world, desk) = World::desk(folder.path(), Habits::default());
        let told = |cause: Cause| desk.waiting().expect("told")[cause as usize];
        assert_eq!(told(Cause::Urgent), Waiting { cause: "urgent", open: 0, overdue: 0, oldest_ms: 0 });
        let (now, writer) = (desk.now() as i64, desk.store.writer());
        for (id, cause, opened_at, due_at) in
            [("a", 0, now - 9_000, now - 1), ("b", 0, now - 500, now + 1), ("c", 3, now, now)]
        {
            let sql = "INSERT INTO cases (id, account, cause, state, opened_at, due_at, heard, class, key, band, lot)
                VALUES (?1, ?1, ?2, 0, ?3, ?4, 0, 0, 0, 0, 0)";
            writer.execute(sql, (id, cause, opened_at, due_at)).expect("writes");
        }
        drop(writer);
        let expected = Waiting { cause: "urgent", open: 2, overdue: 1, oldest_ms: 9_000 };
        assert_eq!(told(Cause::Urgent), expected);
        assert_eq!((told(Cause::Review).open, told(Cause::Review).overdue), (1, 0));
    }

    #[test]
    fn a_campaign_that_nobody_acts_on_is_late_after_its_time_and_again_when_it_grew() {
        let folder = tempfile::tempdir().expect("a folder");
        let (world, desk) = World::desk(folder.path(), Habits::default());
        let told = || *desk.waiting().expect("told").last().expect("campaigns come last");
        let named = |id: &str, account: &str| {
            decision(id, account, "review", r#","companions":["b1","b2","b3","b4"]"#)
        };
        world.arrive(named("d1", "a1"));
        world.pass(72 * 3_600_000 + 1);
        assert_eq!((told().cause, told().open, told().overdue), ("campaign", 1, 1));
        let id = desk.store.read(|db| campaign::of(db, "a1")).expect("readable").expect("one");
        let what =
            crate::desk::bulk::Proposal { act: "label", label: "abusive", policy: "bulk", reason: "r" };
        desk.propose_campaign("x", &id, &what).expect("fine");
        assert_eq!((told().open, told().overdue), (0, 0), "somebody is at it");
        world.pass(1);
        world.arrive(named("d2", "a2"));
        assert_eq!((told().open, told().overdue), (1, 0), "it grew since");
    }
}
