//! What the benches write: the events of `weir bench-input`, moved to now.
//!
//! Separate from what is measured. Invariants: all bytes lie in memory before the first is sent; no id is sent twice; times rise by
//! the simulated step, and the last is of now, since a broker's log is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use crate::clock::{now, now_ms};
use crate::kafka::Topics;
use crate::weir;

/// Simulated time between two events of `weir bench-input`, ms.
pub const STEP_MS: u64 = 43;
const WAIT: Duration = Duration::from_secs(60);

/// Nothing may fail.
pub struct Strict;

impl ClientContext for Strict {}

impl ProducerContext for Strict {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            panic!("the broker did not take a record: {error}");
        }
    }
}

/// The events.
pub struct Load {
    /// How many.
    pub events: u64,
    /// Where everything of this run lies.
    pub folder: PathBuf,
    /// What the worker is told with `--set`.
    pub properties: Vec<String>,
    text: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
}

impl Load {
    /// Makes them, in a folder.
    ///
    /// # Panics
    /// If the binary does not make them.
    #[must_use]
    pub fn make(folder: &Path, events: u64, properties: Vec<String>) -> Self {
        let (count, out) = (events.to_string(), folder.display().to_string());
        let made = weir::run(folder, &["bench-input", "--events", &count, "--entries", "1", "--out", &out]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let text = std::fs::read(folder.join("events.ndjson")).expect("it was just made");
        let ends =
            text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place).collect();
        Self { events, folder: folder.to_owned(), properties, text, ends }
    }

    /// Bytes of all, without line ends.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.text.len() as u64 - self.events
    }

    /// Bytes of so many, keys as a consumer counts them included.
    #[must_use]
    pub fn bytes_of_records(&self, records: u64) -> u64 {
        const KEY_BYTES: u64 = 24;
        records * (self.bytes() / self.events + KEY_BYTES)
    }

    /// Event number `number` as of `ts`, in `line`; gives its account. Past the last one the first comes again, under another id.
    ///
    /// # Panics
    /// If what was made is no event.
    pub fn event<'l>(&self, number: u64, ts: u64, line: &'l mut Vec<u8>) -> &'l [u8] {
        let (place, pass) = ((number % self.events) as usize, number / self.events);
        let start = if place == 0 { 0 } else { self.ends[place - 1] + 1 };
        line.clear();
        line.extend_from_slice(&self.text[start..self.ends[place]]);
        // {"id":"e_0000…","ts":1762128000000,…: both fields have a fixed width, and ids begin with zeros.
        let mut put = |before: &[u8], text: String| {
            let at =
                line.windows(before.len()).position(|part| part == before).expect("it is in every event");
            line[at + before.len()..][..text.len()].copy_from_slice(text.as_bytes());
        };
        put(b"\"id\":\"e_", format!("{pass:04}"));
        put(b"\"ts\":", format!("{ts:013}"));
        let before = b"\"account\":\"";
        let at = line.windows(before.len()).position(|part| part == before).expect("it is in every event");
        let account = &line[at + before.len()..];
        let end = account.iter().position(|byte| *byte == b'"').expect("a string ends");
        &account[..end]
    }

    /// Writes all of them; gives events a second.
    ///
    /// # Panics
    /// If the broker does not take them.
    pub fn fill(&self, topics: &Topics) -> f64 {
        let producer = producer("50", &topics.brokers);
        let (topic, base) = (topics.name("events"), now_ms() - self.events * STEP_MS);
        let (started, mut line) = (now(), Vec::new());
        for number in 0..self.events {
            let account = self.event(number, base + number * STEP_MS, &mut line).to_vec();
            send(&producer, &topic, &account, &line);
        }
        producer.flush(WAIT).expect("the broker takes every record");
        self.events as f64 / started.elapsed().as_secs_f64()
    }
}

/// A producer as a gateway has it, with batches that wait for so many ms.
///
/// # Panics
/// If the client does not know a setting.
#[must_use]
pub fn producer(linger_ms: &str, brokers: &str) -> BaseProducer<Strict> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("linger.ms", linger_ms)
        // What it costs to make the load is no cost of deciding: it shares the processors.
        .set("delivery.report.only.error", "true")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "500000")
        .create_with_context(Strict)
        .expect("a producer's settings")
}

/// Hands a record to the client; waits if that has too many.
///
/// # Panics
/// If the client does not take it.
pub fn send(producer: &BaseProducer<Strict>, topic: &str, key: &[u8], value: &[u8]) {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).key(key).payload(value);
    while let Err((error, back)) = producer.send(record) {
        let full = error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull);
        assert!(full, "{topic}: {error}");
        record = back;
        producer.poll(Duration::from_millis(5));
    }
}
