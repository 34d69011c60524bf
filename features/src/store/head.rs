//! What every account has: 72 bytes in a slab whose chunks never move.
//!
//! Separate from the blocks that only some accounts have (log or buckets, identity, peers, response, facts, companions),
//! to which it holds handles. Invariants: a head is `Copy` and at most 72 bytes; 0 is unknown in every field that can
//! be; an account is told by the 64-bit xxh3 of its id (two of 16 million accounts collide with odds of 1 in 140,000).

use crate::prefetch::prefetch;
use crate::store::arena::Block;
use crate::store::decay::{HalfLife, Small};

const ACT_MS: u16 = (1 << 10) - 1;
const SIZE_LAST: u8 = 15;
/// Words of a head in a checkpoint.
pub(crate) const HEAD_WORDS: usize = 11;
/// Records are counted modulo this in heads.
pub(crate) const MOVED: u64 = 1 << 42;
/// No account.
pub(crate) const NOBODY: u32 = u32::MAX;

/// The state of one account that every account has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Hash of the account's id.
    pub hash: u64,
    /// Newest event time, seconds: the account's clock.
    pub newest_s: u32,
    /// When the account was created, seconds; 0 unknown.
    pub created_s: u32,
    /// Log or buckets.
    pub windows: Block,
    /// Devices, prefixes, network.
    pub identity: Block,
    /// Handles to rarer blocks.
    pub side: Block,
    /// Next less idle account.
    pub newer: u32,
    /// Next idler account.
    pub older: u32,
    /// Record at which the account was last put first in the order of idleness: its low half, see [`Head::moved`].
    moved_at: u32,
    /// Acts of the account so far.
    pub acts: u32,
    /// Newest act, seconds.
    pub act_s: u32,
    /// Newest act, ms within its second (low 10 bits); bits 32..38 of [`Head::moved`].
    act_ms: u16,
    /// Mean gap, seconds.
    pub gap_mean: Small,
    /// Standard deviation of the gaps, seconds.
    pub gap_deviation: Small,
    /// The gap that the newest act ended, seconds.
    pub gap_last: Small,
    /// Idle time before the present burst, hours; 0 unknown.
    pub dormancy: Small,
    /// Share of repeated sizes, in 1/65,535.
    pub size_repeat: u16,
    /// New chats, decayed over 7 d and 30 d.
    pub new_chats: [Small; 2],
    /// Answers, decayed over 7 d and 30 d.
    pub answered: [Small; 2],
    /// Size bucket of the newest message that told it (low 4 bits); bits 38..42 of [`Head::moved`].
    size_last: u8,
    /// Messages that told their size, up to 255.
    pub sizes: u8,
    /// Entries in the log (low 5 bits), and how many its block holds, as an index into [`LOG_SIZES`].
    pub log: u8,
    /// [`Flags`].
    pub flags: Flags,
}

/// Small facts of an account, in one byte: tier (0 unknown), attested, country mismatch (0 unknown, 1 no, 2 yes), full tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    const FULL: u8 = 1 << 7;

    /// Tier plus 1; 0 unknown.
    pub fn tier(self) -> u8 {
        self.0 & 7
    }

    /// Sets the tier.
    pub fn set_tier(&mut self, tier: u8) {
        self.0 = self.0 & !7 | (tier + 1);
    }

    /// Whether the client is attested.
    pub fn attested(self) -> Option<bool> {
        known(self.0 >> 3)
    }

    /// Sets whether the client is attested.
    pub fn set_attested(&mut self, attested: bool) {
        self.0 = self.0 & !(3 << 3) | (1 + u8::from(attested)) << 3;
    }

    /// Whether the countries of number and network differ.
    pub fn mismatch(self) -> Option<bool> {
        known(self.0 >> 5)
    }

    /// Sets whether the countries differ.
    pub fn set_mismatch(&mut self, mismatch: bool) {
        self.0 = self.0 & !(3 << 5) | (1 + u8::from(mismatch)) << 5;
    }

    /// Whether the windows are buckets, not a log.
    pub fn full(self) -> bool {
        self.0 & Self::FULL != 0
    }

    /// Sets whether the windows are buckets.
    pub fn set_full(&mut self, full: bool) {
        self.0 = self.0 & !Self::FULL | u8::from(full) << 7;
    }
}

fn known(bits: u8) -> Option<bool> {
    match bits & 3 {
        1 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

/// Entries that the blocks of a log hold.
pub(crate) const LOG_SIZES: [usize; 6] = [1, 2, 4, 8, 12, 24];

impl Head {
    /// Entries in the log.
    #[inline]
    pub fn log_len(&self) -> usize {
        (self.log & 31) as usize
    }

    /// Entries that the log's block holds.
    #[inline]
    pub fn log_size(&self) -> usize {
        LOG_SIZES[self.log_class()]
    }

    /// The size of the log's block, as an index into [`LOG_SIZES`].
    #[inline]
    pub fn log_class(&self) -> usize {
        (self.log >> 5) as usize
    }

    /// Sets the entries in the log and the index of its block's size.
    pub fn set_log(&mut self, len: usize, size: usize) {
        self.log = len as u8 | (size as u8) << 5;
    }

    /// Newest act, ms within its second.
    #[inline]
    pub fn act_ms(&self) -> u16 {
        self.act_ms & ACT_MS
    }

    /// Sets the newest act's ms within its second.
    #[inline]
    pub fn set_act_ms(&mut self, ms: u16) {
        self.act_ms = self.act_ms & !ACT_MS | ms & ACT_MS;
    }

    /// Size bucket of the newest message that told it.
    #[inline]
    pub fn size_last(&self) -> u8 {
        self.size_last & SIZE_LAST
    }

    /// Sets the size bucket of the newest message that told it.
    #[inline]
    pub fn set_size_last(&mut self, size: u8) {
        self.size_last = self.size_last & !SIZE_LAST | size & SIZE_LAST;
    }

    /// Record at which the account was last put first in the order of idleness, modulo 2^42: at a million records a second,
    /// 50 days.
    #[inline]
    pub fn moved(&self) -> u64 {
        let high = u64::from(self.act_ms >> 10) | u64::from(self.size_last >> 4) << 6;
        u64::from(self.moved_at) | high << 32
    }

    /// Sets the record at which the account was put first.
    #[inline]
    pub fn set_moved(&mut self, record: u64) {
        self.moved_at = record as u32;
        self.act_ms = self.act_ms & ACT_MS | ((record >> 32) as u16 & 63) << 10;
        self.size_last = self.size_last & SIZE_LAST | ((record >> 38) as u8 & 15) << 4;
    }

    /// What a checkpoint keeps of it besides the hash: everything but handles and links.
    pub fn as_words(&self) -> [u32; HEAD_WORDS] {
        let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        [
            self.newest_s,
            self.created_s,
            self.moved_at,
            self.acts,
            self.act_s,
            pair(self.act_ms, self.gap_mean.0),
            pair(self.gap_deviation.0, self.gap_last.0),
            pair(self.dormancy.0, self.size_repeat),
            pair(self.new_chats[0].0, self.new_chats[1].0),
            pair(self.answered[0].0, self.answered[1].0),
            u32::from_le_bytes([self.size_last, self.sizes, self.log, self.flags.0]),
        ]
    }

    /// A head from what a checkpoint kept of it, without handles and links.
    pub fn from_words(hash: u64, words: &[u32; HEAD_WORDS]) -> Self {
        let low = |at: usize| Small(words[at] as u16);
        let high = |at: usize| Small((words[at] >> 16) as u16);
        let [size_last, sizes, log, flags] = words[10].to_le_bytes();
        Self {
            created_s: words[1],
            moved_at: words[2],
            acts: words[3],
            act_s: words[4],
            act_ms: words[5] as u16,
            gap_mean: high(5),
            gap_deviation: low(6),
            gap_last: high(6),
            dormancy: low(7),
            size_repeat: (words[7] >> 16) as u16,
            new_chats: [low(8), high(8)],
            answered: [low(9), high(9)],
            size_last,
            sizes,
            log,
            flags: Flags(flags),
            ..Self::new(hash, words[0])
        }
    }

    /// An account of which nothing is known.
    pub fn new(hash: u64, second: u32) -> Self {
        Self {
            hash,
            newest_s: second,
            created_s: 0,
            windows: Block::NONE,
            identity: Block::NONE,
            side: Block::NONE,
            newer: NOBODY,
            older: NOBODY,
            moved_at: 0,
            acts: 0,
            act_s: 0,
            act_ms: 0,
            gap_mean: Small::default(),
            gap_deviation: Small::default(),
            gap_last: Small::default(),
            dormancy: Small::default(),
            size_repeat: 0,
            new_chats: [Small::default(); 2],
            answered: [Small::default(); 2],
            size_last: 0,
            sizes: 0,
            log: 0,
            flags: Flags::default(),
        }
    }

    /// Decays the slow counts from the account's newest second to a later one.
    #[inline]
    pub fn decay(&mut self, now_s: u32) {
        for (slot, half_life) in [HalfLife::Days7, HalfLife::Days30].into_iter().enumerate() {
            let left = half_life.left(self.newest_s, now_s);
            if left < 1.0 {
                self.new_chats[slot] = Small::of(self.new_chats[slot].value() * left);
                self.answered[slot] = Small::of(self.answered[slot].value() * left);
            }
        }
    }
}

/// Adds an event of `second` to a pair of counts that stand at `newest_s`.
#[inline]
pub(crate) fn add_slow(pair: &mut [Small; 2], adds: f32, second: u32, newest_s: u32) {
    for (count, half_life) in pair.iter_mut().zip([HalfLife::Days7, HalfLife::Days30]) {
        *count = Small::of(count.value() + adds * half_life.left(second, newest_s));
    }
}

const CHUNK: usize = 4_096;

/// Heads by slot.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    chunks: Vec<Box<[Head]>>,
    free: Vec<u32>,
    used: u32,
}

impl Heads {
    /// A slot for a new account.
    pub fn take(&mut self, head: Head) -> u32 {
        if let Some(slot) = self.free.pop() {
            *self.get_mut(slot) = head;
            return slot;
        }
        let slot = self.used;
        if slot as usize / CHUNK == self.chunks.len() {
            self.chunks.push(vec![Head::new(0, 0); CHUNK].into_boxed_slice());
        }
        self.used += 1;
        *self.get_mut(slot) = head;
        slot
    }

    /// Gives a slot back.
    pub fn give(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// The head in a slot.
    #[inline]
    pub fn get(&self, slot: u32) -> &Head {
        &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    /// The head in a slot, to change.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut Head {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    /// Asks for the links of a head.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        prefetch(&self.get(slot).newer);
    }

    /// Slots ever used, and those of them that are free.
    pub fn slots(&self) -> (u32, &[u32]) {
        (self.used, &self.free)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Head>() + self.free.capacity() * 4
    }
}

const _: () = assert!(size_of::<Head>() <= 72, "10 million accounts pay for every byte here");
