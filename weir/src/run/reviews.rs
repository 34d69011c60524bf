//! Accepting: the work of a partition of `weir.reviews`, whose verdicts go into the accounts' own log.
//!
//! Separate from deciding, which sees only what lies in that log. Reviews lie in the partition of their account, so that verdicts about
//! one account keep their order. Invariants: a review that came before becomes the same event, which engines know; acts other
//! than verdicts are nobody's business here; a verdict's time is when the log of reviews took it, whatever the reviewer's clock said, so
//! that engines know what is younger.

use ingest::kafka::{Admission, Message};
use schema::{Event, Refusal, RejectReason, Review};

use super::line::{Stop, Work};
use super::outlet::{Outlet, ticket};
use crate::saving::State;

/// Turns verdicts into events.
pub struct Accepter<'o> {
    admission: &'o Admission,
    /// The log's time: highest so far, ms since the Unix epoch.
    at: u64,
}

impl<'o> Accepter<'o> {
    /// Accepts by the rules of its partition, whose log stands at `at` (ms since the Unix epoch).
    pub fn new(admission: &'o Admission, at: u64) -> Self {
        Self { admission, at }
    }

    fn review(&self, message: &Message<'_>) -> Result<Review, Refusal> {
        let review: Review = serde_json::from_slice(message.value())
            .map_err(|error| Refusal::new(RejectReason::Malformed, format!("no review: {error}")))?;
        review.check()?;
        self.admission.check_place(&message.record(), &review.account)?;
        Ok(review)
    }
}

impl Work for Accepter<'_> {
    const IS_PLACE_ALONE: bool = true;

    fn record(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let offset = message.offset();
        self.at = self.at.max(message.record().at.unwrap_or(0));
        let review = match self.review(message) {
            Ok(review) => review,
            Err(refusal) => return outlet.reject(refusal, (offset, self.at), message.value()),
        };
        let id = review.event_id();
        let Some(event) = review.verdict_event(&id) else { return Ok(0) };
        let event = Event { ts: message.record().at.unwrap_or(event.ts), ..event };
        outlet.look_at_the_clock()?;
        outlet.producer.internal_event(&event, ticket(offset))?;
        Ok(1)
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
}

/// Nothing but the place.
impl State for Accepter<'_> {
    fn begin(&mut self, _: bool) -> bool {
        true
    }

    fn write(&mut self, _: usize, _: &mut Vec<u8>) -> bool {
        true
    }

    fn abandon(&mut self) {}

    fn at_ms(&self) -> u64 {
        self.at
    }
}
