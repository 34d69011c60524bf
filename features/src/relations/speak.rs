//! When the relation engine speaks, and to whom.
//!
//! Separate from what it knows, so that the caps can be read on one page:
//!
//! | kind | tells the toucher | tells recent members |
//! | --- | --- | --- |
//! | device | always, from the 2nd account on | at sizes 2, 4, 8, …; at 1, 2, 4, … restricted |
//! | prefix, number range | if 8 or more registered in 24 h and they are half of its size; if 2 or more restricted and they are 5 % of it; else at sizes 16, 32, … | at 2, 4, 8, … restricted, if they are 5 % of it; at sizes 16, 32, … if half registered in 24 h |
//! | asn | as prefix, but 64 registered, 8 restricted, and sizes 256, 512, … | never |
//! | peer | if another account wrote to it first in 2 h; above 512 in a row only at 1,024, 2,048, … | the 4 newest, of the newcomer only, up to the 16th |
//!
//! Invariants: at most 64 members are told at once; a fact goes to each account once a touch.

use compact_str::CompactString;
use schema::EntityKind;

use crate::relations::contacts::{Met, OTHERS_MAX};
use crate::relations::entities::{Entity, Tally};
use crate::relations::{OwnedFact, Toucher};

/// Chain length above which a peer speaks only at doublings.
const POPULAR: u32 = 512;
/// Members at a peer that are told of a newcomer.
const PEER_MEMBERS: usize = 4;

struct Thresholds {
    registered_min: u32,
    restricted_min: u32,
    size_min: u32,
}

const fn thresholds(kind: EntityKind) -> Thresholds {
    match kind {
        EntityKind::Device | EntityKind::Peer => {
            Thresholds { registered_min: 1, restricted_min: 1, size_min: 2 }
        }
        EntityKind::Prefix | EntityKind::NumberRange => {
            Thresholds { registered_min: 8, restricted_min: 2, size_min: 16 }
        }
        EntityKind::Asn => Thresholds { registered_min: 64, restricted_min: 8, size_min: 256 },
    }
}

fn many_registered(entity: &Entity) -> bool {
    let registered = entity.tally(Tally::Registered);
    registered >= thresholds(entity.kind).registered_min && registered * 2 >= entity.size
}

fn many_restricted(entity: &Entity) -> bool {
    let restricted = entity.tally(Tally::Restricted);
    restricted >= thresholds(entity.kind).restricted_min && restricted * 20 >= entity.size
}

/// After an account came to a shared entity.
pub(crate) fn touched(entity: &Entity, by: &Toucher<'_>, out: &mut Vec<OwnedFact>) {
    let doubled = entity.size.is_power_of_two() && entity.size >= thresholds(entity.kind).size_min;
    let device = entity.kind == EntityKind::Device;
    if device || doubled || many_registered(entity) || many_restricted(entity) {
        out.push(fact(entity, by.account, by));
    }
    if doubled && (device || (entity.kind != EntityKind::Asn && many_registered(entity))) {
        tell_members(entity, by, out);
    }
}

/// After an account on a shared entity was restricted.
pub(crate) fn restricted(entity: &Entity, by: &Toucher<'_>, out: &mut Vec<OwnedFact>) {
    let doubled = entity.tally(Tally::Restricted).is_power_of_two();
    if doubled
        && entity.kind != EntityKind::Asn
        && (entity.kind == EntityKind::Device || many_restricted(entity))
    {
        tell_members(entity, by, out);
    }
}

fn tell_members(entity: &Entity, by: &Toucher<'_>, out: &mut Vec<OwnedFact>) {
    for member in entity.members.iter().rev().filter(|member| member.account != by.account) {
        out.push(fact(entity, &member.account, by));
    }
}

fn fact(entity: &Entity, account: &str, by: &Toucher<'_>) -> OwnedFact {
    let others = entity.members.iter().rev().map(|member| &member.account);
    let co_accounts = match entity.kind {
        EntityKind::Device => others.filter(|other| *other != account).take(OTHERS_MAX).cloned().collect(),
        // A network's or range's accounts have nothing else in common.
        _ => Vec::new(),
    };
    OwnedFact {
        account: account.into(),
        entity: entity.text.clone(),
        kind: entity.kind,
        accounts_24h: entity.tally(Tally::Accounts),
        size: entity.size,
        registered_24h: entity.tally(Tally::Registered),
        restricted_24h: entity.tally(Tally::Restricted),
        co_accounts,
        origin: by.origin,
    }
}

/// After an account wrote first to a peer to whom others lately did.
pub(crate) fn peer(entity: &CompactString, met: &Met, by: &Toucher<'_>, out: &mut Vec<OwnedFact>) {
    if met.count > POPULAR && !met.count.is_power_of_two() {
        return;
    }
    let fact = |account: &str, co_accounts: Vec<CompactString>| OwnedFact {
        account: account.into(),
        entity: entity.clone(),
        kind: EntityKind::Peer,
        accounts_24h: met.count,
        size: met.count,
        registered_24h: 0,
        restricted_24h: 0,
        co_accounts,
        origin: by.origin,
    };
    out.push(fact(by.account, met.others.clone()));
    if met.count as usize <= OTHERS_MAX {
        for member in met.others.iter().take(PEER_MEMBERS) {
            out.push(fact(member, vec![by.account.into()]));
        }
    }
}
