//! Feature vector to probability: linfa trains, we freeze and serve; evaluate, judge, calibrate, explain.
//!
//! Separate from `features` (which has the only mutable state) and from `scorer` (which decides): a model here is a
//! value. Invariants: a frozen model gives linfa's own answer; same model and row, same bits, on every machine; no
//! bytes make loading panic; training with the same seed and data on the same toolchain gives the same bytes.

mod artifact;
pub mod bayes;
pub mod boost;
mod catalog;
pub mod curve;
pub mod dataset;
mod error;
pub mod evaluate;
pub mod experiment;
mod explain;
pub mod flat;
pub mod forest;
pub mod gates;
mod interval;
pub mod judge;
pub mod labels;
pub mod logistic;
pub mod measure;
pub mod model;
pub mod online;
mod page;
pub mod train;
pub mod tree;
pub mod workers;

pub use artifact::FORMAT;
pub use boost::{BoostSettings, Boosted, GradientBoosting};
pub use catalog::Catalog;
pub use curve::Curve;
pub use dataset::Dataset;
pub use error::Error;
pub use explain::Contribution;
pub use flat::FlatForest;
pub use judge::{JudgeBuilder, Report, Truth};
pub use model::{Body, Card, Model, TrainedOn};
pub use online::{Online, OnlineSettings, Weights};
pub use train::{Boosting, ForestSettings, FtrlSettings, Kind, Settings, TreeSettings, train};
pub use tree::Tree;
pub use workers::{Alone, Workers};
