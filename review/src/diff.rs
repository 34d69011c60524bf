//! What differs between two texts, line by line.
//!
//! Separate from the page that shows it. Pure. Invariants: the longest common lines stay; texts that are too long are not compared.

/// Most lines of a text that is compared.
pub const LINES_MAX: usize = 2_000;
/// Lines that stay beside one that changed.
const AROUND: usize = 3;

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// In both.
    Same(&'a str),
    /// In the second alone.
    Added(&'a str),
    /// In the first alone.
    Removed(&'a str),
    /// So many lines that are in both are left out.
    Skipped(usize),
}

/// The difference from one text to another; `None`: one is too long. Empty: there is none.
#[must_use]
pub fn diff<'a>(from: &'a str, to: &'a str) -> Option<Vec<Change<'a>>> {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.lines().collect(), to.lines().collect());
    if from.len() > LINES_MAX || to.len() > LINES_MAX {
        return None;
    }
    let width = to.len() + 1;
    // Longest common lines from (i, j) on.
    let mut longest = vec![0_u16; (from.len() + 1) * width];
    for i in (0..from.len()).rev() {
        for j in (0..to.len()).rev() {
            longest[i * width + j] = if from[i] == to[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while i < from.len() || j < to.len() {
        if i < from.len() && j < to.len() && from[i] == to[j] {
            all.push(Change::Same(from[i]));
            (i, j) = (i + 1, j + 1);
        } else if j >= to.len()
            || i < from.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]
        {
            all.push(Change::Removed(from[i]));
            i += 1;
        } else {
            all.push(Change::Added(to[j]));
            j += 1;
        }
    }
    Some(shortened(all))
}

/// Leaves out what is far from every change.
fn shortened(all: Vec<Change<'_>>) -> Vec<Change<'_>> {
    let changed: Vec<usize> = all
        .iter()
        .enumerate()
        .filter(|(_, change)| !matches!(change, Change::Same(_)))
        .map(|(at, _)| at)
        .collect();
    let mut kept = Vec::new();
    let mut skipped = 0;
    for (at, change) in all.into_iter().enumerate() {
        let next = changed.partition_point(|changed| *changed < at);
        let is_near = |near: Option<&usize>| near.is_some_and(|near| near.abs_diff(at) <= AROUND);
        if is_near(changed.get(next)) || is_near(next.checked_sub(1).and_then(|last| changed.get(last))) {
            if skipped > 0 {
                kept.push(Change::Skipped(std::mem::take(&mut skipped)));
            }
            kept.push(change);
        } else {
            skipped += 1;
        }
    }
    if skipped > 0 && !kept.is_empty() {
        kept.push(Change::Skipped(skipped));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_are_shown_with_their_neighbours() {
        let from: String = (0..20).map(|n| format!("{n}\n")).collect();
        let to = from.replace("10\n", "ten\n").replace("11\n", "");
        let found = diff(&from, &to).expect("short");
        let expected = [
            Change::Skipped(7),
            Change::Same("7"),
            Change::Same("8"),
            Change::Same("9"),
            Change::Removed("10"),
            Change::Removed("11"),
            Change::Added("ten"),
            Change::Same("12"),
            Change::Same("13"),
            Change::Same("14"),
            Change::Skipped(5),
        ];
        assert_eq!(found, expected);
        assert_eq!(diff(&from, &from), Some(Vec::new()));
        assert_eq!(diff("", "a"), Some(vec![Change::Added("a")]));
        assert_eq!(diff(&"x\n".repeat(LINES_MAX + 1), ""), None);
    }
}
