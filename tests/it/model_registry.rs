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
    // Measured on what it learned from: here only the gates are tested, not the model.
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
    done(folder, &format!("models promote candidate {bad} {on} --gates none.toml"));
    done(folder, "models rollback candidate --registry shelf --trust key.pub");
    assert!(done(folder, "models list --registry shelf").contains(&format!("{good} champion")));
    let shown = done(folder, &format!("models show candidate {good} --registry shelf --trust key.pub"));
    assert!(shown.contains("serves      yes") && shown.contains("rollback by operator"), "{shown}");
    let compared = done(folder, &format!("models diff {bad} candidate {good} {on}"));
    assert!(compared.contains("average precision"), "{compared}");
}

/// Whether `weir control` lets the version through with this key, and whether a log that names it puts it in force; `says`: why not.
#[track_caller]
fn activated(folder: &Path, version: &str, (key, says): (&str, &str)) {
    let of = format!("--registry shelf --trust {key}");
    let wanted =
        format!("control --url http://127.0.0.1:1 activate model --name candidate --version {version} {of}");
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
        let words =
            ["control", "--url", &at, "activate", "model", "--name", "candidate", "--version", version];
        let ran = run(folder, &words);
        assert_eq!(ran.code == 0, says.ends_with("is active"), "{} {}", ran.stdout, ran.stderr);
        assert!((ran.stdout + &ran.stderr).contains(says), "{says}");
    };
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
