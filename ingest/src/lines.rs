//! Lines of one input, lent from one buffer: the hot path of every file run.
//!
//! Separate from `source`, because the splitting of lines is the same for every compression. Invariants: a line is
//! never copied, but for its head when it straddles two reads; memory is bounded, whatever the input (an over-long line
//! is refused while it passes by, and the next newline starts afresh); every line is lent once, as record or refusal.

use std::ops::Range;

use memchr::memchr;
use schema::limits::{LINE_BYTES_MAX, REJECT_RAW_BYTES_MAX};
use schema::{Refusal, RejectReason};

use crate::error::Error;
use crate::source::{Failure, Source};

/// Bytes of the buffer; several times the longest line, so that few lines straddle two reads.
const BUFFER_BYTES: usize = 1024 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";

const _: () = assert!(BUFFER_BYTES >= 4 * LINE_BYTES_MAX);

/// A line that is not blank, without its line end.
#[derive(Debug, PartialEq)]
pub enum Line<'a> {
    /// A record to decode.
    Record {
        /// Line number in this input, from 1.
        number: u64,
        /// Its bytes; no promise that they are UTF-8.
        bytes: &'a [u8],
    },
    /// Something that cannot be decoded: too long, or the compressed input breaks here.
    Refused {
        /// Line number in this input, from 1.
        number: u64,
        /// Why.
        refusal: Refusal,
        /// Its first bytes.
        bytes: &'a [u8],
    },
}

/// Pulls lines out of a source.
pub struct Lines {
    source: Source,
    buffer: Box<[u8]>,
    /// What is in the buffer and not yet lent.
    unread: Range<usize>,
    /// Bytes of `unread` already known to hold no newline.
    searched: usize,
    number: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Middle,
    /// An over-long line passes by: drop everything up to the next newline.
    Skipping,
    Ended,
}

/// What a step found, as places in the buffer, so that it can be lent afterwards.
enum Found {
    Line(Range<usize>),
    TooLong(Range<usize>),
    Corrupt(Range<usize>, std::io::Error),
}

impl Lines {
    /// Lines of a source.
    #[must_use]
    pub fn new(source: Source) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { source, buffer, unread: 0..0, searched: 0, number: 0, state: State::Start }
    }

    /// The input's name as given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Bytes read from the disk so far, before decompression.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.source.bytes()
    }

    /// Whether the next line has to be waited for: the moment to hand on what was decided so far.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.unread.is_empty()
    }

    /// Where the next line begins and what follows it, as far as it is in the buffer: a look ahead, nothing is lent.
    #[must_use]
    pub fn ahead(&self) -> &[u8] {
        &self.buffer[self.unread.clone()]
    }

    /// The next line that is not blank; `None` at the end.
    ///
    /// # Errors
    /// If the device fails. After an error or the end, only `None` follows.
    #[expect(clippy::should_implement_trait, reason = "it lends from itself, which `Iterator` cannot")]
    #[inline]
    pub fn next(&mut self) -> Option<Result<Line<'_>, Error>> {
        loop {
            let found = match self.step() {
                Ok(found) => found?,
                Err(error) => return Some(Err(error)),
            };
            match found {
                Found::Line(range) => {
                    let range = trim(&self.buffer, range);
                    if range.is_empty() {
                        continue;
                    }
                    if range.len() > LINE_BYTES_MAX {
                        return Some(Ok(self.too_long(range)));
                    }
                    return Some(Ok(Line::Record { number: self.number, bytes: &self.buffer[range] }));
                }
                Found::TooLong(range) => return Some(Ok(self.too_long(range))),
                Found::Corrupt(range, error) => return Some(Ok(self.corrupt(range, &error))),
            }
        }
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Found>, Error> {
        loop {
            let from = self.unread.start + self.searched;
            if let Some(length) = memchr(b'\n', &self.buffer[from..self.unread.end]) {
                let line = self.unread.start..from + length;
                self.unread.start = line.end + 1;
                self.searched = 0;
                if self.state == State::Skipping {
                    self.state = State::Middle;
                    continue;
                }
                self.number += 1;
                return Ok(Some(Found::Line(line)));
            }
            self.searched = self.unread.len();
            if let Some(found) = self.refill()? {
                return Ok(Some(found));
            }
            if self.state == State::Ended {
                return Ok(None);
            }
        }
    }

    /// Reads more; gives what has to be told because no newline is in the buffer.
    #[cold]
    fn refill(&mut self) -> Result<Option<Found>, Error> {
        if self.state == State::Ended {
            return Ok(None);
        }
        if self.state == State::Skipping {
            self.unread = 0..0;
            self.searched = 0;
        }
        // Room for the end of the line and for `\r`, and no more than one over-long line is ever held.
        if self.unread.len() > LINE_BYTES_MAX + BOM.len() + 1 {
            let head = self.unread.clone();
            self.unread.start = self.unread.end;
            self.searched = 0;
            self.number += 1;
            self.state = State::Skipping;
            return Ok(Some(Found::TooLong(head)));
        }
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        match self.source.read(&mut self.buffer[self.unread.end..]) {
            Ok(0) => Ok(self.end().map(Found::Line)),
            Ok(read) => {
                self.unread.end += read;
                self.skip_bom();
                Ok(None)
            }
            Err(Failure::Corrupt(error)) => {
                let rest = self.end().unwrap_or_else(|| {
                    self.number += 1;
                    0..0
                });
                Ok(Some(Found::Corrupt(rest, error)))
            }
            Err(Failure::Device(source)) => {
                self.state = State::Ended;
                let (name, bytes) = (self.source.name().to_owned(), self.source.bytes());
                Err(Error::Read { name, bytes, source })
            }
        }
    }

    /// Ends the input; gives the last line, if it has no newline.
    fn end(&mut self) -> Option<Range<usize>> {
        let rest = self.unread.clone();
        let told = self.state == State::Skipping;
        self.state = State::Ended;
        self.unread = 0..0;
        self.searched = 0;
        if rest.is_empty() || told {
            return None;
        }
        self.number += 1;
        Some(rest)
    }

    /// A byte-order mark may open a file; the reader must have seen three bytes to tell.
    fn skip_bom(&mut self) {
        if self.state != State::Start {
            return;
        }
        let head = &self.buffer[self.unread.clone()];
        if head.len() < BOM.len() && BOM.starts_with(head) {
            return;
        }
        if head.starts_with(BOM) {
            self.unread.start += BOM.len();
            self.searched = 0;
        }
        self.state = State::Middle;
    }

    #[cold]
    fn too_long(&self, range: Range<usize>) -> Line<'_> {
        let detail = format!("a line may have at most {LINE_BYTES_MAX} bytes; this one has more");
        self.refused(range, Refusal::new(RejectReason::TooLong, detail))
    }

    #[cold]
    fn corrupt(&self, range: Range<usize>, error: &std::io::Error) -> Line<'_> {
        let detail = format!("the compressed data breaks after byte {}: {error}", self.source.bytes());
        self.refused(range, Refusal::new(RejectReason::CorruptInput, detail))
    }

    fn refused(&self, range: Range<usize>, refusal: Refusal) -> Line<'_> {
        let range = range.start..range.end.min(range.start + REJECT_RAW_BYTES_MAX);
        Line::Refused { number: self.number, refusal, bytes: &self.buffer[range] }
    }
}

/// Without the blanks at both ends (`\r` of CRLF among them): none of them means anything around a JSON object.
#[inline]
fn trim(buffer: &[u8], mut range: Range<usize>) -> Range<usize> {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r');
    while range.end > range.start && blank(buffer[range.end - 1]) {
        range.end -= 1;
    }
    while range.start < range.end && blank(buffer[range.start]) {
        range.start += 1;
    }
    range
}
