//! A table, CSV or Parquet, as rows to learn from.
//!
//! Separate from the training file, so that `weir evaluate` reads tables the same way. Invariants: an empty field, `NaN` and
//! `null` are unknown, anything else that is no number ends the reading with its line and column; the same bytes, the same
//! rows; a row without a label is refused, never guessed, unless labels are not asked for; nothing is read beyond [`Bounds`].

use std::collections::BTreeMap;

use csv::ByteRecord;
use ingest::{Source, parquet};
use models::Dataset;
use ndarray::Array2;
use xxhash_rust::xxh3::xxh3_64;

use super::bounds::{Bounds, Watched};
use super::file::DataFile;
use super::slices::{self, SliceColumn};
use crate::error::Error;

/// What to do about a table that is too large.
const ADVICE: &str = "export fewer (`weir dataset export --sample`, `--from`, `--to`), keep some by data.only or data.without, or name fewer data.columns";

/// Most values of a category.
const VALUES_MAX: usize = 4_096;

/// A table that was read.
pub struct Table {
    /// Rows, labels, weights and groups.
    pub data: Dataset,
    /// One entry a row, if the table has a time.
    pub times: Vec<f64>,
    /// What rows are measured apart by.
    pub slices: Vec<SliceColumn>,
}

/// Where a column's number comes from.
enum Recipe {
    Number(usize),
    Category(usize),
    Both(usize, char, usize),
}

/// Columns by what they are for.
struct Plan {
    names: Vec<String>,
    recipes: Vec<Recipe>,
    /// `None`: labels are not looked at.
    label: Option<usize>,
    group: Option<usize>,
    time: Option<usize>,
    /// A row weighs the product of these.
    weights: Vec<usize>,
    only: Vec<(usize, Vec<String>)>,
    without: Vec<(usize, Vec<String>)>,
    slices: Vec<(String, usize)>,
}

/// What a table is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// To learn from or to be measured: each row has its label.
    Labels,
    /// To see how it is distributed: labels are not looked at.
    Shape,
}

/// Reads a table.
pub fn read(wanted: &DataFile) -> Result<Table, Error> {
    read_within(wanted, For::Labels, Bounds::default())
}

/// Reads the rows of a table that need no labels; all of them are taken for benign.
pub fn read_unlabelled(wanted: &DataFile) -> Result<Table, Error> {
    read_within(wanted, For::Shape, Bounds::default())
}

fn read_within(wanted: &DataFile, what_for: For, bounds: Bounds) -> Result<Table, Error> {
    let name = &wanted.file;
    if parquet::is_table(name)? {
        return read_columns(wanted, what_for, bounds);
    }
    let (source, since) = Watched::new(Source::open(name)?, bounds.record_bytes_max);
    let mut reader = csv::ReaderBuilder::new().from_reader(source);
    let fail = |error: csv::Error| Error::file(name, error);
    let header: Vec<String> =
        reader.headers().map_err(fail)?.iter().map(|title| title.trim().to_owned()).collect();
    let plan = Plan::new(&header, wanted, what_for).map_err(|detail| Error::file(name, detail))?;
    let mut rows = Rows::new(&plan, bounds);
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(fail)? {
        since.set(0);
        let line = record.position().map_or(0, csv::Position::line);
        rows.take(&record, &plan, wanted)
            .map_err(|detail| Error::file(&format!("{name}, line {line}"), detail))?;
    }
    rows.finish(plan, wanted).map_err(|detail| Error::file(name, detail))
}

/// The same of a table in Parquet.
fn read_columns(wanted: &DataFile, what_for: For, bounds: Bounds) -> Result<Table, Error> {
    let name = &wanted.file;
    let mut table = parquet::Table::open(name)?;
    let plan = Plan::new(table.titles(), wanted, what_for).map_err(|detail| Error::file(name, detail))?;
    let (mut rows, mut record, mut number) = (Rows::new(&plan, bounds), ByteRecord::new(), 0_u64);
    while table.next_row(|field| record.push_field(field))? {
        number += 1;
        rows.take(&record, &plan, wanted)
            .map_err(|detail| Error::file(&format!("{name}, row {number}"), detail))?;
        record.clear();
    }
    rows.finish(plan, wanted).map_err(|detail| Error::file(name, detail))
}

impl Plan {
    fn new(header: &[String], wanted: &DataFile, what_for: For) -> Result<Self, String> {
        let place = |title: &str| {
            let found = header.iter().position(|known| known == title);
            found.ok_or_else(|| format!("there is no column {title:?}; there are {}", header.join(", ")))
        };
        let some = |title: &Option<String>| title.as_deref().map(place).transpose();
        let (group, time) = (some(&wanted.group)?, some(&wanted.time)?);
        let factors = wanted.weight.iter().flat_map(|formula| formula.split('*'));
        let weights: Vec<usize> = factors.map(|title| place(title.trim())).collect::<Result<_, _>>()?;
        let label = match (what_for, wanted.label.is_empty()) {
            (For::Shape, _) => None,
            (For::Labels, true) => {
                return Err(
                    "which column is the label? Give --label, or --config with a training file".to_owned()
                );
            }
            (For::Labels, false) => Some(place(&wanted.label)?),
        };
        let values = |of: &BTreeMap<String, Vec<String>>| {
            of.iter()
                .map(|(title, values)| Ok((place(title)?, values.clone())))
                .collect::<Result<Vec<_>, String>>()
        };
        let (only, without) = (values(&wanted.only)?, values(&wanted.without)?);
        let mut slices: Vec<(String, usize)> = wanted
            .slices
            .iter()
            .map(|title| Ok((title.clone(), place(title)?)))
            .collect::<Result<_, String>>()?;
        slices.extend(slices::usual(header, wanted));
        wanted.leave_out.iter().chain(&wanted.categories).try_for_each(|title| place(title).map(drop))?;
        let names = if wanted.columns.is_empty() {
            let used = [label, group, time];
            let kept = |at: usize, title: &String| {
                !used.contains(&Some(at))
                    && !weights.contains(&at)
                    && !only.iter().any(|(column, _)| *column == at)
                    && !slices.iter().any(|(_, column)| *column == at)
                    && !wanted.leave_out.contains(title)
            };
            let own =
                header.iter().enumerate().filter(|(at, title)| kept(*at, title)).map(|(_, title)| title);
            own.chain(wanted.derive.keys()).cloned().collect()
        } else {
            wanted.columns.clone()
        };
        if let Some(twice) = names.iter().enumerate().find(|(at, title)| names[..*at].contains(title)) {
            return Err(format!("the column {:?} is there twice", twice.1));
        }
        let recipe = |title: &String| match wanted.derive.get(title) {
            Some(formula) => derived(formula, place).map_err(|detail| format!("derive.{title}: {detail}")),
            None if wanted.categories.contains(title) => Ok(Recipe::Category(place(title)?)),
            None => Ok(Recipe::Number(place(title)?)),
        };
        let recipes = names.iter().map(recipe).collect::<Result<_, String>>()?;
        Ok(Self { names, recipes, label, group, time, weights, only, without, slices })
    }
}

/// `a / b`, and so on.
fn derived(formula: &str, place: impl Fn(&str) -> Result<usize, String>) -> Result<Recipe, String> {
    let words: Vec<&str> = formula.split_whitespace().collect();
    match words[..] {
        [left, operator @ ("+" | "-" | "*" | "/"), right] => {
            Ok(Recipe::Both(place(left)?, char::from(operator.as_bytes()[0]), place(right)?))
        }
        _ => Err(format!("{formula:?}: give two columns with +, -, * or / between them, and spaces")),
    }
}

/// What was read so far.
struct Rows {
    values: Vec<f32>,
    labels: Vec<bool>,
    weights: Vec<f32>,
    groups: Vec<u64>,
    times: Vec<f64>,
    slices: Vec<SliceColumn>,
    bounds: Bounds,
    /// Texts of each category column, numbered as they came.
    met: Vec<BTreeMap<Vec<u8>, usize>>,
}

impl Rows {
    fn new(plan: &Plan, bounds: Bounds) -> Self {
        Self {
            values: Vec::new(),
            labels: Vec::new(),
            weights: Vec::new(),
            groups: Vec::new(),
            times: Vec::new(),
            slices: plan.slices.iter().map(|(title, _)| SliceColumn::new(title)).collect(),
            bounds,
            met: vec![BTreeMap::new(); plan.names.len()],
        }
    }

    fn take(&mut self, record: &ByteRecord, plan: &Plan, wanted: &DataFile) -> Result<(), String> {
        let field = |at: usize| record.get(at).unwrap_or_default().trim_ascii();
        let is = |at: usize, values: &[String]| values.iter().any(|value| value.as_bytes() == field(at));
        let is_wanted = plan.only.iter().all(|(at, values)| is(*at, values));
        if !is_wanted || plan.without.iter().any(|(at, values)| is(*at, values)) {
            return Ok(());
        }
        let number = |at: usize| number(field(at)).map_err(|detail| format!("column {}: {detail}", at + 1));
        self.bounds.check(self.labels.len() + 1, plan.names.len(), ADVICE)?;
        if plan.label.is_some_and(|label| field(label).is_empty()) {
            return Err(format!("the label {:?} is empty", wanted.label));
        }
        for (column, recipe) in plan.recipes.iter().enumerate() {
            let value = match *recipe {
                Recipe::Number(at) => number(at)?,
                Recipe::Category(at) => self.category(column, field(at))?,
                Recipe::Both(left, operator, right) => {
                    let (left, right) = (number(left)?, number(right)?);
                    let found = match operator {
                        '+' => left + right,
                        '-' => left - right,
                        '*' => left * right,
                        _ => left / right,
                    };
                    if found.is_finite() { found } else { f64::NAN }
                }
            };
            let fill = wanted.fill.get(&plan.names[column]).filter(|_| value.is_nan());
            let value = fill.map_or(value as f32, |fill| *fill);
            if value.is_infinite() {
                return Err(format!("{} has a value beyond 3.4e38", plan.names[column]));
            }
            self.values.push(value);
        }
        let row = self.labels.len() as u64;
        self.labels.push(plan.label.is_some_and(|label| is(label, &wanted.positive)));
        let mut weight = 1.0;
        for &at in &plan.weights {
            let factor = number(at)?;
            // Where labels are not looked at, what they weigh may be missing as well.
            weight *= if plan.label.is_none() && factor.is_nan() { 1.0 } else { factor };
        }
        self.weights.push(weight as f32);
        self.times.extend(plan.time.map(number).transpose()?);
        let group = plan.group.map(field).filter(|name| !name.is_empty());
        self.groups.push(group.map_or_else(|| xxh3_64(&row.to_le_bytes()), xxh3_64));
        for ((_, at), slice) in plan.slices.iter().zip(&mut self.slices) {
            slice.push(field(*at));
        }
        Ok(())
    }

    /// The number of a text, for the time being in the order in which texts came.
    fn category(&mut self, column: usize, text: &[u8]) -> Result<f64, String> {
        if text.is_empty() {
            return Ok(f64::NAN);
        }
        let met = &mut self.met[column];
        let next = met.len();
        let number = *met.entry(text.to_vec()).or_insert(next);
        if met.len() > VALUES_MAX {
            return Err(format!("a category has more than {VALUES_MAX} values: leave the column out"));
        }
        Ok(number as f64)
    }

    fn finish(mut self, plan: Plan, wanted: &DataFile) -> Result<Table, String> {
        let columns = plan.names.len();
        for (column, met) in self.met.iter().enumerate().filter(|(_, met)| !met.is_empty()) {
            // A map's keys rise, so the place of a text among them is its final number.
            let mut place = vec![0.0; met.len()];
            met.values().enumerate().for_each(|(at, &number)| place[number] = at as f32);
            let values = self.values.iter_mut().skip(column).step_by(columns);
            values.filter(|value| !value.is_nan()).for_each(|value| *value = place[*value as usize]);
        }
        let rows = self.labels.len();
        let values = Array2::from_shape_vec((rows, columns), self.values);
        let data = Dataset {
            columns: (0..columns).collect(),
            names: plan.names,
            rows: values.expect("every row brought a value a column"),
            labels: self.labels,
            weights: self.weights,
            groups: self.groups,
        };
        let checked = if plan.label.is_some() { data.check() } else { data.check_rows() };
        checked.map_err(|error| {
            format!("{error} (label {:?}, abusive if it is one of {:?})", wanted.label, wanted.positive)
        })?;
        let slices = self.slices.into_iter().filter(SliceColumn::says_something).collect();
        Ok(Table { data, times: self.times, slices })
    }
}

/// A field as a number; empty, `NaN` and `null` are unknown.
fn number(field: &[u8]) -> Result<f64, String> {
    if field.is_empty() || field.eq_ignore_ascii_case(b"nan") || field.eq_ignore_ascii_case(b"null") {
        return Ok(f64::NAN);
    }
    let text = std::str::from_utf8(field).ok();
    let found = text.and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
    found.ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(field).chars().take(40).collect();
        format!("{shown:?} is no number: name it under categories, or leave the column out")
    })
}

#[cfg(test)]
mod tests;
