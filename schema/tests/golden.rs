//! The golden corpus: every documented shape and every refusal, as data in `golden/`.
//!
//! Separate from properties. To add a case, add a line to a file there; one function checks each kind of file. Every
//! event goes through both encodings, and a refusal has the same reason in both.

use std::collections::BTreeSet;

use schema::{
    Control, Decision, Event, RawEvent, Refusal, Reject, RejectReason, Relation, Review, Row, Standing, json,
    limits, protobuf,
};

/// Lines of a golden file without comments.
fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.starts_with('#'))
}

fn columns<const N: usize>(line: &str) -> [&str; N] {
    let columns: Vec<&str> = line.splitn(N, '\t').collect();
    columns.try_into().unwrap_or_else(|_| panic!("{N} columns: {line}"))
}

/// One event as its canonical JSON; `None` for an unknown kind.
fn canonical(raw: &RawEvent<'_>) -> Result<Option<String>, Refusal> {
    let write = |event: Event<'_>| {
        let mut out = Vec::new();
        json::encode(&event, &mut out);
        String::from_utf8(out).expect("JSON is text").trim_end().to_owned()
    };
    Ok(raw.event()?.map(write))
}

/// Reads `line` as JSON, and what it says again as Protobuf, which must answer alike.
fn read(line: &[u8]) -> Result<Option<String>, Refusal> {
    let raw = json::decode(line)?;
    let answer = canonical(&raw);
    let mut message = Vec::new();
    protobuf::encode_raw(&raw, &mut message);
    let again = protobuf::decode(&message).and_then(|raw| canonical(&raw));
    match (&answer, again) {
        (Ok(ours), Ok(theirs)) => assert_eq!(*ours, theirs),
        (Err(ours), Err(theirs)) => assert_eq!(ours.reason, theirs.reason, "{ours} | {theirs}"),
        (ours, theirs) => panic!("{}: {ours:?} | {theirs:?}", String::from_utf8_lossy(line)),
    }
    answer
}

fn check_refused(line: &[u8], reason: &str, detail: &str) -> RejectReason {
    let shown = String::from_utf8_lossy(line);
    let refusal = read(line).expect_err(&shown);
    assert_eq!(refusal.reason.word(), reason, "{shown}: {refusal}");
    assert!(refusal.detail.contains(detail), "{shown}: {refusal} does not say {detail:?}");
    assert!(refusal.detail.len() <= limits::REJECT_DETAIL_BYTES_MAX);
    refusal.reason
}

/// Every line of a topic is read and written as it is.
fn check_topic<T: serde::Serialize + serde::de::DeserializeOwned>(file: &'static str) {
    for line in lines(file) {
        let value: T = serde_json::from_str(line).expect(line);
        assert_eq!(serde_json::to_string(&value).expect(line), line);
    }
}

#[test]
fn every_kind_of_event_is_read_and_written_as_it_is() {
    let mut kinds = BTreeSet::new();
    for line in lines(include_str!("../golden/events.ndjson")) {
        assert_eq!(read(line.as_bytes()).expect(line).as_deref(), Some(line));
        kinds.insert(json::decode(line.as_bytes()).unwrap().event().unwrap().unwrap().body.kind());
    }
    assert_eq!(kinds, schema::Body::KINDS.iter().copied().collect());
}

#[test]
fn other_spellings_read_as_the_same_event() {
    for line in lines(include_str!("../golden/read_as.txt")) {
        let [input, wanted] = columns(line);
        assert_eq!(read(input.as_bytes()).expect(line).as_deref().unwrap_or("passed over"), wanted);
    }
}

#[test]
fn every_refusal_names_its_reason_and_its_place() {
    let mut reasons = BTreeSet::new();
    for line in lines(include_str!("../golden/refused.txt")) {
        let [reason, detail, input] = columns(line);
        reasons.insert(check_refused(input.as_bytes(), reason, detail));
    }
    let elements = vec!["\"a_1\""; limits::CO_ACCOUNTS_MAX + 1].join(",");
    let list = format!(r#"{{"co_accounts":[{elements}]}}"#);
    reasons.insert(check_refused(list.as_bytes(), "list_too_long", "co_accounts: at most 64"));
    let million = format!(r#"{{"id":"e_1","x":[{}0]}}"#, "0,".repeat(1_000_000));
    reasons.insert(check_refused(million.as_bytes(), "too_long", "at most 65536"));
    reasons.insert(check_refused(b"{\"id\":\"\xff\"}", "not_utf8", "byte 8"));
    check_refused(b"\xef\xbb\xbf{}", "malformed", "not a JSON object");
    let by_decoders: BTreeSet<RejectReason> = RejectReason::ALL
        .iter()
        .copied()
        .filter(|reason| {
            use RejectReason::{
                ArtifactMissing, CorruptInput, ForgedInternal, Future, KeyMismatch, WrongPartition,
            };
            // These need the log's time, its key or its frame, or what a record names.
            !matches!(
                reason,
                Future | ForgedInternal | KeyMismatch | WrongPartition | CorruptInput | ArtifactMissing
            )
        })
        .collect();
    assert_eq!(reasons, by_decoders);
}

#[test]
fn every_refusal_of_protobuf_has_the_same_reasons() {
    for line in lines(include_str!("../golden/protobuf_refused.txt")) {
        let [reason, detail, hex] = columns(line);
        let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let message: Vec<u8> = digits.chunks(2).map(byte).collect();
        let refusal = protobuf::decode(&message).and_then(|raw| canonical(&raw)).expect_err(line);
        assert_eq!(refusal.reason.word(), reason, "{line}: {refusal}");
        assert!(refusal.detail.contains(detail), "{line}: {refusal}");
    }
    let fact =
        lines(include_str!("../golden/events.ndjson")).find(|line| line.contains("co_accounts")).unwrap();
    let mut raw = json::decode(fact.as_bytes()).unwrap();
    raw.co_accounts = Some(vec!["a_1".into(); limits::CO_ACCOUNTS_MAX + 1]);
    let mut message = Vec::new();
    protobuf::encode_raw(&raw, &mut message);
    let refusal = protobuf::decode(&message).and_then(|raw| canonical(&raw)).unwrap_err();
    assert_eq!(refusal.reason, RejectReason::ListTooLong);
    let long = protobuf::decode(&vec![0; limits::LINE_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(long.reason, RejectReason::TooLong);
}

#[test]
fn every_topic_is_read_and_written_as_it_is() {
    check_topic::<Decision>(include_str!("../golden/decisions.ndjson"));
    check_topic::<Standing>(include_str!("../golden/standings.ndjson"));
    check_topic::<Review>(include_str!("../golden/reviews.ndjson"));
    check_topic::<Control>(include_str!("../golden/controls.ndjson"));
    check_topic::<Relation>(include_str!("../golden/relations.ndjson"));
    check_topic::<Row>(include_str!("../golden/rows.ndjson"));
    check_topic::<Reject>(include_str!("../golden/rejects.ndjson"));
}

#[test]
fn every_reason_has_a_golden_reject() {
    let read = |line| serde_json::from_str::<Reject>(line).expect(line).reason;
    let reasons: BTreeSet<RejectReason> = lines(include_str!("../golden/rejects.ndjson")).map(read).collect();
    assert_eq!(reasons, RejectReason::ALL.iter().copied().collect());
}
