//! Workers that are killed, frozen, joined and left alone while events flow: what they wrote is what an engine that nobody
//! interrupts decides about the same log.
//!
//! Separate from what workers do on a good day. Facts over the log, verdicts and a new policy are among the events.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::clock;
use harness::kafka::{Cluster, Sent, Topics, Worker, produce, produce_all, shared};
use harness::weir::{read, run, write};
use sinks::kafka::Signer;

use crate::kafka::{KEY, moved_to_now};
use crate::replay::{replay, written};

/// A policy that is put in force on the way: it decides often.
const POLICY: &str = "format = 1\nname = \"strict\"\n[[rule]]\nname = \"busy\"\nwhen = 'new_chats_24h >= 1'\n\
                      action = \"rate_limit\"\nscope = \"new_chats\"\nfor = \"1h\"\n";
/// Events that are produced at once.
const EVENTS_AT_ONCE: usize = 500;

/// 1,500 people over a day, about 100,000 events.
fn events_of_now() -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments =
        "simulate --out e.ndjson --accounts 1500 --hours 24 --seed 5 --base-rate 0.1 --truth t.ndjson";
    let made = run(folder.path(), &arguments.split(' ').collect::<Vec<_>>());
    assert_eq!(made.code, 0, "{}", made.stderr);
    moved_to_now(&read(folder.path(), "e.ndjson"))
}

/// Workers that share their topics, key, registry and checkpoints.
struct Scene {
    topics: Topics,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
}

impl Scene {
    fn new(topics: Topics) -> Self {
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
        Self { topics, folder, arguments }
    }

    fn worker(&self) -> Worker {
        Worker::start(&self.topics, &self.arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Lets the events flow for about `time`, verdicts and a policy among them.
    fn flow(&self, events: &[(String, String)], time: Duration) {
        let topic = self.topics.name("events");
        let chunks: Vec<_> = events.chunks(EVENTS_AT_ONCE).collect();
        let started = clock::now();
        for (place, chunk) in chunks.iter().enumerate() {
            let sent = chunk.iter().map(|(account, line)| Sent::keyed(account, line.as_str()));
            produce_all(&self.topics.brokers, &topic, sent);
            if place == chunks.len() / 3 {
                self.activate();
            }
            if place.is_multiple_of(10) {
                self.verdict(place, &chunk[0].0);
            }
            let due = time.mul_f64((place + 1) as f64 / chunks.len() as f64);
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
    }

    fn activate(&self) {
        let Topics { brokers, prefix, .. } = &self.topics;
        let at = ["control", "--brokers", brokers, "--prefix", prefix, "activate", "policy", "strict.toml"];
        let what = ["--name", "main", "--version", "7", "--registry", "registry"];
        let run = run(self.folder.path(), &[&at[..], &what].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
    }

    /// A reviewer's word, as the role that accepts it signs it.
    fn verdict(&self, number: usize, account: &str) {
        let verdict = if number.is_multiple_of(20) { "ban" } else { "lift" };
        let event = format!(
            r#"{{"id":"v_{number}","ts":{},"kind":"verdict","account":"{account}","verdict":"{verdict}","actor":"r_1"}}"#,
            clock::now_ms()
        );
        let signature = Signer::new(KEY).sign(event.as_bytes()).to_vec();
        let headers = vec![("weir-hmac".to_owned(), signature)];
        let sent = Sent { headers, ..Sent::keyed(account, event) };
        produce(&self.topics.brokers, &self.topics.name("events"), &[sent]);
    }

    /// Waits until a worker has nothing left to do, ends it, and holds what was written against a replay.
    fn check(&self, mut worker: Worker) {
        worker.wait_until_quiet(&self.topics);
        let (code, took) = worker.end();
        assert_eq!(code, 0, "{}", worker.log());
        assert!(took < Duration::from_secs(10), "it took {took:?} to end");
        let policies = BTreeMap::from([("7".to_owned(), POLICY.to_owned())]);
        let (expected, (told, repeats)) = (replay(&self.topics, &policies), written(&self.topics));
        let count = expected.decisions.values().map(Vec::len).sum::<usize>();
        println!("{count} decisions, {repeats} written again");
        assert!(count > 500, "only {count} decisions: the test shows nothing");
        for (account, decisions) in &expected.decisions {
            assert_eq!(told.decisions.get(account), Some(decisions), "{account}:\n{}", worker.log());
        }
        assert_eq!(told, expected);
        let rejects = harness::kafka::consume(&self.topics.brokers, &self.topics.name("rejects"));
        assert!(rejects.is_empty(), "{}", rejects[0].text());
    }
}

/// A number below `bound`, from a seed that goes on.
fn random(seed: &mut u64, bound: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % bound
}

/// Kills the worker so many times at random points while events flow.
fn kill_it(kills: u32) {
    let scene = Scene::new(Topics::create(shared(), 2, &[]));
    let events = events_of_now();
    let flows = AtomicBool::new(true);
    let worker = std::thread::scope(|scope| {
        scope.spawn(|| {
            scene.flow(&events, Duration::from_secs(4) * kills);
            flows.store(false, Ordering::Relaxed);
        });
        let (mut seed, mut killed, mut restored) = (7, 0, 0);
        loop {
            let mut worker = scene.worker();
            if killed == kills {
                break worker;
            }
            worker.wait_until_it_says("a partition was given");
            std::thread::sleep(Duration::from_millis(random(&mut seed, 2_000)));
            worker.kill();
            killed += 1;
            restored += usize::from(worker.log().contains("a checkpoint was restored"));
            assert!(killed < kills || restored > 0, "never restored:\n{}", worker.log());
        }
    });
    scene.check(worker);
}

#[test]
fn a_worker_that_is_killed_ten_times_loses_nothing_and_decides_the_same() {
    kill_it(10);
}

#[test]
#[ignore = "four minutes: cargo test -p tests --test it fifty_times -- --ignored"]
fn a_worker_that_is_killed_fifty_times_loses_nothing_and_decides_the_same() {
    kill_it(50);
}

#[test]
fn three_workers_that_join_and_leave_take_state_with_the_partitions() {
    let scene = Scene::new(Topics::create(shared(), 6, &[]));
    let events = events_of_now();
    let last = std::thread::scope(|scope| {
        scope.spawn(|| scene.flow(&events, Duration::from_secs(24)));
        let (mut first, second) = (scene.worker(), scene.worker());
        first.wait_until_it_says("a partition was given");
        std::thread::sleep(Duration::from_secs(6));
        let mut third = scene.worker();
        third.wait_until_it_says("a checkpoint was restored");
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(first.end().0, 0, "{}", first.log());
        std::thread::sleep(Duration::from_secs(4));
        third.kill();
        second
    });
    scene.check(last);
}

#[test]
fn an_owner_that_was_frozen_does_not_have_the_last_word() {
    let scene = Scene::new(Topics::create(shared(), 2, &[]));
    let events = events_of_now();
    let (first, second) = std::thread::scope(|scope| {
        scope.spawn(|| scene.flow(&events, Duration::from_secs(20)));
        let (first, second) = (scene.worker(), scene.worker());
        first.wait_until_it_says("a partition was given");
        second.wait_until_it_says("a partition was given");
        for _ in 0..2 {
            std::thread::sleep(Duration::from_secs(2));
            first.freeze();
            std::thread::sleep(Duration::from_secs(5));
            first.thaw();
        }
        (first, second)
    });
    scene.check(second);
    drop(first);
}

#[test]
#[ignore = "three brokers take 1.5 GB: cargo test -p tests --test it leader -- --ignored"]
fn the_death_of_a_leader_among_three_brokers_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let scene = Scene::new(Topics::create(cluster.brokers(), 3, &["--replication", "3"]));
    let events = events_of_now();
    let worker = std::thread::scope(|scope| {
        let flow = scope.spawn(|| scene.flow(&events, Duration::from_secs(30)));
        let worker = scene.worker();
        worker.wait_until_it_says("a partition was given");
        for member in 0..2 {
            std::thread::sleep(Duration::from_secs(4));
            cluster.members[member].kill();
            std::thread::sleep(Duration::from_secs(5));
            cluster.members[member].restart();
        }
        flow.join().expect("every event was taken");
        worker
    });
    scene.check(worker);
}
