//! What the default policy and model are held to, on a town that no model was trained on, judged by `weir judge`.
//!
//! Smaller than the judgement of BENCHMARKS.md (`weir/benches/judgement.sh`), so that it runs with every test; the bounds leave
//! room for its few accounts.

use std::path::Path;

use harness::weir::{read, run};
use serde_json::Value;

fn check_run(folder: &Path, arguments: &[&str]) {
    let run = run(folder, arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
}

/// The judgement of a town of 6,000 benign accounts over four days, with further options of `weir simulate`.
fn judged(more: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let town =
        ["simulate", "--accounts", "6000", "--hours", "96", "--seed", "31", "--base-rate", "0.05", "--out"];
    let files = ["e.ndjson", "--truth", "t.ndjson", "--exempt", "x.txt"];
    check_run(folder, &[&town[..], &files[..], more].concat());
    if !more.contains(&"--closed-loop") {
        check_run(folder, &["score", "e.ndjson", "--exempt", "x.txt", "--out", "d.ndjson"]);
    }
    let judge = [
        "judge",
        "--events",
        "e.ndjson",
        "--truth",
        "t.ndjson",
        "--decisions",
        "d.ndjson",
        "--json",
        "j.json",
    ];
    check_run(folder, &judge);
    serde_json::from_str(&read(folder, "j.json")).expect("the report is JSON")
}

fn share(report: &Value, path: &str) -> f64 {
    report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {report}"))
}

/// Holds a judgement to the bounds: the share of the abusive that is restricted, and of each persona with ten accounts or more.
fn check(report: &Value, all_min: f64, persona_min: f64) {
    assert!(share(report, "/abusive/accounts/restricted/share") >= all_min, "{}", report["abusive"]);
    for persona in
        report["personas"].as_array().expect("a table of personas").iter().filter(|p| p["label"] == "abusive")
    {
        let restricted = &persona["levels"]["restricted"];
        let enough = restricted["of"].as_u64().expect("a count") >= 10;
        assert!(!enough || share(restricted, "/share") >= persona_min, "{persona}");
    }
    let benign = &report["benign"]["accounts"];
    assert_eq!(share(benign, "/banned/hits"), 0.0, "{benign}");
    assert!(share(benign, "/limited/hits") <= 2.0, "{benign}");
    assert!(share(benign, "/restricted/hits") <= 12.0, "{benign}");
    assert!(share(report, "/messages_before_restriction/median") <= 5.0, "{report}");
}

#[test]
fn abuse_is_restricted_early_and_the_innocent_are_left_alone() {
    let report = judged(&[]);
    check(&report, 0.95, 0.85);
    assert!(share(&report, "/bans_without_report/share") >= 0.75, "{}", report["bans_without_report"]);
}

#[test]
fn the_same_holds_where_the_engine_stands_between() {
    check(&judged(&["--closed-loop", "--decisions", "d.ndjson"]), 0.95, 0.85);
}

#[test]
fn no_single_unknown_field_makes_the_figures_collapse() {
    for field in ["first_contact", "in_contacts", "typed", "device", "age_h"] {
        check(&judged(&["--without", field]), 0.9, 0.6);
    }
}
