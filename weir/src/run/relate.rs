//! Relating: the work of a partition of `weir.relations`, whose facts go back into the accounts' own log.
//!
//! Separate from deciding, because it is keyed by entity: accounts of all partitions meet here. Invariant: a relation that
//! came before counts once.

use std::time::Duration;

use ingest::kafka::{Message, partition_of};
use schema::{Refusal, RejectReason, Relation};
use scorer::{FactEvent, RelationStage, relation_key};

use super::line::{Stop, Work};
use super::outlet::Outlet;
use crate::saving::State;
use crate::telemetry::Metrics;

/// A relation stage.
pub struct Relater {
    stage: RelationStage,
    partition: u32,
    partitions: u32,
    /// The log's time: highest so far, ms since the Unix epoch.
    at: u64,
    facts: Vec<FactEvent>,
}

impl Relater {
    /// Relates with `stage`, whose log stands at `at` (ms since the Unix epoch), in this partition of so many.
    pub fn new((stage, at): (RelationStage, u64), (partition, partitions): (u32, u32)) -> Self {
        Self { stage, partition, partitions, at, facts: Vec::new() }
    }

    fn relation(&self, message: &Message<'_>) -> Result<Relation, Refusal> {
        let relation: Relation = serde_json::from_slice(message.value())
            .map_err(|error| Refusal::new(RejectReason::Malformed, format!("no relation: {error}")))?;
        let key = relation_key(&relation);
        let own = partition_of(key.as_bytes(), self.partitions);
        if own != self.partition {
            let detail = format!("lies in partition {}, belongs in {own}", self.partition);
            return Err(Refusal::new(RejectReason::WrongPartition, detail));
        }
        Ok(relation)
    }
}

impl Work for Relater {
    fn record(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let offset = message.offset();
        self.at = self.at.max(message.record().at.unwrap_or(0));
        match self.relation(message) {
            Ok(relation) => {
                self.facts.clear();
                self.stage.process(&relation, offset, &mut self.facts);
                if self.facts.is_empty() { Ok(0) } else { outlet.facts(&self.facts, offset) }
            }
            Err(refusal) => outlet.reject(refusal, (offset, self.at), message.value()),
        }
    }

    fn show(&mut self, records: u64, _now: Duration, metrics: &Metrics) {
        metrics.relations.inc_by(records);
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
}

impl State for Relater {
    fn begin(&mut self, full: bool) -> bool {
        self.stage.begin_checkpoint(full)
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        self.stage.write_checkpoint(bytes_max, out)
    }

    fn abandon(&mut self) {
        self.stage.abandon_checkpoint();
    }

    fn at_ms(&self) -> u64 {
        self.at
    }
}
