//! Why a case is there, and what follows from that: its class in the queue, its clock, and whether it is blind.
//!
//! Separate, because the order of the queue is policy that people discuss, in one table. Invariants: a number never changes its
//! meaning (it lies in the file); a stronger cause has a smaller number.

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// Why a case was opened; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A report of a threat or about the safety of a child.
    Urgent,
    /// The account's holder asks for a review.
    Appeal,
    /// Automation banned it.
    Ban,
    /// A rule or score band asks for a human.
    Review,
    /// A reviewer opened it.
    Opened,
    /// A sampled decision of automation, or an account without any that was drawn at random, to be judged blind.
    Audit,
    /// A sampled verdict of a human, to be judged blind by another.
    Second,
    /// An account whose answer is known; to whoever answers it is an audit.
    Golden,
    /// Two people disagree about an account: a lead who is neither of them judges it, blind.
    Dispute,
}

impl Cause {
    /// All of them, by number.
    pub const ALL: [Cause; 9] = [
        Self::Urgent,
        Self::Appeal,
        Self::Ban,
        Self::Review,
        Self::Opened,
        Self::Audit,
        Self::Second,
        Self::Golden,
        Self::Dispute,
    ];

    /// The word used in pages, addresses and ids. A golden item has that of an audit: nobody sees which is which.
    pub const fn word(self) -> &'static str {
        match self {
            Cause::Urgent => "urgent",
            Cause::Appeal => "appeal",
            Cause::Ban => "ban",
            Cause::Review => "review",
            Cause::Opened => "opened",
            Cause::Audit | Cause::Golden => "audit",
            Cause::Second => "second",
            Cause::Dispute => "dispute",
        }
    }

    /// The cause of a number in the file.
    pub fn from_number(number: i64) -> Option<Cause> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Its class in the queue: 0 urgent, 1 appeals and bans in force, 2 all others.
    pub const fn class(self) -> i64 {
        match self {
            Cause::Urgent => 0,
            Cause::Appeal | Cause::Ban => 1,
            Cause::Review | Cause::Opened | Cause::Audit | Cause::Second | Cause::Golden | Cause::Dispute => {
                2
            }
        }
    }

    /// How long until it should be decided, ms of staff's time.
    pub const fn due_ms(self) -> u64 {
        match self {
            Cause::Urgent => HOUR_MS,
            Cause::Appeal | Cause::Ban => 24 * HOUR_MS,
            Cause::Review | Cause::Opened | Cause::Audit | Cause::Second | Cause::Golden | Cause::Dispute => {
                72 * HOUR_MS
            }
        }
    }

    /// Whether it is judged without score, bars, prior decisions and verdicts.
    pub const fn is_blind(self) -> bool {
        matches!(self, Cause::Audit | Cause::Second | Cause::Golden | Cause::Dispute)
    }

    /// Whether it is worked by itself, never with many others.
    pub const fn is_alone(self) -> bool {
        matches!(self, Cause::Urgent | Cause::Appeal) || self.is_blind()
    }

    /// Whether it is for leads alone.
    pub const fn is_for_leads(self) -> bool {
        matches!(self, Cause::Dispute)
    }

    /// Whether it closes as unreviewed if nobody comes to it within the day's budget. What a person asked for never does.
    pub const fn has_budget(self) -> bool {
        matches!(self, Cause::Ban | Cause::Review | Cause::Audit | Cause::Golden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_cause_and_back() {
        for (number, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!((cause as i64, Cause::from_number(number as i64)), (number as i64, Some(cause)));
        }
        assert_eq!((Cause::from_number(-1), Cause::from_number(9)), (None, None));
    }
}
