//! Values of the documented types, read and written.
//!
//! Separate, so that adding a field of a known type touches only its declaration. Invariant: a value of another type is
//! `wrong_type` if it is JSON and `malformed` if it is not.

use super::{Cursor, Fault, fast, skip};
use crate::event::{Limit, Origin};
use crate::limits::CO_ACCOUNTS_MAX;
use crate::raw::Text;

/// A type that a field can have.
pub(crate) trait Value<'a>: Sized {
    /// Reads the value under the cursor.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault>;
    /// The value of plain text between quotes, if the type is text.
    #[inline]
    fn from_plain(_text: &'a str) -> Option<Self> {
        None
    }
    /// The value that `bytes` begin with and its length, if it is written in the usual way.
    #[inline]
    fn from_token(_bytes: &[u8]) -> Option<(Self, usize)> {
        None
    }
    /// Appends the value.
    fn write(&self, out: &mut Vec<u8>);
}

/// `fault` if a JSON value of another type is next, or what is wrong with it; the cursor stays at a wrong type.
#[cold]
fn other(cursor: &mut Cursor<'_>, fault: Fault) -> Fault {
    let start = cursor.position();
    match skip::value(cursor) {
        Ok(()) => {
            cursor.rewind(start);
            fault
        }
        Err(syntax) => syntax,
    }
}

impl<'a> Value<'a> for Text<'a> {
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        if cursor.peek() == Some(b'"') { cursor.string() } else { Err(other(cursor, Fault::NotText)) }
    }

    #[inline]
    fn from_plain(text: &'a str) -> Option<Self> {
        Some(Text::from(text))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..32);
        if self.as_bytes().iter().all(plain) {
            out.extend_from_slice(self.as_bytes());
        } else {
            for byte in self.bytes() {
                match byte {
                    b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                    0..32 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                    _ => out.push(byte),
                }
            }
        }
        out.push(b'"');
    }
}

impl<'a> Value<'a> for u64 {
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let rest = cursor.rest();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let ends =
            !matches!(rest.get(count), Some(b'.' | b'e' | b'E' | b'a'..=b'd' | b'f'..=b'z' | b'A'..=b'Z'));
        if count == 0 || !ends || (count > 1 && rest[0] == b'0') {
            return Err(not_integer(cursor));
        }
        let value = if count < 20 {
            // Nineteen digits cannot overflow.
            rest[..count].iter().fold(0, |value: u64, digit| value * 10 + u64::from(digit - b'0'))
        } else {
            let checked =
                |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
            rest[..count].iter().try_fold(0, checked).ok_or(Fault::Integer64)?
        };
        cursor.advance(count);
        Ok(value)
    }

    #[inline]
    fn from_token(bytes: &[u8]) -> Option<(Self, usize)> {
        fast::integer(bytes)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut digits = [0; 20];
        let (mut first, mut left) = (digits.len(), *self);
        loop {
            first -= 1;
            digits[first] = b'0' + u8::try_from(left % 10).expect("a digit");
            left /= 10;
            if left == 0 {
                break;
            }
        }
        out.extend_from_slice(&digits[first..]);
    }
}

/// What is wrong with a value that should have been an integer and is none that is 0 or more.
#[cold]
fn not_integer(cursor: &mut Cursor<'_>) -> Fault {
    let rest = cursor.rest();
    let fault = other(cursor, Fault::NotInteger);
    let length = rest.iter().take_while(|byte| matches!(byte, b'-' | b'0'..=b'9')).count();
    let negative = rest.first() == Some(&b'-') && !matches!(rest.get(length), Some(b'.' | b'e' | b'E'));
    if fault == Fault::NotInteger && negative { Fault::Integer64 } else { fault }
}

impl<'a> Value<'a> for u32 {
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let start = cursor.position();
        let value = u64::read(cursor).map_err(narrow)?;
        u32::try_from(value).map_err(|_| {
            cursor.rewind(start);
            Fault::Integer32
        })
    }

    #[inline]
    fn from_token(bytes: &[u8]) -> Option<(Self, usize)> {
        let (value, length) = fast::integer(bytes)?;
        Some((u32::try_from(value).ok()?, length))
    }

    fn write(&self, out: &mut Vec<u8>) {
        u64::from(*self).write(out);
    }
}

fn narrow(fault: Fault) -> Fault {
    if fault == Fault::Integer64 { Fault::Integer32 } else { fault }
}

impl<'a> Value<'a> for f32 {
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        if !matches!(cursor.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(other(cursor, Fault::NotNumber));
        }
        let rest = cursor.rest();
        let start = cursor.position();
        skip::number(cursor)?;
        let token = &rest[..cursor.position() - start];
        Ok(short_decimal(token).unwrap_or_else(|| {
            let token = std::str::from_utf8(token).expect("a number is ASCII");
            token.parse().expect("JSON's numbers are a part of Rust's")
        }))
    }

    #[inline]
    fn from_token(bytes: &[u8]) -> Option<(Self, usize)> {
        fast::decimal(bytes)
    }

    fn write(&self, out: &mut Vec<u8>) {
        // JSON has no word for them; unknown is the nearest. No decoder gives them.
        let text = if self.is_finite() { format!("{self}") } else { "null".to_owned() };
        out.extend_from_slice(text.as_bytes());
    }
}

/// A decimal of at most 7 digits, exactly: both its digits and its power of ten are whole in an `f32`.
#[inline]
fn short_decimal(token: &[u8]) -> Option<f32> {
    if token.len() > 8 {
        return None;
    }
    let (mut digits, mut scale, mut whole) = (0_u32, 1_u32, true);
    for byte in token {
        match byte {
            b'0'..=b'9' => {
                digits = digits * 10 + u32::from(byte - b'0');
                scale = if whole { 1 } else { scale * 10 };
            }
            b'.' => whole = false,
            _ => return None,
        }
    }
    (digits < 1 << 24).then(|| digits as f32 / scale as f32)
}

impl<'a> Value<'a> for bool {
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        match cursor.peek() {
            Some(b't') if cursor.take_word("true") => Ok(true),
            Some(b'f') if cursor.take_word("false") => Ok(false),
            _ => Err(other(cursor, Fault::NotFlag)),
        }
    }

    #[inline]
    fn from_token(bytes: &[u8]) -> Option<(Self, usize)> {
        match bytes.first()? {
            b't' => bytes.starts_with(b"true").then_some((true, 4)),
            b'f' => bytes.starts_with(b"false").then_some((false, 5)),
            _ => None,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl<'a> Value<'a> for Vec<Text<'a>> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        if cursor.peek() != Some(b'[') {
            return Err(other(cursor, Fault::NotList));
        }
        cursor.advance(1);
        cursor.blank();
        let mut list = Vec::new();
        if cursor.take(b']') {
            return Ok(list);
        }
        loop {
            if list.len() == CO_ACCOUNTS_MAX {
                return Err(Fault::ListTooLong);
            }
            list.push(Text::read(cursor)?);
            cursor.blank();
            if !cursor.take(b',') {
                cursor.expect(b']', Fault::Syntax)?;
                return Ok(list);
            }
            cursor.blank();
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (i, text) in self.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            text.write(out);
        }
        out.push(b']');
    }
}

impl<'a> Value<'a> for Limit {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let [max, per_s] = integers(cursor, ["max", "per_s"], Fault::NotLimit)?;
        Ok(Self { max: fit(max)?, per_s: fit(per_s)? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!(r#"{{"max":{},"per_s":{}}}"#, self.max, self.per_s).as_bytes());
    }
}

impl<'a> Value<'a> for Origin {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let [partition, offset, n] = integers(cursor, ["partition", "offset", "n"], Fault::NotOrigin)?;
        Ok(Self { partition: fit(partition)?, offset, n: fit(n)? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let Self { partition, offset, n } = self;
        let text = format!(r#"{{"partition":{partition},"offset":{offset},"n":{n}}}"#);
        out.extend_from_slice(text.as_bytes());
    }
}

fn fit(value: u64) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| Fault::Integer32)
}

/// A small object of integers, all required; other fields are skipped.
fn integers<const N: usize>(
    cursor: &mut Cursor<'_>,
    names: [&str; N],
    fault: Fault,
) -> Result<[u64; N], Fault> {
    if cursor.peek() != Some(b'{') {
        return Err(other(cursor, fault));
    }
    cursor.advance(1);
    cursor.blank();
    let mut found = [None; N];
    while !cursor.take(b'}') {
        if cursor.peek() != Some(b'"') {
            return Err(Fault::Syntax);
        }
        let name = cursor.string()?;
        cursor.blank();
        cursor.expect(b':', Fault::Syntax)?;
        cursor.blank();
        match names.iter().position(|known| *known == &*name) {
            Some(i) if found[i].is_some() => return Err(Fault::Twice),
            Some(i) => found[i] = Some(u64::read(cursor)?),
            None => skip::value(cursor)?,
        }
        cursor.blank();
        if cursor.take(b',') {
            cursor.blank();
            if cursor.peek() == Some(b'}') {
                return Err(Fault::Syntax);
            }
        } else if cursor.peek() != Some(b'}') {
            return Err(Fault::Syntax);
        }
    }
    let mut values = [0; N];
    for (value, found) in values.iter_mut().zip(found) {
        *value = found.ok_or(Fault::PartMissing)?;
    }
    Ok(values)
}
