//! The archive in one SQLite file, for a single process.
//!
//! Separate from ClickHouse's, which holds the same for many. Invariants: one writer; a batch, what it counts and how far
//! the source was taken are one transaction; readers never stop the writer (WAL).

mod expire;
mod history;
mod insert;
mod latest;
mod open;
mod scan;
mod shadow;
mod writer;

pub use history::History;
pub use latest::Latest;
pub use writer::Writer;
