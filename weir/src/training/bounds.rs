//! How much of a table is read: rows, memory for their numbers, and bytes of one record.
//!
//! Separate from reading, so that tests can have small ones. Invariants: what is too much ends the reading before it fills the memory, and is
//! told with what to do; a record that never ends (a quote that nobody closes) ends it, too.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// How much may be read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows.
    pub rows_max: usize,
    /// Memory that the numbers of all rows take, bytes: four a row and column. Learning takes about four times as much.
    pub bytes_max: usize,
    /// One record of a CSV file, bytes.
    pub record_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { rows_max: 20_000_000, bytes_max: 4 << 30, record_bytes_max: 16 << 20 }
    }
}

impl Bounds {
    /// Refuses a table that grew beyond them; `columns`: numbers in a row; `advice`: what to do about it.
    pub fn check(&self, rows: usize, columns: usize, advice: &str) -> Result<(), String> {
        if rows > self.rows_max {
            return Err(format!("more than {} rows are not read: {advice}", self.rows_max));
        }
        let bytes = rows.saturating_mul(columns).saturating_mul(size_of::<f32>());
        if bytes > self.bytes_max {
            let mib = self.bytes_max >> 20;
            return Err(format!("more than {mib} MiB of numbers are not read ({columns} columns): {advice}"));
        }
        Ok(())
    }
}

/// A reader that fails once too much was read since the last record.
pub struct Watched<R> {
    inner: R,
    since: Rc<Cell<usize>>,
    most: usize,
}

impl<R: Read> Watched<R> {
    /// With the counter that is to be set to 0 at each record.
    pub fn new(inner: R, most: usize) -> (Self, Rc<Cell<usize>>) {
        let since = Rc::new(Cell::new(0));
        (Self { inner, since: since.clone(), most }, since)
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.since.get() > self.most {
            let text = format!("a record is longer than {} bytes: is a quote not closed?", self.most);
            return Err(io::Error::other(text));
        }
        let read = self.inner.read(into)?;
        self.since.set(self.since.get() + read);
        Ok(read)
    }
}
