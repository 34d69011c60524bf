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

pub use build::Built;
pub use entry::{Entry, EntryKind, EntryView};
pub use file::FORMAT;
pub use measure::FalsePositives;
pub use parse::parse_entries;

use bloomfilter::Bloom;

/// The rate of wrong "maybe" answers that the filter is built for.
pub const FALSE_POSITIVE_RATE: f64 = 1e-4;

/// A named, versioned list, ready to be asked.
#[derive(Debug, Clone)]
pub struct Blocklist {
    name: String,
    version: String,
    bloom: Bloom<u64>,
    /// Sorted key hashes; several equal ones are possible, the bytes decide.
    hashes: Vec<u64>,
    /// Where the record of each hash begins in `arena`.
    offsets: Vec<u32>,
    /// Records one after the other: see `file`.
    arena: Vec<u8>,
    sources: Vec<String>,
    /// Bit n: the list holds an IPv4 prefix of length n (0..=32).
    lengths_v4: u64,
    /// Bit n: the list holds an IPv6 prefix of length n (0..=127); /128 is always probed as it is.
    lengths_v6: u128,
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
        self.hashes.len()
    }

    /// Whether it has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
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
        if kind == EntryKind::IpPrefix {
            return self.find_prefix(value, now_ms);
        }
        self.find_exact(kind, value, now_ms)
    }

    /// Every entry, in hash order.
    pub fn entries(&self) -> impl Iterator<Item = EntryView<'_>> {
        self.offsets.iter().filter_map(|offset| self.record(*offset))
    }

    fn find_exact(&self, kind: EntryKind, value: &str, now_ms: u64) -> Option<EntryView<'_>> {
        let hash = key_hash(kind, value);
        if !self.bloom.check(&hash) {
            return None;
        }
        let first = self.hashes.partition_point(|h| *h < hash);
        self.hashes[first..]
            .iter()
            .take_while(|h| **h == hash)
            .zip(&self.offsets[first..])
            .filter_map(|(_, offset)| self.record(*offset))
            .find(|e| e.kind == kind && e.value == value)
            .filter(|e| e.expires.is_none_or(|end| end > now_ms))
    }

    fn find_prefix(&self, value: &str, now_ms: u64) -> Option<EntryView<'_>> {
        let Some((address, length)) = features::cidr(value) else {
            return self.find_exact(EntryKind::IpPrefix, value, now_ms);
        };
        // The narrowest entry speaks first: it says most about this network.
        (0..=length)
            .rev()
            .filter(|n| self.holds_length(address.is_ipv4(), *n))
            .find_map(|n| self.find_exact(EntryKind::IpPrefix, &entry::masked(address, n), now_ms))
    }

    fn holds_length(&self, is_v4: bool, length: u8) -> bool {
        if is_v4 {
            self.lengths_v4 >> length & 1 == 1
        } else {
            length == 128 || self.lengths_v6 >> length & 1 == 1
        }
    }

    fn record(&self, offset: u32) -> Option<EntryView<'_>> {
        file::read_record(&self.arena, &self.sources, offset as usize).map(|(entry, _)| entry)
    }
}

/// Hash of a key: the kind's number and the value.
fn key_hash(kind: EntryKind, value: &str) -> u64 {
    features::key_hash(kind as u8, value)
}

#[cfg(test)]
mod tests;
