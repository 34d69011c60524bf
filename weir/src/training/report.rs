//! What came of training or scoring, as the report of `weir evaluate`.
//!
//! Separate from the commands, two of which write it. Invariant: figures come from rows that did not teach what scored them.

use std::collections::BTreeSet;

use models::evaluate::{
    Drift, Evaluation, Profile, SCORE, Seen, Shape, SliceRow, TrialRow, drift, importance, slice,
};
use models::experiment::{Folds, Found, Plan};
use models::measure::Scored;
use models::model::sigmoid;
use models::{Dataset, Model, Workers};

use super::slices::SliceColumn;
use super::table::Table;
use crate::error::{Error, Outcome};
use crate::files;

/// The threshold that is shown if no other is known.
pub const THRESHOLD: f64 = 0.9;

/// The report of a cross-validation.
pub fn of_found(table: &Table, found: &Found, plan: &Plan, workers: &dyn Workers) -> Evaluation {
    let held: Vec<usize> = (0..found.held_out.len()).filter(|&row| !found.held_out[row].is_nan()).collect();
    let rows = scored(&table.data, &found.held_out, &held);
    let how = match plan.folds {
        Folds::Groups(count) => format!("{count}-fold cross-validation, whole accounts held out"),
        Folds::Time(count) => format!("{count} folds of time, each scored by what came before it"),
    };
    let cheapest = found.threshold.map(|threshold| threshold.score).filter(|score| score.is_finite());
    let threshold = cheapest.unwrap_or(THRESHOLD);
    let accounts = accounts(&table.data, &held);
    let mut report = Evaluation::new((found.model.name(), &how), (&rows, &accounts), &[threshold]);
    report.slices = slices(table, &held, &rows, &[threshold]);
    let seen: Vec<Seen<'_>> =
        found.folds.iter().zip(&found.bodies).map(|(fold, body)| Seen { body, rows: &fold.held }).collect();
    report.importance = importance(&table.data, &seen, plan.seed, workers);
    report.drift = drift_in_time(table);
    let trial = |(number, trial): (usize, &models::experiment::Trial)| TrialRow {
        text: trial.text.clone(),
        auc: trial.quality.auc,
        average_precision: trial.quality.average_precision,
        fold_auc: trial.fold_auc.clone(),
        chosen: number == found.chosen,
    };
    report.trials = found.trials.iter().enumerate().map(trial).collect();
    report
}

/// Rows with their scores, of which there is one a row of the table.
pub fn scored(data: &Dataset, scores: &[f64], rows: &[usize]) -> Vec<Scored> {
    let one = |&row: &usize| Scored {
        score: scores[row],
        abusive: data.labels[row],
        weight: f64::from(data.weights[row]),
    };
    rows.iter().map(one).collect()
}

/// The accounts of rows.
pub fn accounts(data: &Dataset, rows: &[usize]) -> Vec<u64> {
    rows.iter().map(|&row| data.groups[row]).collect()
}

/// The slices of a table, over some of its rows, at each threshold in turn.
pub fn slices(table: &Table, held: &[usize], rows: &[Scored], thresholds: &[f64]) -> Vec<SliceRow> {
    let accounts = accounts(&table.data, held);
    let at = |threshold: f64| {
        let of = |column: &SliceColumn| {
            let values: Vec<&str> = held.iter().map(|&row| column.of(row)).collect();
            slice(&column.title, (&values, &accounts), rows, threshold)
        };
        table.slices.iter().map(of).collect::<Vec<_>>()
    };
    let found: Vec<Vec<Vec<SliceRow>>> = thresholds.iter().map(|&threshold| at(threshold)).collect();
    for (column, found) in table.slices.iter().zip(found.iter().flatten()) {
        tell_of_many(column, held, found.len());
    }
    found.into_iter().flatten().flatten().collect()
}

/// Says that not every value is measured apart.
fn tell_of_many(column: &SliceColumn, held: &[usize], shown: usize) {
    let distinct = held.iter().map(|&row| column.of(row)).collect::<BTreeSet<_>>().len();
    if distinct > shown || column.has_others() {
        let (title, apart) = (&column.title, shown - 1);
        eprintln!("{title} has many values: the {apart} largest are measured apart, the others together");
    }
}

/// How columns and the score moved from what the model learned from, or from a table of the same columns, to rows of now. Nothing if there
/// is no such table and the model's file does not keep what it learned from.
pub fn drift_since(model: &Model, before: Option<&Dataset>, now: &Dataset) -> Vec<Drift> {
    let shape = |data: &Dataset, column: usize| Shape::of(&weighed(data, column));
    let profile = match (before, model.profile()) {
        (Some(before), _) => Profile {
            columns: (0..now.names.len()).map(|column| shape(before, column)).collect(),
            score: Shape::of_scores(&scores(model, before)),
        },
        (None, Some(profile)) => profile.clone(),
        (None, None) => return Vec::new(),
    };
    let columns = now.names.iter().zip(&profile.columns).enumerate();
    let moved = columns.map(|(column, (name, shape))| shape.drift(name, &weighed(now, column)));
    moved.chain([profile.score.drift(SCORE, &scores(model, now))]).collect()
}

/// A column's values, each with how many rows it stands for.
fn weighed(data: &Dataset, column: usize) -> Vec<(f32, f32)> {
    data.rows.column(column).into_iter().copied().zip(data.weights.iter().copied()).collect()
}

/// The model's probability of each row, with how many it stands for.
fn scores(model: &Model, data: &Dataset) -> Vec<(f32, f32)> {
    let score = |row: ndarray::ArrayView1<'_, f32>| sigmoid(model.log_odds_of_row(&row.to_vec())) as f32;
    data.rows.rows().into_iter().map(score).zip(data.weights.iter().copied()).collect()
}

/// How columns moved from the earlier half of a table to the later one; nothing if it tells no times.
fn drift_in_time(table: &Table) -> Vec<Drift> {
    let mut sorted = table.times.clone();
    if sorted.iter().any(|time| time.is_nan()) || sorted.is_empty() {
        return Vec::new();
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    let one = |(column, name): (usize, &String)| {
        let of = |later: bool| -> Vec<(f32, f32)> {
            let rows = weighed(&table.data, column);
            table
                .times
                .iter()
                .zip(rows)
                .filter(|(time, _)| (**time >= middle) == later)
                .map(|(_, row)| row)
                .collect()
        };
        drift(name, &of(false), &of(true))
    };
    table.data.names.iter().enumerate().map(one).collect()
}

/// Writes the page and the figures of a report to where they are wanted.
pub fn write(
    (page, figures): (impl Fn() -> String, impl Fn() -> String),
    html: Option<&str>,
    json: Option<&str>,
) -> Result<Outcome, Error> {
    if let Some(name) = html {
        files::write(name, page().as_bytes())?;
    }
    if let Some(name) = json {
        files::write(name, figures().as_bytes())?;
    }
    Ok(Outcome::Done)
}
