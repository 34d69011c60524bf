//! What should wake somebody: how many cases wait, how long, and how many are late.
//!
//! Separate from the queue, which shows the same to those who work it. Invariant: every cause is told, also one of which nothing waits.

use super::Desk;
use super::cause::Cause;
use crate::error::Error;

/// Open cases of one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The word of the cause, such as `urgent`.
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
        let mut waiting: Vec<Waiting> = Cause::ALL.into_iter().map(none).collect();
        self.store.read(|db| {
            let sql = "SELECT cause, count(*), sum(due_at < ?1), min(opened_at) FROM cases WHERE state = 0 GROUP BY cause";
            let mut query = db.prepare_cached(sql)?;
            let mut rows = query.query([now as i64])?;
            while let Some(row) = rows.next()? {
                let number: i64 = row.get(0)?;
                let Some(one) = usize::try_from(number).ok().and_then(|number| waiting.get_mut(number)) else {
                    continue;
                };
                one.open = row.get::<_, i64>(1)? as u64;
                one.overdue = row.get::<_, i64>(2)? as u64;
                one.oldest_ms = now.saturating_sub(row.get::<_, i64>(3)? as u64);
            }
            Ok(())
        })?;
        Ok(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Habits;
    use crate::desk::scene::World;

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
}
