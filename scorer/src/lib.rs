//! Event to decision: engine, blocklists, policy and rules, standing.
//!
//! Separate from `features` (what is known of an account) and `models` (how probable abuse is): here both become acts,
//! within limits that people set. Invariants: pure (no clock, no I/O, no threads); same log, same decisions, byte for
//! byte; every record has exactly one outcome; no hard action rests on a Bloom filter alone; humans outrank automation.

pub mod blocklist;
pub mod engine;
mod error;
mod exempt;
mod hash;
mod keyed;
pub mod policy;
mod stage;
pub mod standing;

pub use blocklist::Blocklist;
pub use engine::{
    Active, Artifact, Content, Engine, EngineConfig, Facts, Needed, Outcome, Output, ProposalEvent, Restore,
    Role, Stats,
};
pub use error::Error;
pub use exempt::ExemptList;
pub use features::relation_key;
pub use policy::Policy;
pub use stage::checkpoint::StageRestore;
pub use stage::{FactEvent, RelationStage, StageStats};
pub use standing::{RestrictionView, StandingTable};
