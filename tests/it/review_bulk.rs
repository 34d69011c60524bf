//! An act on many whose server is killed in the middle, twice: on the real binary and its journal.
//!
//! Separate from the desk in browsers. Invariant: what is counted is what gateways are told, not what the desk says.

use std::path::Path;

use harness::browser;
use harness::clock::now_ms;
use harness::up::Up;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::staff::Staff;

const CASES: usize = 150;
const ALONE: [(&str, &str); 1] = [("WEIR_REVIEW_BULK_ALONE_MAX", "1000")];

/// State of the act, and how many of its items are in each state.
fn state(data: &Path) -> (String, Vec<(String, usize)>) {
    let path = data.join("review.db");
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it is there");
    let state = db.query_row("SELECT state FROM bulks", [], |row| row.get(0)).expect("one act");
    let mut query =
        db.prepare("SELECT state, count(*) FROM bulk_items GROUP BY state ORDER BY state").expect("a query");
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as usize))).expect("rows");
    (state, rows.collect::<rusqlite::Result<_>>().expect("rows"))
}

/// Accounts that a gateway must hold as banned.
fn banned(up: &Up) -> usize {
    let mut client = up.client();
    let is_banned = |n: usize| {
        let path = format!("/v1/accounts/quiet{n:03}_pseudonym/standing");
        let standing = client.call("GET", &path, "", b"").expect("it answers").json();
        let all = standing["restrictions"].as_array().cloned().unwrap_or_default();
        all.iter().any(|one| one["action"] == "ban")
    };
    (0..CASES).map(is_banned).filter(|banned| *banned).count()
}

/// Kills it once so many are `left`, or fewer, starts it again, and waits until the act has come to its `end`.
fn killed(up: Up, staff: Staff, data: &Path, (from, left, end): (&str, usize, &str)) -> (Up, Staff) {
    let waits = |(_, counts): &(String, Vec<(String, usize)>)| {
        counts.iter().find(|(state, _)| state == from).map_or(0, |(_, count)| *count)
    };
    let mut staff = staff;
    staff.wait_until(|_| waits(&state(data)) <= left);
    up.kill();
    let at = state(data);
    assert!(waits(&at) > 0, "it was killed in the middle: {at:?}");
    let up = Up::start(data, &ALONE);
    let mut staff = staff.again_at(&up.address);
    staff.wait_until(|_| state(data).0 == end);
    (up, staff)
}

#[test]
fn an_act_on_many_goes_on_after_a_kill_and_none_of_it_is_left_when_it_is_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let up = Up::start(&data, &ALONE);
    let mut staff = Staff::first(&up, &browser::first_link(&up), "Ada");
    let open = |n: usize| {
        let account = format!("quiet{n:03}_pseudonym");
        json!({"id": format!("o{n}"), "case": format!("k_o{n}"), "account": account, "at": now_ms(), "actor": "api", "act": "open"})
    };
    let lines: Vec<String> = (0..CASES).map(|n| open(n).to_string()).collect();
    let ndjson = "Content-Type: application/x-ndjson\r\n";
    let answer = up.client().call("POST", "/v1/reviews", ndjson, lines.join("\n").as_bytes());
    assert_eq!(answer.expect("it answers").json()["rejected"], 0);
    let shown = format!("{CASES} of the {CASES} cases");
    staff.wait_until(|staff| staff.get("/review/bulk/new").contains(&shown));
    let ban = [("act", "ban"), ("label", "abusive"), ("policy", "bulk"), ("reason", "one farm")];
    let path = staff.post("/review/bulk/new", &ban);
    staff.post(&path, &[("do", "approve")]);
    let (up, mut staff) = killed(up, staff, &data, ("waiting", CASES * 3 / 4, "done"));
    assert_eq!(state(&data).1, [("done".to_owned(), CASES)], "none is passed over");
    assert_eq!(banned(&up), CASES);
    staff.post(&path, &[("do", "undo")]);
    let (up, mut staff) = killed(up, staff, &data, ("done", CASES * 3 / 4, "undone"));
    assert_eq!(state(&data).1, [("undone".to_owned(), CASES)]);
    staff.wait_until(|_| banned(&up) == 0);
    assert_eq!(up.stop().0, 0);
}
