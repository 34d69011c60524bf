//! `weir train --config` and `weir evaluate`: real tables measured, bytes that threads do not change, and refusals.
//!
//! Separate from the units, because here the built binary reads real files. The published figures of LightGBM are those that
//! it reached on the same columns, .946 and .973 (5-fold AUC).

use std::fs;
use std::path::Path;

use harness::weir::{read, run, write};
use harness::workspace::file;
use serde_json::Value;

/// A training file of the repository.
fn config(set: &str) -> String {
    file(&format!("tests/data/{set}/train.toml")).to_string_lossy().into_owned()
}

/// The figures that `weir evaluate` writes with these options.
fn figures(folder: &Path, options: &[&str]) -> Value {
    let done = run(folder, &[&["evaluate", "--json", "figures.json"], options].concat());
    assert_eq!(done.code, 0, "{}", done.stderr);
    serde_json::from_str(&read(folder, "figures.json")).expect("it is JSON")
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or_else(|| panic!("no {name} in {figures}"))
}

#[test]
fn real_fraudsters_are_told_apart_as_well_as_lightgbm_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let found = figures(folder.path(), &["--config", &config("sichuan_telecom_fraud"), "--html", "cv.html"]);
    assert_eq!((found["rows"].as_u64(), found["abusive"].as_u64()), (Some(6_106), Some(1_962)));
    assert!(number(&found, "auc") > 0.943, "{}", found["auc"]);
    assert_eq!(found["importance"].as_array().map(Vec::len), Some(18));
    assert_eq!(found["trials"][0]["fold_auc"].as_array().map(Vec::len), Some(5));
    let page = read(folder.path(), "cv.html");
    assert!(page.contains("<svg") && page.contains("phone2opposite_mean") && !page.contains("<script"));
    for foreign in ["http:", "https:", "@import", "<link", "<img"] {
        assert!(!page.contains(foreign), "the page loads something: {foreign}");
    }
}

#[test]
fn real_spam_is_told_apart_by_its_envelope_as_well_as_lightgbm_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let found = figures(folder.path(), &["--config", &config("spamassassin_envelope")]);
    assert_eq!((found["rows"].as_u64(), found["abusive"].as_u64()), (Some(2_259), Some(1_668)));
    assert!(number(&found, "auc") > 0.973, "{}", found["auc"]);
}

/// A table of 900 rows by 300 accounts in two countries; two columns, one of them sometimes unknown, tell the label.
fn table(folder: &Path) {
    let mut text = String::from("who,when,country,a,b,noise,bad\n");
    for row in 0..900u32 {
        let noise = row * 7919 % 101;
        let bad = u32::from(row % 3 == 0) ^ u32::from(noise < 4);
        let a = if row % 17 == 0 { String::new() } else { (bad * 3 + row * 31 % 4).to_string() };
        let (who, when, country) = (row / 3, 1_000 + row, ["IN", "BR"][(row / 3 % 2) as usize]);
        text.push_str(&format!("{who},{when},{country},{a},{},{noise},{bad}\n", bad * 2 + row * 13 % 5));
    }
    fs::write(folder.join("rows.csv"), text).expect("a temporary folder can be written");
}

fn training_file(more: &str) -> String {
    format!(
        "format = 1\nname = \"small\"\n{more}\n[data]\nfile = \"rows.csv\"\nlabel = \"bad\"\ngroup = \"who\"\ntime = \"when\"\n\
         slices = [\"country\"]\n"
    )
}

const BOOSTING: &str = "[learner]\nkind = \"boosting\"\ntrees = 40\nrate = 0.2\n";

#[test]
fn the_same_file_gives_the_same_bytes_whatever_the_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    table(folder.path());
    let learners = [
        BOOSTING.to_owned(),
        "[learner]\nkind = \"forest\"\ntrees = 15\n".to_owned(),
        "[learner]\nkind = \"ftrl\"\n".to_owned(),
        "[learner]\nkind = \"logistic\"\n".to_owned(),
        "[learner]\nkind = \"bayes\"\n".to_owned(),
        format!("{BOOSTING}[search]\ntrials = 3\nvalues = {{ leaves = [3, 6], rate = [0.1, 0.3] }}\n"),
    ];
    for (number, learner) in learners.iter().enumerate() {
        let more = if number == 0 { "calibration = \"isotonic\"\nclass_weight = \"balanced\"" } else { "" };
        let _ = write(folder.path(), "train.toml", (training_file(more) + learner).as_bytes());
        let mut bytes = Vec::new();
        for (threads, out) in [("1", "one.json"), ("3", "three.json")] {
            let line = format!("train --config train.toml --out {out} --threads {threads}");
            let done = run(folder.path(), &line.split(' ').collect::<Vec<_>>());
            assert_eq!(done.code, 0, "{learner}: {}", done.stderr);
            bytes.push(read(folder.path(), out));
        }
        assert!(bytes[0] == bytes[1], "{learner}");
    }
    // The same model on the same table: what it says about itself is what evaluating it says.
    let options = ["--model", "one.json", "--data", "rows.csv", "--label", "bad", "--slice", "country"];
    let found = figures(folder.path(), &[&options[..], &["--threshold", "0.5"]].concat());
    assert!(number(&found, "auc") > 0.8, "{}", found["auc"]);
    assert_eq!(found["slices"].as_array().map(Vec::len), Some(2));
    // A model of columns that are no features serves nobody.
    let _ = write(folder.path(), "events.ndjson", b"");
    let refused = run(folder.path(), &["score", "events.ndjson", "--model", "one.json"]);
    assert!(refused.code == 2 && refused.stderr.contains("feature schema"), "{}", refused.stderr);
}

#[test]
fn folds_of_time_drift_and_the_cheapest_threshold_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    table(folder.path());
    let more = format!("{BOOSTING}[folds]\ncount = 3\nby = \"time\"\n[costs]\nfalse_alarm = 5\nmiss = 1\n");
    let _ = write(folder.path(), "train.toml", (training_file("") + &more).as_bytes());
    let found = figures(folder.path(), &["--config", "train.toml"]);
    // The first quarter of the time teaches only.
    assert_eq!(found["rows"].as_u64(), Some(675));
    assert_eq!(found["drift"].as_array().map(Vec::len), Some(3));
    let precision = &found["thresholds"][0]["precision"];
    assert!(precision["value"].as_f64() > Some(0.8), "{precision}");
    assert!(precision["low"].as_f64() < precision["value"].as_f64());
}

#[test]
fn a_column_of_anybodys_scores_is_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let _ =
        write(folder.path(), "any.csv", b"score,is_fraud,weight\n0.9,yes,2\n0.95,no,1\n0.2,no,3\n0.1,no,1\n");
    let options =
        "--data any.csv --label is_fraud --positive yes --score score --weight weight --threshold 0.5";
    let found = figures(folder.path(), &options.split(' ').collect::<Vec<_>>());
    assert!((number(&found, "auc") - 0.8).abs() < 1e-6, "{}", found["auc"]);
    assert!((found["thresholds"][0]["precision"]["value"].as_f64().unwrap_or(0.0) - 2.0 / 3.0).abs() < 1e-6);
}

#[test]
fn a_training_file_that_is_wrong_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    table(folder.path());
    let cases = [
        (training_file("") + "[learner]\nkind = \"oracle\"\n", "learner.kind: give one of boosting"),
        (training_file("") + "[learner]\nkind = \"forest\"\nleaves = 3\n", "leaves is no setting"),
        (training_file("colour = 1") + BOOSTING, "colour"),
        (training_file("") + BOOSTING + "[folds]\ncount = 1\n", "2 to 100"),
        (training_file("calibration = \"magic\"") + BOOSTING, "\"platt\", \"isotonic\" or \"none\""),
        (training_file("").replace("\"bad\"", "\"good\"") + BOOSTING, "there is no column \"good\""),
        (training_file("").replace("format = 1", "format = 9") + BOOSTING, "format = 9"),
    ];
    for (text, says) in cases {
        let _ = write(folder.path(), "train.toml", text.as_bytes());
        let refused = run(folder.path(), &["train", "--config", "train.toml", "--out", "model.json"]);
        assert!(refused.code == 2 && refused.stderr.contains(says), "{says}: {}", refused.stderr);
        assert!(!folder.path().join("model.json").exists());
    }
    let both = run(folder.path(), &["train", "--config", "train.toml", "--out", "m.json", "--trees", "3"]);
    assert!(both.code == 2 && both.stderr.contains("cannot be used with"), "{}", both.stderr);
}

#[test]
fn a_parquet_table_alone_teaches_and_traffic_like_its_own_is_no_drift() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let done = |line: &str| {
        let done = run(folder, &line.split(' ').collect::<Vec<_>>());
        assert_eq!(done.code, 0, "{line}: {}", done.stderr);
    };
    for (seed, name, format) in [(31, "before", "parquet"), (32, "later", "csv")] {
        let town = "simulate --accounts 3000 --hours 48 --base-rate 0.04";
        done(&format!("{town} --seed {seed} --exempt {name}.x --out {name}.ndjson --truth {name}.t"));
        let export = format!("dataset export {name}.ndjson --exempt {name}.x --truth {name}.t");
        done(&format!("{export} --format {format} --out {name}"));
    }
    assert!(!folder.join("before/rows.csv").exists());
    done("train --config before/train.toml --out model.json");
    let moved = |model: &str| {
        let of = ["--data", "later/rows.csv", "--unlabelled", "--weight", "weight"];
        figures(folder, &[&["--model", model], &of[..]].concat())
    };
    // Another town of the same kind: what differs is chance.
    let same = moved("model.json");
    assert!(same["moved_much"] == 0 && number(&same, "score_psi") < 0.25, "{same}");
    // The model that is built in knows what it learned from, too: worlds of which half leave fields unknown.
    let built_in = file("models/default/model.json").to_string_lossy().into_owned();
    let found = moved(&built_in);
    let columns = found["drift"].as_array().map(Vec::len);
    assert!(columns > Some(100) && number(&found, "score_psi").is_finite(), "{found}");
}
