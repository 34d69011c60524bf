//! Records out to Apache Kafka, and the topics themselves.
//!
//! Separate from files, which have no acknowledgements. Invariants: an idempotent producer, so that a retry is no repeat and
//! an account's records keep their order; nothing counts as written before the broker said so; after a failure nothing
//! more is sent, since a later record must not overtake a lost one.

mod held;
mod patient;
mod producer;
mod reach;
mod signature;
mod topics;

pub use producer::{Delivery, Producer, ProducerOptions};
pub use reach::reach;
pub use signature::Signer;
pub use topics::{Admin, TopicPlan};
