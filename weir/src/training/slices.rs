//! Columns of a table whose values are measured apart: country, client, tier, age, persona, or what the training file names.
//!
//! Separate from the numbers that are learned from. Invariants: each value is kept once and a row has its number; at most
//! [`VALUES_MAX`] values of a column are told apart, in the order in which they come, all later ones are [`OTHERS`] together, and it is said.

use std::collections::BTreeMap;

use super::file::DataFile;

/// Most values of a column that are told apart.
pub const VALUES_MAX: usize = 4_096;

/// Columns that are measured apart wherever they are.
const USUAL: [&str; 5] = ["country", "client", "account_tier", "age_band", "persona"];

/// The slice of rows that do not say to which they belong; a column of nothing else is no slice.
const UNKNOWN: &str = "(unknown)";

/// Rows whose value came when there were too many already.
const OTHERS: &str = "(others)";

/// A column with a value for each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceColumn {
    /// Its title.
    pub title: String,
    names: Vec<String>,
    met: BTreeMap<Vec<u8>, u32>,
    /// The place of its value among the names, a row each.
    rows: Vec<u32>,
    /// Whether values were put together.
    has_others: bool,
}

impl SliceColumn {
    /// One without rows.
    pub fn new(title: &str) -> Self {
        let (names, met, rows) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { title: title.to_owned(), names, met, rows, has_others: false }
    }

    /// Adds a row's value.
    pub fn push(&mut self, value: &[u8]) {
        let mut value = if value.is_empty() { UNKNOWN.as_bytes() } else { value };
        if !self.met.contains_key(value) && self.met.len() >= VALUES_MAX {
            (value, self.has_others) = (OTHERS.as_bytes(), true);
        }
        let place = self.met.get(value).copied().unwrap_or_else(|| {
            let place = self.names.len() as u32;
            self.names.push(String::from_utf8_lossy(value).into_owned());
            self.met.insert(value.to_vec(), place);
            place
        });
        self.rows.push(place);
    }

    /// The value of a row.
    pub fn of(&self, row: usize) -> &str {
        &self.names[self.rows[row] as usize]
    }

    /// Whether any row says to which slice it belongs.
    pub fn says_something(&self) -> bool {
        self.names.iter().any(|name| name != UNKNOWN)
    }

    /// Whether values were put together, since there are more than [`VALUES_MAX`].
    pub fn has_others(&self) -> bool {
        self.has_others
    }
}

/// Columns that are measured apart without being asked for, where they are there and are not learned from, with their places.
pub fn usual(header: &[String], wanted: &DataFile) -> Vec<(String, usize)> {
    let is_used = |title: &str| {
        let named = [&wanted.columns, &wanted.categories, &wanted.slices];
        let one = [Some(&wanted.label), wanted.group.as_ref(), wanted.time.as_ref(), wanted.weight.as_ref()];
        named.iter().any(|titles| titles.iter().any(|known| known == title))
            || one.into_iter().flatten().any(|known| known == title)
            || wanted.only.contains_key(title)
    };
    let found = USUAL.iter().filter(|title| !is_used(title));
    found
        .filter_map(|title| Some(((*title).to_owned(), header.iter().position(|known| known == title)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_limit_are_one_slice_and_it_is_said() {
        let mut column = SliceColumn::new("client");
        column.push(b"");
        assert!(!column.says_something());
        (0..VALUES_MAX + 10).for_each(|number| column.push(format!("c{number}").as_bytes()));
        column.push(b"c0");
        assert!(column.has_others() && column.says_something());
        assert_eq!((column.of(0), column.of(1), column.of(VALUES_MAX - 1)), (UNKNOWN, "c0", "c4094"));
        assert_eq!((column.of(VALUES_MAX), column.of(VALUES_MAX + 10)), (OTHERS, OTHERS));
        assert_eq!(column.of(VALUES_MAX + 11), "c0");
    }
}
