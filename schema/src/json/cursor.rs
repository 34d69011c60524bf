//! A place in one record and the tokens that begin there.
//!
//! Separate from values, which know documented types. Invariants: the cursor never moves past the end; slices of the text begin and end at ASCII bytes, so they are whole characters.

use super::Fault;
use super::key;
use super::stops::Stops;
use crate::raw::{Field, Text};

/// A place in a record.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    stops: Stops,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str, stops: Stops) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, stops }
    }

    /// Bytes before the cursor.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at += bytes;
        debug_assert!(self.at <= self.bytes.len());
    }

    /// Goes back to a place it came from, so that a refusal names it.
    pub(crate) fn rewind(&mut self, position: usize) {
        debug_assert!(position <= self.at);
        self.at = position;
    }

    /// The unread bytes.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes over white space.
    #[inline]
    pub(crate) fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes over `byte` if it is next.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, fault: Fault) -> Result<(), Fault> {
        if self.take(byte) {
            return Ok(());
        }
        let ended = self.peek().is_none() && fault == Fault::Syntax;
        Err(if ended { Fault::Truncated } else { fault })
    }

    /// Passes over `word` if it is next.
    #[inline]
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    /// Passes over `null` if it is next.
    #[inline]
    pub(crate) fn null(&mut self) -> Result<bool, Fault> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        if self.take_word("null") { Ok(true) } else { Err(Fault::Syntax) }
    }

    /// The documented field whose key is next; `None` for another key.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Option<Field>, Fault> {
        self.expect(b'"', Fault::Syntax)?;
        let start = self.at;
        let end = self.stops.next(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(key::find(self.bytes, start, end));
        }
        let name = self.escaped(start, end)?;
        Ok(key::find(name.as_bytes(), 0, name.len()))
    }

    /// The string whose opening quote is next.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text<'a>, Fault> {
        debug_assert_eq!(self.peek(), Some(b'"'));
        let start = self.at + 1;
        let end = self.stops.next(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Text::from(&self.text[start..end]));
        }
        self.escaped(start, end).map(Text::from)
    }

    /// A string from `start` that is plain up to `end` and then is not; ends after its closing quote.
    #[cold]
    fn escaped(&mut self, start: usize, mut end: usize) -> Result<String, Fault> {
        let mut whole = String::new();
        self.at = start;
        loop {
            whole.push_str(&self.text[self.at..end]);
            self.at = end;
            match self.peek() {
                None => return Err(Fault::Truncated),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(whole);
                }
                Some(b'\\') => whole.push(self.escape()?),
                Some(_) => return Err(Fault::Control),
            }
            end = self.stops.next(self.bytes, self.at);
        }
    }

    /// One escape, its backslash next.
    fn escape(&mut self) -> Result<char, Fault> {
        self.at += 1;
        let letter = self.peek().ok_or(Fault::Truncated)?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                let code = match first {
                    0xd800..0xdc00 if self.take_word("\\u") => {
                        let second = self.hex4()?;
                        if !(0xdc00..0xe000).contains(&second) {
                            return Err(Fault::Surrogate);
                        }
                        0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    code => code,
                };
                char::from_u32(code).ok_or(Fault::Surrogate)?
            }
            _ => return Err(Fault::Escape),
        })
    }

    /// Four hexadecimal digits.
    pub(crate) fn hex4(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let byte = self.peek().ok_or(Fault::Truncated)?;
            code = code * 16 + char::from(byte).to_digit(16).ok_or(Fault::Escape)?;
            self.at += 1;
        }
        Ok(code)
    }

    /// Moves to the next byte that is not plain string text.
    #[inline]
    pub(crate) fn skip_plain(&mut self) {
        self.at = self.stops.next(self.bytes, self.at);
    }
}
