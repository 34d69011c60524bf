//! The short way through a record as gateways write it: no escapes, no nesting, at most one space.
//!
//! Separate from the strict way, which reads everything and names every fault. Invariant: it gives up (`None`) wherever
//! it is not sure, and whatever it accepts the strict way accepts with the same values; a property holds them together.

use super::key;
use super::stops::Stops;
use crate::raw::RawEvent;

/// Reads a whole record; `None`: ask the strict way, with a fresh record.
#[inline]
pub(super) fn record<'a>(text: &'a str, stops: &Stops, raw: &mut RawEvent<'a>) -> Option<()> {
    let bytes = text.as_bytes();
    let mut quotes = Quotes { stops, index: 0, word: stops.word(0) };
    let mut seen = 0_u64;
    if *bytes.first()? != b'{' {
        return None;
    }
    let mut at = 1;
    loop {
        let (start, end) = quotes.string(bytes, at)?;
        let field = key::find(bytes, start, end);
        let bit = field.map_or(0, |field| 1 << field as u32);
        if seen & bit != 0 || *bytes.get(end + 1)? != b':' {
            return None;
        }
        seen |= bit;
        at = end + 2;
        let mut first = *bytes.get(at)?;
        if first == b' ' {
            at += 1;
            first = *bytes.get(at)?;
        }
        match field {
            Some(field) if first == b'"' => {
                let (start, end) = quotes.string(bytes, at)?;
                raw.put_text(field, text.get(start..end)?)?;
                at = end + 1;
            }
            Some(field) if first != b'n' => at += raw.put_token(field, &bytes[at..])?,
            _ => at = quotes.pass(bytes, at)?,
        }
        match *bytes.get(at)? {
            b',' => at += 1,
            b'}' => break,
            _ => return None,
        }
        at += usize::from(*bytes.get(at)? == b' ');
    }
    bytes[at + 1..].iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ')).then_some(())
}

/// Length of such a value, if it is no string.
fn unread(bytes: &[u8]) -> Option<usize> {
    let words: [&[u8]; 3] = [b"null", b"true", b"false"];
    let word = words.into_iter().find(|word| bytes.starts_with(word)).map(<[u8]>::len);
    word.or_else(|| decimal(bytes).map(|(_, length)| length))
        .or_else(|| integer(bytes).map(|(_, length)| length))
}

/// The quotes of a record, one after the other.
struct Quotes<'s> {
    stops: &'s Stops,
    index: usize,
    word: u64,
}

impl Quotes<'_> {
    /// The text between the next two stops, if both are quotes and the first one is at `at`.
    #[inline]
    fn string(&mut self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let open = self.pop()?;
        let close = self.pop()?;
        (open == at && bytes.get(open) == Some(&b'"') && bytes.get(close) == Some(&b'"'))
            .then_some((open + 1, close))
    }

    /// The place behind a value that nobody reads: of an unknown field, or `null`.
    #[cold]
    fn pass(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        match bytes.get(at)? {
            b'"' => self.string(bytes, at).map(|(_, end)| end + 1),
            _ => unread(&bytes[at..]).map(|length| at + length),
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<usize> {
        while self.word == 0 {
            self.index += 1;
            if self.index * 64 >= self.stops.covered() {
                return None;
            }
            self.word = self.stops.word(self.index);
        }
        let place = self.index * 64 + self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        Some(place)
    }
}

/// An integer and its length; at most 19 digits, no sign, no leading zero.
#[inline]
pub(super) fn integer(bytes: &[u8]) -> Option<(u64, usize)> {
    let (mut value, mut length) = eight_digits(bytes).map_or((0, 0), |value| (value, 8));
    while let Some(digit) = bytes.get(length).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
    {
        if length == 19 {
            return None;
        }
        value = value * 10 + u64::from(digit);
        length += 1;
    }
    (length == 1 || (length > 1 && bytes[0] != b'0')).then_some((value, length))
}

/// The value of the first eight bytes, if all are digits, in three multiplications.
#[inline]
fn eight_digits(bytes: &[u8]) -> Option<u64> {
    let word = u64::from_le_bytes(bytes.get(..8)?.try_into().expect("the slice is 8 bytes"));
    let high = word & 0xf0f0_f0f0_f0f0_f0f0;
    let carried = word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
    if high != 0x3030_3030_3030_3030 || carried != 0x3030_3030_3030_3030 {
        return None;
    }
    let digits = word & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff)
}

/// A decimal of at most 7 digits and its length: both its digits and its power of ten are whole in an `f32`, so the
/// quotient is the nearest.
#[inline]
pub(super) fn decimal(bytes: &[u8]) -> Option<(f32, usize)> {
    let (mut digits, mut scale, mut length, mut point) = (0_u32, 1_u32, 0, 0);
    loop {
        let byte = *bytes.get(length)?;
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            digits = digits * 10 + u32::from(digit);
            scale *= if point == 0 { 1 } else { 10 };
        } else if byte == b'.' && point == 0 && length > 0 {
            point = length;
        } else {
            break;
        }
        length += 1;
        if length > 8 {
            return None;
        }
    }
    let plain = bytes[0] != b'0' || length == 1 || point == 1;
    let ends = bytes.get(length.wrapping_sub(1)) != Some(&b'.');
    (length > 0 && plain && ends && digits < 1 << 24).then(|| (digits as f32 / scale as f32, length))
}
