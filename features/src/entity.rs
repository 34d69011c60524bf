//! Entities: what accounts share, and how it is hashed and written.
//!
//! Separate, because the account side and the relation engine must know an entity by the same key. Invariant: an
//! autonomous system is hashed by its number, everything else by its pseudonym; a key is never 0.

use schema::EntityKind;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The hash of an entity.
#[must_use]
pub(crate) fn entity_hash(kind: EntityKind, name: &str) -> u64 {
    match kind {
        EntityKind::Asn => name.parse().map_or_else(|_| hash_of(kind, name.as_bytes()), asn_hash),
        _ => hash_of(kind, name.as_bytes()),
    }
}

/// The hash of an autonomous system.
#[must_use]
pub(crate) fn asn_hash(asn: u32) -> u64 {
    hash_of(EntityKind::Asn, &asn.to_le_bytes())
}

fn hash_of(kind: EntityKind, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, 0x656e_7469_7479 + kind as u64)
}

/// The upper half of an entity's hash: what an account remembers of it.
#[must_use]
pub(crate) fn key_of(hash: u64) -> u32 {
    ((hash >> 32) as u32).max(1)
}

/// The key of an entity.
#[must_use]
pub(crate) fn entity_key(kind: EntityKind, name: &str) -> u32 {
    key_of(entity_hash(kind, name))
}

/// Sixteen bits of a pseudonym, never 0.
#[must_use]
pub(crate) fn fingerprint16(name: &str) -> u16 {
    (xxh3_64_with_seed(name.as_bytes(), 0x6c6f_6f6b) as u16).max(1)
}
