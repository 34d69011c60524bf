//! How much of the log a worker reads again that was killed under steady traffic.
//!
//! Separate from what it decides then, which the faults show. By hand, since it takes minutes and is a figure: its settings are those of
//! production, checkpoints every 10 s included. Invariant: what is counted lay in the log when the worker was killed; what came
//! while nobody read is no part of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::clock;
use harness::kafka::{Feeder, Sent, Topics, Worker, offsets, shared};
use harness::weir::write;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::kafka::KEY;
use crate::metrics::Shown;

/// Events a second: twice the 4,100 that `docs/scaling.md` plans for a partition at the peak.
const RATE: u64 = 8_200;
const PARTITIONS: i32 = 2;
/// Accounts that a worker knows before the first kill.
const ACCOUNTS: u64 = 1_000_000;
/// Seconds after each start until the worker is killed: at every phase of the time between two checkpoints.
const LIVES_S: [u64; 5] = [19, 22, 25, 28, 31];
/// Seconds of traffic that may be read again.
const SECONDS_MAX: f64 = 15.0;
const WAIT: Duration = Duration::from_secs(180);

/// Event `number`: each account's first, then one of any account; a fifth are to somebody new.
fn event(number: u64) -> Sent {
    let account = if number < ACCOUNTS { number } else { number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24 };
    let account = format!("a_{:016x}", account % ACCOUNTS);
    let (peer, is_new) = (number % 50_000, number.is_multiple_of(5));
    let line = format!(
        r#"{{"id":"e_{number:016x}","ts":{},"kind":"message","account":"{account}","chat":"direct","peer":"p_{peer}","first_contact":{is_new},"in_contacts":{}}}"#,
        clock::now_ms(),
        !is_new
    );
    Sent::keyed(&account, line)
}

/// Lets events flow at the rate until `ends`.
fn flow(topics: &Topics, ends: &AtomicBool) {
    let (feeder, topic, started) = (Feeder::open(&topics.brokers), topics.name("events"), clock::now());
    let mut sent = 0;
    while !ends.load(Ordering::Relaxed) {
        let due = (started.elapsed().as_secs_f64() * RATE as f64) as u64;
        feeder.send(&topic, (sent..due).map(|number| event(ACCOUNTS + number)));
        sent = due;
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn worker(topics: &Topics, key: &str, checkpoints: &str) -> Worker {
    let own = ["--signing-key", key, "--checkpoints", checkpoints, "--metrics", "127.0.0.1:0"];
    Worker::start(topics, &own)
}

/// Waits until so few records of the log are left to be read.
fn wait_until_behind(worker: &mut Worker, most: u64) {
    let (address, started) = (worker.shows_at(), clock::now());
    let behind = || Shown::ask(&address).sum("weir_lag_records", "");
    while behind().is_none_or(|lag| lag > most as f64) {
        assert!(worker.runs() && started.elapsed() < WAIT, "{:?}:\n{}", behind(), worker.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// When the log took the record at an offset of the events' topic, ms since the Unix epoch.
fn taken(topics: &Topics, partition: i32, offset: i64) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &topics.brokers)
        .set("group.id", "weir-tests")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer's settings");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topics.name("events"), partition, Offset::Offset(offset)).expect("an offset");
    consumer.assign(&list).expect("a partition that exists");
    let record = consumer.poll(WAIT).expect("it is in the log").expect("the broker gives what it has");
    assert_eq!(record.offset(), offset);
    record.timestamp().to_millis().expect("the log's time")
}

/// The offset of the events' checkpoint that each partition was restored from, and its bytes.
fn restored(worker: &Worker) -> Vec<(i64, u64)> {
    let started = clock::now();
    loop {
        let log = worker.log();
        let lines = log.lines().filter(|line| line.contains("a checkpoint was restored"));
        let lines: Vec<serde_json::Value> =
            lines.map(|line| serde_json::from_str(line).expect("a log of JSON lines")).collect();
        let of = |partition: i32| {
            let own = lines.iter().find(|line| line["role"] == "accounts" && line["partition"] == partition);
            own.map(|line| (line["offset"].as_i64().expect("a number"), line["bytes"].as_u64().unwrap_or(0)))
        };
        let found: Vec<_> = (0..PARTITIONS).filter_map(of).collect();
        if found.len() == PARTITIONS as usize {
            return found;
        }
        assert!(started.elapsed() < WAIT, "not restored:\n{log}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "five minutes: cargo test --workspace --locked --test it -- --ignored read_again --nocapture"]
fn at_most_fifteen_seconds_of_traffic_are_read_again_after_a_kill() {
    let topics = Topics::create(shared(), PARTITIONS, &[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = write(folder.path(), "signing.key", KEY);
    let checkpoints = folder.path().join("checkpoints").display().to_string();
    let mut one = worker(&topics, &key, &checkpoints);
    Feeder::open(&topics.brokers).send(&topics.name("events"), (0..ACCOUNTS).map(event));
    wait_until_behind(&mut one, 0);
    let (ends, mut most) = (AtomicBool::new(false), 0.0_f64);
    let measure = || {
        for life_s in LIVES_S {
            std::thread::sleep(Duration::from_secs(life_s));
            wait_until_behind(&mut one, 2 * RATE);
            one.kill();
            let ends = offsets(&topics.brokers, &topics.name("events"));
            one = worker(&topics, &key, &checkpoints);
            let from = restored(&one);
            let since = clock::now();
            wait_until_behind(&mut one, RATE);
            let caught_up = since.elapsed().as_secs_f64();
            for ((partition, (_, next)), (offset, bytes)) in (0..).zip(ends).zip(from) {
                let ms = taken(&topics, partition, next - 1) - taken(&topics, partition, offset);
                let seconds = ms as f64 / 1e3;
                println!(
                    "partition {partition}: {seconds:.1} s of traffic, {} records, from a checkpoint of {} MB; less than a second behind {caught_up:.1} s \
                     after it was restored",
                    next - offset,
                    bytes / 1_000_000
                );
                most = most.max(seconds);
            }
        }
        most
    };
    let most = std::thread::scope(|scope| {
        scope.spawn(|| flow(&topics, &ends));
        let most = std::panic::catch_unwind(std::panic::AssertUnwindSafe(measure));
        ends.store(true, Ordering::Relaxed);
        most.unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    });
    println!("at most {most:.1} s, of {} kills at {RATE} events a second", LIVES_S.len());
    assert!(most <= SECONDS_MAX, "{most} s");
}
