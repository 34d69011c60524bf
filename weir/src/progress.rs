//! Progress for a person at a terminal: how much, how fast, how long still.
//!
//! Separate, so that a loop only says how far it is. Invariants: nothing is drawn unless standard error is a terminal;
//! a caller reports every few thousand records, so that no record pays for a clock.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::environment;

/// Records between two reports; a power of two.
pub const EVERY: u64 = 8_192;

/// A line that tells how far a run is.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Of a run over this many bytes (`None`: unknown, a pipe).
    pub fn of_bytes(total: Option<u64>) -> Self {
        let style = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec}, {eta} left  {msg}",
            None => "{spinner} {bytes} {binary_bytes_per_sec}  {msg}",
        };
        Self::new(total, style)
    }

    /// Of a run over this many steps of a kind, for example `hours`.
    pub fn of_steps(total: u64, what: &str) -> Self {
        Self::new(Some(total), &format!("{{bar:30}} {{pos}}/{{len}} {what}, {{eta}} left  {{msg}}"))
    }

    fn new(total: Option<u64>, style: &str) -> Self {
        let bar = if environment::watched() {
            ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(8))
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(
            ProgressStyle::with_template(style).expect("the templates above are written for indicatif"),
        );
        Self { bar }
    }

    /// Tells how far the run is, and something about it.
    pub fn report(&self, position: u64, message: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            self.bar.set_message(message());
            self.bar.set_position(position);
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
