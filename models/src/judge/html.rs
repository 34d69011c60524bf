//! The report as one HTML page: no script, nothing loaded from elsewhere, light and dark.
//!
//! Separate from `text`, which a terminal shows. Invariants: every text from a file is escaped; the plots only show
//! numbers that a table on the page holds as well.

mod plot;

use std::fmt::Write as _;

use super::report::{Level, Report};
use super::stats::Share;
use super::text::{percent, short};
use crate::page::{escape, tiles, whole};

impl Report {
    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        whole(("weir judge", "weir judge"), |out| self.page(out))
    }

    fn page(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "<p>{} events, {} decisions ({} in shadow mode), {} abusive and {} benign accounts judged. \
             {} abusive accounts with fewer than {} acts after onset are left out.</p>",
            self.events,
            self.decisions,
            self.shadow,
            self.abusive.levels[0].of,
            self.benign.levels[0].of,
            self.left_out.of,
            self.acts_min
        )?;
        self.tiles(out)?;
        out.push_str("<h2>Caught, by abusive persona</h2>\n");
        plot::bars(out, self, true)?;
        out.push_str("<h2>Restricted by mistake, by benign persona</h2>\n");
        plot::bars(out, self, false)?;
        out.push_str("<h2>First-contact messages delivered before the first restriction</h2>\n");
        plot::messages(out, self)?;
        self.persona_table_html(out)?;
        self.precision_html(out)?;
        if let Some(scores) = &self.scores {
            out.push_str("<h2>Calibration of the highest score</h2>\n");
            let [a, b, c] = scores.recall_at;
            writeln!(
                out,
                "<p>AUC {:.5}, average precision {:.4}, Brier {:.5}; recall {a:.3}, {b:.3} and {c:.3} at \
                 false-positive rates of 1e-2, 1e-3 and 1e-4.</p>",
                scores.auc, scores.average_precision, scores.brier
            )?;
            plot::reliability(out, scores)?;
        }
        self.listed_html(out)?;
        Ok(())
    }

    fn tiles(&self, out: &mut String) -> std::fmt::Result {
        let median = self.messages.median.map_or("-".to_owned(), |median| median.to_string());
        let p90 = self.messages.p90.map_or("-".to_owned(), |p90| p90.to_string());
        let worst = self.worst_benign.map(|index| &self.personas[index]);
        let shown = [
            (
                percent(self.abusive.levels[0]),
                "of abusive accounts restricted",
                range(self.abusive.levels[0]),
            ),
            (percent(self.benign.levels[1]), "of benign accounts limited", range(self.benign.levels[1])),
            (percent(self.benign.levels[0]), "of benign accounts restricted", range(self.benign.levels[0])),
            (
                self.benign.levels[2].hits.to_string(),
                "benign accounts banned",
                format!("of {}", self.benign.levels[2].of),
            ),
            (median, "messages before the first restriction, median", format!("p90 {p90}")),
            (
                percent(self.bans_unreported),
                "of bans without a prior report",
                format!("of {}", self.bans_unreported.of),
            ),
            (percent(self.at_registration), "caught at registration", range(self.at_registration)),
            (
                worst.map_or("none".to_owned(), |row| percent(row.levels[0])),
                "worst benign persona, restricted",
                worst.map_or(String::new(), |row| escape(&row.persona)),
            ),
        ];
        tiles(out, shown.map(|(value, what, more)| (value, what.to_owned(), more)))
    }

    fn persona_table_html(&self, out: &mut String) -> std::fmt::Result {
        out.push_str(
            "<h2>Every persona</h2>\n<div class=\"scroll\"><table><tr><th>persona<th>accounts<th>left out\
             <th>restricted<th>limited<th>banned<th>felt<th>messages, median / p90<th>recipients before ban</tr>\n",
        );
        for (index, row) in self.personas.iter().enumerate() {
            let turn = index > 0 && self.personas[index - 1].abusive != row.abusive;
            let [restricted, limited, banned] = row.levels.map(percent);
            writeln!(
                out,
                "<tr{}><td>{}<td>{}<td>{}<td>{restricted}<td>{limited}<td>{banned}<td>{}<td>{}<td>{}</tr>",
                if turn { " class=\"turn\"" } else { "" },
                escape(&row.persona),
                row.accounts,
                row.left_out,
                percent(row.felt),
                short(row.messages),
                short(row.recipients)
            )?;
        }
        out.push_str("</table></div>\n");
        Ok(())
    }

    fn precision_html(&self, out: &mut String) -> std::fmt::Result {
        out.push_str("<h2>Precision at a base rate</h2>\n");
        plot::precision(out, self)?;
        out.push_str("<h2>User-days</h2>\n<div class=\"scroll\"><table><tr><th>accounts<th>active user-days");
        for level in Level::ALL {
            write!(out, "<th>{}", level.word())?;
        }
        out.push_str("</tr>\n");
        for (name, side) in [("abusive", &self.abusive), ("benign", &self.benign)] {
            let [restricted, limited, banned] = side.user_days.map(percent);
            writeln!(
                out,
                "<tr><td>{name}<td>{}<td>{restricted}<td>{limited}<td>{banned}</tr>",
                side.user_days[0].of
            )?;
        }
        out.push_str("</table></div>\n");
        Ok(())
    }

    fn listed_html(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "<h2>Restrictions of benign accounts: {}</h2>", self.listed_all)?;
        if self.listed.is_empty() {
            return Ok(());
        }
        out.push_str(
            "<div class=\"scroll\"><table><tr><th>account<th>persona<th>action<th>scope<th>issued, ms<th>rule<th>reason</tr>\n",
        );
        for one in &self.listed {
            writeln!(
                out,
                "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
                escape(&one.account),
                escape(&one.persona),
                one.action,
                one.scope,
                one.issued,
                escape(&one.rule),
                escape(&one.reason)
            )?;
        }
        out.push_str("</table></div>\n");
        Ok(())
    }
}

fn range(share: Share) -> String {
    let (low, high) = share.interval();
    format!("{:.3} % to {:.3} %, of {}", low * 100.0, high * 100.0, share.of)
}
