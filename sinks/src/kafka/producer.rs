//! The producer of one partition's outputs.
//!
//! Separate from the topics it writes to. One for each partition, so that giving a partition up empties its own queue and
//! nobody else's, and so that acknowledgements are heard by the thread that owns the partition. Invariants: every record sent
//! is heard of exactly once, with the caller's ticket; keys choose partitions as Kafka's Java client does; a standing without
//! restrictions is followed by a tombstone; a record waits no longer than `message.timeout.ms`, which is below the group's
//! session timeout, but for relations and internal events, which wait until they are written or given up all together: of those of
//! one key none is written after one that was lost; after a failure that was heard nothing more is sent.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig,
};
use schema::{Decision, Event, Reject, Relation, Row, SIGNATURE_HEADER, Standing, TOPIC_PREFIX, Topic};
use serde::Serialize;

use super::held::{Held, Waiting};
use super::patient::Patient;
use super::reach::settings_error;
use super::signature::Signer;
use crate::error::Error;

/// How long a record may wait for its acknowledgement unless the settings say otherwise, ms.
const MESSAGE_TIMEOUT_MS: u64 = 30_000;
/// How long a full queue is waited for at once.
const ROOM_WAIT: Duration = Duration::from_millis(10);
/// How often, with nothing heard.
const ROOM_WAITS_MAX: u32 = 3_000;

/// What a producer has unless the caller says otherwise; the caller's own settings win.
const DEFAULTS: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    // After a record that the broker refused none that came later may be written: whoever reads relations or facts passes over
    // what is not above the highest origin, and would pass over the one that is written again. Of records that waited too long
    // librdkafka does not ask this: see `patient`.
    ("enable.gapless.guarantee", "true"),
    ("acks", "all"),
    ("partitioner", "murmur2_random"),
    ("compression.type", "lz4"),
    // A decision that waits for company is late: 1 ms lets a busy partition fill its batches all the same.
    ("linger.ms", "1"),
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
    ("reconnect.backoff.max.ms", "2000"),
];

/// What a producer is made of. It is not to be printed: settings may hold a password.
#[derive(Clone)]
pub struct ProducerOptions {
    /// `host:port`, comma-separated.
    pub brokers: String,
    /// What topic names begin with.
    pub prefix: String,
    /// librdkafka's properties.
    pub settings: Vec<(String, String)>,
    /// The key of weir's own signatures.
    pub signer: Option<Signer>,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        let prefix = TOPIC_PREFIX.to_owned();
        Self { brokers: String::new(), prefix, settings: Vec::new(), signer: None }
    }
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The caller's ticket.
    pub ticket: usize,
    /// Why it was not written; `None`: the broker has it.
    pub failed: Option<String>,
}

/// The producer.
pub struct Producer {
    /// The topics of relations and internal events, once one was written. Dropped before the client.
    patient: Option<Patient>,
    client: BaseProducer<Context>,
    names: Vec<String>,
    signer: Option<Signer>,
    value: Vec<u8>,
    held: Held,
    /// The first failure that was heard.
    lost: Option<String>,
}

/// Collects what became of records until the owner asks.
#[derive(Default)]
struct Context {
    heard: Mutex<Vec<Delivery>>,
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the broker does not take records");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let failed = result.as_ref().err().map(|(error, _)| error.to_string());
        self.heard.lock().expect("nobody panics while holding it").push(Delivery { ticket, failed });
    }
}

impl Producer {
    /// Opens a producer; it connects by itself.
    ///
    /// # Errors
    /// If a setting is wrong.
    pub fn open(options: &ProducerOptions) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        config.set("client.id", "weir").set("bootstrap.servers", &options.brokers);
        config.set("message.timeout.ms", MESSAGE_TIMEOUT_MS.to_string());
        for (key, value) in DEFAULTS {
            config.set(*key, *value);
        }
        for (key, value) in &options.settings {
            config.set(key, value);
        }
        let client = config.create_with_context(Context::default()).map_err(settings_error)?;
        let names = Topic::ALL.iter().map(|topic| topic.name(&options.prefix)).collect();
        let (signer, value, held) = (options.signer.clone(), Vec::new(), Held::default());
        Ok(Self { patient: None, client, names, signer, value, held, lost: None })
    }

    /// Writes a decision.
    ///
    /// # Errors
    /// If the client does not take it.
    pub fn decision(&mut self, decision: &Decision, ticket: usize) -> Result<(), Error> {
        self.json(Topic::Decisions, Some(&decision.account), decision, ticket)
    }

    /// Writes a standing, and a tombstone after an empty one. Gives the number of records.
    ///
    /// # Errors
    /// If the client does not take it.
    pub fn standing(&mut self, standing: &Standing, ticket: usize) -> Result<u32, Error> {
        self.json(Topic::Standing, Some(&standing.account), standing, ticket)?;
        if !standing.restrictions.is_empty() {
            return Ok(1);
        }
        self.send(Topic::Standing, Some(standing.account.as_bytes()), None, (None, ticket))?;
        Ok(2)
    }

    /// Writes a reject.
    ///
    /// # Errors
    /// If the client does not take it.
    pub fn reject(&mut self, reject: &Reject, ticket: usize) -> Result<(), Error> {
        self.json(Topic::Rejects, None, reject, ticket)
    }

    /// Writes a feature row.
    ///
    /// # Errors
    /// If the client does not take it.
    pub fn row(&mut self, row: &Row, ticket: usize) -> Result<(), Error> {
        self.json(Topic::Rows, Some(&row.account), row, ticket)
    }

    /// Writes a relation under the key that its entity has in every one of its forms, with the next [`Producer::hear`] that finds
    /// those before it acknowledged.
    pub fn relation(&mut self, key: &str, relation: &Relation, ticket: usize) {
        let value =
            serde_json::to_vec(relation).expect("schema's records have string keys and write into memory");
        self.held.hold(Waiting { key: key.to_owned(), value, ticket });
    }

    /// Writes an event of an internal kind, signed.
    ///
    /// # Errors
    /// If there is no key, or the client does not take it.
    pub fn internal_event(&mut self, event: &Event<'_>, ticket: usize) -> Result<(), Error> {
        self.be_patient()?;
        let signer = self.signer.as_ref().ok_or(Error::NoSigningKey)?;
        let mut value = std::mem::take(&mut self.value);
        value.clear();
        schema::json::encode(event, &mut value);
        value.pop(); // A message is one object, without a line's end.
        let headers = OwnedHeaders::new_with_capacity(1)
            .insert(Header { key: SIGNATURE_HEADER, value: Some(&signer.sign(&value)[..]) });
        let key = Some(event.account.as_bytes());
        let sent = self.send(Topic::Events, key, Some(&value), (Some(headers), ticket));
        self.value = value;
        sent
    }

    /// Writes any record of the contract as JSON.
    ///
    /// # Errors
    /// If the client does not take it.
    pub fn json(
        &mut self,
        topic: Topic,
        key: Option<&str>,
        record: &impl Serialize,
        ticket: usize,
    ) -> Result<(), Error> {
        let mut value = std::mem::take(&mut self.value);
        value.clear();
        serde_json::to_writer(&mut value, record)
            .expect("schema's records have string keys and write into memory");
        let sent = self.send(topic, key.map(str::as_bytes), Some(&value), (None, ticket));
        self.value = value;
        sent
    }

    /// Hears what became of records since the last call, serves the client for at most `wait`, and lets relations go if it is time,
    /// `now` by the caller's clock. After a failure the producer is to be purged and another one made.
    pub fn hear(&mut self, wait: Duration, now: Duration, heard: &mut Vec<Delivery>) {
        self.client.poll(wait);
        let known = heard.len();
        heard.append(&mut self.client.context().heard.lock().expect("nobody panics while holding it"));
        for delivery in &mut heard[known..] {
            self.held.heard(delivery);
            if self.lost.is_none() {
                self.lost.clone_from(&delivery.failed);
            }
        }
        if self.lost.is_some() {
            return; // None may overtake the one that is lost: they wait until they are given up.
        }
        for Waiting { key, value, ticket } in self.held.due(now) {
            let record = (None, Held::marked(ticket));
            let sent = self
                .be_patient()
                .and_then(|()| self.send(Topic::Relations, Some(key.as_bytes()), Some(&value), record));
            match sent {
                Ok(()) => self.held.sent(),
                Err(error) => {
                    let failed = self.lost.get_or_insert_with(|| error.to_string()).clone();
                    heard.push(Delivery { ticket, failed: Some(failed) });
                }
            }
        }
    }

    /// Records that were sent and not yet heard of, or wait to be sent.
    #[must_use]
    pub fn under_way(&self) -> usize {
        usize::try_from(self.client.in_flight_count()).unwrap_or(0) + self.held.waiting()
    }

    /// Forgets whatever was not yet written: the partition is another's now. Each is heard of as failed.
    pub fn purge(&mut self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
        let mut heard = self.client.context().heard.lock().expect("nobody panics while holding it");
        for Waiting { ticket, .. } in self.held.forget() {
            heard.push(Delivery { ticket, failed: Some("given up before it was sent".to_owned()) });
        }
    }

    /// From now on relations and internal events do not expire.
    fn be_patient(&mut self) -> Result<(), Error> {
        if self.patient.is_none() {
            let names = [Topic::Relations, Topic::Events].map(|topic| self.names[topic as usize].as_str());
            self.patient = Some(Patient::declare(self.client.client(), &names)?);
        }
        Ok(())
    }

    fn send(
        &self,
        topic: Topic,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        (headers, ticket): (Option<OwnedHeaders>, usize),
    ) -> Result<(), Error> {
        let refused = |why: &dyn std::fmt::Display| {
            Error::Broker(format!("cannot write to {}: {why}", self.names[topic as usize]))
        };
        if let Some(lost) = &self.lost {
            return Err(refused(&format_args!("a record before it was lost: {lost}")));
        }
        let record = BaseRecord::with_opaque_to(&self.names[topic as usize], ticket);
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord { key, payload: value, headers, ..record };
        let mut waits = 0;
        loop {
            match self.client.send(record) {
                Ok(()) => return Ok(()),
                // What is heard makes room, and only we fill it.
                Err((error, back))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
                        && waits < ROOM_WAITS_MAX =>
                {
                    record = back;
                    waits += 1;
                    self.client.poll(ROOM_WAIT);
                }
                Err((error, _)) => return Err(refused(&error)),
            }
        }
    }
}
