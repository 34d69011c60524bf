//! Wrong labels that are undone: a learner that had believed them stands where one stands that never heard of them.
//!
//! Separate from `learn`, whose server it uses. Everything goes by way of the server's own doors and archive.

use std::path::Path;
use std::time::Duration;

use harness::clock::{now, now_ms};
use harness::http::Client;
use harness::weir::read;
use serde_json::{Value, json};

use super::{done, figures};

/// How many good accounts are called abusive, as it once happened.
const WRONG: usize = 223;

/// What `weir learn` publishes of all that is stored, by a state.
fn learned(folder: &Path, state: &str) -> Value {
    drop(std::fs::remove_file(folder.join("out.json")));
    done(
        folder,
        &format!("learn --history data/history.db --model base.json --state {state} --out out.json"),
    );
    if folder.join("out.json").exists() { figures(folder, "out.json")["leaves"].clone() } else { Value::Null }
}

/// Learns again and again until it is so.
#[track_caller]
fn until(folder: &Path, (state, what): (&str, &str), is_so: impl Fn(&Value) -> bool) -> Value {
    let begun = now();
    loop {
        let leaves = learned(folder, state);
        if is_so(&leaves) {
            return leaves;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: never");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The server holds what people said of a town's accounts; nobody learns from it meanwhile.
pub(super) fn labels_that_are_undone_teach_no_longer(folder: &Path, shared: &Path, client: &mut Client) {
    let mut post = |lines: &[String]| {
        let answer = client.call("POST", "/v1/reviews", "", lines.join("\n").as_bytes()).expect("it answers");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    };
    let good = learned(folder, "told.json");
    assert!(good.as_array().is_some_and(|leaves| !leaves.is_empty()), "nothing was learned: {good}");
    let truths = read(shared, "later.t");
    let truths = truths.lines().map(|line| serde_json::from_str::<Value>(line).expect("a truth"));
    let accounts = truths.filter(|truth| truth["label"] == "benign").take(WRONG);
    let accounts: Vec<String> =
        accounts.map(|truth| truth["account"].as_str().expect("a text").to_owned()).collect();
    assert_eq!(accounts.len(), WRONG);
    let say = |id: &str, account: &str, more: Value| {
        let mut line = json!({"id": format!("{id}_{account}"), "case": format!("k_{account}"), "account": account, "at": now_ms(), "actor": "api"});
        line.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        line.to_string()
    };
    let wrong = |account: &String| say("w", account, json!({"act": "label", "label": "abusive"}));
    post(&accounts.iter().map(wrong).collect::<Vec<_>>());
    until(folder, ("told.json", "wrong labels teach"), |leaves| *leaves != good);
    let undo = |account: &String| say("u", account, json!({"act": "undo", "undoes": format!("w_{account}")}));
    post(&accounts.iter().map(undo).collect::<Vec<_>>());
    // Whoever begins now learns what was learned before; so does whoever had believed them.
    let begin = |state: &str| drop(std::fs::remove_file(folder.join(state)));
    let begun = now();
    loop {
        begin("fresh.json");
        if learned(folder, "fresh.json") == good {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "what was undone is still in the archive");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(learned(folder, "told.json"), good);
}
