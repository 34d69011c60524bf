//! Events in: Kafka; lines of files and standard input, plain or compressed; converters of public data sets.
//!
//! Separate, so that the core never meets a file and the outputs never meet an input. Invariants: memory is bounded
//! whatever the input; every line that is not blank becomes exactly one record or one refusal; depends on `schema` alone.

pub mod budget;
pub mod error;
pub mod http;
pub mod import;
pub mod journal;
pub mod kafka;
pub mod ledger;
pub mod lines;
pub mod parquet;
pub mod source;

pub use budget::{Budget, BudgetLimits};
pub use error::Error;
pub use ledger::Ledger;
pub use lines::{Line, Lines};
pub use source::Source;
