//! `weir learn` on a campaign that the model has never seen, and under a brigade of reports.
//!
//! Separate from `learning`, which is about training. The base model learns from a town with two kinds of abuse; then the others come.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::weir::{read, run, write};
use serde_json::Value;

/// All that the base model has seen of abuse: slow kinds, so that blasters, farms and rings are news to it.
const SEEN: [&str; 2] = ["slow_drip", "baited_scam"];

fn done(folder: &Path, line: &str) -> String {
    let run = run(folder, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(run.code, 0, "{line}: {}", run.stderr);
    run.stdout
}

/// Rows of a town, by name.
fn rows(folder: &Path, name: &str, seed: u32) {
    let simulate = "simulate --accounts 700 --hours 120 --base-rate 0.15";
    done(folder, &format!("{simulate} --seed {seed} --exempt {name}.x --out {name}.ndjson --truth {name}.t"));
    // Rules alone decide, so that nobody is out of the rows for what the built-in model did.
    let export = format!(
        "dataset export {name}.ndjson --exempt {name}.x --truth {name}.t --no-model --with-restricted"
    );
    done(folder, &format!("{export} --sample 0.2 --format csv --out {name}"));
}

fn persona_of(folder: &Path, name: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    read(folder, &format!("{name}.t"))
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a truth"))
        .map(|truth| (text(&truth["account"]), text(&truth["persona"])))
        .collect()
}

/// Rewrites a table: `change` gives the fields of each row, or leaves it out.
fn rewrite(folder: &Path, from: &str, to: &str, change: impl Fn(&str, Vec<String>) -> Option<Vec<String>>) {
    let text = read(folder, &format!("{from}/rows.csv"));
    let mut lines = text.lines();
    let mut out = format!("{}\n", lines.next().expect("a header"));
    for line in lines {
        let fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        let account = fields[1].clone();
        if let Some(fields) = change(&account, fields) {
            out += &format!("{}\n", fields.join(","));
        }
    }
    let _ = write(folder, to, out.as_bytes());
}

const LABEL: usize = 7;
const SOURCE: usize = 8;
const LABEL_WEIGHT: usize = 9;
const RESTRICTED: usize = 12;

/// A base model that has seen two kinds, and the rows of a later town with the others, none of them left out.
fn drifted(folder: &Path) {
    rows(folder, "before", 5);
    rows(folder, "later", 6);
    let personas = persona_of(folder, "before");
    let seen = |account: &str, fields: Vec<String>| {
        (fields[LABEL] == "benign" || SEEN.contains(&personas[account].as_str())).then_some(fields)
    };
    rewrite(folder, "before", "before/seen.csv", seen);
    let config = read(folder, "before/train.toml").replace("\"rows.csv\"", "\"seen.csv\"");
    let _ = write(folder, "before/train.toml", config.as_bytes());
    done(folder, "train --config before/train.toml --out base.json");
    // As if nothing had been restricted: what is asked here is what labels teach.
    let personas = persona_of(folder, "later");
    let free = |account: &str, mut fields: Vec<String>| {
        fields[RESTRICTED] = "0".to_owned();
        (fields[LABEL] == "benign" || !SEEN.contains(&personas[account].as_str())).then_some(fields)
    };
    rewrite(folder, "later", "stream.csv", free);
}

/// Scores traffic with a signed champion and weights out of a registry, for a server that trusts one key; `weights`: file without ending.
fn served(folder: &Path, weights: &str) -> harness::weir::Run {
    let added = done(folder, "models add base.json --registry shelf --key k");
    let version = added.split_whitespace().last().expect("name and version").to_owned();
    let place = folder.join("shelf/weights/online");
    std::fs::create_dir_all(&place).expect("a folder");
    for ending in ["json", "sig"] {
        drop(std::fs::remove_file(place.join(format!("1.{ending}"))));
        // A missing signature is what one test is about.
        drop(std::fs::copy(folder.join(format!("{weights}.{ending}")), place.join(format!("1.{ending}"))));
    }
    let activate = |what: &str, name: &str, version: &str| {
        format!(
            "{{\"id\":\"c_{what}\",\"ts\":1762128000000,\"kind\":\"activate\",\"account\":\"!control-0\",\"control\":\"c_{what}\",\
             \"what\":\"{what}\",\"name\":\"{name}\",\"version\":\"{version}\"}}\n"
        )
    };
    let mut events = activate("model", "candidate", &version) + &activate("weights", "online", "1");
    read(folder, "later.ndjson").lines().take(20_000).for_each(|line| events += &format!("{line}\n"));
    let _ = write(folder, "served.ndjson", events.as_bytes());
    let score = "score served.ndjson --trust-internal --registry shelf --trust k.pub --rejects j.ndjson --out d.ndjson --strict";
    run(folder, &score.split(' ').collect::<Vec<_>>())
}

/// Models that decisions name.
fn models(folder: &Path) -> BTreeSet<String> {
    let decisions = read(folder, "d.ndjson");
    let decisions = decisions.lines().map(|line| serde_json::from_str::<Value>(line).expect("a decision"));
    decisions.map(|decision| decision["versions"]["model"].as_str().unwrap_or_default().to_owned()).collect()
}

fn figures(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&read(folder, name)).expect("it is JSON")
}

#[test]
fn recall_of_an_unseen_campaign_recovers_as_labels_arrive() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    drifted(folder);
    std::fs::create_dir(folder.join("shelf")).expect("a folder");
    done(folder, "models keygen k");
    let learn =
        "learn stream.csv --model base.json --delay-h 6 --out w.json --key k --state s.json --json l.json";
    let text = done(folder, learn);
    assert!(text.contains("learned from"), "{text}");
    let found = figures(folder, "l.json");
    let days = found["days"].as_array().expect("days");
    let share = |day: &Value, name: &str| day[name].as_f64().unwrap_or(f64::NAN);
    let last = &days[days.len() - 1];
    let (frozen, online) = (share(last, "caught_as_trained"), share(last, "caught"));
    assert!(frozen < 0.4 && online > frozen + 0.3, "{text}");
    assert!(share(last, "false") < 0.05, "{text}");
    assert_eq!(found["published"], true);
    // The weights serve: the model that decides has a version of its own. The same rows give the same bytes.
    let score = served(folder, "w");
    assert_eq!(score.code, 0, "{}", score.stderr);
    let (models, base) = (models(folder), found["model"].as_str().expect("a version").to_owned());
    assert!(models.len() == 1 && !models.contains(&base), "{models:?}, {base}");
    // The same weights without a signature are not loaded, and the champion decides as it was trained.
    std::fs::copy(folder.join("w.json"), folder.join("unsigned.json")).expect("it is there");
    assert_eq!(served(folder, "unsigned").code, 1);
    assert!(read(folder, "j.ndjson").contains("artifact_missing"));
    assert_eq!(self::models(folder), BTreeSet::from([base]));
    done(folder, "learn stream.csv --model base.json --delay-h 6 --out again.json");
    assert_eq!(read(folder, "w.json"), read(folder, "again.json"));
    // Nothing new, nothing learned: a second run goes on where the first left.
    done(folder, "learn stream.csv --model base.json --delay-h 6 --state s.json --json second.json");
    assert_eq!(figures(folder, "second.json")["labels"]["learned_from"], 0);
    let frozen = done(folder, "learn stream.csv --model base.json --delay-h 6 --frozen --json f.json");
    assert!(frozen.contains("0 published"), "{frozen}");
    assert_eq!(figures(folder, "f.json")["published"], false);
    let other = read(folder, "before/train.toml").replace("seed = 1", "seed = 2");
    let _ = write(folder, "before/other.toml", other.as_bytes());
    done(folder, "train --config before/other.toml --out other.json");
    let refused = run(folder, &["learn", "stream.csv", "--model", "other.json", "--state", "s.json"]);
    assert!(refused.code == 2 && refused.stderr.contains("new trees have new leaves"), "{}", refused.stderr);
}

#[test]
fn a_brigade_of_reports_teaches_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    drifted(folder);
    // A brigade: everybody benign is reported, by enough distinct peers to make a label, and humans say nothing.
    rewrite(folder, "later", "brigade.csv", |_, mut fields| {
        (fields[LABEL] == "benign").then(|| {
            (fields[LABEL], fields[SOURCE], fields[LABEL_WEIGHT]) =
                ("abusive".to_owned(), "reports".to_owned(), "0.3".to_owned());
            fields
        })
    });
    done(folder, "learn brigade.csv --model base.json --json b.json");
    let found = figures(folder, "b.json");
    assert_eq!(found["labels"]["learned_from"], 0, "{found}");
}
