//! What a test says to a broker, and what it hears.
//!
//! Separate from the servers. Topics have a prefix of their own for each test, so that tests share a broker and nothing else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, Timestamp};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::{clock, weir};

/// How long a broker may take.
pub(super) const WAIT: Duration = Duration::from_secs(120);

/// The topics of one test.
pub struct Topics {
    /// `host:port` of the brokers.
    pub brokers: String,
    /// What their names begin with; the group has it as its name, too.
    pub prefix: String,
    /// Partitions.
    pub partitions: i32,
}

impl Topics {
    /// Makes them with `weir topics create`.
    ///
    /// # Panics
    /// If they are not made.
    #[must_use]
    pub fn create(brokers: &str, partitions: i32, more: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("t{}x{}.", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let count = partitions.to_string();
        let arguments =
            ["topics", "create", "--brokers", brokers, "--prefix", &prefix, "--partitions", &count];
        let run = weir::run(std::path::Path::new("/"), &[&arguments, more].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        Self { brokers: brokers.to_owned(), prefix, partitions }
    }

    /// The whole name of a topic.
    #[must_use]
    pub fn name(&self, word: &str) -> String {
        format!("{}{word}", self.prefix)
    }
}

/// One record to be produced.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// Key; `None`: none.
    pub key: Option<Vec<u8>>,
    /// Value; `None`: a tombstone.
    pub value: Option<Vec<u8>>,
    /// Partition; `None`: by the key.
    pub partition: Option<i32>,
    /// Headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Sent {
    /// A record whose key is its account.
    #[must_use]
    pub fn keyed(account: &str, value: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(account.as_bytes().to_vec()), value: Some(value.into()), ..Self::default() }
    }
}

/// One record as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The log's time, ms since the Unix epoch; 0: it keeps none, see [`Topics::leave_time_to_records`].
    pub at: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Fetched {
    /// The value as text; empty for a tombstone.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

#[derive(Default)]
struct Failures(Mutex<Vec<String>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().expect("nobody panics while holding it").push(error.to_string());
        }
    }
}

/// Produces records in order and waits until the broker has all.
///
/// # Panics
/// If one is not taken.
pub fn produce(brokers: &str, topic: &str, records: &[Sent]) {
    produce_all(brokers, topic, records.iter().cloned());
}

/// The same from an iterator; gives the number of records.
///
/// # Panics
/// If one is not taken.
pub fn produce_all(brokers: &str, topic: &str, records: impl Iterator<Item = Sent>) -> usize {
    Feeder::open(brokers).send(topic, records)
}

/// A producer that is used again and again.
pub struct Feeder(BaseProducer<Failures>);

impl Feeder {
    /// A producer with nothing under way.
    ///
    /// # Panics
    /// If the client cannot be made.
    #[must_use]
    pub fn open(brokers: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("linger.ms", "2")
            .create_with_context(Failures::default())
            .expect("a producer's settings");
        Self(producer)
    }

    /// Produces records in order and waits until the broker has all; gives their number.
    ///
    /// # Panics
    /// If one is not taken.
    pub fn send(&self, topic: &str, records: impl Iterator<Item = Sent>) -> usize {
        let producer = &self.0;
        let mut count = 0;
        for sent in records {
            let headers = sent.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value.as_slice()) })
            });
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).headers(headers);
            record.key = sent.key.as_deref();
            record.payload = sent.value.as_deref();
            record.partition = sent.partition;
            while let Err((error, back)) = producer.send(record) {
                let full = error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull);
                assert!(full, "{topic}: {error}");
                record = back;
                producer.poll(Duration::from_millis(20));
            }
            count += 1;
        }
        producer.flush(WAIT).expect("the broker takes every record");
        let failures = producer.context().0.lock().expect("nobody panics while holding it");
        assert!(failures.is_empty(), "{topic}: {failures:?}");
        count
    }
}

/// Oldest and next offset of each partition.
///
/// # Panics
/// If the broker does not answer.
#[must_use]
pub fn offsets(brokers: &str, topic: &str) -> Vec<(i64, i64)> {
    let consumer = consumer(brokers);
    let metadata = consumer.fetch_metadata(Some(topic), WAIT).expect("the broker answers");
    let count = metadata.topics()[0].partitions().len();
    let watermarks = |partition| consumer.fetch_watermarks(topic, partition, WAIT);
    (0..count as i32).map(|partition| watermarks(partition).expect("the broker answers")).collect()
}

/// The worker group's committed offset of each partition; -1: none.
///
/// # Panics
/// If the broker does not answer.
#[must_use]
pub fn committed(topics: &Topics, word: &str) -> Vec<i64> {
    committed_by(topics, &topics.prefix, word)
}

/// A group's committed offset of each partition; -1: none.
///
/// # Panics
/// If the broker does not answer.
#[must_use]
pub fn committed_by(topics: &Topics, group: &str, word: &str) -> Vec<i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &topics.brokers)
        .set("group.id", group)
        .create()
        .expect("a consumer's settings");
    let topic = topics.name(word);
    let mut list = TopicPartitionList::new();
    list.add_partition_range(&topic, 0, topics.partitions - 1);
    let started = clock::now();
    let answer = loop {
        match consumer.committed_offsets(list.clone(), WAIT) {
            Ok(answer) => break answer,
            // The group's coordinator is only being chosen.
            Err(_) if started.elapsed() < WAIT => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => panic!("the broker does not answer: {error}"),
        }
    };
    (0..topics.partitions)
        .map(|partition| match answer.find_partition(&topic, partition).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => -1,
        })
        .collect()
}

/// Every record that lies in a topic now, by partition and offset.
///
/// # Panics
/// If they do not come.
#[must_use]
pub fn consume(brokers: &str, topic: &str) -> Vec<Fetched> {
    let ends = offsets(brokers, topic);
    let consumer = consumer(brokers);
    let mut list = TopicPartitionList::new();
    for partition in 0..ends.len() as i32 {
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&list).expect("partitions that exist");
    let mut open: Vec<bool> = ends.iter().map(|(low, high)| low < high).collect();
    let mut records = Vec::new();
    let started = clock::now();
    while open.contains(&true) {
        assert!(started.elapsed() < WAIT, "{topic}: {} records came, then none", records.len());
        match consumer.poll(Duration::from_millis(200)) {
            // The end of a partition, where what lies last is compacted away or a control record.
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(partition))) => {
                open[partition as usize] = false
            }
            Some(Err(error)) => panic!("{topic}: {error}"),
            Some(Ok(message)) => {
                let partition = message.partition() as usize;
                open[partition] &= message.offset() + 1 < ends[partition].1;
                if message.offset() < ends[partition].1 {
                    records.push(fetched(&message));
                }
            }
            None => {}
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

fn fetched(message: &rdkafka::message::BorrowedMessage<'_>) -> Fetched {
    let headers = message.headers().map(|headers| {
        let pair =
            |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.unwrap_or_default().to_vec());
        headers.iter().map(pair).collect()
    });
    Fetched {
        partition: message.partition(),
        offset: message.offset(),
        at: match message.timestamp() {
            Timestamp::LogAppendTime(at) => at,
            Timestamp::CreateTime(_) | Timestamp::NotAvailable => 0,
        },
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}

fn consumer(brokers: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "weir-tests")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .create()
        .expect("a consumer's settings")
}
