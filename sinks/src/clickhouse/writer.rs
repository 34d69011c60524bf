//! Writing: batches in, deletions carried out.
//!
//! Separate from reading, because only one role writes. Invariants: an insert is done when every table took its rows;
//! repeating one changes nothing that a reader sees; what waits is one batch, so memory is bounded; a deletion hides an
//! account's rows from readers at once and removes them at the next [`Writer::carry_out_deletions`].

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use schema::limits::ARCHIVE_DELETIONS_MAX;

use super::batch::Sealed;
use super::client::Server;
use super::error::within;
use super::migrate::{Layout, migrate};
use super::row_binary::Rows;
use super::table::{self, Table};
use crate::archive::Retention;
use crate::error::Error;

/// How long the server may take for one block, and for all that an insert brings about.
const SEND: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(120);
/// How long it may take to tell what is to be deleted, and to delete it from one table.
const ASK: Duration = Duration::from_secs(60);
const DELETE: Duration = Duration::from_secs(600);
/// First and longest pause before an insert is tried again.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Bytes that are compressed and sent at a time.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A connection that writes.
#[derive(Clone)]
pub struct Writer {
    server: Server,
    client: clickhouse::Client,
}

impl Writer {
    /// A writer; nothing is asked of the server yet.
    #[must_use]
    pub fn new(server: Server) -> Self {
        // Back-filled batches may reach over many days, each a partition. And a block that was seen before still goes to
        // the counts, which may have missed it.
        let client = server
            .client()
            .with_setting("max_partitions_per_insert_block", "1000")
            .with_setting("insert_deduplicate", "0");
        Self { server, client }
    }

    /// Makes the database and tables, or brings them up to this build.
    ///
    /// # Errors
    /// The server does not answer, refuses, or a newer build made them.
    pub async fn migrate(&self, layout: &Layout, retention: Retention) -> Result<(), Error> {
        migrate(&self.server, layout, retention).await
    }

    /// Inserts a batch, once. After an error, some of it may be in; inserting it again is right.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn insert(&self, batch: &Sealed) -> Result<(), Error> {
        for (table, bytes) in &batch.tables {
            self.send(*table, bytes.clone()).await?;
        }
        Ok(())
    }

    /// Inserts a batch, however often it takes, with growing pauses. `told` hears of every failure.
    ///
    /// # Errors
    /// [`Error::Stop`] alone.
    pub async fn insert_until_done(&self, batch: &Sealed, mut told: impl FnMut(&Error)) -> Result<(), Error> {
        let mut pause = PAUSE;
        loop {
            match self.insert(batch).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    told(&error);
                    if !matches!(error, Error::Retry { .. }) {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Removes the rows of deleted accounts, of each twice: as soon as this is called, and again when its deletion is
    /// `late_ms` old, for what came late. Gives the number of accounts looked at; zero: there is nothing to do.
    ///
    /// # Errors
    /// The server does not answer or refuses: call again later.
    pub async fn carry_out_deletions(&self, now: u64, late_ms: u64) -> Result<usize, Error> {
        let due = format!(
            "SELECT account, toUInt64(toUnixTimestamp64Milli(at)) AS time, done FROM deletions FINAL \
             WHERE done = 0 OR (done = 1 AND time <= {}) ORDER BY done, time, account LIMIT {ARCHIVE_DELETIONS_MAX}",
            now.saturating_sub(late_ms)
        );
        let due: Vec<(String, u64, u8)> = within(ASK, self.client.query(&due).fetch_all()).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let mut gone: BTreeMap<&str, u64> = BTreeMap::new();
        for (account, at, _) in &due {
            let newest = gone.entry(account).or_default();
            *newest = (*newest).max(*at);
        }
        let accounts: Vec<&str> = gone.keys().copied().collect();
        let times: Vec<u64> = gone.values().copied().collect();
        for (table, time) in Table::OF_ACCOUNTS {
            let delete = format!(
                "DELETE FROM {table} WHERE account IN ? \
                 AND toUInt64(toUnixTimestamp64Milli({time})) <= transform(account, ?, ?, toUInt64(0))"
            );
            let delete = self.client.query(&delete).bind(&accounts).bind(&accounts).bind(&times);
            within(DELETE, delete.execute()).await?;
        }
        let firsts = self.client.query("DELETE FROM firsts WHERE account IN ?").bind(&accounts);
        within(DELETE, firsts.execute()).await?;
        let mut rows = Rows::default();
        for (account, at, done) in &due {
            table::deletion(&mut rows, account, *at, done + 1);
        }
        self.send(Table::Deletions, Bytes::from(rows.into_bytes())).await?;
        Ok(due.len())
    }

    async fn send(&self, table: Table, mut bytes: Bytes) -> Result<(), Error> {
        let sql = format!("INSERT INTO {} ({}) FORMAT RowBinary", table.name(), table.columns());
        let mut insert = self.client.insert_formatted_with(sql).with_timeouts(Some(SEND), Some(END));
        while !bytes.is_empty() {
            let chunk = bytes.split_to(bytes.len().min(CHUNK_BYTES));
            insert.send(chunk).await?;
        }
        Ok(insert.end().await?)
    }
}
