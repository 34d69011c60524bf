//! A list's one binary file: header, filter, hashes, offsets, records, checksum.
//!
//! Separate, because it is a format with its own life. Layout, little-endian: magic `WEIRBLK1`, format u16, name and
//! version (u16 length and text), number of entries u64, sources (u16, each u16 length and text), filter (u64 length and
//! bytes), hashes (u64 each), offsets (u32 each), records (u64 length and bytes), xxh3-128 of all before. Invariants: the
//! last 16 bytes are the checksum; no bytes make reading panic or allocate more than the input's own size allows.

use bloomfilter::Bloom;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::entry::{Entry, EntryKind, EntryView};
use super::{Blocklist, build, key_hash};
use crate::error::Error;

/// Version of the file format.
pub const FORMAT: u16 = 1;
const MAGIC: &[u8; 8] = b"WEIRBLK1";
const HUMAN: u8 = 0x80;
/// Most hash functions of a filter that is read; the builder uses 13.
const HASHES_MAX: u32 = 64;

impl Blocklist {
    /// The list as the bytes of its file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(
            self.arena.len() + self.hashes.len() * 12 + self.bloom.as_slice().len() + 1024,
        );
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        put_text(&mut out, &self.name);
        put_text(&mut out, &self.version);
        out.extend_from_slice(&(self.hashes.len() as u64).to_le_bytes());
        out.extend_from_slice(&(self.sources.len() as u16).to_le_bytes());
        self.sources.iter().for_each(|s| put_text(&mut out, s));
        out.extend_from_slice(&(self.bloom.as_slice().len() as u64).to_le_bytes());
        out.extend_from_slice(self.bloom.as_slice());
        self.hashes.iter().for_each(|h| out.extend_from_slice(&h.to_le_bytes()));
        self.offsets.iter().for_each(|o| out.extend_from_slice(&o.to_le_bytes()));
        out.extend_from_slice(&(self.arena.len() as u64).to_le_bytes());
        out.extend_from_slice(&self.arena);
        let sum = xxh3_128(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads a list; `file` names it in errors.
    ///
    /// # Errors
    /// If the bytes are no blocklist, of another format, or damaged.
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Self, Error> {
        let fail = |detail: &str| Error::blocklist(file, detail);
        if bytes.len() < MAGIC.len() + 2 + 16 || &bytes[..8] != MAGIC {
            return Err(fail("this is no weir blocklist: build one with `weir blocklist build`"));
        }
        let format = u16::from_le_bytes([bytes[8], bytes[9]]);
        if format != FORMAT {
            return Err(Error::blocklist(
                file,
                format!("format {format}, this weir reads format {FORMAT}: rebuild it"),
            ));
        }
        let (body, sum) = bytes.split_at(bytes.len() - 16);
        if xxh3_128(body).to_le_bytes() != sum {
            return Err(fail(
                "the checksum does not fit: the file is damaged or cut off, copy or build it again",
            ));
        }
        let list =
            read_body(&body[10..]).ok_or_else(|| fail("the parts do not fit together: build it again"))?;
        if version_of(&list) != list.version {
            return Err(fail("the version is not the hash of the entries: build it again"));
        }
        Ok(list)
    }
}

/// Hash of the records and sources, 16 hexadecimal digits.
pub(super) fn version_of(list: &Blocklist) -> String {
    let mut hash = Xxh3::new();
    list.sources.iter().for_each(|s| {
        hash.update(&(s.len() as u64).to_le_bytes());
        hash.update(s.as_bytes());
    });
    hash.update(&list.arena);
    format!("{:016x}", hash.digest())
}

/// Appends a record: kind and human bit, value, source, expiry (`u64::MAX`: never), note.
pub(super) fn write_record(arena: &mut Vec<u8>, entry: &Entry, source: u16) {
    arena.push(entry.kind as u8 | if entry.by_human { HUMAN } else { 0 });
    arena.push(entry.value.len() as u8);
    arena.extend_from_slice(entry.value.as_bytes());
    arena.extend_from_slice(&source.to_le_bytes());
    arena.extend_from_slice(&entry.expires.unwrap_or(u64::MAX).to_le_bytes());
    arena.extend_from_slice(&(entry.note.len() as u16).to_le_bytes());
    arena.extend_from_slice(entry.note.as_bytes());
}

/// The record at `offset` and where the next one begins.
pub(super) fn read_record<'a>(
    arena: &'a [u8],
    sources: &'a [String],
    offset: usize,
) -> Option<(EntryView<'a>, usize)> {
    let mut rest = Reader(arena.get(offset..)?);
    let flags = rest.take(1)?[0];
    let value_bytes = usize::from(rest.take(1)?[0]);
    let value = rest.text(value_bytes)?;
    let source = sources.get(usize::from(rest.u16()?))?;
    let expires = Some(rest.u64()?).filter(|e| *e != u64::MAX);
    let note_bytes = usize::from(rest.u16()?);
    let note = rest.text(note_bytes)?;
    let kind = EntryKind::from_number(flags & !HUMAN)?;
    let entry = EntryView { kind, value, source, expires, note, by_human: flags & HUMAN != 0 };
    Some((entry, arena.len() - rest.0.len()))
}

fn read_body(body: &[u8]) -> Option<Blocklist> {
    let mut rest = Reader(body);
    let name = rest.counted_text()?.to_owned();
    let version = rest.counted_text()?.to_owned();
    let count = usize::try_from(rest.u64()?).ok()?;
    let source_count = rest.u16()?;
    let sources =
        (0..source_count).map(|_| rest.counted_text().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
    let bloom_bytes = usize::try_from(rest.u64()?).ok()?;
    let bloom = Bloom::from_slice(rest.take(bloom_bytes)?).ok()?;
    let bits = bloom.len();
    if bits < 8 || bloom.number_of_hash_functions() > HASHES_MAX {
        return None;
    }
    let hashes: Vec<u64> =
        rest.take(count.checked_mul(8)?)?.as_chunks().0.iter().map(|c| u64::from_le_bytes(*c)).collect();
    let offsets: Vec<u32> =
        rest.take(count.checked_mul(4)?)?.as_chunks().0.iter().map(|c| u32::from_le_bytes(*c)).collect();
    let arena_bytes = usize::try_from(rest.u64()?).ok()?;
    let arena = rest.take(arena_bytes)?.to_vec();
    let mut list =
        Blocklist { name, version, bloom, hashes, offsets, arena, sources, lengths_v4: 0, lengths_v6: 0 };
    if !rest.0.is_empty() || !is_whole(&list) {
        return None;
    }
    build::note_lengths(&mut list);
    Some(list)
}

/// Whether the records lie one after the other, in hash order, each under its own hash. The filter is taken on the
/// checksum's word: asking it a million times costs more than all else here.
fn is_whole(list: &Blocklist) -> bool {
    let mut expected = 0;
    for (hash, offset) in list.hashes.iter().zip(&list.offsets) {
        let Some((entry, next)) = read_record(&list.arena, &list.sources, *offset as usize) else {
            return false;
        };
        if *offset as usize != expected || key_hash(entry.kind, entry.value) != *hash {
            return false;
        }
        expected = next;
    }
    expected == list.arena.len() && list.hashes.is_sorted()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads from the front; every answer is `None` past the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(bytes)?;
        self.0 = tail;
        Some(head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn text(&mut self, bytes: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(bytes)?).ok()
    }

    fn counted_text(&mut self) -> Option<&'a str> {
        let bytes = usize::from(self.u16()?);
        self.text(bytes)
    }
}
