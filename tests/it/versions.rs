//! Activations in a log, replayed by the built binary out of a folder of versions.
//!
//! Separate from the engine's own tests: here the versions are files, and a name may be wrong.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use harness::weir::{read, run, write};
use schema::{Decision, RejectReason};

const START: u64 = 1_732_453_200_000;
const STRICT: &str = "format = 1\nname = \"strict\"\n[[rule]]\nname = \"strict\"\nwhen = 'new_chats_1h >= 2'\n\
                      action = \"challenge\"\nscope = \"new_chats\"\n";

/// Two strangers of each of four accounts; activations after the first, second and third.
fn log(first: &str) -> String {
    let mut lines = String::new();
    let activations = [
        format!(r#""control":"c1",{first}"#),
        r#""control":"c2","what":"kill","name":"enforcement","version":"on""#.to_owned(),
        r#""control":"c3","what":"kill","name":"enforcement","version":"off""#.to_owned(),
    ];
    for account in 0..4_u64 {
        for n in 0..2 {
            let ts = START + account * 60_000 + n * 1_000;
            writeln!(
                lines,
                r#"{{"id":"e{account}_{n}","ts":{ts},"kind":"message","account":"a{account}","peer":"p{n}","chat":"direct","first_contact":true}}"#
            )
            .expect("text grows");
        }
        if let Some(activation) = activations.get(account as usize) {
            let ts = START + account * 60_000 + 2_000;
            writeln!(
                lines,
                r#"{{"id":"k{account}","ts":{ts},"kind":"activate","account":"!control",{activation}}}"#
            )
            .expect("text grows");
        }
    }
    lines
}

/// Decisions as `mode account policy`, and reasons of rejects, of a run in `folder`.
fn score(folder: &Path, log: &str, out: &str) -> (Vec<String>, Vec<RejectReason>) {
    let events = write(folder, "events.ndjson", log.as_bytes());
    let arguments = ["score", &events, "--trust-internal", "--registry", ".", "--out", out, "--no-model"];
    let ran = run(folder, &[&arguments[..], &["--rejects", "r.ndjson", "--standing", "s.ndjson"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let word = |line: &str| {
        let decision: Decision = serde_json::from_str(line).expect("a decision");
        format!("{} {} {}", decision.mode, decision.account, decision.rule.unwrap_or_default())
    };
    let reason = |line: &str| serde_json::from_str::<schema::Reject>(line).expect("a reject").reason;
    let decisions = read(folder, out).lines().map(word).collect();
    (decisions, read(folder, "r.ndjson").lines().map(reason).collect())
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(folder.path().join("policy/strict")).expect("a temporary folder can be written");
    fs::write(folder.path().join("policy/strict/1.toml"), STRICT).expect("a new folder");
    folder
}

#[test]
fn a_log_with_activations_replays_to_the_same_bytes() {
    let folder = folder();
    let log = log(r#""what":"policy","name":"strict","version":"1""#);
    let (decisions, rejects) = score(folder.path(), &log, "d.ndjson");
    assert_eq!(decisions, ["enforce a1 strict", "shadow a2 strict", "enforce a3 strict"]);
    assert!(rejects.is_empty(), "{rejects:?}");
    let standing = read(folder.path(), "s.ndjson");
    assert_eq!(standing.lines().filter(|line| line.contains("!enforcement")).count(), 2);
    score(folder.path(), &log, "again.ndjson");
    assert_eq!(read(folder.path(), "d.ndjson"), read(folder.path(), "again.ndjson"));
}

#[test]
fn a_version_that_cannot_be_loaded_is_refused_and_nothing_else_is_lost() {
    let folder = folder();
    fs::write(folder.path().join("policy/strict/broken.toml"), "format = 1\nname = 7\n")
        .expect("a new folder");
    for (name, version) in [("strict", "2"), ("strict", "broken"), ("../policy/strict", "1")] {
        let log = log(&format!(r#""what":"policy","name":"{name}","version":"{version}""#));
        let (decisions, rejects) = score(folder.path(), &log, "d.ndjson");
        assert_eq!(rejects, [RejectReason::ArtifactMissing], "{name} {version}");
        assert_eq!(decisions, Vec::<String>::new(), "the policy before it is milder");
    }
}
