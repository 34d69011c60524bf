//! Humans and a brigade at once: honest verdicts arrive while a crowd reports a third of the good accounts.
//!
//! Separate from `learn`, where either comes alone. The crowd is one that is believed: old accounts, each on a device of its own, to whom the account
//! had written first. Everything goes the way it would: events and reviews to rows, rows to weights, weights into the engine that scores.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use harness::weir::{read, write};
use serde_json::Value;

use super::{RESTRICTED, SEEN, SOURCE, done, drifted, figures, persona_of, rewrite};

const HOUR_MS: u64 = 3_600_000;

fn lines(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().map(|line| serde_json::from_str(line).expect("a line"))
}

fn time(line: &Value) -> u64 {
    line["ts"].as_u64().expect("a time")
}

/// Reports of a third of the good accounts, each by four accounts of the crowd, at some hour from the second day on.
fn brigade(truth: &str, start: u64) -> String {
    let mut reports = String::new();
    let good =
        (0_u64..).zip(lines(truth)).filter(|(number, truth)| number % 3 == 0 && truth["label"] == "benign");
    for (number, truth) in good {
        for peer in 0..4 {
            let ts = start + (40 + number * 37 % 72) * HOUR_MS + peer * 60_000;
            writeln!(
                reports,
                r#"{{"id":"b_{number}_{peer}","ts":{ts},"kind":"report","account":{},"peer":"crowd_{peer}","contact":"account","reason":"spam","peer_age_h":9000,"peer_device":"device_{peer}"}}"#,
                truth["account"]
            )
            .expect("a string takes it");
        }
    }
    reports
}

/// Rows, weights and figures of what was said about these events: humans tell the truth about every row, six hours late, but where four of
/// the crowd have spoken since.
fn learned(folder: &Path, name: &str) -> Value {
    let export =
        format!("dataset export {name}.ndjson --exempt later.x --truth later.t --no-model --with-restricted");
    done(folder, &format!("{export} --sample 0.2 --format csv --out {name}"));
    // As if nothing had been restricted, and without the abuse that the model knows: what is asked here is what labels teach.
    let personas = persona_of(folder, "later");
    let free = |account: &str, mut fields: Vec<String>| {
        fields[RESTRICTED] = "0".to_owned();
        (!SEEN.contains(&personas[account].as_str())).then_some(fields)
    };
    rewrite(folder, name, &format!("{name}.csv"), free);
    let learn = format!("learn {name}.csv --model base.json --delay-h 6 --out {name}.json");
    done(folder, &format!("{learn} --json l_{name}.json"));
    figures(folder, &format!("l_{name}.json"))
}

/// The weight of each leaf.
fn leaves(folder: &Path, name: &str) -> BTreeMap<(u64, u64), f64> {
    let weights = figures(folder, &format!("{name}.json"));
    let leaves = weights["leaves"].as_array().expect("leaves").iter();
    let number = |leaf: &Value, place: usize| leaf[place].as_u64().expect("a number");
    leaves.map(|leaf| ((number(leaf, 0), number(leaf, 1)), leaf[2].as_f64().expect("a weight"))).collect()
}

/// Most by which any row at all can differ between the two, in log-odds: it reaches one leaf of each tree.
fn apart(a: &BTreeMap<(u64, u64), f64>, b: &BTreeMap<(u64, u64), f64>) -> f64 {
    let mut most: BTreeMap<u64, f64> = BTreeMap::new();
    for leaf in a.keys().chain(b.keys()) {
        let of = |weights: &BTreeMap<(u64, u64), f64>| weights.get(leaf).copied().unwrap_or(0.0);
        let tree = most.entry(leaf.0).or_default();
        *tree = tree.max((of(a) - of(b)).abs());
    }
    most.values().sum()
}

/// Shares of the campaign's and of good accounts' rows in another town that score at least a half, with these weights in force.
fn served(folder: &Path, weights: Option<&str>) -> [f64; 2] {
    let checksum = figures(folder, "base.json")["checksum"].as_str().expect("a checksum")[..16].to_owned();
    let place = |what: &str, from: &str, to: &str| {
        std::fs::create_dir_all(folder.join("shelf").join(what)).expect("a folder");
        std::fs::copy(folder.join(from), folder.join(format!("shelf/{what}/{to}.json")))
            .expect("it is there");
    };
    place("model/candidate", "base.json", &checksum);
    let mut log = String::new();
    let mut activate = |what: &str, name: &str, version: &str| {
        log += &format!(
            "{{\"id\":\"c_{what}\",\"ts\":1762128000000,\"kind\":\"activate\",\"account\":\"!control-0\",\"control\":\"c_{what}\",\
             \"what\":\"{what}\",\"name\":\"{name}\",\"version\":\"{version}\"}}\n"
        );
    };
    activate("model", "candidate", &checksum);
    if let Some(name) = weights {
        place("weights/online", &format!("{name}.json"), name);
        activate("weights", "online", name);
    }
    let _ = write(folder, "served.ndjson", (log + &read(folder, "next.ndjson")).as_bytes());
    let score = "score served.ndjson --exempt next.x --trust-internal --registry shelf --strict --out d.ndjson --features f.ndjson --sample 0.2";
    done(folder, score);
    let truths: BTreeMap<String, Value> = lines(&read(folder, "next.t"))
        .map(|truth| (truth["account"].as_str().expect("a text").to_owned(), truth))
        .collect();
    let mut sums = [[0.0_f64; 2]; 2];
    for row in lines(&read(folder, "f.ndjson")) {
        let (Some(truth), Some(score)) =
            (truths.get(row["account"].as_str().unwrap_or_default()), row["score"].as_f64())
        else {
            continue;
        };
        let is_seen = SEEN.contains(&truth["persona"].as_str().expect("a text"));
        let began = truth["onset_ts"].as_u64().is_some_and(|onset| row["at"].as_u64() >= Some(onset));
        let side = match (truth["label"] == "abusive", is_seen || !began) {
            (true, true) => continue,
            (is_abusive, _) => usize::from(!is_abusive),
        };
        let weight = row["weight"].as_f64().expect("a weight");
        sums[side][0] += weight;
        sums[side][1] += if score >= 0.5 { weight } else { 0.0 };
    }
    sums.map(|[all, above]| above / all)
}

#[test]
fn recall_comes_back_while_a_brigade_that_is_believed_reports_a_third_of_the_good() {
    let shared = drifted();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for name in ["base.json", "later.ndjson", "later.x", "later.t"] {
        std::fs::copy(shared.join(name), folder.join(name)).expect("it is there");
    }
    let simulate = "simulate --accounts 400 --hours 48 --base-rate 0.15 --seed 8";
    done(folder, &format!("{simulate} --exempt next.x --out next.ndjson --truth next.t"));
    let events: Vec<Value> = lines(&read(folder, "later.ndjson")).collect();
    let reports = brigade(&read(folder, "later.t"), time(&events[0]));
    let mut besieged: Vec<Value> = events.iter().cloned().chain(lines(&reports)).collect();
    besieged.sort_by_key(time);
    let besieged: String = besieged.iter().map(|event| format!("{event}\n")).collect();
    let _ = write(folder, "besieged.ndjson", besieged.as_bytes());
    let alone = learned(folder, "later");
    let both = learned(folder, "besieged");
    // The brigade is heard, but says more than its share.
    let by_reports = |name: &str| {
        let table = read(folder, &format!("{name}.csv"));
        table.lines().filter(|line| line.split(',').nth(SOURCE) == Some("reports")).count()
    };
    let [before, with] = ["later", "besieged"].map(by_reports);
    let unheard = |found: &Value| found["labels"]["reports_past_their_share"].as_u64().expect("a number");
    let (taught, ignored) = (&both["labels"]["learned_from"], unheard(&both));
    assert!(with > before + 1_000 && ignored > unheard(&alone), "{before} {with} {ignored}");
    let bound = apart(&leaves(folder, "later"), &leaves(folder, "besieged"));
    let [trained, honest, mixed] = [None, Some("later"), Some("besieged")].map(|name| served(folder, name));
    println!(
        "{before} rows labelled by reports, {with} with the brigade; {taught} labels learned from, {ignored} past their share; \
         no row differs by more than {bound:.2} log-odds\n\
         another town, caught / good above 0.5: as trained {:.1} % / {:.2} %, humans alone {:.1} % / {:.2} %, with the brigade {:.1} % / {:.2} %",
        100.0 * trained[0],
        100.0 * trained[1],
        100.0 * honest[0],
        100.0 * honest[1],
        100.0 * mixed[0],
        100.0 * mixed[1]
    );
    assert!(
        mixed[0] > trained[0] + 0.3 && (mixed[0] - honest[0]).abs() < 0.1,
        "{trained:?} {honest:?} {mixed:?}"
    );
    assert!(mixed[1] < honest[1] + 0.01, "{honest:?} {mixed:?}");
    assert!(bound < 3.0, "{bound}");
}
