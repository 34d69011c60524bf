//! The embedded server, as its users meet it: killed, stopped, asked, refused. On the real binary, over HTTP.

mod checkpoints;
mod checks;
mod edges;
mod history;
mod people;
mod retention;
mod stuck;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use harness::clock::now_ms;
use harness::disk::Small;
use harness::up::Up;
use harness::weir;
use rusqlite::Connection;
use serde_json::Value;

const NDJSON: &str = "Content-Type: application/x-ndjson\r\n";

fn session(id: &str) -> String {
    format!(r#"{{"id":"{id}","ts":{},"kind":"session","account":"a1"}}"#, now_ms())
}

/// Traffic of a small town, abuse included.
fn town(folder: &Path) -> Vec<String> {
    let arguments = [
        "simulate",
        "--accounts",
        "400",
        "--hours",
        "30",
        "--seed",
        "5",
        "--base-rate",
        "0.2",
        "--out",
        "events.ndjson",
        "--truth",
        "truth.ndjson",
    ];
    assert_eq!(weir::run(folder, &arguments).code, 0);
    weir::read(folder, "events.ndjson").lines().map(str::to_owned).collect()
}

/// Records of a topic in the journal: position, time, text.
fn records(data: &Path, topic: u8) -> Vec<(u64, u64, String)> {
    let db = Connection::open(data.join("journal.db")).expect("the journal is there");
    let sql = "SELECT pos, at, CAST(body AS TEXT) FROM log WHERE topic = ?1 ORDER BY pos";
    let mut statement = db.prepare(sql).expect("the journal has a log");
    let rows =
        statement.query_map([topic], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get(2)?)));
    let rows = rows.expect("it can be read").map(|row| row.expect("a row"));
    rows.map(|(position, at, text)| (position as u64, at as u64, text)).collect()
}

/// The standing table: account and value.
fn standings(data: &Path) -> BTreeMap<String, String> {
    let db = Connection::open(data.join("journal.db")).expect("the journal is there");
    let mut statement =
        db.prepare("SELECT account, CAST(body AS TEXT) FROM standing").expect("it has standings");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("it can be read");
    rows.map(|row| row.expect("a row")).collect()
}

/// What one uninterrupted run decides over the events as they lie in the journal: decisions, and the last standings.
fn uninterrupted(folder: &Path, data: &Path) -> (Vec<String>, BTreeMap<String, String>) {
    uninterrupted_of(folder, &records(data, 0), data)
}

/// The same over these events, with the versions of this server.
fn uninterrupted_of(
    folder: &Path,
    events: &[(u64, u64, String)],
    data: &Path,
) -> (Vec<String>, BTreeMap<String, String>) {
    let mut log = String::new();
    for (_, at, text) in events {
        log.push_str(&format!("{{\"at\":{at},{}\n", &text[1..]));
    }
    let log = weir::write(folder, "log.ndjson", log.as_bytes());
    let registry = data.join("registry").display().to_string();
    let arguments = ["score", &log, "--out", "decided.ndjson", "--standing", "standing.ndjson"];
    let internal = ["--trust-internal", "--registry", &registry];
    let run = weir::run(folder, &[&arguments[..], &internal].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let decisions = weir::read(folder, "decided.ndjson").lines().map(str::to_owned).collect();
    let mut last = BTreeMap::new();
    for line in weir::read(folder, "standing.ndjson").lines() {
        let standing: Value = serde_json::from_str(line).expect("a standing");
        let account = standing["account"].as_str().expect("it has an account").to_owned();
        if standing["restrictions"].as_array().expect("a list").is_empty() {
            last.remove(&account);
        } else {
            last.insert(account, line.to_owned());
        }
    }
    (decisions, last)
}

fn wait_until_decided(up: &Up) {
    for _ in 0..400 {
        let metrics = up.client().call("GET", "/metrics", "", b"").expect("it answers");
        let ready = up.client().call("GET", "/readyz", "", b"").expect("it answers").status == 200;
        let text = String::from_utf8_lossy(&metrics.body);
        let behind = ["weir_lag_records 0\n", "weir_history_lag_records 0\n"];
        if ready && behind.iter().all(|line| text.contains(line)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the engine never caught up");
}

#[test]
fn killed_at_random_points_it_loses_no_acknowledged_event_and_decides_as_if_uninterrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let events = town(folder.path());
    let often = [("WEIR_DATA_CHECKPOINT_EVERY_MS", "40")];
    let (mut next, mut kills, mut random, mut restored) = (0, 0, 12_345_u64, 0);
    let mut acknowledged = Vec::new();
    while next < events.len() {
        let up = Up::start(&data, &often);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (address, kill_ms) = (up.address.clone(), 20 + (random >> 33) % 300);
        let spares = kills >= 12;
        let rest = events[next..].to_vec();
        let poster = std::thread::spawn(move || {
            let mut taken = 0;
            let Ok(mut client) = harness::http::Client::connect(&address) else { return taken };
            for batch in rest.chunks(97) {
                match client.call("POST", "/v1/events", NDJSON, batch.join("\n").as_bytes()) {
                    Ok(answer) if answer.status == 200 => taken += batch.len(),
                    _ => break,
                }
            }
            taken
        });
        if spares {
            let taken = poster.join().expect("posting does not panic");
            acknowledged.extend_from_slice(&events[next..next + taken]);
            next += taken;
            wait_until_decided(&up);
            assert_eq!(up.stop().0, 0);
        } else {
            std::thread::sleep(Duration::from_millis(kill_ms));
            restored += usize::from(up.said().contains("restored from a checkpoint"));
            up.kill();
            kills += 1;
            let taken = poster.join().expect("posting does not panic");
            acknowledged.extend_from_slice(&events[next..next + taken]);
            next += taken;
        }
    }
    assert!(kills >= 3 && restored >= 2, "only {kills} kills and {restored} checkpoints");
    let up = Up::start(&data, &often);
    wait_until_decided(&up);
    assert_eq!(up.stop().0, 0);

    let log: BTreeSet<String> = records(&data, 0).into_iter().map(|record| record.2).collect();
    let lost = acknowledged.iter().filter(|event| !log.contains(*event)).count();
    assert_eq!(lost, 0, "of {} acknowledged events", acknowledged.len());
    let (decisions, last) = uninterrupted(folder.path(), &data);
    let written: Vec<String> = records(&data, 1).into_iter().map(|record| record.2).collect();
    assert!(written.len() > 20, "only {} decisions", written.len());
    assert_eq!(written, decisions, "after {kills} kills");
    assert_eq!(standings(&data), last);
    history::holds_what_the_journal_holds(&data);
}

#[test]
fn what_is_posted_is_answered_line_by_line_also_packed_and_as_an_array() {
    let data = tempfile::tempdir().expect("a folder");
    let up = Up::start(data.path(), &[]);
    let mut client = up.client();
    let body = format!("{}\n{{\n{}", session("e1"), session("e2").replace("session", "telepathy"));
    let answer = client.call("POST", "/v1/events", NDJSON, body.as_bytes()).expect("it answers").json();
    assert_eq!(
        (&answer["accepted"], &answer["unknown_kinds"], &answer["rejected"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!(
        (&answer["rejects"][0]["line"], &answer["rejects"][0]["reason"]),
        (&2.into(), &"malformed".into())
    );

    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(format!("[{},{}]", session("e3"), session("e4")).as_bytes()).expect("memory takes it");
    let packed = packer.finish().expect("memory takes it");
    let headers = "Content-Encoding: gzip\r\n";
    let answer = client.call("POST", "/v1/events", headers, &packed).expect("it answers");
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &2.into()));
    let answer = client.call("POST", "/v1/events", headers, &packed[..packed.len() / 2]).expect("it answers");
    assert_eq!((answer.status, &answer.json()["error"]), (400, &"corrupt_input".into()));
    let answer = client.call("POST", "/v1/events", "Content-Encoding: br\r\n", b"x").expect("it answers");
    assert_eq!(answer.status, 415);
    let forged = r#"{"id":"x","ts":1762128000000,"kind":"activate","account":"a1","control":"c1","what":"policy","name":"p","version":"1"}"#;
    let answer = client.call("POST", "/v1/events", NDJSON, forged.as_bytes()).expect("it answers").json();
    assert_eq!(answer["rejects"][0]["reason"], "forged_internal");
    let large = vec![b'x'; 9 * 1024 * 1024];
    // The server may answer and close before it has read everything.
    if let Ok(answer) = client.call("POST", "/v1/events", NDJSON, &large) {
        assert_eq!(answer.status, 413);
    }
    assert_eq!(records(data.path(), 0).len(), 3);
    assert_eq!(records(data.path(), 2).len(), 2, "rejects lie in the journal, too");
}

#[test]
fn a_check_waits_for_its_decision_and_the_feed_resumes_where_it_was_left() {
    let data = tempfile::tempdir().expect("a folder");
    let up = Up::start(data.path(), &[]);
    let mut client = up.client();
    let mut outcomes = BTreeSet::new();
    for number in 0..40 {
        let event = format!(
            r#"{{"id":"m{number}","ts":{},"kind":"message","account":"blaster","age_h":0.1,"chat":"direct","peer":"p{number}","first_contact":true,"in_contacts":false,"typed":false}}"#,
            now_ms()
        );
        let answer =
            client.call("POST", "/v1/check?deadline_ms=10000", "", event.as_bytes()).expect("it answers");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        outcomes.insert(answer.json()["outcome"].as_str().expect("a word").to_owned());
        if number == 39 {
            assert!(!answer.json()["standing"]["restrictions"].as_array().expect("a list").is_empty());
            let again =
                client.call("POST", "/v1/check?deadline_ms=10000", "", event.as_bytes()).expect("it answers");
            assert_eq!(again.json()["outcome"], "duplicate");
        }
    }
    assert_eq!(outcomes, BTreeSet::from(["decided".to_owned(), "quiet".to_owned()]));
    let standing = client.call("GET", "/v1/accounts/blaster/standing", "", b"").expect("it answers").json();
    assert!(!standing["restrictions"].as_array().expect("a list").is_empty(), "{standing}");
    let nobody = client.call("GET", "/v1/accounts/nobody/standing", "", b"").expect("it answers").json();
    assert_eq!(nobody["restrictions"], Value::Array(Vec::new()));
    let refused = client.call("POST", "/v1/check?deadline_ms=10000", "", b"{}").expect("it answers");
    assert_eq!((refused.status, &refused.json()["error"]), (422, &"missing_field".into()));

    let positions: Vec<u64> = records(data.path(), 1).into_iter().map(|record| record.0).collect();
    assert!(positions.len() >= 2, "{positions:?}");
    let follow = |path: &str, headers: &str, count: usize| -> Vec<u64> {
        let mut client = up.client();
        assert_eq!(client.open(path, headers).expect("it answers"), 200);
        let mut ids = Vec::new();
        while ids.len() < count {
            let line = client.line().expect("the feed goes on");
            ids.extend(line.strip_prefix("id: ").map(|id| id.parse::<u64>().expect("a position")));
        }
        ids
    };
    assert_eq!(follow("/v1/decisions?from=0", "", positions.len()), positions);
    let resumed = format!("Last-Event-ID: {}\r\n", positions[0]);
    assert_eq!(follow("/v1/decisions?from=0", &resumed, positions.len() - 1), positions[1..]);
    let beyond = client.call("GET", "/v1/decisions?from=999999", "", b"").expect("it answers");
    assert_eq!((beyond.status, &beyond.json()["error"]), (410, &"gone".into()));
}

#[test]
fn a_full_disk_is_told_nothing_is_half_written_and_it_goes_on_when_there_is_room() {
    let Some(small) = Small::mount("16m") else {
        eprintln!("NOT RUN: no tmpfs can be mounted here, so the disk cannot be filled");
        return;
    };
    let data = small.path();
    let up = Up::start(data, &[]);
    let ballast = data.join("ballast");
    std::fs::write(&ballast, vec![0; 13 * 1024 * 1024]).expect("there is room for it");
    let (mut accepted, mut full) = (0, false);
    for batch in 0..200 {
        let events: Vec<String> = (0..300).map(|number| session(&format!("f{batch}-{number}"))).collect();
        let answer =
            up.client().call("POST", "/v1/events", NDJSON, events.join("\n").as_bytes()).expect("it answers");
        if answer.status == 503 {
            assert_eq!(answer.json()["error"], "disk_full");
            full = true;
            break;
        }
        accepted += answer.json()["accepted"].as_u64().expect("a number");
    }
    assert!(full, "3 MiB took {accepted} events");
    assert_eq!(up.client().call("GET", "/readyz", "", b"").expect("it answers").status, 503);
    std::fs::remove_file(&ballast).expect("it can be removed");
    let answer =
        up.client().call("POST", "/v1/events", NDJSON, session("after").as_bytes()).expect("it answers");
    assert_eq!(answer.json()["accepted"], 1);
    wait_until_decided(&up);
    assert_eq!(up.stop().0, 0);
    assert_eq!(records(data, 0).len() as u64, accepted + 1, "what was answered, and no more");
}

#[test]
fn keys_open_what_their_role_may_do_and_are_never_shown() {
    let data = tempfile::tempdir().expect("a folder");
    let (ingest, read) = ("ingest-0123456789abcdef", "read-0123456789abcdef");
    let up = Up::start(data.path(), &[("WEIR_KEYS_INGEST", ingest), ("WEIR_KEYS_READ", read)]);
    let status = |method: &str, path: &str, key: &str| {
        let headers = format!("Authorization: Bearer {key}\r\n");
        up.client().call(method, path, &headers, session("e1").as_bytes()).expect("it answers").status
    };
    assert_eq!(status("POST", "/v1/events", ingest), 200);
    assert_eq!(status("POST", "/v1/events", read), 403);
    assert_eq!(status("POST", "/v1/events", "nobody-0123456789abcdef"), 401);
    assert_eq!(status("GET", "/v1/accounts/a1/standing", read), 200);
    assert_eq!(status("GET", "/v1/accounts/a1/standing", ingest), 403);
    assert_eq!(up.client().call("GET", "/metrics", "", b"").expect("it answers").status, 401);
    for open in ["/healthz", "/openapi.json"] {
        assert_eq!(up.client().call("GET", open, "", b"").expect("it answers").status, 200);
    }
    let (code, said) = Up::refused(data.path(), &[("WEIR_KEYS_READ", "short-one")]);
    assert!(code == 2 && said.contains("keys.read") && !said.contains("short-one"), "{code} {said}");
}

#[test]
fn without_keys_it_serves_this_machine_alone() {
    let data = tempfile::tempdir().expect("a folder");
    let (code, said) = Up::refused(data.path(), &[("WEIR_HTTP_LISTEN", "0.0.0.0:0")]);
    assert!(code == 2 && said.contains("no API key"), "{code} {said}");
    let up = Up::start(data.path(), &[]);
    let status = |headers: &str| {
        up.client().call("GET", "/v1/accounts/a1/standing", headers, b"").expect("it answers").status
    };
    assert_eq!(status(""), 200);
    assert_eq!(status("Host: weir.example\r\n"), 403);
    assert_eq!(status("Origin: https://elsewhere.example\r\n"), 403);
    let (code, said) = Up::refused(data.path(), &[]);
    assert!(code == 2 && said.contains("another weir"), "{code} {said}");
}

#[test]
fn asked_to_end_it_ends_in_time_with_feeds_open_and_nothing_undone() {
    let data = tempfile::tempdir().expect("a folder");
    let up = Up::start(data.path(), &[]);
    let mut feed = up.client();
    assert_eq!(feed.open("/v1/decisions", "").expect("it answers"), 200);
    let body: Vec<String> = (0..500).map(|number| session(&format!("s{number}"))).collect();
    let answer =
        up.client().call("POST", "/v1/events", NDJSON, body.join("\n").as_bytes()).expect("it answers");
    assert_eq!(answer.json()["accepted"], 500);
    let (code, took) = up.stop();
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(10), "{took:?}");
    let again = Up::start(data.path(), &[]);
    assert_eq!(again.stop().0, 0, "it may be stopped while it reads the journal again");
    let db = Connection::open(data.path().join("journal.db")).expect("the journal is there");
    let read: i64 =
        db.query_row("SELECT pos FROM reader WHERE name = 'engine'", [], |row| row.get(0)).expect("told");
    // Heads of the audit chain lie between the events.
    assert!(read >= 500, "the engine had taken {read} records of more than 500");
}

#[test]
fn a_demonstration_runs_by_itself_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments =
        ["up", "--demo", "--for", "6s", "--accounts", "3000", "--speed", "3000", "--listen", "127.0.0.1:0"];
    let run = weir::run(folder.path(), &arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("what they really are"), "{}", run.stdout);
    assert!(
        run.stdout.lines().any(|line| line.starts_with("ban ") || line.starts_with("rate_limit ")),
        "{}",
        run.stdout
    );
}
