//! What the desk is made from.
//!
//! Separate, so that its parts read the same. Invariant: neither key nor password is ever printed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ingest::kafka::{Admission, Consumer, SigningKeys};
use sinks::clickhouse::Server;
use sinks::kafka::ProducerOptions;

use super::outlet::ANSWER_MS;
use crate::commands::signing_key::Keys;
use crate::config::Config;
use crate::registry::Registry;
use crate::telemetry::Metrics;

/// Records that were fetched and not yet read, for each partition, KiB: there are four topics of partitions.
const QUEUED_KIB: &str = "2048";

/// The settings.
pub struct Settings {
    /// Brokers, `host:port`, comma-separated.
    pub brokers: String,
    /// What topic names begin with.
    pub prefix: String,
    /// The groups of the workers and of the archive: how far they are behind is shown.
    pub groups: (String, String),
    /// librdkafka's properties.
    pub properties: Vec<(String, String)>,
    /// The keys of weir's own events; `None`: what partitions were told to decide by is not known.
    pub keys: Option<Keys>,
    /// Where history is; `None`: there is none.
    pub history: Option<Server>,
    /// Where `review.db` lies.
    pub folder: PathBuf,
    /// Where pages are served.
    pub listen: SocketAddr,
    /// Where versions lie that may be put in force.
    pub registry: Option<Registry>,
    /// The rest of the configuration.
    pub config: Config,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// Where metrics are served; `None`: nowhere.
    pub metrics_listen: Option<SocketAddr>,
}

impl Settings {
    /// What the reader is made of; what the caller gave wins.
    pub fn consumer(&self) -> Vec<(String, String)> {
        let other = ["message.timeout.ms", "linger.ms", "compression.", "queue.buffering."];
        let reads = |(key, _): &&(String, String)| !other.iter().any(|start| key.starts_with(start));
        let own = ("queued.max.messages.kbytes".to_owned(), QUEUED_KIB.to_owned());
        std::iter::once(own).chain(self.properties.iter().filter(reads).cloned()).collect()
    }

    /// What the producer is made of; what the caller gave wins.
    pub fn producer(&self) -> ProducerOptions {
        let other = ["session.timeout.ms", "heartbeat.", "fetch.", "max.poll.", "queued."];
        let reads = |(key, _): &&(String, String)| !other.iter().any(|start| key.starts_with(start));
        // Label and verdict of one act go in one batch, which the broker takes whole.
        let own = [("message.timeout.ms", ANSWER_MS.to_string()), ("linger.ms", "2".to_owned())];
        let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
        ProducerOptions {
            brokers: self.brokers.clone(),
            prefix: self.prefix.clone(),
            settings: own.chain(self.properties.iter().filter(reads).cloned()).collect(),
            signer: None,
        }
    }
}

/// What reading needs of them.
pub struct Plan {
    /// The client.
    pub consumer: Arc<Consumer>,
    /// What topic names begin with.
    pub prefix: String,
    /// The keys of weir's own events.
    pub keys: Option<SigningKeys>,
}

impl Plan {
    /// The rules of a partition: those of the worker.
    pub fn admission(&self, partition: u32, partitions: u32) -> Admission {
        Admission { partition, partitions, keys: self.keys.clone() }
    }
}
