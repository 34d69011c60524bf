//! Of relations and facts, none is written after one that was lost: whoever reads them passes over what is not above the highest
//! origin, and would pass over the lost one when it is written again.
//!
//! Separate from workers, because a worker's thread nearly always hears of a loss before its client has sent more; here the broker is
//! frozen for longer than an output may wait, and the one who sends is as slow to hear as a thread on a crowded machine. Invariant: a broker
//! of its own, since it is frozen.

use std::collections::BTreeSet;
use std::time::Duration;

use harness::clock;
use harness::kafka::{Cluster, Topics, consume};
use schema::{Origin, Relation, Touch};
use sinks::kafka::{Delivery, Producer, ProducerOptions, Signer};

use crate::kafka::KEY;

/// How long an output may wait.
const TIMEOUT: Duration = Duration::from_millis(1_000);
/// One of each kind is sent so often.
const EVERY: Duration = Duration::from_millis(50);
/// The broker is frozen at the first of these steps, and thawed at the other: the oldest have waited too long by then, the newest have not.
const FROZEN: std::ops::Range<u64> = 5..50;
const STEPS: u64 = 80;
const WAIT: Duration = Duration::from_secs(60);

fn producer(topics: &Topics) -> Producer {
    let settings = [("message.timeout.ms".to_owned(), TIMEOUT.as_millis().to_string())].to_vec();
    let signer = Some(Signer::new(KEY));
    let (brokers, prefix) = (topics.brokers.clone(), topics.prefix.clone());
    Producer::open(&ProducerOptions { brokers, prefix, settings, signer }).expect("its settings")
}

fn relation(offset: u64) -> Relation {
    let (entity, account) = ("device:box".to_owned(), format!("a_{offset}"));
    let origin = Origin { partition: 0, offset, n: 0 };
    Relation { entity, account, ts: clock::now_ms(), what: Touch::Registered, origin }
}

/// Writes the fact whose cause lies at this offset.
fn tell_fact(producer: &mut Producer, offset: u64) {
    let line = format!(
        r#"{{"id":"f_{offset}","ts":{},"kind":"entity","account":"a_1","size":2,"entity":"device:box","accounts_24h":2,"registered_24h":0,"restricted_24h":0,"origin":{{"partition":0,"offset":{offset},"n":0}}}}"#,
        clock::now_ms()
    );
    let raw = schema::json::decode(line.as_bytes()).expect("JSON");
    let event = raw.event().expect("valid").expect("a known kind");
    producer.internal_event(&event, usize::try_from(offset).expect("small")).expect("room");
}

/// The origins of a topic's records that have one, in the order of the log.
fn origins(topics: &Topics, word: &str) -> Vec<u64> {
    let log = consume(&topics.brokers, &topics.name(word));
    let origin = |text: String| {
        let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        record["origin"]["offset"].as_u64().expect("an origin")
    };
    log.iter().map(|record| origin(record.text())).collect()
}

/// What lies there is what was sent up to some record: no other is missing, and each came first behind those before it.
#[track_caller]
fn check_no_gap(topics: &Topics, word: &str) {
    let (lying, mut heard) = (origins(topics, word), BTreeSet::new());
    for origin in &lying {
        let missing = (0..*origin).find(|before| !heard.contains(before));
        assert_eq!(missing, None, "{word}: {origin} lies before it: {lying:?}");
        heard.insert(*origin);
    }
    println!("{word}: {} of {STEPS} lie there", heard.len());
    assert!(heard.len() as u64 > FROZEN.start, "only {}", heard.len());
}

#[test]
fn none_is_written_after_one_that_waited_too_long() {
    let cluster = Cluster::start(1);
    let topics = Topics::create(cluster.brokers(), 1, &[]);
    // The one tells facts and hears nothing, as a thread that does not run; the other hears, and goes on all the same.
    let (mut deaf, mut stubborn) = (producer(&topics), producer(&topics));
    let (started, mut heard) = (clock::now(), Vec::new());
    for step in 0..STEPS {
        if step == FROZEN.start {
            cluster.members[0].freeze();
        }
        if step == FROZEN.end {
            cluster.members[0].thaw();
        }
        tell_fact(&mut deaf, step);
        stubborn.relation("device:box", &relation(step), usize::try_from(step).expect("small"));
        let due = EVERY * u32::try_from(step + 1).expect("small");
        while started.elapsed() < due {
            stubborn.hear(Duration::from_millis(5), started.elapsed(), &mut heard);
        }
    }
    let mut told = Vec::new();
    while deaf.under_way() + stubborn.under_way() > 0 {
        assert!(started.elapsed() < WAIT, "{} and {} wait", deaf.under_way(), stubborn.under_way());
        deaf.hear(Duration::from_millis(5), started.elapsed(), &mut told);
        stubborn.hear(Duration::from_millis(5), started.elapsed(), &mut heard);
    }
    check_no_gap(&topics, "events");
    check_no_gap(&topics, "relations");
    // They waited for longer than any other output may, and were written.
    for heard in [told, heard] {
        let failed: Vec<&Delivery> = heard.iter().filter(|delivery| delivery.failed.is_some()).collect();
        assert_eq!((failed, heard.len() as u64), (vec![], STEPS));
    }
}

#[test]
fn after_a_failure_nothing_more_is_sent() {
    let cluster = Cluster::start(1);
    let topics = Topics::create(cluster.brokers(), 1, &[]);
    let mut producer = producer(&topics);
    producer.relation("device:box", &relation(0), 0);
    let (started, mut heard) = (clock::now(), Vec::new());
    let mut hear = |producer: &mut Producer| {
        assert!(started.elapsed() < WAIT, "nothing is heard");
        let mut now = Vec::new();
        producer.hear(Duration::from_millis(20), started.elapsed(), &mut now);
        heard.extend(now);
        heard.len()
    };
    while hear(&mut producer) < 1 {}
    cluster.members[0].freeze();
    let decision = serde_json::json!({"any": "record that may not wait for ever"});
    producer.json(schema::Topic::Decisions, Some("a_1"), &decision, 1).expect("room");
    while hear(&mut producer) < 2 {
        std::thread::sleep(Duration::from_millis(20));
    }
    cluster.members[0].thaw();
    producer.relation("device:box", &relation(2), 2);
    for _ in 0..50 {
        hear(&mut producer);
    }
    let refused = producer.json(schema::Topic::Decisions, Some("a_1"), &decision, 3);
    assert!(refused.is_err_and(|error| error.to_string().contains("a record before it was lost")));
    producer.purge();
    hear(&mut producer);
    let failed: Vec<(usize, bool)> = heard.iter().map(|one| (one.ticket, one.failed.is_some())).collect();
    assert_eq!(failed, [(0, false), (1, true), (2, true)]);
    assert_eq!(origins(&topics, "relations"), [0]);
}
