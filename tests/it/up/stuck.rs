//! A thread that does not go on is told by `/healthz`, so that whoever watches the process starts it anew.
//!
//! Separate, because it takes more than a minute and a disk that can be frozen.

use std::time::Duration;

use harness::clock;
use harness::disk::Freezer;
use harness::up::Up;

use super::{NDJSON, records, session, wait_until_decided};

/// Far more than the minute after which a thread is missed.
const WAIT: Duration = Duration::from_secs(120);

#[test]
#[ignore = "more than a minute, and others' syncs wait while its disk is frozen: cargo test --workspace --locked --test it -- --ignored stuck"]
fn a_stuck_disk_is_told_by_healthz_and_nothing_is_lost_when_it_goes_on() {
    let Some(disk) = Freezer::mount() else {
        eprintln!("NOT RUN: no ext4 can be mounted here, so the disk cannot be frozen");
        return;
    };
    let data = disk.path();
    let up = Up::start(&data, &[]);
    let post = |id: &str| up.client().call("POST", "/v1/events", NDJSON, session(id).as_bytes());
    let health = || up.client().call("GET", "/healthz", "", b"").expect("it answers");
    assert_eq!(post("before").expect("it answers").json()["accepted"], 1);
    wait_until_decided(&up);
    assert_eq!(health().status, 200);
    disk.freeze();
    let said = std::thread::scope(|scope| {
        let waits = scope.spawn(|| post("meanwhile"));
        let started = clock::now();
        let said = loop {
            std::thread::sleep(Duration::from_secs(1));
            let answer = health();
            if answer.status != 200 || started.elapsed() > WAIT {
                break answer;
            }
        };
        disk.thaw();
        // Whoever waited is answered either way; what was answered as taken is there.
        waits.join().expect("no panic").ok();
        said
    });
    let text = String::from_utf8_lossy(&said.body).into_owned();
    assert!(said.status == 503 && text.contains("is stuck or dead"), "{} {text}", said.status);
    let started = clock::now();
    while health().status != 200 {
        assert!(started.elapsed() < WAIT, "it does not recover: {}", up.said());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(post("after").expect("it answers").json()["accepted"], 1);
    wait_until_decided(&up);
    assert_eq!(up.stop().0, 0);
    let ids: Vec<String> = records(&data, 0).into_iter().map(|(_, _, text)| text).collect();
    for id in ["before", "after"] {
        assert!(ids.iter().any(|text| text.contains(id)), "{id} is not in the journal: {ids:?}");
    }
}
