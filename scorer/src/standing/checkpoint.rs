//! The standing table into a checkpoint and back.
//!
//! Separate from the table, which only marks what changes. Who waits for an end is made anew from the entries. Invariant:
//! a table that is smaller now than what was in force is refused: nothing in force is dropped.

use features::checkpoint::{Error, Frame, Part, Reader, Tag, frame};

use super::account::AccountStanding;
use super::{Ends, StandingTable};
use crate::keyed::KeyedRestore;

/// Entries of weir's own keys, for which there is always room.
const RESERVED_MAX: usize = 16;

impl Part for StandingTable {
    fn begin(&mut self, full: bool) {
        let mut values = Vec::new();
        values.extend_from_slice(&self.swept_ms.to_le_bytes());
        values.extend_from_slice(&self.refused.to_le_bytes());
        self.values = Some(values);
        self.accounts.begin(full);
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        if let Some(values) = self.values.take() {
            frame(out, Tag::Standing, &values);
        }
        self.accounts.write(bytes_max, out)
    }

    fn abandon(&mut self) {
        self.values = None;
        self.accounts.abandon();
    }

    fn needs_full(&self) -> bool {
        self.accounts.needs_full()
    }
}

/// A table that is being read from layers, newest first.
#[derive(Debug)]
pub(crate) struct StandingRestore {
    accounts: KeyedRestore<AccountStanding>,
    accounts_max: usize,
    values: Option<(u64, u64)>,
}

impl StandingRestore {
    /// Nothing is read yet.
    pub fn new(accounts_max: usize) -> Self {
        let accounts = KeyedRestore::new(accounts_max.saturating_add(RESERVED_MAX));
        Self { accounts, accounts_max, values: None }
    }

    /// Reads a frame; false if it is of another table.
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<bool, Error> {
        if frame.tag != Tag::Standing {
            return self.accounts.take(frame);
        }
        if self.values.is_none() {
            let mut reader = Reader::new(frame.records);
            self.values = Some((reader.u64()?, reader.u64()?));
        }
        Ok(true)
    }

    /// A layer is read; the next is older.
    pub fn end_layer(&mut self) {
        self.accounts.end_layer();
    }

    /// The table as it was when the newest layer began.
    pub fn finish(self) -> Result<StandingTable, Error> {
        let values = self.values.ok_or(Error::Damaged("the standing table's own values are missing"))?;
        let accounts = self.accounts.finish();
        let mut ends = Ends::default();
        for (account, standing) in accounts.iter() {
            ends.replace(account, 0, standing.end_ms);
        }
        let ((swept_ms, refused), accounts_max) = (values, self.accounts_max);
        Ok(StandingTable { accounts, accounts_max, swept_ms, refused, ends, values: None })
    }
}
