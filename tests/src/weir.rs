//! The built `weir` binary, and running it.
//!
//! Separate from the tests that use it. The binary belongs to another package, so cargo does not hand its path to us:
//! the first use runs `cargo build` in the profile of the tests, and with them as a target: only so are the dependencies
//! those that `cargo test --workspace` has built (a no-op if it is up to date).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::workspace;

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Where the binary is.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| named().unwrap_or_else(build))
}

/// Whether `WEIR` names the binary: then it is one of a release build, and speed is judged as that of one.
#[must_use]
pub fn is_named() -> bool {
    named().is_some()
}

/// The binary that `WEIR` names, as for the scripts in `weir/benches`: speed is that of a release build.
#[expect(clippy::disallowed_methods, reason = "the tests' harness is no part of weir")]
fn named() -> Option<PathBuf> {
    let name = std::env::var("WEIR").ok()?;
    Some(workspace::file(&name).canonicalize().unwrap_or_else(|error| panic!("WEIR={name}: {error}")))
}

/// What cargo tells a running test about its package. A build script that asks for one of these (`ring`'s does) would run again, and
/// all that rests on it would be compiled again, in this build and in the next one outside of it.
const OF_THIS_PACKAGE: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

fn build() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    OF_THIS_PACKAGE.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
        .args(["build", "--workspace", "--bin", "weir", "--test", "it", "--message-format", "json"])
        .current_dir(workspace::root());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().expect("cargo built these tests, so it runs");
    assert!(output.status.success(), "weir does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        (message.pointer("/target/name")? == "weir").then_some(())?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    };
    messages.lines().filter_map(executable).next_back().expect("a binary has an executable")
}

/// Runs `weir` in `folder` with nothing on standard input.
#[must_use]
pub fn run(folder: &Path, arguments: &[&str]) -> Run {
    run_with(folder, arguments, b"")
}

/// Runs `weir` in `folder` with `input` on standard input.
#[must_use]
pub fn run_with(folder: &Path, arguments: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(binary())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was just built");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let input = input.to_vec();
    // A run that refuses its arguments never reads: the broken pipe is no failure of ours.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the child was started");
    writer.join().expect("writing does not panic");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Writes a file into `folder` and gives its path as an argument.
#[must_use]
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("a temporary folder can be written");
    path.to_string_lossy().into_owned()
}

/// The text of a file in `folder`.
#[must_use]
pub fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
