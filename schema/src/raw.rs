//! The flat wire shape of an event: every documented field, all optional, nothing checked but its type.
//!
//! Separate from [`crate::Event`], because both encodings share it and because an unknown kind must pass through it. Invariants:
//! a field is declared once, here, in the order it is written; an absent field stays absent; no field holds free text.

mod check;
mod from;
mod text;

use crate::event::{Limit, Origin};
pub use text::Text;

/// Declares the record, its field names and the dispatch from a field to its value.
macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)+) => {
        /// One record as it is on the wire. A JSON `null` reads as absent.
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default, bound(deserialize = "'de: 'a"))]
        pub struct RawEvent<'a> {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)+
        }

        /// A field of [`RawEvent`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(non_camel_case_types, reason = "a field is called what it is called on the wire")]
        pub(crate) enum Field { $($name,)+ }

        impl Field {
            /// Every field, in wire order.
            pub(crate) const ALL: &'static [Field] = &[$(Field::$name,)+];
        }

        /// Names of every field on the wire, in wire order.
        pub const FIELDS: &[&str] = &[$(stringify!($name),)+];

        impl<'a> RawEvent<'a> {
            /// Reads the value of one field.
            #[inline]
            pub(crate) fn read(&mut self, field: Field, cursor: &mut crate::json::Cursor<'a>)
                -> Result<(), crate::json::Fault>
            {
                match field {
                    $(Field::$name => self.$name = Some(crate::json::Value::read(cursor)?),)+
                }
                Ok(())
            }

            /// Takes the plain text between two quotes; `None` if the field is no text.
            #[inline]
            pub(crate) fn put_text(&mut self, field: Field, text: &'a str) -> Option<()> {
                match field {
                    $(Field::$name => self.$name = Some(crate::json::Value::from_plain(text)?),)+
                }
                Some(())
            }

            /// Takes a value that is no string and gives its length; `None` if unsure.
            #[inline]
            pub(crate) fn put_token(&mut self, field: Field, bytes: &[u8]) -> Option<usize> {
                match field {
                    $(Field::$name => {
                        let (value, length) = crate::json::Value::from_token(bytes)?;
                        self.$name = Some(value);
                        Some(length)
                    })+
                }
            }

            /// Writes every field that is present as `,"name":value`.
            #[inline]
            pub(crate) fn write(&self, out: &mut Vec<u8>) {
                $(if let Some(value) = &self.$name {
                    out.extend_from_slice(concat!(",\"", stringify!($name), "\":").as_bytes());
                    crate::json::Value::write(value, out);
                })+
            }
        }
    };
}

wire! {
    /// Unique id.
    id: Text<'a>,
    /// Event time, ms since the Unix epoch.
    ts: u64,
    /// When the log took it, ms since the Unix epoch.
    at: u64,
    /// Wire word of the kind.
    kind: Text<'a>,
    /// The account whose standing the event changes.
    account: Text<'a>,
    /// Age of the account, hours.
    age_h: f32,
    /// Hours since the account was last active.
    idle_h: f32,
    /// The other account.
    peer: Text<'a>,
    /// `direct` or `group`.
    chat: Text<'a>,
    /// The group's pseudonym.
    group: Text<'a>,
    /// Members of the group.
    group_size: u32,
    /// First message ever between the two.
    first_contact: bool,
    /// The recipient has the sender in the address book.
    in_contacts: bool,
    /// The message was forwarded.
    forwarded: bool,
    /// A typing indicator was shown before.
    typed: bool,
    /// Size bucket 0..=15: log2 of bytes, capped.
    size: u32,
    /// Who wrote first: `none`, `author`, `account`.
    contact: Text<'a>,
    /// Age of a feedback's author, hours.
    peer_age_h: f32,
    /// Device of a feedback's author.
    peer_device: Text<'a>,
    /// Network prefix of a feedback's author.
    peer_prefix: Text<'a>,
    /// Number range of a feedback's author.
    peer_range: Text<'a>,
    /// What a report is for.
    reason: Text<'a>,
    /// Numbers looked up, members added, or acts refused.
    count: u32,
    /// Of the numbers looked up, registered.
    hits: u32,
    /// Of the members added, how many have the account in their contacts.
    known: u32,
    /// Pseudonym of the device.
    device: Text<'a>,
    /// Network prefix.
    ip_prefix: Text<'a>,
    /// Autonomous system number.
    asn: u32,
    /// Pseudonym of the block of numbers.
    number_range: Text<'a>,
    /// Client build.
    client: Text<'a>,
    /// ISO 3166-1 alpha-2 country of the number.
    country: Text<'a>,
    /// ISO 3166-1 alpha-2 country of the network.
    ip_country: Text<'a>,
    /// What the account is registered as.
    tier: Text<'a>,
    /// The client proved itself genuine.
    attested: bool,
    /// The decision answered, appealed against or judged.
    decision: Text<'a>,
    /// Whether the challenge was passed.
    passed: bool,
    /// Scope of a restriction.
    scope: Text<'a>,
    /// Internal: `kind:pseudonym` of a shared entity.
    entity: Text<'a>,
    /// Internal: accounts seen on the entity in 24 h.
    accounts_24h: u32,
    /// Internal: of them, registered in 24 h.
    registered_24h: u32,
    /// Internal: of them, restricted in 24 h.
    restricted_24h: u32,
    /// Internal: other accounts on the entity, most recent first.
    co_accounts: Vec<Text<'a>>,
    /// Internal: the record that caused the fact or proposal.
    origin: Origin,
    /// Internal: what the reviewer decided.
    verdict: Text<'a>,
    /// Internal: the reviewer, a pseudonym.
    actor: Text<'a>,
    /// Internal: limit of the new restriction.
    limit: Limit,
    /// Internal: end of the new restriction, ms since the Unix epoch.
    expires: u64,
    /// Internal: id of the control record.
    control: Text<'a>,
    /// Internal: what kind of thing is activated.
    what: Text<'a>,
    /// Internal: its name, or that of the rule that proposes something.
    name: Text<'a>,
    /// Internal: its version.
    version: Text<'a>,
    /// Internal: the feature that a proposal rests on.
    feature: Text<'a>,
    /// Internal: the feature's value.
    value: f32,
    /// Internal: `enforce` or `shadow`.
    mode: Text<'a>,
    /// Internal: share of accounts, 0..1.
    share: f32,
    /// Internal: SHA-256 of what is activated, hexadecimal.
    sha256: Text<'a>,
    /// Internal: the review that is taken back, or the decision that is put right.
    undoes: Text<'a>,
}

impl Field {
    /// The field's name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        FIELDS[self as usize]
    }
}
