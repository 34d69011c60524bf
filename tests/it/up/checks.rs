//! Checks: whoever asks about one event gets its decision, or is told that the deadline passed.
//!
//! Separate from the feed, which tells decisions to everybody.

use std::thread;
use std::time::Duration;

use harness::clock::now_ms;
use harness::up::Up;
use rusqlite::Connection;
use serde_json::json;

use super::session;

#[test]
fn every_check_is_answered_while_many_ask_at_once_and_the_engine_never_rests() {
    let data = tempfile::tempdir().expect("a folder");
    let up = Up::start(data.path(), &[]);
    // Each decision and each other asker's event wakes the engine, so that it reads at any moment of a commit.
    let ask = |asker: u32| {
        let mut client = up.client();
        for number in 0..500 {
            let event = json!({"id": format!("c{asker}-{number}"), "ts": now_ms(), "kind": "message",
                "account": format!("asker{asker}"), "age_h": 0.1, "chat": "direct", "peer": format!("p{number}"),
                "first_contact": true, "in_contacts": false, "typed": false});
            let answer = client.call("POST", "/v1/check?deadline_ms=5000", "", event.to_string().as_bytes());
            let answer = answer.expect("it answers");
            assert_eq!(answer.status, 200, "{asker} {number}: {}", String::from_utf8_lossy(&answer.body));
        }
    };
    thread::scope(|scope| {
        let askers: Vec<_> = (0..4)
            .map(|asker| {
                scope.spawn({
                    let ask = &ask;
                    move || ask(asker)
                })
            })
            .collect();
        askers.into_iter().for_each(|asker| asker.join().expect("every check is answered"));
    });
}

#[test]
fn a_deadline_that_passes_is_told_and_the_event_is_decided_all_the_same() {
    let data = tempfile::tempdir().expect("a folder");
    let up = Up::start(data.path(), &[]);
    // While somebody else holds the file, nothing can be committed.
    let db = Connection::open(data.path().join("journal.db")).expect("the journal is there");
    db.execute_batch("BEGIN IMMEDIATE").expect("the file can be held");
    let event = session("c1");
    let late =
        up.client().call("POST", "/v1/check?deadline_ms=150", "", event.as_bytes()).expect("it answers");
    assert_eq!((late.status, &late.json()["error"]), (504, &"deadline".into()));
    db.execute_batch("ROLLBACK").expect("the file can be let go");
    let again =
        up.client().call("POST", "/v1/check?deadline_ms=10000", "", event.as_bytes()).expect("it answers");
    assert_eq!(again.json()["outcome"], "duplicate", "the first one lies in the log");
    for deadline in ["0", "10001", "x"] {
        let path = format!("/v1/check?deadline_ms={deadline}");
        assert_eq!(up.client().call("POST", &path, "", b"{}").expect("it answers").status, 400);
    }
}

#[test]
fn a_feed_tells_its_position_while_nothing_is_decided_however_much_is_sent() {
    let data = tempfile::tempdir().expect("a folder");
    let up = Up::start(data.path(), &[]);
    let mut feed = up.client();
    assert_eq!(feed.open("/v1/decisions?from=0", "").expect("it answers"), 200);
    let told = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            loop {
                let line = feed.line().expect("the feed goes on");
                assert!(!line.starts_with("data"), "nothing is decided about sessions: {line}");
                if let Some(id) = line.strip_prefix("id: ") {
                    return id.parse::<u64>().expect("a position");
                }
            }
        });
        let mut sent = 0;
        while !reader.is_finished() {
            let answer = up.client().call("POST", "/v1/events", "", session(&format!("s{sent}")).as_bytes());
            assert_eq!(answer.expect("it answers").status, 200);
            sent += 1;
            assert!(sent < 3_000, "it tells nothing");
            thread::sleep(Duration::from_millis(20));
        }
        reader.join().expect("it was told")
    });
    let again = up.client().open(&format!("/v1/decisions?from={told}"), "").expect("it answers");
    assert!(told > 1 && again == 200, "{told} {again}");
    assert_eq!(up.stop().0, 0);
}
