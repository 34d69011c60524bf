//! A blocklist: a Bloom filter that answers "surely not" in nanoseconds, and an exact set that confirms a "maybe".
//!
//! Separate from policy, which says what a confirmed entry leads to. Invariants: a "maybe" of the filter is never
//! reported: only an entry whose stored bytes equal the value is; an expired entry never matches; the filter's seed is
//! fixed and its two halves differ, so that two builds of the same entries are the same bytes.

mod build;
mod entry;
mod file;
mod measure;
mod parse;
mod survey;

pub use build::Built;
pub use entry::{Entry, EntryKind, EntryView, canonical};
pub use file::FORMAT;
pub use measure::FalsePositives;
pub use parse::parse_entries;

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use bloomfilter::Bloom;
use features::Network;
use survey::Holds;

/// The rate of wrong "maybe" answers that the filter is built for.
pub const FALSE_POSITIVE_RATE: f64 = 1e-4;

/// A named, versioned list, ready to be asked. Its clones share its bytes: engines of one process hold a large list once.
#[derive(Debug, Clone)]
pub struct Blocklist {
    name: String,
    version: String,
    bloom: Arc<Bloom<u64>>,
    /// The file, from which hashes, offsets and records are read where they lie.
    bytes: Arc<Vec<u8>>,
    parts: Parts,
    sources: Vec<String>,
    holds: Holds,
}

/// Where the parts of a list lie in its file.
#[derive(Debug, Clone)]
struct Parts {
    /// Sorted key hashes of 8 bytes; several equal ones are possible, the entries decide.
    hashes: Range<usize>,
    /// Where the record of each hash begins among the records, 4 bytes each.
    offsets: Range<usize>,
    /// Records one after the other: see `file`.
    records: Range<usize>,
}

impl Blocklist {
    /// The list's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The list's version: a hash of its entries, 16 hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes().len()
    }

    /// Whether it has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.hashes.is_empty()
    }

    /// Bytes of the Bloom filter.
    #[must_use]
    pub fn bloom_bytes(&self) -> u64 {
        self.bloom.len() / 8
    }

    /// What the filter alone says: `false` is certain, `true` is not and must never be acted upon.
    #[must_use]
    pub fn maybe(&self, kind: EntryKind, value: &str) -> bool {
        self.bloom.check(&key_hash(kind, value))
    }

    /// The entry of exactly this value, if it has not expired at `now_ms`. A network prefix also matches a wider CIDR
    /// entry that contains it.
    #[must_use]
    pub fn find(&self, kind: EntryKind, value: &str, now_ms: u64) -> Option<EntryView<'_>> {
        if !self.holds.kind(kind) {
            return None;
        }
        if kind == EntryKind::IpPrefix {
            return self.find_prefix(value, now_ms);
        }
        self.find_exact(kind, value, now_ms)
    }

    /// The entry of a device or number range of which only the 64-bit hash is remembered. Two values of one hash cannot be
    /// told apart.
    #[must_use]
    pub fn find_hash(&self, kind: EntryKind, hash: u64, now_ms: u64) -> Option<EntryView<'_>> {
        if !self.holds.kind(kind) {
            return None;
        }
        self.at_hash(hash).find(|e| e.kind == kind).filter(|e| is_live(e, now_ms))
    }

    /// The entry of a network of which only the code is remembered, or a wider one; where the code is a hash, the entry of
    /// that hash alone.
    #[must_use]
    pub fn find_network(&self, code: u64, now_ms: u64) -> Option<EntryView<'_>> {
        if !self.holds.kind(EntryKind::IpPrefix) {
            return None;
        }
        match features::network_of(code) {
            Network::Cidr(address, length) => self.find_cidr(address, length, now_ms),
            // The code has the lower 63 bits.
            Network::Hash(hash) => [hash, hash | 1 << 63]
                .into_iter()
                .find_map(|hash| self.find_hash(EntryKind::IpPrefix, hash, now_ms)),
        }
    }

    /// Every entry, in hash order.
    pub fn entries(&self) -> impl Iterator<Item = EntryView<'_>> {
        self.offsets().iter().filter_map(|offset| self.record(*offset))
    }

    fn find_exact(&self, kind: EntryKind, value: &str, now_ms: u64) -> Option<EntryView<'_>> {
        self.at_hash(key_hash(kind, value))
            .find(|e| e.kind == kind && e.value == value)
            .filter(|e| is_live(e, now_ms))
    }

    /// Entries under a hash; nearly always the filter says that there is none.
    fn at_hash(&self, hash: u64) -> impl Iterator<Item = EntryView<'_>> {
        let hashes = self.hashes();
        let first = if self.bloom.check(&hash) {
            hashes.partition_point(|other| u64::from_le_bytes(*other) < hash)
        } else {
            hashes.len()
        };
        hashes[first..]
            .iter()
            .take_while(move |other| u64::from_le_bytes(**other) == hash)
            .zip(&self.offsets()[first..])
            .filter_map(|(_, offset)| self.record(*offset))
    }

    fn find_prefix(&self, value: &str, now_ms: u64) -> Option<EntryView<'_>> {
        let Some((address, length)) = features::cidr(value) else {
            return self.find_exact(EntryKind::IpPrefix, value, now_ms);
        };
        self.find_cidr(address, length, now_ms)
    }

    fn find_cidr(&self, address: IpAddr, length: u8, now_ms: u64) -> Option<EntryView<'_>> {
        // The narrowest entry speaks first: it says most about this network.
        (0..=length)
            .rev()
            .filter(|n| self.holds.length(address.is_ipv4(), *n))
            .find_map(|n| self.find_exact(EntryKind::IpPrefix, &entry::masked(address, n), now_ms))
    }

    fn hashes(&self) -> &[[u8; 8]] {
        self.bytes[self.parts.hashes.clone()].as_chunks().0
    }

    fn offsets(&self) -> &[[u8; 4]] {
        self.bytes[self.parts.offsets.clone()].as_chunks().0
    }

    fn records(&self) -> &[u8] {
        &self.bytes[self.parts.records.clone()]
    }

    fn record(&self, offset: [u8; 4]) -> Option<EntryView<'_>> {
        file::read_record(self.records(), &self.sources, u32::from_le_bytes(offset) as usize)
    }
}

fn is_live(entry: &EntryView<'_>, now_ms: u64) -> bool {
    entry.expires.is_none_or(|end| end > now_ms)
}

/// Hash of a key: the kind's number and the value.
fn key_hash(kind: EntryKind, value: &str) -> u64 {
    features::key_hash(kind as u8, value)
}

#[cfg(test)]
mod tests;
