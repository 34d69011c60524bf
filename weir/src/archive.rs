//! The archive role on Apache Kafka: what lies in the topics, into ClickHouse.
//!
//! Separate from the worker, which never waits for a store. Invariants: an offset is committed only after ClickHouse took
//! every record before it; a batch that is inserted again changes nothing; while ClickHouse is down one batch waits, and
//! the rest stays in the log.

mod call;
mod deletions;
mod group;
mod intake;
mod plan;

pub use plan::Plan;

use crate::error::{Error, Outcome};
use crate::run;

/// Works until somebody asks it to end.
pub fn run(plan: Plan) -> Result<Outcome, Error> {
    run::start_logging();
    run::runtime()?.block_on(group::run(plan))
}
