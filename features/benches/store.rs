//! Time to apply an event and to read a vector, for hot accounts (buckets) and cold ones (a log).
//!
//! Separate from the memory bench. Invariant: events are made before the clock starts.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use features::{DuplicateWindow, FeatureVector, Store, StoreLimits};
use schema::{Body, Chat, Event, Message};

const T0_MS: u64 = 1_700_000_000_000;

fn message<'a>(account: &'a str, peer: &'a str, ts: u64, first: bool) -> Event<'a> {
    let body = Body::Message(Message {
        chat: Chat::Direct,
        peer: Some(peer),
        group: None,
        group_size: None,
        first_contact: Some(first),
        in_contacts: Some(true),
        forwarded: Some(false),
        typed: Some(true),
        size: Some(5),
    });
    Event { id: "e", ts, at: None, account, age_h: None, idle_h: None, body }
}

fn names(head: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{head}{n:023}")).collect()
}

fn hot(c: &mut Criterion) {
    let peers = names("p", 512);
    let mut store = Store::new(StoreLimits { accounts_max: 100_000 });
    let mut vector = FeatureVector::unknown();
    let mut n = 0_u64;
    let mut next = || {
        n += 1;
        (T0_MS + n * 97, n as usize % 512)
    };
    for _ in 0..10_000 {
        let (ts, peer) = next();
        store.apply(&message("hot", &peers[peer], ts, peer % 8 == 0), ts);
    }
    c.bench_function("apply, hot account", |b| {
        b.iter(|| {
            let (ts, peer) = next();
            store.apply(&message("hot", &peers[peer], ts, peer % 8 == 0), ts)
        });
    });
    let slot = store.slot_of("hot").expect("it was applied");
    c.bench_function("vector, hot account", |b| b.iter(|| store.vector(slot, 0, &mut vector)));
}

fn cold(c: &mut Criterion) {
    let accounts = names("a", 100_000);
    let mut store = Store::new(StoreLimits { accounts_max: 100_000 });
    let mut vector = FeatureVector::unknown();
    for (n, account) in accounts.iter().enumerate() {
        for k in 0..4_u64 {
            store.apply(&message(account, &accounts[(n + 7) % 100_000], T0_MS + k, k == 0), T0_MS);
        }
    }
    let mut n = 0_u64;
    c.bench_function("apply, 100,000 accounts in turn", |b| {
        b.iter(|| {
            n += 1;
            // Prime steps, so that no prefetcher follows.
            let account = &accounts[(n * 7_919 % 100_000) as usize];
            store.apply(
                &message(account, &accounts[(n * 31 % 100_000) as usize], T0_MS + n * 20, false),
                T0_MS,
            )
        });
    });
    let slots: Vec<_> = accounts.iter().filter_map(|account| store.slot_of(account)).collect();
    c.bench_function("vector, 100,000 accounts in turn", |b| {
        b.iter(|| {
            n += 1;
            store.vector(slots[(n * 7_919 % 100_000) as usize], 0, &mut vector);
        });
    });
}

fn duplicates(c: &mut Criterion) {
    let mut window = DuplicateWindow::new(schema::limits::DUPLICATE_WINDOW_EVENTS);
    let mut n = 0_u64;
    c.bench_function("duplicate window, 2^20 ids", |b| {
        b.iter_batched(
            || {
                n += 1;
                format!("e_{n:022}")
            },
            |id| window.is_repeat(&id),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, hot, cold, duplicates);
criterion_main!(benches);
