//! The golden corpus of the contract, put through the built binary: what decoders promise must hold from end to end.
//!
//! Separate from the schema's own tests, which never see a line break or a file.

use std::collections::BTreeSet;

use harness::weir::{read, run, write};
use harness::workspace;
use schema::{Reject, RejectReason};

fn golden(name: &str) -> String {
    std::fs::read_to_string(workspace::file(&format!("schema/golden/{name}"))).expect(name)
}

#[test]
fn every_golden_event_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let events = write(folder.path(), "events.ndjson", golden("events.ndjson").as_bytes());
    // The versions that the golden activations name.
    std::fs::create_dir_all(folder.path().join("policy/default")).unwrap();
    let policy = workspace::file("scorer/policies/default.toml");
    std::fs::copy(policy, folder.path().join("policy/default/2024-11-24.toml")).unwrap();
    std::fs::create_dir_all(folder.path().join("model/next")).unwrap();
    let model = workspace::file("models/default/model.json");
    std::fs::copy(model, folder.path().join("model/next/7.json")).unwrap();
    std::fs::create_dir_all(folder.path().join("exempt/staff")).unwrap();
    // The sample names its digest.
    std::fs::write(folder.path().join("exempt/staff/1.txt"), "a_staff\n").unwrap();
    let run = run(
        folder.path(),
        &[
            "score",
            &events,
            "--trust-internal",
            "--registry",
            ".",
            "--rejects",
            "rejects.ndjson",
            "--out",
            "d.ndjson",
            "--strict",
        ],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(read(folder.path(), "rejects.ndjson"), "");
}

#[test]
fn internal_kinds_from_a_file_are_forged_unless_they_are_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let events = write(folder.path(), "events.ndjson", golden("events.ndjson").as_bytes());
    let run = run(folder.path(), &["score", &events, "--rejects", "rejects.ndjson", "--out", "d.ndjson"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rejects = rejects(&read(folder.path(), "rejects.ndjson"));
    let internal = golden("events.ndjson")
        .lines()
        .filter(|line| {
            ["entity", "verdict", "activate", "proposal"]
                .iter()
                .any(|kind| line.contains(&format!("\"kind\":\"{kind}\"")))
        })
        .count();
    assert_eq!(rejects.len(), internal);
    assert!(rejects.iter().all(|reject| reject.reason == RejectReason::ForgedInternal));
}

#[test]
fn every_golden_refusal_becomes_a_reject_with_its_reason_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let golden = golden("refused.txt");
    // A blank line is no record.
    let cases: Vec<(&str, &str)> = golden
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| (line.split('\t').next().unwrap(), line.splitn(3, '\t').nth(2).unwrap()))
        .filter(|(_, input)| !input.is_empty())
        .collect();
    let input: Vec<&str> = cases.iter().map(|(_, input)| *input).collect();
    let _ = write(folder.path(), "bad.ndjson", input.join("\n").as_bytes());
    let run = run(folder.path(), &["score", "bad.ndjson", "--rejects", "rejects.ndjson", "--strict"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let rejects = rejects(&read(folder.path(), "rejects.ndjson"));
    assert_eq!(rejects.len(), cases.len());
    for (place, (reject, (reason, input))) in rejects.iter().zip(&cases).enumerate() {
        assert_eq!(reject.reason.word(), *reason, "{input}");
        assert_eq!(reject.offset, place as u64 + 1, "{input}");
        assert_eq!(reject.source, "bad.ndjson", "{input}");
    }
    let reasons: BTreeSet<&str> = cases.iter().map(|(reason, _)| *reason).collect();
    for reason in reasons {
        assert!(run.stderr.contains(reason), "the summary does not count {reason}:\n{}", run.stderr);
    }
}

fn rejects(text: &str) -> Vec<Reject> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}
