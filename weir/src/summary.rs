//! The closing summary of a run: what came in, what was refused, what was decided, what it cost.
//!
//! Separate from the loop, which only counts. Invariants: it goes to standard error, so that results can go to standard
//! output; every line that was read is in exactly one of the counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schema::limits::ID_BYTES_MAX;
use schema::{Decision, Mode, Refusal, RejectReason};

use crate::clock::Stopwatch;
use crate::environment;

/// Unknown kinds that are named.
const KINDS_MAX: usize = 8;

/// What a run counts.
#[derive(Debug, Default)]
pub struct Tally {
    /// Lines that are not blank.
    pub lines: u64,
    /// Events of a kind that this build does not know: passed over.
    pub unknown_kinds: u64,
    /// Events whose id came before: passed over.
    pub duplicates: u64,
    /// Refused lines by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// The first line refused for each reason: its place, and what was wrong.
    first: BTreeMap<RejectReason, String>,
    /// The first unknown kinds, by name.
    kinds: Vec<String>,
    /// Decisions by mode, action and leading reason.
    pub decisions: BTreeMap<(Mode, &'static str, String), u64>,
}

/// What the engine counts.
#[derive(Debug, Default, Clone)]
pub struct EngineFigures {
    /// Events that happened before one already seen of their account.
    pub late: u64,
    /// Accounts in memory.
    pub accounts: u64,
    /// Times that the model ran.
    pub model_runs: u64,
    /// What somebody should look at if it is not 0: name, count, what it means.
    pub alarms: Vec<(&'static str, u64, &'static str)>,
}

impl Tally {
    /// Counts a decision under its leading reason.
    pub fn decided(&mut self, decision: &Decision) {
        let code = decision.reasons.first().map_or("", |reason| reason.code.as_str());
        let key = (decision.mode, decision.action.word(), code);
        // Nearly always known already: no new text for it.
        let known = self.decisions.iter_mut().find(|(known, _)| (known.0, known.1, known.2.as_str()) == key);
        match known {
            Some((_, count)) => *count += 1,
            None => {
                self.decisions.insert((key.0, key.1, code.to_owned()), 1);
            }
        }
    }

    /// Counts a refused line of an input.
    pub fn rejected(&mut self, refusal: &Refusal, (name, number): (&str, u64)) {
        *self.rejects.entry(refusal.reason).or_default() += 1;
        self.first
            .entry(refusal.reason)
            .or_insert_with(|| format!("{name}, line {number}: {}", refusal.detail));
    }

    /// Counts an event of an unknown kind.
    #[cold]
    pub fn unknown(&mut self, kind: &str) {
        self.unknown_kinds += 1;
        if self.kinds.len() < KINDS_MAX && !self.kinds.iter().any(|known| known == kind) {
            self.kinds.push(kind.chars().take(ID_BYTES_MAX).collect());
        }
    }

    /// Refused lines.
    pub fn rejects(&self) -> u64 {
        self.rejects.values().sum()
    }

    /// Events that the engine took.
    pub fn events(&self) -> u64 {
        self.lines - self.rejects() - self.unknown_kinds - self.duplicates
    }

    /// Decisions by mode, action and leading reason, a line an action.
    pub fn decisions_text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<15} {value}");
        };
        for mode in [Mode::Enforce, Mode::Shadow] {
            let of_mode = self.decisions.iter().filter(|(key, _)| key.0 == mode);
            let mut by_action: BTreeMap<&str, Vec<(String, u64)>> = BTreeMap::new();
            for ((_, action, code), count) in of_mode {
                by_action.entry(action).or_default().push((code.clone(), *count));
            }
            for (action, mut reasons) in by_action {
                reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                let suffix = if mode == Mode::Shadow { " (shadow)" } else { "" };
                line(&format!("{action}{suffix}"), counts(reasons.into_iter()));
            }
        }
        text
    }

    /// The summary as text.
    pub fn text(&self, engine: EngineFigures, watch: &Stopwatch) -> String {
        let mut text = String::new();
        let events = self.events();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<15} {value}");
        };
        line("events", format!("{events} of {} lines", self.lines));
        line("accounts", engine.accounts.to_string());
        line(
            "rejects",
            counts(self.rejects.iter().map(|(reason, count)| (reason.word().to_owned(), *count))),
        );
        for (reason, first) in &self.first {
            line("", format!("first {}: {first}", reason.word()));
        }
        let kinds =
            if self.kinds.is_empty() { String::new() } else { format!(" ({})", self.kinds.join(", ")) };
        line(
            "passed over",
            format!("{} duplicates, {} of unknown kind{kinds}", self.duplicates, self.unknown_kinds),
        );
        line("late", format!("{} (applied, without moving windows back)", engine.late));
        text.push_str(&self.decisions_text());
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<15} {value}");
        };
        for (name, count, meaning) in engine.alarms.iter().filter(|alarm| alarm.1 > 0) {
            line(name, format!("{count} {meaning}"));
        }
        let per_event = engine.model_runs as f64 / events.max(1) as f64;
        line("model runs", format!("{} ({per_event:.3} an event)", engine.model_runs));
        let (wall, cpu) = (watch.elapsed().as_secs_f64(), watch.cpu().as_secs_f64());
        let mut rate = format!("{wall:.2} s, {:.0} events a second", events as f64 / wall.max(1e-9));
        if cpu > 0.0 {
            let _ = write!(
                rate,
                "; {cpu:.2} s of processor, {:.0} events a processor second",
                events as f64 / cpu
            );
        }
        line("time", rate);
        if let Some((_, bytes)) = environment::memory_bytes() {
            line("memory", format!("{:.0} MB at most", bytes as f64 / 1e6));
        }
        text
    }
}

/// `12: 7 of this, 5 of that`, or `none`.
fn counts(parts: impl Iterator<Item = (String, u64)>) -> String {
    let parts: Vec<(String, u64)> = parts.collect();
    if parts.is_empty() {
        return "none".to_owned();
    }
    let total: u64 = parts.iter().map(|(_, count)| count).sum();
    let list: Vec<String> = parts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    format!("{total}: {}", list.join(", "))
}
