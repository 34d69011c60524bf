//! Entities: what accounts share, and how it is hashed and written.
//!
//! Separate, because the account side, the relation engine and blocklists must know an entity by the same number.
//! Invariants: a device and a number range are hashed as a blocklist hashes its entries, a network by its code, an
//! autonomous system by its number, a peer by its pseudonym; a hash is never 0.

use compact_str::{CompactString, format_compact};
use schema::limits::ID_BYTES_MAX;
use schema::{EntityKind, Relation, Touch};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::network::network_code;

/// Numbers of devices and number ranges among the kinds of a blocklist's entries.
const LISTED_DEVICE: u8 = 1;
const LISTED_RANGE: u8 = 4;
/// Before a hash that stands in the place of a pseudonym.
const BY_HASH: char = '#';

/// Hash of a value under a small number: how blocklists and accounts know it. A value longer than any identifier has a hash
/// that no entry has.
#[must_use]
pub fn key_hash(kind: u8, value: &str) -> u64 {
    let mut key = [0_u8; 1 + ID_BYTES_MAX];
    let bytes = value.as_bytes();
    if bytes.len() >= key.len() {
        return xxh3_64(bytes).max(1);
    }
    key[0] = kind;
    key[1..=bytes.len()].copy_from_slice(bytes);
    xxh3_64(&key[..=bytes.len()]).max(1)
}

/// What an account remembers of a device.
#[must_use]
pub(crate) fn device_hash(name: &str) -> u64 {
    key_hash(LISTED_DEVICE, name)
}

/// What an account remembers of a number range.
#[must_use]
pub(crate) fn range_hash(name: &str) -> u64 {
    key_hash(LISTED_RANGE, name)
}

/// The hash of an entity.
#[must_use]
pub(crate) fn entity_hash(kind: EntityKind, name: &str) -> u64 {
    match kind {
        EntityKind::Device => device_hash(name),
        EntityKind::NumberRange => range_hash(name),
        EntityKind::Prefix => network_hash(network_code(name)),
        EntityKind::Asn => name.parse().map_or_else(|_| hash_of(kind, name.as_bytes()), asn_hash),
        EntityKind::Peer => hash_of(kind, name.as_bytes()),
    }
}

/// The hash of an autonomous system.
#[must_use]
pub(crate) fn asn_hash(asn: u32) -> u64 {
    hash_of(EntityKind::Asn, &asn.to_le_bytes())
}

/// The hash of a network, whose code is no hash: neighbours differ in few bits.
#[must_use]
pub(crate) fn network_hash(code: u64) -> u64 {
    hash_of(EntityKind::Prefix, &code.to_le_bytes())
}

fn hash_of(kind: EntityKind, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, 0x656e_7469_7479 + kind as u64).max(1)
}

/// `kind:#hash`: an entity whose pseudonym is not remembered.
#[must_use]
pub(crate) fn text_by_hash(kind: EntityKind, hash: u64) -> CompactString {
    format_compact!("{}:{BY_HASH}{hash:016x}", kind.word())
}

/// The entity of a relation: its kind, its hash, and its pseudonym if the relation has it. `None`: no such kind.
#[must_use]
pub(crate) fn entity_of(relation: &Relation) -> Option<(EntityKind, u64, Option<&str>)> {
    let (kind, name) = relation.entity.split_once(':')?;
    let kind = EntityKind::from_word(kind)?;
    if matches!(relation.what, Touch::Restricted | Touch::Deleted)
        && let Some(digits) = name.strip_prefix(BY_HASH).filter(|digits| digits.len() == 16)
        && let Ok(hash) = u64::from_str_radix(digits, 16)
    {
        return Some((kind, hash, None));
    }
    Some((kind, entity_hash(kind, name), Some(name)))
}

/// The key of a relation's record on a log: `kind:#hash`, the same for all relations of an entity, whether they name it by
/// its pseudonym or not. Of an unknown kind, the entity as it is.
#[must_use]
pub fn relation_key(relation: &Relation) -> CompactString {
    entity_of(relation)
        .map_or_else(|| relation.entity.as_str().into(), |(kind, hash, _)| text_by_hash(kind, hash))
}

/// Sixteen bits of a pseudonym, never 0.
#[must_use]
pub(crate) fn fingerprint16(name: &str) -> u16 {
    (xxh3_64_with_seed(name.as_bytes(), 0x6c6f_6f6b) as u16).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_by_hash_and_one_by_name_have_the_same_key() {
        let relation = |entity: &str, what| Relation {
            entity: entity.to_owned(),
            account: "a".to_owned(),
            ts: 1,
            what,
            origin: schema::Origin { partition: 0, offset: 0, n: 0 },
        };
        for (kind, name) in [
            (EntityKind::Device, "d_1"),
            (EntityKind::Prefix, "10.0.0.0/24"),
            (EntityKind::Asn, "64500"),
            (EntityKind::NumberRange, "n"),
        ] {
            let named = relation(&format!("{}:{name}", kind.word()), Touch::Seen);
            let hashed = relation(&text_by_hash(kind, entity_hash(kind, name)), Touch::Restricted);
            assert_eq!(relation_key(&named), relation_key(&hashed));
            assert_eq!(entity_of(&hashed), Some((kind, entity_hash(kind, name), None)));
        }
        let odd = relation("device:#0123456789abcdef", Touch::Seen);
        assert_eq!(entity_of(&odd).and_then(|(_, _, name)| name), Some("#0123456789abcdef"), "a pseudonym");
        assert_eq!(relation_key(&relation("moon:x", Touch::Seen)), "moon:x");
    }
}
