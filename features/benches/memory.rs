//! How many bytes an account costs, all in: `cargo bench -p features --bench memory -- ACCOUNTS EVENTS`.
//!
//! Separate from criterion's benches, because it measures resident memory, once. Traffic: accounts by Zipf with exponent
//! 1.0 over one day, ids of 24 bytes, 1 in 1,000 restricted, facts fed back, ids remembered. Defaults: 1 million accounts,
//! 10 million events. Prints RSS / accounts seen, and the parts by the store's own count.

use std::io::Write;

use features::FeatureVector;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schema::Event;

use traffic::{DAY_MS, Engine, T0_MS, body, id, zipf};

mod traffic;

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
    let mut engine = Engine::new(accounts);
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
