//! The report as JSON for machines.
//!
//! Separate, and built by hand: the report is output of a command, not a contract, so it has no serialisable types.
//! Invariant: a number that does not exist (NaN) is null.

use serde_json::{Value, json};

use super::{AtThreshold, Evaluation, Part};
use crate::measure::FALSE_POSITIVE_RATES;

impl Evaluation {
    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let q = &self.quality;
        let recall = FALSE_POSITIVE_RATES.iter().zip(q.recall_at);
        let recall: Vec<Value> =
            recall.map(|(rate, recall)| json!({ "false_positive_rate": rate, "recall": recall })).collect();
        let bins = q
            .reliability
            .iter()
            .map(|bin| json!({ "weight": bin.weight, "predicted": bin.predicted, "observed": bin.observed }));
        let points = |points: &[[f64; 3]], x: &str, y: &str| -> Vec<Value> {
            points.iter().map(|point| json!({ x: point[0], y: point[1], "threshold": point[2] })).collect()
        };
        let slices = self.slices.iter().map(|row| {
            json!({
                "column": row.column, "value": row.value, "threshold": row.threshold, "rows": row.rows,
                "accounts": row.accounts, "abusive": row.abusive, "auc": row.auc, "precision": part(row.precision), "recall": part(row.recall),
                "false_positives": part(row.false_positives),
            })
        });
        let importance = self.importance.iter().map(
            |one| json!({ "column": one.column, "auc": one.auc, "average_precision": one.average_precision }),
        );
        let drift = self.drift.iter().map(super::Drift::json);
        let trials = self.trials.iter().map(|trial| {
            json!({
                "settings": trial.text, "auc": trial.auc, "average_precision": trial.average_precision,
                "fold_auc": trial.fold_auc, "chosen": trial.chosen,
            })
        });
        let value = json!({
            "title": self.title,
            "how": self.how,
            "is_of_training": self.is_of_training,
            "rows": q.rows,
            "abusive": q.abusive,
            "auc": q.auc,
            "auc_interval": self.auc_interval,
            "average_precision": q.average_precision,
            "brier": q.brier,
            "calibration_error": self.calibration.of_all,
            "calibration_error_acted": self.calibration.of_acted,
            "acted_accounts": self.calibration.acted_accounts,
            "recall_at": recall,
            "thresholds": self.at.iter().map(at).collect::<Vec<Value>>(),
            "reliability": bins.collect::<Vec<Value>>(),
            "roc": points(&self.curves.roc, "false_positive_rate", "recall"),
            "precision_recall": points(&self.curves.precision, "recall", "precision"),
            "slices": slices.collect::<Vec<Value>>(),
            "importance": importance.collect::<Vec<Value>>(),
            "drift": drift.collect::<Vec<Value>>(),
            "trials": trials.collect::<Vec<Value>>(),
        });
        value.to_string() + "\n"
    }
}

fn at(at: &AtThreshold) -> Value {
    json!({
        "threshold": at.threshold, "precision": part(at.precision), "recall": part(at.recall),
        "false_positives": part(at.false_positives),
    })
}

fn part(part: Part) -> Value {
    json!({ "value": part.value, "low": part.low, "high": part.high, "rows": part.rows })
}
