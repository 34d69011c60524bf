//! The built binary at its edges: help, exit codes, bad files.
//!
//! Separate from the end-to-end runs, which need data. Invariant: no bad file makes it panic; every error names the file.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn weir(args: &[&str]) -> Ran {
    fed(args, b"")
}

fn fed(args: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built by cargo");
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().expect("piped above").write_all(input);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it was started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("weir writes UTF-8");
    let ran = Ran { code: status.code(), out: text(stdout), err: text(stderr) };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

/// A command that is refused: exit code 2, and the error says this.
fn refused(args: &[&str], says: &[&str]) {
    let ran = weir(args);
    assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
    for part in says {
        assert!(ran.err.contains(part), "{args:?}: {:?} does not say {part:?}", ran.err);
    }
    assert_eq!(ran.out, "");
}

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        "score",
        "simulate",
        "judge",
        "train",
        "evaluate",
        "dataset",
        "replay",
        "models",
        "import",
        "blocklist",
        "check-config",
        "features",
        "completions",
        "man",
    ] {
        let ran = weir(&[command, "--help"]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.out.contains("Examples:\n  weir "), "{command}: {}", ran.out);
    }
}

#[test]
fn the_version_names_the_feature_catalogue() {
    let ran = weir(&["--version"]);
    assert!(ran.out.starts_with("weir ") && ran.out.contains("(features "), "{}", ran.out);
}

#[test]
fn no_command_and_an_unknown_option_are_usage_errors() {
    refused(&[], &["Usage: weir <COMMAND>"]);
    refused(&["score", "--no-such-option"], &["unexpected argument '--no-such-option'"]);
}

#[test]
fn files_that_are_missing_are_named() {
    refused(&["score", "no/such.ndjson"], &["cannot open no/such.ndjson"]);
    refused(&["score", "-", "--policy", "no/such.toml"], &["cannot open no/such.toml"]);
    refused(&["score", "-", "--model", "no/such.json"], &["cannot open no/such.json"]);
    refused(&["score", "-", "--out", "no/such/out.ndjson"], &["cannot create no/such/out.ndjson"]);
    refused(&["blocklist", "inspect", "no/such"], &["cannot open no/such"]);
}

#[test]
fn a_manifest_is_neither_model_nor_policy_nor_blocklist() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    refused(&["score", "-", "--model", manifest], &[manifest]);
    refused(&["score", "-", "--policy", manifest], &[manifest]);
    refused(&["score", "-", "--blocklist", manifest], &[manifest, "weir blocklist build"]);
    refused(&["check-config", manifest], &[manifest]);
}

#[test]
fn a_simulation_out_of_range_is_refused() {
    let files = ["--out", "/dev/null", "--truth", "/dev/null"];
    refused(&[&["simulate", "--hours", "-1"], &files[..]].concat(), &["hours"]);
    refused(&[&["simulate", "--accounts", "0"], &files[..]].concat(), &["0 accounts"]);
    refused(&[&["simulate", "--without", "shoe_size"], &files[..]].concat(), &["shoe_size"]);
}

#[test]
fn no_output_is_an_input_or_another_output() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (file, new) = (path("x"), path("new"));
    let spelled =
        format!("{}/../{}/x", folder.path().display(), folder.path().file_name().unwrap().display());
    std::fs::write(&file, "kind,value\naccount,a\n").expect("it can be written");
    let same = &["is the same file as", file.as_str()];
    refused(&["score", &file, "--out", &spelled], same);
    refused(&["score", &file, "--standing", &file], same);
    refused(&["score", "-", "--policy", &file, "--out", &file], same);
    refused(&["blocklist", "build", &file, "--name", "n", "--out", &file], same);
    refused(&["judge", "--events", "-", "--decisions", "-", "--truth", &file, "--html", &file], same);
    refused(&["import", "collegemsg", &file, "--out", &file], same);
    refused(&["simulate", "--out", &new, "--truth", &new], &["--truth", "is the same file as --out"]);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "kind,value\naccount,a\n");
    assert!(!folder.path().join("new").exists());
}

#[test]
fn the_default_policy_is_fine() {
    let policy = weir(&["check-config", "--print-default"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, &policy.out).expect("it can be written");
    let ran = weir(&["check-config", &file.to_string_lossy()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.ends_with(": fine\n"), "{}", ran.out);
}

#[test]
fn an_empty_input_is_fine() {
    let ran = fed(&["score", "-"], b"");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);
    assert!(ran.err.contains("events          0 of 0 lines"), "{}", ran.err);
}

#[test]
fn rejects_are_counted_and_strict_makes_them_count() {
    let lines = b"{\n{\"id\":\"e1\",\"ts\":1762128000000,\"kind\":\"dance\",\"account\":\"a\"}\nnull\n\xff\n";
    let ran = fed(&["score", "-"], lines);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("rejects         3: 1 not_utf8, 2 malformed"), "{}", ran.err);
    assert!(ran.err.contains("1 of unknown kind"), "{}", ran.err);
    assert_eq!(fed(&["score", "-", "--strict"], lines).code, Some(1));
}

#[test]
fn internal_kinds_are_forged_in_a_file_unless_trusted() {
    let line =
        br#"{"id":"v1","ts":1762128000000,"kind":"verdict","account":"a","verdict":"lift","actor":"r"}"#;
    assert!(fed(&["score", "-"], line).err.contains("1 forged_internal"));
    assert!(fed(&["score", "-", "--trust-internal"], line).err.contains("rejects         none"));
}

#[test]
fn completions_and_manual_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(weir(&["completions", shell]).out.contains("check-config"), "{shell}");
    }
    assert!(weir(&["man"]).out.contains("check\\-config"));
}

#[test]
fn shares_and_numbers_out_of_range_are_usage_errors() {
    refused(&["score", "/dev/null", "--features", "/dev/null", "--sample", "7"], &["from 0 to 1"]);
    refused(&["score", "/dev/null", "--features", "/dev/null", "--sample", "nan"], &["from 0 to 1"]);
    refused(&["score", "/dev/null", "--accounts-max", "0"], &["at least 1"]);
}

#[test]
fn the_summary_names_the_first_reject_of_each_reason_and_unknown_kinds() {
    let lines = b"{}\n[]\n{\"kind\":\"wave\"}\n{\"kind\":\"ping\"}\n{\"kind\":\"wave\"}\nx\n";
    let ran = fed(&["score", "-"], lines);
    assert!(ran.err.contains("first missing_field: -, line 1: kind: absent"), "{}", ran.err);
    assert!(ran.err.contains("first malformed: -, line 2: not a JSON object"), "{}", ran.err);
    assert!(ran.err.contains("3 of unknown kind (wave, ping)"), "{}", ran.err);
}

#[test]
fn a_truncated_compressed_input_is_told() {
    // The head of a gzip file, and no more.
    let ran = fed(&["score", "-"], b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03");
    assert!(ran.err.contains("error: -, line 1: the compressed data breaks"), "{}", ran.err);
    assert!(ran.err.contains("1 corrupt_input"), "{}", ran.err);
}

#[test]
fn numbers_that_no_model_can_have_are_refused_before_the_work() {
    refused(&["train", "--out", "/dev/null", "--depth", "9"], &["--depth 9 is not between 1 and 8"]);
    refused(&["train", "--out", "/dev/null", "--trees", "0"], &["--trees 0"]);
    refused(&["train", "--out", "/dev/null", "--ridge", "nan"], &["--ridge NaN"]);
}

#[test]
fn a_truth_of_another_run_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder was just made");
        path.to_str().expect("the path is text").to_owned()
    };
    let line = r#"{"id":"e1","ts":1762128000000,"kind":"deletion","account":"a"}"#;
    let events = write("e.ndjson", line);
    let decisions = write("d.ndjson", "");
    let truth = write("t.ndjson", r#"{"account":"b","label":"benign","persona":"p"}"#);
    let args = ["judge", "--events", &events, "--truth", &truth, "--decisions", &decisions];
    refused(&args, &["t.ndjson: none of the events is of an account in it"]);
}

#[test]
fn fields_that_can_be_left_out_are_listed() {
    let ran = weir(&["simulate", "--help"]);
    assert!(ran.out.contains("Fields for --without:\n  age_h idle_h first_contact"), "{}", ran.out);
}

#[test]
fn a_blocklist_is_asked_in_any_spelling_and_for_now() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = |name: &str| folder.path().join(name).to_str().expect("the path is text").to_owned();
    let (source, list) = (path("l.csv"), path("l.blocklist"));
    std::fs::write(&source, "kind,value,expires\nasn,64512,\ndevice,d,1000000000001\n")
        .expect("a new folder");
    assert_eq!(weir(&["blocklist", "build", "--name", "l", &source, "--out", &list]).code, Some(0));
    assert!(weir(&["blocklist", "check", &list, "asn", "AS64512"]).out.contains("\"value\":\"64512\""));
    assert!(
        weir(&["blocklist", "check", &list, "device", "d"]).out.starts_with("not listed"),
        "it has ended"
    );
    assert!(
        weir(&["blocklist", "check", &list, "device", "d", "--at", "1000000000000"]).out.contains("\"d\"")
    );
}
