//! What the archive role is made of.
//!
//! Separate, so that the loop and the intake read the same. Invariant: neither key nor password is ever printed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ingest::kafka::{Admission, Assignment};
use schema::Topic;
use sinks::Retention;
use sinks::clickhouse::{Layout, Server};

use crate::commands::signing_key::Keys;
use crate::telemetry::Metrics;

/// What is archived.
const TOPICS: [Topic; 5] = [Topic::Events, Topic::Decisions, Topic::Rows, Topic::Reviews, Topic::Rejects];

/// Records that were fetched and not yet read, for each partition, KiB: there are five topics of partitions, and a batch
/// is filled from all of them.
const QUEUED_KIB: &str = "2048";

/// The role's settings.
pub struct Plan {
    /// Brokers, `host:port`, comma-separated.
    pub brokers: String,
    /// What topic names begin with.
    pub prefix: String,
    /// The consumer group.
    pub group: String,
    /// librdkafka's properties.
    pub settings: Vec<(String, String)>,
    /// The keys of weir's own events.
    pub keys: Option<Keys>,
    /// Where ClickHouse is.
    pub server: Server,
    /// One server or a cluster.
    pub layout: Layout,
    /// How long records are kept.
    pub retention: Retention,
    /// How often deletions are carried out.
    pub deletions_every: Duration,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
    /// Where metrics are served; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

impl Plan {
    /// The topics that are read, with their whole names.
    pub fn topics(&self) -> Vec<(Topic, String)> {
        TOPICS.iter().map(|topic| (*topic, topic.name(&self.prefix))).collect()
    }

    /// What the member of the group is made of; what the caller gave wins.
    pub fn consumer_settings(&self) -> Vec<(String, String)> {
        let own = ("queued.max.messages.kbytes".to_owned(), QUEUED_KIB.to_owned());
        std::iter::once(own).chain(self.settings.iter().cloned()).collect()
    }

    /// The rules of a partition of events: those of the worker.
    pub fn admission(&self, of: &Assignment, partitions: u32) -> Admission {
        Admission { partition: of.partition, partitions, keys: self.keys.as_ref().map(Keys::verifier) }
    }
}
