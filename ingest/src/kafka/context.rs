//! What librdkafka calls back about a member: what the group said, and what became of commits.
//!
//! Separate from the member, which is called and never calls. Invariants: nothing that the group said is forgotten until the caller
//! is there to hear it; after the end the group is answered at once; a commit that failed is told once, by partition.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use rdkafka::bindings::rd_kafka_resp_err_t;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::consumer::{Assignment, assignments};

/// What was heard and not yet told.
#[derive(Default)]
pub(super) struct Context {
    /// Whether partitions were assigned (or revoked), and which.
    changes: Mutex<Vec<(bool, Vec<Assignment>)>>,
    uncommitted: Mutex<BTreeSet<Assignment>>,
    closing: AtomicBool,
}

impl Context {
    /// The oldest change that was not told: whether partitions were assigned, and which.
    pub fn said(&self) -> Option<(bool, Vec<Assignment>)> {
        let mut changes = held(&self.changes);
        if changes.is_empty() { None } else { Some(changes.remove(0)) }
    }

    /// Partitions whose last commit failed.
    pub fn uncommitted(&self) -> Vec<Assignment> {
        std::mem::take(&mut *held(&self.uncommitted)).into_iter().collect()
    }

    /// From now on the group is answered at once.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the broker is not well");
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        client: &BaseConsumer<Self>,
        what: rd_kafka_resp_err_t,
        list: &mut TopicPartitionList,
    ) {
        let assigned = what == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // Everything was finished before: the group only wants to hear it. What was never read cannot be unassigned.
            let answered = if assigned {
                client.incremental_assign(&TopicPartitionList::new())
            } else {
                client.assignment().and_then(|mine| client.incremental_unassign(&mine))
            };
            if let Err(error) = answered {
                tracing::debug!(%error, "the group was left without a farewell");
            }
            return;
        }
        held(&self.changes).push((assigned, assignments(list)));
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        match result {
            Ok(()) => {}
            // There was nothing to be committed.
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => {}
            Err(error) => {
                tracing::warn!(%error, "offsets were not committed; they are committed again");
                held(&self.uncommitted).extend(assignments(offsets));
            }
        }
    }
}

fn held<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().expect("nobody panics while holding it")
}
