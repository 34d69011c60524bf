//! `weir learn` on a campaign that the model has never seen, and under a brigade of reports.
//!
//! Separate from `learning`, which is about training. The base model learns from a town with two kinds of abuse; then the others come.

mod brigade;
mod taken_back;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use harness::clock::{now, now_ms};
use harness::up::Up;
use harness::weir::{binary, read, run, write};
use serde_json::{Value, json};
use tempfile::TempDir;

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

/// A base model that has seen two kinds, and the rows of a later town with the others, none of them left out. Made once.
fn drifted() -> PathBuf {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        make(folder.path());
        folder
    });
    made.path().to_owned()
}

fn make(folder: &Path) {
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
    let folder = drifted();
    let folder = folder.as_path();
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
    // What a decision names leads back to what decided.
    for decided in &models {
        let found = done(folder, &format!("models find {decided} --registry shelf"));
        assert_eq!(found, format!("candidate {base} with weights online 1\n"));
    }
    assert_eq!(done(folder, &format!("models find {base} --registry shelf")), format!("candidate {base}\n"));
    let nothing = run(folder, &["models", "find", "0123456789abcdef", "--registry", "shelf"]);
    assert!(nothing.code == 2 && nothing.stderr.contains("is no model in shelf"), "{}", nothing.stderr);
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
    let folder = drifted();
    let folder = folder.as_path();
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

/// A running `weir learn --follow`, killed with its test.
struct Learner(Child);

impl Drop for Learner {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Learner {
    fn start(folder: &Path, url: &str) -> Learner {
        let line = format!(
            "learn --follow --history data/history.db --model base.json --state follow.json --registry data/registry \
             --every 1 --settle 0 --frozen-by frozen --metrics 127.0.0.1:0 --url {url}"
        );
        let mut command = Command::new(binary());
        command.args(line.split_whitespace()).current_dir(folder).stdin(Stdio::null());
        command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("follow.log")).expect("a file"));
        Learner(command.spawn().expect("the binary was just built"))
    }

    /// Asks it to end, as a system does.
    fn stop(mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(asked.expect("kill is there").success());
        assert_eq!(self.0.wait().expect("it was started").code(), Some(0));
    }
}

/// What it logged since it was started, once `says` is in it.
#[track_caller]
fn logged(folder: &Path, says: &str) -> String {
    let begun = now();
    loop {
        let log = read(folder, "follow.log");
        if log.contains(says) {
            return log;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{says:?} is not in {log}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn labels_that_arrive_while_it_serves_are_learned_from_until_it_is_asked_to_end() {
    let shared = drifted();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::copy(shared.join("base.json"), folder.join("base.json")).expect("it is there");
    // Nothing is enforced, so that no row is left out.
    let policy = "format = 1\nname = \"quiet\"\n[[band]]\nname = \"high\"\nscore = 0.5\naction = \"challenge\"\nmode = \"shadow\"\n";
    let policy = write(folder, "quiet.toml", policy.as_bytes());
    let model = folder.join("base.json").to_string_lossy().into_owned();
    let environment = [
        ("WEIR_ENGINE_POLICY", policy.as_str()),
        ("WEIR_ENGINE_MODEL", &model),
        ("WEIR_HISTORY_ROWS_SHARE", "0.2"),
    ];
    let server = Up::start(&folder.join("data"), &environment);
    let url = format!("http://{}", server.address);
    let mut client = server.client();
    let mut post = |path: &str, lines: &[String]| {
        let answer = client.call("POST", path, "", lines.join("\n").as_bytes()).expect("it answers");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    };
    let events: Vec<String> = read(&shared, "later.ndjson").lines().map(str::to_owned).collect();
    events.chunks(2_000).for_each(|part| post("/v1/events", part));
    let learner = Learner::start(folder, &url);
    logged(folder, "labels were learned from");
    // People say what they know; some seconds later it is in force.
    let _ = write(folder, "frozen", b"");
    let said: Vec<String> = read(&shared, "later.t")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a truth"))
        .map(|truth| {
            let account = truth["account"].as_str().expect("a text").to_owned();
            json!({"id": format!("r_{account}"), "case": format!("k_{account}"), "account": account, "at": now_ms(), "actor": "api",
                "act": "label", "label": truth["label"], "shown": []})
            .to_string()
        })
        .collect();
    said.chunks(2_000).for_each(|part| post("/v1/reviews", part));
    std::thread::sleep(Duration::from_secs(3));
    assert!(!read(folder, "follow.log").contains("put in force"), "it is frozen");
    std::fs::remove_file(folder.join("frozen")).expect("it is there");
    let log = logged(folder, "weights are put in force");
    let shown: Value =
        serde_json::from_str(&done(folder, &format!("control --url {url} show"))).expect("it is JSON");
    let active = shown["active"].as_array().expect("versions");
    let weights = active.iter().find(|one| one["kind"] == "weights" && one["name"] == "online");
    let version = weights.and_then(|one| one["version"].as_str()).unwrap_or_else(|| panic!("{shown}"));
    put_again(folder, &url, (&mut client, version));
    // What it shows: the log says where.
    let address = log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["message"] == "metrics are served").then(|| line["address"].as_str().map(str::to_owned))?
    });
    let mut shows = harness::http::Client::connect(&address.expect("an address")).expect("it listens");
    let metrics = shows.call("GET", "/metrics", "", b"").expect("it answers");
    let metrics = String::from_utf8(metrics.body).expect("text");
    assert!(
        metrics.contains("weir_learn_in_force 1") && metrics.contains("weir_learn_frozen 0"),
        "{metrics}"
    );
    assert!(!metrics.contains("weir_learn_labels_total{outcome=\"learned\"} 0"), "{metrics}");
    let ready = shows.call("GET", "/readyz", "", b"").expect("it answers");
    assert_eq!(ready.status, 200, "{log}");
    learner.stop();
    // A start goes on from there: nothing is learned twice, nor put in force again.
    let learner = Learner::start(folder, &url);
    let log = logged(folder, "labels were learned from");
    assert!(log.contains("\"taught\":0") && !log.contains("put in force"), "{log}");
    learner.stop();
    let state: Value = serde_json::from_str(&read(folder, "follow.json")).expect("it is JSON");
    assert_eq!(state["in_force"], *version, "{state}");
    taken_back::labels_that_are_undone_teach_no_longer(folder, &shared, &mut client);
    new_trees_learn_first(folder, &shared, &url);
}

/// Weights that are no longer in force, whoever took them out, are put in force again once rows say so.
fn put_again(folder: &Path, url: &str, (client, version): (&mut harness::http::Client, &str)) {
    done(folder, &format!("control --url {url} activate weights --name online --version none"));
    let ts = now_ms();
    let session = |n: u32| format!(r#"{{"id":"s{n}","ts":{ts},"kind":"session","account":"again{n}"}}"#);
    let lines: Vec<String> = (0..300).map(session).collect();
    let answer = client.call("POST", "/v1/events", "", lines.join("\n").as_bytes()).expect("it answers");
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    logged(folder, "are put in force again");
    let begun = now();
    while !done(folder, &format!("control --url {url} show")).contains(version) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the weights are not in force again");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Other trees are promoted while weights of the present ones are in force: they learn from all stored labels before they decide.
fn new_trees_learn_first(folder: &Path, shared: &Path, url: &str) {
    let config = read(shared, "before/train.toml").replace("seed = 1", "seed = 3");
    let rows = shared.join("before/seen.csv");
    let config = config.replace("seen.csv", &rows.to_string_lossy());
    let _ = write(folder, "other.toml", config.as_bytes());
    let _ = write(
        folder,
        "lax.toml",
        b"auc_min = 0.0\ncalibration_error_max = 1.0\naverage_precision_loss_max = 1.0\npsi_max = 99.0\nscore_psi_max = 99.0\n",
    );
    done(folder, "train --config other.toml --out other.json");
    done(folder, "models keygen key");
    let add = |file: &str| done(folder, &format!("models add {file} --registry data/registry --key key"));
    let [base, other] = ["base.json", "other.json"].map(add);
    let version = |added: &str| added.split_whitespace().last().expect("a name and a version").to_owned();
    let promote = |version: &str, more: &str| {
        let line = format!(
            "models promote candidate {version} --registry data/registry --trust key.pub --config other.toml --data {} --gates lax.toml --allow-training-data --champion none{more}",
            rows.display()
        );
        run(folder, &line.split(' ').collect::<Vec<_>>())
    };
    let noted = promote(&version(&base), "");
    assert_eq!(noted.code, 0, "{}", noted.stderr);
    let told = format!(" --url {url}");
    let refused = promote(&version(&other), &told);
    assert!(refused.code == 2 && refused.stderr.contains("labels have taught"), "{}", refused.stderr);
    let of = |kind: &str| {
        let shown: Value =
            serde_json::from_str(&done(folder, &format!("control --url {url} show"))).expect("it is JSON");
        let active = shown["active"].as_array().expect("versions");
        let found = active.iter().find(|one| one["kind"] == kind);
        found
            .and_then(|one| one["version"].as_str())
            .unwrap_or_else(|| panic!("no {kind}: {shown}"))
            .to_owned()
    };
    let learned = of("weights");
    let promoted = promote(&version(&other), &format!("{told} --history data/history.db --key key"));
    assert_eq!(promoted.code, 0, "{}", promoted.stderr);
    assert_eq!(of("model"), version(&other));
    let weights = read(folder, &format!("data/registry/weights/online/{}.json", of("weights")));
    assert!(weights.contains(&version(&other)), "the weights in force are of other trees");
    // Back to the trees of before, with what labels had taught them.
    done(folder, &format!("models rollback candidate --registry data/registry --trust key.pub{told}"));
    assert_eq!((of("model"), of("weights")), (version(&base), learned));
}
