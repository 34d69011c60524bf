//! Records of many partitions in one order: by the time at which the log took them.
//!
//! Separate from reading, so that it can be shown any schedule. Two desks that read the same topics fold nearly the same order, however
//! fast each partition came to them: a record waits until every other partition has told that it has nothing older. Invariants: the
//! order within a partition is kept; a partition that says nothing for a while is not waited for.

use std::collections::VecDeque;

use schema::desk::Entry;

/// What is known of one partition.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Entry>,
    /// Log time of the newest record that was read, whatever it is.
    read_up_to: u64,
    /// There was nothing more when it was asked last.
    is_at_end: bool,
    /// The offset after the newest record that was read.
    next: u64,
}

/// The partitions that are merged.
#[derive(Debug)]
pub struct Merge {
    lanes: Vec<Lane>,
    waiting: usize,
}

impl Merge {
    /// So many partitions, each of which is read from an offset on.
    pub fn new(from: impl Iterator<Item = u64>) -> Self {
        let lanes: Vec<Lane> = from.map(|next| Lane { next, ..Lane::default() }).collect();
        Self { lanes, waiting: 0 }
    }

    /// Whether a partition is to be read: nothing of it waits.
    pub fn is_empty(&self, lane: usize) -> bool {
        self.lanes[lane].waiting.is_empty()
    }

    /// Whether something waits.
    pub fn has_any(&self) -> bool {
        self.waiting > 0
    }

    /// A record was read; `entry`: what there is to fold of it.
    pub fn read(&mut self, lane: usize, (offset, at): (u64, u64), entry: Option<Entry>) {
        let lane = &mut self.lanes[lane];
        lane.next = offset + 1;
        lane.read_up_to = lane.read_up_to.max(at);
        lane.is_at_end = false;
        self.waiting += usize::from(entry.is_some());
        lane.waiting.extend(entry);
    }

    /// A partition has no more now.
    pub fn is_at_end(&mut self, lane: usize) {
        self.lanes[lane].is_at_end = true;
    }

    /// Moves up to `most` records into `batch`, each with its partition, the oldest first. `waits`: as long as a partition may still
    /// have an older one.
    pub fn take(&mut self, most: usize, waits: bool, batch: &mut Vec<(usize, Entry)>) {
        while batch.len() < most && self.waiting > 0 {
            let oldest = self.lanes.iter().enumerate();
            let oldest = oldest.filter_map(|(place, lane)| Some((lane.waiting.front()?.at, place))).min();
            let Some((at, place)) = oldest else { return };
            let may_be_older =
                |lane: &Lane| lane.waiting.is_empty() && !lane.is_at_end && lane.read_up_to < at;
            if waits && self.lanes.iter().any(may_be_older) {
                return;
            }
            batch.extend(self.lanes[place].waiting.pop_front().map(|entry| (place, entry)));
            self.waiting -= 1;
        }
    }

    /// How far a partition came, once `batch` is folded: its last position before what waits; `None`: it has not begun.
    pub fn reached(&self, lane: usize) -> Option<u64> {
        let lane = &self.lanes[lane];
        lane.waiting.front().map_or(lane.next, |entry| entry.position).checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use schema::desk::Arrived;

    use super::*;

    fn entry(position: u64, at: u64) -> Entry {
        Entry { position, at, arrived: Arrived::Event(String::new()) }
    }

    fn taken(merge: &mut Merge, waits: bool) -> Vec<(usize, u64)> {
        let mut batch = Vec::new();
        merge.take(100, waits, &mut batch);
        batch.into_iter().map(|(lane, entry)| (lane, entry.at)).collect()
    }

    #[test]
    fn the_oldest_comes_first_and_waits_for_whoever_may_have_an_older_one() {
        let mut merge = Merge::new([0, 5, 0].into_iter());
        merge.read(0, (0, 30), Some(entry(0, 30)));
        merge.read(0, (1, 20), Some(entry(1, 20))); // Within a partition the order is the log's.
        merge.is_at_end(1);
        assert_eq!(taken(&mut merge, true), [], "the third partition has told nothing");
        merge.read(2, (0, 25), Some(entry(0, 25)));
        assert_eq!(taken(&mut merge, true), [(2, 25)], "another one of it may still be older than 30");
        merge.read(2, (1, 40), None);
        assert_eq!(taken(&mut merge, true), [(0, 30), (0, 20)]);
        assert_eq!([0, 1, 2].map(|lane| merge.reached(lane)), [Some(1), Some(4), Some(1)]);
    }

    #[test]
    fn who_says_nothing_for_a_while_is_not_waited_for_and_what_waits_is_not_reached() {
        let mut merge = Merge::new([7, 0].into_iter());
        merge.read(0, (7, 30), Some(entry(7, 30)));
        assert!(taken(&mut merge, true).is_empty() && merge.has_any());
        assert_eq!((merge.reached(0), merge.reached(1)), (Some(6), None));
        assert_eq!(taken(&mut merge, false), [(0, 30)]);
        assert_eq!((merge.reached(0), merge.is_empty(0)), (Some(7), true));
    }
}
