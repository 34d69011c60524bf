//! What a worker is made of.
//!
//! Separate, so that the main loop, the partitions and the control writer read the same. Invariant: the key is never printed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ingest::BudgetLimits;
use ingest::kafka::{Admission, Assignment, SigningKey};
use schema::Topic;
use scorer::{EngineConfig, Facts};
use sinks::checkpoint::Checkpoints;
use sinks::kafka::{MESSAGE_TIMEOUT_MS, ProducerOptions, Signer};
use tokio::runtime::Handle;

use crate::registry::Registry;
use crate::telemetry::{Metrics, Pulses};

/// What may wait for acknowledgements in one partition before its reading pauses.
pub const UNDER_WAY: BudgetLimits = BudgetLimits { events_max: 20_000, bytes_max: 16 * 1024 * 1024 };

/// Where and how often the state of partitions is saved.
pub struct Saving {
    /// The store.
    pub checkpoints: Checkpoints,
    /// Time from one checkpoint's begin to the next's.
    pub every: Duration,
    /// Where the store is spoken to.
    pub store: Handle,
}

/// A worker's settings.
pub struct Plan {
    /// Brokers, `host:port`, comma-separated.
    pub brokers: String,
    /// What topic names begin with.
    pub prefix: String,
    /// The consumer group.
    pub group: String,
    /// librdkafka's properties.
    pub settings: Vec<(String, String)>,
    /// The key of weir's own events.
    pub key: Option<Vec<u8>>,
    /// Where activations find their versions.
    pub registry: Option<Registry>,
    /// Where state is saved; `None`: nowhere, a restart forgets what accounts did.
    pub saving: Option<Saving>,
    /// What every partition's engine is made of.
    pub engine: EngineConfig,
    /// Where partitions count.
    pub metrics: Arc<Metrics>,
    /// Whether the role's threads live.
    pub pulses: Arc<Pulses>,
    /// Where metrics are served; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

impl Plan {
    /// The whole name of a topic.
    pub fn topic(&self, topic: Topic) -> String {
        topic.name(&self.prefix)
    }

    /// The topics that the group reads. Without a key nobody would believe facts, activations and verdicts.
    pub fn topics(&self) -> Vec<String> {
        let signed = [Topic::Relations, Topic::Control, Topic::Reviews];
        let more = signed.iter().filter(|_| self.key.is_some());
        [Topic::Events].iter().chain(more).map(|topic| self.topic(*topic)).collect()
    }

    /// Where facts about shared things come from: over the log, from all partitions; without a key from each one's own.
    pub fn facts(&self) -> Facts {
        if self.key.is_some() { Facts::FromLog } else { Facts::FedBack }
    }

    /// What a partition's producer is made of.
    pub fn producer(&self) -> ProducerOptions {
        ProducerOptions {
            brokers: self.brokers.clone(),
            prefix: self.prefix.clone(),
            settings: self.settings_of(Client::Producer),
            signer: self.key.as_deref().map(Signer::new),
        }
    }

    /// What the member of the group is made of.
    pub fn consumer_settings(&self) -> Vec<(String, String)> {
        self.settings_of(Client::Consumer)
    }

    /// The rules of a partition.
    pub fn admission(&self, of: &Assignment, partitions: u32) -> Admission {
        Admission { partition: of.partition, partitions, key: self.key.as_deref().map(SigningKey::new) }
    }

    /// What the engine of a partition of so many is made of.
    pub fn engine_of(&self, (partition, partitions): (u32, u32)) -> EngineConfig {
        EngineConfig { partition, partitions, facts: self.facts(), ..self.engine.clone() }
    }

    /// How long an output may wait for its acknowledgement.
    pub fn message_timeout(&self) -> Duration {
        let given = self.settings.iter().rfind(|(key, _)| key == "message.timeout.ms");
        let given = given.and_then(|(_, value)| value.parse().ok());
        Duration::from_millis(given.unwrap_or(MESSAGE_TIMEOUT_MS))
    }

    /// librdkafka warns of properties that only the other side reads.
    fn settings_of(&self, client: Client) -> Vec<(String, String)> {
        let other: &[&str] = match client {
            Client::Producer => &["session.timeout.ms", "fetch.", "max.poll.", "queued."],
            Client::Consumer => &["message.timeout.ms", "linger.ms", "compression.", "queue.buffering."],
        };
        let reads = |(key, _): &&(String, String)| !other.iter().any(|start| key.starts_with(start));
        self.settings.iter().filter(reads).cloned().collect()
    }
}

#[derive(Clone, Copy)]
enum Client {
    Consumer,
    Producer,
}
