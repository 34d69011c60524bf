//! The worker on Apache Kafka: a member of the group, and a thread for each partition that it owns.
//!
//! Separate from the embedded mode, which shares the engine alone. Invariants: a partition's engine, queue and producer belong
//! to one thread, and nothing is shared but counters; an offset is committed only when everything that it caused is
//! acknowledged; what a partition cannot finish, it gives up, and reads again.

mod control;
mod decide;
mod gauges;
mod group;
mod line;
mod listener;
mod loads;
mod logging;
mod outlet;
mod owner;
mod plan;
mod relate;
mod restore;
mod reviews;
mod seat;
mod takeover;

pub use listener::Listener;
pub use loads::Loads;
pub use logging::start as start_logging;
pub use plan::{Plan, Saving};

use crate::error::{Error, Outcome};

/// Works until somebody asks it to end.
pub fn run(plan: Plan) -> Result<Outcome, Error> {
    logging::start();
    runtime()?.block_on(group::run(plan))
}

/// A runtime beside the main loop, which sometimes waits for partitions: the store of checkpoints does not wait with it.
pub fn store_runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("weir-store")
        .enable_all()
        .build()
        .map_err(|error| Error::Role(format!("no thread for the store of checkpoints: {error}")))
}

/// A runtime of one thread: partitions have threads of their own.
pub fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Role(format!("the system gives no timers or signals: {error}")))
}
