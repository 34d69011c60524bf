//! The journal's file: its tables, and one transaction over them.
//!
//! Separate from the thread that writes, so that all SQL of the writing side stands in one place. Invariants: WAL with
//! `synchronous=FULL`, so that what is committed survives a power cut; a transaction is committed whole or rolled back.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior, params};
use schema::limits::{CONTROLS_MAX, JOURNAL_PRUNE_RECORDS_MAX};

use super::batch::Batch;
use super::writer::{Commit, Prune, Unwritten};
use super::{Head, Topic};
use crate::error::Error;

/// Version of the file's layout.
const FORMAT: i64 = 1;
/// `weir` in ASCII: tells our file from others.
const APPLICATION: i64 = 0x7765_6972;
/// What the write-ahead log may keep of the disk once it is folded into the file, bytes.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Pages of WAL after which SQLite moves them into the file.
const WAL_PAGES: i64 = 4_096;

const LAYOUT: &str = "
CREATE TABLE log (pos INTEGER PRIMARY KEY, topic INTEGER NOT NULL, at INTEGER NOT NULL, key BLOB NOT NULL, body BLOB NOT NULL);
CREATE INDEX log_rare ON log (topic, pos) WHERE topic <> 0;
CREATE TABLE standing (account TEXT PRIMARY KEY, seq INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE reader (name TEXT PRIMARY KEY, pos INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO reader (name, pos) VALUES ('!pruned', 0);
";
/// Came with format 1 later: a weir that does not know it leaves it alone. The latest controls outlive their records, since what is
/// wanted does not age.
const CONTROLS: &str = "CREATE TABLE IF NOT EXISTS control (pos INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, body BLOB NOT NULL)";
const INSERT: &str = "INSERT INTO log (pos, topic, at, key, body) VALUES (?1, ?2, ?3, ?4, ?5)";
const STAND: &str = "INSERT INTO standing (account, seq, body) VALUES (?1, ?2, ?3)
    ON CONFLICT (account) DO UPDATE SET seq = excluded.seq, body = excluded.body WHERE excluded.seq >= seq";
const UNSTAND: &str = "DELETE FROM standing WHERE account = ?1 AND seq <= ?2";
const READ_TO: &str = "INSERT INTO reader (name, pos) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET pos = excluded.pos WHERE excluded.pos > pos";
const CONTROL: &str = "INSERT OR IGNORE INTO control (pos, id, body) VALUES (?1, ?2, ?3)";
const FORGET_CONTROLS: &str =
    "DELETE FROM control WHERE pos <= (SELECT pos FROM control ORDER BY pos DESC LIMIT 1 OFFSET ?1)";
/// Only a prefix ever goes, since neither positions nor times fall.
const PRUNE: &str = "DELETE FROM log WHERE pos < (SELECT min(pos) FROM log) + ?1 AND pos <= ?2 AND at < ?3";

/// The open file.
pub(super) struct Tables {
    db: Connection,
    /// After the newest commit.
    pub(super) head: Head,
}

impl Tables {
    /// Opens or creates the file.
    pub(super) fn open(path: &Path) -> Result<Tables, Error> {
        let fail = |error: rusqlite::Error| Error::Journal {
            name: path.display().to_string(),
            detail: error.to_string(),
        };
        let mut db = Connection::open(path).map_err(fail)?;
        set_up(&mut db).map_err(fail)?;
        let format: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fail)?;
        let application: i64 =
            db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(fail)?;
        if (format, application) != (FORMAT, APPLICATION) {
            let detail = format!("no journal of format {FORMAT}: it says format {format}");
            return Err(Error::Journal { name: path.display().to_string(), detail });
        }
        db.execute_batch(CONTROLS).map_err(fail)?;
        let mut tables = Tables { db, head: Head::default() };
        tables.head = tables.read_head().map_err(fail)?;
        Ok(tables)
    }

    fn read_head(&self) -> rusqlite::Result<Head> {
        let last = "SELECT pos, at FROM log ORDER BY pos DESC LIMIT 1";
        let last = self.db.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let pruned: i64 =
            self.db.query_row("SELECT pos FROM reader WHERE name = '!pruned'", [], |row| row.get(0))?;
        let (position, at) = last.unwrap_or((pruned, 0_i64));
        let decisions = format!(
            "SELECT coalesce(max(pos), 0) FROM log WHERE topic <> 0 AND topic = {}",
            Topic::Decisions as u8
        );
        let decisions: i64 = self.db.query_row(&decisions, [], |row| row.get(0))?;
        Ok(Head {
            position: number(position),
            decisions: number(decisions),
            pruned: number(pruned),
            bytes: self.bytes()?,
            at: number(at),
        })
    }

    /// Bytes in use, without pages that wait to be used again.
    fn bytes(&self) -> rusqlite::Result<u64> {
        let pragma = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let pages = pragma("page_count")? - pragma("freelist_count")?;
        Ok(number(pages) * number(pragma("page_size")?))
    }

    /// Commits all of them in one transaction at time `at`; gives the position before the first record of each.
    pub(super) fn commit(&mut self, commits: &[&Commit], at: u64) -> Result<Vec<u64>, Unwritten> {
        let mut head = Head { at, ..self.head };
        let starts = self.transaction(commits, &mut head).map_err(|error| unwritten(&error))?;
        head.bytes = self.bytes().unwrap_or(head.bytes);
        self.head = head;
        Ok(starts)
    }

    fn transaction(&mut self, commits: &[&Commit], head: &mut Head) -> rusqlite::Result<Vec<u64>> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut starts = Vec::with_capacity(commits.len());
        for commit in commits {
            starts.push(head.position);
            append(&transaction, &commit.batch, head)?;
            if !commit.standings.is_empty() {
                let mut stand = transaction.prepare_cached(STAND)?;
                let mut unstand = transaction.prepare_cached(UNSTAND)?;
                for standing in &commit.standings {
                    match &standing.body {
                        Some(body) => stand.execute(params![standing.account, signed(standing.seq), body])?,
                        None => unstand.execute(params![standing.account, signed(standing.seq)])?,
                    };
                }
            }
            if let Some((reader, position)) = commit.read_to {
                transaction.prepare_cached(READ_TO)?.execute(params![reader, signed(position)])?;
            }
        }
        transaction.commit()?;
        Ok(starts)
    }

    /// Forgets the oldest records, a bounded number of them; gives how many.
    pub(super) fn prune(&mut self, prune: &Prune) -> Result<u64, Unwritten> {
        let forgotten = self.forget(prune).map_err(|error| unwritten(&error))?;
        self.head.bytes = self.bytes().unwrap_or(self.head.bytes);
        Ok(forgotten)
    }

    fn forget(&mut self, prune: &Prune) -> rusqlite::Result<u64> {
        let before = if self.head.bytes > prune.bytes_max { i64::MAX } else { signed(prune.before_at) };
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let forgotten = transaction
            .execute(PRUNE, params![signed(JOURNAL_PRUNE_RECORDS_MAX), signed(prune.up_to), before])?;
        if forgotten == 0 {
            return Ok(0);
        }
        let first: Option<i64> = transaction.query_row("SELECT min(pos) FROM log", [], |row| row.get(0))?;
        let pruned = first.map_or(self.head.position, |first| number(first - 1));
        transaction.execute(READ_TO, params!["!pruned", signed(pruned)])?;
        transaction.commit()?;
        self.head.pruned = pruned;
        Ok(forgotten as u64)
    }
}

fn append(db: &Connection, batch: &Batch, head: &mut Head) -> rusqlite::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut insert = db.prepare_cached(INSERT)?;
    for (topic, key, body) in batch.records() {
        head.position += 1;
        insert.execute(params![signed(head.position), topic as u8, signed(head.at), key, body])?;
        match topic {
            Topic::Decisions => head.decisions = head.position,
            Topic::Control => {
                db.prepare_cached(CONTROL)?.execute(params![signed(head.position), key, body])?;
                db.prepare_cached(FORGET_CONTROLS)?.execute(params![signed(CONTROLS_MAX as u64)])?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn set_up(db: &mut Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "page_size", 8_192)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let detail = "the file system cannot share memory, which the write-ahead log needs".to_owned();
        return Err(rusqlite::Error::InvalidParameterName(detail));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    // One large append, or a long reader, would leave its size on the disk for ever.
    db.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    db.pragma_update(None, "cache_size", -64 * 1024)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && tables == 0 {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(LAYOUT)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.commit()?;
    }
    Ok(())
}

/// What the caller of a failed commit may do about it.
fn unwritten(error: &rusqlite::Error) -> Unwritten {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Unwritten::Full,
        _ => Unwritten::Failed(error.to_string()),
    }
}

/// SQLite's integers are signed; positions and times are far below their limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back.
pub(super) fn number(signed: i64) -> u64 {
    u64::try_from(signed).unwrap_or(0)
}
