//! The optional fields of the contract, so that a run can leave any of them unknown.
//!
//! Separate, because the names are the contract's, not a persona's. Invariant: a field that is left out is left out of
//! every event of the run, whoever causes it.

use schema::{Body, Event, Feedback, GroupAdd, Message, Session};

use crate::Error;

/// Every optional field, in the order of its bit.
pub const FIELDS: [&str; 24] = [
    "age_h",
    "idle_h",
    "first_contact",
    "in_contacts",
    "forwarded",
    "typed",
    "size",
    "group_size",
    "contact",
    "peer_age_h",
    "peer_device",
    "peer_prefix",
    "peer_range",
    "hits",
    "known",
    "device",
    "ip_prefix",
    "asn",
    "number_range",
    "client",
    "country",
    "ip_country",
    "tier",
    "attested",
];

/// A set of optional fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSet(u32);

impl FieldSet {
    /// No field.
    pub const NONE: FieldSet = FieldSet(0);

    /// Parses names separated by commas; empty text is the empty set.
    ///
    /// # Errors
    /// [`Error::UnknownField`] with the name that is no optional field of the contract.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut set = 0;
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let bit = FIELDS.iter().position(|field| *field == name);
            set |= 1 << bit.ok_or_else(|| Error::UnknownField(name.to_owned()))?;
        }
        Ok(Self(set))
    }

    /// Whether the field at this place of [`FIELDS`] is in the set.
    const fn has(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }

    /// Makes every field of the set unknown.
    pub(crate) fn strip(self, event: &mut Event<'_>) {
        if self.0 == 0 {
            return;
        }
        self.clear(0, &mut event.age_h);
        self.clear(1, &mut event.idle_h);
        match &mut event.body {
            Body::Registration(session) | Body::Session(session) => self.strip_session(session),
            Body::Message(message) => self.strip_message(message),
            Body::Block(feedback) | Body::Report { feedback, .. } => self.strip_feedback(feedback),
            Body::GroupCreate { group_size, .. } => self.clear(7, group_size),
            Body::GroupAdd(GroupAdd { group_size, known, .. }) => {
                self.clear(7, group_size);
                self.clear(14, known);
            }
            Body::Lookup { hits, .. } => self.clear(13, hits),
            _ => {}
        }
    }

    fn clear<T>(self, bit: u32, field: &mut Option<T>) {
        if self.has(bit) {
            *field = None;
        }
    }

    fn strip_message(self, message: &mut Message<'_>) {
        self.clear(2, &mut message.first_contact);
        self.clear(3, &mut message.in_contacts);
        self.clear(4, &mut message.forwarded);
        self.clear(5, &mut message.typed);
        self.clear(6, &mut message.size);
        self.clear(7, &mut message.group_size);
    }

    fn strip_feedback(self, feedback: &mut Feedback<'_>) {
        self.clear(8, &mut feedback.contact);
        self.clear(9, &mut feedback.peer_age_h);
        self.clear(10, &mut feedback.peer_device);
        self.clear(11, &mut feedback.peer_prefix);
        self.clear(12, &mut feedback.peer_range);
    }

    fn strip_session(self, session: &mut Session<'_>) {
        self.clear(15, &mut session.device);
        self.clear(16, &mut session.ip_prefix);
        self.clear(17, &mut session.asn);
        self.clear(18, &mut session.number_range);
        self.clear(19, &mut session.client);
        self.clear(20, &mut session.country);
        self.clear(21, &mut session.ip_country);
        self.clear(22, &mut session.tier);
        self.clear(23, &mut session.attested);
    }
}
