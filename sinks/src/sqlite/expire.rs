//! Retention: what is older than it may be goes, a little at a time.
//!
//! Separate from writing, so that a batch never waits for it. Invariant: one call removes a bounded number of rows and
//! finds them by an index.

use schema::Body;

use super::open::error;
use super::writer::Writer;
use crate::archive::Retention;
use crate::archive::read::MINUTE_MS;
use crate::error::Error;

const DAY_MS: u64 = 86_400_000;
/// Pages given back to the file system after each call.
const PAGES: u32 = 2_000;

impl Writer {
    /// Removes rows that are too old at `now` (ms since the Unix epoch), about `most` of each table; gives how many went.
    /// Call again while something went.
    ///
    /// # Errors
    /// The file is locked or the disk full: call again later.
    pub fn expire(&mut self, now: u64, retention: Retention, most: usize) -> Result<usize, Error> {
        let before = |days: u32| now.saturating_sub(u64::from(days) * DAY_MS) as i64;
        let Retention { events, decisions, rows, rejects, counts } = retention;
        let transaction = self.connection.transaction().map_err(error)?;
        let remove = |sql: &str, time: i64| -> Result<usize, Error> {
            transaction
                .prepare_cached(sql)
                .and_then(|mut remove| remove.execute((time, most as i64)))
                .map_err(error)
        };
        let mut gone = 0;
        for kind in Body::KINDS {
            let sql = format!(
                "DELETE FROM events WHERE place IN \
                 (SELECT place FROM events WHERE kind = '{kind}' AND at < ?1 ORDER BY at LIMIT ?2)"
            );
            gone += remove(&sql, before(events))?;
        }
        for (table, key, time, days) in [
            ("rows", "place", "at", rows),
            ("decisions", "id", "issued", decisions),
            ("reviews", "id", "at", decisions),
        ] {
            let sql = format!(
                "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {time} < ?1 ORDER BY {time} LIMIT ?2)"
            );
            gone += remove(&sql, before(days))?;
        }
        let sql = "DELETE FROM rejects WHERE (source, partition, offset) IN \
                   (SELECT source, partition, offset FROM rejects WHERE at < ?1 ORDER BY at LIMIT ?2)";
        gone += remove(sql, before(rejects))?;
        let sql = "DELETE FROM counts WHERE (series, minute, key) IN \
                   (SELECT series, minute, key FROM counts WHERE minute < ?1 LIMIT ?2)";
        gone += remove(sql, before(counts) / MINUTE_MS as i64)?;
        let sql = "DELETE FROM firsts WHERE account IN \
                   (SELECT account FROM firsts WHERE min(restricted, reported) < ?1 LIMIT ?2)";
        gone += remove(sql, before(decisions.max(counts)))?;
        let sql =
            "DELETE FROM deletions WHERE account IN (SELECT account FROM deletions WHERE at < ?1 LIMIT ?2)";
        gone += remove(sql, before(events.max(decisions).max(rows)))?;
        transaction.commit().map_err(error)?;
        self.connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})")).map_err(error)?;
        Ok(gone)
    }
}
