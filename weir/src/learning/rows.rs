//! The rows of a data set, as online learning needs them: with when their labels came and from whom.
//!
//! Separate from `training::table`, which reads any table; this one reads what `weir dataset export` writes, as CSV or Parquet. Invariants: a
//! row without a label, or one that was restricted, teaches nothing and is passed over; so does one whose weight is no number above 0,
//! and it is told; what is more than memory holds ends the reading and is told.

use csv::ByteRecord;
use ingest::{Source, parquet};
use models::Model;

use crate::error::Error;
use crate::training::{Bounds, Watched};

/// A labelled row.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// The account.
    pub account: String,
    /// When the row was taken, ms since the Unix epoch.
    pub at: u64,
    /// How long after it its label came, ms.
    pub delay_ms: u64,
    /// Whether it was abuse.
    pub is_abusive: bool,
    /// Rows that it stands for; finite and above 0.
    pub weight: f64,
    /// What its label counts, 1 for a human's; finite and above 0.
    pub label_weight: f64,
    /// Whether its label rests on reports of peers.
    pub by_reports: bool,
    /// The model's columns; NaN is unknown.
    pub values: Vec<f32>,
}

impl Labelled {
    /// When its label teaches, ms since the Unix epoch: no sooner than `delay_ms` after the row.
    pub fn acts_at(&self, delay_ms: u64) -> u64 {
        self.at.saturating_add(self.delay_ms.max(delay_ms))
    }

    /// Why it can teach nothing.
    pub fn fault(&self) -> Option<String> {
        let named = [("weight", self.weight), ("label_weight", self.label_weight)];
        let wrong = named.into_iter().find(|(_, weight)| !(weight.is_finite() && *weight > 0.0));
        wrong.map(|(name, weight)| format!("{name} {weight} is no number above 0"))
    }
}

/// What files held.
#[derive(Debug, Default)]
pub struct Rows {
    /// Rows that can teach, in the order of the files.
    pub rows: Vec<Labelled>,
    /// Labelled rows that cannot.
    pub refused: u64,
    /// The first of those: where it is, and why.
    pub first_refused: Option<String>,
}

/// Places of what is not a feature.
struct Places {
    account: usize,
    at: usize,
    weight: usize,
    label: usize,
    source: usize,
    label_weight: usize,
    delay: usize,
    restricted: usize,
    columns: Vec<usize>,
}

/// What to do about too many rows.
pub(super) const ADVICE: &str = "learn from fewer at a time: a part of the rows after the other with the same --state, or fewer --window-days of an archive";

/// Reads files in order, within bounds.
///
/// # Errors
/// If a file cannot be read, a column is missing or holds what it should not, or there is more than the bounds allow.
pub fn read(files: &[String], model: &Model, bounds: Bounds) -> Result<Rows, Error> {
    let mut rows = Rows::default();
    for file in files {
        if parquet::is_table(file)? {
            rows.read_columns(file, model, bounds)?;
        } else {
            rows.read_lines(file, model, bounds)?;
        }
    }
    Ok(rows)
}

impl Rows {
    fn read_lines(&mut self, file: &str, model: &Model, bounds: Bounds) -> Result<(), Error> {
        let (source, since) = Watched::new(Source::open(file)?, bounds.record_bytes_max);
        let mut reader = csv::ReaderBuilder::new().from_reader(source);
        let fail = |error: csv::Error| Error::file(file, error);
        let header: Vec<String> = reader.headers().map_err(fail)?.iter().map(str::to_owned).collect();
        let places = Places::find(&header, model).map_err(|detail| Error::file(file, detail))?;
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(fail)? {
            since.set(0);
            let line = record.position().map_or(0, csv::Position::line);
            self.take((&places, bounds), &record, || format!("{file}, line {line}"))?;
        }
        Ok(())
    }

    /// The same of a table in Parquet.
    fn read_columns(&mut self, file: &str, model: &Model, bounds: Bounds) -> Result<(), Error> {
        let mut table = parquet::Table::open(file)?;
        let places = Places::find(table.titles(), model).map_err(|detail| Error::file(file, detail))?;
        let (mut record, mut number) = (ByteRecord::new(), 0_u64);
        while table.next_row(|field| record.push_field(field))? {
            number += 1;
            self.take((&places, bounds), &record, || format!("{file}, row {number}"))?;
            record.clear();
        }
        Ok(())
    }

    fn take(
        &mut self,
        (places, bounds): (&Places, Bounds),
        record: &ByteRecord,
        place: impl Fn() -> String,
    ) -> Result<(), Error> {
        let row = places.row(record).map_err(|detail| Error::file(&place(), detail))?;
        let Some(row) = row else { return Ok(()) };
        match row.fault() {
            None => self.rows.push(row),
            Some(why) => {
                self.refused += 1;
                self.first_refused.get_or_insert_with(|| format!("{}: {why}", place()));
            }
        }
        let is_within = bounds.check(self.rows.len(), places.columns.len(), ADVICE);
        is_within.map_err(|detail| Error::file(&place(), detail))
    }
}

impl Places {
    fn find(header: &[String], model: &Model) -> Result<Self, String> {
        let place = |name: &str| {
            let found = header.iter().position(|title| title == name);
            found.ok_or_else(|| format!("there is no column {name:?}: give what `weir dataset export` wrote"))
        };
        let columns = model.card().columns.iter().map(|name| place(name)).collect::<Result<_, _>>()?;
        Ok(Self {
            account: place("account")?,
            at: place("at")?,
            weight: place("weight")?,
            label: place("label")?,
            source: place("label_source")?,
            label_weight: place("label_weight")?,
            delay: place("label_delay_ms")?,
            restricted: place("restricted")?,
            columns,
        })
    }

    fn row(&self, record: &ByteRecord) -> Result<Option<Labelled>, String> {
        let text = |place: usize| std::str::from_utf8(&record[place]).map_err(|_| "not UTF-8".to_owned());
        let is_abusive = match text(self.label)? {
            "abusive" | "compromised" => true,
            "benign" => false,
            "" | "cannot_tell" => return Ok(None),
            other => return Err(format!("label {other:?}")),
        };
        if text(self.restricted)? == "1" {
            return Ok(None);
        }
        let whole = |place: usize| text(place)?.parse::<u64>().map_err(|error| format!("{error}"));
        let real = |place: usize| text(place)?.parse::<f64>().map_err(|error| format!("{error}"));
        let value = |&place: &usize| match text(place)? {
            "" => Ok(f32::NAN),
            number => number.parse().map_err(|error| format!("{number:?}: {error}")),
        };
        Ok(Some(Labelled {
            account: text(self.account)?.to_owned(),
            at: whole(self.at)?,
            delay_ms: whole(self.delay)?,
            is_abusive,
            weight: real(self.weight)?,
            label_weight: real(self.label_weight)?,
            by_reports: text(self.source)? == "reports",
            values: self.columns.iter().map(value).collect::<Result<_, String>>()?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use models::Model;

    use super::*;

    #[test]
    fn more_rows_than_memory_holds_are_refused_with_what_to_do() {
        let bytes = include_bytes!("../../../models/default/model.json");
        let model = Model::from_bytes(bytes).expect("the built-in model");
        let columns = model.card().columns.join(",");
        let values = vec!["1"; model.card().columns.len()].join(",");
        let mut text = format!(
            "account,at,weight,label,label_source,label_weight,label_delay_ms,restricted,{columns}\n"
        );
        for n in 0..9 {
            text += &format!("a{n},{n},1,benign,review,1,0,0,{values}\n");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("rows.csv").display().to_string();
        std::fs::write(&file, &text).expect("it can be written");
        let of = |bounds: Bounds| {
            read(std::slice::from_ref(&file), &model, bounds)
                .map(|rows| rows.rows.len())
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(Bounds::default()), Ok(9));
        for bounds in
            [Bounds { rows_max: 8, ..Bounds::default() }, Bounds { bytes_max: 2_000, ..Bounds::default() }]
        {
            let refused = of(bounds).expect_err("it is too much");
            assert!(refused.contains("are not read") && refused.contains("--state"), "{refused}");
        }
        // A quote that nobody closes.
        std::fs::write(&file, format!("{text}\"{}", "x".repeat(40_000))).expect("it can be written");
        let refused =
            of(Bounds { record_bytes_max: 100, ..Bounds::default() }).expect_err("a record is too long");
        assert!(refused.contains("longer than 100 bytes"), "{refused}");
    }
}
