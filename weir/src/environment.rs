//! The environment: terminal or not, colours or not, memory in use, overrides. The only module that reads it.
//!
//! Separate, because configuration is an argument everywhere else. Invariant: but for the overrides of a server's
//! configuration, which are told when it starts, nothing here changes a result, only how it is shown.

use std::io::{IsTerminal as _, stderr, stdin};

/// Whether a person watches: progress is drawn only then.
pub fn watched() -> bool {
    stderr().is_terminal()
}

/// Whether standard input is a keyboard rather than a file or pipe.
pub fn keyboard() -> bool {
    stdin().is_terminal()
}

/// Whether standard error may be coloured: a terminal, and `NO_COLOR` is not set (<https://no-color.org>).
#[expect(clippy::disallowed_methods, reason = "this is the module that reads the environment")]
pub fn colours() -> bool {
    watched()
        && std::env::var("NO_COLOR").map_or(true, |value| value.is_empty())
        && std::env::var("TERM").map_or(true, |term| term != "dumb")
}

/// Variables that begin with `prefix`, by name: overrides of the configuration, or the settings of an object store.
pub fn overrides(prefix: &str) -> Vec<(String, String)> {
    let text = |value: std::ffi::OsString| value.into_string().ok();
    let all = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    let mut found: Vec<(String, String)> = all.filter(|(name, _)| name.starts_with(prefix)).collect();
    found.sort();
    found
}

/// A folder of this process among the system's temporary ones; nothing is made.
pub fn scratch(what: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("weir-{what}-{}", std::process::id()))
}

/// Tells the person at standard error what went wrong.
pub fn complain(text: &str) {
    let (on, off) = if colours() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    eprintln!("{on}error:{off} {text}");
}

/// Memory that this process holds, and the most that it held at once, bytes; `None` where the system does not tell.
pub fn memory_bytes() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some((bytes("VmRSS:")?, bytes("VmHWM:")?))
}
