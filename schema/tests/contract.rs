//! What the contract promises about what is *not* there: no content, and no meaning of silence.
//!
//! Separate from the golden corpus, whose events it takes apart. Invariants 13 and 15.

use schema::raw::FIELDS;
use schema::{Body, RejectReason, json};

const EVENTS: &str = include_str!("../golden/events.ndjson");

/// Every field of an event that holds text, and what its text is. A new one needs a line here, and a reason.
const TEXTS: &[(&str, &str)] = &[
    ("id", "pseudonym"),
    ("kind", "word"),
    ("account", "pseudonym"),
    ("peer", "pseudonym"),
    ("chat", "word"),
    ("group", "pseudonym"),
    ("contact", "word"),
    ("peer_device", "pseudonym"),
    ("peer_prefix", "pseudonym"),
    ("peer_range", "pseudonym"),
    ("reason", "word"),
    ("device", "pseudonym"),
    ("ip_prefix", "pseudonym"),
    ("number_range", "pseudonym"),
    ("client", "name of a build"),
    ("country", "two letters"),
    ("ip_country", "two letters"),
    ("tier", "word"),
    ("decision", "id"),
    ("scope", "word"),
    ("entity", "word and pseudonym"),
    ("co_accounts", "pseudonyms"),
    ("verdict", "word"),
    ("actor", "pseudonym"),
    ("control", "id"),
    ("what", "word"),
    ("name", "name of a policy, model, list or rule"),
    ("version", "version of it"),
    ("mode", "word"),
    ("feature", "name of a feature"),
    ("sha256", "64 hexadecimal digits"),
    ("undoes", "id"),
];

/// Every other field: numbers, flags and objects of numbers.
const NUMBERS: &[&str] = &[
    "ts",
    "at",
    "age_h",
    "idle_h",
    "group_size",
    "first_contact",
    "in_contacts",
    "forwarded",
    "typed",
    "size",
    "peer_age_h",
    "count",
    "hits",
    "known",
    "asn",
    "attested",
    "passed",
    "accounts_24h",
    "registered_24h",
    "restricted_24h",
    "origin",
    "limit",
    "expires",
    "value",
    "share",
];

#[test]
fn every_wire_field_is_one_of_the_allowed() {
    let mut allowed: Vec<&str> = TEXTS.iter().map(|(name, _)| *name).chain(NUMBERS.iter().copied()).collect();
    let mut fields = FIELDS.to_vec();
    allowed.sort_unstable();
    fields.sort_unstable();
    assert_eq!(fields, allowed, "a field that can hold content must not exist");
}

#[test]
fn no_field_of_any_event_takes_a_sentence() {
    let sentence =
        "Hi mum, this is my new number, I lost the old phone. Can you send 500 to this account today?";
    for line in EVENTS.lines() {
        let event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        for (name, _) in event.iter().filter(|(name, value)| value.is_string() && *name != "kind") {
            let mut changed = event.clone();
            changed.insert(name.clone(), sentence.into());
            let text = serde_json::to_string(&changed).unwrap();
            let raw = json::decode(text.as_bytes()).unwrap();
            match raw.event() {
                Err(refusal) => assert!(
                    matches!(refusal.reason, RejectReason::IdTooLong | RejectReason::UnknownWord),
                    "{name}: {refusal}"
                ),
                // An unknown reason of a report reads as a closed word; the text itself is gone.
                Ok(event) => assert!(name == "reason" && !format!("{event:?}").contains("mum"), "{name}"),
            }
        }
    }
}

#[test]
fn no_unknown_field_survives_decoding() {
    let line = r#"{"id":"e_1","ts":1732453200456,"kind":"deletion","account":"a_1","text":"hello","body":{"x":"y"}}"#;
    let raw = json::decode(line.as_bytes()).unwrap();
    assert!(!format!("{raw:?}").contains("hello"));
}

#[test]
fn an_absent_flag_is_neither_true_nor_false() {
    let flags = |rest: &str| {
        let line = format!(
            r#"{{"id":"e_1","ts":1732453200456,"kind":"message","account":"a_1","chat":"direct"{rest}}}"#
        );
        let raw = json::decode(line.as_bytes()).unwrap();
        match raw.event().unwrap().unwrap().body {
            Body::Message(message) => {
                [message.first_contact, message.in_contacts, message.forwarded, message.typed]
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(flags(""), [None; 4]);
    assert_eq!(flags(r#","first_contact":null,"in_contacts":null,"forwarded":null,"typed":null"#), [None; 4]);
    let all_false = r#","first_contact":false,"in_contacts":false,"forwarded":false,"typed":false"#;
    assert_eq!(flags(all_false), [Some(false); 4]);
}

#[test]
fn every_optional_field_can_be_left_out_of_every_event() {
    for line in EVENTS.lines() {
        let event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        for name in event.keys() {
            let mut changed = event.clone();
            changed.remove(name);
            let text = serde_json::to_string(&changed).unwrap();
            let raw = json::decode(text.as_bytes()).unwrap();
            match raw.event() {
                // Nothing took the absent field's place.
                Ok(event) => {
                    let mut out = Vec::new();
                    json::encode(&event.unwrap(), &mut out);
                    let back: serde_json::Map<_, _> = serde_json::from_slice(&out).unwrap();
                    assert!(name == "reason" || !back.contains_key(name), "{name} came back in {line}");
                }
                Err(refusal) => assert_eq!(refusal.reason, RejectReason::MissingField, "{refusal}"),
            }
        }
    }
}
