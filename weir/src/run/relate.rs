//! Relating: the work of a partition of `weir.relations`, whose facts go back into the accounts' own log.
//!
//! Separate from deciding, because it is keyed by entity: accounts of all partitions meet here. Invariant: a relation that
//! came before counts once.

use ingest::kafka::{Message, partition_of};
use schema::{Refusal, RejectReason, Relation};
use scorer::{FactEvent, RelationStage, relation_key};

use super::line::{Stop, Work};
use super::outlet::Outlet;

/// A relation stage.
pub struct Relater {
    stage: RelationStage,
    partition: u32,
    partitions: u32,
    facts: Vec<FactEvent>,
}

impl Relater {
    /// Relates with `stage`, in this partition of so many.
    pub fn new(stage: RelationStage, partition: u32, partitions: u32) -> Self {
        Self { stage, partition, partitions, facts: Vec::new() }
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
        match self.relation(message) {
            Ok(relation) => {
                self.facts.clear();
                self.stage.process(&relation, offset, &mut self.facts);
                if self.facts.is_empty() { Ok(0) } else { outlet.facts(&self.facts, offset) }
            }
            Err(refusal) => {
                let at = message.record().at.unwrap_or(0);
                outlet.reject(refusal, (offset, at), message.value())
            }
        }
    }
}
