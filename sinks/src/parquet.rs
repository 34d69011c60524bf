//! Tables in Apache Parquet, for notebooks and whatever else reads columns.
//!
//! Separate from NDJSON, whose records have fields of their own; here every row has the same columns. Invariants: rows go out in the
//! order in which they came; memory holds one row group; the same rows give the same bytes; the name is taken only when the table is
//! whole (`NAME.partial` before).

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use crate::error::Error;

/// Rows of a row group: 131 columns of four bytes are 34 MB.
const GROUP_ROWS: usize = 65_536;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// 64 bits, with sign.
    Whole,
    /// 32 bits, IEEE 754; written bit for bit.
    Real,
    /// Yes or no.
    Flag,
}

/// One value; every column may hold nothing (null).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Null, whatever the column.
    Nothing,
    /// For [`Kind::Text`].
    Text(&'a str),
    /// For [`Kind::Whole`].
    Whole(i64),
    /// For [`Kind::Real`].
    Real(f32),
    /// For [`Kind::Flag`].
    Flag(bool),
}

enum Held {
    Text(Vec<ByteArray>),
    Whole(Vec<i64>),
    Real(Vec<f32>),
    Flag(Vec<bool>),
}

/// A column of the present row group: its values, and for each row whether there is one.
struct Column {
    held: Held,
    is_there: Vec<i16>,
}

/// A table that is being written.
pub struct Table {
    name: String,
    writer: SerializedFileWriter<File>,
    columns: Vec<Column>,
    rows: u64,
}

impl Table {
    /// Begins a table with these columns.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(name: &str, columns: &[(&str, Kind)]) -> Result<Self, Error> {
        let schema = schema(columns).map_err(|error| stop(name, &error))?;
        let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("zstd has that level");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("weir".to_owned())
            .build();
        let partial = partial(name);
        let file = File::create(&partial).map_err(|source| Error::Create { name: partial, source })?;
        let writer = SerializedFileWriter::new(file, schema, Arc::new(properties))
            .map_err(|error| stop(name, &error))?;
        let columns = columns.iter().map(|(_, kind)| Column::new(*kind)).collect();
        Ok(Self { name: name.to_owned(), writer, columns, rows: 0 })
    }

    /// Adds a row: one value a column, in their order.
    ///
    /// # Errors
    /// If the device fails or is full.
    ///
    /// # Panics
    /// If there are not as many values as columns, or one is of another kind.
    pub fn push<'a>(&mut self, values: impl IntoIterator<Item = Value<'a>>) -> Result<(), Error> {
        let mut count = 0;
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(value);
            count += 1;
        }
        assert_eq!(count, self.columns.len(), "a row has a value for each column");
        self.rows += 1;
        if self.rows.is_multiple_of(GROUP_ROWS as u64) {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes what is left and gives the table its name; returns how many rows it has.
    ///
    /// # Errors
    /// If the device fails or is full.
    pub fn finish(mut self) -> Result<u64, Error> {
        if !self.rows.is_multiple_of(GROUP_ROWS as u64) {
            self.write_group()?;
        }
        let failed = |source| Error::Write { name: self.name.clone(), records: self.rows, source };
        self.writer.finish().map_err(|error| stop(&self.name, &error))?;
        self.writer.inner().sync_all().map_err(failed)?;
        std::fs::rename(partial(&self.name), &self.name).map_err(failed)?;
        Ok(self.rows)
    }

    fn write_group(&mut self) -> Result<(), Error> {
        let columns = &mut self.columns;
        let write = |writer: &mut SerializedFileWriter<File>| -> Result<(), ParquetError> {
            let mut group = writer.next_row_group()?;
            for column in columns {
                let mut place = group.next_column()?.expect("the schema has as many columns");
                column.write(place.untyped())?;
                place.close()?;
            }
            group.close()?;
            Ok(())
        };
        write(&mut self.writer).map_err(|error| stop(&self.name, &error))
    }
}

impl Column {
    fn new(kind: Kind) -> Self {
        let held = match kind {
            Kind::Text => Held::Text(Vec::new()),
            Kind::Whole => Held::Whole(Vec::new()),
            Kind::Real => Held::Real(Vec::new()),
            Kind::Flag => Held::Flag(Vec::new()),
        };
        Self { held, is_there: Vec::new() }
    }

    fn push(&mut self, value: Value<'_>) {
        self.is_there.push(i16::from(value != Value::Nothing));
        match (&mut self.held, value) {
            (_, Value::Nothing) => {}
            (Held::Text(held), Value::Text(text)) => held.push(ByteArray::from(text)),
            (Held::Whole(held), Value::Whole(number)) => held.push(number),
            (Held::Real(held), Value::Real(number)) => held.push(number),
            (Held::Flag(held), Value::Flag(flag)) => held.push(flag),
            (_, value) => panic!("{value:?} in a column of another kind"),
        }
    }

    /// Writes the values and begins anew.
    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(self.is_there.as_slice());
        match (&mut self.held, writer) {
            (Held::Text(held), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                writer.write_batch(held, levels, None)?;
                held.clear();
            }
            (Held::Whole(held), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(held, levels, None)?;
                held.clear();
            }
            (Held::Real(held), ColumnWriter::FloatColumnWriter(writer)) => {
                writer.write_batch(held, levels, None)?;
                held.clear();
            }
            (Held::Flag(held), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(held, levels, None)?;
                held.clear();
            }
            _ => unreachable!("the schema was made from the same kinds"),
        }
        self.is_there.clear();
        Ok(())
    }
}

fn schema(columns: &[(&str, Kind)]) -> Result<TypePtr, ParquetError> {
    let field = |(name, kind): &(&str, Kind)| {
        let (physical, logical) = match kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Whole => (Physical::INT64, None),
            Kind::Real => (Physical::FLOAT, None),
            Kind::Flag => (Physical::BOOLEAN, None),
        };
        let builder = Type::primitive_type_builder(name, physical);
        let field = builder.with_logical_type(logical).with_repetition(Repetition::OPTIONAL).build()?;
        Ok(Arc::new(field))
    };
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, ParquetError>>()?;
    Ok(Arc::new(Type::group_type_builder("rows").with_fields(fields).build()?))
}

fn partial(name: &str) -> String {
    format!("{name}.partial")
}

fn stop(name: &str, error: &ParquetError) -> Error {
    Error::Stop { what: "Parquet", cause: format!("{name}: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    const COLUMNS: [(&str, Kind); 4] =
        [("account", Kind::Text), ("at", Kind::Whole), ("share", Kind::Real), ("restricted", Kind::Flag)];

    fn rows(count: usize) -> Vec<(String, i64, Option<f32>, bool)> {
        let share = |row: usize| (!row.is_multiple_of(3)).then(|| f32::from_bits(0x3f00_0000 + row as u32));
        (0..count).map(|row| (format!("a_{row}"), -(row as i64), share(row), row.is_multiple_of(2))).collect()
    }

    fn written(name: &str, rows: &[(String, i64, Option<f32>, bool)]) {
        let mut table = Table::create(name, &COLUMNS).expect("it is created");
        for (account, at, share, flag) in rows {
            let share = share.map_or(Value::Nothing, Value::Real);
            let row = [Value::Text(account), Value::Whole(*at), share, Value::Flag(*flag)];
            table.push(row).expect("it is taken");
        }
        assert_eq!(table.finish().expect("it ends"), rows.len() as u64);
    }

    #[test]
    fn what_was_written_is_read_again_bit_for_bit_over_several_groups_and_twice_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = |name: &str| folder.path().join(name).display().to_string();
        let rows = rows(GROUP_ROWS + 10);
        written(&name("a.parquet"), &rows);
        written(&name("b.parquet"), &rows);
        let bytes = |which: &str| std::fs::read(name(which)).expect("it is there");
        assert_eq!(bytes("a.parquet"), bytes("b.parquet"));
        assert!(!folder.path().join("a.parquet.partial").exists());
        let reader = SerializedFileReader::new(File::open(name("a.parquet")).expect("it is there"));
        let reader = reader.expect("a table");
        assert_eq!(reader.metadata().num_row_groups(), 2);
        let mut count = 0;
        for (row, (account, at, share, flag)) in reader.get_row_iter(None).expect("rows").zip(&rows) {
            let row = row.expect("a row");
            let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
            let share = share.map_or(Field::Null, Field::Float);
            let wanted = [Field::Str(account.clone()), Field::Long(*at), share, Field::Bool(*flag)];
            assert_eq!(fields, wanted.iter().collect::<Vec<_>>());
            count += 1;
        }
        assert_eq!(count, rows.len());
    }

    #[test]
    #[should_panic(expected = "a value for each column")]
    fn a_row_that_is_too_short_is_our_bug() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = folder.path().join("t.parquet").display().to_string();
        let mut table = Table::create(&name, &COLUMNS).expect("it is created");
        drop(table.push([Value::Text("a")]));
    }
}
