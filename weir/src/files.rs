//! Files that are read or written whole: policies, models, blocklists, exempt lists, truth.
//!
//! Separate from streams of records, which `ingest` and `sinks` own. Invariant: nothing is read beyond its limit, so that
//! a wrong file name cannot fill the memory.

use ingest::Source;

use crate::error::Error;

/// The bytes of a file, unpacked if they are compressed; `-` reads standard input.
pub fn read(name: &str, bytes_max: u64) -> Result<Vec<u8>, Error> {
    // Room for all of it at once: growing step by step would copy a large list many times.
    let expected = std::fs::metadata(name).map_or(0, |found| found.len());
    let mut bytes = Vec::with_capacity(usize::try_from(expected.min(bytes_max)).unwrap_or(0) + 1);
    Source::open(name)?.read_rest(bytes_max + 1, &mut bytes).map_err(|error| Error::file(name, error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Error::file(name, format!("longer than {bytes_max} bytes: is it the right file?")));
    }
    Ok(bytes)
}

/// The text of a file.
pub fn read_text(name: &str, bytes_max: u64) -> Result<String, Error> {
    String::from_utf8(read(name, bytes_max)?).map_err(|error| {
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
