//! A metadata event: something that changes an account's standing. Never content.
//!
//! Separate from its encodings (`raw`, `json`, `protobuf`), so that the core sees one validated type in which the
//! preconditions of each kind are fields, not checks. Invariants: an absent optional field is `None` (unknown), never
//! `false` or 0; every identifier is 1 to 64 bytes (the key of a shared thing: the word of its kind before it); every number
//! is within `limits`; no field can hold content.

mod word;

pub(crate) use word::words;
pub use word::{Chat, Contact, ControlKind, EntityKind, ReportReason, Scope, Tier, Verdict};

use crate::decision::Mode;

/// One event. All text is borrowed from the record it was decoded from.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// Unique id, 1 to 64 bytes; a repeat within the last 2^20 ids of the partition is passed over.
    pub id: &'a str,
    /// When it happened, ms since the Unix epoch (UTC).
    pub ts: u64,
    /// When the log took it, ms since the Unix epoch; in a file the field `at`. `None`: the highest `ts` so far.
    pub at: Option<u64>,
    /// The account whose standing the event changes: the target of a report, not its author. Of a verdict it may, of a
    /// proposal it must be the key of a shared thing, `device:…` or `number_range:…`.
    pub account: &'a str,
    /// Age of the account, hours. Unknown age is never young.
    pub age_h: Option<f32>,
    /// Hours since the account was last active.
    pub idle_h: Option<f32>,
    /// What happened.
    pub body: Body<'a>,
}

/// What happened, one variant a kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<'a> {
    /// The account was registered.
    Registration(Session<'a>),
    /// The account connected.
    Session(Session<'a>),
    /// The account sent a message.
    Message(Message<'a>),
    /// A peer's first message after the account's first contact with it: once a pair.
    Reply {
        /// Who answered.
        peer: &'a str,
    },
    /// A message of the account could not be delivered (never-active or vanished number).
    Undelivered {
        /// To whom.
        peer: Option<&'a str>,
    },
    /// A peer blocked the account.
    Block(Feedback<'a>),
    /// A peer took its block back.
    Unblock {
        /// Who.
        peer: &'a str,
    },
    /// A peer reported the account.
    Report {
        /// Who, and how credible.
        feedback: Feedback<'a>,
        /// What for.
        reason: ReportReason,
    },
    /// The account created a group.
    GroupCreate {
        /// The group's pseudonym.
        group: Option<&'a str>,
        /// Members.
        group_size: Option<u32>,
    },
    /// The account added members to a group, in one act.
    GroupAdd(GroupAdd<'a>),
    /// Somebody whom the account had added left.
    GroupLeave {
        /// Who left.
        peer: &'a str,
        /// The group's pseudonym.
        group: Option<&'a str>,
    },
    /// Contact discovery: the account looked numbers up.
    Lookup {
        /// Numbers new since the last sync of the address book.
        count: u32,
        /// Of those, registered.
        hits: Option<u32>,
    },
    /// The account answered a challenge.
    ChallengeResult {
        /// The decision that challenged it.
        decision: &'a str,
        /// Whether it passed.
        passed: bool,
    },
    /// Acts that the gateway refused under a restriction; at most one event a minute and account.
    Refused {
        /// Scope of the restriction.
        scope: Scope,
        /// Acts refused.
        count: u32,
    },
    /// The account's holder asks for a review.
    Appeal {
        /// The decision appealed against.
        decision: &'a str,
    },
    /// The account is gone: features, rows and notes of it go too.
    Deletion,
    /// Internal: what is known of something that the account shares with others.
    Entity(EntityFact<'a>),
    /// Internal: an accepted act of a reviewer.
    Verdict(VerdictEvent<'a>),
    /// Internal: a version takes effect at this record.
    Activate(Activate<'a>),
    /// Internal: a rule that was enforced against an account wants registration on a shared thing challenged.
    Proposal(Proposal<'a>),
}

/// Facts of a registration or session. Pseudonyms and coarse network facts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Session<'a> {
    /// Pseudonym of the device.
    pub device: Option<&'a str>,
    /// Network prefix (for example a /24 or /48), pseudonym or text.
    pub ip_prefix: Option<&'a str>,
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// Pseudonym of the block of numbers that the account's number lies in (for example ten thousand).
    pub number_range: Option<&'a str>,
    /// Client build, as the gateway names it.
    pub client: Option<&'a str>,
    /// ISO 3166-1 alpha-2 country of the number.
    pub country: Option<[u8; 2]>,
    /// ISO 3166-1 alpha-2 country of the network.
    pub ip_country: Option<[u8; 2]>,
    /// What the account is registered as.
    pub tier: Option<Tier>,
    /// The client proved itself genuine.
    pub attested: Option<bool>,
}

/// A sent message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// Direct or into a group.
    pub chat: Chat,
    /// The recipient (direct).
    pub peer: Option<&'a str>,
    /// The group's pseudonym.
    pub group: Option<&'a str>,
    /// Members of the group.
    pub group_size: Option<u32>,
    /// First message ever between the two; if absent, estimated from the account's recent peers.
    pub first_contact: Option<bool>,
    /// The recipient has the sender in the address book.
    pub in_contacts: Option<bool>,
    /// The message was forwarded.
    pub forwarded: Option<bool>,
    /// A typing indicator was shown before.
    pub typed: Option<bool>,
    /// Size bucket 0..=15: log2 of bytes, capped.
    pub size: Option<u8>,
}

/// Members added to a group in one act.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupAdd<'a> {
    /// The added account, if `count` is 1.
    pub peer: Option<&'a str>,
    /// The group's pseudonym.
    pub group: Option<&'a str>,
    /// Members of the group.
    pub group_size: Option<u32>,
    /// Members added in this act.
    pub count: u32,
    /// Of those, how many have the account in their contacts.
    pub known: Option<u32>,
}

/// A block or report and how credible it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback<'a> {
    /// The author.
    pub peer: &'a str,
    /// Who wrote first. Only [`Contact::Account`] gives full credibility.
    pub contact: Option<Contact>,
    /// The author's age, hours.
    pub peer_age_h: Option<f32>,
    /// The author's device.
    pub peer_device: Option<&'a str>,
    /// The author's network prefix.
    pub peer_prefix: Option<&'a str>,
    /// The author's number range.
    pub peer_range: Option<&'a str>,
}

/// An internal fact about a shared entity, told to one account. Counts are at the event's time.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityFact<'a> {
    /// `kind:pseudonym`, for example `device:d_1`; the kind is one of [`EntityKind`].
    pub entity: &'a str,
    /// The entity's kind, parsed from `entity`.
    pub kind: EntityKind,
    /// Distinct accounts seen on the entity in the last 24 h (exact up to 64, approximate above).
    pub accounts_24h: u32,
    /// Distinct accounts ever seen on it while it was remembered (exact up to 64, approximate above).
    pub size: u32,
    /// Of them, registered in the last 24 h.
    pub registered_24h: u32,
    /// Of them, restricted in the last 24 h by a human or a sure case.
    pub restricted_24h: u32,
    /// Other accounts that touched it lately, most recent first; at most 64.
    pub co_accounts: Vec<&'a str>,
    /// The record that caused the fact; the receiver passes over anything not above the highest it has seen.
    pub origin: Option<Origin>,
}

/// The record that caused a relation, fact or proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// Partition of the causing record.
    pub partition: u32,
    /// Offset of the causing record.
    pub offset: u64,
    /// Which of the record's relations, from 0.
    pub n: u32,
}

/// An accepted act of a reviewer, as an event.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictEvent<'a> {
    /// What the reviewer decided.
    pub verdict: Verdict,
    /// Who, a pseudonym.
    pub actor: &'a str,
    /// The decision judged.
    pub decision: Option<&'a str>,
    /// Scope of the new restriction, lift or exemption; `None`: all.
    pub scope: Option<Scope>,
    /// Limit of the new restriction.
    pub limit: Option<Limit>,
    /// End of the new restriction or exemption, ms since the Unix epoch; `None` for a ban: until lifted.
    pub expires: Option<u64>,
    /// What it only puts right, so that it says nothing of the account: the review that is taken back, or automation's decision.
    pub undoes: Option<&'a str>,
}

/// A version that takes effect at this record.
#[derive(Debug, Clone, PartialEq)]
pub struct Activate<'a> {
    /// Id of the control record that wanted it; repeats are passed over.
    pub control: &'a str,
    /// What kind of thing.
    pub what: ControlKind,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// For a model: `shadow` decides nothing and is recorded beside the others. Absent: `enforce`.
    pub mode: Option<Mode>,
    /// For a model that enforces: the share of accounts that it decides about, 0..1. Absent or 1: all; it is the champion.
    pub share: Option<f32>,
    /// SHA-256 of the version's file, hexadecimal: another file is refused. Absent: whatever lies there.
    pub sha256: Option<&'a str>,
}

/// What a rule wants done about a shared thing, told to the one engine that decides about it. The event's `account` is the
/// thing's own key.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// The decision about the account that it comes from.
    pub decision: &'a str,
    /// The feature that the decision's leading reason rests on.
    pub feature: Option<&'a str>,
    /// That feature's value then, in its own unit; finite.
    pub value: Option<f32>,
    /// The record that caused it; the receiver passes over anything not above the highest it has seen.
    pub origin: Origin,
}

/// A rate: at most `max` acts every `per_s` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Acts.
    pub max: u32,
    /// Seconds, at least 1.
    pub per_s: u32,
}

impl Body<'_> {
    /// The wire words of all kinds, in the order of their Protobuf numbers.
    pub const KINDS: &'static [&'static str] = &[
        "registration",
        "session",
        "message",
        "reply",
        "undelivered",
        "block",
        "unblock",
        "report",
        "group_create",
        "group_add",
        "group_leave",
        "lookup",
        "challenge_result",
        "refused",
        "appeal",
        "deletion",
        "entity",
        "verdict",
        "activate",
        "proposal",
    ];

    /// The wire word of the kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Body::Registration(_) => "registration",
            Body::Session(_) => "session",
            Body::Message(_) => "message",
            Body::Reply { .. } => "reply",
            Body::Undelivered { .. } => "undelivered",
            Body::Block(_) => "block",
            Body::Unblock { .. } => "unblock",
            Body::Report { .. } => "report",
            Body::GroupCreate { .. } => "group_create",
            Body::GroupAdd(_) => "group_add",
            Body::GroupLeave { .. } => "group_leave",
            Body::Lookup { .. } => "lookup",
            Body::ChallengeResult { .. } => "challenge_result",
            Body::Refused { .. } => "refused",
            Body::Appeal { .. } => "appeal",
            Body::Deletion => "deletion",
            Body::Entity(_) => "entity",
            Body::Verdict(_) => "verdict",
            Body::Activate(_) => "activate",
            Body::Proposal(_) => "proposal",
        }
    }

    /// SHA-256 that the file of what it puts in force must have, hexadecimal, if any is said.
    #[must_use]
    pub const fn sha256(&self) -> Option<&'_ str> {
        match self {
            Body::Activate(activate) => activate.sha256,
            _ => None,
        }
    }

    /// Whether only weir itself may send it.
    #[must_use]
    pub const fn is_internal(&self) -> bool {
        matches!(self, Body::Entity(_) | Body::Verdict(_) | Body::Activate(_) | Body::Proposal(_))
    }

    /// Whether the account itself acted (as against something done to it or told of it).
    #[must_use]
    pub const fn is_act(&self) -> bool {
        matches!(
            self,
            Body::Registration(_)
                | Body::Session(_)
                | Body::Message(_)
                | Body::GroupCreate { .. }
                | Body::GroupAdd(_)
                | Body::Lookup { .. }
        )
    }
}
