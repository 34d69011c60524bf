//! The rows of a data set, as online learning needs them: with when their labels came and from whom.
//!
//! Separate from `training::table`, which reads any table; this one reads what `weir dataset export` writes. Invariant: a row without a
//! label, or one that was restricted, teaches nothing and is passed over.

use csv::ByteRecord;
use ingest::Source;
use models::Model;

use crate::error::Error;

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
    /// Rows that it stands for.
    pub weight: f64,
    /// What its label counts, 1 for a human's.
    pub label_weight: f64,
    /// Whether its label rests on reports of peers.
    pub by_reports: bool,
    /// The model's columns; NaN is unknown.
    pub values: Vec<f32>,
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

/// Reads files in order.
///
/// # Errors
/// If a file cannot be read, or a column is missing or holds what it should not.
pub fn read(files: &[String], model: &Model) -> Result<Vec<Labelled>, Error> {
    let mut rows = Vec::new();
    for file in files {
        let mut reader = csv::ReaderBuilder::new().from_reader(Source::open(file)?);
        let fail = |error: csv::Error| Error::file(file, error);
        let header: Vec<String> = reader.headers().map_err(fail)?.iter().map(str::to_owned).collect();
        let places = Places::find(&header, model).map_err(|detail| Error::file(file, detail))?;
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(fail)? {
            let line = record.position().map_or(0, csv::Position::line);
            let row =
                places.row(&record).map_err(|detail| Error::file(&format!("{file}, line {line}"), detail))?;
            rows.extend(row);
        }
    }
    Ok(rows)
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
