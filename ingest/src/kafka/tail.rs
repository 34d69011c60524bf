//! Everything that a partition holds now, once: how a compacted topic is loaded.
//!
//! Separate from the group, of which this reader is no member. Invariant: every record up to the end, as it stood at the
//! start, is given in order, or there is an error, or whoever is given them wants no more.

use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::admission::Record;
use super::consumer::{Assignment, settings_error};
use crate::error::Error;

/// How long the broker may be silent.
const ANSWER: Duration = Duration::from_secs(20);

/// Gives every record of the partition to `each`, its key, value and time, until it breaks off. `settings`: librdkafka's properties.
///
/// # Errors
/// If the broker does not answer, or the records do not come.
pub fn tail(
    brokers: &str,
    settings: &[(String, String)],
    of: &Assignment,
    mut each: impl FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let fail =
        |error: &KafkaError| Error::Broker(format!("cannot load {} {}: {error}", of.topic, of.partition));
    let mut config = ClientConfig::new();
    // The client wants a group's name; nothing is ever committed under it.
    config.set("client.id", "weir").set("bootstrap.servers", brokers).set("group.id", "weir-loads");
    for (key, value) in settings {
        config.set(key, value);
    }
    for (key, value) in
        [("enable.auto.commit", "false"), ("auto.offset.reset", "error"), ("enable.partition.eof", "true")]
    {
        config.set(key, value);
    }
    let client: BaseConsumer = config.create().map_err(settings_error)?;
    let partition = i32::try_from(of.partition).expect("it came from the broker, where it is one");
    let (low, high) = client.fetch_watermarks(&of.topic, partition, ANSWER).map_err(|error| fail(&error))?;
    if low >= high {
        return Ok(());
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&of.topic, partition, Offset::Beginning).map_err(|error| fail(&error))?;
    client.assign(&list).map_err(|error| fail(&error))?;
    loop {
        match client.poll(ANSWER) {
            None => {
                let silent =
                    KafkaError::MessageConsumption(rdkafka::error::RDKafkaErrorCode::OperationTimedOut);
                return Err(fail(&silent));
            }
            // Also where the last records were compacted away.
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) => return Err(fail(&error)),
            Some(Ok(message)) if message.offset() < high => {
                let at = message.timestamp().to_millis().and_then(|at| u64::try_from(at).ok());
                let record = Record { key: message.key(), value: message.payload(), at, ..Record::default() };
                if each(record).is_break() || message.offset() + 1 == high {
                    return Ok(());
                }
            }
            Some(Ok(_)) => return Ok(()),
        }
    }
}
