//! Reading: the archive's questions as SQL.
//!
//! Separate from writing: a reader has a connection of its own and sees whole batches alone. Invariants: as
//! `schema::history` says; calls block, for one reader one after the other.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Params, Row as Found};
use schema::history::{
    AT_REGISTRATION_MS, Archived, Beside, Detected, Freshness, Group, Heard, History as Ask, HistoryError,
    Kept, Point, SCORE_BINS, Scored, Series, Shadow, Shadowed, Span, Told, Top, mark_alike, scored,
};
use schema::limits::{HISTORY_ANSWER_MAX, TS_MS_MAX};
use schema::{Decision, EntityKind, Reject, RejectReason, Review, Row, RowWhy};

use super::insert::split;
use super::open::{error, readable};
use crate::archive::read::{MINUTE_MS, failed, step, voice, whole_minutes};
use crate::error::Error;

/// A connection that reads.
#[derive(Debug)]
pub struct History {
    connection: Mutex<Connection>,
}

impl History {
    /// Opens the file, which a writer made.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<History, Error> {
        Ok(History { connection: Mutex::new(readable(path)?) })
    }

    /// The answer, one value a row.
    pub(super) fn ask<T>(
        &self,
        sql: &str,
        values: impl Params,
        mut read: impl FnMut(&Found<'_>) -> Told<T>,
    ) -> Told<Vec<T>> {
        let mut answer = Vec::new();
        self.walk(sql, values, |row| {
            answer.push(read(row)?);
            Ok(())
        })?;
        Ok(answer)
    }

    /// Reads row by row.
    pub(super) fn walk(
        &self,
        sql: &str,
        values: impl Params,
        mut take: impl FnMut(&Found<'_>) -> Told<()>,
    ) -> Told<()> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(sql).map_err(told)?;
        let mut rows = statement.query(values).map_err(told)?;
        while let Some(row) = rows.next().map_err(told)? {
            take(row)?;
        }
        Ok(())
    }

    /// Records that lie whole in the column `body`.
    fn bodies<T: serde::de::DeserializeOwned>(
        &self,
        (table, time, order): (&str, &str, &str),
        account: &str,
        (span, limit): (Span, usize),
    ) -> Told<Vec<T>> {
        let sql = format!(
            "SELECT body FROM {table} WHERE account = ? AND {time} >= ? AND {time} < ? ORDER BY {order} LIMIT ?"
        );
        self.ask(&sql, (account, ms(span.from), ms(span.to), most(limit)), |row| {
            serde_json::from_str(&get::<String>(row, 0)?).map_err(failed)
        })
    }

    /// Decisions without the names of companions who were deleted since.
    fn without_gone(&self, mut decisions: Vec<Decision>) -> Told<Vec<Decision>> {
        for decision in decisions.iter_mut().filter(|decision| !decision.companions.is_empty()) {
            let names = serde_json::to_string(&decision.companions).map_err(failed)?;
            let sql =
                "SELECT account FROM deletions WHERE at >= ? AND account IN (SELECT value FROM json_each(?))";
            let gone: Vec<String> = self.ask(sql, (ms(decision.issued), names), |row| get(row, 0))?;
            decision.companions.retain(|name| !gone.contains(name));
        }
        Ok(decisions)
    }

    fn archived(&self, also: &str, account: &str, (span, limit): (Span, usize)) -> Told<Vec<Archived>> {
        let sql = format!(
            "SELECT place, at, body FROM events WHERE account = ? AND at >= ? AND at < ?{also} \
             ORDER BY at DESC, place DESC LIMIT ?"
        );
        self.ask(&sql, (account, ms(span.from), ms(span.to), most(limit)), archived)
    }
}

impl Ask for History {
    fn decisions(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Decision>> {
        self.without_gone(self.bodies(("decisions", "issued", "seq DESC, id"), account, (span, limit))?)
    }

    fn decision(&self, id: &str) -> Told<Option<Decision>> {
        let found: Vec<Decision> = self.ask("SELECT body FROM decisions WHERE id = ?1", [id], |row| {
            serde_json::from_str(&get::<String>(row, 0)?).map_err(failed)
        })?;
        Ok(self.without_gone(found)?.into_iter().next())
    }

    fn events(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Archived>> {
        self.archived("", account, (span, limit))
    }

    fn rows(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Row>> {
        let sql = "SELECT event, account, at, place, why, weight, catalog, \"values\", score, model, decisions FROM rows \
                   WHERE account = ? AND at >= ? AND at < ? ORDER BY at DESC, place DESC, rowid DESC LIMIT ?";
        self.ask(sql, (account, ms(span.from), ms(span.to), most(limit)), row)
    }

    fn reviews(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Review>> {
        self.bodies(("reviews", "at", "at DESC, id"), account, (span, limit))
    }

    fn heard(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Heard>> {
        let events = self.archived(" AND kind IN ('report', 'block')", account, (span, limit))?;
        let mut heard = events.iter().map(voice).collect::<Told<Vec<Heard>>>()?;
        mark_alike(&mut heard);
        Ok(heard)
    }

    fn seen_on(&self, kind: EntityKind, key: &str, span: Span, limit: usize) -> Told<Vec<String>> {
        let field = match kind {
            EntityKind::Device => "device",
            EntityKind::Prefix => "ip_prefix",
            EntityKind::Asn => "asn",
            EntityKind::NumberRange => "number_range",
            EntityKind::Peer => return Ok(Vec::new()),
        };
        // An autonomous system's number is a number in the event, and no text equals it.
        let value = match kind {
            EntityKind::Asn => "CAST(?1 AS INTEGER)",
            _ => "?1",
        };
        let sql = format!(
            "SELECT account FROM events WHERE kind IN ('registration', 'session') AND body ->> '{field}' = {value} \
             AND at >= ?2 AND at < ?3 GROUP BY account ORDER BY max(at) DESC, account LIMIT ?4"
        );
        self.ask(&sql, (key, ms(span.from), ms(span.to), most(limit)), |row| get(row, 0))
    }

    fn rejects(&self, reason: Option<RejectReason>, span: Span, limit: usize) -> Told<Vec<Reject>> {
        let sql = "SELECT source, partition, offset, at, reason, detail, raw_b64 FROM rejects \
                   WHERE at >= ?1 AND at < ?2 AND (?3 IS NULL OR reason = ?3) \
                   ORDER BY at DESC, source, partition, offset DESC LIMIT ?4";
        let reason = reason.map(RejectReason::word);
        self.ask(sql, (ms(span.from), ms(span.to), reason, most(limit)), |row| {
            let word: String = get(row, 4)?;
            Ok(Reject {
                source: get(row, 0)?,
                partition: get(row, 1)?,
                offset: time(row, 2)?,
                at: time(row, 3)?,
                reason: RejectReason::from_word(&word)
                    .ok_or_else(|| failed(format!("reject reason {word}")))?,
                detail: get(row, 5)?,
                raw_b64: get(row, 6)?,
            })
        })
    }

    fn freshness(&self) -> Told<Vec<Freshness>> {
        let newest = |kept: &Kept| {
            let sql = match kept {
                // By the index of kinds, one step a kind.
                Kept::Events => format!(
                    "SELECT max(newest) FROM (SELECT (SELECT max(at) FROM events WHERE kind = value) AS newest \
                     FROM json_each('{}'))",
                    serde_json::json!(schema::Body::KINDS)
                ),
                Kept::Decisions => "SELECT max(issued) FROM decisions".to_owned(),
                Kept::Rows | Kept::Reviews | Kept::Rejects => format!("SELECT max(at) FROM {kept}"),
            };
            let newest = self.ask(&sql, (), |row| get::<Option<i64>>(row, 0))?;
            Ok(Freshness { kept: *kept, newest: newest.into_iter().flatten().next().map(|at| at as u64) })
        };
        Kept::ALL.iter().map(newest).collect()
    }

    fn series(&self, series: Series, span: Span, step_ms: u64) -> Told<Vec<Point>> {
        let step = step(step_ms)?;
        let (from, to) = whole_minutes(span);
        let sql = "SELECT minute * 60000 / ?1 * ?1 AS start, key, sum(n) FROM counts \
                   WHERE series = ?2 AND minute >= ?3 AND minute < ?4 GROUP BY start, key ORDER BY start, key LIMIT ?5";
        let values =
            (ms(step), series.word(), ms(from / MINUTE_MS), ms(to / MINUTE_MS), most(HISTORY_ANSWER_MAX));
        self.ask(sql, values, |row| {
            Ok(Point { start: time(row, 0)?, key: get(row, 1)?, count: time(row, 2)? })
        })
    }

    fn detections(&self, span: Span, step_ms: u64) -> Told<Vec<Detected>> {
        let step = step(step_ms)?;
        let (from, to) = whole_minutes(span);
        let sql = "SELECT restricted / ?1 * ?1 AS start, count(*), sum(reported > restricted), sum(EXISTS ( \
                       SELECT 1 FROM events WHERE events.account = firsts.account AND kind = 'registration' \
                       AND at <= restricted AND at >= restricted - ?5)) FROM firsts \
                   WHERE restricted >= ?2 AND restricted < ?3 GROUP BY start ORDER BY start LIMIT ?4";
        let values = (ms(step), ms(from), ms(to), most(HISTORY_ANSWER_MAX), ms(AT_REGISTRATION_MS));
        self.ask(sql, values, |row| {
            let (start, accounts, unreported) = (time(row, 0)?, time(row, 1)?, time(row, 2)?);
            Ok(Detected { start, accounts, unreported, at_registration: time(row, 3)? })
        })
    }

    fn scores(&self, span: Span) -> Told<Vec<Scored>> {
        let sql = "SELECT model, min(CAST(score * ?3 AS INTEGER), ?3 - 1) AS bin, CAST(round(sum(weight)) AS INTEGER) FROM rows \
                   WHERE at >= ?1 AND at < ?2 AND score IS NOT NULL AND model != '' GROUP BY model, bin ORDER BY model, bin LIMIT ?4";
        let values = (ms(span.from), ms(span.to), SCORE_BINS as i64, most(HISTORY_ANSWER_MAX));
        Ok(scored(self.ask(sql, values, |row| Ok((get(row, 0)?, time(row, 1)?, time(row, 2)?)))?))
    }

    fn shadows(&self, span: Span, limit: usize) -> Told<Vec<Shadowed>> {
        self.all_shadows(span, limit)
    }

    fn beside(&self, shadow: &Shadow, span: Span) -> Told<Vec<Beside>> {
        self.all_beside(shadow, span)
    }

    fn top(&self, group: Group, span: Span, limit: usize) -> Told<Vec<Top>> {
        let of_kind = |key, kind| (key, "events", "at", format!("kind = '{kind}'"));
        let decisions = |key| (key, "decisions", "issued", "mode = 'enforce'".to_owned());
        let (key, table, column, of) = match group {
            Group::EventKind => {
                ("kind", "events", "at", format!("kind IN ('{}')", schema::Body::KINDS.join("','")))
            }
            Group::ReportReason => of_kind("body ->> 'reason'", "report"),
            Group::ReportAccount => of_kind("account", "report"),
            Group::ReportAuthor => of_kind("body ->> 'peer'", "report"),
            Group::Device => of_kind("body ->> 'device'", "registration"),
            Group::Prefix => of_kind("body ->> 'ip_prefix'", "registration"),
            Group::Asn => of_kind("body ->> 'asn'", "registration"),
            Group::NumberRange => of_kind("body ->> 'number_range'", "registration"),
            Group::Client => of_kind("body ->> 'client'", "registration"),
            Group::Country => of_kind("body ->> 'country'", "registration"),
            Group::DecisionRule => decisions("rule"),
            Group::DecisionReason => decisions("reason"),
            Group::DecisionAccount => decisions("account"),
        };
        let sql = format!(
            "SELECT CAST({key} AS TEXT) AS name, count(*) AS total FROM {table} \
             WHERE {of} AND {column} >= ? AND {column} < ? AND {key} IS NOT NULL AND {key} != '' \
             GROUP BY name ORDER BY total DESC, name LIMIT ?"
        );
        self.ask(&sql, (ms(span.from), ms(span.to), most(limit)), |row| {
            Ok(Top { key: get(row, 0)?, count: time(row, 1)? })
        })
    }
}

/// An event out of `place, at, body`.
pub(super) fn archived(row: &Found<'_>) -> Told<Archived> {
    let place = split(get(row, 0)?);
    Ok(Archived { partition: place.partition, offset: place.offset, at: time(row, 1)?, event: get(row, 2)? })
}

pub(super) fn row(row: &Found<'_>) -> Told<Row> {
    let place = split(get(row, 3)?);
    let why: String = get(row, 4)?;
    let values: Vec<u8> = get(row, 7)?;
    let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("chunks of four bytes"));
    Ok(Row {
        event: get(row, 0)?,
        account: get(row, 1)?,
        at: time(row, 2)?,
        partition: place.partition,
        offset: place.offset,
        why: RowWhy::from_word(&why).ok_or_else(|| failed(format!("row kept for {why}")))?,
        weight: get(row, 5)?,
        catalog: get(row, 6)?,
        values: values.chunks_exact(4).map(value).map(|value| Some(value).filter(|v| !v.is_nan())).collect(),
        score: get(row, 8)?,
        model: get(row, 9)?,
        decisions: serde_json::from_str(&get::<String>(row, 10)?).map_err(failed)?,
    })
}

pub(super) fn get<T: rusqlite::types::FromSql>(row: &Found<'_>, column: usize) -> Told<T> {
    row.get(column).map_err(failed)
}

/// A time, count or offset, none of which is negative.
pub(super) fn time(row: &Found<'_>, column: usize) -> Told<u64> {
    get::<i64>(row, column).map(|value| value as u64)
}

/// A time as SQLite holds it; times past the contract's are as good as its end.
pub(super) fn ms(time: u64) -> i64 {
    time.min(TS_MS_MAX) as i64
}

pub(super) fn most(limit: usize) -> i64 {
    limit.min(HISTORY_ANSWER_MAX) as i64
}

fn told(cause: rusqlite::Error) -> HistoryError {
    match error(cause) {
        error @ Error::Retry { .. } => HistoryError::Unavailable(error.to_string()),
        error => HistoryError::Failed(error.to_string()),
    }
}
