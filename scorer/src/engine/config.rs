//! What goes into an engine and what comes out.
//!
//! Separate from the line itself. Invariant: the default configuration is a whole engine: default policy, no model.

use features::{RelationLimits, StoreLimits, catalog_hash};
use models::Model;
use schema::limits::STANDINGS_MAX;
use schema::{Decision, Refusal, Relation, Row, Standing, Versions};

use super::shared::ProposalEvent;
use crate::Blocklist;
use crate::exempt::ExemptList;
use crate::policy::Policy;

/// How facts about shared entities, and proposals to restrict them, reach the engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Facts {
    /// The engine hears its own relations and feeds facts and proposals back at once: one process, one partition. Of several
    /// partitions none restricts a shared thing in this way.
    #[default]
    FedBack,
    /// Relations and proposals go out with the output; facts come in as `entity` events of the log (see `RelationStage`), and
    /// proposals as `proposal` events of the log of their own key.
    FromLog,
}

/// What an engine is made of.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The policy.
    pub policy: Policy,
    /// The model; without one, rules decide alone.
    pub model: Option<Model>,
    /// Blocklists.
    pub blocklists: Vec<Blocklist>,
    /// Accounts against which nothing automatic is enforced.
    pub exempt: ExemptList,
    /// Bounds of the feature store.
    pub store: StoreLimits,
    /// Bounds of the relation engine.
    pub relations: RelationLimits,
    /// Most accounts in the standing table.
    pub standings_max: usize,
    /// Feature rows: `None` for none; else those of decisions and feedback, and this share (0..1) of all others.
    pub rows: Option<f64>,
    /// The partition that the engine serves; 0 for a file.
    pub partition: u32,
    /// Partitions of the whole log, at least 1: a budget is shared out among them, and shared things are restricted by one.
    pub partitions: u32,
    /// How facts about shared entities come in.
    pub facts: Facts,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            policy: Policy::default_policy().expect("a test parses the policy that is built in"),
            model: None,
            blocklists: Vec::new(),
            exempt: ExemptList::default(),
            store: StoreLimits::default(),
            relations: RelationLimits::default(),
            standings_max: STANDINGS_MAX,
            rows: None,
            partition: 0,
            partitions: 1,
            facts: Facts::default(),
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Something was decided or the standing changed: see the output.
    Decided,
    /// Nothing was decided (there may be rows and relations).
    Quiet,
    /// Its id came before.
    Duplicate,
    /// It was refused.
    Rejected(Refusal),
}

/// What follows from records, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    /// Decisions.
    pub decisions: Vec<Decision>,
    /// Standings that changed.
    pub standings: Vec<Standing>,
    /// Feature rows, if asked for.
    pub rows: Vec<Row>,
    /// With [`Facts::FromLog`]: what goes to the relation stages, each record under its `relation_key`.
    pub relations: Vec<Relation>,
    /// With [`Facts::FromLog`]: what goes to the log of events, each under its own key.
    pub proposals: Vec<ProposalEvent>,
}

impl Output {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty()
            && self.standings.is_empty()
            && self.rows.is_empty()
            && self.relations.is_empty()
            && self.proposals.is_empty()
    }

    /// Empties it and keeps its room.
    pub fn clear(&mut self) {
        self.decisions.clear();
        self.standings.clear();
        self.rows.clear();
        self.relations.clear();
        self.proposals.clear();
    }
}

/// The versions that decisions carry.
pub(super) fn versions(policy: &Policy, model: Option<&Model>, blocklists: String) -> Versions {
    Versions {
        policy: policy.version.clone(),
        model: model.map_or(String::new(), |m| m.version().to_owned()),
        features: format!("{:016x}", catalog_hash()),
        blocklists,
    }
}
