//! JSON decoding against serde_json, the naive model, and the refusals that it cannot give.
//!
//! Separate from the golden corpus, which other encodings share.

use proptest::prelude::*;
use schema::{RawEvent, RejectReason, json};

const EXAMPLE: &str = r#"{"id":"e_01HX4Q7ZK3V9T2M8N5B6C1D0EF","ts":1732453200456,"kind":"message","account":"a_9f86d081884c7d659a2feaa0","age_h":0.08,"peer":"a_60303ae22b998861bce3b28f","chat":"direct","first_contact":true,"in_contacts":false,"forwarded":false,"typed":false,"size":7}"#;

fn reason(line: &[u8]) -> Option<RejectReason> {
    json::decode(line).and_then(|raw| raw.event().map(|_| ())).err().map(|refusal| refusal.reason)
}

#[test]
fn the_example_is_read_as_serde_json_reads_it() {
    let model: RawEvent<'_> = serde_json::from_str(EXAMPLE).unwrap();
    assert_eq!(json::decode(EXAMPLE.as_bytes()).unwrap(), model);
}

#[test]
fn the_example_is_written_as_it_was_read() {
    let raw = json::decode(EXAMPLE.as_bytes()).unwrap();
    let mut out = Vec::new();
    json::encode(&raw.event().unwrap().unwrap(), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), format!("{EXAMPLE}\n"));
}

#[test]
fn no_prefix_of_a_line_is_a_line() {
    for end in 0..EXAMPLE.len() {
        assert_eq!(reason(&EXAMPLE.as_bytes()[..end]), Some(RejectReason::Malformed), "{end} bytes");
    }
}

#[test]
fn white_space_is_no_matter() {
    let spaced = EXAMPLE.replace(',', " ,\t").replace(':', "\r: ").replace('{', " { ") + " \r\n";
    assert_eq!(json::decode(spaced.as_bytes()), json::decode(EXAMPLE.as_bytes()));
}

#[test]
fn deep_nesting_costs_no_stack() {
    let line = format!(r#"{{"future":{}"#, "[{\"a\":".repeat(10_000));
    assert_eq!(reason(line.as_bytes()), Some(RejectReason::Malformed));
}

/// JSON-like text: an open brace (a derived decoder would also take a list), then pieces of the grammar in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\ud800",
        "\"id\"",
        "\"ts\"",
        "\"count\"",
        "\"age_h\"",
        "\"typed\"",
        "\"co_accounts\"",
        "\"x\"",
        "null",
        "true",
        "false",
        "0",
        "-",
        "1",
        "5.0",
        "1e3",
        "01",
        "1732453200456",
        " ",
        "\r",
        "é",
        "NaN",
        "\u{1}",
        "\"a\"",
        "{}",
        "[]",
        "18446744073709551616",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("{{{}", pieces.concat()))
}

/// Members of an object, mostly well-formed.
fn members() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "id",
        "ts",
        "count",
        "age_h",
        "typed",
        "x",
        "y",
        "i\\u0064",
        "co_accounts",
    ]);
    let value = prop::sample::select(vec![
        "\"a\"",
        "1",
        "0",
        "-1",
        "1.5",
        "2.25e-3",
        "true",
        "null",
        "[]",
        "[\"a\",\"\\n\"]",
        "{\"a\":[1,{}]}",
        "\"\\\"\"",
        "4294967296",
        "1e400",
        "12345.678",
    ]);
    let member = (key, value).prop_map(|(key, value)| format!("\"{key}\": {value}"));
    prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(" ,")))
}

/// Holds the decoder against serde_json. They differ in two documented ways: numbers out of range have a reason of
/// their own, and a surrogate in text that nobody reads is not looked at.
fn agrees(line: &str) -> Result<(), TestCaseError> {
    let model = serde_json::from_str::<RawEvent<'_>>(line);
    match (json::decode(line.as_bytes()), model) {
        (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
        (Ok(ours), Err(error)) => {
            let huge = line.contains("1e400") && ours.age_h.is_none_or(|age| age.is_infinite());
            prop_assert!(huge, "{line}: accepted, but {error}");
        }
        (Err(refusal), Ok(_)) => prop_assert!(false, "{line}: {refusal}"),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_accepted_exactly_if_serde_json_accepts_it(line in pieces()) {
        agrees(&line)?;
    }

    #[test]
    fn any_object_is_accepted_exactly_if_serde_json_accepts_it(line in members()) {
        agrees(&line)?;
    }

    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = json::decode(&bytes).map(|raw| raw.event().map(|event| event.is_some()));
    }

    #[test]
    fn any_identifier_survives(id in "\\PC{1,16}", control in any::<char>()) {
        let id = format!("{id}{control}");
        let mut out = Vec::new();
        json::encode_raw(&RawEvent { id: Some(id.clone().into()), ..RawEvent::default() }, &mut out);
        let back = json::decode(&out).unwrap().id.unwrap();
        prop_assert_eq!(&*back, id);
    }
}
