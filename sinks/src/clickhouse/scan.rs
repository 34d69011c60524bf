//! Reading everything of a kind, one record after the other.
//!
//! Separate from answers, which are bounded: a data set is as large as what was kept. Invariants: as `schema::history::Scan` says; the
//! server sorts a day at a time, which is how tables are partitioned; this side holds a line at a time.

use schema::history::{Archived, Scan, Span, Told};
use schema::limits::TS_MS_MAX;
use schema::{Decision, Review, Row};
use serde_json::{Map, Value};

use super::history::{EVENT, History, archived, number, text, told, within};
use crate::archive::read::failed;
use crate::error::Error;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Longest time that a day may take, seconds.
const DAY_S: &str = "600";

/// What is read: columns, table, its time, further condition, order within a day.
type What<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

impl History {
    fn each(
        &self,
        what: What<'_>,
        span: Span,
        take: &mut dyn FnMut(Map<String, Value>) -> Told<()>,
    ) -> Told<()> {
        let (columns, table, time, also, order) = what;
        let Some(kept) = self.kept(table, time, span)? else { return Ok(()) };
        let mut day = kept.from / DAY_MS * DAY_MS;
        while day < kept.to {
            let of_day = Span { from: span.from.max(day), to: span.to.min(day + DAY_MS) };
            let sql = format!(
                "SELECT {columns} FROM {table} AS e FINAL \
                 LEFT JOIN (SELECT account AS deleted, max(at) AS gone FROM deletions GROUP BY deleted) AS d ON d.deleted = e.account \
                 WHERE {}{also} AND e.{time} > d.gone ORDER BY {order}",
                within(&format!("e.{time}"), of_day)
            );
            self.lines(&sql, take)?;
            day += DAY_MS;
        }
        Ok(())
    }

    /// The part of the span in which there is something at all.
    fn kept(&self, table: &str, time: &str, span: Span) -> Told<Option<Span>> {
        let sql = format!(
            "SELECT toUnixTimestamp64Milli(min(e.{time})) AS first, toUnixTimestamp64Milli(max(e.{time})) AS last, count() AS n \
             FROM {table} AS e WHERE {}",
            within(&format!("e.{time}"), span)
        );
        let mut kept = None;
        self.lines(&sql, &mut |row| {
            if number(&row, "n")? > 0 {
                kept =
                    Some(Span { from: number(&row, "first")?, to: number(&row, "last")?.min(TS_MS_MAX) + 1 });
            }
            Ok(())
        })?;
        Ok(kept)
    }

    fn lines(&self, sql: &str, take: &mut dyn FnMut(Map<String, Value>) -> Told<()>) -> Told<()> {
        let query = self.client.query(sql).with_setting("max_execution_time", DAY_S);
        let mut cursor = query.fetch_bytes("JSONEachRow").map_err(|error| told(&Error::from(error)))?;
        let mut begun: Vec<u8> = Vec::new();
        loop {
            let chunk = self.runtime.block_on(cursor.next()).map_err(|error| told(&Error::from(error)))?;
            let Some(chunk) = chunk else { break };
            let mut rest = &chunk[..];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                begun.extend_from_slice(&rest[..end]);
                take(serde_json::from_slice(&begun).map_err(failed)?)?;
                begun.clear();
                rest = &rest[end + 1..];
            }
            begun.extend_from_slice(rest);
        }
        if begun.is_empty() { Ok(()) } else { take(serde_json::from_slice(&begun).map_err(failed)?) }
    }
}

impl Scan for History {
    fn each_row(&self, span: Span, take: &mut dyn FnMut(Row)) -> Told<()> {
        let columns = "event, e.account AS account, toUnixTimestamp64Milli(e.at) AS at, partition, offset, why, weight, catalog, \
                       values, score, model, decisions";
        self.each((columns, "rows", "at", "", "e.at, partition, offset"), span, &mut |row| {
            take(serde_json::from_value(Value::Object(row)).map_err(failed)?);
            Ok(())
        })
    }

    fn each_event(&self, kinds: &[&str], span: Span, take: &mut dyn FnMut(Archived)) -> Told<()> {
        // Kinds are words of the contract: nothing in them needs to be quoted.
        let also = format!(" AND kind IN ('{}')", kinds.join("','"));
        let columns = EVENT.replace("account,", "e.account AS account,");
        self.each((&columns, "events", "at", &also, "e.at, partition, offset"), span, &mut |row| {
            take(archived(row)?);
            Ok(())
        })
    }

    fn each_decision(&self, span: Span, take: &mut dyn FnMut(Decision)) -> Told<()> {
        self.each(("body", "decisions", "issued", "", "e.issued, e.account, e.seq"), span, &mut |row| {
            take(serde_json::from_str(&text(&row, "body")?).map_err(failed)?);
            Ok(())
        })
    }

    fn each_review(&self, span: Span, take: &mut dyn FnMut(Review)) -> Told<()> {
        self.each(("body", "reviews", "at", "", "e.at, e.id"), span, &mut |row| {
            take(serde_json::from_str(&text(&row, "body")?).map_err(failed)?);
            Ok(())
        })
    }

    fn deleted(&self, span: Span) -> Told<u64> {
        let sql =
            format!("SELECT uniqExact(account) AS n FROM deletions AS e WHERE {}", within("e.at", span));
        let mut count = 0;
        self.lines(&sql, &mut |row| {
            count = number(&row, "n")?;
            Ok(())
        })?;
        Ok(count)
    }
}
