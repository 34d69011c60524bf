//! Topics on a real broker that are not as they must be: the check and a worker's start say which, and why.
//!
//! Separate from workers at work. Invariant: one thing at a time is wrong, and it is named with its topic.

use std::path::Path;

use harness::kafka::{Topics, shared};
use harness::weir::{Run, run};
use schema::Topic;
use sinks::kafka::TopicPlan;

const PARTITIONS: u32 = 2;

/// What is wrong, one thing a line: a topic, a setting, and a value that must not be.
const WRONG: &[(&str, &str, &str)] = &[
    ("reviews", "cleanup.policy", "compact"),
    ("reviews", "cleanup.policy", "compact,delete"),
    ("reviews", "retention.ms", "3600000"),
    ("reviews", "retention.bytes", "1048576"),
    ("events", "cleanup.policy", "compact"),
    ("events", "retention.ms", "1000"),
    ("events", "retention.ms", "-1"),
    ("events", "retention.bytes", "1048576"),
    ("relations", "retention.ms", "1000"),
    ("relations", "retention.bytes", "1048576"),
    ("decisions", "retention.ms", "1000"),
    ("decisions", "retention.bytes", "1048576"),
    ("rows", "retention.ms", "1000"),
    ("rejects", "retention.ms", "1000"),
    ("standing", "cleanup.policy", "delete"),
    ("standing", "max.compaction.lag.ms", "9223372036854775807"),
    ("control", "max.compaction.lag.ms", "9223372036854775807"),
    ("control", "cleanup.policy", "delete"),
    ("events", "message.timestamp.type", "CreateTime"),
];

fn check(topics: &Topics) -> Run {
    let arguments = ["topics", "check", "--brokers", &topics.brokers, "--prefix", &topics.prefix];
    run(Path::new("/"), &arguments)
}

#[track_caller]
fn refused(topics: &Topics, says: &[&str]) {
    let told = check(topics);
    assert_eq!(told.code, 2, "{says:?}: {}", told.stderr);
    let finding = told.stderr.lines().filter(|line| line.starts_with("  ")).collect::<Vec<_>>();
    assert_eq!(finding.len(), 1, "one thing is wrong: {finding:?}");
    assert!(says.iter().all(|what| finding[0].contains(what)), "{says:?}: {finding:?}");
}

#[test]
fn each_topic_that_would_lose_or_part_records_is_refused_by_its_name() {
    let topics = Topics::create(shared(), PARTITIONS as i32, &[]);
    assert_eq!(check(&topics).code, 0, "as it was made, it is right");
    let plan = TopicPlan {
        prefix: topics.prefix.clone(),
        partitions: PARTITIONS,
        replication: 1,
        retention_days: 7,
    };
    for (word, key, wrong) in WRONG {
        let topic = *Topic::ALL.iter().find(|topic| topic.to_string() == *word).expect("a topic");
        let right = plan.settings_of(topic);
        let right: Vec<_> = right.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let mut settings = right.clone();
        let place = settings.iter().position(|(name, _)| name == key);
        settings[place.expect("`create` sets it")].1 = wrong;
        topics.set(word, &settings);
        refused(&topics, &[&topics.name(word), key, wrong]);
        topics.set(word, &right);
    }
    assert_eq!(check(&topics).code, 0, "all is right again");

    // Relations of one more partition: the relation stages of other partitions would speak of the same thing.
    topics.grow("relations", PARTITIONS as usize + 1);
    refused(&topics, &[&topics.name("relations"), "3 partitions, must be 2", "topics create"]);
    let arguments = ["run", "--brokers", &topics.brokers, "--prefix", &topics.prefix, "--no-checkpoints"];
    let told = run(Path::new("/"), &arguments);
    assert_eq!(told.code, 2, "{}", told.stderr);
    assert!(told.stderr.contains("relations: 3 partitions, must be 2"), "{}", told.stderr);
}
