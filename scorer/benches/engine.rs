//! What a quiet record costs in the engine, part by part: features alone, then repeats, rules and all else on top.
//!
//! Separate from the whole command's figures, which BENCHMARKS.md holds: here decode and files have no part. The events are
//! many people's ordinary messages, which fire nothing.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use features::{FeatureVector, Store, StoreLimits};
use schema::{Body, Chat, Event, Message};
use scorer::blocklist::{Blocklist, Entry, EntryKind};
use scorer::{Engine, EngineConfig, Outcome, Output, Policy, policy::Facts};

const ACCOUNTS: usize = 10_000;
const EVENTS: usize = 200_000;
const T0: u64 = 1_732_453_200_000;

/// Owned parts of an event.
struct Record {
    id: String,
    ts: u64,
    account: String,
    peer: String,
}

fn records() -> Vec<Record> {
    (0..EVENTS)
        .map(|n| {
            let mixed = n.wrapping_mul(0x9e37_79b9) >> 7;
            let account = mixed % ACCOUNTS;
            Record {
                id: format!("e_{n:020}"),
                ts: T0 + n as u64 * 40,
                account: format!("a_{account:022}"),
                peer: format!("a_{:022}", (account * 7 + mixed / ACCOUNTS % 5) % ACCOUNTS),
            }
        })
        .collect()
}

fn event(r: &Record) -> Event<'_> {
    let body = Body::Message(Message {
        chat: Chat::Direct,
        peer: Some(&r.peer),
        group: None,
        group_size: None,
        first_contact: Some(false),
        in_contacts: Some(true),
        forwarded: Some(false),
        typed: Some(true),
        size: Some((r.ts / 40 % 9) as u8),
    });
    Event {
        id: &r.id,
        ts: r.ts,
        at: Some(r.ts),
        account: &r.account,
        age_h: Some(9_000.0),
        idle_h: None,
        body,
    }
}

fn config() -> EngineConfig {
    EngineConfig { store: StoreLimits { accounts_max: 2 * ACCOUNTS }, ..EngineConfig::default() }
}

/// The first half of the records is taken before the clock runs: memory is there, accounts are known.
fn line(c: &mut Criterion) {
    let records = records();
    let (before, timed) = records.split_at(EVENTS / 2);
    let mut group = c.benchmark_group("record");
    group.throughput(Throughput::Elements(timed.len() as u64)).sample_size(10);
    let store = || {
        let mut store = Store::new(StoreLimits { accounts_max: 2 * ACCOUNTS });
        before.iter().for_each(|r| _ = store.apply(&event(r), r.ts));
        store
    };
    group.bench_function("features_apply", |b| {
        let apply =
            |store: &mut Store| timed.iter().for_each(|r| _ = black_box(store.apply(&event(r), r.ts)));
        b.iter_batched_ref(store, apply, BatchSize::PerIteration);
    });
    group.bench_function("features_apply_and_vector", |b| {
        let mut vector = FeatureVector::unknown();
        let apply = |store: &mut Store| {
            for r in timed {
                let applied = store.apply(&event(r), r.ts);
                store.vector(applied.slot, r.ts, &mut vector);
                black_box(&vector);
            }
        };
        b.iter_batched_ref(store, apply, BatchSize::PerIteration);
    });
    group.bench_function("engine_process", |b| {
        let engine = || {
            let mut engine = Engine::new(config());
            let mut output = Output::default();
            before.iter().for_each(|r| _ = engine.process(&event(r), 0, &mut output));
            (engine, output)
        };
        let process = |(engine, output): &mut (Engine, Output)| {
            for r in timed {
                assert_eq!(engine.process(&event(r), 0, output), Outcome::Quiet);
            }
        };
        b.iter_batched_ref(engine, process, BatchSize::PerIteration);
    });
    group.finish();
}

fn parts(c: &mut Criterion) {
    let mut policy = Policy::default_policy().expect("the default policy is valid");
    let mut store = Store::new(StoreLimits { accounts_max: 10 });
    let mut vector = FeatureVector::unknown();
    for r in records().iter().take(50) {
        let applied = store.apply(&Event { account: "a", ..event(r) }, r.ts);
        store.vector(applied.slot, r.ts, &mut vector);
    }
    let facts = Facts { vector: &vector, kind: 2, score: f32::NAN, blocklisted: false };
    c.bench_function("all_default_rules", |b| {
        b.iter(|| policy.rules.iter_mut().filter_map(|r| r.fires(black_box(&facts)).then_some(())).count());
    });
    let entry = |n: usize| Entry {
        kind: EntryKind::Account,
        value: format!("listed_{n:018}"),
        source: "bench".into(),
        expires: None,
        note: String::new(),
        by_human: false,
    };
    let mut n = 0;
    c.bench_function("blocklist_miss_in_a_million", |b| {
        let list = Blocklist::build("bench", (0..1_000_000).map(entry).collect()).expect("it fits").list;
        b.iter(|| {
            n += 1;
            list.find(EntryKind::Account, black_box(&format!("absent_{n:018}")), T0).is_some()
        });
    });
}

criterion_group!(benches, line, parts);
criterion_main!(benches);
