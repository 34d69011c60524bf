//! Records out: decisions, standing, rejects, rows and events as NDJSON, to files or standard output, and to Kafka; tables of rows;
//! the archive; and checkpoints.
//!
//! Separate, so that neither the core nor the inputs know where results go. Invariants: a record is written whole or
//! not at all within this process's buffer; the same records give the same bytes; depends on `schema` alone.

pub mod archive;
pub mod checkpoint;
pub mod clickhouse;
mod connector;
pub mod error;
pub mod file;
pub mod kafka;
pub mod parquet;
pub mod sqlite;

pub use archive::Retention;
pub use connector::{Connector, connector};
pub use error::Error;
pub use file::{File, Record};
