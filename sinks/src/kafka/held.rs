//! Relations that wait until those before them are acknowledged, and then go together.
//!
//! Separate from the producer, which writes everything else at once. It is so because librdkafka's idempotent producer holds the
//! *messages* of a partition that are under way against its window of five requests: whatever waits longer than `linger.ms` behind
//! them keeps its thread polling without a pause until the broker answers (118,000 times a second were seen, 40 % of a worker's
//! processor time). Relations are by far the most frequent output, and the only one that nobody waits for: under load they go a few
//! times a second, since each time costs the broker a request to take them and an answer to whoever reads them. Invariants: their
//! order is kept; each is written or heard of as failed; decisions neither wait for them nor hold them up.

use std::time::Duration;

use crate::kafka::Delivery;

/// Shortest time between two sendings.
const EVERY: Duration = Duration::from_millis(50);
/// So many do not wait for that time.
const AT_ONCE: usize = 4_000;

/// Marks the ticket of a relation while it is under way; no offset is so large.
const MARK: usize = 1 << 62;
/// The ticket of a record that no offset waits for has every bit.
const NONE: usize = usize::MAX;

/// One that waits.
pub(super) struct Waiting {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
    /// The caller's ticket.
    pub ticket: usize,
}

/// Those that wait, and how many are under way.
#[derive(Default)]
pub(super) struct Held {
    waiting: Vec<Waiting>,
    under_way: usize,
    /// When some went last, by the caller's clock.
    went: Option<Duration>,
}

impl Held {
    /// Takes one that is to be written.
    pub fn hold(&mut self, relation: Waiting) {
        self.waiting.push(relation);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// All that wait, if none is under way any more and the last ones went long enough before `now`.
    pub fn due(&mut self, now: Duration) -> Vec<Waiting> {
        let rested = self.went.is_none_or(|went| now.saturating_sub(went) >= EVERY);
        let is_time = rested || self.waiting.len() >= AT_ONCE;
        if self.under_way > 0 || self.waiting.is_empty() || !is_time {
            return Vec::new();
        }
        self.went = Some(now);
        std::mem::take(&mut self.waiting)
    }

    /// All that wait: they are not written any more.
    pub fn forget(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting)
    }

    /// One was handed to the client under this ticket.
    pub fn sent(&mut self) {
        self.under_way += 1;
    }

    /// The ticket under which one goes.
    pub fn marked(ticket: usize) -> usize {
        ticket | MARK
    }

    /// Something was heard of: takes the mark off, if it was a relation.
    pub fn heard(&mut self, delivery: &mut Delivery) {
        if delivery.ticket != NONE && delivery.ticket & MARK != 0 {
            delivery.ticket &= !MARK;
            self.under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(1);

    fn waiting(ticket: usize) -> Waiting {
        Waiting { key: String::new(), value: Vec::new(), ticket }
    }

    fn tickets(relations: Vec<Waiting>) -> Vec<usize> {
        relations.into_iter().map(|relation| relation.ticket).collect()
    }

    #[test]
    fn they_go_together_once_those_before_them_were_heard_of() {
        let mut held = Held::default();
        held.hold(waiting(7));
        held.hold(waiting(8));
        assert_eq!(tickets(held.due(Duration::ZERO)), [7, 8]);
        held.sent();
        held.sent();
        held.hold(waiting(9));
        assert_eq!((tickets(held.due(LATER)), held.waiting()), (vec![], 1));
        for ticket in [7, 8] {
            let mut delivery = Delivery { ticket: Held::marked(ticket), failed: None };
            assert!(held.due(LATER).is_empty());
            held.heard(&mut delivery);
            assert_eq!(delivery.ticket, ticket);
        }
        assert_eq!(tickets(held.due(LATER)), [9]);
    }

    #[test]
    fn they_rest_between_two_sendings_unless_they_are_many() {
        let mut held = Held::default();
        held.hold(waiting(1));
        assert_eq!(tickets(held.due(LATER)), [1]);
        held.hold(waiting(2));
        assert!(held.due(LATER + EVERY / 2).is_empty());
        assert_eq!(tickets(held.due(LATER + EVERY)), [2]);
        (0..AT_ONCE).for_each(|ticket| held.hold(waiting(ticket)));
        assert_eq!(held.due(LATER + EVERY).len(), AT_ONCE);
    }

    #[test]
    fn what_is_no_relation_counts_for_none() {
        let mut held = Held::default();
        held.sent();
        held.hold(waiting(9));
        for ticket in [5, NONE] {
            let mut delivery = Delivery { ticket, failed: None };
            held.heard(&mut delivery);
            assert_eq!((delivery.ticket, held.due(LATER).len()), (ticket, 0));
        }
        assert_eq!(tickets(held.forget()), [9]);
    }
}
