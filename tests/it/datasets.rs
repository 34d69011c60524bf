//! `weir dataset export` and `weir replay`: rows as they were at the decision, labels that came later, and what B would change.
//!
//! Separate from `learning`, which starts from tables. Invariant that is tested here: the exported rows are, bit for bit, those
//! that `weir score` writes while it decides.

use std::collections::BTreeMap;
use std::path::Path;

use harness::weir::{read, run, write};
use serde_json::Value;

fn done(folder: &Path, line: &str) -> String {
    let run = run(folder, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(run.code, 0, "{line}: {}", run.stderr);
    run.stdout
}

fn town(folder: &Path, seed: u32) {
    let town =
        "simulate --accounts 500 --hours 48 --base-rate 0.08 --exempt x.txt --out e.ndjson --truth t.ndjson";
    done(folder, &format!("{town} --seed {seed}"));
}

/// The fields of each line of a CSV file without quotes, by name of their column.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let fields = |line: &str| {
        head.iter().map(|name| (*name).to_owned()).zip(line.split(',').map(str::to_owned)).collect()
    };
    lines.map(fields).collect()
}

#[test]
fn exported_rows_are_bit_for_bit_those_of_the_decisions() {
    let folder = tempfile::tempdir().expect("a folder");
    town(folder.path(), 3);
    done(folder.path(), "score e.ndjson --exempt x.txt --out d.ndjson --features f.ndjson --sample 0.05");
    let export = "dataset export e.ndjson --exempt x.txt --truth t.ndjson --out rows --with-restricted --with-unlabelled";
    done(folder.path(), export);
    let rows = table(&read(folder.path(), "rows/rows.csv"));
    let features = read(folder.path(), "f.ndjson");
    let written: Vec<Value> =
        features.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert_eq!(rows.len(), written.len());
    assert!(rows.len() > 500, "only {} rows", rows.len());
    let names: Vec<String> = catalog(folder.path());
    for (row, written) in rows.iter().zip(&written) {
        assert_eq!(row["event"], written["event"].as_str().expect("an id"));
        for (place, name) in names.iter().enumerate() {
            // What is closed to models is not exported.
            let Some(text) = row.get(name) else { continue };
            let bits = text.parse::<f32>().ok().map(f32::to_bits);
            let wanted = written["values"][place].as_f64().map(|value| (value as f32).to_bits());
            assert_eq!(bits, wanted, "{name} of {}: {text}", row["event"]);
        }
    }
    let late = rows.iter().filter(|row| row["restricted"] == "1").count();
    assert!(late > 0, "nobody was restricted: the test proves less");
    let refused = run(folder.path(), &export.split(' ').collect::<Vec<_>>());
    assert!(refused.code == 2 && refused.stderr.contains("there already"), "{}", refused.stderr);
}

/// Feature names in the order of a row's values.
fn catalog(folder: &Path) -> Vec<String> {
    let found: Value = serde_json::from_str(&done(folder, "features --json")).expect("it is JSON");
    let features = found["features"].as_array().or(found.as_array()).expect("a list of features");
    features.iter().map(|feature| feature["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn from_events_to_a_model_that_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    town(folder.path(), 5);
    done(folder.path(), "dataset export e.ndjson --exempt x.txt --truth t.ndjson --out rows");
    let rows = table(&read(folder.path(), "rows/rows.csv"));
    assert!(rows.iter().all(|row| row["restricted"] == "0" && !row["label"].is_empty()));
    done(folder.path(), "train --config rows/train.toml --out model.json --json cv.json");
    let found: Value = serde_json::from_str(&read(folder.path(), "cv.json")).expect("it is JSON");
    assert!(found["auc"].as_f64() > Some(0.8), "{}", found["auc"]);
    // Its columns are features of this build, so it serves; and it is marked as no evidence for a ban.
    let model: Value = serde_json::from_str(&read(folder.path(), "model.json")).expect("it is JSON");
    assert_eq!(model["trained_on"], "simulation");
    done(folder.path(), "score e.ndjson --exempt x.txt --model model.json --out d.ndjson");
    assert!(read(folder.path(), "d.ndjson").contains(&model["checksum"].as_str().expect("a checksum")[..16]));
}

fn event(id: &str, hour: u64, rest: &str) -> String {
    let ts = 1_762_128_000_000 + hour * 3_600_000;
    format!("{{\"id\":\"{id}\",\"ts\":{ts},{rest}}}\n")
}

#[test]
fn labels_come_from_humans_later_and_the_deleted_are_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let block = |account: &str| {
        format!("\"kind\":\"block\",\"account\":\"{account}\",\"peer\":\"p\",\"contact\":\"account\"")
    };
    let mut events = String::new();
    for (number, account) in ["bad", "good", "gone", "nobody"].iter().enumerate() {
        events += &event(&format!("e{number}"), 1, &block(account));
    }
    events += &event("late", 80, &block("bad"));
    events += &event("del", 81, "\"kind\":\"deletion\",\"account\":\"gone\"");
    let _ = write(folder.path(), "e.ndjson", events.as_bytes());
    let review = |id: &str, account: &str, label: &str| {
        let at = 1_762_128_000_000u64 + 50 * 3_600_000;
        format!(
            "{{\"id\":\"{id}\",\"case\":\"c\",\"account\":\"{account}\",\"at\":{at},\"actor\":\"r\",\"act\":\"label\",\
             \"label\":\"{label}\",\"shown\":[\"score\"]}}\n"
        )
    };
    let reviews =
        review("1", "bad", "abusive") + &review("2", "good", "benign") + &review("3", "gone", "abusive");
    let _ = write(folder.path(), "r.ndjson", reviews.as_bytes());
    done(folder.path(), "dataset export e.ndjson --reviews r.ndjson --sample 0 --out rows");
    let rows = table(&read(folder.path(), "rows/rows.csv"));
    let short: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| (row["event"].as_str(), row["label"].as_str(), row["label_source"].as_str()))
        .collect();
    // The row after the label has none, nor has whoever nobody spoke about.
    assert_eq!(short, [("e0", "abusive", "review"), ("e1", "benign", "review")]);
    assert_eq!((rows[0]["label_saw_score"].as_str(), rows[0]["label_delay_ms"].as_str()), ("1", "176400000"));
    let about: Value = serde_json::from_str(&read(folder.path(), "rows/about.json")).expect("it is JSON");
    assert_eq!(about["left_out"]["of_deleted_accounts"], 1);
    assert_eq!(about["left_out"]["without_label"], 2);
}

#[test]
fn replay_shows_who_another_policy_would_restrict() {
    let folder = tempfile::tempdir().expect("a folder");
    town(folder.path(), 9);
    let policy = done(folder.path(), "check-config --print-default");
    let _ = write(folder.path(), "now.toml", policy.as_bytes());
    let shadow = policy.replace("\n[[rule]]\n", "\n[[rule]]\nmode = \"shadow\"\n");
    assert_ne!(shadow, policy);
    let _ = write(folder.path(), "next.toml", shadow.as_bytes());
    let line = "replay e.ndjson --exempt x.txt --truth t.ndjson --json diff.json --policy";
    done(folder.path(), &format!("{line} now.toml --policy next.toml"));
    let found: Value = serde_json::from_str(&read(folder.path(), "diff.json")).expect("it is JSON");
    let (gained, lost) = (&found["restricted"]["gained"], &found["restricted"]["lost"]);
    assert!(lost.as_u64() > Some(0), "{found}");
    done(folder.path(), &format!("{line} next.toml --policy now.toml"));
    let back: Value = serde_json::from_str(&read(folder.path(), "diff.json")).expect("it is JSON");
    assert_eq!((&back["restricted"]["gained"], &back["restricted"]["lost"]), (lost, gained));
    let text = done(folder.path(), &format!("{line} now.toml --policy now.toml"));
    assert!(text.contains("gained by B         0") && text.contains("did not react to B"), "{text}");
    let same = run(folder.path(), &["replay", "e.ndjson", "--policy", "now.toml"]);
    assert!(same.code == 2 && same.stderr.contains("are the same"), "{}", same.stderr);
}
