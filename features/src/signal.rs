//! What an event says to the counters, in a few bytes.
//!
//! Separate from the event, so that a counter's row is one expression over flags instead of a walk through kinds, and
//! from the state, so that the two tiers are fed the same thing. Invariant: what the event left unknown is `None`.

/// One event as the counters see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signal {
    /// A message was sent.
    pub message: bool,
    /// It was direct.
    pub direct: bool,
    /// It was the first between the two, as told or estimated.
    pub first_contact: bool,
    /// The gateway told so: an estimate takes everybody whom the account answers for a new chat.
    pub told_first: bool,
    /// The recipient has the sender in contacts.
    pub in_contacts: Option<bool>,
    /// It was forwarded.
    pub forwarded: Option<bool>,
    /// A typing indicator was shown before.
    pub typed: Option<bool>,
    /// A peer answered.
    pub reply: bool,
    /// A message could not be delivered.
    pub undelivered: bool,
    /// A peer blocked.
    pub block: bool,
    /// A peer reported.
    pub report: bool,
    /// The block or report earned credit; `amount` has it.
    pub credited: bool,
    /// A group was created.
    pub group_create: bool,
    /// Members were added; `amount` has how many.
    pub group_add: bool,
    /// A member left.
    pub group_leave: bool,
    /// Numbers were looked up; `amount` has how many.
    pub lookup: bool,
    /// Acts were refused; `amount` has how many.
    pub refused: bool,
    /// Whether `part` is known.
    pub part_known: bool,
    /// Members added, numbers looked up, acts refused, or credit in 1/256; for a message or reply a fingerprint of the
    /// peer or group, which is not counted.
    pub amount: u16,
    /// Of the amount, those known (members with the account in contacts, registered numbers).
    pub part: u16,
}
