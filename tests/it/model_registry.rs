//! `weir models`: signatures, gates, promotion and rollback, as a data scientist meets them.
//!
//! Separate from `learning`, which ends where a model is measured.

use std::fs;
use std::path::Path;

use harness::clock::now_ms;
use harness::up::Up;
use harness::weir::{Run, read, run, write};

fn weir(folder: &Path, line: &str) -> Run {
    run(folder, &line.split(' ').collect::<Vec<_>>())
}

fn done(folder: &Path, line: &str) -> String {
    let run = weir(folder, line);
    assert_eq!(run.code, 0, "{line}: {}", run.stderr);
    run.stdout
}

#[track_caller]
fn refused(folder: &Path, line: &str, says: &str) {
    let run = weir(folder, line);
    assert!(run.code == 2 && run.stderr.contains(says), "{line}: {} {}", run.code, run.stderr);
}

/// Rows out of a simulated town, a good model and one that looked at two columns only; gives their versions.
fn trained(folder: &Path) -> [String; 2] {
    let town = "simulate --accounts 500 --hours 48 --base-rate 0.08 --exempt x.txt --out e.ndjson --truth t.ndjson --seed 21";
    done(folder, town);
    done(folder, "dataset export e.ndjson --exempt x.txt --truth t.ndjson --out rows");
    let file = read(folder, "rows/train.toml");
    let blind =
        file.replace("leave_out = [", "columns = [\"messages_24h\", \"forwards_24h\"]\nleave_out = [");
    assert_ne!(file, blind);
    let _ = write(folder, "rows/blind.toml", blind.as_bytes());
    done(folder, "models keygen key");
    fs::create_dir(folder.join("shelf")).expect("a folder");
    ["train", "blind"].map(|config| {
        done(folder, &format!("train --config rows/{config}.toml --out {config}.json"));
        let added = done(folder, &format!("models add {config}.json --registry shelf --key key"));
        added.trim().strip_prefix("candidate ").expect("a name and a version").to_owned()
    })
}

#[test]
fn gates_let_the_good_pass_and_refuse_the_bad_and_a_rollback_goes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let [good, bad] = trained(folder);
    let listed = done(folder, "models list --registry shelf");
    assert!(listed.contains(&good) && listed.contains(&bad) && !listed.contains("champion"), "{listed}");
    let on = "--registry shelf --trust key.pub --config rows/train.toml --data rows/rows.csv";
    let _ = write(folder, "gates.toml", b"auc_min = 0.95\ncalibration_error_max = 0.2\n");
    // Measured on what it learned from, which is refused unless it is allowed: here only the gates are tested, not the model.
    refused(folder, &format!("models promote candidate {good} {on}"), "it learned from these very rows");
    let on = &format!("{on} --allow-training-data --champion none");
    refused(folder, &format!("models promote candidate {bad} {on} --gates gates.toml"), "AUC is");
    done(folder, &format!("models promote candidate {good} {on} --gates gates.toml"));
    let _ = write(folder, "lax.toml", b"auc_min = 0.1\ncalibration_error_max = 0.9\n");
    refused(
        folder,
        &format!("models promote candidate {bad} {on} --gates lax.toml"),
        "against the champion's",
    );
    done(folder, &format!("models shadow candidate {bad} --registry shelf --trust key.pub"));
    let listed = done(folder, "models list --registry shelf");
    assert!(
        listed.contains(&format!("{good} champion")) && listed.contains(&format!("{bad} shadow")),
        "{listed}"
    );
    let _ = write(
        folder,
        "none.toml",
        b"auc_min = 0.1\ncalibration_error_max = 0.9\naverage_precision_loss_max = 1.0\n",
    );
    // The second time, as if to put it in force somewhere else, is no step to go back to.
    for _ in 0..2 {
        done(folder, &format!("models promote candidate {bad} {on} --gates none.toml"));
    }
    done(folder, "models rollback candidate --registry shelf --trust key.pub");
    assert!(done(folder, "models list --registry shelf").contains(&format!("{good} champion")));
    // A share of accounts passes the same gates; from then on `weir control` may change it.
    let share = format!("models promote candidate {bad} {on} --share 0.05");
    refused(folder, &format!("{share} --gates gates.toml"), "AUC is");
    done(folder, &format!("{share} --gates none.toml"));
    let listed = done(folder, "models list --registry shelf");
    assert!(listed.contains(&format!("{bad} challenger")) && listed.contains(&format!("{good} champion")));
    let control = format!(
        "control --url http://127.0.0.1:1 activate model --name candidate --version {bad} --share 0.2 --registry shelf"
    );
    refused(folder, &control, "127.0.0.1:1");
    let shown = done(folder, &format!("models show candidate {good} --registry shelf --trust key.pub"));
    assert!(shown.contains("serves      yes") && shown.contains("rollback by operator"), "{shown}");
    let on = on.replace(" --allow-training-data --champion none", "");
    let compared = done(folder, &format!("models diff {bad} candidate {good} {on}"));
    assert!(compared.contains("average precision"), "{compared}");
}

/// A table of accounts with three features; abuse writes more. Every `alarms` in a thousand of country b's benign accounts look like it,
/// and every fifth of all others'; `forwards` is what an account forwards, up to.
fn accounts(folder: &Path, name: &str, (count, alarms, forwards): (u32, u32, u32)) {
    let mut text = "account,at,country,messages_24h,new_chats_24h,forwards_24h,label\n".to_owned();
    for n in 0..count {
        // Spread without a pattern, the same on every machine.
        let draw = |salt: u32, below: u32| {
            (n ^ salt).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(40_503) / 7 % below
        };
        let country = if n % 4 == 3 { "b" } else { "a" };
        let is_abusive = draw(1, 10) == 0;
        let is_loud = is_abusive || draw(2, 1_000) < if country == "b" { alarms } else { 5 };
        let messages = if is_loud { 30 + draw(3, 30) } else { draw(4, 33) };
        let (chats, label) = (draw(5, 9), if is_abusive { "abusive" } else { "benign" });
        text += &format!("a{n},{n},{country},{messages},{chats},{},{label}\n", draw(6, forwards));
    }
    let _ = write(folder, name, text.as_bytes());
}

/// Trains on the table with these lines, and puts it into the registry; gives the version.
fn added(folder: &Path, (name, data, more): (&str, &str, &str)) -> String {
    let file = format!(
        "format = 1\nname = \"{name}\"\n{more}\n[data]\nfile = \"learned.csv\"\nlabel = \"label\"\ngroup = \"account\"\ntime = \"at\"\n{data}\n\
         [learner]\nkind = \"boosting\"\ntrees = 20\nrate = 0.2\n[folds]\ncount = 2\n"
    );
    let _ = write(folder, &format!("{name}.toml"), file.as_bytes());
    done(folder, &format!("train --config {name}.toml --out {name}.json"));
    let added = done(folder, &format!("models add {name}.json --registry shelf --key key"));
    added.split_whitespace().last().expect("a name and a version").to_owned()
}

#[test]
fn one_version_decides_of_all_names_and_the_first_gives_way_to_what_is_built_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let [first, blind] = trained(folder);
    let on = "--registry shelf --trust key.pub --config rows/train.toml --data rows/rows.csv --allow-training-data";
    let lax = "auc_min = 0.1\ncalibration_error_max = 0.9\nscore_psi_max = 99.0\n";
    let _ = write(folder, "lax.toml", lax.as_bytes());
    let _ = write(folder, "none.toml", format!("{lax}average_precision_loss_max = 1.0\n").as_bytes());
    let _ = write(folder, "no_number.toml", b"auc_min = nan\n");
    refused(
        folder,
        &format!("models promote candidate {first} {on} --gates no_number.toml"),
        "no finite number",
    );
    // Before any was promoted the model that is built in decides.
    let worse = "against the champion's";
    refused(folder, &format!("models promote candidate {blind} {on} --gates lax.toml"), worse);
    done(folder, &format!("models promote candidate {first} {on} --gates none.toml"));
    // A name of its own is no way round.
    let other = read(folder, "rows/blind.toml").replace("name = \"candidate\"", "name = \"other\"");
    let _ = write(folder, "rows/other.toml", other.as_bytes());
    done(folder, "train --config rows/other.toml --out other.json");
    done(folder, "models add other.json --registry shelf --key key");
    refused(folder, &format!("models promote other latest {on} --gates lax.toml"), worse);
    done(folder, &format!("models promote other latest {on} --gates none.toml"));
    let champions = |name: &str| {
        let listed = done(folder, "models list --registry shelf");
        let lines: Vec<&str> = listed.lines().filter(|line| line.ends_with(" champion")).collect();
        lines.len() == 1 && lines[0].starts_with(&format!("{name} "))
    };
    assert!(champions("other"));
    let back = |name: &str| format!("models rollback {name} --registry shelf --trust key.pub");
    refused(folder, &back("candidate"), "candidate does not decide, other");
    done(folder, &back("other"));
    assert!(champions("candidate"));
    let told = weir(folder, &back("candidate"));
    assert!(told.code == 0 && told.stderr.contains("default "), "{}", told.stderr);
    assert!(!done(folder, "models list --registry shelf").contains("champion"));
    refused(folder, &back("candidate"), "no version of candidate decides");
    // Acts at the same time: none is lost.
    let shadow =
        |version: &str| format!("models shadow candidate {version} --registry shelf --trust key.pub");
    std::thread::scope(|scope| {
        for number in 0..12 {
            let line = shadow(if number % 2 == 0 { &first } else { &blind });
            scope.spawn(move || done(folder, &line));
        }
    });
    let kept = read(folder, "shelf/model/candidate/state.json");
    assert_eq!(kept.matches("\"shadow\"").count(), 12, "{kept}");
    assert_eq!(done(folder, "models list --registry shelf").matches(" shadow").count(), 1);
}

#[test]
fn each_gate_refuses_by_itself_on_the_command_line_and_drift_needs_no_label() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    accounts(folder, "learned.csv", (8_000, 5, 20));
    accounts(folder, "later.csv", (9_000, 5, 20));
    accounts(folder, "moved.csv", (9_000, 5, 60));
    accounts(folder, "unfair.csv", (44_000, 120, 20));
    done(folder, "models keygen key");
    let _ = write(folder, "wide.toml", b"calibration_error_max = 0.5\n");
    // Scores of who knows nothing lie close together, and cross an edge together.
    let _ = write(folder, "close.toml", b"score_psi_max = 9.0\n");
    for (name, data, more, on, says) in [
        (
            "blind",
            "columns = [\"new_chats_24h\"]",
            "",
            "later.csv --gates close.toml --serving later",
            "AUC is 0.",
        ),
        ("loud", "", "calibration = \"none\"\nclass_weight = 60.0", "later", "calibration error "),
        (
            "odd",
            "[data.derive]\nloudness = \"messages_24h / new_chats_24h\"",
            "",
            "later",
            "(catalogue mismatch)",
        ),
        ("good", "", "", "moved", "drift (PSI) of forwards_24h is"),
        ("good", "", "", "unfair.csv --gates wide.toml --serving later", "country b has 0."),
        ("good", "", "", "later.csv --serving moved", "drift (PSI) of forwards_24h is"),
    ] {
        let version = added(folder, (name, data, more));
        let of = format!(
            "models promote {name} {version} --registry shelf --trust key.pub --config {name}.toml --champion none"
        );
        let run = weir(folder, &format!("{of} --data {on}.csv"));
        // One gate, and no other.
        let told: Vec<&str> =
            run.stderr.lines().skip_while(|line| !line.contains("is not promoted")).collect();
        let is_alone = told.len() > 1 && told[1..].iter().all(|line| line.contains(says));
        assert!(run.code == 2 && is_alone, "{name} on {on}: {}", run.stderr);
        assert!(!done(folder, "models list --registry shelf").contains("champion"), "{name} on {on}");
    }
    done(
        folder,
        "models promote good latest --registry shelf --trust key.pub --config good.toml --data later.csv --champion none",
    );
    assert!(done(folder, "models list --registry shelf").contains("champion"));
    // Whom it treats unfairly depends on from which score somebody acts: under this policy, nobody.
    let strict =
        "format = 1\nname = \"strict\"\n[[band]]\nname = \"sure\"\nscore = 0.999\naction = \"challenge\"\n";
    let _ = write(folder, "strict.toml", strict.as_bytes());
    done(
        folder,
        "models promote good latest --registry shelf --trust key.pub --config good.toml --data unfair.csv --gates wide.toml --serving later.csv \
         --policy strict.toml",
    );
    // Before anybody has labelled anything: the same rows without their last column.
    let bare = |name: &str| {
        let text = read(folder, &format!("{name}.csv"));
        let cut = |line: &str| line.rsplit_once(',').map(|(rest, _)| format!("{rest}\n"));
        let _ = write(folder, "served.csv", text.lines().filter_map(cut).collect::<String>().as_bytes());
        done(folder, "evaluate --model good.json --data served.csv --unlabelled --json d.json --html d.html");
        serde_json::from_str::<serde_json::Value>(&read(folder, "d.json")).expect("it is JSON")
    };
    let same = bare("later");
    assert!(same["drift"][0]["psi"].as_f64() < Some(0.1) && same["score_psi"].as_f64() < Some(0.1), "{same}");
    let moved = bare("moved");
    assert_eq!(
        (&moved["drift"][0]["column"], &moved["moved_much"]),
        (&"forwards_24h".into(), &1.into()),
        "{moved}"
    );
    assert!(read(folder, "d.html").contains("PSI of the score"));
    refused(folder, "evaluate --model good.json --data served.csv", "Give --label");
}

/// Whether `weir control` lets the version through with this key, and whether a log that names it puts it in force; `says`: why not.
#[track_caller]
fn activated(folder: &Path, version: &str, (key, says): (&str, &str)) {
    let of = format!("--registry shelf --trust {key}");
    let wanted =
        format!("control --url http://127.0.0.1:1 activate model --name candidate --version {version} {of}");
    refused(folder, &wanted, "no gate is known to have let candidate");
    let wanted = format!("{wanted} --ungated");
    refused(folder, &wanted, if says.is_empty() { "127.0.0.1:1" } else { says });
    let event = format!(
        r#"{{"id":"k","ts":1732453200000,"kind":"activate","account":"!control","control":"c","what":"model","name":"candidate","version":"{version}"}}"#
    );
    let _ = write(folder, "log.ndjson", (event + "\n").as_bytes());
    done(folder, &format!("score log.ndjson --trust-internal {of} --out d.ndjson --rejects r.ndjson"));
    let rejects = read(folder, "r.ndjson");
    assert!(
        if says.is_empty() { rejects.is_empty() } else { rejects.contains("artifact_missing") },
        "{rejects}"
    );
}

#[test]
fn what_no_trusted_key_signed_or_somebody_changed_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let [good, bad] = trained(folder);
    done(folder, "models keygen other");
    let show =
        |version: &str, key: &str| format!("models show candidate {version} --registry shelf --trust {key}");
    refused(folder, &show(&good, "other.pub"), "which is not trusted");
    activated(folder, &good, ("other.pub", "which is not trusted"));
    activated(folder, &good, ("key.pub", ""));
    let path = folder.join(format!("shelf/model/candidate/{good}.json"));
    let changed = fs::read_to_string(&path).expect("the model").replace("\"seed\":1", "\"seed\":2");
    fs::write(&path, changed).expect("it can be written");
    refused(folder, &show(&good, "key.pub"), "does not prove it");
    activated(folder, &good, ("key.pub", "does not prove it"));
    let sig = |version: &str| folder.join(format!("shelf/model/candidate/{version}.sig"));
    fs::copy(sig(&bad), sig(&good)).expect("it can be copied");
    refused(folder, &show(&good, "key.pub"), "does not prove it");
    refused(folder, "models keygen key", "exists");
    refused(folder, "models show ../x 1 --registry shelf --trust key.pub", "letters, digits");
}

#[test]
fn a_server_that_trusts_a_key_puts_only_models_in_force_that_it_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let [good, bad] = trained(folder);
    done(folder, "models keygen other");
    fs::remove_file(folder.join(format!("shelf/model/candidate/{bad}.sig"))).expect("it was signed");
    let place = |file: &str| folder.join(file).display().to_string();
    let (shelf, key, other) = (place("shelf"), place("key.pub"), place("other.pub"));
    let start = |trusted: &str| {
        let environment = [("WEIR_DATA_REGISTRY", shelf.as_str()), ("WEIR_DATA_TRUST", trusted)];
        Up::start(&folder.join("data"), &environment)
    };
    let want = |up: &Up, version: &str, says: &str| {
        let at = format!("http://{}", up.address);
        let words = [
            "control",
            "--url",
            &at,
            "activate",
            "model",
            "--name",
            "candidate",
            "--version",
            version,
            "--ungated",
        ];
        let ran = run(folder, &words);
        assert_eq!(ran.code == 0, says.ends_with("is active"), "{} {}", ran.stdout, ran.stderr);
        assert!((ran.stdout + &ran.stderr).contains(says), "{says}");
    };
    // An archive without a label teaches no new trees anything.
    assert_eq!(start(&key).stop().0, 0);
    let _ = write(folder, "lax.toml", b"auc_min = 0.1\ncalibration_error_max = 0.9\n");
    let untaught = format!(
        "models promote candidate {good} --registry shelf --trust key.pub --config rows/train.toml --data rows/rows.csv --gates lax.toml \
         --allow-training-data --champion none --history data/history.db"
    );
    refused(folder, &untaught, "holds no label of its last 30 days");
    let up = start(&other);
    want(&up, &good, "which is not trusted");
    assert_eq!(up.stop().0, 0);
    let up = start(&key);
    want(&up, &bad, ".sig");
    want(&up, &good, &format!("candidate {good} is active"));
    up.kill();
    // It outlives the process.
    let up = start(&key);
    let event = format!(r#"{{"id":"e","ts":{},"kind":"session","account":"a"}}"#, now_ms());
    let asked = up.client().call("POST", "/v1/check?deadline_ms=10000", "", event.as_bytes());
    assert_eq!(asked.expect("it answers").status, 200);
    let shown = up.client().call("GET", "/v1/control", "", b"").expect("it answers").json();
    assert_eq!(shown["active"][0]["version"], good.as_str(), "{shown}");
    assert_eq!(up.stop().0, 0);
}
