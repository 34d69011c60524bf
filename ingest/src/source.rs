//! One input: a file or standard input, plain, gzip or Zstandard, told apart by their first bytes.
//!
//! Separate from line splitting, so that nothing downstream knows of compression. Invariants: names do not matter, only
//! content; a failing device and corrupt compressed data are told apart; `bytes` counts what was read from the disk.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::error::Error;

/// Bytes asked of the system at once for compressed inputs.
const COMPRESSED_BUFFER_BYTES: usize = 128 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// An opened input.
pub struct Source {
    name: String,
    decoder: Decoder,
}

/// Why a read gave nothing.
pub(crate) enum Failure {
    /// The device failed.
    Device(io::Error),
    /// The compressed data ends or breaks here.
    Corrupt(io::Error),
}

type Raw = Chain<Cursor<Vec<u8>>, Counted>;

enum Decoder {
    Plain(Raw),
    Gzip(MultiGzDecoder<BufReader<Raw>>),
    Zstd(ZstdDecoder<'static, BufReader<Raw>>),
}

/// The device, with what was read from it and whether it failed.
struct Counted {
    inner: Box<dyn Read + Send>,
    bytes: u64,
    failed: bool,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// If it cannot be opened, or its first bytes cannot be read.
    pub fn open(name: &str) -> Result<Source, Error> {
        let fail = |source| Error::Open { name: name.to_owned(), source };
        if name == "-" {
            return Source::from_reader("-", Box::new(io::stdin()));
        }
        let file = File::open(name).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_dir() {
            return Err(fail(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")));
        }
        Source::from_reader(name, Box::new(file))
    }

    /// Takes any reader; `name` is what refusals and errors call it.
    ///
    /// # Errors
    /// If its first bytes cannot be read.
    pub fn from_reader(name: &str, inner: Box<dyn Read + Send>) -> Result<Source, Error> {
        let fail = |source| Error::Open { name: name.to_owned(), source };
        let mut device = Counted { inner, bytes: 0, failed: false };
        let mut head = Vec::with_capacity(ZSTD_MAGIC.len());
        (&mut device).take(ZSTD_MAGIC.len() as u64).read_to_end(&mut head).map_err(fail)?;
        let gzip = head.starts_with(&GZIP_MAGIC);
        let zstd = head.starts_with(&ZSTD_MAGIC);
        let raw = Cursor::new(head).chain(device);
        let buffered = |raw| BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, raw);
        let decoder = if gzip {
            Decoder::Gzip(MultiGzDecoder::new(buffered(raw)))
        } else if zstd {
            Decoder::Zstd(ZstdDecoder::with_buffer(buffered(raw)).map_err(fail)?)
        } else {
            Decoder::Plain(raw)
        };
        Ok(Source { name: name.to_owned(), decoder })
    }

    /// The name as given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes read from the disk so far, before decompression.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.device().bytes
    }

    /// Reads into `buffer`; 0 at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        loop {
            let read = match &mut self.decoder {
                Decoder::Plain(reader) => reader.read(buffer),
                Decoder::Gzip(reader) => reader.read(buffer),
                Decoder::Zstd(reader) => reader.read(buffer),
            };
            match read {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.device().failed => return Err(Failure::Device(error)),
                Err(error) => return Err(Failure::Corrupt(error)),
            }
        }
    }

    /// Appends what is left to `into`, at most `bytes_max` bytes. A plain file is read straight into its place.
    ///
    /// # Errors
    /// If the device fails or compressed data breaks.
    pub fn read_rest(&mut self, bytes_max: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let Decoder::Plain(raw) = &mut self.decoder else {
            return self.take(bytes_max).read_to_end(into).map(drop);
        };
        let (head, device) = raw.get_mut();
        let before = into.len() as u64;
        head.take(bytes_max).read_to_end(into)?;
        let left = bytes_max - (into.len() as u64 - before);
        // Past `Counted`, which would have to be handed bytes that are already set.
        device.bytes += (&mut device.inner).take(left).read_to_end(into)? as u64;
        Ok(())
    }

    fn device(&self) -> &Counted {
        let raw = match &self.decoder {
            Decoder::Plain(reader) => reader,
            Decoder::Gzip(reader) => reader.get_ref().get_ref(),
            Decoder::Zstd(reader) => reader.get_ref().get_ref(),
        };
        raw.get_ref().1
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(read) => {
                self.bytes += read as u64;
                Ok(read)
            }
            Err(error) => {
                self.failed = error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }
}

/// For the tables of public data sets, where corrupt data is an error like any other.
impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Source::read(self, buffer).map_err(|failure| match failure {
            Failure::Device(error) | Failure::Corrupt(error) => error,
        })
    }
}
