//! Events from Apache Kafka: a consumer group, one queue a partition, and what a record must be to be taken.
//!
//! Separate from files and from the journal, which share the decoding alone. Invariants: offsets are committed only by the
//! caller's word; a partition's records come from its own queue, in order, to whoever owns it; a record is refused, never
//! dropped.

mod admission;
mod consumer;
mod context;
mod murmur2;
mod queue;
mod tail;
mod topic;

pub use admission::{Admission, Record, SigningKeys};
pub use consumer::{Assignment, Change, Consumer, SESSION_TIMEOUT_MS};
pub use murmur2::partition_of;
pub use queue::{Batch, Message, PartitionQueue};
pub use tail::tail;
