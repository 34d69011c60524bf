//! What an account is seen on: devices, network prefixes, autonomous systems, a number range.
//!
//! Separate, because an account that never told any pays nothing for it. Invariants: the newest device and prefix come
//! first; a device's age is unknown unless the account was seen before it, or was registered with it.

use crate::entity::network_hash;
use crate::store::arena::{Arena, Block};
use crate::store::decay::{HalfLife, Small};

/// Sizes that the block grows through, words.
const GROWS: [usize; 3] = [16, 28, 40];
const DEVICE_SINCE: usize = 0;
const ASN: usize = 1;
const ASN_BEFORE: usize = 2;
const CHANGES: usize = 3;
/// Two words each, the lower half first.
const RANGE: usize = 4;
const DEVICE: usize = 6;
const PREFIX: usize = 8;
/// Word of the block's own size (low half); block handles do not tell it.
const SIZE: usize = 10;
const LISTS: usize = 12;

/// Days that a device or prefix is remembered.
const DAYS: u32 = 30;

/// Present entities of an account, as blocklists and the relation engine can find them. `None` is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entities {
    /// Device: the hash of its pseudonym.
    pub device: Option<u64>,
    /// Network prefix: its code.
    pub prefix: Option<u64>,
    /// Autonomous system, its number.
    pub asn: Option<u32>,
    /// Number range: the hash of its pseudonym.
    pub range: Option<u64>,
}

/// What a session told that is new to the account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// A device.
    pub device: bool,
    /// A prefix.
    pub prefix: bool,
    /// An autonomous system.
    pub asn: bool,
    /// A number range.
    pub range: bool,
}

/// Breadth and changes, as features read them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// When the present device was first seen, seconds; 0 unknown.
    pub device_since_s: u32,
    /// Devices within 30 d; 0 if none was ever told.
    pub devices: u32,
    /// Prefixes within 30 d.
    pub prefixes: u32,
    /// Decayed changes of device.
    pub device_changes: f32,
    /// Decayed changes of prefix.
    pub prefix_changes: f32,
}

/// Words of the block.
pub(crate) fn words_of(arena: &Arena, block: Block) -> usize {
    (arena.words(block, GROWS[0])[SIZE] & 0xffff) as usize
}

/// Whether words read from a checkpoint are such a block.
pub(crate) fn is_sound(words: &[u32]) -> bool {
    GROWS.contains(&words.len()) && (words[SIZE] & 0xffff) as usize == words.len()
}

/// Notes what a session told at `second`; the block is made or grown as needed. `registered`: the device came with the account.
pub(crate) fn note(
    arena: &mut Arena,
    block: &mut Block,
    told: &Entities,
    second: u32,
    registered: bool,
) -> News {
    if block.is_none() {
        *block = arena.take(GROWS[0]);
        arena.words_mut(*block, GROWS[0])[SIZE] = GROWS[0] as u32;
    }
    let mut news = News::default();
    if let Some(device) = told.device {
        let first = read(arena.words(*block, GROWS[0]), DEVICE) == 0;
        let (new, since) = note_in_list(arena, block, List::Devices, device, second);
        let words = arena.words_mut(*block, GROWS[0]);
        if read(words, DEVICE) != device {
            words[DEVICE_SINCE] = match (first, new, registered) {
                (_, true, true) | (false, true, false) => second,
                (true, _, _) => 0,
                (false, false, _) => since,
            };
            write(words, DEVICE, device);
            words[CHANGES] = changed(words[CHANGES], 0, !first);
        }
        news.device = new;
    }
    if let Some(prefix) = told.prefix {
        news.prefix = note_in_list(arena, block, List::Prefixes, network_hash(prefix), second).0;
        let words = arena.words_mut(*block, GROWS[0]);
        if read(words, PREFIX) != prefix {
            words[CHANGES] = changed(words[CHANGES], 16, read(words, PREFIX) != 0);
            write(words, PREFIX, prefix);
        }
    }
    let words = arena.words_mut(*block, GROWS[0]);
    if let Some(asn) = told.asn.filter(|asn| words[ASN] != *asn) {
        news.asn = words[ASN_BEFORE] != asn;
        words[ASN_BEFORE] = words[ASN];
        words[ASN] = asn;
    }
    if let Some(range) = told.range.filter(|range| read(words, RANGE) != *range) {
        news.range = true;
        write(words, RANGE, range);
    }
    news
}

fn read(words: &[u32], at: usize) -> u64 {
    u64::from(words[at]) | u64::from(words[at + 1]) << 32
}

fn write(words: &mut [u32], at: usize, value: u64) {
    words[at] = value as u32;
    words[at + 1] = (value >> 32) as u32;
}

/// One more change in a half of the word, unless it was the first of its kind ever told.
fn changed(word: u32, shift: u32, counts: bool) -> u32 {
    if !counts {
        return word;
    }
    let more = Small::of(Small((word >> shift) as u16).value() + 1.0);
    word & !(0xffff << shift) | u32::from(more.0) << shift
}

#[derive(Clone, Copy, PartialEq)]
enum List {
    Devices,
    Prefixes,
}

fn list_range(words: usize, list: List) -> std::ops::Range<usize> {
    let half = (words - LISTS) / 2;
    match list {
        List::Devices => LISTS..LISTS + half,
        List::Prefixes => LISTS + half..words,
    }
}

/// Puts a hash first in its list. Whether it was not there, and the second from which it was there at the latest.
fn note_in_list(arena: &mut Arena, block: &mut Block, list: List, hash: u64, second: u32) -> (bool, u32) {
    let day = second / 86_400;
    let key = (hash >> 32) as u32;
    let entry = (key & 0xffff_0000) | day;
    loop {
        let size = words_of(arena, *block);
        let words = &mut arena.words_mut(*block, size)[list_range(size, list)];
        let same = |word: &u32| *word & 0xffff_0000 == key & 0xffff_0000 && *word & 0xffff != 0;
        if let Some(at) = words.iter().position(same) {
            let since = (words[at] & 0xffff) * 86_400;
            words[..=at].rotate_right(1);
            words[0] = words[0] & 0xffff_0000 | (words[0] & 0xffff).max(day);
            return (false, since);
        }
        let last = words[words.len() - 1];
        let spare = last & 0xffff == 0 || (last & 0xffff) + DAYS < day;
        if spare || size == GROWS[GROWS.len() - 1] {
            words.rotate_right(1);
            words[0] = entry;
            return (true, second);
        }
        grow(arena, block, size);
    }
}

fn grow(arena: &mut Arena, block: &mut Block, from: usize) {
    let to = if from == GROWS[0] { GROWS[1] } else { GROWS[2] };
    let mut prefixes = [0; GROWS[2]];
    let old = list_range(from, List::Prefixes);
    let count = old.len();
    prefixes[..count].copy_from_slice(&arena.words(*block, from)[old.clone()]);
    *block = arena.resize(*block, from, to);
    let words = arena.words_mut(*block, to);
    words[old].fill(0);
    words[SIZE] = to as u32;
    words[list_range(to, List::Prefixes)][..count].copy_from_slice(&prefixes[..count]);
}

/// Decays the changes from the account's newest second to a later one.
pub(crate) fn decay(arena: &mut Arena, block: Block, then_s: u32, now_s: u32) {
    let left = HalfLife::Days7.left(then_s, now_s);
    if block.is_none() || left >= 1.0 {
        return;
    }
    let word = &mut arena.words_mut(block, GROWS[0])[CHANGES];
    let half = |shift: u32| Small::of(Small((*word >> shift) as u16).value() * left).0;
    *word = u32::from(half(0)) | u32::from(half(16)) << 16;
}

/// The present entities.
pub(crate) fn entities(arena: &Arena, block: Block) -> Entities {
    if block.is_none() {
        return Entities::default();
    }
    let words = arena.words(block, GROWS[0]);
    let known = |at: usize| Some(read(words, at)).filter(|value| *value != 0);
    let asn = Some(words[ASN]).filter(|asn| *asn != 0);
    Entities { device: known(DEVICE), prefix: known(PREFIX), asn, range: known(RANGE) }
}

/// What the features read at `now_s`; changes stand at `newest_s`.
pub(crate) fn seen(arena: &Arena, block: Block, newest_s: u32, now_s: u32) -> Seen {
    if block.is_none() {
        return Seen::default();
    }
    let size = words_of(arena, block);
    let words = arena.words(block, size);
    let oldest = (now_s / 86_400).saturating_sub(DAYS);
    let recent = |list: List| {
        let entries = &words[list_range(size, list)];
        entries.iter().filter(|word| **word & 0xffff != 0 && **word & 0xffff >= oldest).count() as u32
    };
    let left = HalfLife::Days7.left(newest_s, now_s);
    Seen {
        device_since_s: words[DEVICE_SINCE],
        devices: recent(List::Devices),
        prefixes: recent(List::Prefixes),
        device_changes: Small(words[CHANGES] as u16).value() * left,
        prefix_changes: Small((words[CHANGES] >> 16) as u16).value() * left,
    }
}

/// Gives the block back.
pub(crate) fn free(arena: &mut Arena, block: Block) {
    if !block.is_none() {
        arena.give(block, words_of(arena, block));
    }
}
