//! The report for a terminal.
//!
//! Separate from the page. Invariant: the figures are those of the page and of the JSON; long lists are cut, and it says so.

use std::fmt::Write as _;

use super::{ACTED_FROM, CalibrationError, Evaluation, Part};
use crate::measure::FALSE_POSITIVE_RATES;

/// Most lines of a list.
const LISTED: usize = 12;

impl Evaluation {
    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let q = &self.quality;
        let [low, high] = self.auc_interval;
        writeln!(out, "{}: {}", self.title, self.how)?;
        writeln!(out, "  rows                {:>9}, of them abusive {}", q.rows, q.abusive)?;
        writeln!(out, "  AUC                 {:>9.4}  ({low:.4} to {high:.4})", q.auc)?;
        writeln!(out, "  average precision   {:>9.4}", q.average_precision)?;
        writeln!(out, "  Brier score         {:>9.5}", q.brier)?;
        let CalibrationError { of_all, of_acted, acted_accounts } = self.calibration;
        writeln!(out, "  calibration error   {of_all:>9.4}")?;
        writeln!(
            out,
            "    of scores from {ACTED_FROM}{of_acted:>9.4}  beyond chance, {acted_accounts} accounts"
        )?;
        for (rate, recall) in FALSE_POSITIVE_RATES.iter().zip(q.recall_at) {
            writeln!(out, "  recall at FPR {rate:<6e}{recall:>9.4}")?;
        }
        for at in &self.at {
            writeln!(out, "at {:.4}", at.threshold)?;
            let parts =
                [("precision", at.precision), ("recall", at.recall), ("false positives", at.false_positives)];
            for (name, part) in parts {
                writeln!(out, "  {name:<20}{}", shown(part))?;
            }
        }
        self.lists(out)
    }

    fn lists(&self, out: &mut String) -> std::fmt::Result {
        if self.trials.len() > 1 {
            writeln!(out, "tried, by cross-validation (AUC, average precision)")?;
            for trial in &self.trials {
                let mark = if trial.chosen { "taken" } else { "" };
                writeln!(out, "  {:.4}  {:.4}  {mark:<6}{}", trial.auc, trial.average_precision, trial.text)?;
            }
        }
        if !self.importance.is_empty() {
            writeln!(out, "columns by what the ranking loses without them (average precision, AUC)")?;
            for one in self.importance.iter().take(LISTED) {
                writeln!(out, "  {:.4}  {:.4}  {}", one.average_precision, one.auc, one.column)?;
            }
            more(out, self.importance.len())?;
        }
        if !self.slices.is_empty() {
            writeln!(out, "slices (rows, abusive, AUC, recall, false positives)")?;
            for row in self.shown_slices().take(LISTED) {
                writeln!(
                    out,
                    "  {:>9} {:>8}  {:.4}  {:.4}  {:.5}  {} {}",
                    row.rows,
                    row.abusive,
                    row.auc,
                    row.recall.value,
                    row.false_positives.value,
                    row.column,
                    row.value
                )?;
            }
            more(out, self.shown_slices().count())?;
        }
        if !self.drift.is_empty() {
            writeln!(out, "drift (PSI: under .1 little, over .25 much)")?;
            let mut sorted: Vec<_> = self.drift.iter().collect();
            sorted.sort_by(|a, b| b.psi.total_cmp(&a.psi));
            for one in sorted.iter().take(LISTED) {
                writeln!(out, "  {:.4}  {}", one.psi, one.column)?;
            }
            more(out, self.drift.len())?;
        }
        Ok(())
    }
}

fn more(out: &mut String, all: usize) -> std::fmt::Result {
    if all > LISTED { writeln!(out, "  and {} more: see --html or --json", all - LISTED) } else { Ok(()) }
}

fn shown(part: Part) -> String {
    if part.value.is_nan() {
        return "none".to_owned();
    }
    format!("{:.5}  ({:.5} to {:.5}), of {}", part.value, part.low, part.high, part.rows)
}
