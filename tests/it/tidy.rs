//! The rules of style, over every file of the workspace, and over files that break them. Invariants 3 and 4.

use harness::tidy::{Exceptions, FILE_LINES_MAX, FUNCTION_LINES_MAX, findings};
use harness::workspace::{Source, sources};

const EXCEPTIONS: Exceptions = Exceptions {
    serialisable: &[
        "models/src/artifact.rs",
        "models/src/artifact/file.rs",
        "scorer/src/blocklist/parse.rs",
        "scorer/src/policy/file.rs",
        "weir/src/config/clauses.rs",
        "weir/src/config/file.rs",
        "weir/src/config/kafka.rs",
        "weir/src/config/oidc.rs",
        "weir/src/config/secret.rs",
        "models/src/online/weights.rs",
        "weir/src/learning/state.rs",
        "weir/src/model_registry/file.rs",
        "weir/src/training/file.rs",
        "sinks/src/checkpoint/manifest.rs",
    ],
    clock: &["weir/src/clock.rs"],
    environment: &["weir/src/environment.rs"],
    pure: &["schema", "features", "models", "scorer", "simulate"],
};

#[test]
fn the_workspace_is_tidy() {
    let sources = sources();
    assert!(sources.len() > 50, "only {} files were found", sources.len());
    let found: Vec<String> = sources.iter().flat_map(|source| findings(source, &EXCEPTIONS)).collect();
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_exception_is_left_over() {
    let sources = sources();
    let exists = |path: &&&str| sources.iter().any(|source| source.path == ***path);
    let listed = [EXCEPTIONS.serialisable, EXCEPTIONS.clock, EXCEPTIONS.environment].concat();
    let gone: Vec<&&str> = listed.iter().filter(|path| !exists(path)).collect();
    assert!(gone.is_empty(), "no such file: {gone:?}");
}

/// The file is found to break exactly one rule, which `says` is about.
#[track_caller]
fn check(path: &str, code: &str, says: &str) {
    let source = Source { path: path.to_owned(), text: format!("//! A file.\n{code}") };
    let found = findings(&source, &EXCEPTIONS);
    assert!(found.len() == 1 && found[0].contains(says), "{path}: {found:?}");
}

#[test]
fn a_file_without_a_head_is_found() {
    let source = Source { path: "weir/src/x.rs".to_owned(), text: "fn x() {}\n".to_owned() };
    assert!(findings(&source, &EXCEPTIONS)[0].contains("does not open"));
}

#[test]
fn a_long_file_is_found() {
    check("weir/src/x.rs", &"\n".repeat(FILE_LINES_MAX), "lines; at most");
}

#[test]
fn a_long_function_is_found() {
    let body = "    // why\n\n    let _ = 1;\n".repeat(FUNCTION_LINES_MAX + 1);
    check("weir/src/x.rs", &format!("fn x() {{\n{body}}}\n"), "`x` has 71 lines");
    check("weir/src/x.rs", &format!("impl X {{ fn y() {{\n{body}}} }}\n"), "`y` has 71 lines");
}

#[test]
fn each_rule_finds_what_breaks_it() {
    check("weir/src/x/mod.rs", "", "beside");
    check("weir/src/utils.rs", "", "does not say");
    check("weir/src/helpers/x.rs", "", "does not say");
    check("weir/src/x.rs", concat!("fn x() { to", "do!() }"), "finish it");
    check("weir/src/x.rs", concat!("#[al", "low(unused)]\nfn x() {}"), "expect");
    check("weir/src/x.rs", concat!("fn x() { Instant", "::now(); }"), "time is an argument");
    check("weir/src/x.rs", concat!("fn x() { std::env", "::var(\"X\"); }"), "configuration");
    check("scorer/src/x.rs", concat!("use std::", "fs::File;"), "pure");
    check("weir/src/x.rs", "#[derive(Debug, serde::Serialize)]\nstruct X;", "serialisable");
    check("weir/src/x.rs", "#[derive(Deserialize)]\nenum X {}", "serialisable");
    check("weir/src/x.rs", "pub use y::*;", "re-export");
    check("weir/src/x.rs", "fn {", "not Rust");
}
