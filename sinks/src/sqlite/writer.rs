//! Writing: one batch, one transaction.
//!
//! Separate from reading, because there is one writer and any number of readers. Invariants: a batch is in whole or not at
//! all, with its counts and the position it was taken to; a repeat changes nothing; what a deletion covers is removed in
//! its own transaction and never comes back.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use schema::history::Series;

use super::insert;
use super::open::{error, writable};
use crate::archive::Record;
use crate::archive::read::MINUTE_MS;
use crate::error::Error;

/// The one connection that writes.
#[derive(Debug)]
pub struct Writer {
    pub(super) connection: Connection,
}

/// What a batch adds to the counts: by series, minute and key.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<(Series, u64, String), u64>);

impl Counts {
    /// One more at the time `at`, ms since the Unix epoch.
    pub(super) fn add(&mut self, series: Series, at: u64, key: &str) {
        *self.0.entry((series, at / MINUTE_MS, key.to_owned())).or_default() += 1;
    }
}

impl Writer {
    /// Opens the file, made if it is not there.
    ///
    /// # Errors
    /// It cannot be opened, is no archive, or a newer build made it.
    pub fn open(path: &Path) -> Result<Writer, Error> {
        Ok(Writer { connection: writable(path)? })
    }

    /// How far `source` was taken; `None`: not at all.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn position(&self, source: &str) -> Result<Option<u64>, Error> {
        let mut ask = self
            .connection
            .prepare_cached("SELECT position FROM progress WHERE source = ?")
            .map_err(error)?;
        ask.query_row([source], |row| row.get::<_, i64>(0))
            .optional()
            .map(|position| position.map(|at| at as u64))
            .map_err(error)
    }

    /// Takes a batch and notes how far its source was taken, all or nothing. Gives the records that were not there yet.
    ///
    /// # Errors
    /// [`Error::Retry`] if the disk is full or the file is locked; nothing of the batch is in then.
    pub fn write<'a>(
        &mut self,
        records: impl IntoIterator<Item = Record<'a>>,
        taken: Option<(&str, u64)>,
    ) -> Result<u64, Error> {
        let transaction = self.connection.transaction().map_err(error)?;
        let fresh = insert_all(&transaction, records, taken).map_err(error)?;
        transaction.commit().map_err(error)?;
        Ok(fresh)
    }
}

fn insert_all<'a>(
    transaction: &Transaction<'_>,
    records: impl IntoIterator<Item = Record<'a>>,
    taken: Option<(&str, u64)>,
) -> rusqlite::Result<u64> {
    let (mut counts, mut body, mut fresh) = (Counts::default(), Vec::new(), 0);
    for record in records {
        let is_fresh = match record {
            Record::Event { partition, offset, at, event } => {
                let place = insert::Place { partition, offset, at };
                insert::event(transaction, place, event, (&mut body, &mut counts))?
            }
            Record::Decision(decision) => insert::decision(transaction, decision, &mut counts)?,
            Record::Row(row) => insert::row(transaction, row)?,
            Record::Review(review) => insert::review(transaction, review)?,
            Record::Reject(reject) => insert::reject(transaction, reject, &mut counts)?,
        };
        fresh += u64::from(is_fresh);
    }
    let mut add = transaction.prepare_cached(
        "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
    )?;
    for ((series, minute, key), n) in counts.0 {
        add.execute((series.word(), minute as i64, key, n as i64))?;
    }
    if let Some((source, position)) = taken {
        transaction
            .prepare_cached(
                "INSERT INTO progress VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position",
            )?
            .execute((source, position as i64))?;
    }
    Ok(fresh)
}
