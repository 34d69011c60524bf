//! Gauges of one log: of the only one of a process, or of a partition on Kafka.
//!
//! Separate from the metrics' table, because a partition comes and goes. Invariants: a partition is shown from when it is given
//! until it is given up, and never by two threads of a process; names and help are declared in `metrics`.

use std::sync::atomic::AtomicU64;

use ingest::kafka::Assignment;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use scorer::Stats;

/// A log. Its labels are `topic` and `partition`; the only one of a process has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PartitionLabels(Vec<(&'static str, String)>);

impl PartitionLabels {
    /// A partition on Kafka.
    pub fn of(partition: &Assignment) -> Self {
        let Assignment { topic, partition } = partition;
        Self(vec![("topic", topic.clone()), ("partition", partition.to_string())])
    }
}

impl EncodeLabelSet for PartitionLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }
}

/// A gauge of every place.
pub type Everywhere = Family<PartitionLabels, Gauge>;

/// A share from 0 to 1.
pub type Share = Gauge<f64, AtomicU64>;

/// What is shown of an engine.
#[derive(Debug, Clone)]
pub struct EngineGauges {
    /// Accounts whose features are in memory.
    pub accounts: Gauge,
    /// Accounts and entities in the standing table.
    pub standings: Gauge,
    /// New restrictions refused because the standing table is full: an alarm if not 0.
    pub standings_refused: Gauge,
    /// Bans turned into rate limits by a budget's brake.
    pub bans_braked: Gauge,
    /// Runs of the model.
    pub model_runs: Gauge,
    /// Memory of the engine's tables, bytes.
    pub memory: Gauge,
}

impl EngineGauges {
    /// Shows what an engine counts.
    pub fn show(&self, stats: &Stats) {
        self.accounts.set(stats.accounts as i64);
        self.standings.set(stats.standings as i64);
        self.standings_refused.set(stats.standings_refused as i64);
        self.bans_braked.set(stats.bans_braked as i64);
        self.model_runs.set(stats.model_runs as i64);
        self.memory.set(stats.memory_bytes as i64);
    }
}

/// The families of [`EngineGauges`].
#[derive(Debug, Default)]
pub struct EngineFamilies {
    /// As in [`EngineGauges`], each.
    pub accounts: Everywhere,
    /// Accounts and entities in the standing table.
    pub standings: Everywhere,
    /// Restrictions refused.
    pub standings_refused: Everywhere,
    /// Bans braked.
    pub bans_braked: Everywhere,
    /// Runs of the model.
    pub model_runs: Everywhere,
    /// Memory, bytes.
    pub memory: Everywhere,
}

impl EngineFamilies {
    /// The gauges of a place, from now on shown.
    pub fn at(&self, place: &PartitionLabels) -> EngineGauges {
        EngineGauges {
            accounts: self.accounts.get_or_create_owned(place),
            standings: self.standings.get_or_create_owned(place),
            standings_refused: self.standings_refused.get_or_create_owned(place),
            bans_braked: self.bans_braked.get_or_create_owned(place),
            model_runs: self.model_runs.get_or_create_owned(place),
            memory: self.memory.get_or_create_owned(place),
        }
    }

    /// Shows the place no more.
    pub fn forget(&self, place: &PartitionLabels) {
        let Self { accounts, standings, standings_refused, bans_braked, model_runs, memory } = self;
        for family in [accounts, standings, standings_refused, bans_braked, model_runs, memory] {
            family.remove(place);
        }
    }
}
