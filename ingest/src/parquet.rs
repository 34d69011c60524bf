//! Tables in Apache Parquet, row by row as text: whatever reads CSV reads these, too.
//!
//! Separate from lines, which have no columns. Invariants: memory holds one row group; a number becomes the shortest text that gives it back;
//! nothing (null) is an empty field; a column that is no plain column of numbers, texts or flags is refused by name; no file panics.

use std::fs::File;
use std::io::{Read as _, Write as _};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};

use crate::error::Error;

/// What every file begins with.
const MAGIC: &[u8; 4] = b"PAR1";

/// Whether a file begins as such a table does.
///
/// # Errors
/// If it cannot be opened.
pub fn is_table(name: &str) -> Result<bool, Error> {
    if name == "-" {
        return Ok(false);
    }
    let fail = |source| Error::Open { name: name.to_owned(), source };
    let mut head = Vec::new();
    File::open(name).map_err(fail)?.take(MAGIC.len() as u64).read_to_end(&mut head).map_err(fail)?;
    Ok(head == MAGIC)
}

/// The values of a column in the present row group.
enum Values {
    Flag(Vec<bool>),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Real(Vec<f32>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
}

struct Column {
    values: Values,
    /// For each row 1 if it has a value; empty if all have one.
    levels: Vec<i16>,
    /// The next value.
    next: usize,
}

/// A table that is being read.
pub struct Table {
    name: String,
    reader: SerializedFileReader<File>,
    titles: Vec<String>,
    group: usize,
    columns: Vec<Column>,
    row: usize,
    rows: usize,
    text: Vec<u8>,
}

impl Table {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be opened, is no such table, or has a column of lists or records.
    pub fn open(name: &str) -> Result<Self, Error> {
        let file = File::open(name).map_err(|source| Error::Open { name: name.to_owned(), source })?;
        let reader = SerializedFileReader::new(file).map_err(|error| broken(name, &error))?;
        let mut titles = Vec::new();
        for column in reader.metadata().file_metadata().schema_descr().columns() {
            if column.max_rep_level() > 0 || column.max_def_level() > 1 {
                let detail = format!("the column {} holds lists or records", column.path().string());
                return Err(Error::Columns { name: name.to_owned(), detail });
            }
            titles.push(column.name().to_owned());
        }
        let (columns, text) = (Vec::new(), Vec::new());
        Ok(Self { name: name.to_owned(), reader, titles, group: 0, columns, row: 0, rows: 0, text })
    }

    /// Names of the columns.
    #[must_use]
    pub fn titles(&self) -> &[String] {
        &self.titles
    }

    /// Gives the fields of the next row in order; whether there was one.
    ///
    /// # Errors
    /// If the file is damaged, or holds what it does not say.
    pub fn next_row(&mut self, mut field: impl FnMut(&[u8])) -> Result<bool, Error> {
        while self.row == self.rows {
            if self.group == self.reader.num_row_groups() {
                return Ok(false);
            }
            self.load().map_err(|error| broken(&self.name, &error))?;
            self.group += 1;
        }
        for (column, title) in self.columns.iter_mut().zip(&self.titles) {
            self.text.clear();
            let is_there = column.levels.is_empty() || column.levels.get(self.row) == Some(&1);
            if is_there && !column.values.write(column.next, &mut self.text) {
                let detail = format!("the column {title} has fewer values than rows");
                return Err(Error::Columns { name: self.name.clone(), detail });
            }
            column.next += usize::from(is_there);
            field(&self.text);
        }
        self.row += 1;
        Ok(true)
    }

    /// Reads the next row group.
    fn load(&mut self) -> Result<(), ParquetError> {
        let group = self.reader.get_row_group(self.group)?;
        self.rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        self.row = 0;
        self.columns.clear();
        for place in 0..self.titles.len() {
            self.columns.push(column(group.as_ref(), place, self.rows)?);
        }
        Ok(())
    }
}

fn column(group: &dyn RowGroupReader, place: usize, rows: usize) -> Result<Column, ParquetError> {
    let has_levels = group.metadata().column(place).column_descr().max_def_level() > 0;
    let (levels, values) = match group.get_column_reader(place)? {
        ColumnReader::BoolColumnReader(reader) => all(reader, rows, has_levels, Values::Flag)?,
        ColumnReader::Int32ColumnReader(reader) => all(reader, rows, has_levels, Values::Int)?,
        ColumnReader::Int64ColumnReader(reader) => all(reader, rows, has_levels, Values::Long)?,
        ColumnReader::FloatColumnReader(reader) => all(reader, rows, has_levels, Values::Real)?,
        ColumnReader::DoubleColumnReader(reader) => all(reader, rows, has_levels, Values::Double)?,
        ColumnReader::ByteArrayColumnReader(reader) => all(reader, rows, has_levels, Values::Text)?,
        _ => {
            let title = group.metadata().column(place).column_path().string();
            let detail = format!("the column {title} holds neither numbers nor texts nor flags");
            return Err(ParquetError::General(detail));
        }
    };
    Ok(Column { values, levels, next: 0 })
}

fn all<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    has_levels: bool,
    hold: fn(Vec<T::T>) -> Values,
) -> Result<(Vec<i16>, Values), ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let wanted = has_levels.then_some(&mut levels);
        let (records, _, _) = reader.read_records(rows - read, wanted, None, &mut values)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    Ok((levels, hold(values)))
}

impl Values {
    /// Writes a value; whether there is one.
    fn write(&self, place: usize, out: &mut Vec<u8>) -> bool {
        let written = match self {
            Values::Flag(values) => values.get(place).map(|flag| write!(out, "{}", u8::from(*flag))),
            Values::Int(values) => values.get(place).map(|number| write!(out, "{number}")),
            Values::Long(values) => values.get(place).map(|number| write!(out, "{number}")),
            Values::Real(values) => values.get(place).map(|number| write!(out, "{number}")),
            Values::Double(values) => values.get(place).map(|number| write!(out, "{number}")),
            Values::Text(values) => values.get(place).map(|text| out.write_all(text.data())),
        };
        written.is_some_and(|written| written.is_ok())
    }
}

fn broken(name: &str, error: &ParquetError) -> Error {
    Error::Columns { name: name.to_owned(), detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_is_told_from_one_and_a_damaged_one_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("it can be written");
            path.to_string_lossy().into_owned()
        };
        let csv = file("a.csv", b"a,b\n1,2\n");
        let cut = file("a.parquet", b"PAR1 and then nothing of the kind PAR1");
        assert!(!is_table(&csv).expect("it is there") && is_table(&cut).expect("it is there"));
        assert!(!is_table("-").expect("nothing is opened"));
        assert!(Table::open(&cut).err().is_some_and(|error| error.to_string().contains("a.parquet")));
        assert!(is_table("/no/such/file").is_err());
    }
}
