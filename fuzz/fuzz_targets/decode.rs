//! Any bytes, as JSON and as Protobuf: an event or a refusal, and the event is the same after a round trip.
//!
//! Separate from the engine, so that it gets deep into the grammar.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::{Event, RawEvent, Refusal, json, limits, protobuf};

fuzz_target!(|bytes: &[u8]| {
    let raw = json::decode(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        compare(text, &raw);
    }
    answer(raw);
    answer(protobuf::decode(bytes));
});

/// serde_json is the naive model: what it takes we take alike, and what we take is JSON to it.
fn compare(text: &str, ours: &Result<RawEvent<'_>, Refusal>) {
    let theirs = serde_json::from_str::<RawEvent<'_>>(text);
    match (ours, theirs) {
        // A sequence is an object to a derived decoder, and it has no limits; its own depth limit is 128, ours 64.
        (Err(_), _) => {}
        (Ok(ours), Ok(theirs)) => assert!(same(ours, &theirs), "{ours:?} {theirs:?}"),
        (Ok(_), Err(error)) => {
            // Numbers that do not fit a double, and the lone halves of pairs in text that nobody reads.
            let message = error.to_string();
            assert!(error.is_data() || message.contains("number out of range"), "{message}");
        }
    }
}

/// serde_json goes through a double to an `f32`, so the last bit may differ.
fn same(ours: &RawEvent<'_>, theirs: &RawEvent<'_>) -> bool {
    let near = |a: Option<f32>, b: Option<f32>| match (a, b) {
        (Some(a), Some(b)) => a == b || (a - b).abs() <= a.abs() * f32::EPSILON,
        (a, b) => a.is_none() && b.is_none(),
    };
    let without = |raw: &RawEvent<'_>| {
        let mut out = Vec::new();
        let raw = RawEvent { age_h: None, idle_h: None, peer_age_h: None, ..raw.clone() };
        json::encode_raw(&raw, &mut out);
        out
    };
    near(ours.age_h, theirs.age_h)
        && near(ours.idle_h, theirs.idle_h)
        && near(ours.peer_age_h, theirs.peer_age_h)
        && without(ours) == without(theirs)
}

fn answer(raw: Result<RawEvent<'_>, Refusal>) {
    let event = match &raw {
        Ok(raw) => raw.event(),
        Err(refusal) => Err(refusal.clone()),
    };
    match event {
        Err(refusal) => assert!(refusal.detail.len() <= limits::REJECT_DETAIL_BYTES_MAX),
        Ok(None) => {}
        Ok(Some(event)) => survives(&event),
    }
}

/// What was accepted is written and read as the same event, in both encodings.
fn survives(event: &Event<'_>) {
    let (mut line, mut message) = (Vec::new(), Vec::new());
    json::encode(event, &mut line);
    if line.len() <= limits::LINE_BYTES_MAX {
        let raw = json::decode(&line).expect("it was an event");
        assert_eq!(raw.event().expect("it was valid").as_ref(), Some(event));
    }
    protobuf::encode(event, &mut message);
    let raw = protobuf::decode(&message).expect("it was an event");
    assert_eq!(raw.event().expect("it was valid").as_ref(), Some(event));
}
