//! `weir archive` between a real Kafka and a real ClickHouse: what lies there after both were treated badly.
//!
//! Separate from the conformance of the stores, which knows no log. Invariant: what must be in the archive is computed
//! from what lies in the topics, never from what the role says.

use std::collections::BTreeSet;
use std::time::Duration;

use harness::clickhouse::{self, ClickHouse};
use harness::clock::{now, now_ms};
use harness::kafka::{Fetched, Sent, Topics, Worker, committed_by, consume, offsets, produce, shared};
use harness::weir::run;
use schema::{Decision, Reject, Review, Row};
use serde::de::DeserializeOwned;

use crate::kafka::events_of_now;

/// A server, and the database of a test's topics.
struct Archive<'a> {
    server: &'a ClickHouse,
    topics: &'a Topics,
}

impl Archive<'_> {
    /// The lines of the answer, sorted; `{db}` is the database.
    fn ask(&self, sql: &str) -> Vec<String> {
        let sql = sql.replace("{db}", &format!("`{}`", self.topics.prefix)) + " FORMAT TSVRaw";
        let mut lines: Vec<String> = self.server.ask(&sql).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// The answer has just these lines, each once; a failure shows the first that differ.
    #[track_caller]
    fn tells(&self, sql: &str, expected: impl IntoIterator<Item = String>) {
        let (told, mut expected) = (self.ask(sql), expected.into_iter().collect::<Vec<_>>());
        expected.sort();
        if told != expected {
            let only = |one: &[String], other: &[String]| -> Vec<String> {
                one.iter().filter(|line| !other.contains(line)).take(5).cloned().collect()
            };
            let (extra, missing) = (only(&told, &expected), only(&expected, &told));
            let counts = (told.len(), expected.len());
            panic!("{sql}\n{counts:?} lines; only told: {extra:?}; only expected: {missing:?}");
        }
    }
}

fn log(topics: &Topics, word: &str) -> Vec<Fetched> {
    consume(&topics.brokers, &topics.name(word))
}

/// The records of a topic that are what they should be, and the places of the others.
fn parsed<T: DeserializeOwned>(topics: &Topics, word: &str) -> (Vec<T>, Vec<String>) {
    let (mut good, mut poison) = (Vec::new(), Vec::new());
    for record in log(topics, word) {
        match serde_json::from_slice(record.value.as_deref().unwrap_or_default()) {
            Ok(one) => good.push(one),
            Err(_) => poison.push(format!("{}\t{}\t{}", topics.name(word), record.partition, record.offset)),
        }
    }
    (good, poison)
}

fn review(n: usize) -> Sent {
    let account = format!("a_{n}");
    let line = format!(
        r#"{{"id":"v_{n}","case":"k_1","account":"{account}","at":{},"actor":"r_1","act":"note"}}"#,
        now_ms()
    );
    Sent::keyed(&account, line)
}

/// Into every topic that is archived, something that does not belong there, and a good review.
fn poison(topics: &Topics, n: usize) {
    for word in ["events", "decisions", "rows", "reviews", "rejects"] {
        let none = Sent { value: None, ..Sent::keyed("a_1", "") };
        let bad = [Sent::keyed("a_1", "{\"id\":"), Sent::keyed("a_1", vec![0xff, 0xfe]), none];
        produce(&topics.brokers, &topics.name(word), &bad);
    }
    produce(&topics.brokers, &topics.name("reviews"), &[review(n)]);
}

#[test]
fn nothing_is_lost_or_told_twice_though_the_archive_is_killed_and_clickhouse_is_away() {
    with_clickhouse_away(Duration::from_secs(15));
}

#[test]
#[ignore = "three minutes: cargo test --workspace --locked --test it -- --ignored two_minutes"]
fn nothing_is_lost_or_told_twice_though_clickhouse_is_away_for_two_minutes() {
    with_clickhouse_away(Duration::from_secs(120));
}

/// Events and poison flow while the archive and the worker are killed and ClickHouse is away for a time.
fn with_clickhouse_away(outage: Duration) {
    let topics = Topics::create(shared(), 3, &[]);
    let mut server = ClickHouse::start("role");
    let url = server.url();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let saved = folder.path().display().to_string();
    // So many accounts are held out that some are, whatever the model's version.
    let policy = folder.path().join("policy.toml").display().to_string();
    let usual = run(folder.path(), &["check-config", "--print-default"]).stdout;
    assert!(usual.contains("share = 0.005"));
    std::fs::write(&policy, usual.replace("share = 0.005", "share = 0.2")).expect("writable");
    let more = ["--checkpoints", &saved, "--checkpoint-every", "1", "--policy", &policy];
    let deciding = [&["--rows", "0.05"], &more[..]].concat();
    let mut worker = Worker::start(&topics, &deciding);
    let mut archive = Worker::archive(&topics, &url, &[]);
    let events: Vec<Sent> =
        events_of_now().iter().map(|(account, line)| Sent::keyed(account, line.as_str())).collect();
    let mut parts = events.chunks(events.len().div_ceil(10)).enumerate();
    let mut flow = |count: usize| {
        for (n, part) in parts.by_ref().take(count) {
            produce(&topics.brokers, &topics.name("events"), part);
            poison(&topics, n);
        }
    };
    flow(1);
    archive.wait_until_it_says("partitions were given");
    flow(2);
    archive.kill();
    worker.kill();
    worker = Worker::start(&topics, &deciding);
    flow(1);
    archive = Worker::archive(&topics, &url, &[]);
    archive.wait_until_it_says("partitions were given");
    flow(1);
    server.stop();
    let stopped = now();
    flow(2);
    archive.wait_until_it_says("did not take a batch");
    std::thread::sleep(outage.saturating_sub(stopped.elapsed()));
    server.start_again();
    flow(1);
    archive.kill();
    archive = Worker::archive(&topics, &url, &[]);
    flow(2);
    worker.wait_until_finished(&topics);
    archive.wait_until_archived(&topics);
    check(&Archive { server: &server, topics: &topics });

    // A graceful end is one also while ClickHouse is away, and what was not taken is not committed.
    server.stop();
    produce(&topics.brokers, &topics.name("reviews"), &[review(99)]);
    archive.wait_until_it_says("did not take a batch");
    let (code, took) = archive.end();
    assert_eq!(code, 0, "{}", archive.log());
    assert!(took < Duration::from_secs(10), "it took {took:?} to end");
    let committed: i64 = committed_by(&topics, &format!("{}archive", topics.prefix), "reviews").iter().sum();
    let lying: i64 = offsets(&topics.brokers, &topics.name("reviews")).iter().map(|(_, next)| next).sum();
    assert_eq!(committed, lying - 1);
}

/// What lies in the topics is what the archive tells, each once.
fn check(archive: &Archive<'_>) {
    let topics = archive.topics;
    let is_event = |record: &&Fetched| serde_json::from_str::<serde_json::Value>(&record.text()).is_ok();
    let events = log(topics, "events");
    let events: Vec<&Fetched> = events.iter().filter(is_event).collect();
    assert!(events.len() > 2_000, "only {} events", events.len());
    let place = |record: &&Fetched| format!("{}\t{}", record.partition, record.offset);
    archive.tells("SELECT partition, offset FROM {db}.events FINAL", events.iter().map(place));
    let id = |record: &&Fetched| {
        let event: serde_json::Value = serde_json::from_str(&record.text()).expect("it is JSON");
        event["id"].as_str().expect("an id").to_owned()
    };
    archive.tells("SELECT id FROM {db}.events FINAL", events.iter().map(id));
    let by_minute =
        "SELECT groupBitmapMerge(seen) AS n FROM {db}.events_by_minute GROUP BY minute, kind, partition";
    archive.tells(&format!("SELECT sum(n) FROM ({by_minute})"), [events.len().to_string()]);

    let (decisions, mut refused) = parsed::<Decision>(topics, "decisions");
    assert!(decisions.len() > 20, "only {} decisions", decisions.len());
    let json = |decision: &Decision| serde_json::to_string(decision).expect("it was JSON");
    // The worker was killed too, and wrote some a second time.
    let distinct: BTreeSet<String> = decisions.iter().map(json).collect();
    let ids: BTreeSet<String> = decisions.iter().map(|decision| decision.id.clone()).collect();
    println!("{} decisions, {} written again", ids.len(), decisions.len() - distinct.len());
    assert_eq!(distinct.len(), ids.len(), "an id of two decisions");
    archive.tells("SELECT body FROM {db}.decisions FINAL", distinct);
    archive.tells("SELECT id FROM {db}.decisions FINAL", ids);
    check_rows(archive, &mut refused);
    let (reviews, bad) = parsed::<Review>(topics, "reviews");
    archive.tells("SELECT id FROM {db}.reviews FINAL", reviews.into_iter().map(|review| review.id));
    refused.extend(bad);
    // The worker told what is wrong with events; with all else, the archive itself.
    let (rejects, bad) = parsed::<Reject>(topics, "rejects");
    let place = |reject: &Reject| format!("{}\t{}\t{}", reject.source, reject.partition, reject.offset);
    assert!(rejects.len() >= 30, "only {} rejects", rejects.len());
    refused.extend(bad);
    refused.extend(rejects.iter().map(place));
    let refused = refused.into_iter().collect::<BTreeSet<_>>();
    archive.tells("SELECT source, partition, offset FROM {db}.rejects FINAL", refused);
}

/// Whatever happened to brokers, workers and archives: each event and each decision that lies in the topics is told once.
pub fn check_each_is_told_once(topics: &Topics) {
    let archive = Archive { server: clickhouse::shared(), topics };
    let place = |record: &Fetched| format!("{}\t{}", record.partition, record.offset);
    archive.tells("SELECT partition, offset FROM {db}.events FINAL", log(topics, "events").iter().map(place));
    let (decisions, bad) = parsed::<Decision>(topics, "decisions");
    assert!(bad.is_empty(), "{bad:?}");
    let ids: BTreeSet<String> = decisions.into_iter().map(|decision| decision.id).collect();
    let count = ids.len().to_string();
    archive.tells("SELECT id FROM {db}.decisions FINAL", ids);
    let by_minute = "SELECT uniqExactMerge(seen) AS n FROM {db}.decisions_by_minute \
                     GROUP BY minute, mode, action, reason, source, rule";
    archive.tells(&format!("SELECT sum(n) FROM ({by_minute})"), [count]);
}

fn check_rows(archive: &Archive<'_>, refused: &mut Vec<String>) {
    let (rows, bad) = parsed::<Row>(archive.topics, "rows");
    // A record whose facts are fed back has a row for each account that was told.
    let line = |row: &Row| {
        let Row { account, partition, offset, why, .. } = row;
        format!("{account}\t{partition}\t{offset}\t{why}\t{}", row.decisions.len())
    };
    let told = "SELECT account, partition, offset, why, length(decisions) FROM {db}.rows FINAL";
    archive.tells(told, rows.iter().map(line).collect::<BTreeSet<_>>());
    let why: BTreeSet<&str> = rows.iter().map(|row| row.why.word()).collect();
    assert_eq!(why, BTreeSet::from(["decision", "feedback", "holdout", "sample"]));
    refused.extend(bad);
}

#[test]
fn a_deleted_account_leaves_the_archive_while_the_role_runs() {
    let topics = Topics::create(shared(), 1, &[]);
    let server = clickhouse::shared();
    let archive = Archive { server, topics: &topics };
    let event = |n: usize, account: &str, what: &str| {
        let line = format!(r#"{{"id":"e_{n}","ts":{},"account":"{account}","kind":"{what}"}}"#, now_ms());
        Sent::keyed(account, line)
    };
    let events = [event(1, "a_1", "session"), event(2, "a_2", "session"), event(3, "a_1", "deletion")];
    produce(&topics.brokers, &topics.name("events"), &events);
    let mut role = Worker::archive(&topics, &server.url(), &["--deletions-every", "1"]);
    role.wait_until_archived(&topics);
    role.wait_until_it_says("deleted accounts were removed");
    assert_eq!(archive.ask("SELECT account FROM {db}.events"), ["a_2"]);
    assert_eq!(archive.ask("SELECT account, done FROM {db}.deletions FINAL"), ["a_1\t1"]);
}

#[test]
fn without_topics_or_clickhouse_it_says_so_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let archive = |prefix: &str, url: &str| {
        let arguments =
            ["archive", "--brokers", shared(), "--prefix", prefix, "--clickhouse", url, "--database", "none"];
        run(folder.path(), &arguments)
    };
    let no_topics = archive("nowhere.", "http://127.0.0.1:1");
    assert_eq!(no_topics.code, 2);
    assert!(no_topics.stderr.contains("weir topics create"), "{}", no_topics.stderr);
    let topics = Topics::create(shared(), 1, &[]);
    let no_server = archive(&topics.prefix, "http://127.0.0.1:1");
    assert_eq!(no_server.code, 2);
    let says = |text: &str| assert!(no_server.stderr.contains(text), "{}", no_server.stderr);
    says("http://127.0.0.1:1");
    says("Is ClickHouse running there");
    assert_eq!(archive(&topics.prefix, "127.0.0.1:8123").code, 2);
}
