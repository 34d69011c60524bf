//! The straight line: a line in, an event, the engine, records out. The hot path of every run over files.
//!
//! Separate from the command, which only opens and closes. Invariants: every line has exactly one outcome (taken, passed
//! over, refused); a quiet event allocates nothing here; no clock is read, but by the progress every few thousand lines.

use ingest::{Line, Lines, Source};
use schema::{Refusal, Reject, RejectReason};
use scorer::{Engine, Outcome, Output};
use sinks::File;

use crate::environment;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::lookahead;
use crate::progress::{EVERY, Progress};
use crate::registry::Registry;
use crate::summary::{EngineFigures, Tally};

/// Where records go; `None`: nobody wants them.
pub struct Outputs {
    /// Decisions.
    pub decisions: File,
    /// Standing.
    pub standing: Option<File>,
    /// Feature rows.
    pub rows: Option<File>,
    /// Refused lines.
    pub rejects: Option<File>,
}

/// A run.
pub struct Pipeline {
    engine: Engine,
    outputs: Outputs,
    output: Output,
    tally: Tally,
    /// The log's time: highest so far, ms since the Unix epoch.
    at: u64,
    trust_internal: bool,
    /// Where activations find their versions.
    registry: Option<Registry>,
}

/// Why an input was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It is at its end.
    Ended,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// Nobody reads the decisions any more.
    Unread,
}

impl Pipeline {
    /// A run; `trust_internal` takes internal kinds from files.
    pub fn new(engine: Engine, outputs: Outputs, trust_internal: bool) -> Self {
        let (output, tally) = (Output::default(), Tally::default());
        Self { engine, outputs, output, tally, at: 0, trust_internal, registry: None }
    }

    /// Loads what activations need from here.
    pub fn with_registry(mut self, registry: Option<Registry>) -> Self {
        self.registry = registry;
        self
    }

    /// Takes one input to its end. `before` is what the inputs before it had, bytes.
    pub fn read(
        &mut self,
        source: Source,
        before: u64,
        watch: (&Progress, &Interrupt),
    ) -> Result<Left, Error> {
        let (progress, interrupt) = watch;
        let name = source.name().to_owned();
        let live = name == "-";
        let mut lines = Lines::new(source);
        loop {
            if live && lines.is_drained() {
                self.flush()?;
                if interrupt.is_asked() {
                    return Ok(Left::Interrupted);
                }
            }
            self.look_ahead(lines.ahead());
            match lines.next() {
                None => return Ok(Left::Ended),
                Some(line) => self.line(&name, &line?)?,
            }
            if self.tally.lines.is_multiple_of(EVERY) {
                progress.report(before + lines.bytes(), || self.status());
                if interrupt.is_asked() {
                    return Ok(Left::Interrupted);
                }
                if self.outputs.decisions.is_closed() {
                    return Ok(Left::Unread);
                }
            }
        }
    }

    /// Asks for the memory of the next two records, while the one before them is decoded and decided.
    #[inline]
    fn look_ahead(&self, ahead: &[u8]) {
        let (next, after) = lookahead::two(ahead);
        if let Some((_, account)) = next {
            self.engine.prefetch(account);
        }
        if let Some((id, account)) = after {
            self.engine.prefetch_early(id, account);
        }
    }

    /// Writes out what is left; gives the counts.
    pub fn finish(self) -> Result<(Tally, EngineFigures), Error> {
        let figures = figures(&self.engine);
        let Outputs { decisions, standing, rows, rejects } = self.outputs;
        decisions.finish()?;
        for file in [standing, rows, rejects].into_iter().flatten() {
            file.finish()?;
        }
        Ok((self.tally, figures))
    }

    #[inline]
    fn line(&mut self, name: &str, line: &Line<'_>) -> Result<(), Error> {
        self.tally.lines += 1;
        match line {
            Line::Record { number, bytes } => match self.record(bytes) {
                Ok(true) => self.write(),
                Ok(false) => Ok(()),
                Err(refusal) => self.reject(refusal, (name, *number), bytes),
            },
            Line::Refused { number, refusal, bytes } => {
                if refusal.reason == RejectReason::CorruptInput {
                    environment::complain(&format!("{name}, line {number}: {}", refusal.detail));
                }
                self.reject(refusal.clone(), (name, *number), bytes)
            }
        }
    }

    /// Decides about one record; whether there is anything to write.
    #[inline]
    fn record(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let raw = schema::json::decode(bytes)?;
        let Some(event) = raw.event()? else {
            self.tally.unknown(raw.kind.as_deref().unwrap_or_default());
            return Ok(false);
        };
        if event.body.is_internal() && !self.trust_internal {
            return Err(forged(event.body.kind()));
        }
        if let Some(needed) = self.engine.needs(&event) {
            let wanted = (&needed, event.body.sha256());
            Registry::provide(self.registry.as_ref(), &mut self.engine, wanted)?;
        }
        match self.engine.process(&event, self.tally.lines - 1, &mut self.output) {
            Outcome::Decided | Outcome::Quiet => {}
            Outcome::Duplicate => self.tally.duplicates += 1,
            Outcome::Rejected(refusal) => return Err(refusal),
        }
        self.at = self.at.max(event.at.unwrap_or(event.ts));
        Ok(!self.output.is_empty())
    }

    #[cold]
    fn write(&mut self) -> Result<(), Error> {
        for decision in &self.output.decisions {
            self.tally.decided(decision);
            self.outputs.decisions.write(decision)?;
        }
        if let Some(file) = &mut self.outputs.standing {
            for standing in &self.output.standings {
                file.write(standing)?;
            }
        }
        if let Some(file) = &mut self.outputs.rows {
            for row in &self.output.rows {
                file.write(row)?;
            }
        }
        self.output.clear();
        Ok(())
    }

    #[cold]
    fn reject(&mut self, refusal: Refusal, (name, number): (&str, u64), bytes: &[u8]) -> Result<(), Error> {
        self.tally.rejected(&refusal, (name, number));
        self.output.clear();
        if let Some(file) = &mut self.outputs.rejects {
            file.write(&Reject::new(refusal, name, number, self.at, bytes))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let Outputs { decisions, standing, rows, rejects } = &mut self.outputs;
        decisions.flush()?;
        for file in [standing, rows, rejects].into_iter().flatten() {
            file.flush()?;
        }
        Ok(())
    }

    fn status(&self) -> String {
        let decisions = self.outputs.decisions.records();
        format!("{} lines, {} rejects, {decisions} decisions", self.tally.lines, self.tally.rejects())
    }
}

#[cold]
fn forged(kind: &str) -> Refusal {
    let detail =
        format!("{kind} is internal to weir; --trust-internal takes such events from files of its own");
    Refusal::new(RejectReason::ForgedInternal, detail)
}

/// What the engine counts.
pub fn figures(engine: &Engine) -> EngineFigures {
    let stats = engine.stats();
    let alarms = vec![
        (
            "bans braked",
            stats.bans_braked,
            "a rule reached its budget: they became rate limits; look at the rule",
        ),
        ("refused", stats.standings_refused, "restrictions: the standing table is full"),
        ("forgotten", stats.evicted, "accounts, the longest idle, to make room: raise --accounts-max"),
    ];
    EngineFigures { late: stats.late, accounts: stats.accounts, model_runs: stats.model_runs, alarms }
}
