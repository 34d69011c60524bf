//! Records to be archived: the golden corpus, and a stream made for counting.
//!
//! Separate from the checks. Invariant: times lie within a day before the time given, so that nothing is too old.

use harness::workspace;
use schema::{Decision, Event, RawEvent, Reject, Review, Row};
use sinks::archive::Record;

/// Records of every kind, owned.
#[derive(Default)]
pub struct Traffic {
    /// Partition, offset, `at`, and the event as JSON.
    pub events: Vec<(u32, u64, u64, String)>,
    pub decisions: Vec<Decision>,
    pub rows: Vec<Row>,
    pub reviews: Vec<Review>,
    pub rejects: Vec<Reject>,
}

fn golden(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(workspace::file(&format!("schema/golden/{name}"))).expect(name);
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

fn parsed<T: serde::de::DeserializeOwned>(name: &str) -> Vec<T> {
    golden(name).iter().map(|line| serde_json::from_str(line).expect(name)).collect()
}

impl Traffic {
    /// The golden corpus, a second apart, the newest at `now`; deletions are left out.
    pub fn golden(now: u64) -> Self {
        let lines =
            golden("events.ndjson").into_iter().filter(|line| !line.contains("\"kind\":\"deletion\""));
        let mut traffic = Self { rejects: parsed("rejects.ndjson"), ..Self::default() };
        for (n, line) in lines.enumerate() {
            let n = n as u64;
            let raw = schema::json::decode(line.as_bytes()).expect("golden");
            if raw.event().expect("golden").is_some() {
                traffic.events.push(((n % 3) as u32, n, now - 100_000 + n * 1_000, line));
            }
        }
        for (n, mut decision) in parsed::<Decision>("decisions.ndjson").into_iter().enumerate() {
            decision.issued = now - 50_000 + n as u64;
            traffic.decisions.push(decision);
        }
        for (n, mut row) in parsed::<Row>("rows.ndjson").into_iter().enumerate() {
            row.at = now - 50_000 + n as u64;
            traffic.rows.push(row);
        }
        for (n, mut review) in parsed::<Review>("reviews.ndjson").into_iter().enumerate() {
            review.at = now - 50_000 + n as u64;
            traffic.reviews.push(review);
        }
        for (n, reject) in traffic.rejects.iter_mut().enumerate() {
            reject.at = now - 50_000 + n as u64;
        }
        traffic
    }

    /// A day before `now` of `n` events in 3 partitions, with decisions about every seventh and rejects.
    pub fn stream(now: u64, n: u64) -> Self {
        let mut traffic = Self::default();
        let model: Decision = parsed("decisions.ndjson").remove(0);
        let reject: Reject = parsed("rejects.ndjson").remove(0);
        for i in 0..n {
            let at = now - 86_000_000 + i * 86_000_000 / n;
            let account = format!("a_{}", i * i % 97);
            let what = match i % 5 {
                0 => format!(
                    r#""kind":"registration","asn":{},"country":"IN","device":"d_{}""#,
                    64_500 + i % 7,
                    i % 11
                ),
                1 => format!(r#""kind":"report","peer":"p_{}","reason":"spam""#, i % 13),
                _ => format!(r#""kind":"message","chat":"direct","peer":"p_{}","typed":false"#, i % 31),
            };
            let line = format!(r#"{{"id":"e_{i}","ts":{},"account":"{account}",{what}}}"#, at - 5);
            traffic.events.push(((i % 3) as u32, i / 3, at, line));
            if i % 7 == 0 {
                let mut decision = model.clone();
                (decision.id, decision.account) = (format!("d_{i}"), account);
                (decision.issued, decision.seq) = (at, at);
                decision.action = if i % 2 == 0 { schema::Action::Ban } else { schema::Action::Warn };
                decision.mode = if i % 3 == 0 { schema::Mode::Shadow } else { schema::Mode::Enforce };
                decision.reasons[0].code = format!("code_{}", i % 4);
                traffic.decisions.push(decision);
            }
            if i % 19 == 0 {
                traffic.rejects.push(Reject { partition: (i % 3) as u32, offset: i, at, ..reject.clone() });
            }
        }
        traffic
    }

    /// Calls `take` with every record.
    pub fn lend(&self, take: impl FnOnce(&[Record<'_>])) {
        let raws: Vec<RawEvent<'_>> = self
            .events
            .iter()
            .map(|(.., line)| schema::json::decode(line.as_bytes()).expect("an event"))
            .collect();
        let events: Vec<Event<'_>> =
            raws.iter().map(|raw| raw.event().expect("an event").expect("a known kind")).collect();
        let mut records = Vec::new();
        for ((partition, offset, at, _), event) in self.events.iter().zip(&events) {
            records.push(Record::Event { partition: *partition, offset: *offset, at: *at, event });
        }
        records.extend(self.decisions.iter().map(Record::Decision));
        records.extend(self.rows.iter().map(Record::Row));
        records.extend(self.reviews.iter().map(Record::Review));
        records.extend(self.rejects.iter().map(Record::Reject));
        take(&records);
    }
}

/// The event as the archive tells it: one line with the documented fields of its kind, without `at`.
pub fn told(line: &str) -> String {
    let raw = schema::json::decode(line.as_bytes()).expect("an event");
    let event = raw.event().expect("an event").expect("a known kind");
    let mut bytes = Vec::new();
    schema::json::encode(&Event { at: None, ..event }, &mut bytes);
    String::from_utf8(bytes).expect("text").trim_end().to_owned()
}
