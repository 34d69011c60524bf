//! From entries to a list: one entry a key, sorted, filtered, versioned.
//!
//! Separate from reading a list, which is done everywhere and building only by `weir blocklist build`. Invariants: the
//! order of the entries does not change the result, but for repeated keys, of which a human's, then the longest lasting,
//! then the last stays.

use bloomfilter::Bloom;
use schema::limits::BLOCKLIST_ENTRIES_MAX;

use super::entry::Entry;
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
        Ok(Built { list: assemble(name, &entries, &sources)?, repeats })
    }
}

fn rank(entry: &Entry) -> (bool, u64) {
    (entry.by_human, entry.expires.unwrap_or(u64::MAX))
}

fn assemble(name: &str, entries: &[Entry], sources: &[String]) -> Result<Blocklist, Error> {
    let mut bloom = Bloom::new_for_fp_rate_with_seed(entries.len().max(1), FALSE_POSITIVE_RATE, &SEED)
        .map_err(|e| Error::blocklist(name, e))?;
    let (mut hashes, mut offsets, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let hash = key_hash(entry.kind, &entry.value);
        let Ok(offset) = u32::try_from(records.len()) else {
            return Err(Error::blocklist(name, "more than 4 GiB of entries: split the list"));
        };
        bloom.set(&hash);
        hashes.extend_from_slice(&hash.to_le_bytes());
        offsets.extend_from_slice(&offset.to_le_bytes());
        let source =
            sources.binary_search(&entry.source).expect("every source was collected from the entries");
        file::write_record(&mut records, entry, source as u16);
    }
    let bytes = file::write(name, sources, &bloom, [&hashes, &offsets, &records]);
    Blocklist::from_bytes(name, bytes)
}
