//! An account's windows, whichever tier it is in.
//!
//! Separate from both tiers, because it alone moves accounts between them. Invariants: moving changes no count; an account
//! quiet for a day starts again with an empty log.

use crate::catalog::counters::{COUNTERS, Counter, Denominator};
use crate::store::arena::{Arena, Block};
use crate::store::buckets::{self, Bucketed, first_second};
use crate::store::head::{Head, LOG_SIZES};
use crate::store::log::{self, ENTRIES_MAX, Entry};
use crate::store::side::Side;

/// Entries with one of these lanes name a peer.
pub(crate) const PEER_LANES: u32 =
    1 << (COUNTERS + Denominator::Direct as usize) | 1 << Counter::Answered as u32;
/// Entries with one of these lanes name a group.
pub(crate) const GROUP_LANES: u32 = 1 << Counter::GroupMessages as u32 | 1 << Counter::GroupCreates as u32;
/// Mark in a message's part: the gateway said that it was the first contact.
pub(crate) const TOLD_FIRST: u16 = 1;

const DAY_S: u32 = 86_400;

/// Moves the account's windows to a later second; `head.newest_s` is still the old one.
#[inline]
pub(crate) fn advance(head: &mut Head, arena: &mut Arena, now_s: u32) {
    if head.windows.is_none() {
        return;
    }
    if now_s - head.newest_s >= DAY_S {
        free(head, arena);
    } else if head.flags.full() {
        buckets::advance(arena.words_mut(head.windows, buckets::WORDS), head.newest_s, now_s);
    }
}

/// Adds an entry at the account's newest second. Whether its peer or group was new to the day, as far as is known.
pub(crate) fn add(head: &mut Head, arena: &mut Arena, entry: Entry) {
    if entry.second < first_second(3, head.newest_s) {
        return;
    }
    if !head.flags.full() {
        if entry.is_small() && log_entry(head, arena, entry) {
            return;
        }
        upgrade(head, arena);
    }
    bucket_entry(arena.words_mut(head.windows, buckets::WORDS), head.newest_s, &entry);
}

fn bucket_entry(words: &mut [u32], newest_s: u32, entry: &Entry) {
    buckets::apply::<false>(words, newest_s, entry);
    if entry.amount != 0 && entry.lanes & (PEER_LANES | GROUP_LANES) != 0 {
        let group = entry.lanes & GROUP_LANES != 0;
        buckets::note(words, newest_s, entry.second, entry.amount, group);
    }
}

/// Puts an entry into the log; false if there is no room.
fn log_entry(head: &mut Head, arena: &mut Arena, entry: Entry) -> bool {
    let mut len = head.log_len();
    let mut size = head.log_class();
    if head.windows.is_none() {
        head.windows = arena.take(log::words_for(LOG_SIZES[0]));
        (len, size) = (0, 0);
    }
    if len == LOG_SIZES[size] {
        let words = arena.words_mut(head.windows, log::words_for(LOG_SIZES[size]));
        len = log::drop_old(words, len, head.newest_s);
    }
    if len == LOG_SIZES[size] {
        if len == ENTRIES_MAX {
            head.set_log(len, size);
            return false;
        }
        let (from, to) = (log::words_for(LOG_SIZES[size]), log::words_for(LOG_SIZES[size + 1]));
        head.windows = arena.resize(head.windows, from, to);
        size += 1;
    }
    log::put(arena.words_mut(head.windows, log::words_for(LOG_SIZES[size])), len, entry);
    head.set_log(len + 1, size);
    true
}

/// Moves the account from its log to buckets.
fn upgrade(head: &mut Head, arena: &mut Arena) {
    let mut entries = [Entry { second: 0, lanes: 0, amount: 0, part: 0 }; ENTRIES_MAX];
    let len = if head.windows.is_none() { 0 } else { head.log_len() };
    for (at, entry) in entries[..len].iter_mut().enumerate() {
        *entry = log::entry(arena.words(head.windows, log::words_for(head.log_size())), at);
    }
    free(head, arena);
    head.windows = arena.take(buckets::WORDS);
    head.flags.set_full(true);
    let mut side = Side::read(arena, head.side);
    side.peers.widen(arena);
    for entry in &entries[..len] {
        bucket_entry(arena.words_mut(head.windows, buckets::WORDS), head.newest_s, entry);
        if entry.lanes & (1 << Counter::NewChats as u32) != 0 && entry.part & TOLD_FIRST != 0 {
            side.peers.note(arena, entry.amount, true, false);
        }
    }
    side.write(arena, &mut head.side);
}

/// Takes back the block of `second` and its credit.
pub(crate) fn take_back(head: &Head, arena: &mut Arena, second: u32, credit: u16) {
    let mut lanes = 1 << Counter::Blocks as u32;
    if credit > 0 {
        lanes |= 1 << Counter::Feedback as u32;
    }
    if head.windows.is_none() {
        return;
    }
    if head.flags.full() {
        let entry = Entry { second, lanes, amount: credit, part: 0 };
        buckets::apply::<true>(arena.words_mut(head.windows, buckets::WORDS), head.newest_s, &entry);
        return;
    }
    let words = arena.words_mut(head.windows, log::words_for(head.log_size()));
    for at in 0..head.log_len() {
        let mut entry = log::entry(words, at);
        if entry.second == second && entry.lanes & lanes == lanes && (credit == 0 || entry.amount == credit) {
            entry.lanes &= !lanes;
            log::put(words, at, entry);
            return;
        }
    }
}

/// Whether the log remembers the peer, and if so, whether the account is known to have written first.
pub(crate) fn find_peer(head: &Head, arena: &Arena, fingerprint: u16) -> Option<bool> {
    if head.flags.full() || head.windows.is_none() {
        return None;
    }
    let words = arena.words(head.windows, log::words_for(head.log_size()));
    let mut found = None;
    for at in 0..head.log_len() {
        let entry = log::entry(words, at);
        if entry.lanes & PEER_LANES != 0 && entry.amount == fingerprint {
            let opened = entry.lanes & (1 << Counter::NewChats as u32) != 0 && entry.part & TOLD_FIRST != 0;
            found = Some(found == Some(true) || opened);
        }
    }
    found
}

/// Sums of every window at `now_s`.
#[inline]
pub(crate) fn read(head: &Head, arena: &Arena, now_s: u32) -> Bucketed {
    let mut sums = Bucketed::default();
    if head.windows.is_none() {
        return sums;
    }
    if head.flags.full() {
        buckets::read(arena.words(head.windows, buckets::WORDS), head.newest_s, now_s, &mut sums);
    } else {
        let words = arena.words(head.windows, log::words_for(head.log_size()));
        log::read(words, head.log_len(), now_s, &mut sums);
    }
    sums
}

/// Gives the windows back.
pub(crate) fn free(head: &mut Head, arena: &mut Arena) {
    if !head.windows.is_none() {
        let words = if head.flags.full() { buckets::WORDS } else { log::words_for(head.log_size()) };
        arena.give(head.windows, words);
    }
    head.windows = Block::NONE;
    head.flags.set_full(false);
    head.set_log(0, 0);
}
