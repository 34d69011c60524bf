//! What a model must be before it may be promoted.
//!
//! Separate from evaluation, which only tells. Invariants: a figure that does not exist (NaN) fails its gate; every failed gate is
//! told, with what was found and what was asked for.

use crate::evaluate::{ACCOUNTS_MIN, Evaluation, SCORE};

/// The gates. Shares and differences are 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Gates {
    /// Least area under the ROC curve.
    pub auc_min: f64,
    /// Least average precision.
    pub average_precision_min: f64,
    /// How much average precision may fall below the present champion's on the same rows.
    pub average_precision_loss_max: f64,
    /// Greatest mean distance between predicted and observed.
    pub calibration_error_max: f64,
    /// Greatest population stability index of a column.
    pub psi_max: f64,
    /// Accounts from which a slice counts.
    pub slice_accounts_min: u64,
    /// How many times the whole's false-positive rate a slice may have.
    pub slice_false_positives_max: f64,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            auc_min: 0.9,
            average_precision_min: 0.0,
            average_precision_loss_max: 0.005,
            calibration_error_max: 0.05,
            psi_max: 0.25,
            slice_accounts_min: ACCOUNTS_MIN as u64,
            slice_false_positives_max: 3.0,
        }
    }
}

/// Mean distance between predicted and observed over the bins of the reliability curve, by their weight.
#[must_use]
pub fn calibration_error(found: &Evaluation) -> f64 {
    let bins = &found.quality.reliability;
    let weight: f64 = bins.iter().map(|bin| bin.weight).sum();
    bins.iter().map(|bin| bin.weight * (bin.predicted - bin.observed).abs()).sum::<f64>() / weight
}

impl Gates {
    /// Every gate that fails, in a fixed order; empty if the model may be promoted.
    #[must_use]
    pub fn failures(&self, candidate: &Evaluation, champion: Option<&Evaluation>) -> Vec<String> {
        let mut failed = Vec::new();
        let mut least = |what: &str, found: f64, asked: f64| {
            // So that NaN fails.
            if found < asked || found.is_nan() {
                failed.push(format!("{what} is {found:.4}; at least {asked:.4} is asked for"));
            }
        };
        least("AUC", candidate.quality.auc, self.auc_min);
        least("average precision", candidate.quality.average_precision, self.average_precision_min);
        if let Some(champion) = champion {
            let asked = champion.quality.average_precision - self.average_precision_loss_max;
            least("average precision against the champion's", candidate.quality.average_precision, asked);
        }
        let mut most = |what: &str, found: f64, asked: f64| {
            if found > asked || found.is_nan() {
                failed.push(format!("{what} is {found:.4}; at most {asked:.4} is allowed"));
            }
        };
        most("calibration error", calibration_error(candidate), self.calibration_error_max);
        // Scores that lie close together cross an edge together: what the score did is told, and decides nothing.
        for drift in candidate.drift.iter().filter(|drift| drift.column != SCORE) {
            most(&format!("drift (PSI) of {}", drift.column), drift.psi, self.psi_max);
        }
        if candidate.drift.is_empty() {
            failed.push(
                "drift was not measured, since the model's file does not keep what it learned from: give --reference, the table"
                    .to_owned(),
            );
        }
        if let Some(whole) = candidate.at.first().map(|at| at.false_positives.value) {
            for slice in candidate.slices.iter().filter(|slice| slice.accounts >= self.slice_accounts_min) {
                let found = slice.false_positives.value;
                // A slice without a benign account has none to alarm about.
                if whole.is_nan() || found > self.slice_false_positives_max * whole {
                    failed.push(format!(
                        "{} {} has {found:.5} false positives, more than {} times the whole's {whole:.5}",
                        slice.column, slice.value, self.slice_false_positives_max
                    ));
                }
            }
        }
        failed
    }

    /// What no gate could look at, since it was not measured.
    #[must_use]
    pub fn unmeasured(&self, candidate: &Evaluation) -> Vec<&'static str> {
        let mut unmeasured = Vec::new();
        if !candidate.slices.iter().any(|slice| slice.accounts >= self.slice_accounts_min) {
            unmeasured
                .push("false alarms by slice: no slice has as many accounts as slice_accounts_min asks for");
        }
        unmeasured
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Drift, slice};
    use crate::measure::Scored;

    fn moved(psi: f64) -> Drift {
        Drift { column: "x".to_owned(), psi, unknown_before: 0.0, unknown_now: 0.0 }
    }

    /// 80,000 accounts with a row each, well ranked and calibrated; 10,000 are in country b, where benign ones may be flagged more often.
    fn evaluation(alarms_of_b: f64) -> Evaluation {
        let mut rows = Vec::new();
        let mut countries = Vec::new();
        for number in 0..80_000u32 {
            let country = if number % 8 == 7 { "b" } else { "a" };
            let share = f64::from(number / 2 % 1_000) / 1_000.0;
            let abusive = number % 20 >= 18;
            let alarms = if country == "b" { alarms_of_b } else { 0.01 };
            let flagged = if abusive { share < 0.9 } else { share < alarms };
            rows.push(Scored { score: if flagged { 0.85 } else { 0.02 }, abusive, weight: 1.0 });
            countries.push(country);
        }
        let groups: Vec<u64> = (0..80_000).collect();
        let mut found = Evaluation::new(("m", "t"), (&rows, &groups), &[0.5]);
        found.slices = slice("country", (&countries, &groups), &rows, 0.5);
        found.drift = vec![moved(0.01)];
        found
    }

    #[test]
    fn a_good_model_passes_and_each_gate_fails_by_itself() {
        let gates = Gates { calibration_error_max: 0.1, ..Gates::default() };
        let good = evaluation(0.01);
        assert_eq!(gates.failures(&good, Some(&good)), Vec::<String>::new());
        let one = |gates: &Gates, found: &Evaluation, champion: Option<&Evaluation>, says: &str| {
            let failed = gates.failures(found, champion);
            assert!(failed.len() == 1 && failed[0].contains(says), "{says}: {failed:?}");
        };
        one(&Gates { auc_min: 0.999, ..gates.clone() }, &good, None, "AUC");
        one(&Gates { average_precision_min: 0.999, ..gates.clone() }, &good, None, "average precision");
        one(&Gates { calibration_error_max: 1e-4, ..gates.clone() }, &good, None, "calibration error");
        let mut better = good.clone();
        better.quality.average_precision += 0.02;
        one(&gates, &good, Some(&better), "the champion's");
        let mut drifted = good.clone();
        drifted.drift = vec![moved(0.01), moved(0.4)];
        one(&gates, &drifted, None, "drift (PSI) of x is 0.4000");
        drifted.drift.clear();
        one(&gates, &drifted, None, "drift was not measured");
        let mut nothing = good.clone();
        nothing.quality.auc = f64::NAN;
        one(&gates, &nothing, None, "AUC is NaN");
    }

    #[test]
    fn a_slice_with_three_times_the_false_positives_fails_if_it_is_large_enough() {
        let gates = Gates { calibration_error_max: 0.1, ..Gates::default() };
        // Country b has an eighth of the rows, so that its alarms are part of the whole's.
        assert_eq!(gates.failures(&evaluation(0.03), None), Vec::<String>::new(), "2.4 times");
        let failed = gates.failures(&evaluation(0.08), None);
        assert!(failed.len() == 1 && failed[0].contains("country b has 0.08"), "{failed:?}");
        let small = Gates { slice_accounts_min: 10_001, ..gates };
        assert_eq!(small.failures(&evaluation(0.08), None), Vec::<String>::new());
    }
}
