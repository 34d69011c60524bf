//! Facts about shared things, fed back at once: relations out, facts in, within one process.
//!
//! Separate, because between processes the same facts travel over the log. Invariants: facts never cause relations, so that
//! one round suffices; the facts of one record are told in the order they were found; their ids are a function of the
//! record's.

use compact_str::{CompactString, format_compact};
use features::{Entities, OwnedFact, RelationLimits, Relations, Slot, Store, Toucher, Touches};
use schema::{Body, Event, Origin, Touch};
use xxhash_rust::xxh3::Xxh3;

use super::{Engine, Output};

/// Relations that one touch or restriction of an account may make: device, prefix, ASN, number range.
const PARTS: u32 = 4;

/// The relation engine and the facts that wait to be told.
#[derive(Debug)]
pub(super) struct Feedback {
    relations: Relations,
    waiting: Vec<OwnedFact>,
    /// The present record, and the number of its next relation.
    next: Origin,
    partition: u32,
}

impl Feedback {
    pub fn new(limits: RelationLimits, partition: u32) -> Self {
        let next = Origin { partition, offset: 0, n: 0 };
        Self { relations: Relations::new(limits), waiting: Vec::new(), next, partition }
    }

    /// A record begins: relations are numbered from 0.
    #[inline]
    pub fn begin(&mut self, offset: u64) {
        self.next = Origin { partition: self.partition, offset, n: 0 };
    }

    /// An event touched something that is new to its account.
    pub fn touched(&mut self, event: &Event<'_>, touches: Touches) {
        let origin = self.number();
        self.relations.touch_event(event, touches, origin, &mut self.waiting);
    }

    /// The account was restricted by a human or a sure case. What rests on a fact is not told on.
    pub fn restricted(&mut self, store: &Store, slot: Slot, event: &Event<'_>) {
        if matches!(event.body, Body::Entity(_)) {
            return;
        }
        let origin = self.number();
        let by = Toucher { account: event.account, ts: event.ts, what: Touch::Restricted, origin };
        self.relations.restrict(&store.entities(slot), &by, &mut self.waiting);
    }

    /// The account is deleted: no later fact names it on what it touched.
    pub fn forget(&mut self, on: &Entities, account: &str) {
        self.relations.forget(on, account);
    }

    /// Whether facts wait.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Bytes held by the relation engine.
    pub fn memory_bytes(&self) -> usize {
        self.relations.memory_bytes()
    }

    fn number(&mut self) -> Origin {
        let origin = self.next;
        self.next.n += PARTS;
        origin
    }
}

impl Engine {
    /// Feeds waiting facts back, each as an event of its account.
    pub(super) fn feed_back(&mut self, cause: &Event<'_>, offset: u64, output: &mut Output) {
        let mut facts = std::mem::take(&mut self.entities.waiting);
        for fact in &facts {
            self.stats.entity_facts += 1;
            let id = fact_id(cause.id, fact);
            let body = Body::Entity(fact.lend());
            let account = fact.account.as_str();
            let event = Event { id: &id, ts: cause.ts, at: None, account, age_h: None, idle_h: None, body };
            self.take(&event, self.at, offset, output);
        }
        debug_assert!(self.entities.waiting.is_empty(), "facts never cause relations");
        facts.clear();
        self.entities.waiting = facts;
    }
}

/// `f_` and a hash of the causing record's id, who is told, and of what.
fn fact_id(cause: &str, fact: &OwnedFact) -> CompactString {
    let mut hash = Xxh3::new();
    for part in [cause, &fact.account, &fact.entity] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(&fact.origin.n.to_le_bytes());
    format_compact!("f_{:016x}", hash.digest())
}
