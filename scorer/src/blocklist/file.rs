//! A list's one binary file: header, filter, hashes, offsets, records, checksum.
//!
//! Separate, because it is a format with its own life. Layout, little-endian: magic `WEIRBLK1`, format u16, name and
//! version (u16 length and text), number of entries u64, sources (u16, each u16 length and text), filter (u64 length and
//! bytes), hashes (u64 each), offsets (u32 each), records (u64 length and bytes), xxh3-128 of all before. Invariants: the
//! last 16 bytes are the checksum; no bytes make reading panic or allocate more than the input's own size allows.

use std::ops::Range;
use std::sync::Arc;

use bloomfilter::Bloom;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::entry::{Entry, EntryKind, EntryView};
use super::survey::{self, Holds};
use super::{Blocklist, Parts};
use crate::error::Error;

/// Version of the file format.
pub const FORMAT: u16 = 1;
const MAGIC: &[u8; 8] = b"WEIRBLK1";
pub(super) const HUMAN: u8 = 0x80;
/// Most hash functions of a filter that is read; the builder uses 13.
const HASHES_MAX: u32 = 64;

impl Blocklist {
    /// The list as the bytes of its file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    /// Reads a list, whose bytes it keeps; `file` names it in errors.
    ///
    /// # Errors
    /// If the bytes are no blocklist, of another format, or damaged.
    pub fn from_bytes(file: &str, bytes: Vec<u8>) -> Result<Self, Error> {
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
        let body = 10..body.len();
        read_body(bytes, body).ok_or_else(|| fail("the parts do not fit together: build it again"))
    }
}

/// A whole file; `parts` are hashes, offsets and records.
pub(super) fn write(name: &str, sources: &[String], bloom: &Bloom<u64>, parts: [&[u8]; 3]) -> Vec<u8> {
    let [hashes, offsets, records] = parts;
    let size = records.len() + hashes.len() + offsets.len() + bloom.as_slice().len() + 1024;
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    put_text(&mut out, name);
    put_text(&mut out, &version_of(sources, records));
    out.extend_from_slice(&(hashes.len() as u64 / 8).to_le_bytes());
    out.extend_from_slice(&(sources.len() as u16).to_le_bytes());
    sources.iter().for_each(|s| put_text(&mut out, s));
    out.extend_from_slice(&(bloom.as_slice().len() as u64).to_le_bytes());
    out.extend_from_slice(bloom.as_slice());
    out.extend_from_slice(hashes);
    out.extend_from_slice(offsets);
    out.extend_from_slice(&(records.len() as u64).to_le_bytes());
    out.extend_from_slice(records);
    let sum = xxh3_128(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Hash of the records and sources, 16 hexadecimal digits.
fn version_of(sources: &[String], records: &[u8]) -> String {
    let mut hash = Xxh3::new();
    sources.iter().for_each(|s| {
        hash.update(&(s.len() as u64).to_le_bytes());
        hash.update(s.as_bytes());
    });
    hash.update(records);
    format!("{:016x}", hash.digest())
}

/// Appends a record: kind and human bit, value, source, expiry (`u64::MAX`: never), note.
pub(super) fn write_record(records: &mut Vec<u8>, entry: &Entry, source: u16) {
    records.push(entry.kind as u8 | if entry.by_human { HUMAN } else { 0 });
    records.push(entry.value.len() as u8);
    records.extend_from_slice(entry.value.as_bytes());
    records.extend_from_slice(&source.to_le_bytes());
    records.extend_from_slice(&entry.expires.unwrap_or(u64::MAX).to_le_bytes());
    records.extend_from_slice(&(entry.note.len() as u16).to_le_bytes());
    records.extend_from_slice(entry.note.as_bytes());
}

/// The record at `offset`.
pub(super) fn read_record<'a>(
    records: &'a [u8],
    sources: &'a [String],
    offset: usize,
) -> Option<EntryView<'a>> {
    let mut rest = Reader(records.get(offset..)?);
    let flags = rest.take(1)?[0];
    let value_bytes = usize::from(rest.take(1)?[0]);
    let value = rest.text(value_bytes)?;
    let source = sources.get(usize::from(rest.u16()?))?;
    let expires = Some(rest.u64()?).filter(|e| *e != u64::MAX);
    let note_bytes = usize::from(rest.u16()?);
    let note = rest.text(note_bytes)?;
    let kind = EntryKind::from_number(flags & !HUMAN)?;
    Some(EntryView { kind, value, source, expires, note, by_human: flags & HUMAN != 0 })
}

/// Takes the parts apart. What the checksum vouches for is not worked out again: filter, hashes and version are the
/// builder's. That the records lie one after the other in hash order is seen on the way to what kinds they are of.
fn read_body(bytes: Vec<u8>, body: Range<usize>) -> Option<Blocklist> {
    let mut rest = Reader(&bytes[..body.end]);
    rest.take(body.start)?;
    let name = rest.counted_text()?.to_owned();
    let version = rest.counted_text()?.to_owned();
    let count = usize::try_from(rest.u64()?).ok()?;
    let source_count = rest.u16()?;
    let sources =
        (0..source_count).map(|_| rest.counted_text().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
    let bloom_bytes = usize::try_from(rest.u64()?).ok()?;
    let bloom = Bloom::from_slice(rest.take(bloom_bytes)?).ok()?;
    if bloom.len() < 8 || bloom.number_of_hash_functions() > HASHES_MAX {
        return None;
    }
    let part = |rest: &mut Reader<'_>, length: usize| {
        let start = body.end - rest.0.len();
        rest.take(length).map(|_| start..start + length)
    };
    let hashes = part(&mut rest, count.checked_mul(8)?)?;
    let offsets = part(&mut rest, count.checked_mul(4)?)?;
    let records_bytes = usize::try_from(rest.u64()?).ok()?;
    let records = part(&mut rest, records_bytes)?;
    if !rest.0.is_empty() {
        return None;
    }
    let parts = Parts { hashes, offsets, records };
    let (bloom, bytes, holds) = (Arc::new(bloom), Arc::new(bytes), Holds::default());
    let mut list = Blocklist { name, version, bloom, bytes, parts, sources, holds };
    list.holds = survey::survey(&list)?;
    Some(list)
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
