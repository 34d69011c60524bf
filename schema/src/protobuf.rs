//! Events as Protocol Buffers: the second encoding, from `proto/weir.proto`.
//!
//! Separate from JSON, with which it shares the wire shape and so every rule and every reason. Invariants: a word's
//! number is its place in the documented list plus one; 0 reads as absent; an unknown number is an unknown word.

use prost::Message as _;

use crate::decision::Mode;
use crate::event::{
    Body, Chat, Contact, ControlKind, Event, Limit, Origin, ReportReason, Scope, Tier, Verdict,
};
use crate::limits::LINE_BYTES_MAX;
use crate::raw::{RawEvent, Text};
use crate::reject::{Refusal, RejectReason};

/// The generated types.
mod wire {
    include!(concat!(env!("OUT_DIR"), "/weir.rs"));
}

/// The number that stands for a word without a number: no enum will ever use it, so the receiver refuses it too.
const UNKNOWN: i32 = i32::MAX;

/// Decodes one message.
///
/// # Errors
/// The bytes are over 64 KiB or no message, a field has another wire type, or an integer is out of range.
pub fn decode(bytes: &[u8]) -> Result<RawEvent<'static>, Refusal> {
    if bytes.len() > LINE_BYTES_MAX {
        let detail = format!("{} bytes; at most {LINE_BYTES_MAX}", bytes.len());
        return Err(Refusal::new(RejectReason::TooLong, detail));
    }
    let message = wire::WeirEvent::decode(bytes).map_err(|error| refusal(&error))?;
    Ok(RawEvent {
        id: text(message.id),
        ts: message.ts,
        at: message.at,
        kind: word(message.kind, Body::KINDS, |kind| kind),
        account: text(message.account),
        age_h: message.age_h,
        idle_h: message.idle_h,
        peer: text(message.peer),
        chat: word(message.chat, Chat::ALL, Chat::word),
        group: text(message.group),
        group_size: number("group_size", message.group_size)?,
        first_contact: message.first_contact,
        in_contacts: message.in_contacts,
        forwarded: message.forwarded,
        typed: message.typed,
        size: number("size", message.size)?,
        contact: word(message.contact, Contact::ALL, Contact::word),
        peer_age_h: message.peer_age_h,
        peer_device: text(message.peer_device),
        peer_prefix: text(message.peer_prefix),
        peer_range: text(message.peer_range),
        reason: word(message.reason, ReportReason::ALL, ReportReason::word),
        count: number("count", message.count)?,
        hits: number("hits", message.hits)?,
        known: number("known", message.known)?,
        device: text(message.device),
        ip_prefix: text(message.ip_prefix),
        asn: number("asn", message.asn)?,
        number_range: text(message.number_range),
        client: text(message.client),
        country: text(message.country),
        ip_country: text(message.ip_country),
        tier: word(message.tier, Tier::ALL, Tier::word),
        attested: message.attested,
        decision: text(message.decision),
        passed: message.passed,
        scope: word(message.scope, Scope::ALL, Scope::word),
        entity: text(message.entity),
        accounts_24h: number("accounts_24h", message.accounts_24h)?,
        registered_24h: number("registered_24h", message.registered_24h)?,
        restricted_24h: number("restricted_24h", message.restricted_24h)?,
        co_accounts: list(message.co_accounts),
        origin: message.origin.map(origin).transpose()?,
        verdict: word(message.verdict, Verdict::ALL, Verdict::word),
        actor: text(message.actor),
        limit: message.limit.map(limit).transpose()?,
        expires: message.expires,
        control: text(message.control),
        what: word(message.what, ControlKind::ALL, ControlKind::word),
        name: text(message.name),
        version: text(message.version),
        feature: text(message.feature),
        value: message.value,
        mode: word(message.mode, Mode::ALL, Mode::word),
        share: message.share,
        sha256: text(message.sha256),
        undoes: text(message.undoes),
    })
}

/// Appends one event.
pub fn encode(event: &Event<'_>, out: &mut Vec<u8>) {
    encode_raw(&RawEvent::from(event), out);
}

/// Appends one record. A word that is not documented is written as a number that is not documented.
pub fn encode_raw(raw: &RawEvent<'_>, out: &mut Vec<u8>) {
    let message = wire::WeirEvent {
        id: owned(&raw.id),
        ts: raw.ts,
        at: raw.at,
        kind: place(&raw.kind, Body::KINDS, |kind| kind),
        account: owned(&raw.account),
        age_h: raw.age_h,
        idle_h: raw.idle_h,
        peer: owned(&raw.peer),
        chat: place(&raw.chat, Chat::ALL, Chat::word),
        group: owned(&raw.group),
        group_size: raw.group_size.map(u64::from),
        first_contact: raw.first_contact,
        in_contacts: raw.in_contacts,
        forwarded: raw.forwarded,
        typed: raw.typed,
        size: raw.size.map(u64::from),
        contact: place(&raw.contact, Contact::ALL, Contact::word),
        peer_age_h: raw.peer_age_h,
        peer_device: owned(&raw.peer_device),
        peer_prefix: owned(&raw.peer_prefix),
        peer_range: owned(&raw.peer_range),
        reason: place(&raw.reason, ReportReason::ALL, ReportReason::word),
        count: raw.count.map(u64::from),
        hits: raw.hits.map(u64::from),
        known: raw.known.map(u64::from),
        device: owned(&raw.device),
        ip_prefix: owned(&raw.ip_prefix),
        asn: raw.asn.map(u64::from),
        number_range: owned(&raw.number_range),
        client: owned(&raw.client),
        country: owned(&raw.country),
        ip_country: owned(&raw.ip_country),
        tier: place(&raw.tier, Tier::ALL, Tier::word),
        attested: raw.attested,
        decision: owned(&raw.decision),
        passed: raw.passed,
        scope: place(&raw.scope, Scope::ALL, Scope::word),
        entity: owned(&raw.entity),
        accounts_24h: raw.accounts_24h.map(u64::from),
        registered_24h: raw.registered_24h.map(u64::from),
        restricted_24h: raw.restricted_24h.map(u64::from),
        co_accounts: raw.co_accounts.iter().flatten().map(|account| String::from(&**account)).collect(),
        origin: raw.origin.map(|origin| wire::Origin {
            partition: Some(u64::from(origin.partition)),
            offset: Some(origin.offset),
            n: Some(u64::from(origin.n)),
        }),
        verdict: place(&raw.verdict, Verdict::ALL, Verdict::word),
        actor: owned(&raw.actor),
        limit: raw.limit.map(|limit| wire::Limit {
            max: Some(u64::from(limit.max)),
            per_s: Some(u64::from(limit.per_s)),
        }),
        expires: raw.expires,
        control: owned(&raw.control),
        what: place(&raw.what, ControlKind::ALL, ControlKind::word),
        name: owned(&raw.name),
        version: owned(&raw.version),
        feature: owned(&raw.feature),
        value: raw.value,
        mode: place(&raw.mode, Mode::ALL, Mode::word),
        share: raw.share,
        sha256: owned(&raw.sha256),
        undoes: owned(&raw.undoes),
    };
    message.encode(out).expect("a vector grows");
}

/// prost says what is wrong in words alone; the golden corpus holds them to the reasons.
#[cold]
fn refusal(error: &prost::DecodeError) -> Refusal {
    let detail = error.to_string();
    let reason = if detail.contains("not UTF-8") {
        RejectReason::NotUtf8
    } else if detail.contains("WeirEvent.") && detail.contains("invalid wire type") {
        RejectReason::WrongType
    } else {
        RejectReason::Malformed
    };
    Refusal::new(reason, detail)
}

fn text(value: Option<String>) -> Option<Text<'static>> {
    value.map(Text::from)
}

fn owned(value: &Option<Text<'_>>) -> Option<String> {
    value.as_deref().map(str::to_owned)
}

fn list(values: Vec<String>) -> Option<Vec<Text<'static>>> {
    (!values.is_empty()).then(|| values.into_iter().map(Text::from).collect())
}

/// The word of a number; of an unknown number, its digits, which are no word either.
fn word<T: Copy>(number: Option<i32>, all: &[T], word: fn(T) -> &'static str) -> Option<Text<'static>> {
    let number = number.filter(|number| *number != 0)?;
    let known = usize::try_from(number).ok().and_then(|number| all.get(number - 1));
    Some(known.map_or_else(|| Text::from(number.to_string()), |known| Text::from(word(*known))))
}

fn place<T: Copy>(text: &Option<Text<'_>>, all: &[T], word: fn(T) -> &'static str) -> Option<i32> {
    let text = text.as_deref()?;
    let place = all.iter().position(|known| word(*known) == text);
    Some(place.map_or(UNKNOWN, |place| i32::try_from(place + 1).expect("few words")))
}

fn number(name: &str, value: Option<u64>) -> Result<Option<u32>, Refusal> {
    value.map(|value| narrow(name, value)).transpose()
}

fn narrow(name: &str, value: u64) -> Result<u32, Refusal> {
    u32::try_from(value).map_err(|_| {
        let detail = format!("{name}: {value} is not between 0 and {}", u32::MAX);
        Refusal::new(RejectReason::OutOfRange, detail)
    })
}

fn part(name: &str, value: Option<u64>) -> Result<u64, Refusal> {
    value.ok_or_else(|| {
        Refusal::new(RejectReason::MissingField, format!("{name}: a part of the object is absent"))
    })
}

fn limit(limit: wire::Limit) -> Result<Limit, Refusal> {
    let [max, per_s] = [part("limit", limit.max)?, part("limit", limit.per_s)?];
    Ok(Limit { max: narrow("limit", max)?, per_s: narrow("limit", per_s)? })
}

fn origin(origin: wire::Origin) -> Result<Origin, Refusal> {
    let [partition, offset, n] =
        [part("origin", origin.partition)?, part("origin", origin.offset)?, part("origin", origin.n)?];
    Ok(Origin { partition: narrow("origin", partition)?, offset, n: narrow("origin", n)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of an enum has the number of the generated value of the same name.
    fn check(all: &[&str], prefix: &str, name_of: fn(i32) -> Option<&'static str>) {
        for (place, word) in all.iter().enumerate() {
            let name = name_of(i32::try_from(place + 1).unwrap());
            assert_eq!(name, Some(&*format!("{prefix}_{}", word.to_uppercase())));
        }
        assert_eq!(name_of(i32::try_from(all.len() + 1).unwrap()), None, "{prefix} has more in the .proto");
    }

    macro_rules! numbers_agree {
        ($ours:expr, $theirs:ident, $prefix:literal) => {
            let words: Vec<&str> = $ours.iter().map(|value| value.word()).collect();
            check(&words, $prefix, |n| wire::$theirs::try_from(n).ok().map(|value| value.as_str_name()));
        };
    }

    #[test]
    fn words_have_the_numbers_of_the_proto_file() {
        check(Body::KINDS, "KIND", |n| wire::Kind::try_from(n).ok().map(|kind| kind.as_str_name()));
        numbers_agree!(Chat::ALL, Chat, "CHAT");
        numbers_agree!(Contact::ALL, Contact, "CONTACT");
        numbers_agree!(ReportReason::ALL, Reason, "REASON");
        numbers_agree!(Tier::ALL, Tier, "TIER");
        numbers_agree!(Scope::ALL, Scope, "SCOPE");
        numbers_agree!(Mode::ALL, Mode, "MODE");
        numbers_agree!(Verdict::ALL, Verdict, "VERDICT");
        numbers_agree!(ControlKind::ALL, What, "WHAT");
    }
}
