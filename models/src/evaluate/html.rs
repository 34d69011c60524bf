//! The report as one HTML page: no script, nothing loaded from elsewhere, light and dark.
//!
//! Separate from `text`, which a terminal shows. Invariants: every text from a file is escaped; the plots only show numbers
//! that the JSON holds as well.

use std::fmt::Write as _;

use super::plot::{Axes, bars, by_magnitude, square};
use super::{ACTED_FROM, CalibrationError, Evaluation, Part, SliceRow};
use crate::measure::FALSE_POSITIVE_RATES;
use crate::page::{escape, tiles, whole};

/// Most columns in the plots of importance and drift.
const BARS: usize = 25;
const QUARTERS: [(f64, &str); 5] = [(0.0, "0"), (0.25, ".25"), (0.5, ".5"), (0.75, ".75"), (1.0, "1")];

impl Evaluation {
    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        whole((&format!("weir evaluate: {}", self.title), &self.title), |out| self.page(out))
    }

    fn page(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<p>{}</p>", escape(&self.how))?;
        self.tiles(out)?;
        self.plots(out)?;
        self.thresholds(out)?;
        self.slices_table(out)?;
        self.bars_of_columns(out)?;
        self.trials_table(out)?;
        Ok(())
    }

    fn tiles(&self, out: &mut String) -> std::fmt::Result {
        let q = &self.quality;
        let [low, high] = self.auc_interval;
        let CalibrationError { of_all, of_acted, acted_accounts } = self.calibration;
        let acted =
            format!("{of_acted:.4} of scores from {ACTED_FROM} beyond chance, {acted_accounts} accounts");
        let calibration = (format!("{of_all:.4}"), "calibration error".to_owned(), acted);
        let mut shown = vec![
            (format!("{:.4}", q.auc), "AUC".to_owned(), format!("{low:.4} to {high:.4}")),
            (format!("{:.4}", q.average_precision), "average precision".to_owned(), String::new()),
            (format!("{:.5}", q.brier), "Brier score".to_owned(), "0 is perfect".to_owned()),
            calibration,
            (q.rows.to_string(), "rows".to_owned(), format!("{} abusive", q.abusive)),
        ];
        for (rate, recall) in FALSE_POSITIVE_RATES.iter().zip(q.recall_at) {
            shown.push((
                format!("{:.1} %", recall * 100.0),
                format!("recall at FPR {rate:e}"),
                String::new(),
            ));
        }
        tiles(out, shown)
    }

    fn plots(&self, out: &mut String) -> std::fmt::Result {
        out.push_str("<h2>ROC, precision and recall, calibration</h2>\n<div class=\"pair\">\n");
        let rates = [(0.0, "1e-5"), (0.2, "1e-4"), (0.4, "1e-3"), (0.6, ".01"), (0.8, ".1"), (1.0, "1")];
        let roc = Axes { label: "ROC curve", across: "false-positive rate", up: "recall", ticks: &rates };
        square(out, &roc, &by_magnitude(&self.curves.roc), (true, false))?;
        let pr = Axes { label: "precision over recall", across: "recall", up: "precision", ticks: &QUARTERS };
        let points: Vec<[f64; 2]> = self.curves.precision.iter().map(|[x, y, _]| [*x, *y]).collect();
        square(out, &pr, &points, (true, false))?;
        let calibration =
            Axes { label: "calibration", across: "predicted", up: "observed", ticks: &QUARTERS };
        let points: Vec<[f64; 2]> = self
            .quality
            .reliability
            .iter()
            .map(|bin| [bin.predicted.clamp(0.0, 1.0), bin.observed])
            .collect();
        square(out, &calibration, &points, (false, true))?;
        out.push_str("</div>\n");
        Ok(())
    }

    fn thresholds(&self, out: &mut String) -> std::fmt::Result {
        if self.at.is_empty() {
            return Ok(());
        }
        out.push_str(
            "<h2>At a threshold</h2>\n<div class=\"scroll\"><table><tr><th>threshold<th>acted upon<th>precision\
             <th>recall<th>false positives</tr>\n",
        );
        for at in &self.at {
            writeln!(
                out,
                "<tr><td>{:.4}<td>{}<td>{}<td>{}<td>{}</tr>",
                at.threshold,
                at.precision.rows,
                shown(at.precision),
                shown(at.recall),
                shown(at.false_positives)
            )?;
        }
        out.push_str("</table></div>\n");
        Ok(())
    }

    fn slices_table(&self, out: &mut String) -> std::fmt::Result {
        let rows: Vec<&SliceRow> = self.shown_slices().collect();
        if rows.is_empty() {
            return Ok(());
        }
        out.push_str(
            "<h2>Slices</h2>\n<div class=\"scroll\"><table><tr><th>slice<th>rows<th>abusive<th>AUC<th>precision\
             <th>recall<th>false positives</tr>\n",
        );
        for (index, row) in rows.iter().enumerate() {
            let turn = index > 0 && rows[index - 1].column != row.column;
            let auc = if row.auc.is_nan() { "-".to_owned() } else { format!("{:.4}", row.auc) };
            writeln!(
                out,
                "<tr{}><td>{} {}<td>{}<td>{}<td>{auc}<td>{}<td>{}<td>{}</tr>",
                if turn { " class=\"turn\"" } else { "" },
                escape(&row.column),
                escape(&row.value),
                row.rows,
                row.abusive,
                shown(row.precision),
                shown(row.recall),
                shown(row.false_positives)
            )?;
        }
        out.push_str("</table></div>\n");
        Ok(())
    }

    fn bars_of_columns(&self, out: &mut String) -> std::fmt::Result {
        if !self.importance.is_empty() {
            out.push_str("<h2>What the ranking loses without a column</h2>\n");
            let rows: Vec<(String, f64, String)> = (self.importance.iter().take(BARS))
                .map(|one| {
                    let note =
                        format!("{:.4} of average precision, {:.4} of AUC", one.average_precision, one.auc);
                    (one.column.clone(), one.average_precision, note)
                })
                .collect();
            bars(out, "feature importance", &rows)?;
        }
        if !self.drift.is_empty() {
            out.push_str("<h2>Drift: population stability index</h2>\n");
            let mut sorted: Vec<_> = self.drift.iter().collect();
            sorted.sort_by(|a, b| b.psi.total_cmp(&a.psi));
            let row = |one: &&super::Drift| (one.column.clone(), one.psi, one.note());
            bars(out, "drift", &sorted.iter().take(BARS).map(row).collect::<Vec<_>>())?;
            out.push_str("<p>Under .1 a column moved little, over .25 much.</p>\n");
        }
        Ok(())
    }

    fn trials_table(&self, out: &mut String) -> std::fmt::Result {
        if self.trials.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "<h2>Tried: {}</h2>\n<p>All on the same folds; the best of several flatters itself a little.</p>\n\
             <div class=\"scroll\"><table><tr><th>settings<th>AUC<th>average precision<th>AUC of each fold</tr>",
            self.trials.len()
        )?;
        for trial in &self.trials {
            let folds: Vec<String> = trial.fold_auc.iter().map(|auc| format!("{auc:.4}")).collect();
            let (on, off) = if trial.chosen { ("<b>", "</b>") } else { ("", "") };
            writeln!(
                out,
                "<tr><td>{on}{}{off}<td>{:.4}<td>{:.4}<td>{}</tr>",
                escape(&trial.text),
                trial.auc,
                trial.average_precision,
                folds.join(" ")
            )?;
        }
        out.push_str("</table></div>\n");
        Ok(())
    }
}

fn shown(part: Part) -> String {
    if part.value.is_nan() {
        return "-".to_owned();
    }
    format!("{:.3} % ({:.3} to {:.3})", part.value * 100.0, part.low * 100.0, part.high * 100.0)
}
