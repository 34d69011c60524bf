//! The model file: one line of JSON, `format` 1 to 3, with a checksum over all its other bytes.
//!
//! Separate from `model` so that the format is in one place. Invariants: same model, same bytes; numbers survive the
//! round trip exactly (an f32 is written as the f64 it equals, which a decimal reader one place off still rounds to
//! the same f32); every number, name, index and length is checked before use, so no bytes make it panic.

mod file;

use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::model::Body;
use crate::{Catalog, Error, Model};
use file::{File, Parameters};

/// The newest format this build reads. Format 2 brought the calibration curve and naive Bayes, format 3 the shapes of what was learned from;
/// what needs neither is still written as an older one, which older builds read.
pub const FORMAT: u64 = 3;
/// The largest model file that is read, in bytes.
pub const BYTES_MAX: usize = 64 << 20;
/// What stands in the file where the checksum will be.
const BLANK: &str = "00000000000000000000000000000000";
/// How every format begins, around its number.
const MARKS: [&[u8]; 2] = [b"{\"format\":", b",\"checksum\":\""];
/// What comes before the checksum, for each format; the file begins so.
const HEADS: [&str; FORMAT as usize] =
    ["{\"format\":1,\"checksum\":\"", "{\"format\":2,\"checksum\":\"", "{\"format\":3,\"checksum\":\""];
/// Where the checksum begins, in every format.
const START: usize = HEADS[0].len();

/// Only as much as every format has.
#[derive(Deserialize)]
struct Head {
    format: u64,
}

/// The file of a model.
pub(crate) fn write(model: &Model) -> Vec<u8> {
    let file = File::of(model, BLANK.to_owned());
    let mut bytes = serde_json::to_vec(&file).expect("numbers, strings and lists always serialise");
    bytes.push(b'\n');
    debug_assert!(
        HEADS.iter().any(|head| bytes.starts_with(head.as_bytes())),
        "format and checksum come first"
    );
    let sum = checksum(&bytes);
    bytes[START..START + BLANK.len()].copy_from_slice(sum.as_bytes());
    bytes
}

/// The start of the checksum in a written file.
pub(crate) fn version(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[START..START + 16]).into_owned()
}

/// The xxh3-128 of the file with its checksum blank, 32 hexadecimal digits.
fn checksum(blank: &[u8]) -> String {
    format!("{:032x}", xxh3_128(blank))
}

/// Whether bytes begin as a model file of any format does.
fn is_ours(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(MARKS[0]) else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest[digits..].starts_with(MARKS[1])
}

/// The columns that a file names.
pub(crate) fn columns(bytes: &[u8]) -> Result<Vec<String>, Error> {
    checked(bytes).map(|(_, file)| file.columns)
}

/// Reads and checks a file.
pub(crate) fn read(bytes: &[u8], catalog: &Catalog) -> Result<Model, Error> {
    let (format, file) = checked(bytes)?;
    if file.catalog != catalog.hex() {
        return Err(Error::Catalog { name: file.name, trained: file.catalog, build: catalog.hex() });
    }
    let columns = file.columns.len();
    file.is_of(format)?;
    let (curve, profile) = (file.curve()?, file.profile()?);
    let body = match &file.parameters {
        Parameters::Logistic(parameters) => Body::Logistic(parameters.build(columns)?),
        Parameters::Trees(parameters) => Body::Trees(parameters.build(columns)?),
        Parameters::Bayes(parameters) => Body::Bayes(parameters.build(columns)?),
    };
    Ok(Model::new(file.card()?, body, catalog)?.with_curve(curve).with_profile(profile))
}

/// A file whose format is known and whose checksum holds, with its format.
fn checked(bytes: &[u8]) -> Result<(u64, File), Error> {
    // What does not even claim to be a model is not a damaged one.
    let ours = is_ours(bytes);
    let damaged = |text: String| if ours { Error::Damaged(text) } else { Error::NoModel };
    if bytes.len() > BYTES_MAX {
        return Err(damaged(format!("{} bytes, at most {BYTES_MAX} are possible", bytes.len())));
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    let begins = (head.format.checked_sub(1)).and_then(|older| HEADS.get(usize::try_from(older).ok()?));
    let Some(begins) = begins else {
        return Err(Error::Format { found: head.format, read: FORMAT });
    };
    let end = START + BLANK.len();
    if !bytes.starts_with(begins.as_bytes()) || bytes.len() < end {
        return Err(damaged("it does not begin with its format and checksum".to_owned()));
    }
    let mut blank = bytes.to_vec();
    blank[START..end].copy_from_slice(BLANK.as_bytes());
    if checksum(&blank).as_bytes() != &bytes[START..end] {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    let file = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    Ok((head.format, file))
}
