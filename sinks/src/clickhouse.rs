//! The archive in ClickHouse.
//!
//! Separate from SQLite's, which holds the same for a single process. Invariants: what is inserted twice is told once, by
//! keys and by counts that are sets; nothing here retries but [`Writer::insert_until_done`]; `Replicated` tables are text
//! alone ([`statements`]) and are not run by the tests.

mod batch;
mod client;
mod error;
mod history;
mod migrate;
mod row_binary;
mod scan;
mod shadow;
mod table;
mod writer;

pub use batch::{Batch, Sealed};
pub use client::Server;
pub use history::History;
pub use migrate::{Layout, statements};
pub use writer::Writer;
