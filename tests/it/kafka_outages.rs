//! What workers stand on fails while events flow: the broker is away, checkpoints are damaged or foreign, their disk is full.
//!
//! Separate from faults of the workers themselves. What was written is held against a replay by the scene.

use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::disk::Small;
use harness::kafka::{Cluster, Topics, Worker, shared};
use harness::{clickhouse, clock};

use crate::archive_role::check_each_is_told_once;
use crate::kafka_scene::{Scene, events_of_now};

/// People of these tests.
const PEOPLE: u32 = 1_000;
const REFUSED: &str = "a checkpoint was refused; the one before it is tried";
const NOT_WRITTEN: &str = "a checkpoint was not written; the one before it stands";
const RESTORED: &str = "a checkpoint was restored";

/// How a broker is away.
#[derive(Clone, Copy, PartialEq)]
enum Away {
    Stopped,
    Frozen,
}

/// The only broker is away for a time in the middle of the flow, and an archive beside the worker is joined by another and left again.
fn without_a_broker(how: Away, time: Duration) {
    let mut cluster = Cluster::start(1);
    let scene = Scene::new(Topics::create(cluster.brokers(), 2, &[]));
    let events = events_of_now(PEOPLE);
    let (key, url) = (scene.folder.path().join("signing.key"), clickhouse::shared().url());
    let key = key.display().to_string();
    let keep =
        || Worker::archive(&scene.topics, &url, &["--signing-key", &key, "--deletions-every", "86400"]);
    let mut archive = keep();
    let mut worker = std::thread::scope(|scope| {
        let flow = scope.spawn(|| scene.flow(&events, Duration::from_secs(15)));
        let worker = scene.worker();
        worker.wait_until_it_says("a partition was given");
        scene.wait_until_sent(events.len() / 2);
        let broker = &mut cluster.members[0];
        match how {
            Away::Stopped => broker.stop(),
            Away::Frozen => broker.freeze(),
        }
        std::thread::sleep(time);
        match how {
            Away::Stopped => broker.restart(),
            Away::Frozen => broker.thaw(),
        }
        let mut another = keep();
        flow.join().expect("every event was taken");
        assert_eq!(another.end().0, 0, "{}", another.log());
        worker
    });
    assert!(worker.runs(), "it ended:\n{}", worker.log());
    let log = scene.check(worker);
    archive.wait_until_archived(&scene.topics);
    check_each_is_told_once(&scene.topics);
    assert!(how == Away::Frozen || log.contains("the broker is not well"), "it noticed nothing:\n{log}");
}

#[test]
fn a_broker_that_is_stopped_and_comes_back_costs_nothing() {
    without_a_broker(Away::Stopped, Duration::from_secs(10));
}

/// Broker and worker are frozen in turn and across each other, for less and for more than an output may wait (1.5 s).
#[test]
fn a_broker_and_a_worker_that_are_frozen_in_turn_lose_no_relation_and_keep_the_order() {
    let cluster = Cluster::start(1);
    let scene = Scene::new(Topics::create(cluster.brokers(), 2, &[]));
    let events = events_of_now(PEOPLE);
    let broker = &cluster.members[0];
    let worker = std::thread::scope(|scope| {
        let flow = scope.spawn(|| scene.flow(&events, Duration::from_secs(12)));
        let worker = scene.worker();
        worker.wait_until_it_says("a partition was given");
        scene.wait_until_sent(events.len() / 4);
        let pause = |ms| std::thread::sleep(Duration::from_millis(ms));
        broker.freeze();
        pause(4_000);
        broker.thaw();
        scene.wait_until_sent(events.len() / 2);
        for (before, both) in [(1_200, 500), (600, 1_200)] {
            broker.freeze();
            pause(before);
            worker.freeze();
            pause(both);
            broker.thaw();
            pause(400);
            worker.thaw();
            pause(500);
        }
        scene.wait_until_sent(events.len() * 3 / 4);
        worker.freeze();
        pause(3_000);
        worker.thaw();
        flow.join().expect("every event was taken");
        worker
    });
    let log = scene.check(worker);
    println!("{} falls", log.matches("a partition fell").count());
}

#[test]
#[ignore = "a minute and a half: cargo test --workspace --locked --test it -- --ignored thirty_seconds"]
fn a_broker_that_is_stopped_for_thirty_seconds_costs_nothing() {
    without_a_broker(Away::Stopped, Duration::from_secs(30));
}

#[test]
#[ignore = "a minute and a half: cargo test --workspace --locked --test it -- --ignored thirty_seconds"]
fn a_broker_that_is_frozen_for_thirty_seconds_costs_nothing() {
    without_a_broker(Away::Frozen, Duration::from_secs(30));
}

/// A place among the checkpoints of accounts.
fn place(scene: &Scene, partition: i32) -> PathBuf {
    scene.folder.path().join("checkpoints/accounts").join(format!("{partition:05}"))
}

/// All files below a folder whose name ends so, by path.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of checkpoints") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Events flow to a worker that ends in order, `harm` is done to what it saved, and another goes on.
fn with_harm(harm: impl FnOnce(&Scene)) -> String {
    let scene = Scene::new(Topics::create(shared(), 2, &[]));
    let events = events_of_now(PEOPLE);
    let (first, rest) = events.split_at(events.len() * 3 / 4);
    let mut worker = scene.worker();
    scene.flow(first, Duration::from_secs(8));
    worker.wait_until_quiet(&scene.topics);
    assert_eq!(worker.end().0, 0, "{}", worker.log());
    harm(&scene);
    let worker = scene.worker();
    scene.flow(rest, Duration::from_secs(3));
    let log = scene.check(worker);
    assert!(log.contains(RESTORED), "{log}");
    log
}

#[test]
fn a_damaged_checkpoint_is_told_and_the_one_before_it_decides_the_same() {
    let log = with_harm(|scene| {
        for partition in 0..scene.topics.partitions {
            let newest = files(&place(scene, partition), ".json").pop().expect("one at every end");
            let part = files(newest.parent().expect("it lies in a folder"), ".part").pop().expect("a part");
            let mut bytes = std::fs::read(&part).expect("a part");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&part, bytes).expect("it can be written");
        }
    });
    assert_eq!(log.matches(REFUSED).count(), 2, "{log}");
    assert!(log.contains("checksum"), "{log}");
}

#[test]
fn a_foreign_checkpoint_is_told_and_the_own_one_decides_the_same() {
    let log = with_harm(|scene| {
        // The other partition's chain, under a name that comes last.
        let newest = files(&place(scene, 1), ".json").pop().expect("one at every end");
        let chain = newest.parent().and_then(Path::parent).expect("number and chain");
        let name = format!("{:020}-{:020}", u64::MAX / 2, 1);
        for from in files(chain, "") {
            let to = place(scene, 0).join(&name).join(from.strip_prefix(chain).expect("it lies there"));
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("it can be written");
            std::fs::copy(from, to).expect("it can be written");
        }
    });
    assert!(log.contains("a checkpoint was refused") && log.contains("partition"), "{log}");
}

#[test]
fn a_full_disk_of_checkpoints_is_told_and_the_line_goes_on_and_saves_when_there_is_room() {
    let Some(small) = Small::mount("24m") else {
        eprintln!("NOT RUN: no tmpfs can be mounted here, so the disk cannot be filled");
        return;
    };
    let mut scene = Scene::new(Topics::create(shared(), 2, &[]));
    scene.save_in(small.path());
    let events = events_of_now(PEOPLE);
    let ballast = small.path().join("ballast");
    let worker = std::thread::scope(|scope| {
        scope.spawn(|| scene.flow(&events, Duration::from_secs(20)));
        let mut worker = scene.worker();
        scene.wait_until_sent(events.len() / 4);
        small.fill(&ballast);
        worker.wait_until_it_says(NOT_WRITTEN);
        let decided = decisions(&scene);
        scene.wait_until_sent(events.len() / 2);
        wait_for_decisions(&scene, decided + 20, &worker);
        assert!(worker.runs(), "it ended:\n{}", worker.log());
        // Killed while nothing could be saved: the one before the disk was full is where it goes on.
        worker.kill();
        let worker = scene.worker();
        worker.wait_until_it_says(RESTORED);
        worker.wait_until_it_says(NOT_WRITTEN);
        std::fs::remove_file(&ballast).expect("it can be removed");
        worker
    });
    scene.check(worker);
}

fn decisions(scene: &Scene) -> i64 {
    let ends = harness::kafka::offsets(&scene.topics.brokers, &scene.topics.name("decisions"));
    ends.iter().map(|(_, next)| next).sum()
}

fn wait_for_decisions(scene: &Scene, count: i64, worker: &Worker) {
    let started = clock::now();
    while decisions(scene) < count {
        assert!(started.elapsed() < Duration::from_secs(120), "the line stands still:\n{}", worker.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}
