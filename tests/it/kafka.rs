//! weir on a real Apache Kafka: what lies in the topics after a worker was there.
//!
//! Separate from runs over files, with which the decisions are compared.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use harness::clock::now_ms;
use harness::kafka::{Fetched, Sent, Topics, Worker, consume, java, produce, shared};
use harness::weir::{read, run, write};
use harness::workspace;
use schema::{Decision, Reject, RejectReason, Standing};
use sinks::kafka::Signer;

use crate::world::world;

/// The key that tests sign with.
pub const KEY: &[u8] = b"a key of the tests, no secret at all";

/// The events of the small world, as of now, each with its account.
pub fn events_of_now() -> Vec<(String, String)> {
    moved_to_now(&std::fs::read_to_string(world().path("events.ndjson")).expect("the world was made"))
}

/// A world's events with their times moved to now, since a broker's log is of now; each with its account.
pub fn moved_to_now(text: &str) -> Vec<(String, String)> {
    let lines: Vec<(u64, &str)> = text.lines().map(|line| (number(line, "\"ts\":"), line)).collect();
    let last = lines.iter().map(|(ts, _)| *ts).max().expect("a world has events");
    let shift = now_ms() - last;
    let moved = |(ts, line): &(u64, &str)| {
        let line = line.replace(&format!("\"ts\":{ts}"), &format!("\"ts\":{}", ts + shift));
        (account_of(&line), line)
    };
    lines.iter().map(moved).collect()
}

fn number(line: &str, before: &str) -> u64 {
    let start = line.find(before).expect("the field is there") + before.len();
    let digits: String = line[start..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// The account of a line.
pub fn account_of(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).expect("an event");
    value["account"].as_str().expect("an account").to_owned()
}

/// The event as it lies in the log, with its log time, for `weir score`.
pub fn with_at(record: &Fetched) -> String {
    let line = record.text();
    let rest = line.strip_prefix('{').expect("an object");
    format!("{{\"at\":{},{rest}", record.at)
}

fn decisions(topics: &Topics) -> Vec<Decision> {
    let decision = |record: &Fetched| serde_json::from_slice(record.value.as_deref().expect("a value"));
    let all = consume(&topics.brokers, &topics.name("decisions"));
    all.iter().map(|record| decision(record).expect("a decision")).collect()
}

#[test]
fn decisions_through_kafka_are_those_of_score_on_the_same_log() {
    let topics = Topics::create(shared(), 1, &[]);
    let events: Vec<Sent> =
        events_of_now().iter().map(|(account, line)| Sent::keyed(account, line.as_str())).collect();
    produce(&topics.brokers, &topics.name("events"), &events);
    let mut worker = Worker::start(&topics, &[]);
    worker.wait_until_finished(&topics);
    let (code, took) = worker.end();
    assert_eq!(code, 0, "{}", worker.log());
    assert!(took.as_secs() < 10, "it took {took:?} to end");

    let log = consume(&topics.brokers, &topics.name("events"));
    let lines: String = log.iter().map(|record| with_at(record) + "\n").collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = write(folder.path(), "log.ndjson", lines.as_bytes());
    let scored =
        run(folder.path(), &["score", &file, "--out", "decisions.ndjson", "--standing", "standing.ndjson"]);
    assert_eq!(scored.code, 0, "{}", scored.stderr);
    let written = |word: &str| consume(&topics.brokers, &topics.name(word));
    let lines = |records: &[Fetched]| records.iter().map(|r| r.text() + "\n").collect::<String>();
    let decided = written("decisions");
    assert!(decided.len() > 20, "only {} decisions: the test shows nothing", decided.len());
    assert_eq!(lines(&decided), read(folder.path(), "decisions.ndjson"));
    let standing = written("standing");
    let told: Vec<Fetched> = standing.iter().filter(|record| record.value.is_some()).cloned().collect();
    assert_eq!(lines(&told), read(folder.path(), "standing.ndjson"));
    check_tombstones(&standing);
    assert_eq!(written("rejects"), []);
}

/// An empty standing is followed by a tombstone, and nothing else is.
#[track_caller]
fn check_tombstones(standing: &[Fetched]) {
    for (place, record) in standing.iter().enumerate() {
        let next = standing.get(place + 1);
        let followed = next.is_some_and(|next| next.value.is_none() && next.key == record.key);
        if record.value.is_some() {
            let told: Standing = serde_json::from_str(&record.text()).expect("a standing");
            assert_eq!(told.restrictions.is_empty(), followed, "{told:?}");
        }
    }
}

#[test]
fn not_one_record_of_the_java_client_lies_in_a_wrong_partition() {
    let topics = Topics::create(shared(), 7, &[]);
    let mut lines = String::new();
    for n in 0..2_000 {
        // Keys of all lengths, so that every tail of the hash is met, and not ASCII alone.
        let account = format!("a_{}{}", "é".repeat(n % 5), "x".repeat(n % 11)) + &n.to_string();
        let event =
            format!(r#"{{"id":"e{n}","ts":{},"kind":"session","account":"{account}"}}"#, now_ms() - 1_000);
        lines += &format!("{account}\t{event}\n");
    }
    let mut producer = java()
        .arg(workspace::file("tests/servers/Producer.java"))
        .args([&topics.brokers, &topics.name("events")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Java runs the broker, too");
    let mut input = producer.stdin.take().expect("it was asked for");
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let answer = producer.wait_with_output().expect("it was started");
    writer.join().expect("no panic").expect("it reads its input");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));

    let mut worker = Worker::start(&topics, &[]);
    worker.wait_until_finished(&topics);
    let log = consume(&topics.brokers, &topics.name("events"));
    assert_eq!(log.len(), 2_000);
    let used: std::collections::BTreeSet<i32> = log.iter().map(|record| record.partition).collect();
    assert_eq!(used.len(), 7, "{used:?}");
    let rejects = consume(&topics.brokers, &topics.name("rejects"));
    assert!(rejects.is_empty(), "{}", rejects[0].text());
}

/// A session of `account`, as a gateway writes it.
fn session(id: &str, account: &str) -> String {
    format!(r#"{{"id":"{id}","ts":{},"kind":"session","account":"{account}"}}"#, now_ms())
}

#[test]
fn what_may_not_lie_where_it_lies_is_refused_with_its_reason_and_the_line_goes_on() {
    let topics = Topics::create(shared(), 3, &[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (earlier, text) = ("a key that was in use before this one", String::from_utf8_lossy(KEY));
    let key = write(folder.path(), "signing.key", format!("{text}\n{earlier}\n").as_bytes());
    let good = Sent::keyed("a_1", session("e_1", "a_1"));
    let verdict = format!(
        r#"{{"id":"e_v","ts":{},"kind":"verdict","account":"a_1","verdict":"ban","actor":"r_1"}}"#,
        now_ms()
    );
    let poison: Vec<Sent> = vec![
        Sent { value: None, ..good.clone() },
        Sent::keyed("a_1", "{\"id\":"),
        Sent::keyed("a_1", vec![0xff, 0xfe, b'{']),
        Sent::keyed("a_1", vec![b'x'; 70_000]),
        Sent::keyed("a_2", session("e_2", "a_1")),
        Sent { key: None, partition: Some(0), ..good.clone() },
        Sent::keyed("a_1", verdict.as_str()),
        Sent { headers: vec![("weir-hmac".to_owned(), vec![7; 32])], ..Sent::keyed("a_1", verdict.as_str()) },
    ];
    let events = topics.name("events");
    produce(&topics.brokers, &events, &poison);
    produce(&topics.brokers, &events, std::slice::from_ref(&good));
    let home = consume(&topics.brokers, &events).last().map(|record| record.partition);
    let home = consume(&topics.brokers, &events)
        .iter()
        .find(|record| record.text().contains("\"e_1\"") && record.key.is_some())
        .map_or(home, |record| Some(record.partition))
        .expect("it was produced");
    let astray = Sent { partition: Some((home + 1) % 3), ..Sent::keyed("a_1", session("e_3", "a_1")) };
    produce(&topics.brokers, &events, &[astray]);
    // What was signed with the key before is believed.
    let signed = verdict.replace("a_1", "a_8").replace("e_v", "e_w");
    let signature = Signer::new(earlier.as_bytes()).sign(signed.as_bytes()).to_vec();
    let signed =
        Sent { headers: vec![("weir-hmac".to_owned(), signature)], ..Sent::keyed("a_8", signed.as_str()) };
    produce(&topics.brokers, &events, &[signed]);
    // After all of it the line still decides: a burst that is a ban at once.
    let burst: Vec<Sent> = sure_case("a_9").iter().map(|line| Sent::keyed("a_9", line.as_str())).collect();
    produce(&topics.brokers, &events, &burst);

    let mut worker = Worker::start(&topics, &["--signing-key", &key]);
    worker.wait_until_finished(&topics);
    let mut reasons: BTreeMap<RejectReason, usize> = BTreeMap::new();
    for record in consume(&topics.brokers, &topics.name("rejects")) {
        let reject: Reject = serde_json::from_str(&record.text()).expect("a reject");
        assert_eq!(reject.source, events);
        *reasons.entry(reject.reason).or_default() += 1;
    }
    let expected = BTreeMap::from([
        (RejectReason::Malformed, 2),
        (RejectReason::NotUtf8, 1),
        (RejectReason::TooLong, 1),
        (RejectReason::KeyMismatch, 2),
        (RejectReason::ForgedInternal, 2),
        (RejectReason::WrongPartition, 1),
    ]);
    assert_eq!(reasons, expected);
    for account in ["a_8", "a_9"] {
        let is_ban = |one: &Decision| one.account == account && one.action == schema::Action::Ban;
        assert!(
            decisions(&topics).iter().any(is_ban),
            "{account}: the line did not go on:\n{}",
            worker.log()
        );
    }
}

/// Registered, and soon after 100 messages to strangers.
pub fn sure_case(account: &str) -> Vec<String> {
    let start = now_ms() - 320_000;
    let mut lines = vec![format!(
        r#"{{"id":"{account}r","ts":{start},"kind":"registration","account":"{account}","age_h":0}}"#
    )];
    for n in 0..100 {
        let ts = start + 300_000 + n * 150;
        lines.push(format!(
            r#"{{"id":"{account}m{n}","ts":{ts},"kind":"message","account":"{account}","chat":"direct","peer":"p_{n}","first_contact":true,"in_contacts":false,"age_h":0.083}}"#
        ));
    }
    lines
}
