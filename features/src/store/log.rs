//! The small tier: a log of the account's last few events, from which every window is read.
//!
//! Separate from the buckets of the full tier, whose semantics it keeps: an entry counts in a window exactly if its
//! bucket would, so moving up a tier changes no count. Invariants: at most 24 entries; an entry's amounts are so small
//! that 24 of them cannot saturate a bucket.

use crate::catalog::counters::{AMOUNT_LANES, COUNTERS, LANES, PART_LANES, WINDOWS};
use crate::store::buckets::{Bucketed, GENERATION_S, bucket_s, first_second};

/// Most entries before the account moves to the full tier.
pub(crate) const ENTRIES_MAX: usize = 24;
const ENTRY_WORDS: usize = 3;
/// Largest amount in a log: 24 of them stay below 65,536.
pub(crate) const AMOUNT_MAX: u16 = 2_730;

/// One event as the windows see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Event time, seconds.
    pub second: u32,
    /// The lanes that it adds to.
    pub lanes: u32,
    /// Members, numbers, refusals, credit; or the fingerprint of a peer or group.
    pub amount: u16,
    /// Known members or registered numbers; or marks of a message.
    pub part: u16,
}

/// Words of a block that holds this many entries.
pub(crate) const fn words_for(entries: usize) -> usize {
    match entries {
        0..=1 => 4,
        2 => 6,
        3..=4 => 12,
        5..=8 => 24,
        9..=12 => 36,
        _ => 72,
    }
}

impl Entry {
    /// What it adds to a lane that is set in it.
    #[inline]
    pub fn adds(&self, lane: u32) -> u16 {
        if AMOUNT_LANES >> lane & 1 != 0 {
            self.amount
        } else if PART_LANES >> lane & 1 != 0 {
            self.part
        } else {
            1
        }
    }

    /// Whether a log may hold it.
    pub fn is_small(&self) -> bool {
        let amount = self.lanes & AMOUNT_LANES != 0 && self.amount > AMOUNT_MAX;
        let part = self.lanes & PART_LANES != 0 && self.part > AMOUNT_MAX;
        !amount && !part
    }
}

/// The entry at a place.
#[inline]
pub(crate) fn entry(words: &[u32], at: usize) -> Entry {
    let words = &words[at * ENTRY_WORDS..at * ENTRY_WORDS + ENTRY_WORDS];
    Entry { second: words[0], lanes: words[1], amount: words[2] as u16, part: (words[2] >> 16) as u16 }
}

/// Writes the entry at a place.
#[inline]
pub(crate) fn put(words: &mut [u32], at: usize, entry: Entry) {
    let words = &mut words[at * ENTRY_WORDS..at * ENTRY_WORDS + ENTRY_WORDS];
    words[0] = entry.second;
    words[1] = entry.lanes;
    words[2] = u32::from(entry.amount) | u32::from(entry.part) << 16;
}

/// Drops entries that no window reaches any more at `now_s`; the number left.
pub(crate) fn drop_old(words: &mut [u32], len: usize, now_s: u32) -> usize {
    let first = first_second(WINDOWS - 1, now_s);
    let mut kept = 0;
    for at in 0..len {
        let entry = entry(words, at);
        if entry.second >= first {
            put(words, kept, entry);
            kept += 1;
        }
    }
    kept
}

/// Adds every entry to the sums at `now_s`.
pub(crate) fn read(words: &[u32], len: usize, now_s: u32, sums: &mut Bucketed) {
    let firsts: [u32; WINDOWS] = std::array::from_fn(|window| first_second(window, now_s));
    for at in 0..len {
        let entry = entry(words, at);
        let Some(shortest) = firsts.iter().position(|first| entry.second >= *first) else { continue };
        let mut lanes = entry.lanes;
        while lanes != 0 {
            let lane = lanes.trailing_zeros();
            lanes &= lanes - 1;
            let adds = u32::from(entry.adds(lane));
            if (lane as usize) < COUNTERS {
                for window in &mut sums.counters[shortest..] {
                    window[lane as usize] += adds;
                }
            } else {
                sums.denominators[lane as usize - COUNTERS] += adds;
            }
        }
    }
}

/// Distinct fingerprints among entries that have one of these lanes, within the day's generations at `now_s`.
pub(crate) fn distinct(words: &[u32], len: usize, now_s: u32, lanes: u32) -> u32 {
    let first = (now_s / GENERATION_S).saturating_sub(2) * GENERATION_S;
    let mut seen = [0_u16; ENTRIES_MAX];
    let mut count = 0;
    for at in 0..len {
        let entry = entry(words, at);
        if entry.second >= first
            && entry.lanes & lanes != 0
            && entry.amount != 0
            && !seen[..count].contains(&entry.amount)
        {
            seen[count] = entry.amount;
            count += 1;
        }
    }
    count as u32
}

const _: () = {
    assert!(AMOUNT_MAX as usize * ENTRIES_MAX < 65_536);
    assert!(words_for(ENTRIES_MAX) == ENTRIES_MAX * ENTRY_WORDS);
    assert!(LANES <= 32);
    let mut window = 1;
    while window < WINDOWS {
        // The windows nest: whatever a shorter one reaches, a longer one does.
        assert!(bucket_s(window - 1) * 6 <= bucket_s(window) * 5);
        window += 1;
    }
};
