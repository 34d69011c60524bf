//! Event to feature vector, and the only mutable state of weir: catalogue, store, windows, distinct counts, relations.
//!
//! Separate from scoring, so that rows, models and rules share one meaning of every feature, and from `ingest`, so that
//! no feature can depend on a broker. Invariants: no clock, no I/O, no threads; the same events give the same vectors,
//! byte for byte; memory is bounded; what is unknown is `NaN`, never 0.

pub mod catalog;
pub mod checkpoint;
mod duplicates;
mod entity;
mod network;
mod origins;
mod prefetch;
mod relations;
pub mod signal;
mod store;
mod vector;

pub use catalog::{CATALOG, Evidence, FEATURES, Family, Feature, catalog_hash, feature_by_name};
pub use duplicates::DuplicateWindow;
pub use duplicates::checkpoint::DuplicateRestore;
pub use entity::{key_hash, relation_key};
pub use network::{Network, cidr, masked, network_code, network_of};
pub use origins::Origins;
pub use relations::checkpoint::RelationsRestore;
pub use relations::{
    EntityName, OwnedFact, RelationLimits, Relations, Toucher, relations, relations_by_hash,
};
pub use store::checkpoint::StoreRestore;
pub use store::identity::Entities;
pub use store::{Applied, Slot, Store, StoreLimits, Touches};
pub use vector::{FeatureSet, FeatureVector};
