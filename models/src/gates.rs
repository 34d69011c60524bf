//! What a model must be before it may be promoted.
//!
//! Separate from evaluation, which only tells. Invariants: a figure that does not exist (NaN) fails its gate; every failed gate is
//! told, with what was found and what was asked for.

use crate::evaluate::{ACCOUNTS_MIN, ACTED_FROM, Evaluation, SCORE, SliceRow};

/// The gates. Shares and differences are 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Gates {
    /// Least area under the ROC curve.
    pub auc_min: f64,
    /// Least average precision.
    pub average_precision_min: f64,
    /// How much average precision may fall below the present champion's on the same rows.
    pub average_precision_loss_max: f64,
    /// Greatest distance between predicted and observed: the mean over all rows, and, beyond chance, over those that are acted upon.
    pub calibration_error_max: f64,
    /// Accounts that must have a row that is acted upon, for the calibration of those to be known.
    pub calibration_accounts_min: u64,
    /// Greatest population stability index of a column.
    pub psi_max: f64,
    /// Greatest population stability index of the score.
    pub score_psi_max: f64,
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
            calibration_accounts_min: 30,
            psi_max: 0.25,
            score_psi_max: 0.25,
            slice_accounts_min: ACCOUNTS_MIN as u64,
            slice_false_positives_max: 3.0,
        }
    }
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
        let calibration = &candidate.calibration;
        most("calibration error", calibration.of_all, self.calibration_error_max);
        if calibration.acted_accounts >= self.calibration_accounts_min {
            let what = format!("calibration error of scores from {ACTED_FROM}");
            most(&what, calibration.of_acted, self.calibration_error_max);
        }
        for drift in &candidate.drift {
            let bound = if drift.column == SCORE { self.score_psi_max } else { self.psi_max };
            most(&format!("drift (PSI) of {}", drift.column), drift.psi, bound);
        }
        if calibration.acted_accounts < self.calibration_accounts_min {
            failed.push(format!(
                "{} accounts score {ACTED_FROM} or more, and {} are needed to know the calibration of what is acted upon: give more rows, or \
                 calibration_accounts_min",
                calibration.acted_accounts, self.calibration_accounts_min
            ));
        }
        if candidate.is_of_training {
            failed.push(
                "it learned from these very rows: give rows that it has not seen, or --allow-training-data"
                    .to_owned(),
            );
        }
        if candidate.drift.is_empty() {
            failed.push(
                "drift was not measured, since the model's file does not keep what it learned from: give --reference, the table"
                    .to_owned(),
            );
        }
        failed.extend(candidate.slices.iter().filter_map(|slice| self.unfair(candidate, slice)));
        failed
    }

    /// Why a slice fails, held against the whole at its threshold.
    fn unfair(&self, candidate: &Evaluation, slice: &SliceRow) -> Option<String> {
        let at = candidate.at.iter().find(|at| at.threshold == slice.threshold)?;
        let (whole, found) = (at.false_positives.value, slice.false_positives.value);
        let times = self.slice_false_positives_max;
        // A slice without a benign account has none to alarm about.
        let fails = slice.accounts >= self.slice_accounts_min && (whole.is_nan() || found > times * whole);
        fails.then(|| {
            let SliceRow { column, value, threshold, .. } = slice;
            format!("{column} {value} has {found:.5} false positives from {threshold}, more than {times} times the whole's {whole:.5}")
        })
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
        let mut wide = good.clone();
        wide.calibration.of_all = 0.2;
        one(&gates, &wide, None, "calibration error is 0.2000");
        let mut better = good.clone();
        better.quality.average_precision += 0.02;
        one(&gates, &good, Some(&better), "the champion's");
        let mut odd = good.clone();
        odd.calibration.of_acted = 0.2;
        one(&gates, &odd, None, "of scores from 0.1 is 0.2000");
        odd.calibration.acted_accounts = 29;
        one(&gates, &odd, None, "29 accounts score 0.1 or more");
        let mut moved_up = good.clone();
        moved_up.drift.push(Drift { column: SCORE.to_owned(), ..moved(0.3) });
        one(&gates, &moved_up, None, "drift (PSI) of (score) is 0.3000");
        let seen = Evaluation { is_of_training: true, ..good.clone() };
        one(&gates, &seen, None, "it learned from these very rows");
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
    fn at_a_base_rate_of_one_percent_a_model_that_says_more_than_it_knows_is_refused() {
        // 20,000 accounts, 200 abusive. Scores rank well; every second of the high ones is right.
        let of = |said: f64, share: u64| {
            let row = |n: u64| Scored {
                score: if n < 190 * share { said } else { 0.0005 },
                abusive: n < 200 * share && n.is_multiple_of(share),
                weight: 1.0,
            };
            let rows: Vec<Scored> = (0..20_000).map(row).collect();
            let accounts: Vec<u64> = (0..20_000).collect();
            let mut found = Evaluation::new(("m", "t"), (&rows, &accounts), &[0.5]);
            found.drift = vec![moved(0.01)];
            found
        };
        let gates = Gates::default();
        assert_eq!(gates.failures(&of(0.5, 2), None), Vec::<String>::new());
        let failed = gates.failures(&of(0.9, 2), None);
        assert!(failed.len() == 1 && failed[0].contains("of scores from 0.1 is 0.3"), "{failed:?}");
        // One that never says more than a tenth has nothing to be judged by.
        let failed = gates.failures(&of(0.09, 2), None);
        assert!(failed.len() == 1 && failed[0].contains("0 accounts score 0.1 or more"), "{failed:?}");
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
