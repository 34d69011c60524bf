//! How others respond to an account, slowly: decayed counts, and who blocked or reported it.
//!
//! Separate, because most accounts never get a block, report or failure. A block or report earns credit:
//!
//! `credit = kind x contact x age / (1 + alike)^2`, less what the same author already earned, where
//! - kind: report 1, block 0.5;
//! - contact: `account` 1 (it wrote first); unknown 0.75 if the account is known to have written first; else *low*:
//!   unknown 0.25, `author` 0.15, `none` 0.02;
//! - age of the author: unknown 0.7, under a day 0.1, a week 0.3, 30 days 0.7, else 1;
//! - alike: remembered authors with the same device, the same prefix, or the same number range and age bucket: the n-th of
//!   a crowd counts 1/n^2, so a crowd of any size counts less than 1.65.
//!
//! All *low* credit together, decayed over 7 d, stays at or below 0.75: no crowd of any size that the account did not
//! write to first lifts `feedback_*` to 1. Invariants: at most 62 authors, the longest silent forgotten first; an unblock
//! takes back what its block earned.

use crate::store::arena::{Arena, Block};
use crate::store::decay::{HalfLife, Small};

/// Sizes that the block grows through, words: 0, 2, 6, 14, 30, 62 authors.
const GROWS: [usize; 6] = [8, 16, 32, 64, 128, 256];
const SLOWS: usize = 10;
const META: usize = 5;
const AUTHORS: usize = 8;
const AUTHOR_WORDS: usize = 4;
/// Credit of one fully credible author, in the units of windows and authors.
pub(crate) const CREDIT_ONE: f32 = 128.0;
/// All low credit together, decayed over 7 d, credits.
const LOW_MAX: f32 = 0.75;
const WEEK_S: u32 = 7 * 86_400;

/// Slow counts of the block. Each pair is 7 d and 30 d.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Slow {
    /// Blocks.
    Blocks = 0,
    /// Reports.
    Reports = 2,
    /// Undelivered messages.
    Undelivered = 4,
    /// Enforced restrictions.
    Strikes = 6,
    /// Credit over 7 d; its neighbour is low credit over 7 d.
    Feedback = 8,
}

/// Who wrote first, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// The account, as the gateway says.
    Account,
    /// The account, as its own record says.
    AccountByRecord,
    /// The author.
    Author,
    /// Nobody: they never talked.
    Never,
    /// Unknown.
    Unknown,
}

/// A block or report.
#[derive(Clone, Copy)]
pub(crate) struct Voice {
    /// Fingerprint of the author.
    pub author: u32,
    /// Event time, seconds.
    pub second: u32,
    /// A report, not a block.
    pub report: bool,
    /// Who wrote first.
    pub opened: Opened,
    /// The author's age, hours.
    pub age_h: Option<f32>,
    /// Fingerprints of the author's device, prefix and range; 0 unknown.
    pub device: u16,
    /// See `device`.
    pub prefix: u16,
    /// See `device`.
    pub range: u16,
}

/// What is read of the block.
#[derive(Clone, Copy, Default)]
pub(crate) struct Read {
    /// Slow counts in the order of [`Slow`], decayed to now.
    pub slow: [f32; SLOWS],
    /// Distinct authors of reports within 7 d.
    pub reporters: u32,
    /// Distinct authors of blocks in force within 7 d.
    pub blockers: u32,
}

/// What an unblock takes back.
#[derive(Clone, Copy)]
pub(crate) struct TakenBack {
    /// When the block came, seconds.
    pub second: u32,
    /// The credit it had earned, in units.
    pub credit: u16,
}

#[derive(Clone, Copy)]
struct Author {
    fingerprint: u32,
    second: u32,
    device: u16,
    prefix: u16,
    /// Range mixed with the age bucket.
    range_age: u16,
    credit: u8,
    marks: u8,
}

const REPORTED: u8 = 1;
const BLOCKED: u8 = 2;
const LOW: u8 = 4;

fn author(words: &[u32], at: usize) -> Author {
    let words = &words[AUTHORS + at * AUTHOR_WORDS..][..AUTHOR_WORDS];
    Author {
        fingerprint: words[0],
        second: words[1],
        device: words[2] as u16,
        prefix: (words[2] >> 16) as u16,
        range_age: words[3] as u16,
        credit: (words[3] >> 16) as u8,
        marks: (words[3] >> 24) as u8,
    }
}

fn put(words: &mut [u32], at: usize, author: &Author) {
    let words = &mut words[AUTHORS + at * AUTHOR_WORDS..][..AUTHOR_WORDS];
    words[0] = author.fingerprint;
    words[1] = author.second;
    words[2] = u32::from(author.device) | u32::from(author.prefix) << 16;
    words[3] = u32::from(author.range_age) | u32::from(author.credit) << 16 | u32::from(author.marks) << 24;
}

fn slow(words: &[u32], at: usize) -> f32 {
    Small((words[at / 2] >> (at % 2 * 16)) as u16).value()
}

fn set_slow(words: &mut [u32], at: usize, value: f32) {
    let shift = at % 2 * 16;
    words[at / 2] = words[at / 2] & !(0xffff << shift) | u32::from(Small::of(value).0) << shift;
}

const fn half_life(at: usize) -> HalfLife {
    if at >= Slow::Feedback as usize || at.is_multiple_of(2) { HalfLife::Days7 } else { HalfLife::Days30 }
}

/// Words of the block.
pub(crate) fn words_of(arena: &Arena, block: Block) -> usize {
    (arena.words(block, GROWS[0])[META] >> 16) as usize
}

/// Whether words read from a checkpoint are such a block.
pub(crate) fn is_sound(words: &[u32]) -> bool {
    let authors = || (words[META] & 0xffff) as usize;
    GROWS.contains(&words.len())
        && (words[META] >> 16) as usize == words.len()
        && AUTHORS + authors() * AUTHOR_WORDS <= words.len()
}

fn ensure(arena: &mut Arena, block: &mut Block) {
    if block.is_none() {
        *block = arena.take(GROWS[0]);
        arena.words_mut(*block, GROWS[0])[META] = (GROWS[0] as u32) << 16;
    }
}

/// Decays the slow counts from the account's newest second to a later one.
pub(crate) fn decay(arena: &mut Arena, block: Block, then_s: u32, now_s: u32) {
    let left = [HalfLife::Days7.left(then_s, now_s), HalfLife::Days30.left(then_s, now_s)];
    if block.is_none() || left == [1.0, 1.0] {
        return;
    }
    let words = arena.words_mut(block, GROWS[0]);
    for at in 0..SLOWS {
        let value = slow(words, at) * half_life(at).left(then_s, now_s);
        set_slow(words, at, value);
    }
}

/// Adds (or with a negative number takes) to a pair of slow counts that stand at `newest_s`.
pub(crate) fn count(arena: &mut Arena, block: &mut Block, what: Slow, adds: f32, at_s: [u32; 2]) {
    ensure(arena, block);
    let [second, newest_s] = at_s;
    let words = arena.words_mut(*block, GROWS[0]);
    for at in [what as usize, what as usize + 1] {
        if what == Slow::Feedback && at != what as usize {
            continue;
        }
        let value = slow(words, at) + adds * half_life(at).left(second, newest_s);
        set_slow(words, at, value);
    }
}

/// Hours of a day, week and month mark off how old an author is; the bucket groups authors of like age.
fn age_bucket(age_h: Option<f32>) -> u16 {
    age_h.map_or(0, |age| (64 - u64::from(age.max(0.0) as u32 / 24).leading_zeros()) as u16 + 1)
}

fn base(voice: &Voice) -> (f32, bool) {
    let kind = if voice.report { 1.0 } else { 0.5 };
    let (contact, low) = match voice.opened {
        Opened::Account => (1.0, false),
        Opened::AccountByRecord => (0.75, false),
        Opened::Unknown => (0.25, true),
        Opened::Author => (0.15, true),
        Opened::Never => (0.02, true),
    };
    let age = match voice.age_h {
        None => 0.7,
        Some(age) if age < 24.0 => 0.1,
        Some(age) if age < 7.0 * 24.0 => 0.3,
        Some(age) if age < 30.0 * 24.0 => 0.7,
        Some(_) => 1.0,
    };
    (kind * contact * age, low)
}

/// Notes a block or report; the credit that it earned, in units of 1/128.
pub(crate) fn hear(arena: &mut Arena, block: &mut Block, voice: &Voice, newest_s: u32) -> u16 {
    ensure(arena, block);
    let size = words_of(arena, *block);
    let bucket = age_bucket(voice.age_h);
    let range_age =
        if voice.range == 0 { 0 } else { voice.range.wrapping_add(bucket.wrapping_mul(40_503)).max(1) };
    let words = arena.words_mut(*block, size);
    let len = (words[META] & 0xffff) as usize;
    let mut known = None;
    let mut alike = 0_u32;
    for at in 0..len {
        let other = author(words, at);
        if other.fingerprint == voice.author {
            known = Some(at);
        } else if (voice.device != 0 && other.device == voice.device)
            || (voice.prefix != 0 && other.prefix == voice.prefix)
            || (range_age != 0 && other.range_age == range_age)
        {
            alike += 1;
        }
    }
    let (base, low) = base(voice);
    let crowd = (1 + alike) as f32;
    let mut earned = base / (crowd * crowd);
    let before = known.map(|at| author(words, at));
    earned -= before.map_or(0.0, |before| f32::from(before.credit) / CREDIT_ONE);
    if low {
        earned = earned.min(LOW_MAX - slow(words, Slow::Feedback as usize + 1));
    }
    let units = (earned * CREDIT_ONE).clamp(0.0, CREDIT_ONE) as u16;
    if low {
        let sum = slow(words, Slow::Feedback as usize + 1) + f32::from(units) / CREDIT_ONE;
        set_slow(words, Slow::Feedback as usize + 1, sum);
    }
    let mark = if voice.report { REPORTED } else { BLOCKED } | if low { LOW } else { 0 };
    let entry = Author {
        fingerprint: voice.author,
        second: before.map_or(voice.second, |before| before.second.max(voice.second)),
        device: voice.device,
        prefix: voice.prefix,
        range_age,
        credit: before.map_or(0, |before| before.credit) + units as u8,
        marks: before.map_or(0, |before| before.marks) | mark,
    };
    remember(arena, block, known, &entry);
    count(arena, block, Slow::Feedback, f32::from(units) / CREDIT_ONE, [voice.second, newest_s]);
    units
}

/// Puts an author in its place, in a free one, or in that of the longest silent one.
fn remember(arena: &mut Arena, block: &mut Block, known: Option<usize>, entry: &Author) {
    let mut size = words_of(arena, *block);
    let len = (arena.words(*block, size)[META] & 0xffff) as usize;
    let capacity = (size - AUTHORS) / AUTHOR_WORDS;
    if known.is_none() && len == capacity && size < GROWS[GROWS.len() - 1] {
        let to = GROWS
            [GROWS.iter().position(|grown| *grown == size).expect("the block has one of these sizes") + 1];
        *block = arena.resize(*block, size, to);
        size = to;
    }
    let words = arena.words_mut(*block, size);
    let capacity = (size - AUTHORS) / AUTHOR_WORDS;
    let (at, len) = match known {
        Some(at) => (at, len),
        None if len < capacity => (len, len + 1),
        None => ((0..len).min_by_key(|at| author(words, *at).second).unwrap_or(0), len),
    };
    put(words, at, entry);
    words[META] = (size as u32) << 16 | len as u32;
}

/// Takes a block back; `None` if no block of that author is remembered.
pub(crate) fn take_back(
    arena: &mut Arena,
    block: &mut Block,
    fingerprint: u32,
    newest_s: u32,
) -> Option<TakenBack> {
    if block.is_none() {
        return None;
    }
    let size = words_of(arena, *block);
    let words = arena.words_mut(*block, size);
    let len = (words[META] & 0xffff) as usize;
    let at = (0..len).find(|at| {
        let author = author(words, *at);
        author.fingerprint == fingerprint && author.marks & BLOCKED != 0
    })?;
    let mut entry = author(words, at);
    entry.marks &= !BLOCKED;
    // A report by the same author stands, and so does what both earned.
    let credit = if entry.marks & REPORTED == 0 { std::mem::take(&mut entry.credit) } else { 0 };
    put(words, at, &entry);
    let share = f32::from(credit) / CREDIT_ONE;
    if entry.marks & LOW != 0 {
        let left =
            slow(words, Slow::Feedback as usize + 1) - share * HalfLife::Days7.left(entry.second, newest_s);
        set_slow(words, Slow::Feedback as usize + 1, left);
    }
    count(arena, block, Slow::Feedback, -share, [entry.second, newest_s]);
    count(arena, block, Slow::Blocks, -1.0, [entry.second, newest_s]);
    Some(TakenBack { second: entry.second, credit: u16::from(credit) })
}

/// What the features read at `now_s`; slow counts stand at `newest_s`.
pub(crate) fn read(arena: &Arena, block: Block, newest_s: u32, now_s: u32) -> Read {
    if block.is_none() {
        return Read::default();
    }
    let words = arena.words(block, words_of(arena, block));
    let left = [HalfLife::Days7.left(newest_s, now_s), HalfLife::Days30.left(newest_s, now_s)];
    let mut read = Read::default();
    for (at, value) in read.slow.iter_mut().enumerate() {
        *value = slow(words, at) * left[usize::from(half_life(at) == HalfLife::Days30)];
    }
    let oldest = now_s.saturating_sub(WEEK_S);
    for at in 0..(words[META] & 0xffff) as usize {
        let author = author(words, at);
        if author.second > oldest {
            read.reporters += u32::from(author.marks & REPORTED != 0);
            read.blockers += u32::from(author.marks & BLOCKED != 0);
        }
    }
    read
}

/// Gives the block back.
pub(crate) fn free(arena: &mut Arena, block: Block) {
    if !block.is_none() {
        arena.give(block, words_of(arena, block));
    }
}
