//! `weir evaluate`: how good a model, a column of scores or a training file is, on a table with labels.
//!
//! Separate from the figures, which lie in `models`. Invariants: a model is measured on the rows it is given, and it is the
//! caller who knows that it has not seen them; a training file is measured by cross-validation alone.

use clap::Args;
use models::evaluate::{Drift, DriftReport, Evaluation, Seen, importance};
use models::model::sigmoid;
use models::{Model, Workers};
use schema::limits::MODEL_BYTES_MAX;

use crate::clash;
use crate::error::{Error, Outcome};
use crate::files;
use crate::threads::Threads;
use crate::training::table::{self, Table};
use crate::training::{self, DataFile, TrainFile, report};

const EXAMPLES: &str = "\
Examples:
  weir evaluate --config train.toml --html cv.html                    cross-validation of a training file
  weir evaluate --model model.json --data rows.csv --label label      a model on rows that it has not seen
  weir evaluate --score fraud_score --data any.csv --label is_fraud --slice country --json figures.json
  weir evaluate --model model.json --config train.toml --data later.csv --html later.html
  weir evaluate --model model.json --data served.csv --unlabelled --weight weight --html drift.html     before there are labels

The table is CSV with a header, plain, gzip or Zstandard, or Parquet. With --config its columns are read as [data] of the training file
says; otherwise a model's columns are looked up by name. How columns and the score moved (PSI) is measured against what the model learned
from, which its file keeps, or against --reference.";

/// Arguments of `weir evaluate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EvaluateArgs {
    /// Training file: how the table is read, and without --model or --score what is cross-validated.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// The model to measure.
    #[arg(long, value_name = "FILE", conflicts_with = "score")]
    model: Option<String>,
    /// A column with scores to measure, the higher the more abusive.
    #[arg(long, value_name = "COLUMN")]
    score: Option<String>,
    /// The table; with --config in place of its own.
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    data: Option<String>,
    #[command(flatten)]
    columns: Columns,
    /// Score from which rows are acted upon; may be given several times. The model's own threshold by cost, or 0.9, if none is.
    #[arg(long, value_name = "SCORE")]
    threshold: Vec<f64>,
    /// A table to measure drift against; what the model learned from, as its file keeps it, if none is given.
    #[arg(long, value_name = "FILE", requires = "model")]
    reference: Option<String>,
    /// The rows have no labels, or none that are looked at: only how columns and the score moved is measured.
    #[arg(long, requires = "model", conflicts_with = "threshold")]
    unlabelled: bool,
    /// Where a page with tables and plots goes.
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
    /// Where the figures go as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Threads; as many as processors if not given. They change no figure.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// What the columns of a table are, where no training file says so.
#[derive(Debug, Args)]
pub struct Columns {
    /// The column that tells what a row is.
    #[arg(long, value_name = "COLUMN", conflicts_with = "config")]
    label: Option<String>,
    /// A value of that column that means abusive; 1, true and abusive if none is given.
    #[arg(long, value_name = "VALUE", conflicts_with = "config")]
    positive: Vec<String>,
    /// The column that tells which rows are of one account.
    #[arg(long, value_name = "COLUMN", conflicts_with = "config")]
    group: Option<String>,
    /// The column that tells how many rows a row stands for.
    #[arg(long, value_name = "COLUMN", conflicts_with = "config")]
    weight: Option<String>,
    /// A column whose values are measured apart; may be given several times.
    #[arg(long, value_name = "COLUMN")]
    slice: Vec<String>,
}

impl Columns {
    /// How a table is to be read: as the training file says, or as the options do.
    pub fn data(&self, file: Option<&TrainFile>, data: Option<&String>) -> DataFile {
        let mut wanted = match file {
            Some(file) => file.data.clone(),
            None => DataFile {
                label: self.label.clone().unwrap_or_default(),
                positive: ["1", "true", "abusive"].map(str::to_owned).to_vec(),
                group: self.group.clone(),
                weight: self.weight.clone(),
                ..DataFile::default()
            },
        };
        if !self.positive.is_empty() {
            wanted.positive.clone_from(&self.positive);
        }
        if let Some(data) = data {
            wanted.file.clone_from(data);
        }
        let more = self.slice.iter().filter(|slice| !wanted.slices.contains(*slice)).cloned();
        let more: Vec<String> = more.collect();
        wanted.slices.extend(more);
        wanted
    }
}

/// Evaluates.
pub fn run(args: &EvaluateArgs) -> Result<Outcome, Error> {
    let mut file = args.config.as_deref().map(TrainFile::read).transpose()?;
    let mut wanted = args.columns.data(file.as_ref(), args.data.as_ref());
    let inputs = [
        ("--config", &args.config),
        ("--model", &args.model),
        ("--data", &args.data),
        ("--reference", &args.reference),
    ];
    clash::refuse(&clash::given(&inputs), &clash::given(&[("--html", &args.html), ("--json", &args.json)]))?;
    if let Some(model) = args.model.as_ref().filter(|_| args.unlabelled) {
        let report = moved(&load(model)?, wanted, args.reference.as_deref())?;
        files::write("-", report.text().as_bytes())?;
        return report::write(
            (|| report.html(), || report.json()),
            args.html.as_deref(),
            args.json.as_deref(),
        );
    }
    let threads = Threads::new(args.threads);
    let report = match (&args.model, &args.score, &mut file) {
        (Some(model), _, _) => {
            measure(&load(model)?, wanted, args.reference.as_deref(), &args.threshold, &threads)?
        }
        (None, Some(score), _) => {
            wanted.columns = vec![score.clone()];
            of_scores(&table::read(&wanted)?, score, args)
        }
        (None, None, Some(file)) => {
            file.data = wanted;
            let config = args.config.as_deref().unwrap_or_default();
            let mut report = training::train(config, file, threads)?.report;
            report.title.push_str(", cross-validated");
            report
        }
        (None, None, None) => {
            return Err(Error::Usage(
                "give --model, --score or --config: what is to be evaluated?".to_owned(),
            ));
        }
    };
    files::write("-", report.text().as_bytes())?;
    report::write((|| report.html(), || report.json()), args.html.as_deref(), args.json.as_deref())
}

/// How rows without labels moved from what the model learned from, or from the reference.
pub fn drift(
    model: &Model,
    mut wanted: DataFile,
    reference: Option<&str>,
) -> Result<(u64, Vec<Drift>), Error> {
    wanted.columns.clone_from(&model.card().columns);
    let now = table::read_unlabelled(&wanted)?.data;
    if now.labels.is_empty() {
        return Err(Error::file(&wanted.file, "it has no rows"));
    }
    let read = |file: &str| table::read_unlabelled(&DataFile { file: file.to_owned(), ..wanted.clone() });
    let before = reference.map(read).transpose()?.map(|table| table.data);
    Ok((now.labels.len() as u64, report::drift_since(model, before.as_ref(), &now)))
}

fn moved(model: &Model, wanted: DataFile, reference: Option<&str>) -> Result<DriftReport, Error> {
    let against = reference.unwrap_or("what the model learned from");
    let how = format!("{} against {against}", wanted.file);
    let (rows, found) = drift(model, wanted, reference)?;
    if found.is_empty() {
        let text = "the model's file does not keep what it learned from: give --reference, the table";
        return Err(Error::Usage(text.to_owned()));
    }
    Ok(DriftReport::new((&format!("{} {}", model.name(), model.version()), &how), rows, found))
}

/// Reads a model file for whatever table has its columns.
fn load(name: &str) -> Result<Model, Error> {
    let bytes = files::read(name, MODEL_BYTES_MAX as u64)?;
    Model::from_bytes_for_table(&bytes).map_err(|error| Error::file(name, error))
}

/// Measures a model on a table that has its columns; at its own threshold if none is given.
pub fn measure(
    model: &Model,
    mut wanted: DataFile,
    reference: Option<&str>,
    thresholds: &[f64],
    workers: &dyn Workers,
) -> Result<Evaluation, Error> {
    wanted.columns.clone_from(&model.card().columns);
    let table = table::read(&wanted)?;
    training::tell(&table);
    let data = &table.data;
    let all: Vec<usize> = (0..data.labels.len()).collect();
    let scores: Vec<f64> =
        data.rows.rows().into_iter().map(|row| sigmoid(model.log_odds_of_row(&row.to_vec()))).collect();
    let rows = report::scored(data, &scores, &all);
    let own = model.card().metrics.iter().find(|(name, _)| name == "threshold_by_cost");
    let own = [own.map_or(report::THRESHOLD, |(_, value)| f64::from(*value))];
    let thresholds = if thresholds.is_empty() { &own } else { thresholds };
    let title = format!("{} {}", model.name(), model.version());
    let is_of_training = model.card().data == format!("{:016x}", data.hash());
    let learned = if is_of_training {
        "that it learned from, which flatters it"
    } else {
        "which it must not have learned from"
    };
    if is_of_training {
        eprintln!("{title} learned from {}: every figure flatters it", wanted.file);
    }
    let how = format!("on {}, {learned}", wanted.file);
    let mut found = Evaluation::new((&title, &how), (&rows, &data.groups), thresholds);
    found.is_of_training = is_of_training;
    found.slices = report::slices(&table, &all, &rows, thresholds);
    let seed = model.card().seed;
    found.importance = importance(data, &[Seen { body: model.body(), rows: &all }], seed, workers);
    let read = |file: &str| table::read_unlabelled(&DataFile { file: file.to_owned(), ..wanted.clone() });
    let before = reference.map(read).transpose()?.map(|table| table.data);
    found.drift = report::drift_since(model, before.as_ref(), data);
    Ok(found)
}

fn of_scores(table: &Table, score: &str, args: &EvaluateArgs) -> Evaluation {
    let all: Vec<usize> = (0..table.data.labels.len()).collect();
    // An unknown score is no alarm.
    let known = |value: &f32| if value.is_nan() { 0.0 } else { f64::from(*value) };
    let scores: Vec<f64> = table.data.rows.column(0).iter().map(known).collect();
    let rows = report::scored(&table.data, &scores, &all);
    let usual = [report::THRESHOLD];
    let thresholds = if args.threshold.is_empty() { &usual } else { &args.threshold[..] };
    let mut found = Evaluation::new((score, "a column of scores"), (&rows, &table.data.groups), thresholds);
    found.slices = report::slices(table, &all, &rows, thresholds);
    found
}
