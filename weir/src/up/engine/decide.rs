//! One record: decoded, decided about, told to whoever waits for it.
//!
//! Separate from batches and commits. Invariants: a record is taken, passed over or refused, never two of them; what an activation
//! names is loaded before it is processed, or the record is refused and the old version stays in force; what decided before
//! decides again.

use ingest::journal::Record;
use schema::{Activate, Body, Checked, Event, Refusal};
use scorer::Outcome;
use tokio::sync::oneshot;

use super::Line;
use crate::error::Error;
use crate::registry::Registry;
use crate::telemetry::LOAD;
use crate::telemetry::metrics::RecordOutcome;
use crate::up::state::Deciding;

impl Line {
    pub(super) fn record(
        &mut self,
        record: &Record<'_>,
        watcher: Option<oneshot::Sender<Checked>>,
    ) -> Result<(), Error> {
        let outcome = match self.decide(record)? {
            Ok(outcome) => outcome,
            Err(refusal) => {
                self.reject(record, refusal);
                RecordOutcome::Rejected
            }
        };
        self.results.counts[outcome as usize] += 1;
        if let Some(watcher) = watcher {
            self.results.answers.push((watcher, self.checked(record, outcome)));
        }
        // What an earlier process wrote is in the journal: decided again, written once.
        if record.position > self.written {
            self.keep(record);
        }
        self.output.clear();
        Ok(())
    }

    /// Decides about a record, or says why it is refused; an error if what was decided before cannot be decided again.
    fn decide(&mut self, record: &Record<'_>) -> Result<Result<RecordOutcome, Refusal>, Error> {
        let raw = match schema::json::decode(record.body) {
            Ok(raw) => raw,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let event = match raw.event() {
            Ok(Some(event)) => Event { at: Some(record.at), ..event },
            Ok(None) => return Ok(Ok(RecordOutcome::UnknownKind)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(needed) = self.engine.needs(&event) {
            self.ends.state.pulse.expect_within(LOAD);
            let wanted = (&needed, event.body.sha256());
            match Registry::provide(Some(&self.registry), &mut self.engine, wanted) {
                Ok(()) => {}
                Err(refusal) if record.position <= self.written => return Err(gone(&refusal)),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        let outcome = match self.engine.process(&event, record.position, &mut self.output) {
            Outcome::Decided => RecordOutcome::Decided,
            Outcome::Quiet => RecordOutcome::Quiet,
            Outcome::Duplicate => RecordOutcome::Duplicate,
            Outcome::Rejected(refusal) => return Ok(Err(refusal)),
        };
        if let Body::Activate(activate) = &event.body
            && outcome != RecordOutcome::Duplicate
        {
            let Activate { what, name, version, .. } = activate;
            let (role, decides_as) = (scorer::Role::of(activate), &*self.engine.versions().model);
            tracing::info!(%what, name, version, ?role, decides_as, "a version was activated");
            self.tell_deciding();
        }
        Ok(Ok(outcome))
    }

    /// Tells what decides from here on.
    pub(super) fn tell_deciding(&self) {
        self.ends.state.deciding.send_replace(Deciding::of(&self.engine));
    }

    fn checked(&self, record: &Record<'_>, outcome: RecordOutcome) -> Checked {
        let account = std::str::from_utf8(record.key).unwrap_or_default();
        Checked {
            outcome: outcome.word().to_owned(),
            decisions: self.output.decisions.clone(),
            standing: self.engine.standing(account, record.at),
            position: Some(record.position),
        }
    }
}

fn gone(refusal: &Refusal) -> Error {
    let detail = format!(
        "{}: it was in force when the server ran last, and what followed must be decided again by it. Put the file back into the \
         registry as it was",
        refusal.detail
    );
    Error::Role(detail)
}
