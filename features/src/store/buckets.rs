//! The full tier: 6 buckets of 16-bit counters a window, aligned to the clock, and bit maps of distinct peers and groups.
//!
//! Separate from the log of the small tier. The buckets of a window are the one that holds `now` and the five before it,
//! so a value lies between the exact count of the last 5/6 of the window and that of the whole window; a bucket stops at
//! 65,535. Distinct counts are linear counting over three generations of 8 h: they look back 16 to 24 h. Invariants: sums
//! are plain integer loops; a late event lands in its own bucket if a window still reaches it, and moves nothing.

use crate::catalog::counters::{COUNTERS, DENOMINATORS, WINDOWS, Window};
use crate::store::log::Entry;

/// Buckets of a window.
pub(crate) const BUCKETS: u32 = 6;
/// A third of the day, seconds.
pub(crate) const GENERATION_S: u32 = 8 * 3_600;
const GENERATIONS: u32 = 3;
/// Bits of a generation of peers.
pub(crate) const PEER_BITS: u32 = 512;
/// Bits of a generation of groups.
pub(crate) const GROUP_BITS: u32 = 128;

const COUNTER_WORDS: usize = COUNTERS / 2;
/// Padded, so that a row is whole vectors of four words.
const DENOMINATOR_WORDS: usize = DENOMINATORS.div_ceil(8) * 4;
const PEER_WORDS: usize = PEER_BITS as usize / 32;
const GROUP_WORDS: usize = GROUP_BITS as usize / 32;

const DENOMINATORS_AT: usize = WINDOWS * BUCKETS as usize * COUNTER_WORDS;
const PEERS_AT: usize = DENOMINATORS_AT + BUCKETS as usize * DENOMINATOR_WORDS;
const GROUPS_AT: usize = PEERS_AT + GENERATIONS as usize * PEER_WORDS;
const USED_WORDS: usize = GROUPS_AT + GENERATIONS as usize * GROUP_WORDS;
/// Words of the full tier's block.
pub(crate) const WORDS: usize = 300;

/// Sums over the windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucketed {
    /// Counters by window and lane.
    pub counters: [[u32; COUNTERS]; WINDOWS],
    /// Denominators over the day.
    pub denominators: [u32; DENOMINATOR_WORDS * 2],
}

/// Length of a window's bucket, seconds.
#[inline]
pub(crate) const fn bucket_s(window: usize) -> u32 {
    Window::ALL[window].seconds() / BUCKETS
}

/// The first second that a window reaches at `now_s`.
#[inline]
pub(crate) const fn first_second(window: usize, now_s: u32) -> u32 {
    (now_s / bucket_s(window)).saturating_sub(BUCKETS - 1) * bucket_s(window)
}

/// Where the bucket of a second lies in the ring, in buckets.
#[inline]
const fn ring(window: usize, second: u32) -> usize {
    (second / bucket_s(window) % BUCKETS) as usize
}

#[inline]
fn counters_at(window: usize, slot: usize) -> usize {
    (window * BUCKETS as usize + slot) * COUNTER_WORDS
}

/// Empties the buckets between the account's newest second and a later one.
pub(crate) fn advance(words: &mut [u32], newest_s: u32, now_s: u32) {
    for window in 0..WINDOWS {
        let from = newest_s / bucket_s(window);
        let to = now_s / bucket_s(window);
        for bucket in to.saturating_sub(BUCKETS - 1).max(from + 1)..=to {
            let slot = (bucket % BUCKETS) as usize;
            words[counters_at(window, slot)..][..COUNTER_WORDS].fill(0);
            if window == WINDOWS - 1 {
                words[DENOMINATORS_AT + slot * DENOMINATOR_WORDS..][..DENOMINATOR_WORDS].fill(0);
            }
        }
    }
    let (from, to) = (newest_s / GENERATION_S, now_s / GENERATION_S);
    for generation in to.saturating_sub(GENERATIONS - 1).max(from + 1)..=to {
        let slot = (generation % GENERATIONS) as usize;
        words[PEERS_AT + slot * PEER_WORDS..][..PEER_WORDS].fill(0);
        words[GROUPS_AT + slot * GROUP_WORDS..][..GROUP_WORDS].fill(0);
    }
}

/// Adds to one 16-bit counter of a row of them, or with `BACK` takes from it; it stops at 0 and 65,535.
#[inline(always)]
fn step<const BACK: bool>(row: &mut [u32], lane: usize, by: u16) {
    let word = &mut row[lane / 2];
    let shift = lane % 2 * 16;
    let count = (*word >> shift) as u16;
    let count = if BACK { count.saturating_sub(by) } else { count.saturating_add(by) };
    *word = *word & !(0xffff << shift) | u32::from(count) << shift;
}

/// Adds an entry to every bucket that a window reaches at the account's newest second; with `BACK`, takes it away.
pub(crate) fn apply<const BACK: bool>(words: &mut [u32], newest_s: u32, entry: &Entry) {
    for window in 0..WINDOWS {
        if entry.second < first_second(window, newest_s) {
            continue;
        }
        let slot = ring(window, entry.second);
        let (counters, denominators) = words.split_at_mut(DENOMINATORS_AT);
        let counters = &mut counters[counters_at(window, slot)..][..COUNTER_WORDS];
        let mut lanes = entry.lanes & ((1 << COUNTERS) - 1);
        while lanes != 0 {
            let lane = lanes.trailing_zeros();
            lanes &= lanes - 1;
            step::<BACK>(counters, lane as usize, entry.adds(lane));
        }
        if window == WINDOWS - 1 {
            let row = &mut denominators[slot * DENOMINATOR_WORDS..][..DENOMINATOR_WORDS];
            let mut lanes = entry.lanes >> COUNTERS;
            while lanes != 0 {
                let lane = lanes.trailing_zeros();
                lanes &= lanes - 1;
                step::<BACK>(row, lane as usize, entry.adds(lane + COUNTERS as u32));
            }
        }
    }
}

/// Notes a peer or group, by fingerprint, if the day's generations still reach its second; whether it was new.
pub(crate) fn note(words: &mut [u32], newest_s: u32, second: u32, fingerprint: u16, group: bool) -> bool {
    let generation = second / GENERATION_S;
    if newest_s / GENERATION_S > generation + GENERATIONS - 1 {
        return false;
    }
    let slot = (generation % GENERATIONS) as usize;
    let (at, bits, len) =
        if group { (GROUPS_AT, GROUP_BITS, GROUP_WORDS) } else { (PEERS_AT, PEER_BITS, PEER_WORDS) };
    let bit = u32::from(fingerprint) % bits;
    let word = &mut words[at + slot * len + bit as usize / 32];
    let was = *word >> (bit % 32) & 1;
    *word |= 1 << (bit % 32);
    was == 0
}

/// Bits set in the generations that `now_s` reaches: peers and groups.
pub(crate) fn bits(words: &[u32], newest_s: u32, now_s: u32) -> (u32, u32) {
    let newest = newest_s / GENERATION_S;
    let first = (now_s / GENERATION_S).saturating_sub(GENERATIONS - 1);
    let mut peers = [0_u32; PEER_WORDS];
    let mut groups = [0_u32; GROUP_WORDS];
    for generation in first.max(newest.saturating_sub(GENERATIONS - 1))..=newest {
        let slot = (generation % GENERATIONS) as usize;
        for (all, word) in peers.iter_mut().zip(&words[PEERS_AT + slot * PEER_WORDS..]) {
            *all |= word;
        }
        for (all, word) in groups.iter_mut().zip(&words[GROUPS_AT + slot * GROUP_WORDS..]) {
            *all |= word;
        }
    }
    (peers.iter().map(|word| word.count_ones()).sum(), groups.iter().map(|word| word.count_ones()).sum())
}

/// Adds the rows of a ring that lie within reach: both halves of each word apart, in plain loops over arrays.
#[inline(always)]
fn sum_ring<const WORDS: usize>(ring: &[u32], keep: &[u32; BUCKETS as usize], into: &mut [u32]) {
    let (mut low, mut high) = ([0_u32; WORDS], [0_u32; WORDS]);
    for (row, keep) in ring.chunks_exact(WORDS).zip(keep) {
        let row: &[u32; WORDS] = row.try_into().expect("a chunk has as many words");
        for at in 0..WORDS {
            low[at] += row[at] & keep & 0xffff;
            high[at] += (row[at] & keep) >> 16;
        }
    }
    for ((pair, low), high) in into.chunks_exact_mut(2).zip(low).zip(high) {
        pair[0] += low;
        pair[1] += high;
    }
}

/// Which buckets of a window's ring `now_s` reaches: all ones, or 0.
#[inline(always)]
fn reached(window: usize, newest_s: u32, now_s: u32) -> [u32; BUCKETS as usize] {
    let newest = newest_s / bucket_s(window);
    let gone = now_s / bucket_s(window) - newest;
    if gone == 0 {
        return [u32::MAX; BUCKETS as usize];
    }
    let slot = newest % BUCKETS;
    // A bucket's age is how far it lies behind the newest in the ring.
    std::array::from_fn(|at| {
        let age = (slot + BUCKETS - at as u32) % BUCKETS;
        if age.saturating_add(gone) < BUCKETS { u32::MAX } else { 0 }
    })
}

/// Adds every bucket that `now_s` reaches to the sums.
pub(crate) fn read(words: &[u32], newest_s: u32, now_s: u32, sums: &mut Bucketed) {
    for window in 0..WINDOWS {
        let ring = &words[counters_at(window, 0)..counters_at(window + 1, 0)];
        let reached = reached(window, newest_s, now_s);
        sum_ring::<COUNTER_WORDS>(ring, &reached, &mut sums.counters[window]);
        if window == WINDOWS - 1 {
            sum_ring::<DENOMINATOR_WORDS>(
                &words[DENOMINATORS_AT..PEERS_AT],
                &reached,
                &mut sums.denominators,
            );
        }
    }
}

const _: () = assert!(USED_WORDS <= WORDS, "the full tier fits in its block");
