//! Reading everything of a kind, one record after the other.
//!
//! Separate from answers, which are bounded: a data set is as large as what was kept. Invariants: as `schema::history::Scan` says; one
//! statement, so that all of it is of one moment; the writer is not kept from anything.

use rusqlite::Params;
use schema::history::{Archived, Scan, Span, Told};
use schema::{Decision, Review, Row};

use super::history::{History, archived, get, ms, row};
use crate::archive::read::failed;

impl History {
    fn each<T>(
        &self,
        (sql, values): (&str, impl Params),
        read: impl Fn(&rusqlite::Row<'_>) -> Told<T>,
        take: &mut dyn FnMut(T),
    ) -> Told<()> {
        self.walk(sql, values, |found| {
            take(read(found)?);
            Ok(())
        })
    }
}

impl Scan for History {
    fn each_row(&self, span: Span, take: &mut dyn FnMut(Row)) -> Told<()> {
        let sql = "SELECT event, account, at, place, why, weight, catalog, \"values\", score, model, decisions FROM rows \
                   WHERE at >= ?1 AND at < ?2 ORDER BY at, place, rowid";
        self.each((sql, (ms(span.from), ms(span.to))), row, take)
    }

    fn each_event(&self, kinds: &[&str], span: Span, take: &mut dyn FnMut(Archived)) -> Told<()> {
        let sql = "SELECT place, at, body FROM events WHERE kind IN (SELECT value FROM json_each(?1)) \
                   AND at >= ?2 AND at < ?3 ORDER BY at, place";
        let kinds = serde_json::to_string(kinds).map_err(failed)?;
        self.each((sql, (kinds, ms(span.from), ms(span.to))), archived, take)
    }

    fn each_decision(&self, span: Span, take: &mut dyn FnMut(Decision)) -> Told<()> {
        let sql =
            "SELECT body FROM decisions WHERE issued >= ?1 AND issued < ?2 ORDER BY issued, account, seq";
        let read =
            |found: &rusqlite::Row<'_>| serde_json::from_str(&get::<String>(found, 0)?).map_err(failed);
        self.each((sql, (ms(span.from), ms(span.to))), read, take)
    }

    fn each_review(&self, span: Span, take: &mut dyn FnMut(Review)) -> Told<()> {
        let sql = "SELECT body FROM reviews WHERE at >= ?1 AND at < ?2 ORDER BY at, id";
        let read =
            |found: &rusqlite::Row<'_>| serde_json::from_str(&get::<String>(found, 0)?).map_err(failed);
        self.each((sql, (ms(span.from), ms(span.to))), read, take)
    }

    fn deleted(&self, span: Span) -> Told<u64> {
        let sql = "SELECT count(*) FROM deletions WHERE at >= ?1 AND at < ?2";
        let mut count = 0;
        self.walk(sql, (ms(span.from), ms(span.to)), |found| {
            count = get::<i64>(found, 0)? as u64;
            Ok(())
        })?;
        Ok(count)
    }
}
