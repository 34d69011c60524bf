//! The relation stage: one partition of relations in, facts about shared things out, as events for the accounts' own log.
//!
//! Separate from the engine, because it is keyed by entity: in production it lies between two topics, and its facts come
//! back to the engines of all partitions. Invariants: a relation that was heard before is passed over; the facts of one
//! relation are numbered, their origins rise strictly over the whole partition; ids are a function of the relation's record.

pub(crate) mod checkpoint;

use compact_str::{CompactString, format_compact};
use features::{Origins, OwnedFact, RelationLimits, Relations};
use schema::limits::{ENTITY_BYTES_MAX, ID_BYTES_MAX};
use schema::{Body, Event, Origin, Relation};
use xxhash_rust::xxh3::Xxh3;

/// What a relation stage counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageStats {
    /// Relations taken, whatever became of them.
    pub relations: u64,
    /// Of them, heard before or malformed.
    pub passed_over: u64,
    /// Facts told.
    pub facts: u64,
    /// Shared entities in memory.
    pub entities: u64,
    /// Bytes held, by its own count.
    pub memory_bytes: u64,
}

/// A fact on its way to its account's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactEvent {
    /// The event's id.
    pub id: CompactString,
    /// Event time of the relation, ms since the Unix epoch.
    pub ts: u64,
    /// The fact; its origin is the relation's own record.
    pub fact: OwnedFact,
}

impl FactEvent {
    /// The account that is told: the key of the record.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.fact.account
    }

    /// The fact as an event of kind `entity`, ready to be encoded.
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        let body = Body::Entity(self.fact.lend());
        Event {
            id: &self.id,
            ts: self.ts,
            at: None,
            account: self.account(),
            age_h: None,
            idle_h: None,
            body,
        }
    }
}

/// The relation engine of one partition of relations: owned by value, no locks.
#[derive(Debug)]
pub struct RelationStage {
    relations: Relations,
    origins: Origins,
    partition: u32,
    stats: StageStats,
    found: Vec<OwnedFact>,
    /// The checkpoint under way: its first frame, until that is written.
    writing: Option<Option<Vec<u8>>>,
}

impl RelationStage {
    /// A stage that has heard nothing, for this partition of relations.
    #[must_use]
    pub fn new(limits: RelationLimits, partition: u32) -> Self {
        let (relations, origins) = (Relations::new(limits), Origins::default());
        Self { relations, origins, partition, stats: StageStats::default(), found: Vec::new(), writing: None }
    }

    /// Hears the relation at `offset` of the partition; what is to be told is appended to `out`, which the caller clears.
    /// Whether it was news.
    pub fn process(&mut self, relation: &Relation, offset: u64, out: &mut Vec<FactEvent>) -> bool {
        self.stats.relations += 1;
        if !is_bounded(relation) || !self.origins.is_news(relation.origin) {
            self.stats.passed_over += 1;
            return false;
        }
        self.found.clear();
        self.relations.touch_relation(relation, &mut self.found);
        for (n, mut fact) in (0..).zip(self.found.drain(..)) {
            self.stats.facts += 1;
            fact.origin = Origin { partition: self.partition, offset, n };
            out.push(FactEvent { id: fact_id(&fact), ts: relation.ts, fact });
        }
        true
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> StageStats {
        StageStats {
            entities: self.relations.entities() as u64,
            memory_bytes: self.relations.memory_bytes() as u64,
            ..self.stats
        }
    }
}

/// Whether its identifiers are no longer than any may be.
fn is_bounded(relation: &Relation) -> bool {
    (1..=ID_BYTES_MAX).contains(&relation.account.len())
        && (1..=ENTITY_BYTES_MAX).contains(&relation.entity.len())
}

/// `f_` and a hash of the relation's record, which of its facts it is, who is told, and of what.
fn fact_id(fact: &OwnedFact) -> CompactString {
    let Origin { partition, offset, n } = fact.origin;
    let mut hash = Xxh3::new();
    hash.update(&partition.to_le_bytes());
    hash.update(&offset.to_le_bytes());
    hash.update(&n.to_le_bytes());
    for part in [&fact.account, &fact.entity] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format_compact!("f_{:032x}", hash.digest128())
}

#[cfg(test)]
mod tests {
    use schema::Touch;

    use super::*;

    fn relation(account: &str, offset: u64) -> Relation {
        Relation {
            entity: "device:box".to_owned(),
            account: account.to_owned(),
            ts: 1_732_453_200_000 + offset,
            what: Touch::Registered,
            origin: Origin { partition: 3, offset, n: 0 },
        }
    }

    #[test]
    fn a_relation_sent_twice_counts_once_and_origins_rise() {
        let mut stage = RelationStage::new(RelationLimits::default(), 7);
        let mut facts = Vec::new();
        let mut heard = Vec::new();
        for (place, (account, offset)) in
            [("a", 1), ("b", 2), ("b", 2), ("c", 3), ("b", 2)].into_iter().enumerate()
        {
            heard.push(stage.process(&relation(account, offset), place as u64, &mut facts));
        }
        assert_eq!(heard, [true, true, false, true, false]);
        let told: Vec<_> = facts.iter().map(|f| (f.account(), f.fact.accounts_24h)).collect();
        assert_eq!(told, [("b", 2), ("a", 2), ("c", 3)]);
        let origins: Vec<_> = facts.iter().map(|f| f.fact.origin).collect();
        assert!(origins.is_sorted_by(|a, b| a < b), "{origins:?}");
        assert_eq!(origins[1], Origin { partition: 7, offset: 1, n: 1 });
        assert_eq!((stage.stats().relations, stage.stats().passed_over, stage.stats().facts), (5, 2, 3));
    }

    #[test]
    fn a_fact_is_an_event_like_any_other() {
        let mut stage = RelationStage::new(RelationLimits::default(), 0);
        let mut facts = Vec::new();
        stage.process(&relation("a", 1), 0, &mut facts);
        stage.process(&relation("b", 2), 1, &mut facts);
        let mut line = Vec::new();
        schema::json::encode(&facts[0].event(), &mut line);
        let raw = schema::json::decode(&line).expect("our own line");
        assert_eq!(raw.event().expect("valid").expect("a known kind"), facts[0].event());
        assert!(facts.iter().all(|fact| fact.id.len() <= ID_BYTES_MAX));
    }
}
