//! What people say and want: reviews, versions and the kill switch, through the journal of the real server.
//!
//! Separate from events. Invariant: whatever was answered holds, killed when it may be, and decides as one run over the same log.

use std::path::Path;
use std::time::Duration;

use harness::clock::{self, now_ms};
use harness::http::Answer;
use harness::up::Up;
use harness::weir;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::checkpoints::OFTEN;
use super::{NDJSON, records, standings, town, uninterrupted, wait_until_decided};

/// A policy that decides often.
const POLICY: &str = "format = 1\nname = \"strict\"\n[[rule]]\nname = \"busy\"\nwhen = 'new_chats_24h >= 1'\n\
                      action = \"rate_limit\"\nscope = \"new_chats\"\nfor = \"1h\"\n";

fn post(up: &Up, path: &str, body: &str) -> Answer {
    up.client().call("POST", path, NDJSON, body.as_bytes()).expect("it answers")
}

fn get(up: &Up, path: &str) -> Value {
    let answer = up.client().call("GET", path, "", b"").expect("it answers");
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

fn control(id: &str, kind: &str, name: &str, version: &str) -> String {
    json!({"id": id, "at": now_ms(), "by": "operator", "kind": kind, "name": name, "version": version})
        .to_string()
}

/// A verdict about `account`; `more` is what it says besides.
fn verdict(id: &str, account: &str, verdict: &str, more: Value) -> String {
    let mut review = json!({"id": id, "case": "k_1", "account": account, "at": now_ms(), "actor": "reviewer",
        "act": "verdict", "verdict": verdict, "reason": "seen by a human"});
    let fields = review.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    review.to_string()
}

/// Puts a version where the server looks for it.
fn publish(data: &Path, file: &str, text: &str) {
    let path = data.join("registry").join(file);
    std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("writable");
    std::fs::write(path, text).expect("writable");
}

/// What is decided about the 40th message of an account minutes old to a stranger each: the modes.
fn blast(up: &Up, account: &str) -> Vec<String> {
    let mut modes = Vec::new();
    for number in 0..40 {
        let event = json!({"id": format!("{account}{number}"), "ts": now_ms(), "kind": "message", "account": account,
            "age_h": 0.1, "chat": "direct", "peer": format!("p{number}"), "first_contact": true, "in_contacts": false,
            "typed": false});
        let answer = post(up, "/v1/check?deadline_ms=10000", &event.to_string());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let decisions = answer.json()["decisions"].as_array().expect("a list").clone();
        modes.extend(decisions.iter().map(|one| one["mode"].as_str().expect("a word").to_owned()));
    }
    assert!(!modes.is_empty(), "nothing was decided about {account}");
    modes
}

#[test]
fn the_kill_switch_reaches_gateways_and_the_engine_in_under_five_seconds_behind_much_traffic() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let up = Up::start(&data, &[]);
    assert!(blast(&up, "before").contains(&"enforce".to_owned()));
    let mut feed = up.client();
    assert_eq!(feed.open("/v1/decisions", "").expect("it answers"), 200);
    for batch in 0..30 {
        let line = |number: u32| json!({"id": format!("s{batch}-{number}"), "ts": now_ms(), "kind": "session", "account": number.to_string()});
        let lines: Vec<String> = (0..1_000).map(|number| line(number).to_string()).collect();
        assert_eq!(post(&up, "/v1/events", &lines.join("\n")).status, 200);
    }
    let watch = clock::now();
    let url = format!("http://{}", up.address);
    let ran = weir::run(folder.path(), &["control", "--url", &url, "--by", "op-1", "kill", "on"]);
    assert!(
        ran.code == 0 && ran.stdout.contains("enforcement on is active"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );
    while feed.line().expect("the feed goes on") != "event: enforcement" {}
    let told = get(&up, "/v1/accounts/!enforcement/standing");
    let took = watch.elapsed();
    eprintln!("the kill switch: told to gateways and acted upon after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let data_line = feed.line().expect("the feed goes on");
    let by_feed: Value = serde_json::from_str(data_line.strip_prefix("data: ").expect("data")).expect("JSON");
    assert_eq!(by_feed, told);
    assert_eq!(
        (&told["restrictions"][0]["reason"], &told["restrictions"][0]["scope"]),
        (&"kill_switch".into(), &"all".into())
    );
    assert!(blast(&up, "during").iter().all(|mode| mode == "shadow"));
    let shown = get(&up, "/v1/control");
    assert_eq!((&shown["killed"], &shown["wanted"][0]["by"]), (&true.into(), &"op-1".into()));
    let id = shown["wanted"][0]["id"].as_str().expect("an id").to_owned();

    // It outlives the process, and a reader who comes then is told at once.
    up.kill();
    let up = Up::start(&data, &[]);
    let mut feed = up.client();
    assert_eq!(feed.open("/v1/decisions", "").expect("it answers"), 200);
    while feed.line().expect("the feed goes on") != "event: enforcement" {}
    assert!(blast(&up, "restarted").iter().all(|mode| mode == "shadow"));
    let off = post(&up, "/v1/control", &control("off-1", "kill", "enforcement", "off"));
    assert_eq!((off.status, &off.json()["outcome"]), (200, &"active".into()));
    // A control acts once, also after another one, and whoever sends it again is told.
    for id in [id.as_str(), "off-1"] {
        let again = post(&up, "/v1/control", &control(id, "kill", "enforcement", "on"));
        assert_eq!((again.status, &again.json()["outcome"]), (200, &"repeated".into()));
    }
    assert_eq!(get(&up, "/v1/control")["killed"], false);
    assert_eq!(get(&up, "/v1/accounts/!enforcement/standing")["restrictions"], json!([]));
    assert!(blast(&up, "after").contains(&"enforce".to_owned()));
    assert_eq!(records(&data, 4).len(), 2, "on and off, each once");
    assert_eq!(up.stop().0, 0);
}

#[test]
fn a_version_is_checked_before_it_is_wanted_and_stays_in_force_over_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    publish(&data, "policy/strict/1.toml", POLICY);
    publish(&data, "policy/strict/broken.toml", "format = 1\nname = 7\n");
    let up = Up::start(&data, &[]);
    let refused = |body: String, status: u16, error: &str, says: &str| {
        let answer = post(&up, "/v1/control", &body);
        let problem = answer.json();
        assert_eq!((answer.status, &problem["error"]), (status, &error.into()), "{problem}");
        assert!(problem["detail"].as_str().expect("a text").contains(says), "{problem}");
    };
    refused(control("c1", "policy", "strict", "2"), 422, "artifact_missing", "policy/strict/2.toml");
    refused(control("c1", "policy", "strict", "broken"), 422, "artifact_missing", "broken.toml");
    refused(control("c1", "policy", "../strict", "1"), 422, "artifact_missing", "letters, digits");
    refused(control("c1", "weights", "w", "1"), 422, "artifact_missing", "weights/w/1.json");
    refused(control("c1", "kill", "enforcement", "perhaps"), 422, "unknown_word", "on or off");
    refused(control("", "policy", "strict", "1"), 422, "empty_id", "id");
    refused("{".to_owned(), 422, "malformed", "no control record");
    refused("x".repeat(70_000), 413, "too_long", "at most");
    let with = |more: &str| control("c1", "policy", "strict", "1").replace('}', &format!(",{more}}}"));
    refused(with(&format!(r#""sha256":"{}""#, "0".repeat(64))), 422, "artifact_missing", "its SHA-256 is");
    refused(with(r#""mode":"shadow""#), 422, "out_of_range", "mode");
    assert_eq!(get(&up, "/v1/control")["wanted"], json!([]), "what was refused is not wanted");

    let url = format!("http://{}", up.address);
    let activate = ["control", "--url", &url, "activate", "policy", "--name", "strict", "--version", "1"];
    let ran = weir::run(folder.path(), &activate);
    assert!(ran.code == 0 && ran.stdout.contains("strict 1 is active"), "{} {}", ran.stdout, ran.stderr);
    let rules = |up: &Up, account: &str| {
        blast(up, account);
        let last = records(&data, 1).pop().expect("a decision").2;
        serde_json::from_str::<Value>(&last).expect("JSON")["rule"].clone()
    };
    assert_eq!(rules(&up, "first"), "busy");
    up.kill();
    let up = Up::start(&data, &[OFTEN]);
    assert_eq!(rules(&up, "second"), "busy");
    assert_eq!(up.stop().0, 0);
    // With a checkpoint, and another policy in the configuration.
    let own = weir::write(folder.path(), "own.toml", b"format = 1\nname = \"own\"\n");
    let up = Up::start(&data, &[("WEIR_ENGINE_POLICY", &own)]);
    assert_eq!(rules(&up, "third"), "busy");
    assert!(
        up.said().contains("what was activated is in force, whatever the configuration names"),
        "{}",
        up.said()
    );
    let ran = weir::run(folder.path(), &["control", "--url", &format!("http://{}", up.address), "show"]);
    let shown: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(shown["active"], json!([{"kind": "policy", "name": "strict", "version": "1"}]));
    assert_eq!(shown["wanted"][0]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(up.stop().0, 0);
    // What it decided must be decided again by it.
    let (file, aside) = (data.join("registry/policy/strict/1.toml"), folder.path().join("aside.toml"));
    std::fs::rename(&file, &aside).expect("it is there");
    let (code, said) = Up::refused(&data, &[]);
    assert!(
        code == 2 && said.contains("policy/strict/1.toml") && said.contains("Put the file back"),
        "{code} {said}"
    );
    std::fs::rename(&aside, &file).expect("the same file system");
    let up = Up::start(&data, &[]);
    wait_until_decided(&up);
    assert_eq!(up.stop().0, 0);
    let (decided, last) = uninterrupted(folder.path(), &data);
    let written: Vec<String> = records(&data, 1).into_iter().map(|record| record.2).collect();
    assert_eq!((written, standings(&data)), (decided, last));
}

#[test]
fn a_reviewers_word_is_in_feed_standing_and_history_and_bad_lines_are_told_singly() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let up = Up::start(&data, &[]);
    blast(&up, "a1");
    let mut feed = up.client();
    assert_eq!(feed.open("/v1/decisions", "").expect("it answers"), 200);
    let body = [
        verdict("r1", "a2", "ban", json!({})),
        json!({"id": "r2", "case": "k", "account": "a1", "at": now_ms(), "actor": "r", "act": "claim"})
            .to_string(),
        verdict("r3", "a1", "confirm", json!({})),
        verdict("r4", "a1", "lift", json!({})),
        "{".to_owned(),
        verdict("r5", "a3", "change", json!({"limit": {"max": 3, "per_s": 3600}, "scope": "messages"})),
    ];
    let answer = post(&up, "/v1/reviews", &body.join("\n"));
    let told = answer.json();
    assert_eq!((answer.status, &told["accepted"], &told["rejected"]), (200, &4.into(), &2.into()), "{told}");
    let rejects: Vec<(u64, String)> = told["rejects"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            (one["line"].as_u64().expect("a number"), one["reason"].as_str().expect("a word").to_owned())
        })
        .collect();
    assert_eq!(rejects, [(3, "missing_field".to_owned()), (5, "malformed".to_owned())]);
    // The same again, as an array: nothing more follows from it.
    let again = format!("[{},{}]", body[0], body[3]);
    assert_eq!(post(&up, "/v1/reviews", &again).json()["accepted"], 2);
    let mut decided = Vec::new();
    while decided.len() < 3 {
        let line = feed.line().expect("the feed goes on");
        let Some(text) = line.strip_prefix("data: ") else { continue };
        let decision: Value = serde_json::from_str(text).expect("a decision");
        assert_eq!(decision["source"], "reviewer");
        decided.push(format!(
            "{} {}",
            decision["account"].as_str().expect("text"),
            decision["action"].as_str().expect("text")
        ));
    }
    assert_eq!(decided, ["a2 ban", "a1 lift", "a3 rate_limit"]);
    wait_until_decided(&up);
    let banned = get(&up, "/v1/accounts/a2/standing");
    assert_eq!(
        (&banned["restrictions"][0]["action"], &banned["restrictions"][0]["human"]),
        (&"ban".into(), &true.into())
    );
    assert_eq!(get(&up, "/v1/accounts/a1/standing")["restrictions"], json!([]));
    assert_eq!(up.stop().0, 0);
    let of_people =
        |records: &[(u64, u64, String)]| records.iter().filter(|one| !one.2.contains("!audit")).count();
    assert_eq!(of_people(&records(&data, 3)), 6, "reviews as they came, repeats included");
    let by_reviewers =
        records(&data, 1).iter().filter(|one| one.2.contains(r#""source":"reviewer""#)).count();
    assert_eq!(by_reviewers, 3);
    let db = Connection::open(data.join("history.db")).expect("the history is there");
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("the history has it");
    assert_eq!(count("SELECT count(*) FROM reviews WHERE account <> '!audit'"), 4, "each once");
    assert_eq!(count("SELECT count(*) FROM decisions WHERE body LIKE '%\"reviewer\"%'"), 3);
}

#[test]
fn who_judges_may_not_publish_and_who_publishes_may_not_judge() {
    let folder = tempfile::tempdir().expect("a folder");
    let (reviewer, publisher) = ("reviewer-0123456789abcdef", "publisher-0123456789abcdef");
    let keys = [("WEIR_KEYS_REVIEWER", reviewer), ("WEIR_KEYS_PUBLISHER", publisher)];
    let up = Up::start(&folder.path().join("data"), &keys);
    let status = |method: &str, path: &str, key: &str| {
        let (headers, body) =
            (format!("Authorization: Bearer {key}\r\n"), verdict("r1", "a1", "ban", json!({})));
        up.client().call(method, path, &headers, body.as_bytes()).expect("it answers").status
    };
    assert_eq!(status("POST", "/v1/reviews", reviewer), 200);
    assert_eq!(status("POST", "/v1/reviews", publisher), 403);
    assert_eq!(status("POST", "/v1/control", reviewer), 403);
    assert_eq!(status("POST", "/v1/control", publisher), 422, "a review is no control");
    assert_eq!(status("POST", "/v1/events", publisher), 403);
    assert_eq!(status("GET", "/v1/control", reviewer), 200);
    assert_eq!(status("GET", "/v1/accounts/a1/standing", publisher), 200);
    assert_eq!(status("POST", "/v1/control", "nobody-0123456789abcdef"), 401);
    let url = format!("http://{}", up.address);
    let key = |name: &str, key: &str| weir::write(folder.path(), name, format!("{key}\n").as_bytes());
    let (good, bad) = (key("publisher.key", publisher), key("reviewer.key", reviewer));
    let run = |more: &[&str]| {
        weir::run(folder.path(), &[&["control", "--url", &url], more, &["kill", "on"]].concat())
    };
    assert!(run(&[]).stderr.contains("no_key"));
    let wrong = run(&["--key-file", &bad]);
    assert!(
        wrong.code == 2 && wrong.stderr.contains("wrong_role") && !wrong.stderr.contains(reviewer),
        "{}",
        wrong.stderr
    );
    let ran = run(&["--key-file", &good]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!up.said().contains(publisher) && !up.said().contains(reviewer));
}

/// What people do after a batch of events: path and body.
fn acts(batch: usize, data: &Path, events: &[String]) -> Vec<(&'static str, String)> {
    let account = |number: usize| {
        let event: Value = serde_json::from_str(&events[number % events.len()]).expect("an event");
        event["account"].as_str().expect("an account").to_owned()
    };
    let id = format!("r{batch}");
    match batch % 6 {
        1 => vec![("/v1/reviews", verdict(&id, &account(batch * 131), "ban", json!({})))],
        2 => {
            // Lifts what was decided last.
            let last = records(data, 1).pop().map(|record| record.2);
            let last: Option<Value> = last.and_then(|text| serde_json::from_str(&text).ok());
            let lift = |decision: Value| {
                let account = decision["account"].as_str().expect("an account");
                verdict(&id, account, "lift", json!({"decision": decision["id"]}))
            };
            last.into_iter().map(|decision| ("/v1/reviews", lift(decision))).collect()
        }
        3 => {
            let change = json!({"limit": {"max": 5, "per_s": 3600}, "scope": "messages"});
            let both = [
                verdict(&id, &account(batch * 17), "exempt", json!({})),
                verdict(&(id.clone() + "c"), &account(batch * 7), "change", change),
            ];
            vec![("/v1/reviews", both.join("\n"))]
        }
        4 => vec![(
            "/v1/control",
            control(&format!("c{batch}"), "policy", "strict", if batch % 12 == 4 { "1" } else { "2" }),
        )],
        5 => vec![
            ("/v1/control", control(&format!("on{batch}"), "kill", "enforcement", "on")),
            ("/v1/control", control(&format!("off{batch}"), "kill", "enforcement", "off")),
        ],
        _ => Vec::new(),
    }
}

#[test]
fn verdicts_and_versions_survive_kills_at_random_points_and_decide_as_if_uninterrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    publish(&data, "policy/strict/1.toml", POLICY);
    publish(&data, "policy/strict/2.toml", &POLICY.replace(">= 1", ">= 3"));
    let events = town(folder.path());
    let mut up = Up::start(&data, &[OFTEN]);
    let (mut random, mut kills, mut said) = (4_242_u64, 0, Vec::new());
    for (number, batch) in events.chunks(events.len() / 30).enumerate() {
        assert_eq!(post(&up, "/v1/events", &batch.join("\n")).status, 200);
        for (path, body) in acts(number, &data, &events) {
            let answer = post(&up, path, &body);
            assert!(matches!(answer.status, 200 | 202), "{body}: {}", String::from_utf8_lossy(&answer.body));
            said.push(body);
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (random >> 33).is_multiple_of(3) {
            std::thread::sleep(Duration::from_millis((random >> 40) % 60));
            up.kill();
            kills += 1;
            up = Up::start(&data, &[OFTEN]);
        }
    }
    wait_until_decided(&up);
    up.kill();
    let up = Up::start(&data, &[OFTEN]);
    wait_until_decided(&up);
    assert_eq!(up.stop().0, 0);
    assert!(kills >= 5 && said.len() >= 20, "only {kills} kills and {} acts", said.len());
    let written: Vec<String> = records(&data, 1).into_iter().map(|record| record.2).collect();
    let (decided, last) = uninterrupted(folder.path(), &data);
    assert_eq!(written, decided, "after {kills} kills");
    assert_eq!(standings(&data), last);
    let of = |word: &str| written.iter().filter(|text| text.contains(word)).count();
    assert!(
        of(r#""source":"reviewer""#) >= 8 && of(r#""rule":"busy""#) >= 20,
        "{} {}",
        of("reviewer"),
        of("busy")
    );
    super::history::holds_what_the_journal_holds(&data);
}
