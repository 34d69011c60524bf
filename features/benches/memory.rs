//! How many bytes an account costs, all in: `cargo bench -p features --bench memory -- ACCOUNTS EVENTS`.
//!
//! Separate from criterion's benches, because it measures resident memory, once. Traffic: accounts by Zipf with exponent
//! 1.0 over one day, ids of 24 bytes, 1 in 1,000 restricted, facts fed back, ids remembered. Defaults: 1 million accounts,
//! 10 million events. Prints RSS / accounts seen, and the parts by the store's own count.

use std::io::Write;

use features::{DuplicateWindow, FeatureVector, RelationLimits, Relations, Store, StoreLimits, Toucher};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schema::{Body, Chat, Contact, Event, Feedback, GroupAdd, Message, Origin, ReportReason, Session, Touch};

const T0_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 86_400_000;

/// An id of 24 bytes for a rank.
fn id(into: &mut String, head: &str, n: u64) {
    use std::fmt::Write;
    into.clear();
    write!(into, "{head}{:023x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).expect("a string takes all");
}

/// A rank by Zipf's law with exponent 1.0, from 0.
fn zipf(random: &mut ChaCha8Rng, ranks: u64) -> u64 {
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

fn body<'a>(random: &mut ChaCha8Rng, peer: &'a str, device: &'a str) -> Body<'a> {
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

struct Engine {
    store: Store,
    relations: Relations,
    duplicates: DuplicateWindow,
    facts: Vec<features::OwnedFact>,
    facts_told: u64,
}

impl Engine {
    fn feed(&mut self, event: &Event<'_>, offset: u64) {
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

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let accounts = numbers.first().copied().unwrap_or(1_000_000);
    let events = numbers.get(1).copied().unwrap_or(accounts * 10);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let before = resident_bytes();
    let mut engine = Engine {
        store: Store::new(StoreLimits { accounts_max: accounts as usize }),
        relations: Relations::new(RelationLimits::default()),
        duplicates: DuplicateWindow::new(schema::limits::DUPLICATE_WINDOW_EVENTS),
        facts: Vec::new(),
        facts_told: 0,
    };
    let (mut account, mut peer, mut device, mut event_id) =
        (String::new(), String::new(), String::new(), String::new());
    let started = std::time::Instant::now();
    for n in 0..events {
        // Every account is seen once; the rest is Zipf.
        let rank = if n % 10 == 0 && n / 10 < accounts { n / 10 } else { zipf(&mut random, accounts) };
        id(&mut account, "a", rank);
        id(&mut device, "d", rank / 2);
        id(&mut event_id, "e", n);
        let to =
            if random.gen_bool(0.5) { zipf(&mut random, accounts) } else { random.gen_range(0..accounts) };
        id(&mut peer, "a", to);
        let ts = T0_MS + (n as f64 / events as f64 * DAY_MS as f64) as u64;
        let body = body(&mut random, &peer, &device);
        engine.feed(
            &Event { id: &event_id, ts, at: None, account: &account, age_h: Some(900.0), idle_h: None, body },
            n,
        );
    }
    let seconds = started.elapsed().as_secs_f64();
    let seen = engine.store.accounts() as f64;
    let each = |bytes: usize| bytes as f64 / seen;
    let mut vector = FeatureVector::unknown();
    id(&mut account, "a", 0);
    let slot = engine.store.slot_of(&account).expect("the busiest account is there");
    engine.store.vector(slot, 0, &mut vector);
    let mut out = std::io::stdout();
    let told = writeln!(
        out,
        "accounts {seen}, events {events}, {:.0} events/s with their generation, {} facts, {} entities\n\
         RSS {:.1} bytes an account (store {:.1}, relations {:.1}, duplicates {:.1}); busiest sent {} in 24 h",
        events as f64 / seconds,
        engine.facts_told,
        engine.relations.entities(),
        (resident_bytes() - before) as f64 / seen,
        each(engine.store.memory_bytes()),
        each(engine.relations.memory_bytes()),
        each(engine.duplicates.memory_bytes()),
        vector.0[features::catalog::counters::MESSAGES_24H],
    );
    told.expect("standard output takes it");
}
