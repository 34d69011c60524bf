//! How long the first start of a desk takes that reads all that lies in the topics: a figure, by hand.
//!
//! Separate from what a desk does, which is tested at every run.

use std::time::Duration;

use harness::clock::{self, now_ms};
use harness::kafka::{Sent, Topics, Worker, produce_all, shared};

#[test]
#[ignore = "a figure, half a minute: cargo test --workspace --locked --test it -- --ignored first_start --nocapture"]
fn a_first_start_reads_what_lies_in_the_topics() {
    let topics = Topics::create(shared(), 3, &[]);
    let event = |n: usize| {
        let account = format!("a_{}", n % 50_000);
        let line = format!(
            r#"{{"id":"e{n}","ts":{},"kind":"message","account":"{account}","chat":"direct","peer":"p_{n}","first_contact":true,"in_contacts":false,"typed":true,"size":7,"age_h":900}}"#,
            now_ms()
        );
        Sent::keyed(&account, line)
    };
    let count = produce_all(&topics.brokers, &topics.name("events"), (0..1_000_000).map(event));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let watch = clock::now();
    let desk = Worker::review(&topics, (folder.path(), None), &[]);
    desk.wait_until_it_says("the desk has caught up");
    let took = watch.elapsed();
    println!("measured: a first start reads {count} events of 180 bytes in {took:?}, its own start included");
    assert!(took < Duration::from_secs(60), "{took:?}");
}
