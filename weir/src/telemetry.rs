//! Telemetry: logs for people and machines, metrics for a monitoring system.
//!
//! Separate, because every long-running role tells the same things in the same words. Invariants: nothing here decides
//! anything; no secret and no account name is ever told; labels come from closed enums.

mod exporter;
mod lag;
mod learning;
pub mod log;
pub mod metrics;
mod outcome;
mod partition;
mod pulse;
mod review;

pub use exporter::{Exporter, answer, health};
pub use lag::Lags;
pub use learning::LearningGauges;
pub use log::LogFormat;
pub use metrics::{Metrics, Shows};
pub use partition::{EngineGauges, PartitionLabels, Share};
pub use pulse::{LOAD, Pulse, Pulses};
pub use review::ReviewGauges;
