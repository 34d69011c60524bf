//! A small table of whole numbers: what both data sets are.
//!
//! Separate, so that a converter reads as what it means, not as how CSV fails. Invariant: a column is found by its name,
//! so that another order of columns is no silent mistake.

use csv::StringRecord;

use crate::error::Error;
use crate::source::Source;

/// Rows of `N` named columns of whole numbers.
pub(super) struct Table<const N: usize> {
    name: String,
    reader: csv::Reader<Source>,
    columns: [usize; N],
    record: StringRecord,
}

impl<const N: usize> Table<N> {
    pub(super) fn open(source: Source, columns: [&str; N]) -> Result<Self, Error> {
        let name = source.name().to_owned();
        let mut reader = csv::Reader::from_reader(source);
        let header = reader.headers().map_err(|error| fault(&name, 1, error.to_string()))?.clone();
        let mut places = [0; N];
        for (place, column) in places.iter_mut().zip(columns) {
            *place = header
                .iter()
                .position(|found| found == column)
                .ok_or_else(|| fault(&name, 1, format!("the header has no column {column}")))?;
        }
        Ok(Self { name, reader, columns: places, record: StringRecord::new() })
    }

    /// The next row; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<[u64; N]>, Error> {
        let line = self.reader.position().line();
        match self.reader.read_record(&mut self.record) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => return Err(fault(&self.name, line, error.to_string())),
        }
        let mut row = [0; N];
        for (value, &column) in row.iter_mut().zip(&self.columns) {
            let text = self.record.get(column).unwrap_or_default();
            *value = text.trim().parse().map_err(|_| {
                fault(&self.name, line, format!("{text:?} is not a whole number of at least 0"))
            })?;
        }
        Ok(Some(row))
    }

    /// An account's number, which must fit in 32 bits.
    pub(super) fn account(&self, value: u64) -> Result<u32, Error> {
        let line = self.reader.position().line().saturating_sub(1);
        u32::try_from(value).map_err(|_| fault(&self.name, line, format!("{value} is no account number")))
    }
}

fn fault(name: &str, line: u64, detail: String) -> Error {
    Error::Table { name: name.to_owned(), line, detail }
}
