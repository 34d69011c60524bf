//! The environment: terminal or not, colours or not, memory in use. The only module that reads it.
//!
//! Separate, because configuration is an argument everywhere else. Invariant: nothing here changes a result, only how it
//! is shown.

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

/// Tells the person at standard error what went wrong.
pub fn complain(text: &str) {
    let (on, off) = if colours() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    eprintln!("{on}error:{off} {text}");
}

/// Most memory that this process held at once, bytes; `None` where the system does not tell.
pub fn memory_peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
