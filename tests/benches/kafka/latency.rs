//! How long it takes from handing an event to the producer until its decision is in a gateway's hands, while others keep the line busy.
//!
//! Separate from throughput. Invariants: every probe is of an account of its own and must be decided about; both ends are one
//! process, so that one clock measures; a probe that never comes is told, not left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::clock::{now, now_ms};
use harness::kafka::Topics;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::load::{Load, STEP_MS, producer, send};
use crate::measure::{load_of_the_machine, metric};

/// Time between two probes.
const PROBE_EVERY: Duration = Duration::from_millis(10);
/// How long the line runs before the first probe.
const WARM: Duration = Duration::from_secs(8);
/// How long the last decisions are waited for.
const LATE: Duration = Duration::from_secs(10);

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
    let mut times: Vec<Duration> =
        sent.iter().filter_map(|(id, at)| Some(heard.get(id)?.saturating_duration_since(*at))).collect();
    times.sort();
    let quantile = |q: f64| times[((times.len() - 1) as f64 * q).round() as usize].as_secs_f64() * 1e3;
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
    worker.end();
}

/// Writes events at a rate, evenly; gives the rate that was reached.
fn keep_busy(load: &Load, topics: &Topics, rate: f64, ended: &AtomicBool) -> f64 {
    let producer = producer("2", &topics.brokers);
    let topic = topics.name("events");
    let hours = load.events * STEP_MS * 4; // The log's own time runs behind the wall's and does not overtake it.
    let base = now_ms() - hours.max((rate * 120.0) as u64 * STEP_MS);
    let (started, mut line, mut number) = (now(), Vec::new(), 0_u64);
    while !ended.load(Ordering::Relaxed) {
        let due = (started.elapsed().as_secs_f64() * rate) as u64;
        while number < due {
            let account = load.event(number, base + number * STEP_MS, &mut line).to_vec();
            send(&producer, &topic, &account, &line);
            number += 1;
        }
        producer.poll(Duration::from_millis(1));
    }
    let reached = number as f64 / started.elapsed().as_secs_f64();
    producer.flush(Duration::from_secs(60)).expect("the broker takes every record");
    reached
}

/// Sends probes: urgent reports, each about an account that nobody knows; gives when each was sent.
fn probe(topics: &Topics, lasts: Duration) -> Vec<(String, Instant)> {
    let producer = producer("0", &topics.brokers);
    let (topic, started, mut sent) = (topics.name("events"), now(), Vec::new());
    while started.elapsed() < lasts {
        let id = format!("probe_{}", sent.len());
        let event = format!(
            r#"{{"id":"{id}","ts":{},"kind":"report","account":"{id}","peer":"r_1","contact":"account","reason":"child_safety"}}"#,
            now_ms()
        );
        sent.push((id.clone(), now()));
        send(&producer, &topic, id.as_bytes(), event.as_bytes());
        producer.poll(Duration::ZERO);
        let next = PROBE_EVERY * u32::try_from(sent.len()).expect("fewer than 4 billion");
        std::thread::sleep(next.saturating_sub(started.elapsed()));
    }
    producer.flush(Duration::from_secs(60)).expect("the broker takes every record");
    sent
}

/// Reads the decisions as a gateway does; gives when the first about each probe came.
fn listen(topics: &Topics, ended: &AtomicBool) -> BTreeMap<String, Instant> {
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
            heard.entry(account.to_owned()).or_insert(at);
        }
    }
    heard
}
