//! The history beside the journal: the same records once, behind everything else, and never in the way.

use std::collections::BTreeSet;
use std::path::Path;

use harness::figures::metric;
use harness::up::Up;
use rusqlite::Connection;

use super::{NDJSON, records, session, wait_until_decided};

fn numbers(db: &Connection, sql: &str) -> BTreeSet<u64> {
    let mut statement = db.prepare(sql).expect("the history has this table");
    let rows = statement.query_map([], |row| row.get::<_, i64>(0)).expect("it can be read");
    rows.map(|row| row.expect("a row") as u64).collect()
}

/// Panics unless the history holds what the journal holds, each record once.
pub fn holds_what_the_journal_holds(data: &Path) {
    let db = Connection::open(data.join("history.db")).expect("the history is there");
    let places = |topic| records(data, topic).into_iter().map(|record| record.0).collect::<BTreeSet<u64>>();
    assert_eq!(numbers(&db, "SELECT place FROM events"), places(0));
    assert_eq!(numbers(&db, "SELECT offset FROM rejects WHERE source = 'http'"), places(2));
    let ids = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON")["id"].to_string();
    let decided: BTreeSet<String> = records(data, 1).iter().map(|record| ids(&record.2)).collect();
    let mut statement = db.prepare("SELECT body FROM decisions").expect("it has decisions");
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("it can be read");
    let kept: BTreeSet<String> = rows.map(|row| ids(&row.expect("a row"))).collect();
    assert_eq!(kept, decided);
    let events = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let rows = records(data, 5)
        .iter()
        .map(|record| events(&record.2)["offset"].as_u64().expect("a place"))
        .collect();
    assert_eq!(numbers(&db, "SELECT place FROM rows"), rows);
    let counted = numbers(&db, "SELECT sum(n) FROM counts WHERE series = 'events'");
    assert_eq!(counted, BTreeSet::from([places(0).len() as u64]), "repeats are not counted");
}

#[test]
fn a_history_that_cannot_be_written_holds_nobody_and_catches_up() {
    let data = tempfile::tempdir().expect("a folder");
    let up = Up::start(data.path(), &[]);
    let db = Connection::open(data.path().join("history.db")).expect("the history is there");
    db.execute_batch("BEGIN IMMEDIATE").expect("the file can be held");
    for number in 0..5 {
        let body = format!("{}\nx\n{}", session(&format!("a{number}")), session(&format!("b{number}")));
        let answer = up.client().call("POST", "/v1/events", NDJSON, body.as_bytes()).expect("it answers");
        assert_eq!(answer.json()["accepted"], 2);
    }
    let answer = up.client().call("POST", "/v1/check?deadline_ms=5000", "", session("c").as_bytes());
    assert_eq!(answer.expect("it answers").json()["outcome"], "quiet", "decided while the history is held");
    assert!(numbers(&db, "SELECT place FROM events").is_empty());
    db.execute_batch("ROLLBACK").expect("the file can be let go");
    wait_until_decided(&up);
    assert_eq!(up.stop().0, 0);
    assert_eq!((records(data.path(), 0).len(), records(data.path(), 2).len()), (11, 5));
    holds_what_the_journal_holds(data.path());
}

#[test]
fn the_history_of_another_journal_is_refused_by_name() {
    let data = tempfile::tempdir().expect("a folder");
    let up = Up::start(data.path(), &[]);
    let body = session("e1");
    assert_eq!(
        up.client().call("POST", "/v1/events", NDJSON, body.as_bytes()).expect("it answers").status,
        200
    );
    assert_eq!(up.stop().0, 0);
    std::fs::remove_file(data.path().join("journal.db")).expect("the journal was there");
    let (code, said) = Up::refused(data.path(), &[]);
    assert!(code == 2 && said.contains("history of another"), "{code} {said}");
    let without_history = [("WEIR_HISTORY_ENABLED", "false")];
    let (code, said) = Up::refused(data.path(), &without_history);
    assert!(code == 2 && said.contains("desk of another") && !said.contains("panicked"), "{code} {said}");
    std::fs::remove_file(data.path().join("review.db")).expect("the desk's file was there");
    let without = Up::start(data.path(), &without_history);
    assert_eq!(without.stop().0, 0);
}

#[test]
fn a_history_that_is_damaged_is_told_and_decisions_go_on_without_it() {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("history.db"), "no database at all, however long one looks at it")
        .expect("writable");
    let up = Up::start(data.path(), &[]);
    let answer = up.client().call("POST", "/v1/check?deadline_ms=5000", "", session("c").as_bytes());
    assert_eq!(answer.expect("it answers").status, 200);
    assert_eq!(metric(&up.address, "weir_history_up"), 0);
    assert!(
        up.said().contains("there is no history until the next start") && up.said().contains("history.db"),
        "{}",
        up.said()
    );
    assert_eq!(up.stop().0, 0);
    std::fs::remove_file(data.path().join("history.db")).expect("it is ours");
    let up = Up::start(data.path(), &[]);
    assert_eq!(metric(&up.address, "weir_history_up"), 1);
    assert_eq!(up.stop().0, 0);
    holds_what_the_journal_holds(data.path());
}
