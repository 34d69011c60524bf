//! Workers on a real broker while events flow, and what is held against a replay when they have come to rest.
//!
//! Separate from what is done to them. Facts over the log, verdicts and a new policy are among the events. Invariant: what
//! must have been written is computed from what lies in the log, by engines and stages that nobody interrupts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness::clock;
use harness::kafka::{Feeder, Sent, Topics, Worker, consume, produce_all};
use harness::weir::{read, run, write};
use schema::Source;
use sinks::kafka::Signer;

use crate::kafka::{KEY, moved_to_now};
use crate::replay::{check_facts, replay, written};

/// A policy that is put in force on the way: it decides often.
const POLICY: &str = "format = 1\nname = \"strict\"\n[[rule]]\nname = \"busy\"\nwhen = 'new_chats_24h >= 1'\n\
                      action = \"rate_limit\"\nscope = \"new_chats\"\nfor = \"1h\"\n\
                      [[rule]]\nname = \"box\"\nwhen = 'device_registered_24h >= 4'\nentity = \"device\"\n\
                      action = \"challenge\"\nfor = \"1h\"\n";
/// Events that are produced at once.
const EVENTS_AT_ONCE: usize = 500;
/// How long events may take to flow so far.
const WAIT: Duration = Duration::from_secs(300);

/// So many people over a day; 1,500 make about 100,000 events.
pub fn events_of_now(people: u32) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments = format!(
        "simulate --out e.ndjson --accounts {people} --hours 24 --seed 5 --base-rate 0.1 --truth t.ndjson"
    );
    let made = run(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    assert_eq!(made.code, 0, "{}", made.stderr);
    moved_to_now(&read(folder.path(), "e.ndjson"))
}

/// Workers that share their topics, key, registry and checkpoints.
pub struct Scene {
    /// Their topics.
    pub topics: Topics,
    /// Where everything else of theirs lies; checkpoints in `checkpoints`.
    pub folder: tempfile::TempDir,
    /// Events that were sent so far.
    pub sent: AtomicUsize,
    arguments: Vec<String>,
}

impl Scene {
    /// With nothing sent and no worker.
    pub fn new(topics: Topics) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = write(folder.path(), "signing.key", KEY);
        std::fs::write(folder.path().join("strict.toml"), POLICY).expect("a temporary folder can be written");
        std::fs::create_dir(folder.path().join("registry")).expect("a temporary folder can be written");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (registry, checkpoints) = (path("registry"), path("checkpoints"));
        let mut arguments: Vec<String> =
            ["--signing-key", &key, "--registry", &registry].map(String::from).into();
        arguments.extend(["--checkpoints", &checkpoints, "--checkpoint-every", "0.3"].map(String::from));
        // A dead member is given up within two seconds.
        for setting in ["session.timeout.ms=2000", "heartbeat.interval.ms=300", "message.timeout.ms=1500"] {
            arguments.extend(["--set", setting].map(String::from));
        }
        Self { topics, folder, sent: AtomicUsize::new(0), arguments }
    }

    /// A worker that joins.
    pub fn worker(&self) -> Worker {
        self.worker_with(&[])
    }

    /// A worker with further arguments.
    pub fn worker_with(&self, more: &[&str]) -> Worker {
        let own = self.arguments.iter().map(String::as_str);
        Worker::start(&self.topics, &own.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// Lets the events flow for about `time`, verdicts and a policy among them.
    pub fn flow(&self, events: &[(String, String)], time: Duration) {
        let topic = self.topics.name("events");
        let chunks: Vec<_> = events.chunks(EVENTS_AT_ONCE).collect();
        let (started, feeder) = (clock::now(), Feeder::open(&self.topics.brokers));
        for (place, chunk) in chunks.iter().enumerate() {
            self.send(&feeder, chunk);
            if place == chunks.len() / 3 {
                self.activate();
            }
            if place.is_multiple_of(5) {
                self.register_on_the_box(&feeder);
            }
            if place.is_multiple_of(10) {
                feeder.send(&topic, std::iter::once(verdict(place, &chunk[0].0)));
            }
            let due = time.mul_f64((place + 1) as f64 / chunks.len() as f64);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
    }

    /// One more account is registered on a device that many have.
    fn register_on_the_box(&self, feeder: &Feeder) {
        let account = format!("box_{}", self.sent.load(Ordering::Relaxed));
        let line = format!(
            r#"{{"id":"{account}","ts":{},"kind":"registration","account":"{account}","age_h":0,"device":"box"}}"#,
            clock::now_ms()
        );
        self.send(feeder, &[(account, line)]);
    }

    /// Sends events as fast as the broker takes them.
    pub fn send(&self, feeder: &Feeder, events: &[(String, String)]) {
        let sent = events.iter().map(|(account, line)| Sent::keyed(account, line.as_str()));
        feeder.send(&self.topics.name("events"), sent);
        self.sent.fetch_add(events.len(), Ordering::Relaxed);
    }

    /// Saves state in another folder.
    pub fn save_in(&mut self, folder: &Path) {
        let place = self.arguments.iter().position(|one| one == "--checkpoints").expect("they are saved");
        self.arguments[place + 1] = folder.display().to_string();
    }

    /// Waits until so many events were sent.
    pub fn wait_until_sent(&self, count: usize) {
        let started = clock::now();
        while self.sent.load(Ordering::Relaxed) < count {
            assert!(started.elapsed() < WAIT, "the events do not flow");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Every relation that lies in the log a second time, as after a crash; they must count once.
    pub fn relations_again(&self) {
        let topic = self.topics.name("relations");
        let again = consume(&self.topics.brokers, &topic);
        let again = again.into_iter().map(|record| Sent {
            key: record.key,
            value: record.value,
            partition: Some(record.partition),
            headers: record.headers,
        });
        let count = produce_all(&self.topics.brokers, &topic, again);
        assert!(count > 1_000, "only {count} relations");
    }

    fn activate(&self) {
        let Topics { brokers, prefix, .. } = &self.topics;
        let at = ["control", "--brokers", brokers, "--prefix", prefix, "activate", "policy", "strict.toml"];
        let what = ["--name", "main", "--version", "7", "--registry", "registry"];
        let run = run(self.folder.path(), &[&at[..], &what].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
    }

    /// Waits until a worker has nothing left to do, ends it, and holds what was written against a replay.
    /// Gives what the worker logged.
    pub fn check(&self, mut worker: Worker) -> String {
        worker.wait_until_quiet(&self.topics);
        let (code, took) = worker.end();
        assert_eq!(code, 0, "{}", worker.log());
        assert!(took < Duration::from_secs(10), "it took {took:?} to end");
        let policies = BTreeMap::from([("7".to_owned(), POLICY.to_owned())]);
        let (expected, (told, repeats)) = (replay(&self.topics, &policies), written(&self.topics));
        let all = || expected.decisions.values().flatten();
        let (count, proposals) = (all().count(), expected.proposals.len());
        println!("{count} decisions, {repeats} written again; {proposals} proposals");
        assert!(proposals > 0, "nothing shared is spoken of");
        assert!(all().count() > 500, "only {} decisions: the test shows nothing", all().count());
        let by_policy = all().filter(|one| one.rule.as_deref() == Some("busy")).count();
        let by_humans = all().filter(|one| one.source == Source::Reviewer).count();
        assert!(by_policy > 20 && by_humans > 2, "{by_policy} of the new policy, {by_humans} of reviewers");
        for (account, decisions) in &expected.decisions {
            assert_eq!(told.decisions.get(account), Some(decisions), "{account}:\n{}", worker.log());
        }
        assert_eq!(told, expected);
        check_facts(&self.topics);
        self.check_events();
        let rejects = consume(&self.topics.brokers, &self.topics.name("rejects"));
        assert!(rejects.is_empty(), "{}", rejects[0].text());
        worker.log()
    }

    /// Every event that was sent lies in the log once.
    fn check_events(&self) {
        let log = consume(&self.topics.brokers, &self.topics.name("events"));
        let own = log.iter().filter(|record| record.headers.is_empty()).count();
        assert_eq!(own, self.sent.load(Ordering::Relaxed), "events in the log");
    }
}

/// A reviewer's word, as the role that accepts it signs it.
fn verdict(number: usize, account: &str) -> Sent {
    let verdict = if number.is_multiple_of(20) { "ban" } else { "lift" };
    let event = format!(
        r#"{{"id":"v_{number}","ts":{},"kind":"verdict","account":"{account}","verdict":"{verdict}","actor":"r_1"}}"#,
        clock::now_ms()
    );
    let signature = Signer::new(KEY).sign(event.as_bytes()).to_vec();
    Sent { headers: vec![("weir-hmac".to_owned(), signature)], ..Sent::keyed(account, event) }
}
