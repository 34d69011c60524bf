//! What can be wrong with the scorer's inputs: a policy, a blocklist, an exempt list.
//!
//! Separate, so that every parser of the crate answers in one shape. Invariant: each message reads alone: it names the
//! file, the line and column where there is one, what is wrong and what to do.

use crate::engine::Needed;

/// Why an input of the scorer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A text file (policy, blocklist source, exempt list) is wrong at a place.
    #[error("{file}:{line}:{column}: {detail}")]
    Text {
        /// The file's name as given by the caller.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A binary blocklist cannot be used.
    #[error("blocklist {file}: {detail}")]
    Blocklist {
        /// The file's or list's name as given by the caller.
        file: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A checkpoint cannot be restored: another one is taken.
    #[error("this checkpoint cannot be restored: {detail}")]
    Checkpoint {
        /// What is wrong and what to do.
        detail: String,
    },
    /// Versions that were in force when a checkpoint was made are not there: they are loaded, or another checkpoint is taken.
    #[error("this checkpoint needs {}", names(.versions))]
    Missing {
        /// What is missing.
        versions: Vec<Needed>,
    },
}

/// Kind, name and version of each.
fn names(versions: &[Needed]) -> String {
    let name = |what: &Needed| format!("{} {} {}", what.kind, what.name, what.version);
    versions.iter().map(name).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// A checkpoint that cannot be restored.
    pub(crate) fn checkpoint(detail: impl Into<String>) -> Self {
        Error::Checkpoint { detail: detail.into() }
    }

    /// A checkpoint whose tables cannot be read.
    pub(crate) fn from_features(error: features::checkpoint::Error) -> Self {
        Error::checkpoint(error.to_string())
    }

    /// An error at byte `offset` of `text`.
    pub(crate) fn at(file: &str, text: &str, offset: usize, detail: impl Into<String>) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = offset - before.rfind('\n').map_or(0, |i| i + 1) + 1;
        Error::Text { file: file.to_owned(), line, column, detail: detail.into() }
    }

    /// An error of a binary blocklist.
    pub(crate) fn blocklist(file: &str, detail: impl Into<String>) -> Self {
        Error::Blocklist { file: file.to_owned(), detail: detail.into() }
    }
}

/// The candidate nearest to `word` by edit distance, if it is near enough to be a slip.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).max(1);
    candidates.map(|c| (distance(word, c), c)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

/// Edit distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_from_one() {
        let at = |offset| match Error::at("f", "ab\ncd", offset, "x") {
            Error::Text { line, column, .. } => (line, column),
            _ => (0, 0),
        };
        assert_eq!((at(0), at(1), at(3), at(4), at(99)), ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3)));
    }

    #[test]
    fn a_slip_finds_the_nearest_name_and_nonsense_finds_none() {
        let names = ["new_chats_1m", "new_chats_10m", "age_s"];
        assert_eq!(nearest("new_chat_10m", names.into_iter()), Some("new_chats_10m"));
        assert_eq!(nearest("zzzzzzzz", names.into_iter()), None);
    }
}
