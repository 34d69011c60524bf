//! Accounts into a checkpoint and back.
//!
//! Separate from the store, which only marks what changes. A record is the account's hash, the shape of what it has, and the
//! words of its head and blocks; handles and links are made anew. Only the words of a log that are in use are kept.
//! Invariants: a block's own idea of its size is checked before it is believed; the order of idleness comes back from the record
//! numbers at which accounts were put first; restored and written again, the same accounts give the same bytes, in another order.

use hashbrown::hash_table::Entry;

use super::arena::{Arena, Block, SIZES};
use super::head::{HEAD_WORDS, Head, Heads, LOG_SIZES, NOBODY};
use super::log::words_for;
use super::peers::Peers;
use super::side::Side;
use super::{Store, StoreLimits, buckets, companions, facts, identity, peers, response};
use crate::checkpoint::{Error, Frame, Gone, Part, Reader, Tag, Tracker, WordsIn, WordsOut, frame};

const ENTRY_WORDS: usize = 3;
/// The code of a full account's windows; below, entries of a log plus 1; 0 none.
const FULL: u32 = 63;
/// Place of the bits in a shape: a block's code is its size's place among [`SIZES`] plus 1; 0 none.
const IDENTITY: u32 = 6;
const RESPONSE: u32 = 10;
const FACTS: u32 = 14;
const COMPANIONS: u32 = 18;
const PEERS: u32 = 22;
const PEERS_SIZE: u32 = 26;
const ESTIMATES: u32 = 28;
const SIDE: u32 = 29;

/// What hangs on an account.
struct Shape<'s> {
    code: u32,
    blocks: [&'s [u32]; 6],
}

impl<'s> Shape<'s> {
    fn of(head: &Head, arena: &'s Arena) -> Self {
        let mut shape = Self { code: 0, blocks: [&[]; 6] };
        if !head.windows.is_none() {
            let (code, words, size) = if head.flags.full() {
                (FULL, buckets::WORDS, buckets::WORDS)
            } else {
                (head.log_len() as u32 + 1, head.log_len() * ENTRY_WORDS, words_for(head.log_size()))
            };
            shape.code = code;
            shape.blocks[0] = &arena.words(head.windows, size)[..words];
        }
        shape.add(1, IDENTITY, of(arena, head.identity, identity::words_of));
        if !head.side.is_none() {
            let side = Side::read(arena, head.side);
            shape.add(2, RESPONSE, of(arena, side.response, response::words_of));
            shape.add(3, FACTS, of(arena, side.facts, facts::words_of));
            shape.add(4, COMPANIONS, of(arena, side.companions, companions::words_of));
            shape.add(5, PEERS, of(arena, side.peers.block, |_, _| side.peers.words()));
            let estimates = u32::from(side.estimates);
            shape.code |= u32::from(side.peers.size) << PEERS_SIZE | estimates << ESTIMATES | 1 << SIDE;
        }
        shape
    }

    fn add(&mut self, at: usize, bits: u32, words: &'s [u32]) {
        if !words.is_empty() {
            let class = SIZES.iter().position(|size| *size == words.len());
            self.code |= (class.expect("blocks have one of the sizes") as u32 + 1) << bits;
            self.blocks[at] = words;
        }
    }
}

/// The words of a block; none without one.
fn of(arena: &Arena, block: Block, words_of: impl Fn(&Arena, Block) -> usize) -> &[u32] {
    if block.is_none() { &[] } else { arena.words(block, words_of(arena, block)) }
}

fn export(heads: &Heads, arena: &Arena, slot: u32, out: &mut Vec<u8>) {
    let head = heads.get(slot);
    let shape = Shape::of(head, arena);
    out.extend_from_slice(&head.hash.to_le_bytes());
    out.extend_from_slice(&shape.code.to_le_bytes());
    let mut words = WordsOut::new(out);
    words.put(&head.as_words());
    shape.blocks.iter().for_each(|block| words.put(block));
    words.finish();
}

impl Store {
    #[cold]
    pub(super) fn spill(&mut self, slot: u32) {
        let Self { heads, arena, tracker, .. } = self;
        tracker.spill(|out| export(heads, arena, slot, out));
    }

    fn values(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let unsettled = self.order.unsettled().map(|slot| self.heads.get(slot).hash);
        out.extend_from_slice(&(self.index.len() as u64).to_le_bytes());
        out.extend_from_slice(&self.clock_s.to_le_bytes());
        out.extend_from_slice(&self.evicted.to_le_bytes());
        out.extend_from_slice(&self.order.record().to_le_bytes());
        out.push(u8::from(unsettled.is_some()));
        out.extend_from_slice(&unsettled.unwrap_or(0).to_le_bytes());
        out
    }
}

impl Part for Store {
    fn begin(&mut self, full: bool) {
        self.values = Some(self.values());
        let (slots, free) = self.heads.slots();
        self.tracker.begin(full, slots, free);
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        if let Some(values) = self.values.take() {
            frame(out, Tag::Store, &values);
        }
        let Self { heads, arena, tracker, .. } = self;
        tracker.write((Tag::Accounts, Tag::AccountsGone), bytes_max, out, |slot, out| {
            export(heads, arena, slot, out);
        })
    }

    fn abandon(&mut self) {
        self.values = None;
        let Self { heads, index, tracker, .. } = self;
        tracker.abandon(|slot| {
            let hash = heads.get(slot).hash;
            index.find(hash, |other| *other == slot).is_some()
        });
    }

    fn needs_full(&self) -> bool {
        self.tracker.needs_full()
    }
}

/// The store's own values.
#[derive(Debug, Clone, Copy)]
struct Values {
    clock_s: u32,
    evicted: u64,
    record: u64,
    unsettled: Option<u64>,
}

/// A store that is being read from layers, newest first.
#[derive(Debug)]
pub struct StoreRestore {
    store: Store,
    gone: Gone,
    values: Option<Values>,
}

impl StoreRestore {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self { store: Store::new(limits), gone: Gone::default(), values: None }
    }

    /// Reads a frame; false if it is of another table.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<bool, Error> {
        let mut reader = Reader::new(frame.records);
        match frame.tag {
            Tag::Store if self.values.is_none() => self.take_values(&mut reader)?,
            Tag::Store => {}
            Tag::AccountsGone => self.gone.take(frame.records)?,
            Tag::Accounts => {
                while !reader.is_empty() {
                    self.take_account(&mut reader)?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A layer is read; the next is older.
    pub fn end_layer(&mut self) {
        self.gone.end_layer();
    }

    /// The store as it was when the newest layer began; accounts above the bound it has now are evicted.
    ///
    /// # Errors
    /// If the layers do not say how it stood.
    pub fn finish(self) -> Result<Store, Error> {
        let Self { mut store, values, .. } = self;
        let values = values.ok_or(Error::Damaged("the store's own values are missing"))?;
        (store.clock_s, store.evicted) = (values.clock_s, values.evicted);
        let unsettled = match values.unsettled {
            None => NOBODY,
            Some(hash) => *store
                .index
                .find(hash, |slot| store.heads.get(*slot).hash == hash)
                .ok_or(Error::Damaged("an account is missing"))?,
        };
        let mut idlest_first: Vec<(u64, u32)> = Vec::with_capacity(store.index.len());
        for slot in 0..store.heads.slots().0 {
            let age = values.record.wrapping_sub(store.heads.get(slot).moved()) % super::head::MOVED;
            idlest_first.push((u64::MAX - age, slot));
        }
        idlest_first.sort_unstable();
        let idlest_first: Vec<u32> = idlest_first.into_iter().map(|(_, slot)| slot).collect();
        store.order.restore(&mut store.heads, &idlest_first, values.record, unsettled);
        if store.index.len() <= store.limits.accounts_max {
            store.tracker = Tracker::restored();
        }
        while store.index.len() > store.limits.accounts_max {
            let idlest = store.order.idlest();
            store.drop_account(idlest);
            store.evicted += 1;
        }
        Ok(store)
    }

    fn take_values(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let accounts = reader.u64()?;
        let (clock_s, evicted, record) = (reader.u32()?, reader.u64()?, reader.u64()?);
        let (known, hash) = (reader.bool()?, reader.u64()?);
        self.values = Some(Values { clock_s, evicted, record, unsettled: known.then_some(hash) });
        let most = self.store.limits.accounts_max;
        let Store { index, heads, .. } = &mut self.store;
        index.reserve((accounts as usize).min(most), |slot| heads.get(*slot).hash);
        Ok(())
    }

    fn take_account(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let (hash, code) = (reader.u64()?, reader.u32()?);
        let mut words = WordsIn::new(reader);
        let mut kept = [0; HEAD_WORDS];
        words.fill(&mut kept)?;
        let mut head = Head::from_words(hash, &kept);
        let Store { index, heads, arena, .. } = &mut self.store;
        if self.gone.contains(hash.into()) {
            return skip(code, words);
        }
        let place = index.entry(hash, |slot| heads.get(*slot).hash == hash, |slot| heads.get(*slot).hash);
        let Entry::Vacant(place) = place else { return skip(code, words) };
        fill(&mut head, arena, code, &mut words)?;
        words.finish()?;
        place.insert(heads.take(head));
        Ok(())
    }
}

/// The words of a block by its code in the shape.
fn words_of(code: u32, bits: u32) -> Result<usize, Error> {
    match (code >> bits & 15) as usize {
        0 => Ok(0),
        class => SIZES.get(class - 1).copied().ok_or(Error::Damaged("a block of an unknown size")),
    }
}

/// Passes over the blocks of an account of which a newer layer spoke.
fn skip(code: u32, mut words: WordsIn<'_, '_>) -> Result<(), Error> {
    words.skip(match code & 63 {
        FULL => buckets::WORDS,
        entries => (entries as usize).saturating_sub(1) * ENTRY_WORDS,
    })?;
    for bits in [IDENTITY, RESPONSE, FACTS, COMPANIONS, PEERS] {
        words.skip(words_of(code, bits)?)?;
    }
    words.finish()
}

/// Makes the blocks of an account, in the order in which they were written.
fn fill(head: &mut Head, arena: &mut Arena, code: u32, words: &mut WordsIn<'_, '_>) -> Result<(), Error> {
    let log = code & 63;
    let size = LOG_SIZES.get(head.log_class()).copied().unwrap_or(0);
    let fits = match log {
        0 => !head.flags.full() && head.log_len() == 0,
        FULL => head.flags.full() && head.log_len() == 0,
        _ => !head.flags.full() && head.log_len() + 1 == log as usize && head.log_len() <= size,
    };
    if !fits {
        return Err(Error::Damaged("windows that are neither a log nor buckets"));
    }
    if log == FULL {
        head.windows = arena.take(buckets::WORDS);
        words.fill(arena.words_mut(head.windows, buckets::WORDS))?;
    } else if log > 0 {
        head.windows = arena.take(words_for(size));
        let used = head.log_len() * ENTRY_WORDS;
        words.fill(&mut arena.words_mut(head.windows, words_for(size))[..used])?;
    }
    head.identity = block(arena, (code, IDENTITY), words, identity::is_sound)?;
    if code >> SIDE & 1 == 0 {
        let none = [RESPONSE, FACTS, COMPANIONS, PEERS].iter().all(|bits| code >> bits & 15 == 0);
        return if none { Ok(()) } else { Err(Error::Damaged("blocks that nothing holds")) };
    }
    let size = (code >> PEERS_SIZE & 3) as u8;
    let side = Side {
        response: block(arena, (code, RESPONSE), words, response::is_sound)?,
        facts: block(arena, (code, FACTS), words, facts::is_sound)?,
        companions: block(arena, (code, COMPANIONS), words, companions::is_sound)?,
        peers: Peers {
            block: block(arena, (code, PEERS), words, |words| peers::is_sound(words, size))?,
            size,
        },
        estimates: code >> ESTIMATES & 1 == 1,
    };
    side.write(arena, &mut head.side);
    Ok(())
}

fn block(
    arena: &mut Arena,
    (code, bits): (u32, u32),
    words: &mut WordsIn<'_, '_>,
    is_sound: impl Fn(&[u32]) -> bool,
) -> Result<Block, Error> {
    let size = words_of(code, bits)?;
    if size == 0 {
        return Ok(Block::NONE);
    }
    let block = arena.take(size);
    words.fill(arena.words_mut(block, size))?;
    if !is_sound(arena.words(block, size)) {
        return Err(Error::Damaged("a block that is not what it says"));
    }
    Ok(block)
}

const _: () = assert!(SIZES.len() < 16 && LOG_SIZES[LOG_SIZES.len() - 1] + 1 < FULL as usize);
