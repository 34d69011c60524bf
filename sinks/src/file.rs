//! One NDJSON file or standard output, compressed by its extension.
//!
//! Separate, because every kind of record goes out the same way. Invariants: one record, one line; a closed pipe makes
//! the sink quiet (`is_closed`) and is no error; `finish` must be called, or a compressed file has no end.

use std::fs;
use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use schema::{Control, Decision, Reject, Relation, Review, Row, Standing};
use serde::Serialize;
use zstd::stream::write::Encoder as ZstdEncoder;

use crate::error::Error;

/// Bytes collected before the system is asked to write.
const BUFFER_BYTES: usize = 256 * 1024;
/// zstd's own default: a good bargain of speed and size.
const ZSTD_LEVEL: i32 = 3;

/// What may be written: the records of `schema`, one topic each.
pub trait Record: Serialize {}

impl Record for Decision {}
impl Record for Standing {}
impl Record for Reject {}
impl Record for Row {}
impl Record for Review {}
impl Record for Control {}
impl Record for Relation {}

/// An open output.
pub struct File {
    name: String,
    out: Packer,
    line: Vec<u8>,
    records: u64,
    closed: bool,
}

type Raw = BufWriter<Box<dyn Write + Send>>;

enum Packer {
    Plain(Raw),
    Gzip(GzEncoder<Raw>),
    Zstd(ZstdEncoder<'static, Raw>),
}

impl File {
    /// Creates (or overwrites) a file; `-` is standard output. `.gz` and `.zst` compress.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(name: &str) -> Result<File, Error> {
        let fail = |source| Error::Create { name: name.to_owned(), source };
        let raw: Box<dyn Write + Send> = if name == "-" {
            Box::new(io::stdout())
        } else {
            Box::new(fs::File::create(name).map_err(fail)?)
        };
        File::to_writer(name, raw).map_err(fail)
    }

    /// Takes any writer; `name` is what errors call it, and its extension chooses the compression.
    ///
    /// # Errors
    /// If the compressor cannot be set up.
    pub fn to_writer(name: &str, raw: Box<dyn Write + Send>) -> io::Result<File> {
        let raw = BufWriter::with_capacity(BUFFER_BYTES, raw);
        let out = if name.ends_with(".gz") {
            Packer::Gzip(GzEncoder::new(raw, Compression::fast()))
        } else if name.ends_with(".zst") {
            Packer::Zstd(ZstdEncoder::new(raw, ZSTD_LEVEL)?)
        } else {
            Packer::Plain(raw)
        };
        Ok(File { name: name.to_owned(), out, line: Vec::with_capacity(1024), records: 0, closed: false })
    }

    /// Writes a record as one line.
    ///
    /// # Errors
    /// If the device fails or is full.
    pub fn write(&mut self, record: &impl Record) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        serde_json::to_writer(&mut line, record)
            .expect("schema's records have string keys and write into memory");
        let written = self.write_line(&line);
        self.line = line;
        written
    }

    /// Writes one record that is already encoded, without its line end.
    ///
    /// # Errors
    /// If the device fails or is full.
    pub fn write_line(&mut self, line: &[u8]) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        let written = self.out.as_write().write_all(line).and_then(|()| self.out.as_write().write_all(b"\n"));
        self.records += u64::from(written.is_ok());
        self.judge(written)
    }

    /// Gives everything to the system; for a reader that waits at the other end of a pipe.
    ///
    /// # Errors
    /// If the device fails or is full.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        let flushed = self.out.as_write().flush();
        self.judge(flushed)
    }

    /// Writes what is left and ends the file; gives the number of records.
    ///
    /// # Errors
    /// If the device fails or is full.
    pub fn finish(mut self) -> Result<u64, Error> {
        if !self.closed {
            let ended = match &mut self.out {
                Packer::Plain(raw) => raw.flush(),
                Packer::Gzip(encoder) => encoder.try_finish().and_then(|()| encoder.get_mut().flush()),
                Packer::Zstd(encoder) => encoder.do_finish().and_then(|()| encoder.get_mut().flush()),
            };
            self.judge(ended)?;
        }
        Ok(self.records)
    }

    /// Whether the reader at the other end went away: nothing more needs to be made for it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Records written.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The name as given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn judge(&mut self, written: io::Result<()>) -> Result<(), Error> {
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(source) => {
                self.closed = true;
                Err(Error::Write { name: self.name.clone(), records: self.records, source })
            }
        }
    }
}

impl Packer {
    fn as_write(&mut self) -> &mut dyn Write {
        match self {
            Packer::Plain(raw) => raw,
            Packer::Gzip(encoder) => encoder,
            Packer::Zstd(encoder) => encoder,
        }
    }
}
