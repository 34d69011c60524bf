//! Feature rows: the vector exactly as it was at a decision, a feedback, or a sample of all else.
//!
//! Separate, because it runs only if somebody asked. Invariant: a row's weight is 1 / the probability that it was kept.

use features::CATALOG;
use schema::{Body, Event, HOLDOUT, Row, RowWhy};

use super::{Engine, Occasion, Output, kind_number};
use crate::hash::share_of;

impl Engine {
    /// Keeps a row of this event, if there is a reason to. `before`: decisions before it; `is_current`: the vector is that of
    /// its decision.
    pub(super) fn keep_row(
        &mut self,
        occasion: &Occasion<'_>,
        (before, is_current): (usize, bool),
        offset: u64,
        output: &mut Output,
    ) {
        let share = self.rows.unwrap_or(0.0);
        let event = occasion.event;
        let made = output.decisions.len() - before;
        let (why, weight) = match &event.body {
            _ if output.decisions[before..].iter().any(|one| one.probability(HOLDOUT).is_some()) => {
                (RowWhy::Holdout, 1.0)
            }
            _ if made > 0 => (RowWhy::Decision, 1.0),
            Body::Block(_) | Body::Report { .. } => (RowWhy::Feedback, 1.0),
            _ if share_of("row", event.id) < share => (RowWhy::Sample, (1.0 / share) as f32),
            _ => return,
        };
        if !is_current {
            // Nothing was decided by it: the vector is still as the event left it.
            self.store.vector(occasion.slot, event.ts, &mut self.vector);
        }
        let row = self.row_of((event.id, event.account), (occasion.at, offset), (why, weight));
        output.rows.push(Row {
            score: Some(occasion.score).filter(|s| !s.is_nan()),
            decisions: output.decisions[before..].iter().map(|d| d.id.clone()).collect(),
            ..row
        });
    }

    /// The row of the present vector, without score and decisions.
    pub(super) fn row_of(
        &self,
        (event, account): (&str, &str),
        (at, offset): (u64, u64),
        (why, weight): (RowWhy, f32),
    ) -> Row {
        Row {
            event: event.to_owned(),
            account: account.to_owned(),
            at,
            partition: self.partition,
            offset,
            why,
            weight,
            catalog: self.versions.features.clone(),
            values: (0..CATALOG.len()).map(|f| self.vector.get(f)).collect(),
            score: None,
            model: self.models.of(account).map_or(String::new(), |model| model.version().to_owned()),
            decisions: Vec::new(),
        }
    }

    /// Keeps a row of a verdict by which decisions were made after the first `before`: the account as it was for the reviewer's
    /// word. None if its features are forgotten.
    pub(super) fn keep_verdict_row(
        &mut self,
        event: &Event<'_>,
        (at, offset): (u64, u64),
        before: usize,
        output: &mut Output,
    ) {
        let Some(slot) = self.store.slot_of(event.account) else { return };
        self.store.vector(slot, event.ts, &mut self.vector);
        let kind = kind_number(&event.body);
        let occasion = Occasion { event, slot, at, kind, score: f32::NAN, blocklisted: false };
        self.keep_row(&occasion, (before, true), offset, output);
    }
}
