//! The plots of the page, as inline SVG.
//!
//! Separate from the tables. Invariants: fixed sizes and two decimals, so that the same report gives the same bytes;
//! colours come from the page's style, so that they follow light and dark; every text is escaped.

use std::fmt::Write as _;

use super::curves::magnitude;
use crate::page::escape;

/// Side of a square plot.
const SIDE: f64 = 280.0;
/// Room to its left and below.
const EDGE: f64 = 44.0;
/// Where bars begin, for names to their left.
const LEFT: f64 = 260.0;
/// How long the longest bar is.
const WIDTH: f64 = 420.0;
/// Height of a bar's row.
const ROW: f64 = 22.0;

/// Words around a square plot.
pub(super) struct Axes<'a> {
    pub label: &'a str,
    pub across: &'a str,
    pub up: &'a str,
    /// Places 0 to 1 across, with their words.
    pub ticks: &'a [(f64, &'a str)],
}

/// A square plot of points 0 to 1; with a line if they belong together.
pub(super) fn square(
    out: &mut String,
    axes: &Axes<'_>,
    points: &[[f64; 2]],
    (is_line, has_diagonal): (bool, bool),
) -> std::fmt::Result {
    let (x, y) = (|v: f64| EDGE + SIDE * v, |v: f64| 8.0 + SIDE * (1.0 - v));
    let (wide, high) = (EDGE + SIDE + 16.0, SIDE + EDGE + 12.0);
    writeln!(
        out,
        "<svg viewBox=\"0 0 {wide:.0} {high:.0}\" width=\"{wide:.0}\" role=\"img\" aria-label=\"{}\">",
        escape(axes.label)
    )?;
    for (place, word) in axes.ticks {
        let at = x(*place);
        writeln!(
            out,
            "<line class=\"line\" x1=\"{at:.2}\" x2=\"{at:.2}\" y1=\"{:.2}\" y2=\"{:.2}\"/>",
            y(0.0),
            y(1.0)
        )?;
        text(out, (at, y(0.0) + 16.0), "middle", word)?;
    }
    for quarter in 0..=4 {
        let place = f64::from(quarter) / 4.0;
        let at = y(place);
        writeln!(
            out,
            "<line class=\"line\" x1=\"{:.2}\" x2=\"{:.2}\" y1=\"{at:.2}\" y2=\"{at:.2}\"/>",
            x(0.0),
            x(1.0)
        )?;
        text(out, (EDGE - 6.0, at + 4.0), "end", &format!("{place:.2}"))?;
    }
    text(out, (x(0.5), y(0.0) + 34.0), "middle", axes.across)?;
    text(out, (EDGE + 6.0, 22.0), "start", axes.up)?;
    if has_diagonal {
        writeln!(
            out,
            "<line class=\"whisker\" stroke-dasharray=\"4 4\" x1=\"{:.2}\" y1=\"{:.2}\" x2=\"{:.2}\" y2=\"{:.2}\"/>",
            x(0.0),
            y(0.0),
            x(1.0),
            y(1.0)
        )?;
    }
    if is_line {
        out.push_str("<polyline fill=\"none\" stroke=\"var(--good)\" stroke-width=\"2\" points=\"");
        for [across, up] in points {
            write!(out, "{:.2},{:.2} ", x(*across), y(*up))?;
        }
        out.push_str("\"/>\n");
    } else {
        for [across, up] in points {
            writeln!(out, "<circle class=\"good\" cx=\"{:.2}\" cy=\"{:.2}\" r=\"5\"/>", x(*across), y(*up))?;
        }
    }
    out.push_str("</svg>\n");
    Ok(())
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) -> std::fmt::Result {
    writeln!(
        out,
        "<text class=\"soft\" x=\"{x:.2}\" y=\"{y:.2}\" text-anchor=\"{anchor}\">{}</text>",
        escape(words)
    )
}

/// Bars with a name and a note each; the longest is as long as the plot.
pub(super) fn bars(out: &mut String, label: &str, rows: &[(String, f64, String)]) -> std::fmt::Result {
    let high = ROW * rows.len() as f64 + 8.0;
    let most = rows.iter().map(|row| row.1).fold(1e-9, f64::max);
    writeln!(
        out,
        "<svg viewBox=\"0 0 960 {high:.0}\" width=\"960\" role=\"img\" aria-label=\"{}\">",
        escape(label)
    )?;
    for (at, (name, value, note)) in rows.iter().enumerate() {
        let y = ROW * at as f64;
        let wide = (WIDTH * value / most).max(0.0);
        writeln!(
            out,
            "<text x=\"{:.2}\" y=\"{:.2}\" text-anchor=\"end\">{}</text>\
             <rect class=\"good\" x=\"{LEFT:.2}\" y=\"{:.2}\" width=\"{wide:.2}\" height=\"{:.2}\" rx=\"2\"/>",
            LEFT - 10.0,
            y + 16.0,
            escape(name),
            y + 5.0,
            ROW - 8.0
        )?;
        text(out, (LEFT + wide + 10.0, y + 16.0), "start", note)?;
    }
    out.push_str("</svg>\n");
    Ok(())
}

/// ROC points with the false-positive rate by its order of magnitude.
pub(super) fn by_magnitude(roc: &[[f64; 3]]) -> Vec<[f64; 2]> {
    roc.iter().map(|[rate, recall, _]| [magnitude(*rate), *recall]).collect()
}
