//! The training file (`weir train --config`): which table, what to learn, how to hold back, what mistakes cost.
//!
//! Separate from what is done with it. Invariants: unknown keys are refused with their line; a number is checked before
//! any row is read.

use std::collections::BTreeMap;

use models::TrainedOn;
use models::experiment::{Calibration, ClassWeight, Costs, Folds, Metric};
use serde::Deserialize;

use crate::error::Error;
use crate::files;

/// The format this build reads.
const FORMAT: u32 = 1;
/// Largest training file, bytes.
const BYTES_MAX: u64 = 256 * 1024;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainFile {
    format: u32,
    /// The model's name.
    pub name: String,
    /// Decides all that is random.
    #[serde(default = "one")]
    pub seed: u64,
    #[serde(default = "labels")]
    trained_on: String,
    /// The table.
    pub data: DataFile,
    /// What to learn; `kind` and its settings.
    pub learner: BTreeMap<String, toml::Value>,
    /// What to try besides.
    #[serde(default)]
    pub search: SearchFile,
    #[serde(default)]
    folds: FoldsFile,
    #[serde(default = "as_is")]
    class_weight: toml::Value,
    #[serde(default = "platt")]
    calibration: String,
    costs: Option<CostsFile>,
}

/// The table and its columns.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// CSV file with a header, may be compressed; beside the training file if it is relative.
    pub file: String,
    /// The column that tells what a row is.
    pub label: String,
    /// Its values that mean abusive.
    #[serde(default = "positive")]
    pub positive: Vec<String>,
    /// Columns to learn from; empty: every one that has no other use here.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Columns to leave out, if `columns` is empty.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Columns of text, whose values are numbered in the order of their bytes.
    #[serde(default)]
    pub categories: Vec<String>,
    /// New columns: two others with `+`, `-`, `*` or `/` between them.
    #[serde(default)]
    pub derive: BTreeMap<String, String>,
    /// What stands for an unknown value, by column.
    #[serde(default)]
    pub fill: BTreeMap<String, f32>,
    /// Rows to keep: the values that a column may have.
    #[serde(default)]
    pub only: BTreeMap<String, Vec<String>>,
    /// Rows to leave out: values of a column.
    #[serde(default)]
    pub without: BTreeMap<String, Vec<String>>,
    /// The column that tells which rows belong together (an account); none, or empty in a row: it is alone.
    pub group: Option<String>,
    /// The column that tells when.
    pub time: Option<String>,
    /// The column that tells how many rows a row stands for, or several with `*` between them.
    pub weight: Option<String>,
    /// Columns whose values are measured apart.
    #[serde(default)]
    pub slices: Vec<String>,
}

/// What to try.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchFile {
    /// Combinations to try, drawn by the seed; all of them if there are no more.
    #[serde(default = "trials")]
    pub trials: usize,
    /// `auc`, `average_precision` or `recall_at_1e-3`.
    #[serde(default = "average_precision")]
    pub metric: String,
    /// Values to try, by setting.
    #[serde(default)]
    pub values: BTreeMap<String, Vec<f64>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct FoldsFile {
    count: usize,
    #[serde(default = "group")]
    by: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct CostsFile {
    false_alarm: f64,
    miss: f64,
}

impl Default for SearchFile {
    fn default() -> Self {
        Self { trials: trials(), metric: average_precision(), values: BTreeMap::new() }
    }
}

impl Default for FoldsFile {
    fn default() -> Self {
        Self { count: 5, by: group() }
    }
}

fn trials() -> usize {
    20
}

fn one() -> u64 {
    1
}

fn labels() -> String {
    "labels".to_owned()
}

fn as_is() -> toml::Value {
    toml::Value::String("as_is".to_owned())
}

fn platt() -> String {
    "platt".to_owned()
}

fn positive() -> Vec<String> {
    ["1", "true", "abusive"].map(str::to_owned).to_vec()
}

fn average_precision() -> String {
    "average_precision".to_owned()
}

fn group() -> String {
    "group".to_owned()
}

impl TrainFile {
    /// Reads and checks a training file; the table's name is made relative to it.
    pub fn read(name: &str) -> Result<Self, Error> {
        let text = files::read_text(name, BYTES_MAX)?;
        let mut file: Self = toml::from_str(&text).map_err(|error| Error::file(name, error))?;
        if file.format != FORMAT {
            return Err(Error::file(name, format!("format = {}: this build reads {FORMAT}", file.format)));
        }
        file.checked().map_err(|detail| Error::file(name, detail))?;
        let beside = std::path::Path::new(name).parent().map(|folder| folder.join(&file.data.file));
        if let Some(path) = beside.filter(|_| file.data.file != "-") {
            file.data.file = path.to_string_lossy().into_owned();
        }
        Ok(file)
    }

    fn checked(&self) -> Result<(), String> {
        self.trained_on()?;
        self.folds()?;
        self.class_weight()?;
        self.calibration()?;
        self.costs()?;
        self.metric().map(drop)
    }

    /// Where the labels come from.
    pub fn trained_on(&self) -> Result<TrainedOn, String> {
        match self.trained_on.as_str() {
            "labels" => Ok(TrainedOn::Labels),
            "simulation" => Ok(TrainedOn::Simulation),
            other => Err(format!("trained_on = {other:?}: give \"labels\" or \"simulation\"")),
        }
    }

    /// What is held back when.
    pub fn folds(&self) -> Result<Folds, String> {
        match (self.folds.by.as_str(), &self.data.time) {
            ("group", _) => Ok(Folds::Groups(self.folds.count)),
            ("time", Some(_)) => Ok(Folds::Time(self.folds.count)),
            ("time", None) => Err("folds.by = \"time\" needs data.time: name the column".to_owned()),
            (other, _) => Err(format!("folds.by = {other:?}: give \"group\" or \"time\"")),
        }
    }

    /// How labels weigh while learning.
    pub fn class_weight(&self) -> Result<ClassWeight, String> {
        let wrong = "class_weight: give \"as_is\", \"balanced\", or how much an abusive row weighs";
        let number = self.class_weight.as_float().or(self.class_weight.as_integer().map(|n| n as f64));
        match (self.class_weight.as_str(), number) {
            (Some("as_is"), _) => Ok(ClassWeight::AsIs),
            (Some("balanced"), _) => Ok(ClassWeight::Balanced),
            (_, Some(factor)) if factor > 0.0 && factor <= 1e6 => Ok(ClassWeight::Abusive(factor as f32)),
            _ => Err(wrong.to_owned()),
        }
    }

    /// How scores become probabilities.
    pub fn calibration(&self) -> Result<Calibration, String> {
        match self.calibration.as_str() {
            "platt" => Ok(Calibration::Platt),
            "isotonic" => Ok(Calibration::Isotonic),
            "none" => Ok(Calibration::Untouched),
            other => Err(format!("calibration = {other:?}: give \"platt\", \"isotonic\" or \"none\"")),
        }
    }

    /// What mistakes cost.
    pub fn costs(&self) -> Result<Option<Costs>, String> {
        let Some(CostsFile { false_alarm, miss }) = self.costs else { return Ok(None) };
        let holds = [false_alarm, miss].iter().all(|cost| cost.is_finite() && *cost > 0.0);
        holds
            .then_some(Some(Costs { false_alarm, miss }))
            .ok_or("costs: give two positive numbers".to_owned())
    }

    /// What the best of several is the best at.
    pub fn metric(&self) -> Result<Metric, String> {
        match self.search.metric.as_str() {
            "auc" => Ok(Metric::Auc),
            "average_precision" => Ok(Metric::AveragePrecision),
            "recall_at_1e-3" => Ok(Metric::RecallAt1e3),
            other => Err(format!(
                "search.metric = {other:?}: give \"auc\", \"average_precision\" or \"recall_at_1e-3\""
            )),
        }
    }
}
