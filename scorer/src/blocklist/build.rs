//! From entries to a list: one entry a key, sorted, filtered, versioned.
//!
//! Separate from reading a list, which is done everywhere and building only by `weir blocklist build`. Invariants: the
//! order of the entries does not change the result, but for repeated keys, of which a human's, then the longest lasting,
//! then the last stays.

use bloomfilter::Bloom;
use features::cidr;
use schema::limits::BLOCKLIST_ENTRIES_MAX;

use super::entry::{Entry, EntryKind};
use super::{Blocklist, FALSE_POSITIVE_RATE, file, key_hash};
use crate::error::Error;

/// Seed of every filter. The halves differ: equal ones make the two hashes equal and the filter a hundred times worse.
const SEED: [u8; 32] = *b"weir bloom half1weir BLOOM half2";

const _: () = {
    let mut differs = false;
    let mut i = 0;
    while i < 16 {
        differs |= SEED[i] != SEED[i + 16];
        i += 1;
    }
    assert!(differs, "equal halves raise the false-positive rate to 9e-3");
};

/// A list and what building it met.
#[derive(Debug, Clone)]
pub struct Built {
    /// The list.
    pub list: Blocklist,
    /// Entries dropped because another one has the same kind and value.
    pub repeats: usize,
}

impl Blocklist {
    /// Builds a list.
    ///
    /// # Errors
    /// If there are too many entries, more than 65,535 sources, or more than 4 GiB of text.
    pub fn build(name: &str, mut entries: Vec<Entry>) -> Result<Built, Error> {
        if entries.len() > BLOCKLIST_ENTRIES_MAX {
            let detail =
                format!("{} entries, at most {BLOCKLIST_ENTRIES_MAX} are allowed: split it", entries.len());
            return Err(Error::blocklist(name, detail));
        }
        let given = entries.len();
        // Stable sort: among equal keys and ranks the last line comes last and stays.
        entries.sort_by(|a, b| (a.kind, &a.value, rank(a)).cmp(&(b.kind, &b.value, rank(b))));
        entries.reverse();
        entries.dedup_by(|a, b| a.kind == b.kind && a.value == b.value);
        entries.sort_by_cached_key(|e| (key_hash(e.kind, &e.value), e.kind, e.value.clone()));
        let mut sources: Vec<String> = entries.iter().map(|e| e.source.clone()).collect();
        sources.sort_unstable();
        sources.dedup();
        if sources.len() > usize::from(u16::MAX) {
            return Err(Error::blocklist(
                name,
                format!("{} sources, at most 65,535 are allowed", sources.len()),
            ));
        }
        let repeats = given - entries.len();
        Ok(Built { list: assemble(name, &entries, sources)?, repeats })
    }
}

fn rank(entry: &Entry) -> (bool, u64) {
    (entry.by_human, entry.expires.unwrap_or(u64::MAX))
}

fn assemble(name: &str, entries: &[Entry], sources: Vec<String>) -> Result<Blocklist, Error> {
    let mut list = Blocklist {
        name: name.to_owned(),
        version: String::new(),
        bloom: Bloom::new_for_fp_rate_with_seed(entries.len().max(1), FALSE_POSITIVE_RATE, &SEED)
            .map_err(|e| Error::blocklist(name, e))?,
        hashes: Vec::with_capacity(entries.len()),
        offsets: Vec::with_capacity(entries.len()),
        arena: Vec::new(),
        sources,
        lengths_v4: 0,
        lengths_v6: 0,
    };
    for entry in entries {
        let hash = key_hash(entry.kind, &entry.value);
        let Ok(offset) = u32::try_from(list.arena.len()) else {
            return Err(Error::blocklist(name, "more than 4 GiB of entries: split the list"));
        };
        list.bloom.set(&hash);
        list.hashes.push(hash);
        list.offsets.push(offset);
        let source =
            list.sources.binary_search(&entry.source).expect("every source was collected from the entries");
        file::write_record(&mut list.arena, entry, source as u16);
    }
    note_lengths(&mut list);
    list.version = file::version_of(&list);
    Ok(list)
}

/// Notes which CIDR lengths occur, so that a look-up probes no other.
pub(super) fn note_lengths(list: &mut Blocklist) {
    let (mut v4, mut v6) = (0u64, 0u128);
    for entry in list.entries().filter(|e| e.kind == EntryKind::IpPrefix) {
        match cidr(entry.value) {
            Some((address, length)) if address.is_ipv4() => v4 |= 1 << length,
            Some((_, length)) if length < 128 => v6 |= 1 << length,
            _ => {}
        }
    }
    (list.lengths_v4, list.lengths_v6) = (v4, v6);
}
