//! Relations that wait until those before them are acknowledged, and then go together.
//!
//! Separate from the producer, which writes everything else at once. It is so because librdkafka's idempotent producer holds the
//! *messages* of a partition that are under way against its window of five requests: whatever waits longer than `linger.ms` behind
//! them keeps its thread polling without a pause until the broker answers (118,000 times a second were seen, 40 % of a worker's
//! processor time). Relations are by far the most frequent output, and the only one that nobody waits for. Invariants: their order
//! is kept; each is written or heard of as failed; decisions neither wait for them nor hold them up.

use crate::kafka::Delivery;

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

    /// All that wait, if none is under way any more.
    pub fn due(&mut self) -> Vec<Waiting> {
        if self.under_way == 0 { std::mem::take(&mut self.waiting) } else { Vec::new() }
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
        assert_eq!(tickets(held.due()), [7, 8]);
        held.sent();
        held.sent();
        held.hold(waiting(9));
        assert_eq!((tickets(held.due()), held.waiting()), (vec![], 1));
        for ticket in [7, 8] {
            let mut delivery = Delivery { ticket: Held::marked(ticket), failed: None };
            assert!(held.due().is_empty());
            held.heard(&mut delivery);
            assert_eq!(delivery.ticket, ticket);
        }
        assert_eq!(tickets(held.due()), [9]);
    }

    #[test]
    fn what_is_no_relation_counts_for_none() {
        let mut held = Held::default();
        held.sent();
        held.hold(waiting(9));
        for ticket in [5, NONE] {
            let mut delivery = Delivery { ticket, failed: None };
            held.heard(&mut delivery);
            assert_eq!((delivery.ticket, held.due().len()), (ticket, 0));
        }
        assert_eq!(tickets(held.forget()), [9]);
    }
}
