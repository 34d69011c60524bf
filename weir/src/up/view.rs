//! What a person sees of a demonstration: decisions with their reasons as they come, rates, and a closing table.
//!
//! Separate from what is shown, which it reads from the journal and the metrics like anybody. Invariants: at a terminal
//! one line at the bottom is drawn anew; elsewhere plain lines are printed, and a status now and then; a flood of decisions is
//! told as a number, never as a flood.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ingest::journal::{Chunk, Reader, Topic};
use schema::{Action, Decision, Mode};

use super::state::State;
use crate::clock;
use crate::environment;
use crate::error::Error;
use crate::files;
use crate::telemetry::metrics::RecordOutcome;

/// Decisions read at once.
const READ: usize = 256;
/// Decisions shown a second.
const SHOWN_A_SECOND: f64 = 4.0;
/// How often plain lines tell the status, microseconds.
const STATUS_US: u64 = 5_000_000;

/// What is shown and what was counted for it.
pub struct View {
    reader: Reader,
    chunk: Chunk,
    after: u64,
    state: Arc<State>,
    personas: BTreeMap<String, (bool, &'static str)>,
    /// The strongest enforced action of each account.
    strongest: BTreeMap<String, Action>,
    bar: Option<ProgressBar>,
    started_us: u64,
    looked_us: u64,
    status_us: u64,
    events: u64,
    rate: f64,
    /// Lines that may be shown now.
    room: f64,
    unshown: u64,
}

impl View {
    pub fn new(reader: Reader, state: Arc<State>, personas: BTreeMap<String, (bool, &'static str)>) -> Self {
        let bar = environment::watched().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg}").expect("the template is indicatif's"),
            );
            bar
        });
        let now = clock::ticks_us();
        Self {
            reader,
            chunk: Chunk::default(),
            after: 0,
            state,
            personas,
            strongest: BTreeMap::new(),
            bar,
            started_us: now,
            looked_us: now,
            status_us: now,
            events: 0,
            rate: 0.0,
            room: SHOWN_A_SECOND,
            unshown: 0,
        }
    }

    /// Shows what is new. `at_ms` is the log's time.
    pub fn look(&mut self, at_ms: u64) -> Result<(), Error> {
        let now = clock::ticks_us();
        let passed = now.saturating_sub(self.looked_us) as f64 / 1e6;
        self.looked_us = now;
        self.room = (self.room + passed * SHOWN_A_SECOND).min(SHOWN_A_SECOND);
        let events = self.events_taken();
        let rate = (events - self.events) as f64 / passed.max(1e-3);
        self.rate += (rate - self.rate) * (passed / 2.0).min(1.0);
        self.events = events;
        self.reader.read(Some(Topic::Decisions), self.after, READ, &mut self.chunk)?;
        let chunk = std::mem::take(&mut self.chunk);
        for record in chunk.records() {
            self.after = record.position;
            if let Ok(decision) = serde_json::from_slice::<Decision>(record.body) {
                self.take(&decision)?;
            }
        }
        self.chunk = chunk;
        self.tell(now, at_ms)
    }

    /// The closing table.
    pub fn finish(&mut self, at_ms: u64) -> Result<(), Error> {
        loop {
            let before = self.after;
            self.look(at_ms)?;
            if self.after == before {
                break;
            }
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let mut text = String::from("\n");
        let _ = writeln!(text, "{}", self.status(at_ms));
        let mut personas: BTreeMap<(bool, &str), [u64; 4]> = BTreeMap::new();
        for (abusive, persona) in self.personas.values() {
            personas.entry((*abusive, persona)).or_default()[0] += 1;
        }
        for (account, action) in &self.strongest {
            let known = self.personas.get(account).copied().unwrap_or((true, ENLISTED));
            let counts = personas.entry(known).or_default();
            counts[1] += u64::from(*action == Action::Challenge);
            counts[2] += u64::from(*action == Action::RateLimit);
            counts[3] += u64::from(*action == Action::Ban);
        }
        let names = ["what they really are", "accounts", "challenged", "limited", "banned"];
        let _ = writeln!(
            text,
            "\n  {:<30}{:>9}{:>12}{:>9}{:>8}",
            names[0], names[1], names[2], names[3], names[4]
        );
        for ((abusive, persona), [all, challenged, limited, banned]) in &personas {
            let name = format!("{} {persona}", if *abusive { "abusive" } else { "benign" });
            let all = if *persona == ENLISTED { String::new() } else { all.to_string() };
            let _ = writeln!(text, "  {name:<30}{all:>9}{challenged:>12}{limited:>9}{banned:>8}");
        }
        text.push_str("\n  Not every abusive account has begun to abuse in so short a time.\n");
        files::write("-", text.as_bytes())
    }

    fn take(&mut self, decision: &Decision) -> Result<(), Error> {
        if decision.mode != Mode::Enforce || decision.action == Action::Lift {
            return Ok(());
        }
        if decision.action.restricts() {
            let known = self.strongest.entry(decision.account.clone()).or_insert(decision.action);
            *known = decision.action.max(*known);
        }
        if self.room < 1.0 {
            self.unshown += 1;
            return Ok(());
        }
        self.room -= 1.0;
        let persona = self.personas.get(&decision.account).map_or(ENLISTED, |known| known.1);
        let mut text = sentence(decision, persona);
        if self.unshown > 0 {
            let _ = write!(text, "  (and {} more)", self.unshown);
            self.unshown = 0;
        }
        self.line(&text)
    }

    fn tell(&mut self, now: u64, at_ms: u64) -> Result<(), Error> {
        if let Some(bar) = &self.bar {
            bar.set_message(self.status(at_ms));
            bar.tick();
        } else if now >= self.status_us + STATUS_US {
            self.status_us = now;
            let text = self.status(at_ms);
            self.line(&text)?;
        }
        Ok(())
    }

    fn line(&self, text: &str) -> Result<(), Error> {
        match &self.bar {
            Some(bar) => {
                bar.println(text);
                Ok(())
            }
            None => files::write("-", format!("{text}\n").as_bytes()),
        }
    }

    fn events_taken(&self) -> u64 {
        let records = &self.state.metrics.records;
        RecordOutcome::ALL.iter().map(|o| records.get_or_create(&[("outcome", o.word())]).get()).sum()
    }

    fn status(&self, at_ms: u64) -> String {
        let metrics = &self.state.metrics;
        let count = |action: Action| {
            metrics
                .decisions
                .get_or_create(&[("action", action.word()), ("mode", Mode::Enforce.word())])
                .get()
        };
        let mean_ms = self.state.mean_latency_ms();
        let hour = at_ms / 3_600_000 % 24;
        let minute = at_ms / 60_000 % 60;
        let wall = self.looked_us.saturating_sub(self.started_us) / 1_000_000;
        format!(
            "{wall} s, in town {hour:02}:{minute:02}  {} events, {:.0}/s  {} accounts  {} warn {} challenge {} limit {} ban {} review  \
             {mean_ms:.0} ms to the durable decision",
            self.events,
            self.rate,
            self.state.engine.accounts.get(),
            count(Action::Warn),
            count(Action::Challenge),
            count(Action::RateLimit),
            count(Action::Ban),
            count(Action::Review),
        )
    }
}

/// Accounts that farms enlist while the town lives: their personas are not known beforehand.
const ENLISTED: &str = "enlisted by a farm";

/// A decision as a person reads it.
fn sentence(decision: &Decision, persona: &str) -> String {
    let (on, off) = match decision.action {
        _ if !environment::colours() => ("", ""),
        Action::Ban => ("\x1b[1;31m", "\x1b[0m"),
        Action::RateLimit => ("\x1b[31m", "\x1b[0m"),
        Action::Challenge => ("\x1b[33m", "\x1b[0m"),
        _ => ("\x1b[2m", "\x1b[0m"),
    };
    let account: String = decision.account.chars().take(12).collect();
    let mut text = format!(
        "{on}{:<10}{off} {:<13} {account:<12}  {persona:<18} {}",
        decision.action.word(),
        decision.scope.word(),
        decision.rule.as_deref().unwrap_or(decision.source.word()),
    );
    for (index, reason) in decision.reasons.iter().take(3).enumerate() {
        let before = if index == 0 { ": " } else { ", " };
        if let (Some(feature), Some(value)) = (&reason.feature, reason.value) {
            let _ = write!(text, "{before}{feature} {value}");
        }
    }
    text
}
