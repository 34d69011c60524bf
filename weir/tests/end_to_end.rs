//! The main job on real and simulated traffic, by the built binary.
//!
//! Separate from the edges, because it needs data and takes seconds. Invariants: no real person is banned; replaying the
//! same file, whole, in chunks or compressed, gives the same bytes.

use std::path::Path;
use std::process::Command;

use schema::{Action, Decision, Mode};
use tempfile::TempDir;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");

fn weir(args: &[&str]) -> String {
    let ran =
        Command::new(env!("CARGO_BIN_EXE_weir")).args(args).output().expect("the binary is built by cargo");
    let err = String::from_utf8(ran.stderr).expect("weir writes UTF-8");
    assert!(ran.status.success(), "{args:?}: {err}");
    err
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_string_lossy().into_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(path)).expect("weir wrote it")
}

fn decisions(path: &str) -> Vec<Decision> {
    read(path).lines().map(|line| serde_json::from_str(line).expect("a decision a line")).collect()
}

/// Imports and scores real people; nobody may be banned, and restrictions stay few.
fn real_people_stay_free(import: &[&str], accounts: usize, restricted_max: usize) {
    let folder = folder();
    let (events, out) = (path(&folder, "events.ndjson.zst"), path(&folder, "decisions.ndjson"));
    weir(&[&["import"], import, &["--out", &events]].concat());
    let summary = weir(&["score", &events, "--out", &out]);
    assert!(summary.contains("rejects         none"), "{summary}");
    let enforced: Vec<Decision> =
        decisions(&out).into_iter().filter(|d| d.mode == Mode::Enforce && d.action.restricts()).collect();
    let mut people: Vec<&str> = enforced.iter().map(|d| d.account.as_str()).collect();
    people.sort_unstable();
    people.dedup();
    assert!(enforced.iter().all(|d| d.action != Action::Ban), "a real person was banned: {enforced:#?}");
    assert!(
        people.len() <= restricted_max,
        "{} of {accounts} real people were restricted: {people:?}",
        people.len()
    );
}

#[test]
fn nobody_at_the_college_is_banned() {
    let table = format!("{DATA}/collegemsg/events.csv.gz");
    real_people_stay_free(&["collegemsg", &table], 1_899, 60);
    real_people_stay_free(&["collegemsg", &table, "--age-from-first-event"], 1_899, 60);
}

#[test]
fn nobody_in_copenhagen_is_banned() {
    let (table, friends) =
        (format!("{DATA}/copenhagen_sms/sms.csv.gz"), format!("{DATA}/copenhagen_sms/fb_friends.csv.gz"));
    real_people_stay_free(&["copenhagen", &table, "--friends", &friends], 568, 6);
}

#[test]
fn the_same_events_give_the_same_bytes_whole_in_chunks_and_compressed() {
    let folder = folder();
    let events = path(&folder, "events.ndjson");
    let simulate = ["simulate", "--accounts", "500", "--hours", "24", "--seed", "5", "--base-rate", "0.1"];
    weir(&[&simulate[..], &["--out", &events, "--truth", &path(&folder, "truth.ndjson")]].concat());
    let text = read(&events);
    let lines: Vec<&str> = text.lines().collect();
    let (first, second) = lines.split_at(lines.len() / 3);
    let chunks = [path(&folder, "1.ndjson"), path(&folder, "2.ndjson")];
    std::fs::write(&chunks[0], first.join("\r\n")).expect("it can be written");
    std::fs::write(&chunks[1], second.join("\n")).expect("it can be written");
    let packed = path(&folder, "events.ndjson.gz");
    weir(&[&simulate[..], &["--out", &packed, "--truth", &path(&folder, "truth.ndjson")]].concat());
    let score = |inputs: &[&str], name: &str| {
        let (out, standing) = (path(&folder, name), path(&folder, &format!("{name}.standing")));
        weir(&[&["score"], inputs, &["--out", &out, "--standing", &standing]].concat());
        (read(&out), read(&standing))
    };
    let whole = score(&[&events], "whole");
    assert!(whole.0.lines().count() > 10, "too little was decided to compare");
    assert_eq!(whole, score(&[&events], "again"));
    assert_eq!(whole, score(&[&chunks[0], &chunks[1]], "chunks"));
    assert_eq!(whole, score(&[&packed], "packed"));
}

#[test]
fn simulate_score_and_judge_fit_together_in_both_loops() {
    let folder = folder();
    let file = |name| path(&folder, name);
    let (events, truth, bots, out) = (file("e.ndjson"), file("t.ndjson"), file("x.txt"), file("d.ndjson"));
    let world = [
        "simulate",
        "--accounts",
        "400",
        "--hours",
        "24",
        "--base-rate",
        "0.1",
        "--out",
        &events,
        "--truth",
        &truth,
    ];
    weir(&[&world[..], &["--exempt", &bots]].concat());
    weir(&["score", &events, "--exempt", &bots, "--out", &out, "--features", &file("rows.ndjson")]);
    let page = file("page.html");
    weir(&[
        "judge",
        "--events",
        &events,
        "--truth",
        &truth,
        "--decisions",
        &out,
        "--html",
        &page,
        "--json",
        &file("j"),
    ]);
    assert!(read(&page).contains("<svg"), "the page has plots");
    assert!(read(&file("rows.ndjson")).lines().count() > 10);
    weir(&[&world[..], &["--closed-loop", "--decisions", &out]].concat());
    weir(&["judge", "--events", &events, "--truth", &truth, "--decisions", &out]);
}

#[test]
fn a_corrupt_file_among_good_ones_costs_only_its_rest() {
    let folder = folder();
    let good = path(&folder, "good.ndjson");
    let line = |n: u32| {
        format!(
            "{{\"id\":\"e{n}\",\"ts\":{},\"kind\":\"session\",\"account\":\"a\"}}\n",
            1_762_128_000_000u64 + u64::from(n)
        )
    };
    std::fs::write(&good, line(1) + &line(2)).expect("it can be written");
    let broken = path(&folder, "broken.ndjson");
    std::fs::write(&broken, b"\x1f\x8b\x08\x00 this was no gzip").expect("it can be written");
    let rejects = path(&folder, "rejects.ndjson");
    let last = path(&folder, "last.ndjson");
    std::fs::write(&last, line(3)).expect("it can be written");
    let summary =
        weir(&["score", &good, &broken, &last, "--rejects", &rejects, "--out", &path(&folder, "out")]);
    assert!(summary.contains("events          3 of 4 lines"), "{summary}");
    assert!(read(&rejects).contains("corrupt_input") && read(&rejects).contains("broken.ndjson"));
}
