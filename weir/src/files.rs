//! Files that are read or written whole: policies, models, blocklists, exempt lists, truth.
//!
//! Separate from streams of records, which `ingest` and `sinks` own. Invariant: nothing is read beyond its limit, so that
//! a wrong file name cannot fill the memory.

use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use ingest::Source;
use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// The bytes of a file, unpacked if they are compressed; `-` reads standard input.
pub fn read(name: &str, bytes_max: u64) -> Result<Vec<u8>, Error> {
    rest(name, Source::open(name)?, bytes_max)
}

/// The same, not of standard input, and the SHA-256 of the bytes that were read for it as they lie there, hexadecimal: what is used is what was
/// looked at, whoever replaces the file meanwhile.
pub fn read_known(name: &str, bytes_max: u64) -> Result<(Vec<u8>, String), Error> {
    let file = File::open(name).map_err(|error| Error::file(name, error))?;
    let hashed = Hashed(Arc::new(Mutex::new((file, Sha256::new()))));
    let bytes = rest(name, Source::from_reader(name, Box::new(hashed.clone()))?, bytes_max)?;
    let digest = hashed.digest().map_err(|error| Error::file(name, error))?;
    Ok((bytes, digest))
}

/// The SHA-256 of bytes, hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file, of which a digest is made while it is read.
#[derive(Clone)]
struct Hashed(Arc<Mutex<(File, Sha256)>>);

impl Hashed {
    /// The digest, after whatever was not read yet.
    fn digest(mut self) -> std::io::Result<String> {
        std::io::copy(&mut self, &mut std::io::sink())?;
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(hexadecimal(&held.1.clone().finalize()))
    }
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = held.0.read(buffer)?;
        held.1.update(&buffer[..read]);
        Ok(read)
    }
}

fn rest(name: &str, mut source: Source, bytes_max: u64) -> Result<Vec<u8>, Error> {
    // Room for all of it at once: growing step by step would copy a large list many times.
    let expected = std::fs::metadata(name).map_or(0, |found| found.len());
    let mut bytes = Vec::with_capacity(usize::try_from(expected.min(bytes_max)).unwrap_or(0) + 1);
    source.read_rest(bytes_max + 1, &mut bytes).map_err(|error| Error::file(name, error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Error::file(name, format!("longer than {bytes_max} bytes: is it the right file?")));
    }
    Ok(bytes)
}

/// The text of a file.
pub fn read_text(name: &str, bytes_max: u64) -> Result<String, Error> {
    text(name, read(name, bytes_max)?)
}

/// Bytes of a file as text.
pub fn text(name: &str, bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to() + 1;
        Error::file(name, format!("byte {place} is not UTF-8: save the file as UTF-8"))
    })
}

/// Writes a file whole: under another name first, so that nobody ever reads half of it. `-` is standard output.
pub fn write(name: &str, bytes: &[u8]) -> Result<(), Error> {
    use std::io::Write as _;
    let fail = |error| Error::file(name, error);
    if name == "-" {
        return match std::io::stdout().write_all(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(fail),
        };
    }
    // A device or pipe cannot be put in place by renaming.
    if std::fs::metadata(name).is_ok_and(|found| !found.is_file()) {
        return std::fs::write(name, bytes).map_err(fail);
    }
    let partial = format!("{name}.partial");
    std::fs::write(&partial, bytes).map_err(fail)?;
    std::fs::rename(&partial, name).map_err(fail)
}
