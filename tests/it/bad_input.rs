//! Bad input of every kind through the built binary: a counted reject or a clear error, and nothing else is lost.
//!
//! Separate from the contract's refusals: here are files, frames and arguments. Exit codes: 0 done, 1 rejects under
//! `--strict`, 2 usage, file or configuration.

use std::io::Write;
use std::path::Path;

use harness::weir::{Run, read, run, write};
use schema::{Reject, RejectReason};

use crate::world::world;

/// An event that is always good.
fn good(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","ts":1732453200456,"kind":"message","account":"a_1","peer":"a_2","chat":"direct"}}"#
    )
}

fn score(folder: &Path, file: &str) -> Run {
    run(folder, &["score", file, "--rejects", "rejects.ndjson", "--strict"])
}

fn reasons(folder: &Path) -> Vec<RejectReason> {
    let read = |line| serde_json::from_str::<Reject>(line).expect(line).reason;
    read_rejects(folder).lines().map(read).collect()
}

fn read_rejects(folder: &Path) -> String {
    read(folder, "rejects.ndjson")
}

/// The file between two good events: exactly `wanted` is refused, and the good ones are taken.
#[track_caller]
fn check(bad: &[u8], wanted: &[RejectReason]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = [good("e_1").as_bytes(), b"\n", bad, b"\n", good("e_2").as_bytes(), b"\n"].concat();
    let file = write(folder.path(), "events.ndjson", &bytes);
    let run = score(folder.path(), &file);
    assert_eq!(reasons(folder.path()), wanted, "{}", run.stderr);
    assert_eq!(run.code, i32::from(!wanted.is_empty()), "{}", run.stderr);
    let events: String = run.stderr.lines().filter(|line| line.starts_with("events ")).collect();
    assert!(events.split_whitespace().nth(1) == Some("2"), "not both good events were taken: {events}");
}

/// The arguments are refused with exit code 2, and the error says each of `says`.
#[track_caller]
fn check_error(folder: &Path, arguments: &[&str], says: &[&str]) {
    let run = run(folder, arguments);
    assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
    for word in says {
        assert!(run.stderr.contains(word), "{arguments:?} does not say {word:?}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

#[test]
fn a_truncated_line_is_refused() {
    check(&good("e_x").as_bytes()[..50], &[RejectReason::Malformed]);
}

#[test]
fn a_wrong_type_is_refused() {
    check(good("e_x").replace("1732453200456", "\"today\"").as_bytes(), &[RejectReason::WrongType]);
}

#[test]
fn an_absurd_time_is_refused() {
    check(good("e_x").replace("1732453200456", "1").as_bytes(), &[RejectReason::BadTime]);
    check(good("e_x").replace("1732453200456", "99999999999999").as_bytes(), &[RejectReason::BadTime]);
}

#[test]
fn a_time_far_ahead_of_the_log_is_refused() {
    let ahead = good("e_x").replace("1732453200456", "1732453800456,\"at\":1732453200456");
    check(ahead.as_bytes(), &[RejectReason::Future]);
}

#[test]
fn an_over_long_id_is_refused() {
    check(good(&"x".repeat(65)).as_bytes(), &[RejectReason::IdTooLong]);
}

#[test]
fn not_a_number_is_refused() {
    check(good("e_x").replace('}', ",\"age_h\":NaN}").as_bytes(), &[RejectReason::Malformed]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    check(b"{\"id\":\"\xff\xfe\"}", &[RejectReason::NotUtf8]);
    check(&[0; 100], &[RejectReason::Malformed]);
}

#[test]
fn a_million_elements_are_refused() {
    let bad = good("e_x").replace('}', &format!(",\"co_accounts\":[{}0]}}", "0,".repeat(1_000_000)));
    check(bad.as_bytes(), &[RejectReason::TooLong]);
}

#[test]
fn ten_million_bytes_without_a_line_break_are_one_reject() {
    check(&vec![b'x'; 10_000_000], &[RejectReason::TooLong]);
}

#[test]
fn deep_nesting_is_refused() {
    check(format!("{{\"x\":{}", "[".repeat(30_000)).as_bytes(), &[RejectReason::Malformed]);
}

#[test]
fn an_unknown_kind_and_an_unknown_field_are_no_rejects() {
    check(good("e_x").replace("message", "wave").as_bytes(), &[]);
}

#[test]
fn a_repeated_id_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let lines = format!("{0}\n{0}\n{0}\n", good("e_1"));
    let file = write(folder.path(), "events.ndjson", lines.as_bytes());
    let run = score(folder.path(), &file);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("2 duplicates"), "{}", run.stderr);
}

#[test]
fn carriage_returns_a_byte_order_mark_and_blank_lines_are_no_matter() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("\u{feff}{}\r\n\r\n\n{}", good("e_1"), good("e_2"));
    let file = write(folder.path(), "events.ndjson", text.as_bytes());
    let run = score(folder.path(), &file);
    assert_eq!((run.code, reasons(folder.path())), (0, vec![]), "{}", run.stderr);
}

#[test]
fn an_empty_file_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "empty.ndjson", b"");
    let run = score(folder.path(), &file);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
}

#[test]
fn a_corrupt_gzip_file_is_told_and_what_came_before_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let events = read(&world().folder(), "events.ndjson");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(events.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let file = write(folder.path(), "cut.ndjson.gz", &bytes[..bytes.len() / 2]);
    let run = score(folder.path(), &file);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(reasons(folder.path()).last(), Some(&RejectReason::CorruptInput));
    assert!(!run.stdout.is_empty(), "the first half was lost");
    let noise = write(folder.path(), "noise.gz", b"\x1f\x8b\x08\x00 this is no gzip stream");
    let run = score(folder.path(), &noise);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(reasons(folder.path()), [RejectReason::CorruptInput]);
}

#[test]
fn every_line_has_exactly_one_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let forged = good("e_3").replace("\"message\"", "\"entity\"");
    let forged = forged.replace(
        "}",
        r#","entity":"asn:1","accounts_24h":1,"registered_24h":1,"restricted_24h":1,"size":1}"#,
    );
    let wave = good("e_4").replace("\"message\"", "\"wave\"");
    let lines = [good("e_1"), good("e_1"), good("e_2"), forged, wave, "nonsense".to_owned(), good("e_5")];
    let file = write(folder.path(), "events.ndjson", lines.join("\n").as_bytes());
    let run = score(folder.path(), &file);
    assert_eq!(reasons(folder.path()), [RejectReason::ForgedInternal, RejectReason::Malformed]);
    for says in [
        "events          3 of 7 lines",
        "2: 1 malformed, 1 forged_internal",
        "1 duplicates, 1 of unknown kind",
    ] {
        assert!(run.stderr.contains(says), "{says} is not in\n{}", run.stderr);
    }
}

#[test]
fn rejects_without_strict_are_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "events.ndjson", b"nonsense\n");
    assert_eq!(run(folder.path(), &["score", &file]).code, 0);
}

#[test]
fn a_missing_file_and_a_wrong_argument_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    check_error(folder.path(), &["score", "nowhere.ndjson"], &["nowhere.ndjson"]);
    check_error(folder.path(), &["score", "--frobnicate"], &["--frobnicate"]);
    check_error(folder.path(), &["frobnicate"], &["frobnicate"]);
    let events = write(folder.path(), "events.ndjson", good("e_1").as_bytes());
    check_error(folder.path(), &["score", &events, "--out", "no/such/folder/d.ndjson"], &["no/such/folder"]);
    check_error(folder.path(), &["score", &events, "--policy", "nowhere.toml"], &["nowhere.toml"]);
    check_error(folder.path(), &["score", &events, "--model", "nowhere.json"], &["nowhere.json"]);
    check_error(
        folder.path(),
        &["score", &events, "--blocklist", "nowhere.blocklist"],
        &["nowhere.blocklist"],
    );
}

#[test]
fn a_policy_that_names_an_unknown_feature_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let policy = run(folder.path(), &["check-config", "--print-default"]).stdout;
    let good_file = write(folder.path(), "good.toml", policy.as_bytes());
    assert_eq!(run(folder.path(), &["check-config", &good_file]).code, 0);
    let bad = policy.replacen("when = \"", "when = \"new_chats_10x > 3.0 && ", 1);
    let line =
        bad.lines().position(|line| line.contains("new_chats_10x")).expect("a rule has a condition") + 1;
    let bad_file = write(folder.path(), "bad.toml", bad.as_bytes());
    let place = format!("bad.toml:{line}:");
    check_error(folder.path(), &["check-config", &bad_file], &["new_chats_10x", &place]);
    let events = write(folder.path(), "events.ndjson", good("e_1").as_bytes());
    check_error(folder.path(), &["score", &events, "--policy", &bad_file], &["new_chats_10x", &place]);
}

#[test]
fn a_policy_that_is_no_policy_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, says) in [
        ("syntax.toml", "format = \n", "syntax.toml:1:"),
        ("unknown.toml", "format = 1\nname = \"x\"\ncolour = \"red\"\n", "colour"),
        ("format.toml", "format = 99\nname = \"x\"\n", "99"),
        ("empty.toml", "", "format"),
    ] {
        let file = write(folder.path(), name, text.as_bytes());
        check_error(folder.path(), &["check-config", &file], &[name, says]);
    }
}

#[test]
fn a_model_of_another_catalogue_and_a_damaged_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let train = "train --worlds 2 --accounts 100 --hours 24 --kind logistic --out model.json";
    let trained = run(folder.path(), &train.split(' ').collect::<Vec<_>>());
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    let events = write(folder.path(), "events.ndjson", good("e_1").as_bytes());
    assert_eq!(run(folder.path(), &["score", &events, "--model", "model.json"]).code, 0);

    let model = read(folder.path(), "model.json");
    let shown = run(folder.path(), &["--version"]).stdout;
    let catalog =
        shown.split(['(', ' ', ')']).find(|word| word.len() == 16).expect("the version names the catalogue");
    assert!(model.contains(catalog), "the model does not name its catalogue");
    let other = write(folder.path(), "other.json", model.replace(catalog, "0123456789abcdef").as_bytes());
    check_error(folder.path(), &["score", &events, "--model", &other], &["other.json"]);
    let cut = write(folder.path(), "cut.json", &model.as_bytes()[..model.len() / 2]);
    check_error(folder.path(), &["score", &events, "--model", &cut], &["cut.json"]);
    let noise = write(folder.path(), "noise.json", b"[1, 2, 3]");
    check_error(folder.path(), &["score", &events, "--model", &noise], &["noise.json"]);
}

#[test]
fn a_damaged_blocklist_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = "kind,value,source,expires,note\ndevice,d_1,human,,farm of may\naccount,a_9,human,,\n";
    let source = write(folder.path(), "list.csv", source.as_bytes());
    let build =
        ["blocklist", "build", "--name", "farm", &source, "--out", "farm.blocklist", "--probes", "1000"];
    let built = run(folder.path(), &build);
    assert_eq!(built.code, 0, "{}", built.stderr);
    let hit = run(folder.path(), &["blocklist", "check", "farm.blocklist", "device", "d_1"]);
    assert!(hit.code == 0 && hit.stdout.contains("farm of may"), "{} {}", hit.stdout, hit.stderr);
    let mut bytes = std::fs::read(folder.path().join("farm.blocklist")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let broken = write(folder.path(), "broken.blocklist", &bytes);
    check_error(folder.path(), &["blocklist", "inspect", &broken], &["broken.blocklist"]);
    let cut = write(folder.path(), "cut.blocklist", &bytes[..middle]);
    let events = write(folder.path(), "events.ndjson", good("e_1").as_bytes());
    check_error(folder.path(), &["score", &events, "--blocklist", &cut], &["cut.blocklist"]);
}
