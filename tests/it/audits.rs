//! Blind audits end to end: who was drawn is labelled, and what a rule catches of all is known from them.
//!
//! Separate from `datasets`: here labels are scarce, as they are where people make them. Everybody about whom something was decided is
//! labelled, and of all others those alone whom chance drew; the truth is known only to the test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::weir::{read, run, write};
use serde_json::Value;

const DAY_MS: u64 = 86_400_000;
/// A policy that misses much: only who is reported is warned.
const POLICY: &str = "format = 1\nname = \"weak\"\n[holdout]\nshare = 0.0\n[[rule]]\nname = \"reported\"\n\
                      when = 'feedback_24h >= 3.0'\naction = \"warn\"\n";

fn done(folder: &Path, line: &str) -> String {
    let run = run(folder, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(run.code, 0, "{line}: {}", run.stderr);
    run.stdout
}

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    read(folder, name).lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

/// What reviewers say at `at` of the accounts that `is_seen` lets them see.
fn reviews(folder: &Path, name: &str, at: u64, is_seen: impl Fn(&str) -> bool) {
    let mut said = String::new();
    for truth in lines(folder, "t.ndjson").iter().filter(|truth| is_seen(text(truth, "account"))) {
        let (account, label) = (text(truth, "account"), text(truth, "label"));
        said += &format!(
            "{{\"id\":\"r_{account}\",\"case\":\"c\",\"account\":\"{account}\",\"at\":{at},\"actor\":\"r\",\"act\":\"label\",\
             \"label\":\"{label}\",\"shown\":[]}}\n"
        );
    }
    let _ = write(folder, name, said.as_bytes());
}

/// What the rule catches of the rows of a data set, by weight; `weight`: which column.
fn recall(folder: &Path, set: &str, weight: &str) -> BTreeMap<String, f64> {
    // The rows of the draws themselves are no events, so that the set of all labels has none.
    let config = read(folder, &format!("{set}/train.toml")).replace("weight * label_weight", weight)
        + "\n[data.without]\nwhy = [\"audit\"]\n";
    let _ = write(folder, &format!("{set}/evaluate.toml"), config.as_bytes());
    let line = format!(
        "evaluate --config {set}/evaluate.toml --data {set}/rows.csv --score feedback_24h --threshold 3 --json f.json"
    );
    let run = run(folder, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let found: Value = serde_json::from_str(&read(folder, "f.json")).expect("it is JSON");
    let part = &found["thresholds"][0]["recall"];
    ["value", "low", "high", "rows"]
        .map(|name| (name.to_owned(), part[name].as_f64().expect("a number")))
        .into()
}

#[test]
fn recall_that_is_weighed_by_audits_is_that_of_all_within_its_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    done(
        folder,
        "simulate --accounts 1500 --hours 72 --base-rate 0.15 --seed 31 --out e.ndjson --truth t.ndjson",
    );
    let _ = write(folder, "plain.toml", POLICY.as_bytes());
    let audit = format!("{POLICY}[audit]\ncases_per_day = 240\nscores = [0.01, 0.1, 0.5]\n");
    let _ = write(folder, "audit.toml", audit.as_bytes());
    done(folder, "score e.ndjson --policy audit.toml --out d.ndjson");
    let decisions = lines(folder, "d.ndjson");
    let is_audit = |one: &&Value| text(&one["reasons"][0], "code") == "audit";
    let drawn: BTreeSet<&str> = decisions.iter().filter(is_audit).map(|one| text(one, "account")).collect();
    let decided: BTreeSet<&str> =
        decisions.iter().filter(|one| !is_audit(one)).map(|one| text(one, "account")).collect();
    assert!(drawn.len() > 200 && decided.len() > 50, "{} drawn, {} decided", drawn.len(), decided.len());
    // Nobody is drawn after something was decided; a decision may follow.
    for one in decisions.iter().filter(is_audit) {
        assert!(one["action"] == "review" && one["reasons"][0]["value"].as_f64() <= Some(1.0), "{one}");
    }
    let last =
        lines(folder, "e.ndjson").iter().filter_map(|event| event["ts"].as_u64()).max().expect("events");
    reviews(folder, "all.ndjson", last + DAY_MS, |_| true);
    reviews(folder, "some.ndjson", last + DAY_MS, |account| {
        drawn.contains(account) || decided.contains(account)
    });
    // The last day is not over: nobody was drawn of it.
    let to = last / DAY_MS * DAY_MS;
    let export = "dataset export e.ndjson --sample 0.3 --format csv";
    done(folder, &format!("{export} --to {to} --policy plain.toml --reviews all.ndjson --out all"));
    done(folder, &format!("{export} --to {to} --policy audit.toml --reviews some.ndjson --out some"));
    let of_all = recall(folder, "all", "weight");
    let weighed = recall(folder, "some", "weight");
    println!("of all {of_all:?}, of those who were looked at {weighed:?}");
    assert!(weighed["rows"] < 0.95 * of_all["rows"], "{weighed:?} of {of_all:?}");
    assert!((weighed["low"]..=weighed["high"]).contains(&of_all["value"]), "{weighed:?}, truly {of_all:?}");
    assert!(weighed["high"] - weighed["low"] < 0.35, "{weighed:?}");
}
