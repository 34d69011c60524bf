//! Accepting: the work of a partition of `weir.reviews`, whose verdicts go into the accounts' own log.
//!
//! Separate from deciding, which sees only what lies in that log. Reviews lie in the partition of their account, so that verdicts about
//! one account keep their order. Invariants: a review that came before becomes the same event, which engines know; acts other
//! than verdicts are nobody's business here.

use ingest::kafka::{Admission, Message};
use schema::{Refusal, RejectReason, Review};

use super::line::{Stop, Work};
use super::outlet::{Outlet, ticket};

/// Turns verdicts into events.
pub struct Accepter<'o> {
    admission: &'o Admission,
    /// The log's time: highest so far, ms since the Unix epoch.
    at: u64,
}

impl<'o> Accepter<'o> {
    /// Accepts by the rules of its partition.
    pub fn new(admission: &'o Admission) -> Self {
        Self { admission, at: 0 }
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
    fn record(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let offset = message.offset();
        self.at = self.at.max(message.record().at.unwrap_or(0));
        let review = match self.review(message) {
            Ok(review) => review,
            Err(refusal) => return outlet.reject(refusal, (offset, self.at), message.value()),
        };
        let id = review.event_id();
        let Some(event) = review.verdict_event(&id) else { return Ok(0) };
        outlet.look_at_the_clock()?;
        outlet.producer.internal_event(&event, ticket(offset))?;
        Ok(1)
    }
}
