//! Deciding about events: the work of a partition of `weir.events`.
//!
//! Separate from the line, which every kind of work shares. Invariants: a record is taken, passed over or refused, never
//! two of them; what an activation names is loaded before it is processed, or the record is refused and the old version
//! stays in force; what cannot be loaded now is waited for, since a record that is refused here and taken elsewhere would part
//! the partitions. While it is loaded, the line stands and looks at the clock.

use std::time::Duration;

use ingest::kafka::{Admission, Batch, Message};
use schema::{Refusal, RejectReason};
use scorer::{Engine, Needed, Outcome, Output};

use super::line::{Stop, Work};
use super::loads::Loads;
use super::outlet::Outlet;
use crate::lookahead;
use crate::registry::Unloaded;
use crate::saving::State;
use crate::telemetry::metrics::RecordOutcome;
use crate::telemetry::{EngineGauges, Metrics};

/// How often the engine's own counts are shown.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// How long after a version could not be loaded it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long is waited at once.
const STEP: Duration = Duration::from_millis(50);

/// An engine and the rules of its partition.
pub struct Decider<'o> {
    engine: Engine,
    admission: &'o Admission,
    loads: Option<&'o Loads>,
    /// The log's time: highest so far, ms since the Unix epoch.
    at: u64,
    output: Output,
    /// Records by what became of them, since the last batch.
    counts: [u64; RecordOutcome::ALL.len()],
    gauges: EngineGauges,
    /// When they were shown, since the takeover; `None`: never.
    shown: Option<Duration>,
}

impl<'o> Decider<'o> {
    /// Decides with `engine`, whose log stands at `at` (ms since the Unix epoch); `loads`: where activations find their
    /// versions.
    pub fn new(
        (engine, at): (Engine, u64),
        (admission, loads): (&'o Admission, Option<&'o Loads>),
        gauges: EngineGauges,
    ) -> Self {
        let (output, counts) = (Output::default(), Default::default());
        Self { engine, admission, loads, at, output, counts, gauges, shown: None }
    }

    /// Decides about one record; what follows lies in `output`.
    #[inline]
    fn decide(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<RecordOutcome, Halt> {
        let record = message.record();
        let raw = self.admission.decode(&record)?;
        let Some(event) = raw.event()? else { return Ok(RecordOutcome::UnknownKind) };
        self.admission.check(&record, &event)?;
        if let Some(needed) = self.engine.needs(&event) {
            self.provide(&needed, event.body.sha256(), outlet)?;
        }
        let outcome = match self.engine.process(&event, message.offset(), &mut self.output) {
            Outcome::Decided => RecordOutcome::Decided,
            Outcome::Quiet => RecordOutcome::Quiet,
            Outcome::Duplicate => RecordOutcome::Duplicate,
            Outcome::Rejected(refusal) => return Err(Halt::Refused(refusal)),
        };
        self.at = self.at.max(event.at.unwrap_or(event.ts));
        Ok(outcome)
    }

    /// Waits until a version is there, however long that takes, or somebody wishes something else.
    #[cold]
    fn provide(
        &mut self,
        needed: &Needed,
        sha256: Option<&str>,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), Halt> {
        let Needed { kind, name, version } = needed;
        let missing = |detail: String| Halt::Refused(Refusal::new(RejectReason::ArtifactMissing, detail));
        let Some(loads) = self.loads else {
            return Err(missing(format!("{kind} {name} {version} is wanted: give --registry DIR")));
        };
        let start = outlet.elapsed();
        loop {
            let loaded = loads.load((needed, sha256), || {
                outlet.go_on()?;
                if outlet.elapsed().saturating_sub(start) > AGAIN && outlet.gauges.trouble().is_none() {
                    outlet.gauges.set_trouble(Some(format!("{kind} {name} {version} is being loaded")));
                }
                Ok::<(), Stop>(())
            })?;
            match loaded {
                Ok(artifact) => {
                    outlet.gauges.set_trouble(None);
                    self.engine.provide(artifact);
                    return Ok(());
                }
                Err(Unloaded::Final(detail)) => {
                    outlet.gauges.set_trouble(None);
                    return Err(missing(detail));
                }
                Err(Unloaded::Passing(why)) => {
                    if outlet.gauges.set_trouble(Some(format!("{kind} {name} {version} waits: {why}"))) {
                        tracing::warn!(%kind, name, version, why, "a version cannot be loaded now; it is waited for");
                    }
                    let since = outlet.elapsed();
                    while outlet.elapsed().saturating_sub(since) < AGAIN {
                        outlet.go_on()?;
                        std::thread::sleep(STEP);
                    }
                }
            }
        }
    }
}

/// Why a record was not taken.
enum Halt {
    /// It is refused.
    Refused(Refusal),
    /// It is not done with: the line stops before it.
    Stopped(Stop),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Halt::Refused(refusal)
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Halt::Stopped(stop)
    }
}

impl Work for Decider<'_> {
    #[inline]
    fn record(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let decided = match self.decide(message, outlet) {
            Ok(outcome) => Ok(outcome),
            Err(Halt::Refused(refusal)) => Err(refusal),
            Err(Halt::Stopped(stop)) => return Err(stop),
        };
        self.counts[decided.as_ref().map_or(RecordOutcome::Rejected, |outcome| *outcome) as usize] += 1;
        if decided.is_ok() && self.output.is_empty() {
            return Ok(0);
        }
        // The broker's time, if it tells one: a repeat after a crash says the same.
        let place = (message.offset(), message.record().at.unwrap_or(self.at));
        let outputs = match decided {
            Ok(_) => outlet.output(&self.output, place)?,
            Err(refusal) => outlet.reject(refusal, place, message.value())?,
        };
        self.output.clear();
        Ok(outputs)
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }

    fn show(&mut self, records: u64, now: Duration, metrics: &Metrics) {
        if records > 0 {
            metrics.batch_records.observe(records as f64);
            for (outcome, count) in RecordOutcome::ALL.into_iter().zip(&mut self.counts) {
                metrics.count_records(outcome, std::mem::take(count));
            }
        }
        if self.shown.is_none_or(|shown| now.saturating_sub(shown) >= SHOW_EVERY) {
            self.gauges.show(&self.engine.stats());
            self.shown = Some(now);
        }
    }

    /// Asks for the memory of the next two records, while the one before them is decided about.
    #[inline]
    fn look_ahead(&self, batch: &Batch<'_>, place: usize) {
        if let Some((_, account)) = batch.glance(place + 1).and_then(lookahead::names) {
            self.engine.prefetch(account);
        }
        if let Some((id, account)) = batch.glance(place + 2).and_then(lookahead::names) {
            self.engine.prefetch_early(id, account);
        }
    }
}

impl State for Decider<'_> {
    fn begin(&mut self, full: bool) -> bool {
        self.engine.begin_checkpoint(full)
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        self.engine.write_checkpoint(bytes_max, out)
    }

    fn abandon(&mut self) {
        self.engine.abandon_checkpoint();
    }

    fn at_ms(&self) -> u64 {
        self.at
    }
}
