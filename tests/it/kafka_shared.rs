//! Restrictions of a shared thing on a real broker: one engine says what is in force for it, whoever sees the accounts on it.
//!
//! Separate from what is counted over all partitions. The records carry the log's time themselves, so that a day can pass.

use std::collections::BTreeSet;

use harness::clock;
use harness::kafka::{Fetched, Sent, Topics, Worker, consume, produce_all, shared};
use harness::weir::write;
use schema::{Action, Scope, Standing};

use crate::kafka::KEY;
use crate::replay::{lying, replay, written};

const DEVICE: &str = "device:box";
const HOUR: u64 = 3_600_000;
const PARTITIONS: i32 = 4;

/// `count` accounts from number `first` on, registered on the device, 20 s apart.
fn farm(first: u64, count: u64, start: u64) -> impl Iterator<Item = Sent> {
    (first..first + count).map(move |n| {
        let (account, at) = (format!("farm_{n}"), start + (n - first) * 20_000);
        let line = format!(
            r#"{{"id":"r{n}","ts":{at},"at":{at},"kind":"registration","account":"{account}","age_h":0,"device":"box"}}"#
        );
        Sent::keyed(&account, line)
    })
}

/// Sessions of accounts of every partition.
fn everywhere(at: u64) -> impl Iterator<Item = Sent> {
    (0..PARTITIONS * 10).map(move |n| {
        let account = format!("late_{n}");
        let line = format!(r#"{{"id":"s{n}","ts":{at},"at":{at},"kind":"session","account":"{account}"}}"#);
        Sent::keyed(&account, line)
    })
}

/// What was ever said of the device, in order; all of it lies in one partition.
fn words(topics: &Topics) -> Vec<Fetched> {
    let mut words = consume(&topics.brokers, &topics.name("standing"));
    words.retain(|record| record.key.as_deref() == Some(DEVICE.as_bytes()));
    let partitions: BTreeSet<i32> = words.iter().map(|word| word.partition).collect();
    assert!(partitions.len() <= 1, "{partitions:?}");
    words
}

/// The last word, which is a standing.
fn last_word(topics: &Topics) -> Standing {
    let words = words(topics);
    let last = words.last().expect("nothing was said of the device");
    serde_json::from_str(&last.text()).expect("a standing")
}

/// Partitions whose engines proposed something.
fn proposers(topics: &Topics) -> BTreeSet<u64> {
    let partition = |line: String| {
        let proposal: serde_json::Value = serde_json::from_str(&line).expect("an event");
        assert_eq!(proposal["account"], DEVICE);
        proposal["origin"]["partition"].as_u64().expect("a partition")
    };
    lying(topics, "proposal").into_iter().map(partition).collect()
}

#[test]
fn a_device_of_accounts_of_several_partitions_has_one_owner_who_restricts_renews_and_withdraws() {
    let topics = Topics::create(shared(), PARTITIONS, &[]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = write(folder.path(), "signing.key", KEY);
    let mut worker = Worker::start(&topics, &["--signing-key", &key]);
    worker.wait_until_it_says("a partition was given");
    topics.leave_time_to_records("events");
    let mut flow = |records: &mut dyn Iterator<Item = Sent>| {
        produce_all(&topics.brokers, &topics.name("events"), records);
        worker.wait_until_quiet(&topics);
    };
    let start = clock::now_ms() - 40 * HOUR;

    flow(&mut farm(0, 20, start));
    let first = last_word(&topics).restrictions;
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!((first[0].action, first[0].scope), (Action::Challenge, Scope::Registration));
    let end = first[0].expires.expect("it ends");
    assert!((start + 23 * HOUR..start + 25 * HOUR).contains(&end), "{end} is not a day after {start}");
    let proposers = proposers(&topics);
    assert!(proposers.len() > 1, "one partition alone proposed: the test shows nothing: {proposers:?}");

    // After half of its term it is renewed, by whoever registers then.
    flow(&mut farm(20, 4, start + 13 * HOUR));
    let renewed = last_word(&topics).restrictions;
    assert_eq!(renewed.len(), 1, "{renewed:?}");
    assert!(renewed[0].expires > first[0].expires, "{renewed:?}");

    // It ends, and the next record of the owner's partition withdraws it.
    flow(&mut everywhere(start + 39 * HOUR));
    let words = words(&topics);
    let [.., empty, tombstone] = &words[..] else { panic!("{words:?}") };
    let empty: Standing = serde_json::from_str(&empty.text()).expect("a standing");
    assert!(empty.restrictions.is_empty() && tombstone.value.is_none(), "{words:?}");

    let ((told, repeats), expected) = (written(&topics), replay(&topics, &Default::default()));
    assert_eq!(told, expected);
    assert_eq!((told.decisions[DEVICE].len(), repeats), (2, 0), "{:?}", told.decisions[DEVICE]);
    assert_eq!(worker.end().0, 0, "{}", worker.log());
}
