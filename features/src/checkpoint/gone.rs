//! Keys of records that newer layers say are gone: older layers must not bring them back.
//!
//! Separate, because every table with deletions restores in this way. Invariant: a layer's own records are not touched by its
//! own keys, for a record may have gone and come again between two checkpoints.

use hashbrown::HashTable;

use super::{Error, Reader};

/// Keys that are gone.
#[derive(Debug, Default)]
pub struct Gone {
    keys: HashTable<u128>,
    /// Keys of the layer that is being read.
    present: Vec<u128>,
}

fn hash(key: u128) -> u64 {
    (key as u64) ^ ((key >> 64) as u64)
}

impl Gone {
    /// Reads keys.
    ///
    /// # Errors
    /// If the bytes are no whole keys.
    pub fn take(&mut self, records: &[u8]) -> Result<(), Error> {
        let mut reader = Reader::new(records);
        while !reader.is_empty() {
            self.present.push(reader.u128()?);
        }
        Ok(())
    }

    /// The layer is read: its keys count for all older ones.
    pub fn end_layer(&mut self) {
        for key in self.present.drain(..) {
            self.keys.entry(hash(key), |other| *other == key, |other| hash(*other)).or_insert(key);
        }
    }

    /// Whether a newer layer says that the key is gone.
    #[must_use]
    #[inline]
    pub fn contains(&self, key: u128) -> bool {
        !self.keys.is_empty() && self.keys.find(hash(key), |other| *other == key).is_some()
    }
}
