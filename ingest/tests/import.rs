//! The converters on the bundled data of real people.
//!
//! Separate, because it reads `tests/data`. Invariant: the figures are those of the sets' own documentation.

#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers with it")]

use std::collections::BTreeMap;

use ingest::import::{Counts, Options, collegemsg, copenhagen_sms};
use ingest::{Error, Source};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data");

fn open(name: &str) -> Source {
    Source::open(&format!("{DATA}/{name}")).unwrap()
}

/// Converts; gives the counts, events by kind, and the known ages.
fn run(
    convert: impl FnOnce(ingest::import::Emit<'_>) -> Result<Counts, Error>,
) -> (Counts, BTreeMap<&'static str, u64>, u64) {
    let mut kinds = BTreeMap::new();
    let mut aged = 0;
    let mut last = 0;
    let counts = convert(&mut |event| {
        assert!(event.ts >= last, "events come in order of time");
        last = event.ts;
        *kinds.entry(event.body.kind()).or_default() += 1;
        aged += u64::from(event.age_h.is_some());
        Ok(())
    })
    .unwrap();
    (counts, kinds, aged)
}

#[test]
fn collegemsg_has_the_documented_messages_and_people() {
    let (counts, kinds, aged) =
        run(|emit| collegemsg::convert(open("collegemsg/events.csv.gz"), Options::default(), emit));
    assert_eq!((counts.rows, counts.accounts), (59_835, 1_899));
    assert_eq!(kinds["message"], 59_835);
    assert_eq!(counts.events, kinds["message"] + kinds["reply"]);
    assert_eq!(aged, 0, "an unknown age is never made up");
}

#[test]
fn collegemsg_can_take_the_first_event_for_the_beginning() {
    let options = Options { age_from_first_event: true };
    let (counts, _, aged) = run(|emit| collegemsg::convert(open("collegemsg/events.csv.gz"), options, emit));
    assert_eq!(counts.events, aged);
}

#[test]
fn copenhagen_has_the_documented_messages() {
    let (counts, kinds, _) = run(|emit| {
        copenhagen_sms::convert(
            open("copenhagen_sms/sms.csv.gz"),
            open("copenhagen_sms/fb_friends.csv.gz"),
            Options::default(),
            emit,
        )
    });
    assert_eq!((counts.rows, kinds["message"]), (24_333, 24_333));
    assert!(kinds["reply"] > 500, "{kinds:?}");
}

#[test]
fn a_table_of_another_shape_is_named() {
    let error =
        collegemsg::convert(open("copenhagen_sms/fb_friends.csv.gz"), Options::default(), &mut |_| Ok(()));
    let text = error.unwrap_err().to_string();
    assert!(text.contains("fb_friends.csv.gz, line 1: the header has no column src"), "{text}");
}
