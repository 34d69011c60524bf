//! What people write: entries as CSV or NDJSON lines.
//!
//! Separate from the list and from files: text in, entries out. Invariants: an error names file, line and column; CSV
//! has the header `kind,value,source,expires,note,human` in any order, of which `kind` and `value` must be there.

use schema::limits::{BLOCKLIST_ENTRIES_MAX, TS_MS_MIN};
use serde::Deserialize;

use super::entry::{Entry, EntryKind, canonical, check_text};
use crate::error::{Error, nearest};

const COLUMNS: [&str; 6] = ["kind", "value", "source", "expires", "note", "human"];

/// One NDJSON line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: String,
    value: String,
    #[serde(default)]
    source: String,
    expires: Option<u64>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    human: bool,
}

/// Parses a whole file: NDJSON if its first character is `{`, else CSV with a header. Empty lines and lines that start
/// with `#` are passed over.
///
/// # Errors
/// With file, line and column, on the first line that is wrong.
pub fn parse_entries(file: &str, text: &str) -> Result<Vec<Entry>, Error> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let json = body.trim_start().starts_with('{');
    let mut columns: Option<Vec<usize>> = None;
    let mut entries = Vec::new();
    for (index, line) in body.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let fail = |column: usize, detail: String| Error::Text {
            file: file.to_owned(),
            line: index + 1,
            column,
            detail,
        };
        if json {
            entries.push(from_json(line).map_err(|(column, detail)| fail(column, detail))?);
        } else {
            let cells = cells(line).map_err(|(column, detail)| fail(column, detail))?;
            match &columns {
                None => columns = Some(header(&cells).map_err(|(column, detail)| fail(column, detail))?),
                Some(columns) => entries.push(from_cells(&cells, columns).map_err(|(c, d)| fail(c, d))?),
            }
        }
        if entries.len() > BLOCKLIST_ENTRIES_MAX {
            return Err(fail(1, format!("more than {BLOCKLIST_ENTRIES_MAX} entries: split the list")));
        }
    }
    Ok(entries)
}

/// A column (from 1) and what is wrong there.
type Wrong = (usize, String);

fn from_json(text: &str) -> Result<Entry, Wrong> {
    let line: Line = serde_json::from_str(text).map_err(|e| (e.column().max(1), e.to_string()))?;
    let place = |word: &str| text.find(word).map_or(1, |i| i + 1);
    finish(line, |column| place(&format!("\"{column}\"")))
}

fn finish(line: Line, place: impl Fn(&str) -> usize) -> Result<Entry, Wrong> {
    let Some(kind) = EntryKind::from_word(&line.kind) else {
        let words = EntryKind::ALL.map(EntryKind::word);
        let hint = nearest(&line.kind, words.into_iter())
            .map_or(String::new(), |n| format!(", did you mean {n:?}?"));
        return Err((place("kind"), format!("kind {:?} is none of {}{hint}", line.kind, words.join(", "))));
    };
    let value = canonical(kind, &line.value).map_err(|e| (place("value"), e))?;
    check_text("source", &line.source).map_err(|e| (place("source"), e))?;
    check_text("note", &line.note).map_err(|e| (place("note"), e))?;
    if let Some(end) = line.expires.filter(|end| *end < TS_MS_MIN) {
        let hint = if end.saturating_mul(1_000) >= TS_MS_MIN { ": these look like seconds" } else { "" };
        let detail = format!("expires {end} is before 2001; times are in ms since the Unix epoch{hint}");
        return Err((place("expires"), detail));
    }
    let Line { source, expires, note, human, .. } = line;
    Ok(Entry { kind, value, source, expires, note, by_human: human })
}

fn header(cells: &[(usize, String)]) -> Result<Vec<usize>, Wrong> {
    let mut columns = Vec::new();
    for (at, cell) in cells {
        let name = cell.trim();
        let Some(column) = COLUMNS.iter().position(|c| *c == name) else {
            return Err((*at, format!("column {name:?} is none of {}", COLUMNS.join(", "))));
        };
        if columns.contains(&column) {
            return Err((*at, format!("column {name:?} stands twice")));
        }
        columns.push(column);
    }
    match COLUMNS[..2].iter().enumerate().find(|(i, _)| !columns.contains(i)) {
        Some((_, name)) => {
            Err((1, format!("the header has no column {name:?}; it must be {}", COLUMNS.join(","))))
        }
        None => Ok(columns),
    }
}

fn from_cells(cells: &[(usize, String)], columns: &[usize]) -> Result<Entry, Wrong> {
    if cells.len() != columns.len() {
        return Err((1, format!("{} cells, the header has {}", cells.len(), columns.len())));
    }
    let cell = |column: usize| columns.iter().position(|c| *c == column).map(|i| &cells[i]);
    let text = |column: usize| cell(column).map_or(String::new(), |(_, t)| t.trim().to_owned());
    let at = |column: usize| cell(column).map_or(1, |(at, _)| *at);
    let expires = match text(3).as_str() {
        "" => None,
        digits => Some(
            digits.parse().map_err(|_| (at(3), format!("expires {digits:?} is no time in ms since 1970")))?,
        ),
    };
    let human = match text(5).as_str() {
        "" | "false" | "0" => false,
        "true" | "1" => true,
        other => return Err((at(5), format!("human {other:?} is neither true nor false"))),
    };
    let line = Line { kind: text(0), value: text(1), source: text(2), expires, note: text(4), human };
    finish(line, |name| at(COLUMNS.iter().position(|c| *c == name).unwrap_or(0)))
}

/// The cells of a CSV line with their columns. Quotes as in RFC 4180, without line breaks inside.
fn cells(line: &str) -> Result<Vec<(usize, String)>, Wrong> {
    let mut out = Vec::new();
    let mut rest = line;
    loop {
        let at = line.len() - rest.len() + 1;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut cell = String::new();
            let mut tail = quoted;
            loop {
                let Some(end) = tail.find('"') else {
                    return Err((at, "a quote is not closed on this line".into()));
                };
                cell.push_str(&tail[..end]);
                tail = &tail[end + 1..];
                let Some(more) = tail.strip_prefix('"') else { break };
                cell.push('"');
                tail = more;
            }
            out.push((at, cell));
            match tail.strip_prefix(',') {
                Some(next) => rest = next,
                None if tail.is_empty() => return Ok(out),
                None => return Err((line.len() - tail.len() + 1, "text after a closing quote".into())),
            }
        } else {
            let (cell, next) = rest.split_once(',').map_or((rest, None), |(c, n)| (c, Some(n)));
            out.push((at, cell.to_owned()));
            match next {
                Some(next) => rest = next,
                None => return Ok(out),
            }
        }
    }
}
