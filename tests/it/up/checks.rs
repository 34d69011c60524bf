//! Checks: whoever asks about one event gets its decision, or is told that the deadline passed.
//!
//! Separate from the feed, which tells decisions to everybody.

use std::thread;

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
