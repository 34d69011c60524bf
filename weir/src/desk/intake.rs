//! What a record of a topic is to the desk.
//!
//! Separate from the loop, so that it can be shown records without a broker. Invariants: the desk folds what the engines took and
//! nothing else: a record in a wrong partition, under another key, over a limit or forged is passed over, since its reject is the
//! worker's; a record that the desk has no place for costs a search for three words, not a decoding.

use ingest::kafka::{Admission, Record};
use memchr::memmem::Finder;
use schema::desk::{Arrived, Entry};
use schema::limits::{FUTURE_MS_MAX, LINE_BYTES_MAX};
use schema::{
    Body, CONTENT_TYPE_PROTOBUF, Control, Decision, Event, Reject, RejectReason, Review, Topic, Versions,
};

use crate::wanted;

/// Something that is not folded, but known.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Somebody wants a version.
    Wanted(Control),
    /// A partition of events was told to decide by what the control of this id wants.
    Told {
        /// The control's id.
        control: String,
        /// The partition.
        partition: u32,
    },
    /// What a decision was made by.
    Deciding(Versions),
    /// The engine of a partition refused the activation at this place of events.
    Refused {
        /// The partition.
        partition: u32,
        /// The offset.
        offset: u64,
    },
}

/// What a record is.
#[derive(Debug, Default, PartialEq)]
pub struct Taken {
    /// To be folded.
    pub entry: Option<Entry>,
    /// To be known.
    pub news: Option<News>,
}

/// Takes the records of one partition.
pub struct Intake {
    topic: Topic,
    admission: Admission,
    kinds: Vec<Finder<'static>>,
}

impl Intake {
    /// Takes records of `topic` in the partition of `admission`.
    pub fn new(topic: Topic, admission: Admission) -> Self {
        let kinds: &[&str] = &["report", "appeal", "deletion", "activate"];
        let kinds = kinds.iter().map(|kind| Finder::new(kind.as_bytes()).into_owned()).collect();
        Self { topic, admission, kinds }
    }

    /// What the record is, whose place in its partition is `offset`.
    pub fn take(&self, offset: u64, record: &Record<'_>) -> Taken {
        let at = record.at.unwrap_or(0);
        let folded = |arrived| Some(Entry { position: offset, at, arrived });
        match self.topic {
            Topic::Events => self.event(record).map_or_else(Taken::default, |(arrived, news)| Taken {
                entry: arrived.and_then(folded),
                news,
            }),
            Topic::Reviews => {
                Taken { entry: self.review(record).map(Arrived::Review).and_then(folded), news: None }
            }
            Topic::Decisions => match self.decision(record) {
                None => Taken::default(),
                Some(decision) => {
                    let news = Some(News::Deciding(decision.versions.clone()));
                    Taken { entry: folded(Arrived::Decision(decision)), news }
                }
            },
            Topic::Control => {
                let control = record.value.and_then(|value| wanted::control(value).ok());
                Taken { entry: None, news: control.map(News::Wanted) }
            }
            Topic::Rejects => Taken { entry: None, news: refused(record) },
            Topic::Standing | Topic::Relations | Topic::Rows => Taken::default(),
        }
    }

    fn event(&self, record: &Record<'_>) -> Option<(Option<Arrived>, Option<News>)> {
        let value = record.value?;
        let is_protobuf = record.content_type == Some(CONTENT_TYPE_PROTOBUF.as_bytes());
        if !is_protobuf && !self.kinds.iter().any(|kind| kind.find(value).is_some()) {
            return None;
        }
        let raw = self.admission.decode(record).ok()?;
        let event = raw.event().ok()??;
        if let Body::Activate(activate) = &event.body {
            self.admission.check(record, &event).ok()?;
            let (control, partition) = (activate.control.to_owned(), self.admission.partition);
            return Some((None, Some(News::Told { control, partition })));
        }
        let opens_or_closes =
            matches!(event.body, Body::Report { .. } | Body::Appeal { .. } | Body::Deletion);
        let is_ahead = event.ts > event.at.unwrap_or(event.ts).saturating_add(FUTURE_MS_MAX);
        if !opens_or_closes || is_ahead || self.admission.check(record, &event).is_err() {
            return None;
        }
        Some((Some(Arrived::Event(text(&event))), None))
    }

    fn review(&self, record: &Record<'_>) -> Option<Review> {
        let value = record.value.filter(|value| value.len() <= LINE_BYTES_MAX)?;
        let review: Review = serde_json::from_slice(value).ok()?;
        review.check().ok()?;
        self.admission.check_place(record, &review.account).ok()?;
        Some(review)
    }

    fn decision(&self, record: &Record<'_>) -> Option<Decision> {
        let value = record.value.filter(|value| value.len() <= LINE_BYTES_MAX)?;
        let decision: Decision = serde_json::from_slice(value).ok()?;
        self.admission.check_place(record, &decision.account).ok()?;
        Some(decision)
    }
}

/// The place of an activation that was refused, if a reject tells of one.
fn refused(record: &Record<'_>) -> Option<News> {
    let reject: Reject = serde_json::from_slice(record.value?).ok()?;
    let is_ours =
        reject.reason == RejectReason::ArtifactMissing && reject.source.ends_with(Topic::Events.word());
    is_ours.then_some(News::Refused { partition: reject.partition, offset: reject.offset })
}

/// The event as one JSON object.
fn text(event: &Event<'_>) -> String {
    let mut bytes = Vec::new();
    schema::json::encode(event, &mut bytes);
    bytes.pop(); // Without a line's end.
    String::from_utf8(bytes).expect("JSON of texts is text")
}

#[cfg(test)]
mod tests {
    use ingest::kafka::{SigningKeys, partition_of};
    use sinks::kafka::Signer;

    use super::*;

    const AT: u64 = 1_762_128_000_500;
    const REPORT: &str =
        r#"{"id":"e","ts":1762128000000,"kind":"report","account":"a_1","peer":"p","reason":"threat"}"#;

    fn intake(topic: Topic) -> Intake {
        let partition = partition_of(b"a_1", 12);
        Intake::new(
            topic,
            Admission { partition, partitions: 12, keys: Some(SigningKeys::new(&[b"secret"])) },
        )
    }

    fn record<'a>(key: &'a str, value: &'a str) -> Record<'a> {
        Record { key: Some(key.as_bytes()), value: Some(value.as_bytes()), at: Some(AT), ..Record::default() }
    }

    #[test]
    fn what_opens_or_closes_a_case_is_folded_as_the_engine_took_it() {
        let events = intake(Topic::Events);
        let taken = events.take(7, &record("a_1", REPORT)).entry.expect("a report");
        assert_eq!((taken.position, taken.at), (7, AT));
        let Arrived::Event(text) = taken.arrived else { panic!("an event") };
        let raw = schema::json::decode(text.as_bytes()).expect("it is one");
        assert_eq!(raw.event().expect("fine").expect("known").account, "a_1");
        let ahead = REPORT.replace("1762128000000", "1762129000000");
        let message = REPORT.replace("report", "session");
        for (key, value) in [("a_2", REPORT), ("a_1", &*ahead), ("a_1", &*message), ("a_1", "report")] {
            assert_eq!(events.take(7, &record(key, value)), Taken::default(), "{value}");
        }
        assert_eq!(events.take(7, &Record { value: None, ..record("a_1", "") }), Taken::default());
    }

    #[test]
    fn a_report_in_protobuf_is_one_too() {
        let mut bytes = Vec::new();
        let raw = schema::json::decode(REPORT.as_bytes()).expect("it is JSON");
        schema::protobuf::encode_raw(&raw, &mut bytes);
        let (value, content_type) = (Some(&*bytes), Some(&b"application/x-protobuf"[..]));
        let record = Record { value, content_type, ..record("a_1", "") };
        assert!(intake(Topic::Events).take(7, &record).entry.is_some());
    }

    #[test]
    fn an_activation_is_believed_with_weirs_signature_alone() {
        let text = r#"{"id":"c","at":1762128000000,"by":"r","kind":"policy","name":"strict","version":"7"}"#;
        let control = wanted::control(text.as_bytes()).expect("a control");
        assert_eq!(
            intake(Topic::Control).take(0, &record("strict", text)).news,
            Some(News::Wanted(control.clone()))
        );
        let id = control.event_id(0);
        let mut value = Vec::new();
        schema::json::encode(&control.activation(&id, "a_1", AT), &mut value);
        value.pop();
        let signature = Signer::new(b"secret").sign(&value);
        let bare = Record { value: Some(&value), ..record("a_1", "") };
        let signed = Record { signature: Some(&signature), ..bare };
        assert_eq!(intake(Topic::Events).take(0, &bare), Taken::default());
        let told = News::Told { control: "c".to_owned(), partition: partition_of(b"a_1", 12) };
        assert_eq!(intake(Topic::Events).take(0, &signed).news, Some(told));
    }

    #[test]
    fn a_review_under_another_key_or_against_the_contract_is_passed_over() {
        let review =
            format!(r#"{{"id":"v","case":"c","account":"a_1","at":{AT},"actor":"r","act":"claim"}}"#);
        let reviews = intake(Topic::Reviews);
        assert!(matches!(
            reviews.take(0, &record("a_1", &review)).entry,
            Some(Entry { arrived: Arrived::Review(_), .. })
        ));
        let verdict = review.replace("claim", "verdict");
        for (key, value) in [("a_2", &*review), ("a_1", &*verdict), ("a_1", "{")] {
            assert_eq!(reviews.take(0, &record(key, value)), Taken::default(), "{value}");
        }
    }
}
