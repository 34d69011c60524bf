//! How far the other roles are behind the log: brokers keep where each of their groups stands.
//!
//! Separate from reading the log, which goes on while this waits for a broker. Invariants: a member of no group, so that nobody's
//! partitions move; what no broker tells is not known, and an old figure is never told as one of now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ingest::kafka::{Assignment, Consumer};
use schema::Topic;

use super::known::FromLog;
use super::plan::Settings;
use crate::clock::Stopwatch;
use crate::error::Error;

/// How often brokers are asked.
const EVERY: Duration = Duration::from_secs(5);
/// How long they may take to say where partitions end.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// How often the thread looks whether to end.
const LOOK: Duration = Duration::from_millis(100);

/// Starts the thread, which ends when `asked` says so.
pub fn start(
    settings: &Settings,
    partitions: u32,
    (known, asked): (Arc<FromLog>, Arc<AtomicBool>),
) -> Result<JoinHandle<()>, Error> {
    let client = |group: &str| Consumer::alone((&settings.brokers, group), &settings.consumer());
    let [engines, archive] = [client(&settings.groups.0)?, client(&settings.groups.1)?];
    let topic = Topic::Events.name(&settings.prefix);
    let events: Vec<Assignment> =
        (0..partitions).map(|partition| Assignment { topic: topic.clone(), partition }).collect();
    let work = move || {
        let mut last: Option<Stopwatch> = None;
        while !asked.load(Ordering::Acquire) {
            if last.as_ref().is_none_or(|last| last.elapsed() >= EVERY) {
                known.others_are_behind([&engines, &archive].map(|group| behind(group, &events)));
                last = Some(Stopwatch::start());
            }
            std::thread::sleep(LOOK);
        }
    };
    let thread = std::thread::Builder::new().name("weir-behind".to_owned()).spawn(work);
    thread.map_err(|error| Error::Role(format!("no thread: {error}")))
}

/// Records of `events` that a group has not committed; `None`: it never committed anything, or brokers do not answer.
fn behind(group: &Consumer, events: &[Assignment]) -> Option<u64> {
    // The client says itself that brokers are away.
    let (committed, ends) = (group.committed(events).ok()?, group.ends(events, ANSWER_WAIT).ok()?);
    if committed.iter().all(Option::is_none) {
        return None;
    }
    let lags =
        committed.iter().zip(ends).map(|(committed, end)| Some(end?.saturating_sub(committed.unwrap_or(0))));
    lags.sum()
}
