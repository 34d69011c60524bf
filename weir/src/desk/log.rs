//! Reading the topics: every partition of what is folded and of what is known, by a member of no group.
//!
//! Separate from what records are and from the order in which they are folded. Where reading begins is the fold's own place in
//! `review.db`, which nobody commits: the file and how far it came are one. Invariants: what the log no longer has is said aloud, never
//! passed in silence; a file that is ahead of the topics is another's and refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ingest::kafka::{Assignment, Consumer, PartitionQueue};
use review::Desk;
use schema::Topic;
use schema::desk::Entry;

use super::intake::Intake;
use super::known::FromLog;
use super::merge::Merge;
use super::plan::Plan;
use crate::clock::Stopwatch;
use crate::error::Error;
use crate::telemetry::Lags;

/// What is folded into cases.
const FOLDED: [Topic; 3] = [Topic::Events, Topic::Decisions, Topic::Reviews];
/// What is known besides, read whole at each start; but for rejects, of which only those that come count.
const KNOWN: [Topic; 3] = [Topic::Standing, Topic::Control, Topic::Rejects];
/// How long a partition that says nothing holds the others up.
const PATIENCE: Duration = Duration::from_secs(2);

/// The topics.
pub struct Log {
    consumer: Arc<Consumer>,
    /// Those that are folded first, in the order of the merge.
    streams: Vec<Stream>,
    folded: usize,
    merge: Merge,
    /// Since something waits and nothing could be taken.
    waits: Option<Stopwatch>,
    /// Partitions that are not yet where they ended at the start.
    behind: usize,
}

/// One partition.
struct Stream {
    of: Assignment,
    /// Its name in `review.db`.
    source: String,
    topic: Topic,
    queue: PartitionQueue,
    intake: Intake,
    /// The offset that is read next.
    next: u64,
    /// The same, shown.
    shown: Arc<AtomicU64>,
    /// Where it ended at the start; `None`: it was there.
    ended: Option<u64>,
}

impl Log {
    /// Begins to read where the desk's file left. `partitions`: of events.
    pub fn open(plan: &Plan, desk: &Desk, partitions: u32, lags: &Lags) -> Result<Log, Error> {
        let consumer = Arc::clone(&plan.consumer);
        let mut streams = Vec::new();
        for topic in FOLDED.into_iter().chain(KNOWN) {
            let name = topic.name(&plan.prefix);
            let count = match topic {
                Topic::Control => 1,
                Topic::Rejects => consumer.partitions(&name)?, // They have no account, and partitions of their own.
                _ => partitions,
            };
            for partition in 0..count {
                let of = Assignment { topic: name.clone(), partition };
                let source = format!("{name}/{partition}");
                let (oldest, end) = consumer.watermarks(&of)?;
                let next = match topic {
                    Topic::Standing | Topic::Control => oldest,
                    Topic::Rejects => end,
                    _ => place(desk.position(&source)?, (oldest, end), &source)?,
                };
                let intake = Intake::new(topic, plan.admission(partition, count));
                let (queue, shown) = (consumer.queue(&of)?, Arc::new(AtomicU64::new(next)));
                lags.owned(&of, Arc::clone(&shown));
                let ended = Some(end).filter(|end| next < *end);
                streams.push(Stream { of, source, topic, queue, intake, next, shown, ended });
            }
        }
        let from: Vec<_> = streams.iter().map(|stream| (stream.of.clone(), Some(stream.next))).collect();
        consumer.assign(&from)?;
        let folded = streams.iter().filter(|stream| FOLDED.contains(&stream.topic)).count();
        let merge = Merge::new(streams[..folded].iter().map(|stream| stream.next));
        let behind = streams.iter().filter(|stream| stream.ended.is_some()).count();
        Ok(Log { consumer, streams, folded, merge, waits: None, behind })
    }

    /// Whether everything was read that lay in the topics at the start.
    pub fn is_caught_up(&self) -> bool {
        self.behind == 0
    }

    /// Whether what is known besides was.
    pub fn is_known(&self) -> bool {
        self.streams[self.folded..].iter().all(|stream| stream.ended.is_none())
    }

    /// Reads what is ready; gives the number of records.
    pub fn read(&mut self, known: &FromLog) -> Result<usize, Error> {
        // Errors of the client are told by it; a group there is none.
        drop(self.consumer.poll(Duration::ZERO));
        let mut records = 0;
        for place in 0..self.streams.len() {
            if place < self.folded && !self.merge.is_empty(place) {
                continue;
            }
            let lane = (place < self.folded).then_some((place, &mut self.merge));
            let stream = &mut self.streams[place];
            let (count, fault) = stream.read(lane, known)?;
            if count > 0 {
                records += count;
                stream.shown.store(stream.next, Ordering::Relaxed);
            }
            if stream.ended.is_some_and(|ended| stream.next >= ended) {
                stream.ended = None;
                self.behind -= 1;
            }
            if let Some(fault) = fault {
                let Assignment { topic, partition } = &stream.of;
                tracing::warn!(topic, partition, fault, "a partition is read again");
                let ends = self.consumer.watermarks(&stream.of)?;
                stream.next = place_in(stream.next, ends, &stream.source)?;
                self.consumer.seek(&stream.of, Some(stream.next))?;
            }
        }
        Ok(records)
    }

    /// Moves what is next to be folded into `batch`, at most so many.
    pub fn take(&mut self, most: usize, batch: &mut Vec<(usize, Entry)>) {
        let before = batch.len();
        let is_late = self.waits.is_some_and(|since| since.elapsed() > PATIENCE);
        self.merge.take(most, !is_late, batch);
        if batch.len() > before || !self.merge.has_any() {
            self.waits = None;
        } else {
            self.waits.get_or_insert_with(Stopwatch::start);
        }
    }

    /// Every source that is folded, and how far it comes with what was taken; `None`: it has not begun.
    pub fn reached(&self) -> Vec<(&str, Option<u64>)> {
        let folded = self.streams[..self.folded].iter().enumerate();
        folded.map(|(place, stream)| (stream.source.as_str(), self.merge.reached(place))).collect()
    }
}

impl Stream {
    /// Reads what is ready; gives the number of records, and what is wrong with the partition after them.
    fn read(
        &mut self,
        mut lane: Option<(usize, &mut Merge)>,
        known: &FromLog,
    ) -> Result<(usize, Option<String>), Error> {
        let (mut count, mut fault) = (0, None);
        let batch = self.queue.take(Duration::ZERO);
        let mut standings = Vec::new();
        for message in batch.iter() {
            if message.is_end() {
                if let Some((place, merge)) = &mut lane {
                    merge.is_at_end(*place);
                }
                // What lies before the end may be no records: marks of transactions, or what was compacted away.
                self.next = self.next.max(message.offset());
                continue;
            }
            fault = message.fault();
            if fault.is_some() {
                break;
            }
            let (offset, record) = (message.offset(), message.record());
            known.reached(record.at.unwrap_or(0));
            if self.topic == Topic::Standing {
                let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
                standings.extend(key.map(|key| (key, record.value)));
            } else {
                let taken = self.intake.take(offset, &record);
                if let Some((place, merge)) = &mut lane {
                    merge.read(*place, (offset, record.at.unwrap_or(0)), taken.entry);
                }
                if let Some(news) = taken.news {
                    known.hear(news, offset);
                }
            }
            self.next = offset + 1;
            count += 1;
        }
        if !standings.is_empty() {
            known.stand(standings.into_iter())?;
        }
        Ok((count, fault))
    }
}

/// Where a partition is read from, of which the desk's file has everything up to `folded`.
fn place(folded: Option<u64>, (oldest, end): (u64, u64), source: &str) -> Result<u64, Error> {
    let Some(folded) = folded else { return Ok(oldest) };
    if folded >= end {
        let detail = format!(
            "holds {source} up to offset {folded}, but it ends at {end}: it is the desk of other topics. Move it away"
        );
        return Err(Error::file("review.db", detail));
    }
    place_in(folded + 1, (oldest, end), source)
}

fn place_in(left: u64, (oldest, end): (u64, u64), source: &str) -> Result<u64, Error> {
    if (oldest..=end).contains(&left) {
        return Ok(left);
    }
    tracing::error!(
        source,
        left,
        oldest,
        end,
        "the log no longer has what the desk was to read next: cases are missing, or open that were closed"
    );
    Ok(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_reads_on_where_it_left_and_one_of_other_topics_is_refused() {
        let at = |folded, ends| place(folded, ends, "weir.reviews/3").map_err(|error| error.to_string());
        assert_eq!(at(None, (4, 9)), Ok(4));
        assert_eq!(at(Some(5), (4, 9)), Ok(6));
        assert_eq!(at(Some(8), (4, 9)), Ok(9));
        assert_eq!(at(Some(1), (4, 9)), Ok(4), "what is gone is said, and it goes on");
        assert!(at(Some(9), (4, 9)).expect_err("refused").contains("weir.reviews/3 up to offset 9"));
    }
}
