//! The plots of the page, as inline SVG.
//!
//! Separate from the tables. Invariants: fixed sizes and two decimals, so that the same report gives the same bytes;
//! colours come from the page's style, so that they follow light and dark.

use std::fmt::Write as _;

use crate::judge::report::{PersonaRow, Report};
use crate::judge::stats::Share;
use crate::judge::text::percent;
use crate::measure::Quality;
use crate::page::escape;

/// Where bars begin, for names to their left.
const LEFT: f64 = 190.0;
/// How wide the plotted area is.
const WIDTH: f64 = 490.0;
/// Height of a row.
const ROW: f64 = 24.0;

fn open(out: &mut String, rows: usize, label: &str) -> std::fmt::Result {
    let height = ROW * rows as f64 + 30.0;
    writeln!(out, "<svg viewBox=\"0 0 960 {height:.0}\" width=\"960\" role=\"img\" aria-label=\"{label}\">")
}

/// Vertical lines with their labels at the places given, 0 to 1.
fn grid(out: &mut String, rows: usize, ticks: &[(f64, String)]) -> std::fmt::Result {
    let foot = ROW * rows as f64 + 4.0;
    for (place, label) in ticks {
        let x = LEFT + WIDTH * place;
        writeln!(out, "<line class=\"line\" x1=\"{x:.2}\" x2=\"{x:.2}\" y1=\"0\" y2=\"{foot:.2}\"/>")?;
        writeln!(
            out,
            "<text class=\"soft\" x=\"{x:.2}\" y=\"{:.2}\" text-anchor=\"middle\">{label}</text>",
            foot + 15.0
        )?;
    }
    Ok(())
}

fn name(out: &mut String, row: usize, text: &str) -> std::fmt::Result {
    let y = ROW * row as f64 + 16.0;
    writeln!(out, "<text x=\"{:.2}\" y=\"{y:.2}\" text-anchor=\"end\">{}</text>", LEFT - 10.0, escape(text))
}

fn bar(out: &mut String, row: usize, length: f64, (class, inset): (&str, f64)) -> std::fmt::Result {
    let (y, height) = (ROW * row as f64 + 4.0 + inset, ROW - 8.0 - 2.0 * inset);
    let width = (WIDTH * length).max(0.0);
    writeln!(
        out,
        "<rect class=\"{class}\" x=\"{LEFT:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" rx=\"2\"/>"
    )
}

fn whisker(out: &mut String, row: usize, (low, high): (f64, f64)) -> std::fmt::Result {
    let y = ROW * row as f64 + ROW / 2.0;
    let (a, b) = (LEFT + WIDTH * low, LEFT + WIDTH * high);
    writeln!(out, "<line class=\"whisker\" x1=\"{a:.2}\" x2=\"{b:.2}\" y1=\"{y:.2}\" y2=\"{y:.2}\"/>")
}

fn note(out: &mut String, row: usize, text: &str) -> std::fmt::Result {
    let y = ROW * row as f64 + 16.0;
    writeln!(out, "<text class=\"soft\" x=\"{:.2}\" y=\"{y:.2}\">{text}</text>", LEFT + WIDTH + 12.0)
}

/// Share restricted (pale) and banned (strong, inside) of each persona, with the interval of the first. Benign shares
/// are small, so their axis ends at the largest.
pub(super) fn bars(out: &mut String, report: &Report, abusive: bool) -> std::fmt::Result {
    let rows: Vec<&PersonaRow> = report.personas.iter().filter(|row| row.abusive == abusive).collect();
    let value = |share: Share| if share.of == 0 { 0.0 } else { share.value() };
    let most = rows.iter().map(|row| value(row.levels[0])).fold(0.0, f64::max);
    let round = [0.001, 0.002, 0.004, 0.01, 0.02, 0.04, 0.1, 0.2, 0.4];
    let rounded = round.into_iter().find(|top| *top >= 1.1 * most).unwrap_or(1.0);
    let top = if abusive { 1.0 } else { rounded };
    open(out, rows.len(), if abusive { "share caught by persona" } else { "share restricted by persona" })?;
    let tick = |step: u32| {
        let place = f64::from(step) / 4.0;
        let label = place * top * 100.0;
        (place, if abusive { format!("{label:.0} %") } else { format!("{label:.2} %") })
    };
    grid(out, rows.len(), &(0..=4).map(tick).collect::<Vec<_>>())?;
    for (index, row) in rows.iter().enumerate() {
        name(out, index, &row.persona)?;
        let class = if abusive { "good" } else { "bad" };
        bar(out, index, value(row.levels[0]) / top, ("weak", 0.0))?;
        bar(out, index, value(row.levels[2]) / top, (class, 3.0))?;
        if row.levels[0].of > 0 {
            let (low, high) = row.levels[0].interval();
            whisker(out, index, ((low / top).min(1.0), (high / top).min(1.0)))?;
        }
        let text = format!("{} restricted, {} banned", percent(row.levels[0]), percent(row.levels[2]));
        note(out, index, &text)?;
    }
    out.push_str("</svg>\n<p>Wide bar: restricted, with its 95 % interval. Narrow bar: banned.</p>\n");
    Ok(())
}

/// Median and p90 of messages, on a logarithmic axis of 1 + messages.
pub(super) fn messages(out: &mut String, report: &Report) -> std::fmt::Result {
    let caught = |row: &&PersonaRow| row.abusive && row.messages.p90.is_some();
    let rows: Vec<&PersonaRow> = report.personas.iter().filter(caught).collect();
    let most = rows.iter().filter_map(|row| row.messages.p90).fold(9, u32::max);
    let scale = |count: u32| libm::log1p(f64::from(count)) / libm::log1p(f64::from(most));
    open(out, rows.len(), "messages before the first restriction")?;
    let ticks: Vec<u32> =
        [0, 1, 5, 10, 20, 50, 100, 200, 500, 1000].into_iter().filter(|t| *t <= most).collect();
    grid(out, rows.len(), &ticks.iter().map(|&t| (scale(t), t.to_string())).collect::<Vec<_>>())?;
    for (index, row) in rows.iter().enumerate() {
        let (Some(median), Some(p90)) = (row.messages.median, row.messages.p90) else { continue };
        name(out, index, &row.persona)?;
        whisker(out, index, (scale(median), scale(p90)))?;
        let y = ROW * index as f64 + ROW / 2.0;
        for (count, class) in [(median, "good"), (p90, "weak")] {
            let x = LEFT + WIDTH * scale(count);
            writeln!(out, "<circle class=\"{class}\" cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"5\"/>")?;
        }
        note(out, index, &format!("median {median}, p90 {p90}"))?;
    }
    out.push_str("</svg>\n<p>Dark: the median; pale: nine of ten accounts sent no more. The axis is drawn together to the right.</p>\n");
    Ok(())
}

/// Precision with its interval, one row each.
pub(super) fn precision(out: &mut String, report: &Report) -> std::fmt::Result {
    let rows: Vec<_> = report.precision.iter().filter(|one| !one.value.is_nan()).collect();
    open(out, rows.len(), "precision at base rates")?;
    let tick = |step: u32| (f64::from(step) / 4.0, format!("{} %", step * 25));
    grid(out, rows.len(), &(0..=4).map(tick).collect::<Vec<_>>())?;
    for (index, one) in rows.iter().enumerate() {
        let what = if one.user_days { "user-days" } else { "accounts" };
        name(out, index, &format!("{:.1} %, {what}, {}", one.base_rate * 100.0, one.level.word()))?;
        bar(out, index, one.value, ("good", 3.0))?;
        let (low, high) = (one.low, one.high);
        if !low.is_nan() && !high.is_nan() {
            whisker(out, index, (low, high))?;
        }
        note(out, index, &format!("{:.4} ({low:.4} to {high:.4})", one.value))?;
    }
    out.push_str("</svg>\n");
    Ok(())
}

/// Observed share against predicted probability.
pub(super) fn reliability(out: &mut String, scores: &Quality) -> std::fmt::Result {
    const SIDE: f64 = 260.0;
    writeln!(out, "<svg viewBox=\"0 0 330 300\" width=\"330\" role=\"img\" aria-label=\"calibration\">")?;
    writeln!(
        out,
        "<line class=\"line\" x1=\"40\" y1=\"{:.2}\" x2=\"{:.2}\" y2=\"5\"/>",
        SIDE + 5.0,
        40.0 + SIDE
    )?;
    writeln!(
        out,
        "<polyline class=\"line\" fill=\"none\" points=\"40,5 40,{0:.2} {1:.2},{0:.2}\"/>",
        SIDE + 5.0,
        40.0 + SIDE
    )?;
    for bin in &scores.reliability {
        let (x, y) = (40.0 + SIDE * bin.predicted, 5.0 + SIDE * (1.0 - bin.observed));
        writeln!(out, "<circle class=\"good\" cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"5\"/>")?;
    }
    writeln!(
        out,
        "<text class=\"soft\" x=\"170\" y=\"290\" text-anchor=\"middle\">predicted, 0 to 1</text>"
    )?;
    writeln!(
        out,
        "<text class=\"soft\" x=\"20\" y=\"135\" text-anchor=\"middle\" transform=\"rotate(-90 20 135)\">observed, 0 to 1</text>"
    )?;
    out.push_str("</svg>\n");
    Ok(())
}
