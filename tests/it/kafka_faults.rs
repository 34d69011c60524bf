//! Workers that are killed, frozen, joined and left alone while events flow: what they wrote is what an engine that nobody
//! interrupts decides about the same log.
//!
//! Separate from what workers do on a good day, and from faults of what they stand on.

use std::time::Duration;

use harness::kafka::{Cluster, Topics, shared};

use crate::kafka_scene::{Scene, events_of_now};

/// People of most of these tests.
const PEOPLE: u32 = 1_500;

/// A number below `bound`, from a seed that goes on.
fn random(seed: &mut u64, bound: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % bound
}

/// Kills the worker so many times at random points while the events of so many people flow.
fn kill_it(kills: usize, people: u32) {
    let scene = Scene::new(Topics::create(shared(), 2, &[]));
    let events = events_of_now(people);
    println!("{} events", events.len());
    let mut worker = std::thread::scope(|scope| {
        scope.spawn(|| scene.flow(&events, Duration::from_secs(3 * kills as u64)));
        let (mut seed, mut killed, mut restored) = (7, 0, 0);
        loop {
            let mut worker = scene.worker();
            if killed == kills {
                break worker;
            }
            worker.wait_until_it_says("a partition was given");
            // Spread over the whole flow, however slow the machine is.
            scene.wait_until_sent(events.len() * killed / kills);
            std::thread::sleep(Duration::from_millis(random(&mut seed, 1_500)));
            worker.kill();
            killed += 1;
            restored += usize::from(worker.log().contains("a checkpoint was restored"));
            assert!(killed < kills || restored > 0, "never restored:\n{}", worker.log());
        }
    });
    worker.wait_until_quiet(&scene.topics);
    scene.relations_again();
    scene.check(worker);
}

#[test]
fn a_worker_that_is_killed_ten_times_loses_nothing_and_decides_the_same() {
    kill_it(10, PEOPLE);
}

#[test]
#[ignore = "200,000 events, five minutes: cargo test --workspace --locked --test it -- --ignored fifty_times"]
fn a_worker_that_is_killed_fifty_times_loses_nothing_and_decides_the_same() {
    kill_it(50, 2 * PEOPLE);
}

#[test]
fn three_workers_that_join_and_leave_take_state_with_the_partitions() {
    let scene = Scene::new(Topics::create(shared(), 6, &[]));
    let events = events_of_now(PEOPLE);
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
    let events = events_of_now(PEOPLE);
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
fn the_death_of_a_leader_among_three_brokers_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let scene = Scene::new(Topics::create(cluster.brokers(), 3, &["--replication", "3"]));
    let events = events_of_now(PEOPLE);
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
