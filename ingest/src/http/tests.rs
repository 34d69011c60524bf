//! What becomes of a body: accepted, passed over, refused, each counted and told.

use schema::limits::HTTP_REJECTS_MAX;

use super::*;
use crate::journal::Topic;

const NOW: u64 = 1_762_128_000_000;

fn session(id: &str, ts: u64) -> String {
    format!(r#"{{"id":"{id}","ts":{ts},"kind":"session","account":"a1"}}"#)
}

fn taken(body: &str) -> take::Taken {
    take::events(body.as_bytes(), NOW).unwrap()
}

#[track_caller]
fn refused(event: &str, reason: RejectReason) {
    let taken = taken(&format!("{}\n{event}\n{}", session("e1", NOW), session("e2", NOW)));
    assert_eq!((taken.answer.appended.accepted, taken.answer.appended.rejected), (2, 1), "{event}");
    let reject = &taken.answer.appended.rejects[0];
    assert_eq!((reject.line, reject.reason), (2, reason), "{event}");
    let topics: Vec<Topic> = taken.batch.records().map(|record| record.0).collect();
    assert_eq!(topics, [Topic::Events, Topic::Events, Topic::Rejects]);
}

#[test]
fn one_bad_line_is_refused_and_told_and_the_others_are_taken() {
    refused("{", RejectReason::Malformed);
    refused(r#"{"id":"e3","ts":1762128000000,"kind":"session"}"#, RejectReason::MissingField);
    refused(&session("e3", NOW + 300_001), RejectReason::Future);
    refused(&session("e3", 5), RejectReason::BadTime);
    let activate = r#"{"id":"e3","ts":1762128000000,"kind":"activate","account":"a1","control":"c1","what":"policy","name":"p","version":"1"}"#;
    refused(activate, RejectReason::ForgedInternal);
}

#[test]
fn an_unknown_kind_is_counted_and_passed_over() {
    let unknown = session("e1", NOW).replace("session", "telepathy");
    let taken = taken(&format!("{unknown}\n{}", session("e2", NOW)));
    assert_eq!((taken.answer.appended.accepted, taken.answer.appended.unknown_kinds), (1, 1));
    assert_eq!(taken.batch.len(), 1);
}

#[test]
fn an_array_is_taken_like_lines() {
    let lines = taken(&format!("{}\n{}", session("e1", NOW), session("e2", NOW)));
    let array = taken(&format!("[{}, {}]", session("e1", NOW), session("e2", NOW)));
    let records = |taken: &take::Taken| -> Vec<(Vec<u8>, Vec<u8>)> {
        taken.batch.records().map(|record| (record.1.to_vec(), record.2.to_vec())).collect()
    };
    assert_eq!(records(&lines), records(&array));
    assert_eq!(records(&lines)[0], (b"a1".to_vec(), session("e1", NOW).into_bytes()));
}

#[test]
fn a_long_list_of_rejects_is_cut_and_still_counted() {
    let many = HTTP_REJECTS_MAX + 5;
    let taken = taken(&"{\n".repeat(many));
    assert_eq!(taken.answer.appended.rejected, many as u64);
    assert_eq!(taken.answer.appended.rejects.len(), HTTP_REJECTS_MAX);
    assert_eq!(taken.batch.len(), many);
}

#[test]
fn a_deadline_out_of_range_is_refused() {
    let ask = |name: &str, value: &str| deadline(&[(name.to_owned(), value.to_owned())]).map(|found| found.0);
    assert_eq!(ask("deadline_ms", "50").ok(), Some(50));
    assert_eq!(deadline(&[]).map(|found| found.0).ok(), Some(200));
    for (name, value) in [("deadline_ms", "0"), ("deadline_ms", "10001"), ("deadline_ms", "x"), ("dead", "1")]
    {
        assert_eq!(ask(name, value).unwrap_err().status(), 400, "{name}={value}");
    }
}

fn review(id: &str, more: &str) -> String {
    format!(r#"{{"id":"{id}","case":"k1","account":"a1","at":{NOW},"actor":"r1"{more},"secret":"text"}}"#)
}

#[test]
fn a_verdict_lies_behind_its_review_and_other_acts_become_no_event() {
    let body = [
        review("r1", r#","act":"claim""#),
        review("r2", r#","act":"verdict","verdict":"ban","reason":"bulk""#),
        review("r3", r#","act":"verdict""#),
        review("r4", r#","act":"note","reason":"a bot""#),
    ];
    let taken = take::reviews(body.join("\n").as_bytes(), NOW).unwrap();
    assert_eq!((taken.answer.appended.accepted, taken.answer.appended.rejected, taken.kept), (3, 1, 4));
    let reject = &taken.answer.appended.rejects[0];
    assert_eq!((reject.line, reject.reason), (3, RejectReason::MissingField));
    let topics: Vec<Topic> = taken.batch.records().map(|record| record.0).collect();
    assert_eq!(topics, [Topic::Reviews, Topic::Reviews, Topic::Events, Topic::Reviews, Topic::Rejects]);
    let records: Vec<&[u8]> = taken.batch.records().map(|record| record.2).collect();
    assert!(!String::from_utf8_lossy(records[0]).contains("secret"));
    let event = schema::json::decode(records[2]).unwrap();
    let event = event.event().unwrap().expect("a known kind");
    assert_eq!((event.account, event.body.kind(), event.ts), ("a1", "verdict", NOW));
    let again = take::reviews(body[1].as_bytes(), NOW + 5).unwrap();
    let again: Vec<Vec<u8>> = again.batch.records().map(|record| record.2.to_vec()).collect();
    assert_eq!(again[1], records[2], "the same review is the same event");
}

#[test]
fn a_review_of_the_future_is_refused_and_so_is_a_request_of_too_many() {
    let ahead = review("r1", r#","act":"claim""#).replace(&NOW.to_string(), &(NOW + 300_001).to_string());
    let taken = take::reviews(ahead.as_bytes(), NOW).unwrap();
    assert_eq!(taken.answer.reasons, [RejectReason::Future]);
    let many = "{}\n".repeat(schema::limits::REVIEWS_MAX + 1);
    let refusal = take::reviews(many.as_bytes(), NOW).err().expect("refused");
    assert!(refusal.detail.contains("send them in parts"), "{refusal}");
}
