//! The report as plain text for a terminal.
//!
//! Separate from the numbers. Invariant: nothing is shown that the report does not hold.

use std::fmt::Write as _;

use super::report::{Level, Messages, PersonaRow, Report, Side};
use super::stats::Share;

/// Restrictions that a terminal lists.
const LISTED_MAX: usize = 50;

impl Report {
    /// Tables for a terminal, at most 110 columns wide.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.summary(&mut out);
        let _ = self.persona_table(&mut out);
        let _ = self.precision_table(&mut out);
        let _ = self.score_lines(&mut out);
        let _ = self.listing(&mut out);
        out
    }

    fn summary(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "{} events ({} without truth), {} decisions ({} without truth, {} shadow)",
            self.events, self.events_without_truth, self.decisions, self.decisions_without_truth, self.shadow
        )?;
        writeln!(
            out,
            "left out: {} abusive accounts with fewer than {} acts after onset ({} of them restricted); {} restricted before onset",
            self.left_out.of, self.acts_min, self.left_out.hits, self.early
        )?;
        for (name, side) in [("abusive", &self.abusive), ("benign", &self.benign)] {
            writeln!(out, "\n{name} accounts: {}", side.levels[0].of)?;
            for level in Level::ALL {
                writeln!(out, "  {:<12}{}", level.word(), long(side.levels[level as usize]))?;
            }
            writeln!(out, "  {:<12}{}", "felt", long(side.felt))?;
            writeln!(out, "  user-days   {}", user_days(side))?;
        }
        writeln!(out, "\nmessages before the first restriction: {}", pair(self.messages))?;
        writeln!(out, "recipients reached before a ban:       {}", pair(self.recipients))?;
        writeln!(out, "bans without a prior report:           {}", long(self.bans_unreported))?;
        writeln!(out, "caught at registration:                {}", long(self.at_registration))?;
        match self.worst_benign.map(|index| &self.personas[index]) {
            None => writeln!(out, "worst benign persona:                  none was restricted"),
            Some(row) => {
                writeln!(
                    out,
                    "worst benign persona:                  {}, {}",
                    row.persona,
                    long(row.levels[0])
                )
            }
        }
    }

    fn persona_table(&self, out: &mut String) -> std::fmt::Result {
        let width = self.personas.iter().map(|row| row.persona.len()).fold(8, usize::max);
        writeln!(
            out,
            "\n{:<width$}  {:>8} {:>8} {:>11} {:>8} {:>8} {:>8} {:>12} {:>12}",
            "persona",
            "accounts",
            "left out",
            "restricted",
            "limited",
            "banned",
            "felt",
            "msgs 50/90",
            "reach 50/90"
        )?;
        for (index, row) in self.personas.iter().enumerate() {
            if index > 0 && self.personas[index - 1].abusive != row.abusive {
                writeln!(out, "{}", "-".repeat(width + 84))?;
            }
            self.persona_row(out, row, width)?;
        }
        Ok(())
    }

    fn persona_row(&self, out: &mut String, row: &PersonaRow, width: usize) -> std::fmt::Result {
        let [restricted, limited, banned] = row.levels.map(percent);
        writeln!(
            out,
            "{:<width$}  {:>8} {:>8} {:>11} {:>8} {:>8} {:>8} {:>12} {:>12}",
            row.persona,
            row.accounts,
            row.left_out,
            restricted,
            limited,
            banned,
            percent(row.felt),
            short(row.messages),
            short(row.recipients)
        )
    }

    fn precision_table(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nprecision at a base rate (95 % interval)")?;
        for one in &self.precision {
            let what = if one.user_days { "user-days" } else { "accounts" };
            let value = if one.value.is_nan() {
                "none caught".to_owned()
            } else {
                format!("{:>8.4}  ({:.4} to {:.4})", one.value, one.low, one.high)
            };
            writeln!(out, "  {:>5.2} %  {:<10}{:<12}{value}", one.base_rate * 100.0, what, one.level.word())?;
        }
        Ok(())
    }

    fn score_lines(&self, out: &mut String) -> std::fmt::Result {
        let Some(scores) = &self.scores else { return Ok(()) };
        let [a, b, c] = scores.recall_at;
        writeln!(
            out,
            "\nby highest score: AUC {:.5}, average precision {:.4}, Brier {:.5}; recall {a:.3} at a false-positive rate of 1e-2, {b:.3} at 1e-3, {c:.3} at 1e-4",
            scores.auc, scores.average_precision, scores.brier
        )
    }

    fn listing(&self, out: &mut String) -> std::fmt::Result {
        if self.listed_all == 0 {
            return writeln!(out, "\nno benign account was restricted");
        }
        writeln!(
            out,
            "\nrestrictions of benign accounts: {} (shown: {})",
            self.listed_all,
            self.listed.len()
        )?;
        for one in &self.listed {
            writeln!(
                out,
                "  {} ({}) {} {} at {}: {}, {}",
                one.account, one.persona, one.action, one.scope, one.issued, one.rule, one.reason
            )?;
        }
        match self.listed_all.saturating_sub(LISTED_MAX as u64) {
            0 => Ok(()),
            more => {
                writeln!(out, "  and {more} more: the page and the JSON list {} of all", self.listed.len())
            }
        }
    }
}

fn long(share: Share) -> String {
    if share.of == 0 {
        return "none".to_owned();
    }
    let (low, high) = share.interval();
    format!(
        "{} of {} = {} ({:.3} % to {:.3} %)",
        share.hits,
        share.of,
        percent(share),
        low * 100.0,
        high * 100.0
    )
}

/// A share in percent, with more places where it is small.
pub(super) fn percent(share: Share) -> String {
    match share.value() * 100.0 {
        value if value.is_nan() => "-".to_owned(),
        value if value > 0.0 && value < 1.0 => format!("{value:.3} %"),
        value => format!("{value:.1} %"),
    }
}

fn user_days(side: &Side) -> String {
    let [restricted, limited, banned] = side.user_days;
    format!(
        "{} active; restricted {}, limited {}, banned {}",
        restricted.of,
        percent(restricted),
        percent(limited),
        percent(banned)
    )
}

fn pair(messages: Messages) -> String {
    match (messages.median, messages.p90) {
        (Some(median), Some(p90)) => format!("median {median}, p90 {p90}"),
        _ => "none".to_owned(),
    }
}

pub(super) fn short(messages: Messages) -> String {
    match (messages.median, messages.p90) {
        (Some(median), Some(p90)) => format!("{median} / {p90}"),
        _ => "-".to_owned(),
    }
}
