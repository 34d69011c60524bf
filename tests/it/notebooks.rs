//! The notebooks, run headless with the real binary.
//!
//! Separate from the commands' own tests. Invariant that is tested here: each runs from its first cell to its last, its own checks hold,
//! and it draws the picture that it shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{python, weir, workspace};
use serde_json::Value;

/// Benign accounts of the towns: enough that every check holds.
const ACCOUNTS: &str = "1500";

/// An environment with what `notebooks/requirements.txt` says.
fn jupyter() -> PathBuf {
    let text = fs::read_to_string(workspace::file("notebooks/requirements.txt")).expect("it is there");
    let packages: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    python::with("notebooks", &packages).with_file_name("jupyter")
}

/// Runs a copy; returns its code cells with what they gave.
fn executed(name: &str) -> (tempfile::TempDir, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("{name}.ipynb");
    fs::copy(workspace::file("notebooks").join(&file), folder.path().join(&file)).expect("it is there");
    fs::create_dir(folder.path().join("pictures")).expect("a folder");
    let output = Command::new(jupyter())
        .args(["execute", "--inplace", "--timeout=300", &file])
        .current_dir(folder.path())
        .env("WEIR", weir::binary())
        .env("WEIR_ACCOUNTS", ACCOUNTS)
        .env("MPLBACKEND", "agg")
        .envs(["IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"].map(|name| (name, folder.path())))
        .output()
        .expect("jupyter starts");
    assert!(output.status.success(), "{name}:\n{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(folder.path().join(&file)).expect("it is there");
    (folder, serde_json::from_str(&text).expect("a notebook is JSON"))
}

/// What the last cell says, as Python prints it.
fn last(notebook: &Value) -> String {
    let cells = notebook["cells"].as_array().expect("cells");
    let lines = cells.last().expect("there are cells")["outputs"][0]["data"]["text/plain"].as_array();
    lines.expect("a result").iter().filter_map(Value::as_str).collect()
}

#[track_caller]
fn check(name: &str, says: &[&str]) {
    let (folder, notebook) = executed(name);
    let result = last(&notebook);
    for word in says {
        assert!(result.contains(word), "{name}: no {word} in {result}");
    }
    let picture = fs::metadata(folder.path().join(format!("pictures/{name}.png"))).expect("it is drawn");
    assert!((5_000..200_000).contains(&picture.len()), "{} bytes", picture.len());
}

#[test]
fn exploring_finds_features_that_separate() {
    check("explore", &["'features': 1", "'best_auc': 0."]);
}

#[test]
fn a_model_ranks_people_it_has_not_seen() {
    check("train", &["'auc_other_town': 0.9", "'threshold': 0."]);
}

#[test]
fn a_campaign_is_found_from_its_first_members() {
    check("campaign", &["'groups':", "'largest':"]);
}

#[test]
fn drift_names_the_features_of_the_field_that_is_gone() {
    check("drift", &["'most_moved': 'stranger_"]);
}

#[test]
fn labels_bring_back_what_a_model_misses() {
    check("learning", &["'with_labels': 0."]);
}

#[test]
fn notebooks_are_committed_without_outputs_and_show_their_picture() {
    for name in ["explore", "train", "campaign", "drift", "learning"] {
        let path = workspace::file("notebooks").join(format!("{name}.ipynb"));
        let notebook: Value = serde_json::from_str(&fs::read_to_string(&path).expect("it is there"))
            .expect("a notebook is JSON");
        for cell in notebook["cells"].as_array().expect("cells") {
            let is_empty = cell["outputs"].as_array().is_none_or(Vec::is_empty);
            assert!(is_empty, "{name}: commit it without outputs");
        }
        let first = notebook["cells"][0]["source"].to_string();
        let picture = format!("pictures/{name}.png");
        assert!(first.contains(&picture), "{name} does not show {picture}");
        assert!(
            Path::new(&workspace::file("notebooks")).join(picture).exists(),
            "{name}: its picture is not there"
        );
    }
}
