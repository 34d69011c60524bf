//! The chart of an account's behaviour: acts in steps of time as bars, with decisions marked above them.
//!
//! Separate and pure: from marks to a picture as text. Invariants: nothing but numbers and words of our own gets into it; what it shows
//! stands in a table beside it, too; a picture has at most so many bars, whatever it shows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schema::{Action, Decision};

use crate::desk::sheet::Mark;
use crate::strings::Strings;
use crate::when;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 140.0;
/// Room above the bars for marks of decisions.
const TOP: f64 = 20.0;
const BOTTOM: f64 = 18.0;
const STEPS: u64 = 60;

/// Which series a kind belongs to; drawn from the bottom.
fn series(kind: &str) -> Option<usize> {
    match kind {
        "message" => Some(0),
        "new_chat" => Some(1),
        "reply" => Some(2),
        "group_create" | "group_add" | "lookup" => Some(3),
        "block" | "report" | "undelivered" | "group_leave" => Some(4),
        _ => None,
    }
}

const NAMES: [&str; 5] = ["chart.message", "chart.new_chat", "chart.reply", "chart.group", "chart.negative"];
/// The palette's class of each series.
const CLASSES: [&str; 5] = ["s6", "s1", "s3", "s4", "s2"];

/// How many of each series there are, for the table.
pub(super) fn totals(t: &Strings, marks: &[Mark]) -> Vec<(String, u64)> {
    let mut totals = [0_u64; 5];
    marks.iter().filter_map(|mark| series(mark.kind)).for_each(|at| totals[at] += 1);
    NAMES.iter().zip(totals).map(|(name, total)| (t.say(name).to_owned(), total)).collect()
}

/// The picture; empty: there is nothing to show.
pub(super) fn chart(t: &Strings, marks: &[Mark], decisions: &[Decision]) -> String {
    let (Some(from), Some(to)) =
        (marks.iter().map(|mark| mark.ts).min(), marks.iter().map(|mark| mark.ts).max())
    else {
        return String::new();
    };
    let newest = decisions.iter().map(|decision| decision.issued).filter(|at| *at >= from).max();
    let to = to.max(newest.unwrap_or(to)).max(from + STEPS);
    let step = (to - from) / STEPS + 1;
    let mut bars: BTreeMap<u64, [u64; 5]> = BTreeMap::new();
    for mark in marks {
        if let Some(at) = series(mark.kind) {
            bars.entry((mark.ts - from) / step).or_default()[at] += 1;
        }
    }
    let highest = bars.values().map(|bar| bar.iter().sum::<u64>()).max().unwrap_or(1).max(1);
    let (slot, room) = (WIDTH / STEPS as f64, HEIGHT - TOP - BOTTOM);
    let label = t.fill("chart.label", &[when::moment(from), when::moment(to)]);
    let mut svg = format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" direction="ltr" aria-label="{label}"><line class="axis" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>"#,
        y = HEIGHT - BOTTOM
    );
    // Writing into memory cannot fail.
    let _ = write!(svg, r#"<text x="0" y="12">{}</text>"#, t.fill("chart.highest", &[when::count(highest)]));
    for (at, bar) in &bars {
        let mut bottom = HEIGHT - BOTTOM;
        for (place, count) in bar.iter().enumerate().filter(|(_, count)| **count > 0) {
            let height = *count as f64 / highest as f64 * room;
            bottom -= height;
            let x = *at as f64 * slot;
            let (class, width) = (CLASSES[place], slot - 1.0);
            let _ = write!(
                svg,
                r#"<rect class="{class}" x="{x:.1}" y="{bottom:.1}" width="{width:.1}" height="{height:.1}"/>"#
            );
        }
    }
    for decision in decisions.iter().filter(|decision| decision.issued >= from).take(24) {
        let x = (decision.issued - from) as f64 / (to - from) as f64 * WIDTH;
        let class = if decision.action == Action::Lift { "mark lifted" } else { "mark" };
        let said = t.word("action", decision.action.word());
        let _ = write!(
            svg,
            r#"<g class="{class}"><line x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{y}"/><circle cx="{x:.1}" cy="{TOP}" r="4"/><title>{said} {at}</title></g>"#,
            y = HEIGHT - BOTTOM,
            at = when::moment(decision.issued)
        );
    }
    let _ = write!(
        svg,
        r#"<text class="below" x="0" y="{y}">{}</text><text class="below" x="{WIDTH}" y="{y}" text-anchor="end">{}</text></svg>"#,
        when::moment(from),
        when::moment(to),
        y = HEIGHT - 4.0
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Language;

    #[test]
    fn a_picture_has_a_bar_for_what_happened_and_few_however_much() {
        let t = Language::English.strings();
        assert_eq!(chart(t, &[], &[]), "");
        let mark = |ts, kind| Mark { ts, kind };
        let few = chart(t, &[mark(1_000_000_000_000, "message"), mark(1_000_000_100_000, "report")], &[]);
        assert_eq!(few.matches("<rect").count(), 2);
        let many: Vec<Mark> = (0..5_000).map(|n| mark(1_000_000_000_000 + n * 77_777, "new_chat")).collect();
        let many = chart(t, &many, &[]);
        assert!(many.matches("<rect").count() <= 61 && many.len() < 12_000, "{}", many.len());
        assert_eq!(totals(t, &[mark(1, "block"), mark(2, "verdict")])[4].1, 1);
    }
}
