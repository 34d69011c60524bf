//! `weir dataset export` and `weir replay`: rows as they were at the decision, labels that came later, and what B would change.
//!
//! Separate from `learning`, which starts from tables. Invariant that is tested here: the exported rows are, bit for bit, those
//! that `weir score` writes while it decides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use harness::clock::now;
use harness::up::Up;
use harness::weir::{read, run, write};
use harness::workspace::file;
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
    // What rows are measured apart by.
    let told = |name: &str, field: &str| {
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        for line in read(folder.path(), name).lines() {
            let line: Value = serde_json::from_str(line).expect("a line");
            if let (Some(account), Some(word)) = (line["account"].as_str(), line[field].as_str()) {
                told.entry(account.to_owned()).or_insert_with(|| word.to_owned());
            }
        }
        told
    };
    let (countries, personas) = (told("e.ndjson", "country"), told("t.ndjson", "persona"));
    let clients = told("e.ndjson", "client");
    for row in &rows {
        assert!(row["client"].is_empty() || clients.contains_key(&row["account"]), "{}", row["account"]);
        assert_eq!(row["persona"], personas[&row["account"]]);
        assert_eq!(row["country"], countries.get(&row["account"]).cloned().unwrap_or_default());
    }
    assert!(
        rows.iter().any(|row| !row["country"].is_empty()),
        "no number has a country: the test proves less"
    );
    let words = |name: &str| rows.iter().map(|row| row[name].as_str()).collect::<BTreeSet<_>>();
    assert!(words("client").len() > 2 && words("account_tier").is_superset(&["business", "person"].into()));
    assert!(words("age_band").is_superset(&["under 1 h", "over 1 y"].into()), "{:?}", words("age_band"));
    let late = rows.iter().filter(|row| row["restricted"] == "1").count();
    assert!(late > 0, "nobody was restricted: the test proves less");
    let refused = run(folder.path(), &export.split(' ').collect::<Vec<_>>());
    assert!(refused.code == 2 && refused.stderr.contains("there already"), "{}", refused.stderr);
}

#[test]
fn rows_of_held_out_accounts_stand_for_those_that_were_restricted() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    town(folder, 4);
    let policy = done(folder, "check-config --print-default");
    let held = policy.replace("share = 0.005", "share = 0.25");
    assert_ne!(held, policy);
    let _ = write(folder, "held.toml", held.as_bytes());
    done(folder, "score e.ndjson --exempt x.txt --policy held.toml --out d.ndjson");
    let decisions = read(folder, "d.ndjson");
    let held: Vec<Value> = decisions
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a decision"))
        .filter(|one| one["reasons"].as_array().is_some_and(|all| all.iter().any(|r| r["code"] == "holdout")))
        .collect();
    assert!(!held.is_empty() && held.iter().all(|one| one["mode"] == "shadow"), "{held:?}");
    let export = |more: &str, out: &str| {
        let line = "dataset export e.ndjson --exempt x.txt --truth t.ndjson --policy held.toml --format csv";
        done(folder, &format!("{line} --sample 0.5{more} --out {out}"));
        table(&read(folder, &format!("{out}/rows.csv")))
    };
    let rows = export("", "rows");
    let of: Vec<_> = rows.iter().filter(|row| row["held_out"] == "1").collect();
    assert!(!of.is_empty() && of.iter().all(|row| row["restricted"] == "0"), "{} rows", rows.len());
    // A sampled row stands for 2, and its account for 4.
    let weights: BTreeSet<&str> = of.iter().map(|row| row["weight"].as_str()).collect();
    assert!(weights.contains("8") && weights.iter().all(|one| ["8", "4"].contains(one)), "{weights:?}");
    // Where those that were restricted are there themselves, it stands for nobody else.
    let all = export(" --with-restricted", "all");
    let weights: BTreeSet<&str> =
        all.iter().filter(|row| row["held_out"] == "1").map(|row| row["weight"].as_str()).collect();
    assert!(all.len() > rows.len() && weights.iter().all(|one| ["1", "2"].contains(one)), "{weights:?}");
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
    // A single held-out account would weigh 200 in so small a town, and the model's version says whether there is one.
    let policy = done(folder.path(), "check-config --print-default").replace("share = 0.005", "share = 0.0");
    let _ = write(folder.path(), "policy.toml", policy.as_bytes());
    let export = "dataset export e.ndjson --exempt x.txt --truth t.ndjson --policy policy.toml --out rows";
    done(folder.path(), export);
    let rows = table(&read(folder.path(), "rows/rows.csv"));
    let is_free = |row: &BTreeMap<String, String>| row["restricted"] == "0" && row["held_out"] == "0";
    assert!(rows.iter().all(|row| is_free(row) && !row["label"].is_empty()));
    done(folder.path(), "train --config rows/train.toml --out model.json --json cv.json");
    let found: Value = serde_json::from_str(&read(folder.path(), "cv.json")).expect("it is JSON");
    // What is left to tell apart are those that the built-in model let through.
    assert!(found["auc"].as_f64() > Some(0.75), "{}", found["auc"]);
    // The same rows in Parquet give the same bytes.
    let columns = read(folder.path(), "rows/train.toml").replace("rows.csv", "rows.parquet");
    let _ = write(folder.path(), "rows/columns.toml", columns.as_bytes());
    done(folder.path(), "train --config rows/columns.toml --out again.json");
    assert_eq!(read(folder.path(), "model.json"), read(folder.path(), "again.json"));
    // Either table teaches the same; a row whose weight is none teaches nothing, and is told.
    let learned = |rows: &str| {
        let line = format!("learn rows/{rows} --model model.json --delay-h 1 --json learned.json");
        let run = run(folder.path(), &line.split(' ').collect::<Vec<_>>());
        assert_eq!(run.code, 0, "{}", run.stderr);
        (read(folder.path(), "learned.json"), run.stderr)
    };
    let (from_lines, told) = learned("rows.csv");
    assert_eq!(told, "");
    assert_eq!(learned("rows.parquet").0, from_lines);
    let text = read(folder.path(), "rows/rows.csv");
    let place = text.split(',').position(|title| title == "label_weight").expect("a column");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, weight) in lines[1..].iter_mut().zip(["NaN", "-1", "0"]) {
        let mut fields: Vec<&str> = line.split(',').collect();
        fields[place] = weight;
        *line = fields.join(",");
    }
    let _ = write(folder.path(), "rows/odd.csv", lines.join("\n").as_bytes());
    let told = learned("odd.csv").1;
    assert!(told.contains("3 rows teach nothing") && told.contains("line 2: label_weight NaN"), "{told}");
    // Its columns are features of this build, so it serves; and it is marked as no evidence for a ban.
    let model: Value = serde_json::from_str(&read(folder.path(), "model.json")).expect("it is JSON");
    assert_eq!(model["trained_on"], "simulation");
    done(folder.path(), "score e.ndjson --exempt x.txt --model model.json --out d.ndjson");
    assert!(read(folder.path(), "d.ndjson").contains(&model["checksum"].as_str().expect("a checksum")[..16]));
}

/// The lines of the README's section for data scientists.
fn five_commands() -> Vec<String> {
    let readme = std::fs::read_to_string(file("README.md")).expect("it is in the repository");
    let section = readme.split("## For data scientists").nth(1).expect("the section");
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let words = |line: &str| line.split(" # ").next().unwrap_or_default().trim().to_owned();
    block.lines().map(words).collect()
}

#[test]
fn the_five_commands_of_the_readme_end_with_a_shadow_that_scores() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    done(
        folder,
        "simulate --accounts 500 --hours 48 --base-rate 0.08 --out events.ndjson --truth truth.ndjson --seed 7",
    );
    // A band that a young model reaches, too.
    let policy = done(folder, "check-config --print-default").replace("score = 0.99\n", "score = 0.3\n");
    let policy = write(folder, "policy.toml", policy.as_bytes());
    let server = Up::start(&folder.join("weir-data"), &[("WEIR_ENGINE_POLICY", policy.as_str())]);
    let url = format!("http://{}", server.address);
    let commands = five_commands();
    assert_eq!(commands.len(), 5, "{commands:?}");
    for command in &commands {
        let line = command.strip_prefix("weir ").expect("a command of weir");
        done(folder, &line.replace("http://127.0.0.1:8484", &url));
    }
    let page = read(folder, "cv.html");
    for slice in
        ["country", "client", "account_tier business", "age_band under 1 h", "persona", "bulk_blaster"]
    {
        assert!(page.contains(slice), "{slice} is not measured apart");
    }
    let in_force = || -> Value {
        serde_json::from_str(&done(folder, &format!("control --url {url} show"))).expect("it is JSON")
    };
    let version = done(folder, "models list --registry weir-data/registry");
    let version = version.split(' ').nth(1).expect("a name, a version and a role").to_owned();
    let shown = in_force().to_string();
    assert!(shown.contains(&version) && shown.contains("shadow"), "{shown}");
    // What it would have done is recorded beside what was done.
    let (mut client, events) = (server.client(), read(folder, "events.ndjson"));
    for part in events.lines().collect::<Vec<_>>().chunks(2_000).take(10) {
        let answer = client.call("POST", "/v1/events", "", part.join("\n").as_bytes()).expect("it answers");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(client.open("/v1/decisions?from=oldest", "").expect("it answers"), 200);
    let begun = now();
    let mut line = String::new();
    while !line.contains("\"rule\":\"candidate/") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the shadow does not speak; last: {line}");
        line = client.line().expect("the feed goes on");
    }
    assert!(line.contains(&version) && line.contains("\"mode\":\"shadow\""), "{line}");
    let of = "--registry weir-data/registry --trust signing.key.pub";
    let _ = write(folder, "lax.toml", b"auc_min = 0.5\ncalibration_error_max = 0.5\nscore_psi_max = 9.0\naverage_precision_loss_max = 1.0\n");
    let promote = format!(
        "models promote candidate latest {of} --config rows/train.toml --data rows/rows.csv --gates lax.toml --allow-training-data"
    );
    // Where nobody listens nothing is noted.
    let refused = run(folder, &format!("{promote} --url http://127.0.0.1:1").split(' ').collect::<Vec<_>>());
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(!done(folder, "models list --registry weir-data/registry").contains("champion"));
    done(folder, &format!("{promote} --url {url}"));
    assert!(done(folder, "models list --registry weir-data/registry").contains("champion"));
    let shown = in_force()["active"].to_string();
    assert!(shown.contains(&version) && !shown.contains("shadow"), "{shown}");
    // The first that was promoted gives way to what is built in, which lies in no registry and is signed by nobody.
    done(folder, &format!("models rollback candidate {of} --url {url}"));
    let shown = in_force()["active"].to_string();
    assert!(shown.contains("\"default\"") && !shown.contains(&version), "{shown}");
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
    done(folder.path(), "dataset export e.ndjson --reviews r.ndjson --no-model --sample 0 --out rows");
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
    let line = "replay e.ndjson --exempt x.txt --truth t.ndjson --json diff.json --closed-loop 200 --policy";
    done(folder.path(), &format!("{line} now.toml --policy next.toml"));
    let found: Value = serde_json::from_str(&read(folder.path(), "diff.json")).expect("it is JSON");
    let (gained, lost) = (&found["restricted"]["gained"], &found["restricted"]["lost"]);
    assert!(lost.as_u64() > Some(0), "{found}");
    // Under B nobody is stopped; in the simulated town beside it that lets more through.
    let let_through = |side: usize| found["closed_loop"][side]["abusive"]["new_chats"].as_u64();
    assert!(let_through(0) < let_through(1), "{found}");
    assert_eq!(found["closed_loop"][1]["benign"]["restricted"], 0, "{found}");
    assert!(found["times_real_time"].as_f64() > Some(1_000.0), "{found}");
    done(folder.path(), &format!("{line} next.toml --policy now.toml"));
    let back: Value = serde_json::from_str(&read(folder.path(), "diff.json")).expect("it is JSON");
    assert_eq!((&back["restricted"]["gained"], &back["restricted"]["lost"]), (lost, gained));
    let text = done(folder.path(), &format!("{line} now.toml --policy now.toml"));
    assert!(text.contains("gained by B         0") && text.contains("did not react to B"), "{text}");
    let same = run(folder.path(), &["replay", "e.ndjson", "--policy", "now.toml"]);
    assert!(same.code == 2 && same.stderr.contains("are the same"), "{}", same.stderr);
}

#[test]
fn a_replay_reproduces_a_log_bit_for_bit_and_a_what_if_leaves_the_deleted_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    done(
        folder,
        "simulate --accounts 200 --hours 24 --base-rate 0.1 --out e.ndjson --truth t.ndjson --seed 12",
    );
    // A log has more than events: here an activation and what a reviewer said, and somebody asks for deletion.
    let mut events: Vec<String> = read(folder, "e.ndjson").lines().map(str::to_owned).collect();
    let at = |line: &str| -> u64 {
        serde_json::from_str::<Value>(line).expect("an event")["ts"].as_u64().expect("a time")
    };
    let (middle, ts) = (events.len() / 2, at(&events[events.len() / 2]));
    let gone: Value = serde_json::from_str(&events[0]).expect("an event");
    let gone = gone["account"].as_str().expect("an account").to_owned();
    let internal = |id: &str, rest: &str| format!("{{\"id\":\"{id}\",\"ts\":{ts},{rest}}}");
    let activate = "\"kind\":\"activate\",\"account\":\"!control\",\"control\":\"c\",\"what\":\"policy\",\"name\":\"p\",\"version\":\"1\"";
    events.insert(middle, internal("k", activate));
    events.insert(middle, internal("d", &format!("\"kind\":\"deletion\",\"account\":\"{gone}\"")));
    let verdict = "\"kind\":\"verdict\",\"account\":\"somebody\",\"actor\":\"r\",\"verdict\":\"ban\"";
    events.insert(middle, internal("v", verdict));
    let _ = write(folder, "log.ndjson", (events.join("\n") + "\n").as_bytes());
    std::fs::create_dir_all(folder.join("versions/policy/p")).expect("a folder");
    let strict = "format = 1\nname = \"strict\"\n[[rule]]\nname = \"strict\"\nwhen = 'new_chats_1h >= 2'\naction = \"challenge\"\n";
    let _ = write(folder, "versions/policy/p/1.toml", strict.as_bytes());
    done(folder, "score log.ndjson --trust-internal --registry versions --out d.ndjson");
    let replay = "replay log.ndjson --recorded d.ndjson --json r.json";
    let text = done(folder, &format!("{replay} --facts log --registry versions"));
    assert!(text.contains("reproduced: all ") && text.contains("deleted accounts: 1, in it"), "{text}");
    // Rows to learn from are those of the versions that were in force.
    let export = "dataset export log.ndjson --trust-internal --truth t.ndjson --with-restricted --with-unlabelled --format csv --out rows";
    let refused = run(folder, &export.split(' ').collect::<Vec<_>>());
    assert!(refused.code == 2 && refused.stderr.contains("give --registry DIR"), "{}", refused.stderr);
    done(folder, &format!("{export} --registry versions"));
    done(folder, "score log.ndjson --trust-internal --registry versions --features f.ndjson --sample 0.05");
    let rows = table(&read(folder, "rows/rows.csv"));
    let exported: Vec<&str> = rows.iter().map(|row| row["event"].as_str()).collect();
    let decided: Vec<Value> = read(folder, "f.ndjson")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a row"))
        .filter(|row| row["account"] != *gone)
        .collect();
    let decided: Vec<&str> = decided.iter().map(|row| row["event"].as_str().expect("an id")).collect();
    assert_eq!(exported, decided);
    // As a what-if the activation is left out, so that what it caused is missing; and so is who was deleted.
    let text = done(folder, &format!("{replay} --trust-internal"));
    assert!(text.contains("not reproduced") && text.contains("deleted accounts: 1, left out"), "{text}");
    let found: Value = serde_json::from_str(&read(folder, "r.json")).expect("it is JSON");
    assert_eq!(
        (&found["deleted_accounts"], &found["recorded"]["is_same"]),
        (&1.into(), &false.into()),
        "{found}"
    );
    // One decision is changed: it is told, and the exit code says so.
    let decisions = read(folder, "d.ndjson").replacen("\"scope\":\"all\"", "\"scope\":\"lookups\"", 1);
    let _ = write(folder, "d.ndjson", decisions.as_bytes());
    let changed =
        run(folder, &format!("{replay} --facts log --registry versions").split(' ').collect::<Vec<_>>());
    assert!(changed.code == 1 && changed.stdout.contains("1 differ"), "{} {}", changed.code, changed.stdout);
    let refused = run(folder, &["replay", "log.ndjson", "--facts", "log", "--policy", "a", "--policy", "b"]);
    assert!(refused.code == 2 && refused.stderr.contains("on facts made anew"), "{}", refused.stderr);
}
