//! Shared things: relations and proposals out, facts and proposals in. Fed back at once within one process, or by way of the log.
//!
//! Separate, because between processes the same things travel over the log. Invariants: facts never cause relations, and
//! proposals nothing, so that one round of facts and then one of proposals suffice; those of one record are numbered and told in
//! the order they were found; their ids are a function of the record's; what comes from the log is heard once.

use compact_str::{CompactString, format_compact};
use features::{
    OwnedFact, RelationLimits, Relations, Slot, Store, Toucher, Touches, relations, relations_by_hash,
};
use schema::{Body, Event, Origin, Relation, Touch};
use xxhash_rust::xxh3::Xxh3;

use super::config::Facts;
use super::shared::ProposalEvent;
use super::{Engine, Output};

/// Relations that one touch or restriction of an account may make: device, prefix, ASN, number range. A proposal takes as many
/// numbers.
const PARTS: u32 = 4;

/// The relation engine and the facts that wait to be told; or the relations that wait for the log.
#[derive(Debug)]
pub(super) struct Feedback {
    mode: Facts,
    relations: Relations,
    waiting: Vec<OwnedFact>,
    /// Relations of the present record, for the log.
    told: Vec<Relation>,
    /// Proposals of the present record.
    proposals: Vec<ProposalEvent>,
    /// Whether proposals reach the owner of their key.
    is_heard: bool,
    /// The present record, and the number of its next relation or proposal.
    next: Origin,
    partition: u32,
}

impl Feedback {
    /// For this partition of so many.
    pub fn new(mode: Facts, limits: RelationLimits, (partition, partitions): (u32, u32)) -> Self {
        let next = Origin { partition, offset: 0, n: 0 };
        let (relations, proposals) = (Relations::new(limits), Vec::new());
        let (waiting, told) = (Vec::new(), Vec::new());
        // Several engines that know nothing of each other would each say what the standing of one key is.
        let is_heard = mode == Facts::FromLog || partitions <= 1;
        Self { mode, relations, waiting, told, proposals, is_heard, next, partition }
    }

    /// A record begins: relations are numbered from 0.
    #[inline]
    pub fn begin(&mut self, offset: u64) {
        self.next = Origin { partition: self.partition, offset, n: 0 };
    }

    /// An event touched something that is new to its account.
    pub fn touched(&mut self, event: &Event<'_>, touches: Touches) {
        let origin = self.number();
        match self.mode {
            Facts::FedBack => self.relations.touch_event(event, touches, origin, &mut self.waiting),
            Facts::FromLog => relations(event, touches, origin, &mut self.told),
        }
    }

    /// The account was restricted by a human or a sure case. What rests on a fact is not told on.
    pub fn restricted(&mut self, store: &Store, slot: Slot, event: &Event<'_>) {
        if matches!(event.body, Body::Entity(_)) {
            return;
        }
        let origin = self.number();
        let by = Toucher { account: event.account, ts: event.ts, what: Touch::Restricted, origin };
        match self.mode {
            Facts::FedBack => self.relations.restrict(&store.entities(slot), &by, &mut self.waiting),
            Facts::FromLog => relations_by_hash(&store.entities(slot), &by, &mut self.told),
        }
    }

    /// The account is deleted: no later fact names it on what it touched.
    pub fn forget(&mut self, store: &Store, slot: Slot, event: &Event<'_>) {
        let on = store.entities(slot);
        match self.mode {
            Facts::FedBack => self.relations.forget(&on, event.account),
            Facts::FromLog => {
                let origin = self.number();
                let by = Toucher { account: event.account, ts: event.ts, what: Touch::Deleted, origin };
                relations_by_hash(&on, &by, &mut self.told);
            }
        }
    }

    /// A rule wants something done about a shared thing.
    pub fn propose(&mut self, make: impl FnOnce(Origin) -> ProposalEvent) {
        if self.is_heard {
            let origin = self.number();
            self.proposals.push(make(origin));
        }
    }

    /// Whether something was found that is to be told.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.told.is_empty() || !self.proposals.is_empty()
    }

    /// How facts come in.
    pub fn mode(&self) -> Facts {
        self.mode
    }

    /// The relation engine, for a checkpoint.
    pub fn relations(&mut self) -> &mut Relations {
        &mut self.relations
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
    /// Whether a fact or proposal that comes with a record was not heard before. Where facts are fed back, proposals of a log are
    /// passed over: the engine makes them anew.
    pub(super) fn is_news(&mut self, event: &Event<'_>) -> bool {
        let is_news = match &event.body {
            Body::Entity(fact) => fact.origin.is_none_or(|origin| self.origins.is_news(origin)),
            Body::Proposal(proposal) => {
                self.entities.mode == Facts::FromLog && self.proposed.is_news(proposal.origin)
            }
            _ => return true,
        };
        self.stats.facts_passed_over += u64::from(!is_news);
        is_news
    }

    /// Puts relations and proposals out, or feeds waiting facts and then proposals back, each as an event of its account or key.
    pub(super) fn feed_back(&mut self, cause: &Event<'_>, offset: u64, output: &mut Output) {
        output.relations.append(&mut self.entities.told);
        let mut facts = std::mem::take(&mut self.entities.waiting);
        for (n, fact) in (0..).zip(&mut facts) {
            self.stats.entity_facts += 1;
            fact.origin = Origin { partition: self.partition, offset, n };
            let id = fact_id(cause.id, fact);
            let body = Body::Entity(fact.lend());
            let account = fact.account.as_str();
            let event = Event { id: &id, ts: cause.ts, at: None, account, age_h: None, idle_h: None, body };
            self.take(&event, self.at, offset, output);
        }
        debug_assert!(self.entities.waiting.is_empty(), "facts never cause relations");
        facts.clear();
        self.entities.waiting = facts;
        match self.entities.mode {
            Facts::FromLog => output.proposals.append(&mut self.entities.proposals),
            Facts::FedBack => self.feed_proposals_back(offset, output),
        }
    }

    fn feed_proposals_back(&mut self, offset: u64, output: &mut Output) {
        let mut proposals = std::mem::take(&mut self.entities.proposals);
        for proposal in &proposals {
            self.take(&proposal.event(), self.at, offset, output);
        }
        debug_assert!(!self.entities.is_waiting(), "proposals cause nothing further");
        proposals.clear();
        self.entities.proposals = proposals;
    }
}

/// `f_` and a hash of the causing record's id, who is told, of what, and which of the record's facts it is.
fn fact_id(cause: &str, fact: &OwnedFact) -> CompactString {
    let mut hash = Xxh3::new();
    for part in [cause, &fact.account, &fact.entity] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(&fact.origin.n.to_le_bytes());
    format_compact!("f_{:016x}", hash.digest())
}
