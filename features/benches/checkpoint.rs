//! What checkpoints cost, and how soon a restart decides: `cargo bench -p features --bench checkpoint -- ACCOUNTS EVENTS PARTITIONS`.
//!
//! Separate from criterion's benches, because it builds millions of accounts once. Each partition has its share of the accounts,
//! is written to disk as a full checkpoint and three deltas, and is restored on a thread of its own. Defaults: 1 million accounts, 10
//! million events, 2 partitions. Time is told by the wall and, for the line, by the thread's own time on the processor.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::time::Instant;

use features::checkpoint::{Part, frames};
use features::{DuplicateRestore, RelationLimits, RelationsRestore, StoreLimits, StoreRestore};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schema::Event;
use traffic::{DAY_MS, Engine, T0_MS, body, id, zipf};

mod traffic;

const CHUNK_BYTES: usize = 128 * 1024;
/// Events between two chunks, as between two batches of a line.
const EVENTS_A_CHUNK: usize = 256;
/// Events of a stretch that is timed, and of a delta: ten seconds at 100,000 a second.
const STRETCH: usize = 1_000_000;
const DELTAS: usize = 3;

/// Events made before the clock runs.
struct Stretch(Vec<[String; 4]>);

impl Stretch {
    fn new(random: &mut ChaCha8Rng, accounts: u64, first: u64, events: usize) -> Self {
        let make = |n: usize| {
            let mut texts = [String::new(), String::new(), String::new(), String::new()];
            let number = first + n as u64;
            // Every account is seen once; the rest is Zipf.
            let once = number.is_multiple_of(2) && number / 2 < accounts;
            let rank = if once { number / 2 } else { zipf(random, accounts) };
            let peer = random.gen_range(0..accounts);
            for (text, (head, n)) in
                texts.iter_mut().zip([("e", number), ("a", rank), ("d", rank / 2), ("a", peer)])
            {
                id(text, head, n);
            }
            texts
        };
        Self((0..events).map(make).collect())
    }
}

fn feed(
    engine: &mut Engine,
    random: &mut ChaCha8Rng,
    [id, account, device, peer]: &[String; 4],
    n: u64,
    ts: u64,
) {
    let body = body(random, peer, device);
    engine.feed(&Event { id, ts, at: None, account, age_h: Some(900.0), idle_h: None, body }, n);
}

fn parts(engine: &mut Engine) -> [&mut dyn Part; 3] {
    [&mut engine.duplicates, &mut engine.store, &mut engine.relations]
}

fn begin(engine: &mut Engine, full: bool) {
    parts(engine).into_iter().for_each(|part| part.begin(full));
}

/// Appends a chunk; whether all is written.
fn write(engine: &mut Engine, out: &mut Vec<u8>) -> bool {
    parts(engine).into_iter().all(|part| out.len() < CHUNK_BYTES && part.write(CHUNK_BYTES - out.len(), out))
}

fn put(file: &mut impl Write, chunk: &[u8]) -> u64 {
    let put = file.write_all(&(chunk.len() as u32).to_le_bytes()).and_then(|()| file.write_all(chunk));
    put.expect("the disk takes it");
    chunk.len() as u64
}

fn create(path: &PathBuf) -> BufWriter<File> {
    BufWriter::with_capacity(1 << 20, File::create(path).expect("the directory takes it"))
}

/// This thread's time on the processor, s.
fn on_processor() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// The layers of a partition in a directory, oldest first.
fn layers(directory: &std::path::Path, partition: u64) -> Vec<PathBuf> {
    (0..=DELTAS).map(|layer| directory.join(format!("{partition}-{layer}"))).collect()
}

/// Nanoseconds an event of a stretch; chunks of a checkpoint under way go to `file`.
fn stretch(
    engine: &mut Engine,
    random: &mut ChaCha8Rng,
    (first, ts): (u64, u64),
    accounts: u64,
    mut file: Option<&mut BufWriter<File>>,
) -> (f64, u64) {
    let events = Stretch::new(random, accounts, first, STRETCH);
    let (before, mut bytes, mut chunk) = (on_processor(), 0, Vec::with_capacity(2 * CHUNK_BYTES));
    if file.is_some() {
        begin(engine, false);
    }
    for (n, event) in events.0.iter().enumerate() {
        if n % EVENTS_A_CHUNK == 0
            && let Some(to) = &mut file
        {
            chunk.clear();
            let complete = write(engine, &mut chunk);
            bytes += put(*to, &chunk);
            if complete {
                file = None;
            }
        }
        feed(engine, random, event, first + n as u64, ts);
    }
    assert!(file.is_none(), "a delta is complete within its stretch");
    ((on_processor() - before) * 1e9 / STRETCH as f64, bytes)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn build(directory: &std::path::Path, partition: u64, accounts: u64, events: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(7 + partition);
    let mut engine = Engine::new(accounts);
    let mut first = 0;
    let mut off = 0.0;
    while first < events {
        let ts = T0_MS + (first as f64 / events as f64 * DAY_MS as f64) as u64;
        (off, _) = stretch(&mut engine, &mut random, (first, ts), accounts, None);
        first += STRETCH as u64;
    }
    let paths = layers(directory, partition);
    let (started, mut file, mut bytes) = (Instant::now(), create(&paths[0]), 0);
    begin(&mut engine, true);
    let paused_ms = started.elapsed().as_secs_f64() * 1e3;
    let mut chunk = Vec::with_capacity(2 * CHUNK_BYTES);
    loop {
        chunk.clear();
        let complete = write(&mut engine, &mut chunk);
        bytes += put(&mut file, &chunk);
        if complete {
            break;
        }
    }
    file.flush().expect("the disk takes it");
    let full_s = started.elapsed().as_secs_f64();
    println!(
        "partition {partition}: {} accounts, full {:.1} MB ({:.1} bytes an account) in {full_s:.2} s, began in {paused_ms:.2} ms",
        engine.store.accounts(),
        bytes as f64 / 1e6,
        bytes as f64 / engine.store.accounts() as f64,
    );
    for path in &paths[1..] {
        let ts = T0_MS + DAY_MS + first / 100;
        let (marked, _) = stretch(&mut engine, &mut random, (first, ts), accounts, None);
        first += STRETCH as u64;
        let mut file = create(path);
        let (written, bytes) =
            stretch(&mut engine, &mut random, (first, ts + 10_000), accounts, Some(&mut file));
        first += STRETCH as u64;
        println!(
            "  an event: never a checkpoint {off:.0} ns, marks kept {marked:.0} ns, while a delta of {:.1} MB is written {written:.0} ns ({:.2} of the first)",
            bytes as f64 / 1e6,
            written / off,
        );
    }
}

/// Reads the layers newest first, and feeds an event; accounts, and seconds until the event was through.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn restore(paths: &[PathBuf], accounts: u64) -> (usize, f64, f64) {
    let started = Instant::now();
    let before = on_processor();
    let mut store = StoreRestore::new(StoreLimits { accounts_max: accounts as usize });
    let mut relations = RelationsRestore::new(RelationLimits::default());
    let mut duplicates = DuplicateRestore::new(schema::limits::DUPLICATE_WINDOW_EVENTS);
    let mut chunk = Vec::new();
    for path in paths.iter().rev() {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path).expect("it was written"));
        let mut length = [0; 4];
        while file.read_exact(&mut length).is_ok() {
            chunk.resize(u32::from_le_bytes(length) as usize, 0);
            file.read_exact(&mut chunk).expect("a chunk is whole");
            for frame in frames(&chunk) {
                let frame = frame.expect("a frame is whole");
                let taken = store.take(&frame).expect("whole")
                    || relations.take(&frame).expect("whole")
                    || duplicates.take(&frame).expect("whole");
                assert!(taken, "a frame of some part");
            }
        }
        store.end_layer();
        relations.end_layer();
    }
    let (store, relations) = (store.finish().expect("whole"), relations.finish().expect("whole"));
    let mut engine = Engine::of(store, relations, duplicates.finish().expect("whole"));
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let event = Stretch::new(&mut random, accounts, u64::MAX / 2, 1);
    feed(&mut engine, &mut random, &event.0[0], u64::MAX / 2, T0_MS + 2 * DAY_MS);
    (engine.store.accounts(), started.elapsed().as_secs_f64(), on_processor() - before)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let accounts = numbers.first().copied().unwrap_or(1_000_000);
    let events = numbers.get(1).copied().unwrap_or(accounts * 10);
    let partitions = numbers.get(2).copied().unwrap_or(2);
    let directory = std::env::temp_dir().join(format!("weir-checkpoint-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a temporary directory");
    for partition in 0..partitions {
        build(&directory, partition, accounts / partitions, events / partitions);
    }
    let started = Instant::now();
    let threads: Vec<_> = (0..partitions)
        .map(|partition| {
            let paths = layers(&directory, partition);
            std::thread::spawn(move || restore(&paths, accounts / partitions))
        })
        .collect();
    let restored: Vec<_> =
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect();
    println!(
        "restored, and an event decided in each: {} accounts in {:.2} s on {partitions} threads; a thread: {:?}",
        restored.iter().map(|(accounts, ..)| accounts).sum::<usize>(),
        started.elapsed().as_secs_f64(),
        restored
            .iter()
            .map(|(_, wall, own)| format!("{wall:.2} s, {own:.2} on the processor"))
            .collect::<Vec<_>>(),
    );
    std::fs::remove_dir_all(&directory).expect("it is ours");
}
