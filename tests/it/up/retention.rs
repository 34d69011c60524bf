//! Retention of `weir up`: what is too old or too much goes from journal and history, a start still works, the feed says so.

use std::path::Path;
use std::time::Duration;

use harness::up::Up;
use rusqlite::Connection;

use super::checkpoints::{OFTEN, RESTORED, posted};
use super::{NDJSON, records, standings, town, uninterrupted, uninterrupted_of, wait_until_decided};

const DAY_MS: i64 = 86_400_000;

fn change(data: &Path, file: &str, sql: &str) {
    let db = Connection::open(data.join(file)).expect("it is there");
    db.execute_batch(sql).expect("it can be written");
}

fn position(data: &Path, sql: &str) -> u64 {
    let db = Connection::open(data.join("journal.db")).expect("the journal is there");
    db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("something is left") as u64
}

fn first(data: &Path) -> u64 {
    position(data, "SELECT min(pos) FROM log")
}

fn last(data: &Path) -> u64 {
    position(data, "SELECT max(pos) FROM log")
}

/// Waits until something is as it is to be.
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it never came about: {what}");
}

#[test]
fn what_is_too_old_goes_and_the_feed_tells_who_comes_back_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let events = town(folder.path());
    let (before, after) = events.split_at(events.len() * 2 / 3);
    posted(&data, &[], before);
    let (decided, _) = uninterrupted(folder.path(), &data);
    let head = last(&data);
    let old = head / 2;
    let sql = format!("UPDATE log SET at = at - {} WHERE pos <= {old}", 31 * DAY_MS);
    change(&data, "journal.db", &sql);
    let up = Up::start(&data, &[]);
    wait_until("the old half of the journal goes", || first(&data) == old + 1);
    let mut client = up.client();
    let answer = client.call("GET", "/v1/decisions?from=0", "", b"").expect("it answers");
    assert_eq!((answer.status, &answer.json()["error"]), (410, &"gone".into()));
    let detail = answer.json()["detail"].as_str().expect("a sentence").to_owned();
    assert!(detail.contains(&format!("begins after position {old}")), "{detail}");
    let last = format!("Last-Event-ID: {}\r\n", old - 1);
    assert_eq!(client.call("GET", "/v1/decisions", &last, b"").expect("it answers").status, 410);
    for path in ["/v1/decisions?from=oldest".to_owned(), format!("/v1/decisions?from={old}")] {
        assert_eq!(up.client().open(&path, "").expect("it answers"), 200);
    }
    // What follows is decided by what the engine learned from what is gone.
    for batch in after.chunks(500) {
        let sent = client.call("POST", "/v1/events", NDJSON, batch.join("\n").as_bytes());
        assert_eq!(sent.expect("it answers").status, 200);
    }
    wait_until_decided(&up);
    assert_eq!(up.stop().0, 0);
    let up = Up::start(&data, &[]);
    wait_until_decided(&up);
    assert!(up.said().contains(RESTORED), "{}", up.said());
    assert_eq!(up.stop().0, 0);
    let kept = records(&data, 1);
    let (gone, left) = decided.split_at(decided.len() - kept.iter().filter(|kept| kept.0 <= head).count());
    let still: Vec<&String> = kept.iter().filter(|kept| kept.0 <= head).map(|kept| &kept.2).collect();
    assert!(!gone.is_empty(), "some decisions were old");
    assert_eq!(still, left.iter().collect::<Vec<_>>());
    assert!(kept.len() > left.len(), "it went on deciding");
    assert!(!standings(&data).is_empty());
}

#[test]
fn past_its_bytes_the_journal_keeps_what_a_start_reads_and_decides_as_if_uninterrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let events = town(folder.path());
    let few = [OFTEN, ("WEIR_DATA_JOURNAL_BYTES_MAX", "1")];
    let (mut taken, mut decided, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for part in events.chunks(events.len().div_ceil(4)) {
        posted(&data, &[OFTEN], part);
        // What lies there is read before it goes: the comparison needs it.
        taken = merged(taken, records(&data, 0));
        decided = merged(decided, records(&data, 1));
        ends.push(taken.last().map_or(0, |record| record.0));
        // Each process begins a chain of checkpoints and two are kept: what the one before the last two read may go.
        let up = Up::start(&data, &few);
        if let Some(end) = ends.iter().rev().nth(2) {
            wait_until("old records go", || first(&data) >= *end);
        }
        up.kill();
    }
    assert_eq!(taken.len(), events.len());
    assert!(first(&data) > events.len() as u64 / 5, "a good part of it is gone");
    let (whole, last) = uninterrupted_of(folder.path(), &taken, &data);
    assert!(whole.len() > 20, "only {} decisions", whole.len());
    assert_eq!(decided.into_iter().map(|record| record.2).collect::<Vec<_>>(), whole);
    assert_eq!(standings(&data), last);
}

/// Records of before and of now, each once.
fn merged(before: Vec<(u64, u64, String)>, now: Vec<(u64, u64, String)>) -> Vec<(u64, u64, String)> {
    let last = before.last().map_or(0, |record| record.0);
    before.into_iter().chain(now.into_iter().filter(|record| record.0 > last)).collect()
}

#[test]
fn what_is_too_old_goes_from_the_history_while_it_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let events = town(folder.path());
    posted(&data, &[], &events[..600]);
    let count = |table: &str| -> i64 {
        let db = Connection::open(data.join("history.db")).expect("the history is there");
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a table")
    };
    let sql = format!("UPDATE events SET at = at - {} WHERE place <= 400", 91 * DAY_MS);
    change(&data, "history.db", &sql);
    let before = count("events");
    let up = Up::start(&data, &[]);
    wait_until("old events go", || count("events") < before);
    assert_eq!(up.stop().0, 0);
    let db = Connection::open(data.join("history.db")).expect("the history is there");
    let first: i64 = db.query_row("SELECT min(place) FROM events", [], |row| row.get(0)).expect("some stay");
    assert!(first > 400, "{first}");
}
