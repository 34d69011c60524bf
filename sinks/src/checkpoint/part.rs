//! One part: a header that says whose it is, and chunks with their checksums.
//!
//! Separate, because it is a file format with its own life. Layout, little-endian: magic `WEIRPART`, format u32, partition u32,
//! partitions u32, part u32, number u32, catalogue u64, next offset u64, `at` u64; then for each chunk its length u32, its xxh3
//! u64 and its bytes. Invariants: a header stands alone, should a part be found without its manifest; a chunk is whole or refused.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::manifest::{FORMAT, Manifest};

const MAGIC: &[u8; 8] = b"WEIRPART";
const HEADER_BYTES: usize = 52;
const CHUNK_BYTES: usize = 12;

/// The header of a part of a checkpoint.
pub(super) fn header(manifest: &Manifest, part: usize) -> Vec<u8> {
    let catalog = u64::from_str_radix(&manifest.catalog, 16).unwrap_or(0);
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(MAGIC);
    for number in [FORMAT, manifest.partition, manifest.partitions, part as u32, manifest.number] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in [catalog, manifest.next_offset, manifest.at_ms] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out
}

/// Appends a chunk.
pub(super) fn put_chunk(out: &mut Vec<u8>, chunk: &[u8]) {
    let length = u32::try_from(chunk.len()).expect("chunks are far smaller than 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&xxh3_64(chunk).to_le_bytes());
    out.extend_from_slice(chunk);
}

/// The chunks of a part, checked; the error says what is wrong.
pub(super) fn chunks(manifest: &Manifest, part: usize, object: &Bytes) -> Result<Vec<Bytes>, String> {
    let entry = manifest.parts.get(part).ok_or_else(|| format!("part {part} is not in the manifest"))?;
    if object.len() as u64 != entry.bytes {
        return Err(format!("part {part} has {} bytes and must have {}", object.len(), entry.bytes));
    }
    if object.get(..HEADER_BYTES) != Some(header(manifest, part).as_slice()) {
        return Err(format!("part {part} is of another checkpoint"));
    }
    if entry.xxh3 != format!("{:016x}", xxh3_64(object)) {
        return Err(format!("part {part} is damaged: its checksum does not fit the manifest"));
    }
    let mut chunks = Vec::new();
    let mut at = HEADER_BYTES;
    while at < object.len() {
        let head = object.get(at..at + CHUNK_BYTES);
        let length = head.map_or(u32::MAX, |head| u32::from_le_bytes([head[0], head[1], head[2], head[3]]));
        let from = at + CHUNK_BYTES;
        let chunk = object.get(from..from.saturating_add(length as usize));
        let (Some(head), Some(chunk)) = (head, chunk) else {
            return Err(format!("part {part} ends within a chunk"));
        };
        if head[4..] != xxh3_64(chunk).to_le_bytes() {
            return Err(format!("part {part} is damaged: a checksum does not fit"));
        }
        chunks.push(object.slice(from..from + length as usize));
        at = from + length as usize;
    }
    Ok(chunks)
}
