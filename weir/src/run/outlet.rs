//! Where a partition's outputs go, and what must be looked at before each.
//!
//! Separate from what is decided. Invariants: nothing is written by a thread that was frozen for longer than a message may
//! wait, since its partition may be another's; only the control writer says what the kill switch is; what changed since
//! the takeover is said again.

use std::collections::BTreeMap;
use std::time::Duration;

use schema::{ENFORCEMENT_KEY, Refusal, Reject, Standing};
use scorer::{FactEvent, Output, relation_key};
use sinks::kafka::{Delivery, Producer};

use super::gauges::Gauges;
use super::line::Stop;
use super::takeover::Takeover;
use crate::clock::{Stopwatch, now_ms};
use crate::telemetry::Metrics;

/// The ticket of a record that no offset waits for.
pub const NO_OFFSET: usize = usize::MAX;

/// Where one partition writes.
pub struct Outlet<'o> {
    /// The partition's own producer.
    pub producer: Producer,
    /// What the main loop sees.
    pub gauges: &'o Gauges,
    /// Where it is counted.
    pub metrics: &'o Metrics,
    /// Topic and partition, for rejects.
    place: (&'o str, u32),
    takeover: Takeover,
    /// Offsets that were decided about and not finished, and when the log took them, ms since the Unix epoch. The budget is
    /// its bound.
    decided: BTreeMap<u64, u64>,
    /// Longest time between two looks at the clock, and that outputs may be under way with none acknowledged.
    frozen_after: Duration,
    /// Since the takeover.
    clock: Stopwatch,
    /// When the clock was looked at last.
    beat: Duration,
    /// When something was acknowledged last, or nothing was under way.
    moved: Duration,
}

impl<'o> Outlet<'o> {
    /// An outlet that was opened now; `timeout`: how long a record may wait for its acknowledgement.
    pub fn new(
        producer: Producer,
        (gauges, metrics): (&'o Gauges, &'o Metrics),
        place: (&'o str, u32),
        timeout: Duration,
    ) -> Self {
        let clock = Stopwatch::start();
        let (takeover, decided, beat) = (Takeover::new(timeout), BTreeMap::new(), clock.elapsed());
        let (frozen_after, moved) = (timeout, beat);
        Self { producer, gauges, metrics, place, takeover, decided, frozen_after, clock, beat, moved }
    }

    /// Time since it was opened.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Writes what an engine's record caused, which the log took at `at` (ms since the Unix epoch); gives the number of outputs.
    #[cold]
    pub fn output(&mut self, output: &Output, (offset, at): (u64, u64)) -> Result<u32, Stop> {
        self.look_at_the_clock()?;
        let ticket = ticket(offset);
        let mut outputs = 0;
        for decision in &output.decisions {
            self.producer.decision(decision, ticket)?;
            self.metrics.count_decision(decision.action, decision.mode);
            self.decided.insert(offset, at);
            outputs += 1;
        }
        for standing in output.standings.iter().filter(|standing| standing.account != ENFORCEMENT_KEY) {
            outputs += self.producer.standing(standing, ticket)?;
            self.takeover.changed(standing);
        }
        for relation in &output.relations {
            self.producer.relation(&relation_key(relation), relation, ticket);
            outputs += 1;
        }
        for proposal in &output.proposals {
            self.producer.internal_event(&proposal.event(), ticket)?;
            self.metrics.proposals.inc();
            outputs += 1;
        }
        for row in &output.rows {
            self.producer.row(row, ticket)?;
            outputs += 1;
        }
        Ok(outputs)
    }

    /// Writes facts into the accounts' own log; gives their number.
    pub fn facts(&mut self, facts: &[FactEvent], offset: u64) -> Result<u32, Stop> {
        self.look_at_the_clock()?;
        let mut outputs = 0;
        for fact in facts {
            self.producer.internal_event(&fact.event(), ticket(offset))?;
            outputs += 1;
        }
        self.metrics.facts.inc_by(u64::from(outputs));
        Ok(outputs)
    }

    /// Writes a refused record; gives the number of outputs.
    #[cold]
    pub fn reject(&mut self, refusal: Refusal, (offset, at): (u64, u64), raw: &[u8]) -> Result<u32, Stop> {
        self.look_at_the_clock()?;
        self.metrics.count_reject(refusal.reason);
        let (topic, partition) = self.place;
        let mut reject = Reject::new(refusal, topic, offset, at, raw);
        reject.partition = partition;
        self.producer.reject(&reject, ticket(offset))?;
        Ok(1)
    }

    /// Writes what the kill switch is; gives the number of outputs.
    pub fn enforcement(&mut self, standing: &Standing, offset: u64) -> Result<u32, Stop> {
        self.look_at_the_clock()?;
        self.takeover.changed(standing);
        Ok(self.producer.standing(standing, ticket(offset))?)
    }

    /// Says again what changed since the takeover, once it is time.
    pub fn say_again(&mut self) -> Result<(), Stop> {
        for standing in self.takeover.due(self.clock.elapsed()) {
            self.producer.standing(&standing, NO_OFFSET)?;
        }
        Ok(())
    }

    /// Hears acknowledgements; the tickets of those that are safe are appended to `done`.
    pub fn hear(
        &mut self,
        wait: Duration,
        heard: &mut Vec<Delivery>,
        done: &mut Vec<u64>,
    ) -> Result<(), Stop> {
        self.producer.hear(wait, self.clock.elapsed(), heard);
        self.look_whether_it_moves(heard.is_empty())?;
        for delivery in heard.drain(..) {
            if let Some(failure) = delivery.failed {
                return Err(Stop::Fell(format!("an output was not written: {failure}")));
            }
            if delivery.ticket != NO_OFFSET {
                done.push(delivery.ticket as u64);
            }
        }
        Ok(())
    }

    /// Everything that a record caused is safe.
    pub fn finished(&mut self, offset: u64) {
        if let Some(at) = self.decided.remove(&offset) {
            self.metrics.decision_latency.observe(now_ms().saturating_sub(at) as f64 / 1_000.0);
        }
    }

    /// For whoever waits within a record: the thread lives, and is asked whether it is still wanted.
    pub fn go_on(&mut self) -> Result<(), Stop> {
        self.gauges.pulse.beat();
        if !self.gauges.is_wanted() {
            return Err(Stop::Wished);
        }
        self.look_at_the_clock()
    }

    /// A thread that was frozen for long must not write: its partition may be another's.
    pub fn look_at_the_clock(&mut self) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        let since = now.saturating_sub(self.beat);
        self.beat = now;
        if self.producer.under_way() == 0 {
            self.moved = now;
        }
        if since > self.frozen_after {
            return Err(Stop::Fell(format!("frozen for {} s", since.as_secs())));
        }
        Ok(())
    }

    /// Relations and facts have no timeout of the client's own, so that none goes before one that is lost: if nothing is acknowledged
    /// for as long as any other output may wait, they are given up all together.
    fn look_whether_it_moves(&mut self, is_silent: bool) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        if !is_silent || self.producer.under_way() == 0 {
            self.moved = now;
        }
        let since = now.saturating_sub(self.moved);
        if since > self.frozen_after {
            return Err(Stop::Fell(format!("no output was acknowledged for {} s", since.as_secs())));
        }
        Ok(())
    }
}

/// A record's offset as the ticket of its outputs.
pub fn ticket(offset: u64) -> usize {
    usize::try_from(offset).expect("weir runs where a pointer has 64 bits")
}
