//! Traffic for benches that measure once: accounts by Zipf with exponent 1.0, ids of 24 bytes, facts fed back, ids remembered.
//!
//! Separate, because several benches drive the same line. Invariant: the same seed gives the same traffic.

use features::{DuplicateWindow, OwnedFact, RelationLimits, Relations, Store, StoreLimits, Toucher};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use schema::{Body, Chat, Contact, Event, Feedback, GroupAdd, Message, Origin, ReportReason, Session, Touch};

/// When traffic begins.
pub const T0_MS: u64 = 1_700_000_000_000;
/// A day.
pub const DAY_MS: u64 = 86_400_000;

/// An id of 24 bytes for a rank.
pub fn id(into: &mut String, head: &str, n: u64) {
    use std::fmt::Write;
    into.clear();
    write!(into, "{head}{:023x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).expect("a string takes all");
}

/// A rank by Zipf's law with exponent 1.0, from 0.
pub fn zipf(random: &mut ChaCha8Rng, ranks: u64) -> u64 {
    let rank = libm::exp(random.gen_range(0.0..1.0) * libm::log(ranks as f64 + 1.0));
    (rank as u64 - 1).min(ranks - 1)
}

fn message<'a>(random: &mut ChaCha8Rng, peer: &'a str) -> Body<'a> {
    let group = random.gen_bool(0.1);
    Body::Message(Message {
        chat: if group { Chat::Group } else { Chat::Direct },
        peer: (!group).then_some(peer),
        group: group.then_some(peer),
        group_size: group.then_some(8),
        first_contact: Some(!group && random.gen_bool(0.1)),
        in_contacts: Some(random.gen_bool(0.9)),
        forwarded: Some(random.gen_bool(0.05)),
        typed: Some(random.gen_bool(0.8)),
        size: Some(random.gen_range(4..10)),
    })
}

/// What an account does.
pub fn body<'a>(random: &mut ChaCha8Rng, peer: &'a str, device: &'a str) -> Body<'a> {
    let author = Feedback {
        peer,
        contact: Some(Contact::Account),
        peer_age_h: Some(5_000.0),
        peer_device: None,
        peer_prefix: None,
        peer_range: None,
    };
    match random.gen_range(0..1_000) {
        0..=859 => message(random, peer),
        860..=899 => Body::Reply { peer },
        900..=969 => Body::Session(Session {
            device: Some(device),
            ip_prefix: Some(&device[..6]),
            asn: Some(random.gen_range(1..5_000)),
            number_range: Some(&device[..8]),
            ..Session::default()
        }),
        970..=979 => Body::Undelivered { peer: Some(peer) },
        980..=982 => Body::Block(author),
        983..=984 => Body::Report { feedback: author, reason: ReportReason::Spam },
        985..=991 => Body::GroupAdd(GroupAdd {
            peer: None,
            group: Some(peer),
            group_size: None,
            count: 3,
            known: Some(2),
        }),
        _ => Body::Lookup { count: 20, hits: Some(12) },
    }
}

/// Store, relations and ids, as an engine drives them.
pub struct Engine {
    pub store: Store,
    pub relations: Relations,
    pub duplicates: DuplicateWindow,
    pub facts_told: u64,
    facts: Vec<OwnedFact>,
}

impl Engine {
    /// One that has seen nothing.
    pub fn new(accounts: u64) -> Self {
        let store = Store::new(StoreLimits { accounts_max: accounts as usize });
        let relations = Relations::new(RelationLimits::default());
        let duplicates = DuplicateWindow::new(schema::limits::DUPLICATE_WINDOW_EVENTS);
        Self::of(store, relations, duplicates)
    }

    /// One of its parts.
    pub fn of(store: Store, relations: Relations, duplicates: DuplicateWindow) -> Self {
        Self { store, relations, duplicates, facts_told: 0, facts: Vec::new() }
    }

    /// An event through all parts.
    pub fn feed(&mut self, event: &Event<'_>, offset: u64) {
        if self.duplicates.is_repeat(event.id) {
            return;
        }
        let applied = self.store.apply(event, event.ts);
        let origin = Origin { partition: 0, offset, n: 0 };
        if applied.relations.any() {
            self.relations.touch_event(event, applied.relations, origin, &mut self.facts);
        }
        if offset.is_multiple_of(10_000) {
            self.store.record_strike(applied.slot, event.ts);
            let by = Toucher { account: event.account, ts: event.ts, what: Touch::Restricted, origin };
            self.relations.restrict(&self.store.entities(applied.slot), &by, &mut self.facts);
        }
        for fact in self.facts.drain(..) {
            self.facts_told += 1;
            let told = Event {
                id: "fact",
                ts: event.ts,
                at: None,
                account: &fact.account,
                age_h: None,
                idle_h: None,
                body: Body::Entity(fact.lend()),
            };
            self.store.apply(&told, event.ts);
        }
    }
}
