//! The relation engine: what lies across accounts. It hears who touched what, and answers with facts about shared things.
//!
//! Separate from the store, because it is keyed by entity, and in production lies behind its own topic. It speaks when it
//! has something to say: a device with a second account, a network with many new or restricted ones, a peer to whom others
//! wrote first in the last 2 h. Invariants: facts never cause relations; only restrictions by a human or a sure case are heard;
//! every list and table has a bound; the same relations in the same order give the same facts.

pub(crate) mod checkpoint;
mod contacts;
mod entities;
mod speak;

use compact_str::{CompactString, format_compact};
use schema::{Body, EntityFact, EntityKind, Event, Origin, Relation, Session, Touch, limits};

use crate::entity::{asn_hash, entity_hash, entity_of, network_hash, text_by_hash};
use crate::relations::contacts::Contacts;
use crate::relations::entities::Shared;
use crate::store::Touches;
use crate::store::identity::Entities;

/// Bounds of a relation engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationLimits {
    /// Shared entities (two accounts or more) kept before the longest untouched is evicted.
    pub entities_max: usize,
    /// First contacts remembered to find others at the same peer; also entities seen with one account only.
    pub contacts_max: usize,
}

impl Default for RelationLimits {
    fn default() -> Self {
        Self { entities_max: limits::ENTITIES_MAX, contacts_max: 1 << 20 }
    }
}

/// The pseudonym of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityName<'a> {
    /// A device, prefix, number range or peer.
    Text(&'a str),
    /// An autonomous system.
    Asn(u32),
}

/// Who touched an entity, when, how, and which record says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toucher<'a> {
    /// The account.
    pub account: &'a str,
    /// Event time, ms since the Unix epoch.
    pub ts: u64,
    /// What it did.
    pub what: Touch,
    /// The record that says so.
    pub origin: Origin,
}

/// A fact about a shared entity, for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedFact {
    /// Who is told.
    pub account: CompactString,
    /// `kind:pseudonym`.
    pub entity: CompactString,
    /// Kind of the entity.
    pub kind: EntityKind,
    /// Accounts that came to it in 24 h (for a peer: that wrote to it first, without a pause of 2 h).
    pub accounts_24h: u32,
    /// Accounts seen on it while it was remembered.
    pub size: u32,
    /// Of those that came in 24 h, newly registered ones.
    pub registered_24h: u32,
    /// Restricted in 24 h by a human or a sure case.
    pub restricted_24h: u32,
    /// Other accounts on it, newest first.
    pub co_accounts: Vec<CompactString>,
    /// The record that caused the fact.
    pub origin: Origin,
}

impl OwnedFact {
    /// The fact as the body of an event.
    #[must_use]
    pub fn lend(&self) -> EntityFact<'_> {
        EntityFact {
            entity: &self.entity,
            kind: self.kind,
            accounts_24h: self.accounts_24h,
            size: self.size,
            registered_24h: self.registered_24h,
            restricted_24h: self.restricted_24h,
            co_accounts: self.co_accounts.iter().map(CompactString::as_str).collect(),
            origin: Some(self.origin),
        }
    }
}

/// What is known of entities.
#[derive(Debug)]
pub struct Relations {
    contacts: Contacts,
    shared: Shared,
    /// Its own values as a checkpoint began, until they are written.
    values: Option<Vec<u8>>,
}

impl Relations {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(limits: RelationLimits) -> Self {
        Self { contacts: Contacts::new(limits.contacts_max), shared: Shared::new(limits), values: None }
    }

    /// Hears that an account touched an entity; what is to be told is appended to `out`.
    pub fn touch(
        &mut self,
        kind: EntityKind,
        name: EntityName<'_>,
        by: &Toucher<'_>,
        out: &mut Vec<OwnedFact>,
    ) {
        let hash = match name {
            EntityName::Text(name) => entity_hash(kind, name),
            EntityName::Asn(asn) => asn_hash(asn),
        };
        match (kind, by.what) {
            (EntityKind::Peer, Touch::FirstContact) => {
                if let Some(met) = self.contacts.meet(hash, by) {
                    speak::peer(&entity_text(kind, name), &met, by, out);
                }
            }
            (EntityKind::Peer, _) | (_, Touch::FirstContact) => {}
            (_, Touch::Restricted | Touch::Deleted) => self.by_hash(kind, hash, by, out),
            (_, Touch::Seen | Touch::Registered) => {
                if let Some(entity) = self.shared.touch(kind, hash, &name, by) {
                    speak::touched(entity, by, out);
                }
            }
        }
    }

    /// Hears a relation as it lies on the log; one of an unknown kind is passed over. Whatever is told carries the
    /// relation's own origin.
    pub fn touch_relation(&mut self, relation: &Relation, out: &mut Vec<OwnedFact>) {
        let Some((kind, hash, name)) = entity_of(relation) else { return };
        let Relation { account, ts, what, origin, .. } = relation;
        let by = Toucher { account, ts: *ts, what: *what, origin: *origin };
        match name {
            Some(name) => self.touch(kind, EntityName::Text(name), &by, out),
            None => self.by_hash(kind, hash, &by, out),
        }
    }

    /// A restriction or deletion, which needs no pseudonym.
    fn by_hash(&mut self, kind: EntityKind, hash: u64, by: &Toucher<'_>, out: &mut Vec<OwnedFact>) {
        if by.what == Touch::Deleted {
            self.shared.forget(kind, hash, by.account);
        } else if let Some(entity) = self.shared.restrict(kind, hash, by) {
            speak::restricted(entity, by, out);
        }
    }

    /// Hears every entity of an event that is new to its account.
    pub fn touch_event(&mut self, event: &Event<'_>, new: Touches, origin: Origin, out: &mut Vec<OwnedFact>) {
        for_each_touch(event, new, origin, &mut |kind, name, by| self.touch(kind, name, by, out));
    }

    /// Hears that an account was restricted by a human or a sure case.
    pub fn restrict(&mut self, on: &Entities, by: &Toucher<'_>, out: &mut Vec<OwnedFact>) {
        for_each_hash(on, &mut |n, kind, hash| {
            let origin = Origin { n: by.origin.n + n, ..by.origin };
            self.by_hash(kind, hash, &Toucher { what: Touch::Restricted, origin, ..*by }, out);
        });
    }

    /// Drops a deleted account from the entities that it was on. (First contacts forget it by themselves, after 2 h for
    /// facts and after `contacts_max` newer ones for good.)
    pub fn forget(&mut self, on: &Entities, account: &str) {
        for_each_hash(on, &mut |_, kind, hash| self.shared.forget(kind, hash, account));
    }

    /// Shared entities known.
    #[must_use]
    pub fn entities(&self) -> usize {
        self.shared.len()
    }

    /// Bytes held, by the engine's own count.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.contacts.bytes() + self.shared.bytes()
    }
}

/// The relations of an event, as they go to the log `weir.relations`.
pub fn relations(event: &Event<'_>, new: Touches, origin: Origin, out: &mut Vec<Relation>) {
    for_each_touch(event, new, origin, &mut |kind, name, by| {
        out.push(Relation {
            entity: entity_text(kind, name).into(),
            account: by.account.to_owned(),
            ts: by.ts,
            what: by.what,
            origin: by.origin,
        });
    });
}

/// The relations of an account that was restricted or deleted, as they go to the log: only hashes of its entities are
/// remembered.
pub fn relations_by_hash(on: &Entities, by: &Toucher<'_>, out: &mut Vec<Relation>) {
    for_each_hash(on, &mut |n, kind, hash| {
        out.push(Relation {
            entity: text_by_hash(kind, hash).into(),
            account: by.account.to_owned(),
            ts: by.ts,
            what: by.what,
            origin: Origin { n: by.origin.n + n, ..by.origin },
        });
    });
}

/// An account's entities by hash, each with its number.
fn for_each_hash(on: &Entities, hear: &mut dyn FnMut(u32, EntityKind, u64)) {
    let hashes = [
        (EntityKind::Device, on.device),
        (EntityKind::Prefix, on.prefix.map(network_hash)),
        (EntityKind::Asn, on.asn.map(asn_hash)),
        (EntityKind::NumberRange, on.range),
    ];
    for (n, (kind, hash)) in (0..).zip(hashes) {
        if let Some(hash) = hash {
            hear(n, kind, hash);
        }
    }
}

fn entity_text(kind: EntityKind, name: EntityName<'_>) -> CompactString {
    match name {
        EntityName::Text(name) => format_compact!("{}:{name}", kind.word()),
        EntityName::Asn(asn) => format_compact!("{}:{asn}", kind.word()),
    }
}

type Hear<'h> = &'h mut dyn FnMut(EntityKind, EntityName<'_>, &Toucher<'_>);

fn for_each_touch(event: &Event<'_>, new: Touches, origin: Origin, hear: Hear<'_>) {
    let mut by = Toucher { account: event.account, ts: event.ts, what: Touch::Seen, origin };
    match &event.body {
        Body::Message(message) => {
            if let Some(peer) = message.peer.filter(|_| new.peer) {
                by.what = Touch::FirstContact;
                hear(EntityKind::Peer, EntityName::Text(peer), &by);
            }
        }
        Body::Registration(session) | Body::Session(session) => {
            if new.registered {
                by.what = Touch::Registered;
            }
            each_of_session(session, new, by, hear);
        }
        _ => {}
    }
}

fn each_of_session(session: &Session<'_>, new: Touches, by: Toucher<'_>, hear: Hear<'_>) {
    let names = [
        (EntityKind::Device, new.device, session.device.map(EntityName::Text)),
        (EntityKind::Prefix, new.prefix, session.ip_prefix.map(EntityName::Text)),
        (EntityKind::Asn, new.asn, session.asn.map(EntityName::Asn)),
        (EntityKind::NumberRange, new.range, session.number_range.map(EntityName::Text)),
    ];
    for (n, (kind, is_new, name)) in names.into_iter().enumerate() {
        if let Some(name) = name.filter(|_| is_new) {
            let origin = Origin { n: by.origin.n + n as u32, ..by.origin };
            hear(kind, name, &Toucher { origin, ..by });
        }
    }
}
