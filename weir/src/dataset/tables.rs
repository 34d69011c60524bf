//! Where rows go: CSV, which `weir train` reads, and Parquet for notebooks.
//!
//! Separate from what rows are. Invariants: both have the same rows in the same order and the same bits (a float is written to CSV so
//! that reading it gives its bits); no name is taken before the table is whole.

use std::io::Write as _;

use clap::ValueEnum;
use models::labels::Said;
use schema::Row;
use sinks::File;
use sinks::parquet::{Kind, Table, Value};

use super::slices::Apart;
use super::{Slices, Stands};
use crate::error::Error;

/// The columns before the features.
pub const HEAD: [(&str, Kind); 20] = [
    ("event", Kind::Text),
    ("account", Kind::Text),
    ("at", Kind::Whole),
    ("partition", Kind::Whole),
    ("offset", Kind::Whole),
    ("why", Kind::Text),
    ("weight", Kind::Real),
    ("label", Kind::Text),
    ("label_source", Kind::Text),
    ("label_weight", Kind::Real),
    ("label_delay_ms", Kind::Whole),
    ("label_saw_score", Kind::Flag),
    ("restricted", Kind::Flag),
    ("held_out", Kind::Flag),
    ("score", Kind::Real),
    ("country", Kind::Text),
    ("client", Kind::Text),
    ("account_tier", Kind::Text),
    ("age_band", Kind::Text),
    ("persona", Kind::Text),
];

/// Which tables are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// rows.csv
    Csv,
    /// rows.parquet
    Parquet,
    /// Both, with the same rows.
    Both,
}

/// The tables that are being written.
pub struct Tables {
    csv: Option<(File, String)>,
    parquet: Option<Table>,
    slices: Slices,
    places: Vec<usize>,
    line: Vec<u8>,
}

impl Tables {
    /// Begins them in a folder that has none. `slices`: what is known of the rows' accounts.
    pub fn create(folder: &str, format: Format, slices: Slices) -> Result<Self, Error> {
        let path = |name: &str| format!("{}/{name}", folder.trim_end_matches('/'));
        for name in ["rows.csv", "rows.parquet"].map(path) {
            if std::fs::metadata(&name).is_ok() {
                return Err(Error::file(&name, "it is there already: give --out another folder"));
            }
        }
        let features = features::CATALOG.iter().enumerate().filter(|(_, feature)| feature.model);
        let places: Vec<usize> = features.map(|(place, _)| place).collect();
        let names = places.iter().map(|&place| (features::CATALOG[place].name, Kind::Real));
        let columns: Vec<(&str, Kind)> = HEAD.into_iter().chain(names).collect();
        let csv = match format {
            Format::Parquet => None,
            Format::Csv | Format::Both => {
                let mut file = File::create(&path("rows.csv.partial"))?;
                let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
                file.write_line(names.join(",").as_bytes())?;
                Some((file, path("rows.csv")))
            }
        };
        let parquet = match format {
            Format::Csv => None,
            Format::Parquet | Format::Both => Some(Table::create(&path("rows.parquet"), &columns)?),
        };
        Ok(Self { csv, parquet, slices, places, line: Vec::new() })
    }

    /// Adds a row with what was said about its account.
    pub fn push(&mut self, row: &Row, said: Option<&Said>, stands: Stands) -> Result<(), Error> {
        let head = head(row, said, (stands, self.slices.of(row)));
        if let Some((file, _)) = &mut self.csv {
            self.line.clear();
            for (index, value) in head.iter().enumerate() {
                if index > 0 {
                    self.line.push(b',');
                }
                write_field(*value, &mut self.line);
            }
            for &place in &self.places {
                self.line.push(b',');
                write_field(row.values[place].map_or(Value::Nothing, Value::Real), &mut self.line);
            }
            file.write_line(&self.line)?;
        }
        if let Some(table) = &mut self.parquet {
            let values =
                self.places.iter().map(|&place| row.values[place].map_or(Value::Nothing, Value::Real));
            table.push(head.into_iter().chain(values))?;
        }
        Ok(())
    }

    /// Ends the tables and gives them their names.
    pub fn finish(self) -> Result<(), Error> {
        if let Some((file, name)) = self.csv {
            file.finish()?;
            std::fs::rename(format!("{name}.partial"), &name).map_err(|error| Error::file(&name, error))?;
        }
        if let Some(table) = self.parquet {
            table.finish()?;
        }
        Ok(())
    }
}

fn head<'a>(
    row: &'a Row,
    said: Option<&'a Said>,
    (stands, apart): (Stands, Apart<'a>),
) -> [Value<'a>; HEAD.len()] {
    let [country, client, tier, age, persona] = apart.map(|word| word.map_or(Value::Nothing, Value::Text));
    let of = |value: fn(&Said) -> Value<'a>| said.map_or(Value::Nothing, value);
    let delay = said.map(|said| said.at.saturating_sub(row.at));
    [
        Value::Text(&row.event),
        Value::Text(&row.account),
        Value::Whole(row.at as i64),
        Value::Whole(i64::from(row.partition)),
        Value::Whole(row.offset as i64),
        Value::Text(row.why.word()),
        Value::Real(stands.weight),
        of(|said| Value::Text(said.label.word())),
        of(|said| Value::Text(said.voice.word())),
        of(|said| Value::Real(said.weight)),
        delay.map_or(Value::Nothing, |delay| Value::Whole(delay as i64)),
        of(|said| said.saw_score.map_or(Value::Nothing, Value::Flag)),
        Value::Flag(stands.is_restricted),
        Value::Flag(stands.is_held_out),
        row.score.map_or(Value::Nothing, Value::Real),
        country,
        client,
        tier,
        age,
        persona,
    ]
}

fn write_field(value: Value<'_>, line: &mut Vec<u8>) {
    let written = match value {
        Value::Nothing => Ok(()),
        // An identifier may hold a comma or a quote.
        Value::Text(text) if text.contains([',', '"', '\n', '\r']) => {
            write!(line, "\"{}\"", text.replace('"', "\"\""))
        }
        Value::Text(text) => write!(line, "{text}"),
        Value::Whole(number) => write!(line, "{number}"),
        Value::Real(number) => write!(line, "{number}"),
        Value::Flag(flag) => write!(line, "{}", u8::from(flag)),
    };
    written.expect("memory can be written");
}
