//! Charts: SVG made here, since no script draws on a page.
//!
//! Separate from the pages that show them. Pure. Invariants: sized and placed by attributes and classes alone; every name is escaped; a
//! chart says in its title what it shows, and its numbers stand in a table beside it.

use std::fmt::Write as _;

use schema::history::Point;

/// Most lines of a chart; what is above it is added up as one.
pub const LINES_MAX: usize = 6;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 18.0;
const TOP: f64 = 6.0;

/// Counts of one thing in steps of time, as many for each line of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its counts, oldest first.
    pub counts: Vec<u64>,
}

impl Line {
    /// The sum of its counts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Lines of a series, the largest first; `span`: first and last instant, ms; the lines above [`LINES_MAX`] become one named `rest`.
#[must_use]
pub fn lines(points: &[Point], (from, to): (u64, u64), step_ms: u64, rest: &str) -> Vec<Line> {
    let first = from / step_ms;
    let steps = (to.saturating_sub(1) / step_ms).saturating_sub(first) as usize + 1;
    let mut lines: Vec<Line> = Vec::new();
    for point in points {
        let Some(at) =
            (point.start / step_ms).checked_sub(first).map(|at| at as usize).filter(|at| *at < steps)
        else {
            continue;
        };
        let known = lines.iter().position(|line| line.name == point.key);
        let line = known.unwrap_or_else(|| {
            lines.push(Line { name: point.key.clone(), counts: vec![0; steps] });
            lines.len() - 1
        });
        lines[line].counts[at] += point.count;
    }
    lines.sort_by(|a, b| b.total().cmp(&a.total()).then_with(|| a.name.cmp(&b.name)));
    if lines.len() > LINES_MAX {
        let mut others = Line { name: rest.to_owned(), counts: vec![0; steps] };
        for line in lines.drain(LINES_MAX - 1..) {
            for (sum, count) in others.counts.iter_mut().zip(line.counts) {
                *sum += count;
            }
        }
        lines.push(others);
    }
    lines
}

/// A line chart. `ends`: what stands at the first and the last instant.
#[must_use]
pub fn svg(title: &str, lines: &[Line], ends: (&str, &str)) -> String {
    let most = lines.iter().flat_map(|line| line.counts.iter().copied()).max().unwrap_or(0);
    let top = ceiling(most.max(1));
    let steps = lines.iter().map(|line| line.counts.len()).max().unwrap_or(0);
    let x = |at: usize| LEFT + (WIDTH - LEFT) * at as f64 / steps.saturating_sub(1).max(1) as f64;
    let y = |count: u64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - count as f64 / top as f64);
    let mut svg = format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" direction="ltr" aria-label="{}">"#,
        escape(title)
    );
    for part in [0, top / 2, top] {
        let _ = write!(
            svg,
            r#"<line class="axis" x1="{LEFT}" x2="{WIDTH}" y1="{0:.1}" y2="{0:.1}"/><text x="{1}" y="{2:.1}" text-anchor="end">{3}</text>"#,
            y(part),
            LEFT - 6.0,
            y(part) + 4.0,
            short(part)
        );
    }
    for (at, line) in lines.iter().enumerate() {
        let points: Vec<String> = line
            .counts
            .iter()
            .enumerate()
            .map(|(at, count)| format!("{:.1},{:.1}", x(at), y(*count)))
            .collect();
        let _ = write!(
            svg,
            r#"<polyline class="line s{}" points="{}"><title>{}</title></polyline>"#,
            at % LINES_MAX + 1,
            points.join(" "),
            escape(&line.name)
        );
    }
    let _ = write!(
        svg,
        r#"<text class="below" x="{LEFT}" y="{0}">{1}</text><text class="below" x="{WIDTH}" y="{0}" text-anchor="end">{2}</text></svg>"#,
        HEIGHT - 3.0,
        escape(ends.0),
        escape(ends.1)
    );
    svg
}

/// A bar of a share, 0..1.
#[must_use]
pub fn bar(share: f64) -> String {
    let width = (share.clamp(0.0, 1.0) * 100.0).round();
    format!(
        r#"<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8" rx="2"/><rect class="s1" width="{width}" height="8" rx="2"/></svg>"#
    )
}

/// A round number at or above.
fn ceiling(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [2, 4, 6, 10] {
            if unit.saturating_mul(step) >= most {
                return unit.saturating_mul(step);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A count as it stands at an axis: `1.2k`.
fn short(count: u64) -> String {
    let scaled = |unit: u64, letter: char| {
        let text = format!("{:.1}", count as f64 / unit as f64);
        format!("{}{letter}", text.trim_end_matches(".0"))
    };
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => scaled(1_000, 'k'),
        1_000_000..1_000_000_000 => scaled(1_000_000, 'M'),
        _ => scaled(1_000_000_000, 'G'),
    }
}

/// A text as it may stand in a picture.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The interval of a share by Wilson's score, 95 %: `hits` of `of`; `None`: nothing was looked at.
#[must_use]
pub fn wilson(hits: u64, of: u64) -> Option<(f64, f64)> {
    if of == 0 {
        return None;
    }
    let (z, n) = (1.959_964, of as f64);
    let share = hits as f64 / n;
    let middle = share + z * z / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z * z / n;
    Some((((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(start: u64, key: &str, count: u64) -> Point {
        Point { start, key: key.to_owned(), count }
    }

    #[test]
    fn gaps_are_zero_and_what_is_too_much_is_added_up() {
        let points: Vec<Point> = (0..9).map(|n| point(60 * n, &format!("k{n}"), 10 + n)).collect();
        let found = lines(&points, (0, 600), 60, "rest");
        let names: Vec<&str> = found.iter().map(|line| &*line.name).collect();
        assert_eq!(names, ["k8", "k7", "k6", "k5", "k4", "rest"]);
        assert_eq!(found[5].counts, [10, 11, 12, 13, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            found.iter().map(Line::total).sum::<u64>(),
            points.iter().map(|point| point.count).sum::<u64>()
        );
        assert_eq!(lines(&[point(900, "late", 1)], (0, 600), 60, "rest"), []);
    }

    #[test]
    fn a_chart_is_sized_by_attributes_and_escapes_names() {
        let line = Line { name: "a<b".to_owned(), counts: vec![0, 84, 42] };
        let svg = svg("x \"y\"", &[line], ("then", "now"));
        assert!(svg.contains("aria-label=\"x &quot;y&quot;\"") && svg.contains("<title>a&lt;b</title>"));
        assert!(svg.contains("44.0,142.0 342.0,27.8 640.0,84.9"), "{svg}");
        assert!(!svg.contains("style") && svg.contains(">100<"), "{svg}");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([1, 3, 84, 100, 101, 5_500].map(ceiling), [2, 4, 100, 100, 200, 6_000]);
        assert_eq!([999, 1_000, 1_250, 20_000, 3_000_000].map(short), ["999", "1k", "1.2k", "20k", "3M"]);
    }

    #[test]
    fn wilson_is_that_of_the_book() {
        // Newcombe (1998), table I: 81 of 263, and 0 of 20.
        let (low, high) = wilson(81, 263).expect("some");
        assert!((low - 0.2553).abs() < 1e-4 && (high - 0.3662).abs() < 1e-4, "{low} {high}");
        let (low, high) = wilson(0, 20).expect("some");
        assert!(low.abs() < 1e-9 && (high - 0.1611).abs() < 1e-4, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
    }
}
