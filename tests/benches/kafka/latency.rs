//! How long it takes from handing an event to the producer until its decision is in a gateway's hands, while others keep the line busy.
//!
//! Separate from throughput. Invariants: every probe is of an account of its own and must be decided about; both ends are one
//! process, so that one clock measures; a probe that never comes is told, not left out. The broker's own times divide the way:
//! until it took the event, until it took the decision, until that was seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::clock::{now, now_ms};
use harness::figures::{load_of_the_machine, metric};
use harness::kafka::Topics;
use harness::load::{Load, STEP_MS, producer, send};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// Time between two probes.
const PROBE_EVERY: Duration = Duration::from_millis(10);
/// How long the line runs before the first probe: a broker compiles its Java for most of a minute, and takes a third of a processor for it.
const WARM: Duration = Duration::from_secs(60);
/// How long the last decisions are waited for.
const LATE: Duration = Duration::from_secs(10);

/// An event that is sent to be decided about.
struct Probe {
    id: String,
    at: Instant,
    at_ms: u64,
}

/// Its decision.
struct Heard {
    at: Instant,
    at_ms: u64,
    /// When the broker took the event.
    taken_ms: u64,
    /// When the broker took the decision.
    decided_ms: u64,
}

/// Runs a worker under `rate` events a second for so long, and prints what the probes say.
pub fn show(load: &Load, topics: &Topics, rate: f64, lasts: Duration) {
    let mut worker = crate::work(topics, load);
    let address = worker.shows_at();
    worker.wait_until_it_says("a partition was given");
    let ended = Arc::new(AtomicBool::new(false));
    let (sent, heard, reached) = std::thread::scope(|scope| {
        let busy = scope.spawn(|| keep_busy(load, topics, rate, &ended));
        let listener = scope.spawn(|| listen(topics, &ended));
        std::thread::sleep(WARM);
        let sent = probe(topics, lasts);
        std::thread::sleep(LATE.min(lasts));
        ended.store(true, Ordering::Relaxed);
        (sent, listener.join().expect("no panic"), busy.join().expect("no panic"))
    });
    let came: Vec<(&Probe, &Heard)> =
        sent.iter().filter_map(|probe| Some((probe, heard.get(&probe.id)?))).collect();
    let times =
        sorted(&came, |probe, heard| heard.at.saturating_duration_since(probe.at).as_secs_f64() * 1e3);
    let quantile = |q: f64| of(&times, q);
    println!(
        "produce to decision at {reached:.0} events/s (wanted {rate:.0}): p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, most {:.1} ms; {} of {} \
         probes; lag {}; {}",
        quantile(0.5),
        quantile(0.99),
        quantile(0.999),
        quantile(1.0),
        times.len(),
        sent.len(),
        metric(&address, "weir_lag_records"),
        load_of_the_machine()
    );
    let stage = |name: &str, took: fn(&Probe, &Heard) -> u64| {
        let times = sorted(&came, |probe, heard| took(probe, heard) as f64);
        println!(
            "  {name}: p50 {:.0}, p90 {:.0}, p99 {:.0}, p99.9 {:.0} ms",
            of(&times, 0.5),
            of(&times, 0.9),
            of(&times, 0.99),
            of(&times, 0.999)
        );
    };
    stage("produce to the log", |probe, heard| heard.taken_ms.saturating_sub(probe.at_ms));
    stage("the log to the decision's log", |_, heard| heard.decided_ms.saturating_sub(heard.taken_ms));
    stage("the decision's log to the gateway", |_, heard| heard.at_ms.saturating_sub(heard.decided_ms));
    worker.end();
}

/// A figure of each probe that came back, lowest first.
fn sorted(came: &[(&Probe, &Heard)], figure: impl Fn(&Probe, &Heard) -> f64) -> Vec<f64> {
    let mut figures: Vec<f64> = came.iter().map(|(probe, heard)| figure(probe, heard)).collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The figure below which a share of all lies.
fn of(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Lets this thread and those that it starts wait for the line and the broker: a gateway makes its events on processors of its own.
fn yield_to_others() {
    let thread = std::fs::read_link("/proc/thread-self").expect("Linux tells a thread its number");
    let number = thread.file_name().expect("it ends in the number").to_owned();
    let renice = std::process::Command::new("renice").args(["-n", "5", "-p"]).arg(number).output();
    assert!(renice.is_ok_and(|output| output.status.success()), "`renice` lowers the priority of the load");
}

/// Writes events at a rate, evenly; gives the rate that was reached.
fn keep_busy(load: &Load, topics: &Topics, rate: f64, ended: &AtomicBool) -> f64 {
    yield_to_others();
    let producer = producer("5", &topics.brokers);
    let topic = topics.name("events");
    let hours = load.events * STEP_MS * 4; // The log's own time runs behind the wall's and does not overtake it.
    let base = now_ms() - hours.max((rate * 120.0) as u64 * STEP_MS);
    let (started, mut line, mut number) = (now(), Vec::new(), 0_u64);
    while !ended.load(Ordering::Relaxed) {
        let due = (started.elapsed().as_secs_f64() * rate) as u64;
        while number < due {
            let account = load.event(number, base + number * STEP_MS, &mut line);
            send(&producer, &topic, &line[account], &line);
            number += 1;
        }
        producer.poll(Duration::from_millis(1));
    }
    let reached = number as f64 / started.elapsed().as_secs_f64();
    producer.flush(Duration::from_secs(60)).expect("the broker takes every record");
    reached
}

/// Sends probes: urgent reports, each about an account that nobody knows; gives when each was sent.
fn probe(topics: &Topics, lasts: Duration) -> Vec<Probe> {
    let producer = producer("0", &topics.brokers);
    let topic = topics.name("events");
    // A gateway's client has been connected for long.
    let first =
        format!(r#"{{"id":"first","ts":{},"kind":"reply","account":"first","peer":"r_1"}}"#, now_ms());
    send(&producer, &topic, b"first", first.as_bytes());
    producer.flush(Duration::from_secs(60)).expect("the broker takes every record");
    let (started, mut sent) = (now(), Vec::new());
    while started.elapsed() < lasts {
        let id = format!("probe_{}", sent.len());
        let at_ms = now_ms();
        let event = format!(
            r#"{{"id":"{id}","ts":{at_ms},"kind":"report","account":"{id}","peer":"r_1","contact":"account","reason":"child_safety"}}"#
        );
        sent.push(Probe { id: id.clone(), at: now(), at_ms });
        send(&producer, &topic, id.as_bytes(), event.as_bytes());
        producer.poll(Duration::ZERO);
        let next = PROBE_EVERY * u32::try_from(sent.len()).expect("fewer than 4 billion");
        std::thread::sleep(next.saturating_sub(started.elapsed()));
    }
    producer.flush(Duration::from_secs(60)).expect("the broker takes every record");
    sent
}

/// Reads the decisions as a gateway does; gives when the first about each probe came.
fn listen(topics: &Topics, ended: &AtomicBool) -> BTreeMap<String, Heard> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &topics.brokers)
        .set("group.id", "gateway")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "100")
        .create()
        .expect("a consumer's settings");
    let mut list = TopicPartitionList::new();
    for partition in 0..topics.partitions {
        list.add_partition_offset(&topics.name("decisions"), partition, Offset::Beginning)
            .expect("a partition");
    }
    consumer.assign(&list).expect("partitions that exist");
    let mut heard = BTreeMap::new();
    while !ended.load(Ordering::Relaxed) {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.expect("the broker gives what it has");
        let at = now();
        let account = message.key().and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
        if account.starts_with("probe_") {
            let decision: serde_json::Value =
                serde_json::from_slice(message.payload().unwrap_or_default()).expect("a decision is JSON");
            let taken_ms = decision["issued"].as_u64().expect("when the log took the event");
            let decided_ms = message.timestamp().to_millis().map_or(0, i64::unsigned_abs);
            heard.entry(account.to_owned()).or_insert(Heard { at, at_ms: now_ms(), taken_ms, decided_ms });
        }
    }
    heard
}
