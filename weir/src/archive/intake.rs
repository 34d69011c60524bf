//! What a record of a topic must be to be archived.
//!
//! Separate from the loop, so that it can be shown records without a broker. Invariants: a record is archived as what it
//! is, as a reject, or passed over; never two of them. A refused *event* is passed over, since the worker wrote its reject
//! already. No record, whatever it says, makes ClickHouse refuse the batch that it is in.

use ingest::kafka::{Admission, Record as LogRecord};
use schema::limits::{
    ARCHIVE_AGE_MS_MAX, ENTITY_BYTES_MAX, FUTURE_MS_MAX, LINE_BYTES_MAX, REJECT_DETAIL_BYTES_MAX,
};
use schema::{Decision, Refusal, Reject, RejectReason, Review, Row, Topic};
use serde::de::DeserializeOwned;
use sinks::archive::Record;
use sinks::clickhouse::Batch;

/// Takes the records of one partition.
pub struct Intake {
    topic: Topic,
    name: String,
    admission: Admission,
}

/// What became of a record, in the order of the metric's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in the batch.
    Kept,
    /// It is no record of its topic, and is in the batch as a reject.
    Refused,
    /// The worker refused it or does not know its kind: its reject comes by way of the rejects, if there is one.
    Passed,
}

impl Intake {
    /// Takes records of `topic`, whose whole name is `name`, in the partition of `admission`.
    pub fn new(topic: Topic, name: String, admission: Admission) -> Self {
        Self { topic, name, admission }
    }

    /// Puts a record into the batch.
    pub fn take(&self, offset: u64, record: &LogRecord<'_>, batch: &mut Batch) -> Taken {
        match self.keep(offset, record, batch) {
            Ok(true) => Taken::Kept,
            Ok(false) => Taken::Passed,
            Err(_) if self.topic == Topic::Events => Taken::Passed,
            Err(refusal) => {
                let raw = record.value.unwrap_or_default();
                let mut reject = Reject::new(refusal, &self.name, offset, record.at.unwrap_or(0), raw);
                reject.partition = self.admission.partition;
                batch.push(&Record::Reject(&reject));
                Taken::Refused
            }
        }
    }

    fn keep(&self, offset: u64, record: &LogRecord<'_>, batch: &mut Batch) -> Result<bool, Refusal> {
        match self.topic {
            Topic::Events => return self.keep_event(offset, record, batch),
            Topic::Decisions => {
                let decision: Decision = decode(record)?;
                check(record, &decision.account, decision.issued)?;
                batch.push(&Record::Decision(&decision));
            }
            Topic::Rows => {
                let row: Row = decode(record)?;
                check(record, &row.account, row.at)?;
                batch.push(&Record::Row(&row));
            }
            Topic::Reviews => {
                let review: Review = decode(record)?;
                check(record, &review.account, review.at)?;
                batch.push(&Record::Review(&review));
            }
            Topic::Rejects => {
                let mut reject: Reject = decode(record)?;
                if reject.at == 0 {
                    // Nothing had come before it: it is as old as its place in the log.
                    reject.at = record.at.unwrap_or(0);
                }
                check_time(record, reject.at)?;
                check_length("detail", &reject.detail, REJECT_DETAIL_BYTES_MAX)?;
                batch.push(&Record::Reject(&reject));
            }
            Topic::Standing | Topic::Relations | Topic::Control => return Ok(false),
        }
        Ok(true)
    }

    fn keep_event(&self, offset: u64, record: &LogRecord<'_>, batch: &mut Batch) -> Result<bool, Refusal> {
        let raw = self.admission.decode(record)?;
        let Some(event) = raw.event()? else { return Ok(false) };
        self.admission.check(record, &event)?;
        let at = event.at.unwrap_or(event.ts);
        if event.ts > at.saturating_add(FUTURE_MS_MAX) {
            return Ok(false); // As the engine has it.
        }
        batch.push(&Record::Event { partition: self.admission.partition, offset, at, event: &event });
        Ok(true)
    }
}

fn decode<T: DeserializeOwned>(record: &LogRecord<'_>) -> Result<T, Refusal> {
    let Some(value) = record.value else {
        return Err(Refusal::new(RejectReason::Malformed, "the record has no value"));
    };
    if value.len() > LINE_BYTES_MAX {
        return Err(Refusal::new(RejectReason::TooLong, format!("{} bytes", value.len())));
    }
    serde_json::from_slice(value).map_err(|error| Refusal::new(RejectReason::Malformed, error.to_string()))
}

/// A record of an account lies under its account, at about its time.
fn check(record: &LogRecord<'_>, account: &str, time: u64) -> Result<(), Refusal> {
    if account.is_empty() {
        return Err(Refusal::new(RejectReason::EmptyId, "account: empty"));
    }
    check_length("account", account, ENTITY_BYTES_MAX)?;
    if record.key != Some(account.as_bytes()) {
        return Err(Refusal::new(RejectReason::KeyMismatch, format!("the key is not its account {account}")));
    }
    check_time(record, time)
}

fn check_length(field: &str, text: &str, bytes_max: usize) -> Result<(), Refusal> {
    if text.len() > bytes_max {
        return Err(Refusal::new(RejectReason::IdTooLong, format!("{field}: {} bytes", text.len())));
    }
    Ok(())
}

/// ClickHouse keeps a partition for each day, so a record may not name any day it likes.
fn check_time(record: &LogRecord<'_>, time: u64) -> Result<(), Refusal> {
    let at = record.at.unwrap_or(time);
    if time > at.saturating_add(FUTURE_MS_MAX) || time < at.saturating_sub(ARCHIVE_AGE_MS_MAX) {
        return Err(Refusal::new(RejectReason::BadTime, format!("{time}, and the log took it at {at}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 1_762_128_000_500;

    fn take(topic: Topic, key: &str, value: Option<&str>) -> (Taken, usize) {
        let partition = ingest::kafka::partition_of(b"a_1", 12);
        let admission = Admission { partition, partitions: 12, keys: None };
        let record = LogRecord {
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            at: Some(AT),
            ..LogRecord::default()
        };
        let mut batch = Batch::default();
        let taken = Intake::new(topic, format!("weir.{topic}"), admission).take(7, &record, &mut batch);
        (taken, batch.records())
    }

    fn review(at: u64) -> String {
        format!(r#"{{"id":"v","case":"c","account":"a_1","at":{at},"actor":"r","act":"note"}}"#)
    }

    #[test]
    fn what_is_no_record_of_its_topic_becomes_a_reject_and_an_events_reject_is_the_workers() {
        let good = review(AT);
        assert_eq!(take(Topic::Reviews, "a_1", Some(&good)), (Taken::Kept, 1));
        for (key, value) in [("a_1", None), ("a_1", Some("{")), ("a_2", Some(good.as_str()))] {
            assert_eq!(take(Topic::Reviews, key, value), (Taken::Refused, 1));
        }
        for topic in [Topic::Decisions, Topic::Rows, Topic::Rejects] {
            assert_eq!(take(topic, "a_1", Some(&good)), (Taken::Refused, 1));
        }
        assert_eq!(take(Topic::Events, "a_1", Some("{")), (Taken::Passed, 0));
    }

    #[test]
    fn a_record_may_not_name_any_day_it_likes() {
        for at in [0, AT - ARCHIVE_AGE_MS_MAX - 1, AT + FUTURE_MS_MAX + 1, u64::MAX] {
            assert_eq!(take(Topic::Reviews, "a_1", Some(&review(at))), (Taken::Refused, 1), "{at}");
        }
        for at in [AT - ARCHIVE_AGE_MS_MAX, AT + FUTURE_MS_MAX] {
            assert_eq!(take(Topic::Reviews, "a_1", Some(&review(at))), (Taken::Kept, 1), "{at}");
        }
    }

    #[test]
    fn an_event_is_archived_as_the_worker_takes_it() {
        let event = |ts: u64| format!(r#"{{"id":"e","ts":{ts},"kind":"session","account":"a_1"}}"#);
        assert_eq!(take(Topic::Events, "a_1", Some(&event(AT))), (Taken::Kept, 1));
        assert_eq!(take(Topic::Events, "a_2", Some(&event(AT))), (Taken::Passed, 0));
        assert_eq!(take(Topic::Events, "a_1", Some(&event(AT + FUTURE_MS_MAX + 1))), (Taken::Passed, 0));
        let forged =
            r#"{"id":"e","ts":1762128000000,"kind":"verdict","account":"a_1","verdict":"ban","actor":"r"}"#;
        assert_eq!(take(Topic::Events, "a_1", Some(forged)), (Taken::Passed, 0));
    }
}
