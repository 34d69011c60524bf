//! The main job from end to end: events in, decisions out, the same bytes whichever way the events come.
//!
//! Separate from bad input. Invariants 7 and 9, and the real people of the bundled data sets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use harness::weir::{read, run, run_with, write};
use harness::workspace;
use schema::{Action, Decision, Mode, Row, Standing};

use crate::world::{simulation, world};

/// Scores `inputs` and gives decisions, standing and rows.
fn score(folder: &Path, inputs: &[&str]) -> [String; 3] {
    let outputs = "--out d.ndjson --standing s.ndjson --features f.ndjson --sample 0.01";
    let arguments: Vec<&str> =
        ["score"].iter().chain(inputs).copied().chain(outputs.split(' ')).chain(["--strict"]).collect();
    let run = run(folder, &arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    ["d.ndjson", "s.ndjson", "f.ndjson"].map(|name| read(folder, name))
}

fn decisions(text: &str) -> Vec<Decision> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn the_same_seed_is_the_same_world() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), &simulation("again.ndjson"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(read(folder.path(), "again.ndjson") == read(&world().folder(), "events.ndjson"));
    assert!(read(folder.path(), "truth.ndjson") == read(&world().folder(), "truth.ndjson"));
}

#[test]
fn replaying_a_file_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let events = world().path("events.ndjson");
    let first = score(folder.path(), &[&events]);
    assert!(first.iter().all(|output| !output.is_empty()), "the world gives nothing to compare");
    assert!(first == score(folder.path(), &[&events]));
}

#[test]
fn a_split_compressed_or_piped_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let events = read(&world().folder(), "events.ndjson");
    let whole = score(folder.path(), &[&world().path("events.ndjson")]);

    let lines: Vec<&str> = events.split_inclusive('\n').collect();
    let chunks = lines.chunks(lines.len() / 3 + 1).enumerate();
    let parts: Vec<String> = chunks
        .map(|(i, part)| write(folder.path(), &format!("part{i}.ndjson"), part.concat().as_bytes()))
        .collect();
    assert_eq!(parts.len(), 3);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let split = score(folder.path(), &parts);
    assert!(split[0] == whole[0], "decisions differ when the input is split");
    assert!(split[1] == whole[1], "standing differs when the input is split");

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, events.as_bytes()).unwrap();
    let gz = write(folder.path(), "events.ndjson.gz", &encoder.finish().unwrap());
    assert!(score(folder.path(), &[&gz]) == whole, "gzip differs");

    let piped = run_with(folder.path(), &["score", "-"], events.as_bytes());
    assert_eq!(piped.code, 0, "{}", piped.stderr);
    assert!(piped.stdout == whole[0], "standard input differs");
}

#[test]
fn a_decision_depends_only_on_earlier_records() {
    let folder = tempfile::tempdir().unwrap();
    let events = read(&world().folder(), "events.ndjson");
    let [whole, ..] = score(folder.path(), &[&world().path("events.ndjson")]);
    let half: Vec<&str> = events.split_inclusive('\n').take(events.lines().count() / 2).collect();
    let half = write(folder.path(), "half.ndjson", half.concat().as_bytes());
    let [first, ..] = score(folder.path(), &[&half]);
    assert!(!first.is_empty() && first.len() < whole.len());
    assert!(whole.starts_with(&first), "what came later changed an earlier decision");
}

#[test]
fn zstandard_that_we_write_is_zstandard_that_we_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), &simulation("events.ndjson.zst"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let bytes = fs::read(folder.path().join("events.ndjson.zst")).unwrap();
    assert_eq!(bytes[..4], [0x28, 0xb5, 0x2f, 0xfd], "no Zstandard frame");
    let whole = score(folder.path(), &[&world().path("events.ndjson")]);
    assert!(score(folder.path(), &["events.ndjson.zst"]) == whole);
}

#[test]
fn every_decision_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let [text, standings, rows] = score(folder.path(), &[&world().path("events.ndjson")]);
    let decisions = decisions(&text);
    let ids: BTreeSet<&str> = decisions.iter().map(|decision| decision.id.as_str()).collect();
    assert_eq!(ids.len(), decisions.len(), "two decisions with one id");
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for decision in &decisions {
        let shown = serde_json::to_string(decision).unwrap();
        assert!(decision.reasons.len() <= schema::limits::REASONS_MAX, "{shown}");
        assert!(decision.action == Action::Lift || !decision.reasons.is_empty(), "no reason: {shown}");
        let before = last.insert(&decision.account, decision.seq);
        assert!(before.is_none_or(|before| before < decision.seq), "seq does not rise: {shown}");
        if decision.action.restricts() && decision.mode == Mode::Enforce {
            let expires = decision.expires.expect("nothing automatic is for ever");
            let shortest = schema::limits::RESTRICTION_MS_MIN;
            assert!(expires >= decision.issued + shortest, "too short: {shown}");
        }
        assert!(!decision.versions.policy.is_empty() && !decision.versions.features.is_empty(), "{shown}");
    }
    for line in standings.lines() {
        let standing: Standing = serde_json::from_str(line).expect(line);
        assert!(standing.restrictions.len() <= schema::limits::RESTRICTIONS_MAX, "{line}");
        assert!(
            standing.restrictions.iter().all(|restriction| ids.contains(restriction.decision.as_str())),
            "{line}"
        );
    }
    for line in rows.lines() {
        let row: Row = serde_json::from_str(line).expect(line);
        assert!(row.weight >= 1.0 && row.values.iter().flatten().all(|value| value.is_finite()), "{line}");
    }
}

#[test]
fn abuse_is_found_and_the_innocent_are_free() {
    let folder = tempfile::tempdir().unwrap();
    let [text, ..] = score(folder.path(), &[&world().path("events.ndjson")]);
    let (events, truth) = (world().path("events.ndjson"), world().path("truth.ndjson"));
    let judge =
        ["judge", "--events", &events, "--truth", &truth, "--decisions", "d.ndjson", "--json", "j.json"];
    let run = run(folder.path(), &judge);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("bulk_blaster"), "no table a persona:\n{}", run.stdout);
    let json = read(folder.path(), "j.json");
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");

    let truth = read(&world().folder(), "truth.ndjson");
    let (benign, abusive): (Vec<&str>, Vec<&str>) =
        truth.lines().partition(|line| line.contains("\"benign\""));
    let account =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["account"].to_string();
    let accounts = |lines: &[&str]| -> BTreeSet<String> { lines.iter().map(|line| account(line)).collect() };
    let (benign, abusive) = (accounts(&benign), accounts(&abusive));
    let restricted: BTreeSet<String> = decisions(&text)
        .iter()
        .filter(|decision| decision.action.restricts() && decision.mode == Mode::Enforce)
        .map(|decision| format!("{:?}", decision.account))
        .collect();
    let found = restricted.intersection(&abusive).count();
    assert!(found * 2 > abusive.len(), "{found} of {} abusive accounts were restricted", abusive.len());
    let wrong = restricted.intersection(&benign).count();
    assert!(wrong <= 1, "{wrong} of {} benign accounts were restricted", benign.len());
}

#[test]
fn the_closed_loop_runs_and_repeats_itself() {
    let folder = tempfile::tempdir().unwrap();
    let simulate = |events: &str, decisions: &str| {
        let fixed =
            "simulate --closed-loop --accounts 200 --hours 24 --seed 3 --base-rate 0.1 --truth t.ndjson";
        let arguments =
            fixed.split(' ').chain(["--out", events, "--decisions", decisions]).collect::<Vec<_>>();
        let run = run(folder.path(), &arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
        [read(folder.path(), events), read(folder.path(), decisions)]
    };
    let first = simulate("e1.ndjson", "d1.ndjson");
    assert!(first[0].contains("\"kind\":\"refused\""), "nothing was refused");
    assert!(!first[1].is_empty());
    assert!(first == simulate("e2.ndjson", "d2.ndjson"));
}

/// Imports a data set of real people and scores it; nobody may be banned.
fn check_real_people(import: &[&str], events_min: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments: Vec<&str> =
        ["import"].iter().chain(import).copied().chain(["--out", "e.ndjson"]).collect();
    let imported = run(folder.path(), &arguments);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    assert!(read(folder.path(), "e.ndjson").lines().count() >= events_min);
    let [text, ..] = score(folder.path(), &["e.ndjson"]);
    let decisions = decisions(&text);
    let enforced = || decisions.iter().filter(|decision| decision.mode == Mode::Enforce);
    let restricted: BTreeSet<(&str, Action, Option<&str>)> = enforced()
        .filter(|decision| decision.action.restricts())
        .map(|decision| (decision.account.as_str(), decision.action, decision.rule.as_deref()))
        .collect();
    println!("{import:?}: {} real people restricted: {restricted:?}", restricted.len());
    let banned: Vec<&Decision> = enforced().filter(|decision| decision.action == Action::Ban).collect();
    assert!(banned.is_empty(), "real people were banned: {banned:?}");
    let people: BTreeSet<&str> = restricted.iter().map(|(account, ..)| *account).collect();
    assert!(people.len() <= 20, "{} real people were restricted: {restricted:?}", people.len());
}

#[test]
fn no_student_of_collegemsg_is_banned() {
    let events = workspace::file("tests/data/collegemsg/events.csv.gz");
    let events = events.to_string_lossy();
    check_real_people(&["collegemsg", &events], 59_835);
    check_real_people(&["collegemsg", &events, "--age-from-first-event"], 59_835);
}

#[test]
fn no_student_of_copenhagen_is_banned() {
    let events = workspace::file("tests/data/copenhagen_sms/sms.csv.gz");
    let friends = workspace::file("tests/data/copenhagen_sms/fb_friends.csv.gz");
    check_real_people(
        &["copenhagen", &events.to_string_lossy(), "--friends", &friends.to_string_lossy()],
        24_333,
    );
}

#[test]
fn the_command_line_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [&["--help"][..], &["score", "--help"], &["features"], &["completions", "bash"], &["man"]]
    {
        let run = run(folder.path(), arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
        assert!(run.stdout.lines().count() > 5, "{arguments:?} says little");
    }
    let features = run(folder.path(), &["features"]).stdout;
    assert!(features.lines().count() >= 60, "fewer than 60 features");
}
