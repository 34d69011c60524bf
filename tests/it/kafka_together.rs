//! What several partitions do together over the log: facts about shared things, activations, the kill switch.
//!
//! Separate from what one partition does by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness::clock;
use harness::kafka::{Fetched, Sent, Topics, Worker, consume, produce, produce_all, shared};
use harness::weir::{run, write};
use schema::{Action, Decision, ENFORCEMENT_KEY, Reject, RejectReason, Source, Standing};

use crate::kafka::{KEY, sure_case};

/// What a worker is given in these tests: the signing key, so that facts and controls travel over the log.
struct Setting {
    folder: tempfile::TempDir,
    key: String,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = write(folder.path(), "signing.key", KEY);
        Self { folder, key }
    }

    fn arguments(&self) -> Vec<&str> {
        vec!["--signing-key", &self.key]
    }

    fn worker(&self, topics: &Topics) -> Worker {
        Worker::start(topics, &self.arguments())
    }
}

/// Decisions by account, each with its number of repeats taken out.
fn told(topics: &Topics) -> BTreeMap<String, Vec<Decision>> {
    let mut by_account: BTreeMap<String, Vec<Decision>> = BTreeMap::new();
    for record in consume(&topics.brokers, &topics.name("decisions")) {
        let decision: Decision = serde_json::from_str(&record.text()).expect("a decision");
        let known = by_account.entry(decision.account.clone()).or_default();
        match known.iter().find(|other| other.id == decision.id) {
            Some(other) => assert_eq!(*other, decision, "repeated in another way"),
            None => known.push(decision),
        }
    }
    by_account
}

/// What a gateway knows that has read the whole compacted topic.
fn in_force(topics: &Topics) -> BTreeMap<String, Standing> {
    let mut last = BTreeMap::new();
    for record in consume(&topics.brokers, &topics.name("standing")) {
        let key = String::from_utf8(record.key.clone().expect("a key")).expect("a name");
        match record.value {
            Some(_) => {
                let told: Standing = serde_json::from_str(&record.text()).expect("a standing");
                last.insert(key, told);
            }
            None => drop(last.remove(&key)),
        }
    }
    last
}

#[test]
fn the_kill_switch_reaches_gateways_within_five_seconds_and_decisions_become_shadow() {
    let topics = Topics::create(shared(), 3, &[]);
    let setting = Setting::new();
    let worker = setting.worker(&topics);
    let control = |switch: &str| {
        let arguments = ["control", "--brokers", &topics.brokers, "--prefix", &topics.prefix, "kill", switch];
        let run = run(setting.folder.path(), &arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
    };
    let activations = |version: &str| {
        let wanted = format!("\"version\":\"{version}\"");
        let log = consume(&topics.brokers, &topics.name("events"));
        let told = log.iter().filter(|record| record.text().contains(&wanted));
        told.map(|record| record.partition).collect::<BTreeSet<i32>>().len()
    };
    worker.wait_until_it_says("a partition was given");
    control("on");
    let started = clock::now();
    while !in_force(&topics).contains_key(ENFORCEMENT_KEY) {
        assert!(started.elapsed() < Duration::from_secs(5), "gateways were not told:\n{}", worker.log());
    }
    while activations("on") < 3 {
        assert!(started.elapsed() < Duration::from_secs(10), "partitions were not told:\n{}", worker.log());
    }
    let burst = sure_case("a_1");
    let sent =
        |lines: &[String]| lines.iter().map(|line| Sent::keyed("a_1", line.as_str())).collect::<Vec<_>>();
    produce_all(&topics.brokers, &topics.name("events"), sent(&burst).into_iter());
    let mut worker = worker;
    worker.wait_until_finished(&topics);
    let told = told(&topics);
    let modes: Vec<_> = told["a_1"].iter().filter(|one| one.action.restricts()).map(|one| one.mode).collect();
    assert!(!modes.is_empty() && modes.iter().all(|mode| *mode == schema::Mode::Shadow), "{modes:?}");
    control("off");
    while in_force(&topics).contains_key(ENFORCEMENT_KEY) {
        assert!(started.elapsed() < Duration::from_secs(60), "the switch stays on:\n{}", worker.log());
    }
}

#[test]
fn accounts_of_one_device_are_counted_over_all_partitions_and_a_relation_sent_twice_counts_once() {
    let topics = Topics::create(shared(), 4, &[]);
    let setting = Setting::new();
    let mut worker = setting.worker(&topics);
    let start = clock::now_ms() - 600_000;
    let registration = |n: u64| {
        let account = format!("farm_{n}");
        let line = format!(
            r#"{{"id":"r{n}","ts":{},"kind":"registration","account":"{account}","age_h":0,"device":"box"}}"#,
            start + n * 20_000
        );
        Sent::keyed(&account, line)
    };
    let events = topics.name("events");
    produce_all(&topics.brokers, &events, (0..20).map(registration));
    worker.wait_until_quiet(&topics);
    let counts = || -> Vec<u64> {
        let log = consume(&topics.brokers, &events);
        let facts = log.iter().filter(|record| record.text().contains("\"entity\":\"device:"));
        let count = |record: &Fetched| {
            let fact: serde_json::Value = serde_json::from_str(&record.text()).expect("a fact");
            fact["accounts_24h"].as_u64().expect("a count")
        };
        facts.map(count).collect()
    };
    let before = counts();
    assert_eq!(before.iter().max(), Some(&20), "{before:?}");
    // As after a crash: every relation a second time.
    let relations = consume(&topics.brokers, &topics.name("relations"));
    assert!(relations.len() >= 20, "{}", relations.len());
    let again = relations.iter().map(|record| Sent {
        key: record.key.clone(),
        value: record.value.clone(),
        ..Sent::default()
    });
    produce_all(&topics.brokers, &topics.name("relations"), again);
    worker.wait_until_quiet(&topics);
    assert_eq!(counts(), before);
    assert_eq!(worker.end().0, 0, "{}", worker.log());
}

/// A verdict about an account, as a reviewer's role writes it.
fn verdict(id: &str, account: &str, more: &str) -> Sent {
    let at = clock::now_ms();
    let text = format!(
        r#"{{"id":"{id}","case":"k","account":"{account}","at":{at},"actor":"r_1","act":"verdict"{more}}}"#
    );
    Sent::keyed(account, text)
}

#[test]
fn a_verdict_among_reviews_is_decided_once_in_its_accounts_partition_and_a_wrong_one_is_refused() {
    let topics = Topics::create(shared(), 4, &[]);
    let setting = Setting::new();
    let accounts: Vec<String> = (0..12).map(|n| format!("a_{n}")).collect();
    let mut reviews: Vec<Sent> = accounts
        .iter()
        .flat_map(|account| {
            let ban = verdict(&format!("r_{account}"), account, r#","verdict":"ban""#);
            [ban.clone(), ban]
        })
        .collect();
    reviews.push(verdict("r_x", "a_0", ""));
    reviews.push(Sent { key: Some(b"a_1".to_vec()), ..verdict("r_y", "a_2", r#","verdict":"lift""#) });
    produce(&topics.brokers, &topics.name("reviews"), &reviews);
    let checkpoints = setting.folder.path().join("checkpoints").display().to_string();
    let saving = ["--checkpoints", &checkpoints, "--checkpoint-every", "0.3"];
    let mut worker = Worker::start(&topics, &[&setting.arguments()[..], &saving].concat());
    let wait = clock::now();
    while in_force(&topics).len() < accounts.len() {
        assert!(wait.elapsed() < Duration::from_secs(60), "{}", worker.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(worker.end().0, 0);
    let told = told(&topics);
    assert_eq!(told.len(), accounts.len());
    for decisions in told.values() {
        let found: Vec<(Source, Action)> = decisions.iter().map(|one| (one.source, one.action)).collect();
        assert_eq!(found, [(Source::Reviewer, Action::Ban)]);
    }
    assert!(in_force(&topics).values().all(|standing| standing.restrictions.iter().all(|one| one.human)));
    let refused: BTreeSet<RejectReason> = consume(&topics.brokers, &topics.name("rejects"))
        .iter()
        .map(|record| serde_json::from_str::<Reject>(&record.text()).expect("a reject").reason)
        .collect();
    assert_eq!(refused, BTreeSet::from([RejectReason::MissingField, RejectReason::KeyMismatch]));
    nothing_is_carried_out_again(&topics, &setting, &saving);
}

/// A group that never committed goes on where the checkpoints say, and without them the newest of what is wanted is wanted again.
fn nothing_is_carried_out_again(topics: &Topics, setting: &Setting, saving: &[&str]) {
    let control = |switch: &str| {
        let arguments = ["control", "--brokers", &topics.brokers, "--prefix", &topics.prefix, "kill", switch];
        let run = run(setting.folder.path(), &arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
    };
    let lying = |what: &str| {
        let log = consume(&topics.brokers, &topics.name("events"));
        log.iter().filter(|record| record.text().contains(what)).count()
    };
    let wait_for = |count: usize, what: &str, worker: &Worker| {
        let started = clock::now();
        while lying(what) < count {
            assert!(started.elapsed() < Duration::from_secs(60), "{count} {what}:\n{}", worker.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let worker = |group: &str, more: &[&str]| {
        Worker::start(topics, &[&setting.arguments()[..], &["--group", group], more].concat())
    };
    let (verdict_kind, on, off) = ("\"kind\":\"verdict\"", "\"version\":\"on\"", "\"version\":\"off\"");
    let verdicts = lying(verdict_kind);
    assert!(verdicts >= 24, "each review that came twice became the same event twice: {verdicts}");
    let review = |id: &str| verdict(id, "a_late", r#","verdict":"lift""#);

    let another = format!("{}another", topics.prefix);
    let mut second = worker(&another, saving);
    produce(&topics.brokers, &topics.name("reviews"), &[review("r_late")]);
    for switch in ["on", "off"] {
        control(switch);
    }
    wait_for(4, off, &second);
    wait_for(verdicts + 1, verdict_kind, &second);
    assert_eq!(second.end().0, 0, "{}", second.log());
    assert_eq!((lying(verdict_kind), lying(on), lying(off)), (verdicts + 1, 4, 4));
    let said = "neither the group nor a checkpoint knows how far this was read";
    // Of control nothing had been read before; of reviews, three of four partitions and more were.
    assert!(
        !second.log().lines().any(|line| line.contains(said) && line.contains("reviews")),
        "{}",
        second.log()
    );

    // Another group and nothing saved: what was replaced is not wanted again, and that reviews are read again is told.
    let mut third = worker(&format!("{}third", topics.prefix), &[]);
    wait_for(8, off, &third);
    third.wait_until_it_says(said);
    assert_eq!(lying(on), 4, "a switch that was turned off is not turned on again");
    assert_eq!(third.end().0, 0, "{}", third.log());
}
