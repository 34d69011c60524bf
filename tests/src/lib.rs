//! The harness of the tests that look at the whole: the workspace's sources and arrows, the built `weir` binary,
//! and real servers.
//!
//! Separate from the tests, so that they are data. Invariant: nothing here knows what a test expects.

pub mod browser;
pub mod clickhouse;
pub mod clock;
pub mod disk;
pub mod figures;
pub mod http;
pub mod kafka;
pub mod load;
pub mod python;
#[cfg(feature = "cloud")]
pub mod s3;
pub mod tidy;
pub mod tls;
pub mod up;
pub mod weir;
pub mod workspace;
