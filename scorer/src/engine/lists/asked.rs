//! Accounts that were asked for since a list changed: only ever added, until the next change.
//!
//! Separate from the lists, because a checkpoint writes it as what it is, a log. Invariants: an account is in it once; what a
//! checkpoint began to write stays as it was, also if all is asked anew meanwhile.

use features::checkpoint::{Error, Reader, Tag, close_frame, open_frame};
use hashbrown::HashTable;

const ENTRY_BYTES: usize = 8;
const HEAD_BYTES: usize = 8;

/// Hashes of accounts since the newest change.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    log: Vec<u64>,
    index: HashTable<u64>,
    /// Which change it is, from 1.
    change: u64,
    /// How many of the log the last checkpoint holds, and how many one before it held.
    held: usize,
    held_before: usize,
    writing: Option<Writing>,
}

/// What a checkpoint is still to write.
#[derive(Debug)]
struct Writing {
    change: u64,
    from: usize,
    to: usize,
    /// The log, if all was asked anew since.
    old: Option<Vec<u64>>,
}

impl Asked {
    /// All are to be asked for anew.
    pub fn restart(&mut self) {
        let old = std::mem::take(&mut self.log);
        if let Some(writing) = self.writing.as_mut().filter(|writing| writing.old.is_none()) {
            writing.old = Some(old);
        }
        self.index.clear();
        self.change += 1;
        (self.held, self.held_before) = (0, 0);
    }

    /// Accounts in it.
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Puts an account in; whether it was not there.
    pub fn insert(&mut self, hash: u64) -> bool {
        let place = self.index.entry(hash, |other| *other == hash, |other| *other);
        let hashbrown::hash_table::Entry::Vacant(place) = place else { return false };
        place.insert(hash);
        self.log.push(hash);
        true
    }

    pub fn begin(&mut self, full: bool) {
        let from = if full { 0 } else { self.held };
        (self.held_before, self.held) = (self.held, self.log.len());
        self.writing = Some(Writing { change: self.change, from, to: self.log.len(), old: None });
    }

    pub fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Some(writing) = &mut self.writing else { return true };
        let log = writing.old.as_ref().unwrap_or(&self.log);
        let count = (writing.to - writing.from).min((bytes_max / ENTRY_BYTES).max(1));
        let opened = open_frame(out, Tag::Asked);
        out.extend_from_slice(&writing.change.to_le_bytes());
        for hash in &log[writing.from..writing.from + count] {
            out.extend_from_slice(&hash.to_le_bytes());
        }
        close_frame(out, opened);
        writing.from += count;
        if writing.from == writing.to {
            self.writing = None;
        }
        self.writing.is_none()
    }

    pub fn abandon(&mut self) {
        self.writing = None;
        self.held = self.held_before;
    }

    /// Reads a frame: the newest change counts, what is older is passed over.
    pub fn take(&mut self, records: &[u8], len_max: usize) -> Result<(), Error> {
        let mut reader = Reader::new(records);
        let change = reader.u64()?;
        if self.change == 0 {
            self.change = change;
        }
        if change != self.change || change == 0 {
            return if change == 0 {
                Err(Error::Damaged("a change of blocklists that never was"))
            } else {
                Ok(())
            };
        }
        if reader.len() / ENTRY_BYTES + self.log.len() > len_max {
            return Err(Error::Damaged("more accounts were asked for than may be"));
        }
        while !reader.is_empty() {
            let hash = reader.u64()?;
            self.insert(hash);
        }
        Ok(())
    }

    /// Everything that was read is in the checkpoint that it was read from.
    pub fn restored(mut self) -> Self {
        self.held = self.log.len();
        self
    }
}

const _: () = assert!(HEAD_BYTES == size_of::<u64>());
