//! One walk over a list's records: whether they are whole, and what kinds of things they list.
//!
//! Separate from reading an entry, because it is done at every start, over millions of records, and looks at no more bytes
//! than it needs. Invariants: nothing that a list holds is ever said not to be there (the other way round costs only time);
//! no bytes make it panic.

use super::entry::EntryKind;
use super::{Blocklist, file};

/// Bytes of a record between its value and its note: source, expiry, length of the note.
const MIDDLE_BYTES: usize = 12;

/// What a list may hold, so that it is asked for nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Holds {
    /// Bit n: entries of kind number n.
    kinds: u8,
    /// Bit n: IPv4 prefixes of length n (0..=32).
    lengths_v4: u64,
    /// Bit n: IPv6 prefixes of length n (0..=127); /128 is always probed as it is.
    lengths_v6: u128,
}

impl Holds {
    /// Whether an entry of the kind may be there.
    #[inline]
    pub fn kind(&self, kind: EntryKind) -> bool {
        self.kinds >> kind as u8 & 1 == 1
    }

    /// Whether a prefix of the length may be there.
    pub fn length(&self, is_v4: bool, length: u8) -> bool {
        if is_v4 {
            self.lengths_v4 >> length & 1 == 1
        } else {
            length == 128 || self.lengths_v6 >> length & 1 == 1
        }
    }

    fn note(&mut self, kind: EntryKind, value: &[u8]) {
        self.kinds |= 1 << kind as u8;
        if kind != EntryKind::IpPrefix {
            return;
        }
        // A canonical prefix ends in `/` and its length; what else ends so only costs a probe.
        let Some(slash) = value.iter().rposition(|byte| *byte == b'/') else { return };
        let digits = &value[slash + 1..];
        let length = digits.iter().take(3).fold(0, |n, digit| n * 10 + u32::from(digit.wrapping_sub(b'0')));
        if value.contains(&b':') {
            self.lengths_v6 |= 1_u128.checked_shl(length).unwrap_or(0);
        } else {
            self.lengths_v4 |= 1_u64.checked_shl(length).unwrap_or(0);
        }
    }
}

/// What the list holds; `None` if its records do not lie one after the other, in hash order, each whole.
pub(super) fn survey(list: &Blocklist) -> Option<Holds> {
    let records = list.records();
    let mut holds = Holds::default();
    let mut at = 0;
    for offset in list.offsets() {
        if u32::from_le_bytes(*offset) as usize != at {
            return None;
        }
        let [flags, length] = *records.get(at..at + 2)?.as_array()?;
        let kind = EntryKind::from_number(flags & !file::HUMAN)?;
        let value_end = at + 2 + usize::from(length);
        let middle: &[u8; MIDDLE_BYTES] = records.get(value_end..value_end + MIDDLE_BYTES)?.as_array()?;
        if usize::from(u16::from_le_bytes([middle[0], middle[1]])) >= list.sources.len() {
            return None;
        }
        holds.note(kind, &records[at + 2..value_end]);
        at = value_end + MIDDLE_BYTES + usize::from(u16::from_le_bytes([middle[10], middle[11]]));
    }
    let sorted = list.hashes().is_sorted_by_key(|hash| u64::from_le_bytes(*hash));
    (at == records.len() && sorted).then_some(holds)
}
