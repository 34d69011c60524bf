//! A table, CSV or Parquet, as rows to learn from.
//!
//! Separate from the training file, so that `weir evaluate` reads tables the same way. Invariants: an empty field, `NaN` and
//! `null` are unknown, anything else that is no number ends the reading with its line and column; the same bytes, the same
//! rows; a row without a label is refused, never guessed.

use std::collections::BTreeMap;

use csv::ByteRecord;
use ingest::{Source, parquet};
use models::Dataset;
use ndarray::Array2;
use xxhash_rust::xxh3::xxh3_64;

use super::file::DataFile;
use super::slices::{self, SliceColumn};
use crate::error::Error;

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
    label: usize,
    group: Option<usize>,
    time: Option<usize>,
    /// A row weighs the product of these.
    weights: Vec<usize>,
    only: Vec<(usize, Vec<String>)>,
    without: Vec<(usize, Vec<String>)>,
    slices: Vec<(String, usize)>,
}

/// Reads a table.
pub fn read(wanted: &DataFile) -> Result<Table, Error> {
    let name = &wanted.file;
    if parquet::is_table(name)? {
        return read_columns(wanted);
    }
    let mut reader = csv::ReaderBuilder::new().from_reader(Source::open(name)?);
    let fail = |error: csv::Error| Error::file(name, error);
    let header: Vec<String> =
        reader.headers().map_err(fail)?.iter().map(|title| title.trim().to_owned()).collect();
    let plan = Plan::new(&header, wanted).map_err(|detail| Error::file(name, detail))?;
    let mut rows = Rows::new(&plan);
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(fail)? {
        let line = record.position().map_or(0, csv::Position::line);
        rows.take(&record, &plan, wanted)
            .map_err(|detail| Error::file(&format!("{name}, line {line}"), detail))?;
    }
    rows.finish(plan, wanted).map_err(|detail| Error::file(name, detail))
}

/// The same of a table in Parquet.
fn read_columns(wanted: &DataFile) -> Result<Table, Error> {
    let name = &wanted.file;
    let mut table = parquet::Table::open(name)?;
    let plan = Plan::new(table.titles(), wanted).map_err(|detail| Error::file(name, detail))?;
    let (mut rows, mut record, mut number) = (Rows::new(&plan), ByteRecord::new(), 0_u64);
    while table.next_row(|field| record.push_field(field))? {
        number += 1;
        rows.take(&record, &plan, wanted)
            .map_err(|detail| Error::file(&format!("{name}, row {number}"), detail))?;
        record.clear();
    }
    rows.finish(plan, wanted).map_err(|detail| Error::file(name, detail))
}

impl Plan {
    fn new(header: &[String], wanted: &DataFile) -> Result<Self, String> {
        let place = |title: &str| {
            let found = header.iter().position(|known| known == title);
            found.ok_or_else(|| format!("there is no column {title:?}; there are {}", header.join(", ")))
        };
        let some = |title: &Option<String>| title.as_deref().map(place).transpose();
        let (group, time) = (some(&wanted.group)?, some(&wanted.time)?);
        let factors = wanted.weight.iter().flat_map(|formula| formula.split('*'));
        let weights: Vec<usize> = factors.map(|title| place(title.trim())).collect::<Result<_, _>>()?;
        let label = place(&wanted.label)?;
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
            let used = [Some(label), group, time];
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
    /// Texts of each category column, numbered as they came.
    met: Vec<BTreeMap<Vec<u8>, usize>>,
}

impl Rows {
    fn new(plan: &Plan) -> Self {
        Self {
            values: Vec::new(),
            labels: Vec::new(),
            weights: Vec::new(),
            groups: Vec::new(),
            times: Vec::new(),
            slices: plan.slices.iter().map(|(title, _)| SliceColumn::new(title)).collect(),
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
        if field(plan.label).is_empty() {
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
        self.labels.push(is(plan.label, &wanted.positive));
        let mut weight = 1.0;
        for &at in &plan.weights {
            weight *= number(at)?;
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
        data.check().map_err(|error| {
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
mod tests {
    use super::*;

    const TABLE: &str = "who,sent,got,kind,when,list,bad\na,4,2,plain,7,0,1\nb,,1,html,8,0,0\na,6,0,plain,9,0,yes\nc,1,1,html,9,1,0\n";

    fn table(wanted: DataFile) -> Result<Table, Error> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, TABLE).unwrap();
        read(&DataFile { file: file.to_string_lossy().into_owned(), ..wanted })
    }

    fn wanted() -> DataFile {
        DataFile {
            label: "bad".to_owned(),
            positive: vec!["1".to_owned(), "yes".to_owned()],
            categories: vec!["kind".to_owned()],
            derive: BTreeMap::from([("share".to_owned(), "sent / got".to_owned())]),
            only: BTreeMap::from([("list".to_owned(), vec!["0".to_owned()])]),
            group: Some("who".to_owned()),
            time: Some("when".to_owned()),
            ..DataFile::default()
        }
    }

    #[test]
    fn a_table_becomes_rows_with_everything_in_its_place() {
        let found = table(wanted()).unwrap();
        assert_eq!(found.data.names, ["sent", "got", "kind", "share"]);
        assert_eq!(found.data.labels, [true, false, true]);
        assert_eq!(found.times, [7.0, 8.0, 9.0]);
        assert_eq!(found.data.rows.row(0).to_vec(), [4.0, 2.0, 1.0, 2.0]);
        let second = found.data.rows.row(1);
        assert!(second[0].is_nan() && second[2] == 0.0 && second[3].is_nan());
        assert!(found.data.rows[(2, 3)].is_nan(), "nothing is divided by 0");
        assert_eq!(found.data.groups[0], found.data.groups[2]);
        assert_ne!(found.data.groups[0], found.data.groups[1]);
        let filled = DataFile { fill: BTreeMap::from([("sent".to_owned(), 0.5)]), ..wanted() };
        assert_eq!(table(filled).unwrap().data.rows[(1, 0)], 0.5);
        let weighed = table(DataFile { weight: Some("when * when".to_owned()), ..wanted() }).unwrap();
        assert_eq!(weighed.data.weights, [49.0, 64.0, 81.0]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let text = |wanted: DataFile| table(wanted).err().unwrap().to_string();
        assert!(
            text(DataFile { label: "worse".to_owned(), ..wanted() }).contains("there is no column \"worse\"")
        );
        let no_category = DataFile { categories: Vec::new(), ..wanted() };
        assert!(text(no_category).contains("line 2: column 4: \"plain\" is no number"));
        let formula = BTreeMap::from([("x".to_owned(), "sent over got".to_owned())]);
        assert!(text(DataFile { derive: formula, ..wanted() }).contains("derive.x"));
        let never = DataFile { positive: vec!["maybe".to_owned()], ..wanted() };
        assert!(text(never).contains("rows of both labels"));
    }
}
