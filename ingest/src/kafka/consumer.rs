//! The member of the consumer group: what it is given, what is taken from it, how far it got.
//!
//! Separate from the partitions' queues, which their owners read. Invariants: nothing is assigned or given up but by the
//! caller's word, after the caller has made ready or finished; offsets are committed by hand alone; an offset that the
//! broker no longer has is an error, never a silent jump.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Context;
use super::queue::PartitionQueue;
use super::topic;
use crate::error::Error;

/// How long the broker may take to answer a question, s.
const ANSWER_S: u64 = 20;

/// How long the group waits for a silent member unless the settings say otherwise, ms.
pub const SESSION_TIMEOUT_MS: u64 = 45_000;

/// What a member has unless the caller says otherwise; the caller's own settings win.
const DEFAULTS: &[(&str, &str)] = &[
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("max.poll.interval.ms", "300000"),
    // Records that were fetched and not yet read, for each partition: the bound of memory while reading pauses.
    ("queued.max.messages.kbytes", "16384"),
    ("fetch.message.max.bytes", "4194304"),
    ("fetch.queue.backoff.ms", "20"),
    // Waiting costs latency: the broker answers as soon as it has anything.
    ("fetch.min.bytes", "1"),
    ("fetch.wait.max.ms", "100"),
    ("reconnect.backoff.max.ms", "2000"),
];

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assignment {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
}

/// What the group said.
#[derive(Debug)]
pub enum Change {
    /// These are ours as soon as [`Consumer::assign`] says so.
    Assigned(Vec<Assignment>),
    /// These are to be finished, and given up with [`Consumer::unassign`]. `lost`: another member may already have them.
    Revoked {
        /// Which.
        partitions: Vec<Assignment>,
        /// Nothing may be committed or written any more.
        lost: bool,
    },
    /// The member cannot go on.
    Failed(Error),
}

/// The member. All calls may come from any thread; one thread must keep calling [`Consumer::poll`].
pub struct Consumer {
    client: Arc<BaseConsumer<Context>>,
}

impl Consumer {
    /// Joins `group` on `brokers` and asks for `topics`. `settings`: librdkafka's properties.
    ///
    /// # Errors
    /// If a setting is wrong.
    pub fn open(
        (brokers, group): (&str, &str),
        topics: &[String],
        settings: &[(String, String)],
    ) -> Result<Self, Error> {
        let consumer = Self::connect((brokers, group), settings)?;
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.client.subscribe(&topics).map_err(|error| broker("subscribe", &error))?;
        Ok(consumer)
    }

    /// A member of no group: it reads what [`Consumer::assign`] says, commits nothing, and is told the end of each partition
    /// ([`super::Message::is_end`]) whenever it comes to it.
    ///
    /// # Errors
    /// If a setting is wrong.
    pub fn alone((brokers, name): (&str, &str), settings: &[(String, String)]) -> Result<Self, Error> {
        let end = ("enable.partition.eof".to_owned(), "true".to_owned());
        let settings: Vec<(String, String)> = settings.iter().cloned().chain([end]).collect();
        Self::connect((brokers, name), &settings)
    }

    fn connect((brokers, group): (&str, &str), settings: &[(String, String)]) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        config.set("client.id", "weir").set("bootstrap.servers", brokers).set("group.id", group);
        config.set("session.timeout.ms", SESSION_TIMEOUT_MS.to_string());
        for (key, value) in DEFAULTS {
            config.set(*key, *value);
        }
        for (key, value) in settings {
            config.set(key, value);
        }
        let client: BaseConsumer<Context> =
            config.create_with_context(Context::default()).map_err(settings_error)?;
        Ok(Self { client: Arc::new(client) })
    }

    /// Serves the group for at most `wait`; gives what it said.
    pub fn poll(&self, wait: Duration) -> Option<Change> {
        let polled = self.client.poll(wait);
        if let Some((assigned, partitions)) = self.client.context().said() {
            return Some(if assigned {
                Change::Assigned(partitions)
            } else {
                Change::Revoked { partitions, lost: self.client.assignment_lost() }
            });
        }
        match polled? {
            // Every partition has a queue of its own: a record here would be one that nobody owns.
            Ok(_) => Some(Change::Failed(Error::Broker("a record came outside of its partition".to_owned()))),
            Err(error) if is_passing(&error) => {
                tracing::warn!(%error, "the broker does not answer; trying again");
                None
            }
            Err(error) => Some(Change::Failed(broker("consume", &error))),
        }
    }

    /// The queue of a partition that was [`Change::Assigned`], before it is assigned.
    ///
    /// # Errors
    /// If the client cannot make one.
    pub fn queue(&self, of: &Assignment) -> Result<PartitionQueue, Error> {
        PartitionQueue::split(&self.client, &of.topic, partition_number(of))
            .ok_or_else(|| Error::Broker(format!("no queue for {} {}", of.topic, of.partition)))
    }

    /// Takes partitions, each from an offset on; `None`: from the oldest record that the log still has.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn assign(&self, partitions: &[(Assignment, Option<u64>)]) -> Result<(), Error> {
        let list = self.list(partitions)?;
        self.client.incremental_assign(&list).map_err(|error| broker("assign", &error))
    }

    /// Gives partitions up.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn unassign(&self, partitions: &[Assignment]) -> Result<(), Error> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for of in partitions {
            list.add_partition(&of.topic, partition_number(of));
        }
        self.client.incremental_unassign(&list).map_err(|error| broker("unassign", &error))
    }

    /// Reads a partition that is assigned on from another offset. One whose offset the broker no longer had is read by nobody since,
    /// and cannot be sought: it is taken anew.
    ///
    /// # Errors
    /// If the client refuses.
    pub fn seek(&self, of: &Assignment, offset: Option<u64>) -> Result<(), Error> {
        let list = self.list(&[(of.clone(), offset)])?;
        let sought = self.client.seek_partitions(list, Duration::from_secs(ANSWER_S));
        let sought = sought.map_err(|error| broker("seek", &error))?;
        match sought.elements().iter().find_map(|one| one.error().err()) {
            None => Ok(()),
            Some(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::State) => {
                self.unassign(std::slice::from_ref(of))?;
                self.assign(&[(of.clone(), offset)])
            }
            Some(error) => Err(broker("seek", &error)),
        }
    }

    /// The committed offset of each partition; `None`: nothing was ever committed.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub fn committed(&self, partitions: &[Assignment]) -> Result<Vec<Option<u64>>, Error> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for of in partitions {
            list.add_partition(&of.topic, partition_number(of));
        }
        let answer = self
            .client
            .committed_offsets(list, Duration::from_secs(ANSWER_S))
            .map_err(|error| broker("ask for committed offsets", &error))?;
        Ok(partitions.iter().map(|of| offset_in(&answer, of)).collect())
    }

    /// Oldest and next offset of a partition.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub fn watermarks(&self, of: &Assignment) -> Result<(u64, u64), Error> {
        let answer =
            self.client.fetch_watermarks(&of.topic, partition_number(of), Duration::from_secs(ANSWER_S));
        let (low, high) = answer.map_err(|error| broker("ask for offsets", &error))?;
        Ok((low.unsigned_abs(), high.unsigned_abs()))
    }

    /// The next offset of each partition, all with one question to each of their leaders; `None`: the leader does not know.
    ///
    /// # Errors
    /// If the broker does not answer within `wait`.
    pub fn ends(&self, partitions: &[Assignment], wait: Duration) -> Result<Vec<Option<u64>>, Error> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for of in partitions {
            // In place of a time, the end of the partition.
            list.add_partition_offset(&of.topic, partition_number(of), Offset::End)
                .map_err(|error| broker("name an offset", &error))?;
        }
        let answer = self.client.offsets_for_times(list, wait);
        let answer = answer.map_err(|error| broker("ask for ends", &error))?;
        Ok(partitions.iter().map(|of| offset_in(&answer, of)).collect())
    }

    /// Partitions of a topic; 0: there is no such topic.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub fn partitions(&self, topic: &str) -> Result<u32, Error> {
        let answer = self.client.fetch_metadata(Some(topic), Duration::from_secs(ANSWER_S));
        let answer = answer.map_err(|error| broker("ask for the topic", &error))?;
        let found = answer.topics().iter().find(|found| found.name() == topic);
        Ok(found.map_or(0, |found| u32::try_from(found.partitions().len()).unwrap_or(u32::MAX)))
    }

    /// Which topic a name stands for now: one that is deleted and made anew has another id.
    ///
    /// # Errors
    /// If the broker does not answer, or knows no such topic.
    pub fn topic_id(&self, topic: &str) -> Result<u128, Error> {
        topic::id(self.client.client(), topic)
    }

    /// Commits offsets; `wait`: until the broker has them. If nobody waits, what became of it is heard of in
    /// [`Consumer::uncommitted`].
    ///
    /// # Errors
    /// If the broker refuses, or the partitions are another's by now.
    pub fn commit(&self, offsets: &[(Assignment, u64)], wait: bool) -> Result<(), Error> {
        if offsets.is_empty() {
            return Ok(());
        }
        let offsets: Vec<_> = offsets.iter().map(|(of, offset)| (of.clone(), Some(*offset))).collect();
        let mode = if wait { CommitMode::Sync } else { CommitMode::Async };
        self.client.commit(&self.list(&offsets)?, mode).map_err(|error| broker("commit", &error))
    }

    /// Partitions whose offsets the broker did not take, though [`Consumer::commit`] sent them: each is told once.
    pub fn uncommitted(&self) -> Vec<Assignment> {
        self.client.context().uncommitted()
    }

    /// From now on the group is answered at once: everything was finished.
    pub fn close(&self) {
        self.client.context().close();
    }

    fn list(&self, partitions: &[(Assignment, Option<u64>)]) -> Result<TopicPartitionList, Error> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (of, offset) in partitions {
            list.add_partition_offset(&of.topic, partition_number(of), place(*offset)?)
                .map_err(|error| broker("name an offset", &error))?;
        }
        Ok(list)
    }
}

fn offset_in(answer: &TopicPartitionList, of: &Assignment) -> Option<u64> {
    match answer.find_partition(&of.topic, partition_number(of))?.offset() {
        Offset::Offset(offset) => u64::try_from(offset).ok(),
        _ => None,
    }
}

fn place(offset: Option<u64>) -> Result<Offset, Error> {
    let Some(offset) = offset else { return Ok(Offset::Beginning) };
    let offset = i64::try_from(offset).map_err(|_| Error::Broker(format!("no offset: {offset}")))?;
    Ok(Offset::Offset(offset))
}

pub(super) fn assignments(list: &TopicPartitionList) -> Vec<Assignment> {
    let mut partitions: Vec<Assignment> = list
        .elements()
        .iter()
        .map(|of| Assignment { topic: of.topic().to_owned(), partition: of.partition().unsigned_abs() })
        .collect();
    partitions.sort();
    partitions
}

fn partition_number(of: &Assignment) -> i32 {
    i32::try_from(of.partition).expect("it came from the broker, where it is one")
}

/// Errors that librdkafka itself recovers from. Refusals are among them: when the member started, the brokers let it in.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut
                | Code::NotCoordinator
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::PollExceeded
                | Code::Authentication
                | Code::SSL
        )
    )
}

/// What is wrong with a setting, by its name: the value may be a secret.
pub(super) fn settings_error(error: KafkaError) -> Error {
    Error::Settings(match error {
        KafkaError::ClientConfig(_, what, name, _) if what.contains(&name) => what,
        KafkaError::ClientConfig(_, what, name, _) => format!("{name}: {what}"),
        other => other.to_string(),
    })
}

fn broker(what: &str, error: &KafkaError) -> Error {
    Error::Broker(format!("cannot {what}: {error}"))
}
