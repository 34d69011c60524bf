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
