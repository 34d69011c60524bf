//! Reading the journal: stretches of the log, standings, and how far a reader came.
//!
//! Separate from writing: each reader has a connection of its own and holds no transaction between two calls, so that it
//! never keeps the writer from anything. Invariant: a chunk is bounded in records and bytes.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use schema::limits::{JOURNAL_READ_BYTES_MAX, JOURNAL_READ_RECORDS_MAX};

use super::batch::Topic;
use super::tables::{number, signed};
use crate::error::Error;

const EVENTS: &str =
    "SELECT pos, topic, at, key, body FROM log WHERE pos > ?1 AND topic = 0 ORDER BY pos LIMIT ?2";
const RARE: &str = "SELECT pos, topic, at, key, body FROM log
    WHERE topic <> 0 AND topic = ?3 AND pos > ?1 ORDER BY pos LIMIT ?2";
const ALL: &str = "SELECT pos, topic, at, key, body FROM log WHERE pos > ?1 ORDER BY pos LIMIT ?2";

/// One connection that only reads.
pub struct Reader {
    db: Connection,
    path: PathBuf,
}

/// One record of the log, lent from its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position in the log, from 1.
    pub position: u64,
    /// What it is.
    pub topic: Topic,
    /// When the log took it, ms since the Unix epoch.
    pub at: u64,
    /// The account, or what else the topic is keyed by.
    pub key: &'a [u8],
    /// The record as JSON.
    pub body: &'a [u8],
}

/// A stretch of the log in one block of bytes, used again and again.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    position: u64,
    at: u64,
    topic: Topic,
    key: Range<usize>,
    body: Range<usize>,
}

impl Chunk {
    /// Records in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// One record.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let item = self.items.get(index)?;
        Some(Record {
            position: item.position,
            topic: item.topic,
            at: item.at,
            key: &self.bytes[item.key.clone()],
            body: &self.bytes[item.body.clone()],
        })
    }

    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.items.len()).filter_map(|index| self.get(index))
    }

    /// Lets records above this position go.
    pub fn keep_up_to(&mut self, position: u64) {
        let count = self.items.partition_point(|item| item.position <= position);
        self.items.truncate(count);
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    fn take(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let mut add = |column| -> rusqlite::Result<Range<usize>> {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(row.get_ref(column)?.as_bytes().map_err(rusqlite::Error::from)?);
            Ok(start..self.bytes.len())
        };
        let (key, body) = (add(3)?, add(4)?);
        let topic = Topic::from_number(row.get(1)?).ok_or(rusqlite::Error::IntegralValueOutOfRange(1, 0))?;
        let (position, at) = (number(row.get(0)?), number(row.get(2)?));
        self.items.push(Item { position, at, topic, key, body });
        Ok(())
    }
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Reader, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).and_then(|db| {
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            Ok(db)
        });
        let fail = |error: rusqlite::Error| Error::Journal {
            name: path.display().to_string(),
            detail: error.to_string(),
        };
        Ok(Reader { db: db.map_err(fail)?, path: path.to_owned() })
    }

    /// Opens another connection to the same file.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn another(&self) -> Result<Reader, Error> {
        Self::open(&self.path)
    }

    /// Reads records above `after`: of one topic, or of all. At most `records_max` and 8 MiB.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(
        &mut self,
        topic: Option<Topic>,
        after: u64,
        records_max: usize,
        chunk: &mut Chunk,
    ) -> Result<(), Error> {
        chunk.clear();
        self.fill(topic, after, records_max.min(JOURNAL_READ_RECORDS_MAX), chunk)
            .map_err(|error| self.failed(&error))
    }

    fn fill(
        &self,
        topic: Option<Topic>,
        after: u64,
        records_max: usize,
        chunk: &mut Chunk,
    ) -> rusqlite::Result<()> {
        let (after, limit) = (signed(after), signed(records_max as u64));
        let mut statement = self.db.prepare_cached(match topic {
            None => ALL,
            Some(Topic::Events) => EVENTS,
            Some(_) => RARE,
        })?;
        let mut rows = match topic {
            None | Some(Topic::Events) => statement.query(params![after, limit])?,
            Some(topic) => statement.query(params![after, limit, topic as u8])?,
        };
        while let Some(row) = rows.next()? {
            chunk.take(row)?;
            if chunk.bytes.len() >= JOURNAL_READ_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// The standing of an account as JSON, if anything is in force.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn standing(&self, account: &str) -> Result<Option<Vec<u8>>, Error> {
        let sql = "SELECT body FROM standing WHERE account = ?1";
        let found = self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params![account], |row| row.get(0)).optional());
        found.map_err(|error| self.failed(&error))
    }

    /// The latest controls, oldest first, as JSON; also those whose records are gone.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn controls(&self) -> Result<Vec<Vec<u8>>, Error> {
        let found =
            self.db.prepare_cached("SELECT body FROM control ORDER BY pos").and_then(|mut statement| {
                statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<Vec<u8>>>>()
            });
        found.map_err(|error| self.failed(&error))
    }

    /// When the log took the record at a position, ms since the Unix epoch; `None` if it holds no such record.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn time_of(&self, position: u64) -> Result<Option<u64>, Error> {
        let found = self.db.prepare_cached("SELECT at FROM log WHERE pos = ?1").and_then(|mut statement| {
            statement.query_row(params![signed(position)], |row| row.get::<_, i64>(0)).optional()
        });
        found.map(|at| at.map(number)).map_err(|error| self.failed(&error))
    }

    /// When the log took its oldest record, ms since the Unix epoch; `None` if it holds none.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn first_at(&self) -> Result<Option<u64>, Error> {
        let sql = "SELECT at FROM log ORDER BY pos LIMIT 1";
        let found = self
            .db
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)).optional());
        found.map(|at| at.map(number)).map_err(|error| self.failed(&error))
    }

    /// How far the named reader has read; 0 if it never told.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn position(&self, reader: &str) -> Result<u64, Error> {
        let sql = "SELECT pos FROM reader WHERE name = ?1";
        let found = self.db.prepare_cached(sql).and_then(|mut statement| {
            statement.query_row(params![reader], |row| row.get::<_, i64>(0)).optional()
        });
        found.map(|position| position.map_or(0, number)).map_err(|error| self.failed(&error))
    }

    /// Up to where the log is forgotten; 0 if nothing is.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn pruned(&self) -> Result<u64, Error> {
        self.position("!pruned")
    }

    #[cold]
    fn failed(&self, error: &rusqlite::Error) -> Error {
        Error::Journal { name: self.path.display().to_string(), detail: error.to_string() }
    }
}
