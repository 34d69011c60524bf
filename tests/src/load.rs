//! What the benches write: the events of `weir bench-input`, moved to now.
//!
//! Separate from what is measured. Invariants: all bytes lie in memory before the first is sent; no id is sent twice; times rise by
//! the simulated step, and the last is of now, since a broker's log is.

use std::ops::Range;
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
    lines: Vec<Line>,
}

/// Where in the text an event lies, and what of it changes; places are bytes from the line's start. Looked for once: making the
/// load shares the processors with what is measured.
struct Line {
    start: usize,
    length: u32,
    id: u32,
    ts: u32,
    account: (u32, u32),
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
        let mut start = 0;
        let lines = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| {
                let place = Line::of(start, &line[..line.len() - 1]);
                start += line.len();
                place
            })
            .collect();
        Self { events, folder: folder.to_owned(), properties, text, lines }
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

    /// Event number `number` as of `ts`, in `line`; gives where in it the account lies. Past the last one the first comes again, under another id.
    ///
    #[must_use]
    pub fn event(&self, number: u64, ts: u64, line: &mut Vec<u8>) -> Range<usize> {
        let (place, pass) = (&self.lines[(number % self.events) as usize], number / self.events);
        line.clear();
        line.extend_from_slice(&self.text[place.start..][..place.length as usize]);
        // {"id":"e_0000…","ts":1762128000000,…: both fields have a fixed width, and ids begin with zeros.
        put(&mut line[place.id as usize..][..4], pass);
        put(&mut line[place.ts as usize..][..13], ts);
        place.account.0 as usize..place.account.1 as usize
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
            let account = self.event(number, base + number * STEP_MS, &mut line);
            send(&producer, &topic, &line[account], &line);
        }
        producer.flush(WAIT).expect("the broker takes every record");
        self.events as f64 / started.elapsed().as_secs_f64()
    }
}

impl Line {
    /// Finds what changes in a line that begins at `start` of the text.
    fn of(start: usize, line: &[u8]) -> Self {
        let after = |before: &[u8]| {
            let at =
                line.windows(before.len()).position(|part| part == before).expect("it is in every event");
            at + before.len()
        };
        let (id, ts, account) = (after(b"\"id\":\"e_"), after(b"\"ts\":"), after(b"\"account\":\""));
        let end = line[account..].iter().position(|byte| *byte == b'"').expect("a string ends");
        let place = |at: usize| u32::try_from(at).expect("an event is shorter than 4 GiB");
        Self {
            start,
            length: place(line.len()),
            id: place(id),
            ts: place(ts),
            account: (place(account), place(account + end)),
        }
    }
}

/// Writes a number with leading zeros.
fn put(room: &mut [u8], mut number: u64) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
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
