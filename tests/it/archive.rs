//! The archive: one suite for both stores, and the role that fills ClickHouse from Kafka.
//!
//! Separate from the crates, because only here are real servers.

mod conformance;
pub mod store;
mod traffic;
