//! What a worker is restored from is away, blocked or gone: it waits, says why, keeps what it knows, and goes on.
//!
//! Separate from damaged checkpoints, of which the one before is taken. One scene, in order, since each start costs seconds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::clock;
use harness::http::Client;
use harness::kafka::{Feeder, Fetched, Sent, Topics, Worker, committed, consume, offsets, shared};
use harness::weir::run;
use schema::{Decision, ENFORCEMENT_KEY, Reject, RejectReason};

use crate::kafka::KEY;
use crate::metrics::Shown;

const WAIT: Duration = Duration::from_secs(60);
/// What a graceful end may take.
const END: Duration = Duration::from_secs(10);
const UNRESTORED: &str = "no checkpoint of a partition that the group has read before";
const GAP: &str = "the log no longer has what the partition was to read next";

/// A policy that limits whoever began so many chats.
fn policy(rule: &str, chats: u32) -> String {
    format!(
        "format = 1\nname = \"main\"\n[[rule]]\nname = \"{rule}\"\nwhen = 'new_chats_24h >= {chats}'\n\
         action = \"rate_limit\"\nscope = \"new_chats\"\nfor = \"1h\"\n"
    )
}

/// Workers with everything that they are restored from.
struct Setting {
    topics: Topics,
    folder: tempfile::TempDir,
    feeder: Feeder,
}

impl Setting {
    fn new() -> Self {
        let topics = Topics::create(shared(), 2, &[]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("signing.key"), KEY).expect("writable");
        std::fs::create_dir(folder.path().join("registry")).expect("writable");
        let feeder = Feeder::open(&topics.brokers);
        Self { topics, folder, feeder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn worker(&self) -> Worker {
        let path = |name: &str| self.path(name).display().to_string();
        let (key, registry, checkpoints) = (path("signing.key"), path("registry"), path("checkpoints"));
        let mut arguments = vec!["--signing-key", &key, "--registry", &registry];
        arguments.extend(["--checkpoints", &checkpoints, "--checkpoint-every", "0.3"]);
        arguments.extend(["--metrics", "127.0.0.1:0"]);
        for setting in ["session.timeout.ms=4000", "heartbeat.interval.ms=300", "message.timeout.ms=1500"] {
            arguments.extend(["--set", setting]);
        }
        Worker::start(&self.topics, &arguments)
    }

    fn control(&self, what: &[&str]) {
        let Topics { brokers, prefix, .. } = &self.topics;
        let arguments = [&["control", "--brokers", brokers, "--prefix", prefix], what].concat();
        let run = run(self.folder.path(), &arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }

    /// Wants a version without looking at its file.
    fn want(&self, version: &str, more: &str) {
        let record = format!(
            r#"{{"id":"c_{version}","at":{},"by":"t","kind":"policy","name":"main","version":"{version}"{more}}}"#,
            clock::now_ms()
        );
        self.feeder.send(&self.topics.name("control"), std::iter::once(Sent::keyed("main", record)));
    }

    /// Some accounts begin so many chats.
    fn chat(&self, accounts: &str, chats: std::ops::Range<u32>) {
        let line = |account: &str, n: u32| {
            format!(
                r#"{{"id":"{account}_{n}","ts":{},"kind":"message","account":"{account}","chat":"direct","peer":"p_{n}","first_contact":true,"in_contacts":false}}"#,
                clock::now_ms()
            )
        };
        let accounts = (0..6).map(|number| format!("{accounts}{number}"));
        let sent = accounts.flat_map(|account| {
            chats.clone().map(move |n| Sent::keyed(&account, line(&account, n))).collect::<Vec<_>>()
        });
        self.feeder.send(&self.topics.name("events"), sent);
    }

    /// Accounts of this name that a rule decided about, and the partitions in which they lie.
    fn decided(&self, accounts: &str, rule: &str) -> (usize, usize) {
        let decided = consume(&self.topics.brokers, &self.topics.name("decisions"));
        let decided = decided.iter().filter(|record| {
            let decision: Decision = serde_json::from_str(&record.text()).expect("a decision");
            decision.account.starts_with(accounts) && decision.rule.as_deref() == Some(rule)
        });
        let decided: BTreeSet<_> = decided.map(|record| (record.partition, record.key.clone())).collect();
        let partitions: BTreeSet<i32> = decided.iter().map(|(partition, _)| *partition).collect();
        (decided.len(), partitions.len())
    }

    /// The last word about the kill switch is this, within what gateways are promised.
    #[track_caller]
    fn switch(&self, on: bool, worker: &Worker) {
        self.control(&["kill", if on { "on" } else { "off" }]);
        let started = clock::now();
        let is_on = || {
            let standing = consume(&self.topics.brokers, &self.topics.name("standing"));
            let is_word = |word: &&Fetched| word.key.as_deref() == Some(ENFORCEMENT_KEY.as_bytes());
            standing.iter().rfind(is_word).is_some_and(|word| word.value.is_some())
        };
        while is_on() != on {
            assert!(started.elapsed() < Duration::from_secs(5), "gateways were not told:\n{}", worker.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Reasons and details of what was refused.
    fn rejects(&self) -> Vec<(RejectReason, String)> {
        let rejects = consume(&self.topics.brokers, &self.topics.name("rejects"));
        let reject = |record: &Fetched| {
            let reject: Reject = serde_json::from_str(&record.text()).expect("a reject");
            (reject.reason, reject.detail)
        };
        rejects.iter().map(reject).collect()
    }

    /// Checkpoints of accounts.
    fn saved(&self) -> BTreeSet<PathBuf> {
        let (mut found, mut folders) = (BTreeSet::new(), vec![self.path("checkpoints/accounts")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder of checkpoints") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path);
                }
            }
        }
        found
    }
}

/// Waits until the worker is ready, or says this of why it is not.
#[track_caller]
fn wait_until(worker: &Worker, says: Result<(), &str>) {
    let (address, started) = (worker.shows_at(), clock::now());
    loop {
        let answer = Client::connect(&address).and_then(|mut client| client.call("GET", "/readyz", "", b""));
        let answer = answer.unwrap_or_else(|error| panic!("{error}:\n{}", worker.log()));
        let text = String::from_utf8_lossy(&answer.body);
        match says {
            Ok(()) if answer.status == 200 => return,
            Err(why) if answer.status == 503 && text.contains(why) => return,
            _ => {}
        }
        assert!(started.elapsed() < WAIT, "not {says:?} but {text}:\n{}", worker.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn end(mut worker: Worker) -> String {
    let (code, took) = worker.end();
    assert_eq!(code, 0, "{}", worker.log());
    assert!(took < END, "it took {took:?} to end:\n{}", worker.log());
    println!("ended in {took:?}");
    worker.log()
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("coreutils");
    assert!(made.success());
}

/// The registry is away, then one file of it blocks whoever reads it.
fn without_a_registry(setting: &Setting) {
    let (registry, away) = (setting.path("registry"), setting.path("away"));
    let saved = setting.saved();
    // As when a share is not mounted.
    std::fs::rename(&registry, &away).expect("ours");
    std::fs::create_dir(&registry).expect("ours");
    let worker = setting.worker();
    wait_until(&worker, Err("the registry is empty"));
    setting.switch(true, &worker);
    wait_until(&worker, Err("the registry is empty"));
    end(worker);
    std::fs::remove_dir(&registry).expect("ours");
    std::fs::rename(&away, &registry).expect("ours");

    let (file, kept) = (registry.join("policy/main/1.toml"), setting.path("kept.toml"));
    std::fs::rename(&file, &kept).expect("ours");
    // Somebody changed it since: what was in force is not this.
    std::fs::write(&file, policy("busy", 31)).expect("ours");
    let worker = setting.worker();
    wait_until(&worker, Err("its SHA-256 is"));
    wait_until(&worker, Err("was in force when the checkpoint was made; put its file back"));
    end(worker);
    std::fs::remove_file(&file).expect("ours");
    pipe(&file);
    let worker = setting.worker();
    wait_until(&worker, Err("being restored"));
    setting.switch(false, &worker);
    wait_until(&worker, Err("being restored"));
    end(worker);
    std::fs::rename(&kept, &file).expect("ours");
    assert_eq!(setting.saved(), saved, "nothing was written");
}

/// A version takes longer to load than an output may wait, and another is away when it is wanted.
fn slow_versions(setting: &Setting, worker: &mut Worker) {
    let (registry, away) = (setting.path("registry"), setting.path("away"));
    let file = registry.join("policy/main/2.toml");
    pipe(&file);
    setting.want("2", "");
    wait_until(worker, Err("policy main 2 is being loaded"));
    std::thread::sleep(Duration::from_secs(3));
    // One reader hears it: both partitions take what was loaded once.
    std::fs::write(&file, policy("slow", 10)).expect("it is read");
    wait_until(worker, Ok(()));
    setting.chat("b", 0..10);
    worker.wait_until_quiet(&setting.topics);
    assert_eq!(setting.decided("b", "slow"), (6, 2), "{}", worker.log());

    std::fs::write(registry.join("policy/main/3.toml"), policy("late", 5)).expect("ours");
    std::fs::rename(&registry, &away).expect("ours");
    setting.want("3", "");
    wait_until(worker, Err("is it mounted?"));
    std::fs::rename(&away, &registry).expect("ours");
    wait_until(worker, Ok(()));
    setting.chat("c", 0..5);
    worker.wait_until_quiet(&setting.topics);
    assert_eq!(setting.decided("c", "late"), (6, 2), "{}", worker.log());
    let shown = Shown::ask(&worker.shows_at());
    assert_eq!(shown.sum("weir_falls_total", ""), Some(0.0), "{}", worker.log());
    assert_eq!(setting.rejects(), [], "nothing is refused");

    // Somebody changed the file after it was wanted: no partition takes it, and both digests are told.
    std::fs::write(registry.join("policy/main/4.toml"), policy("changed", 1)).expect("ours");
    let wanted = "0123456789abcdef".repeat(4);
    setting.want("4", &format!(r#","sha256":"{wanted}""#));
    setting.chat("f", 0..5);
    worker.wait_until_quiet(&setting.topics);
    let rejects = setting.rejects();
    assert_eq!(rejects.len(), 2, "{}", worker.log());
    for (reason, detail) in rejects {
        assert_eq!(reason, RejectReason::ArtifactMissing);
        assert!(detail.contains(&wanted) && detail.contains("its SHA-256 is"), "{detail}");
    }
    assert_eq!((setting.decided("f", "changed"), setting.decided("f", "late")), ((0, 0), (6, 2)));
    setting.want("3", ""); // What is wanted is what is in force, whoever starts with nothing else.
    worker.wait_until_quiet(&setting.topics);
}

/// Records that were not read yet are gone from the log: while the worker runs, and while it does not.
fn a_log_with_gaps(setting: &Setting, mut worker: Worker) {
    let gaps = |worker: &Worker| Shown::ask(&worker.shows_at()).sum("weir_log_gaps_total", "");
    worker.freeze();
    std::thread::sleep(Duration::from_millis(300)); // What was asked of the broker before is answered.
    setting.chat("x", 0..3);
    setting.topics.forget_records("events");
    worker.thaw();
    worker.wait_until_it_says(GAP);
    setting.chat("d", 0..5);
    worker.wait_until_quiet(&setting.topics);
    wait_until(&worker, Ok(()));
    assert_eq!(setting.decided("d", "late"), (6, 2), "{}", worker.log());
    assert!(gaps(&worker) >= Some(2.0), "{}", worker.log());
    end(worker);

    setting.chat("x", 3..6);
    setting.topics.forget_records("events");
    std::fs::rename(setting.path("checkpoints"), setting.path("lost")).expect("ours");
    let mut worker = setting.worker();
    worker.wait_until_it_says(GAP);
    worker.wait_until_it_says(UNRESTORED);
    setting.chat("e", 0..5);
    worker.wait_until_quiet(&setting.topics);
    assert_eq!(setting.decided("e", "late"), (6, 2), "{}", worker.log());
    assert_eq!(gaps(&worker), Some(2.0), "{}", worker.log());
    // It works, and whoever asks is told what it does without, also after it has saved anew.
    std::thread::sleep(Duration::from_secs(1));
    wait_until(&worker, Err("is it mounted, and the same for all workers?"));
    let unrestored = Shown::ask(&worker.shows_at()).sum("weir_unrestored_total", "");
    assert!(unrestored >= Some(2.0), "{unrestored:?}");
    end(worker);
    let worker = setting.worker();
    wait_until(&worker, Ok(()));
    assert!(!worker.log().contains(UNRESTORED), "{}", worker.log());
    end(worker);
}

#[test]
fn a_worker_waits_for_what_it_is_restored_from_forgets_nothing_and_goes_on_over_a_gap() {
    let setting = Setting::new();
    let mut worker = setting.worker();
    worker.wait_until_it_says("a partition was given");
    std::fs::write(setting.path("policy.toml"), policy("busy", 30)).expect("writable");
    let version = ["--name", "main", "--version", "1", "--registry", "registry"];
    setting.control(&[&["activate", "policy", "policy.toml"], &version[..]].concat());
    worker.wait_until_quiet(&setting.topics);
    setting.chat("a", 0..20);
    worker.wait_until_quiet(&setting.topics);
    end(worker);
    without_a_registry(&setting);

    let mut worker = setting.worker();
    wait_until(&worker, Ok(()));
    setting.chat("a", 20..40);
    worker.wait_until_quiet(&setting.topics);
    // Twenty before and twenty after: who forgot the first would see no thirty.
    assert_eq!(setting.decided("a", "busy"), (6, 2), "{}", worker.log());
    slow_versions(&setting, &mut worker);
    a_log_with_gaps(&setting, worker);
}

#[test]
fn a_topic_that_was_made_anew_is_no_longer_the_one_of_its_checkpoints() {
    let setting = Setting::new();
    std::fs::write(setting.path("policy.toml"), policy("busy", 30)).expect("writable");
    let mut worker = setting.worker();
    let version = ["--name", "main", "--version", "1", "--registry", "registry"];
    setting.control(&[&["activate", "policy", "policy.toml"], &version[..]].concat());
    worker.wait_until_quiet(&setting.topics);
    setting.chat("a", 0..20);
    worker.wait_until_quiet(&setting.topics);
    end(worker);
    let committed = committed(&setting.topics, "events");
    assert!(committed.iter().all(|offset| *offset > 0), "{committed:?}");

    setting.topics.make_anew(&["events", "relations"]);
    // As many again and more: by their offsets the old checkpoints fit.
    setting.chat("b", 0..40);
    let is_as_long = || {
        let ends = offsets(&setting.topics.brokers, &setting.topics.name("events"));
        ends.iter().zip(&committed).all(|((_, next), old)| next > old)
    };
    for round in 0..100 {
        if !is_as_long() {
            setting.chat(&format!("w{round}_"), 0..5);
        }
    }
    assert!(is_as_long());
    let mut worker = setting.worker();
    worker.wait_until_quiet(&setting.topics);
    let log = worker.log();
    assert!(log.contains("it is of another log") && log.contains("deleted and made anew"), "{log}");
    assert!(!log.contains("a checkpoint was restored"), "{log}");
    // Read from the first record, by the version that is wanted: who had begun in the middle would have seen fewer than thirty.
    assert_eq!(setting.decided("b", "busy"), (6, 2), "{log}");
    assert_eq!(setting.decided("a", "busy"), (0, 0), "{log}");
    end(worker);
    let mut worker = setting.worker();
    worker.wait_until_it_says("a checkpoint was restored");
    worker.wait_until_quiet(&setting.topics);
    end(worker);
}
