//! Records collected for one insert, as they will be sent.
//!
//! Separate from sending, so that a batch is filled without waiting and sent again without encoding. Invariants: bounded
//! by [`Batch::is_full`] and one record more; the order of records is kept within a table; sealing takes no copy.

use bytes::Bytes;
use schema::Body;
use schema::limits::{ARCHIVE_BATCH_BYTES_MAX, ARCHIVE_BATCH_RECORDS_MAX};

use super::row_binary::Rows;
use super::table::{self, Place, Table};
use crate::archive::Record;

/// A batch that is being filled.
#[derive(Debug, Default)]
pub struct Batch {
    tables: [Rows; Table::ALL.len()],
    records: usize,
    rest: Vec<u8>,
}

/// A batch that is sent, again and again if need be.
#[derive(Debug, Clone)]
pub struct Sealed {
    pub(super) tables: Vec<(Table, Bytes)>,
    records: usize,
}

impl Batch {
    /// Adds a record.
    pub fn push(&mut self, record: &Record<'_>) {
        match *record {
            Record::Event { partition, offset, at, event } => {
                let place = Place { partition, offset, at };
                let mut rest = std::mem::take(&mut self.rest);
                table::event(self.rows(Table::Events), place, event, &mut rest);
                self.rest = rest;
                if event.body == Body::Deletion {
                    table::deletion(self.rows(Table::Deletions), event.account, at, 0);
                }
            }
            Record::Decision(decision) => table::decision(self.rows(Table::Decisions), decision),
            Record::Row(row) => table::row(self.rows(Table::Rows), row),
            Record::Review(review) => table::review(self.rows(Table::Reviews), review),
            Record::Reject(reject) => table::reject(self.rows(Table::Rejects), reject),
        }
        self.records += 1;
    }

    /// Records in it.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Bytes in it, before compression.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(Rows::bytes).sum()
    }

    /// Whether it should be sent before anything is added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.records >= ARCHIVE_BATCH_RECORDS_MAX || self.bytes() >= ARCHIVE_BATCH_BYTES_MAX
    }

    /// Ends it.
    #[must_use]
    pub fn seal(self) -> Sealed {
        let tables = Table::ALL.into_iter().zip(self.tables).filter(|(_, rows)| rows.count() > 0);
        Sealed {
            tables: tables.map(|(table, rows)| (table, Bytes::from(rows.into_bytes()))).collect(),
            records: self.records,
        }
    }

    fn rows(&mut self, table: Table) -> &mut Rows {
        let at = Table::ALL.iter().position(|one| *one == table).expect("every table is in ALL");
        &mut self.tables[at]
    }
}

impl Sealed {
    /// Records in it.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Bytes in it, before compression.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tables.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}
