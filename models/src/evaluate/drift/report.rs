//! How rows that nobody has labelled moved away from what a model learned from: text, page and JSON.
//!
//! Separate from the report of labelled rows, of which drift is a part. Invariants: the columns that moved most come first, equal ones by
//! name; the page and the JSON hold all of them, a terminal the first.

use std::fmt::Write as _;

use serde_json::json;

use super::{Drift, SCORE};
use crate::evaluate::plot::bars;
use crate::page::{escape, tiles, whole};

/// Most columns of the plot and of the text.
const LISTED: usize = 25;
/// From here on a column moved.
const LITTLE: f64 = 0.1;
/// From here on it moved much, and `weir models promote` refuses it.
const MUCH: f64 = 0.25;

/// The report.
#[derive(Debug, Clone)]
pub struct DriftReport {
    title: String,
    how: String,
    rows: u64,
    /// The score among them, as [`SCORE`].
    drift: Vec<Drift>,
}

impl DriftReport {
    /// The report over so many rows; `how` they were compared, in a sentence.
    #[must_use]
    pub fn new((title, how): (&str, &str), rows: u64, mut drift: Vec<Drift>) -> Self {
        drift.sort_by(|a, b| b.psi.total_cmp(&a.psi).then_with(|| a.column.cmp(&b.column)));
        Self { title: title.to_owned(), how: how.to_owned(), rows, drift }
    }

    fn score(&self) -> Option<f64> {
        self.drift.iter().find(|one| one.column == SCORE).map(|one| one.psi)
    }

    /// Columns whose index is at least that, the score not among them.
    fn beyond(&self, least: f64) -> usize {
        self.drift.iter().filter(|one| one.column != SCORE && one.psi >= least).count()
    }

    /// The report for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!(
            "{}: {}\n  rows                {:>9}\n  PSI of the score    {:>9.4}\n  columns that moved  {:>9}  (at least {LITTLE}; {} at least {MUCH})\n\
             PSI, unknown before, unknown now\n",
            self.title,
            self.how,
            self.rows,
            self.score().unwrap_or(f64::NAN),
            self.beyond(LITTLE),
            self.beyond(MUCH)
        );
        for one in self.drift.iter().take(LISTED) {
            let (before, now) = (100.0 * one.unknown_before, 100.0 * one.unknown_now);
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {:.4}  {before:>5.1} %  {now:>5.1} %  {}", one.psi, one.column);
        }
        if self.drift.len() > LISTED {
            let _ = writeln!(out, "  and {} more: see --html or --json", self.drift.len() - LISTED);
        }
        out
    }

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let drift = self.drift.iter().map(Drift::json).collect::<Vec<_>>();
        let value = json!({
            "title": self.title, "how": self.how, "rows": self.rows, "score_psi": self.score(), "moved": self.beyond(LITTLE),
            "moved_much": self.beyond(MUCH), "drift": drift,
        });
        value.to_string() + "\n"
    }

    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        whole((&format!("weir evaluate: {}", self.title), &self.title), |out| self.page(out))
    }

    fn page(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<p>{}</p>", escape(&self.how))?;
        let tile = |value: String, what: &str, more: &str| (value, what.to_owned(), more.to_owned());
        let score = self.score().map_or("-".to_owned(), |psi| format!("{psi:.4}"));
        tiles(
            out,
            [
                tile(score, "PSI of the score", "under .1 little, over .25 much"),
                tile(self.beyond(MUCH).to_string(), "columns moved much", "PSI of .25 and more"),
                tile(self.beyond(LITTLE).to_string(), "columns moved", "PSI of .1 and more"),
                tile(self.rows.to_string(), "rows", ""),
            ],
        )?;
        out.push_str("<h2>Population stability index</h2>\n");
        let shown = self.drift.iter().take(LISTED);
        bars(out, "drift", &shown.map(|one| (one.column.clone(), one.psi, one.note())).collect::<Vec<_>>())?;
        out.push_str(
            "<h2>All columns</h2>\n<div class=\"scroll\"><table><tr><th>column<th>PSI<th>unknown before<th>unknown now</tr>\n",
        );
        for one in &self.drift {
            let (before, now) = (100.0 * one.unknown_before, 100.0 * one.unknown_now);
            let column = escape(&one.column);
            writeln!(out, "<tr><td>{column}<td>{:.4}<td>{before:.1} %<td>{now:.1} %</tr>", one.psi)?;
        }
        out.push_str("</table></div>\n");
        Ok(())
    }
}

impl Drift {
    /// What a plot says beside its bar.
    pub(in crate::evaluate) fn note(&self) -> String {
        let (before, now) = (100.0 * self.unknown_before, 100.0 * self.unknown_now);
        format!("{:.4}; unknown {before:.1} % before, {now:.1} % now", self.psi)
    }

    pub(in crate::evaluate) fn json(&self) -> serde_json::Value {
        json!({
            "column": self.column, "psi": self.psi, "unknown_before": self.unknown_before,
            "unknown_now": self.unknown_now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_most_comes_first_and_no_text_is_markup() {
        let one = |column: &str, psi| Drift {
            column: column.to_owned(),
            psi,
            unknown_before: 0.0,
            unknown_now: 0.5,
        };
        let drift = vec![one("calm", 0.02), one("<b>", 0.3), one(SCORE, 0.2), one("moved", 0.11)];
        let report = DriftReport::new(("m", "against t"), 7, drift);
        let found: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(found["drift"][0]["column"], "<b>");
        assert_eq!(
            (&found["moved"], &found["moved_much"], &found["score_psi"]),
            (&2.into(), &1.into(), &0.2.into())
        );
        let page = report.html();
        assert!(page.contains("&lt;b&gt;") && !page.contains("<td><b>"), "{page}");
        assert!(report.text().contains("0.3000    0.0 %   50.0 %  <b>"), "{}", report.text());
    }
}
