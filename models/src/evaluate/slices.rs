//! The same figures by value of a column (persona, country, client): a good mean hides a bad slice.
//!
//! Separate, as a slice may lack a label. Invariants: slices with the most rows come first, equal ones by name; the rest
//! beyond [`SLICES_MAX`] is put together, never left out.

use std::collections::{BTreeMap, BTreeSet};

use super::{AtThreshold, Part};
use crate::measure::{Scored, quality};

/// Most values of a column that are shown apart.
pub const SLICES_MAX: usize = 40;

/// One value of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct SliceRow {
    /// The column.
    pub column: String,
    /// Its value.
    pub value: String,
    /// Rows, unweighted.
    pub rows: u64,
    /// Accounts that the rows are of.
    pub accounts: u64,
    /// Rows that are abusive.
    pub abusive: u64,
    /// NaN if a label is missing.
    pub auc: f64,
    /// At the threshold.
    pub precision: Part,
    /// At the threshold.
    pub recall: Part,
    /// At the threshold.
    pub false_positives: Part,
}

/// A row with its account.
type Owned = (Scored, u64);

/// Measures the values of a column; there is one value and one account a row.
#[must_use]
pub fn slice(
    column: &str,
    (values, accounts): (&[&str], &[u64]),
    rows: &[Scored],
    threshold: f64,
) -> Vec<SliceRow> {
    let mut parts: BTreeMap<&str, Vec<Owned>> = BTreeMap::new();
    for ((value, account), row) in values.iter().zip(accounts).zip(rows) {
        parts.entry(value).or_default().push((*row, *account));
    }
    let mut parts: Vec<(String, Vec<Owned>)> =
        parts.into_iter().map(|(value, rows)| (value.to_owned(), rows)).collect();
    parts.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(&b.0)));
    if parts.len() > SLICES_MAX {
        let rest = parts.split_off(SLICES_MAX - 1);
        let name = format!("({} others)", rest.len());
        parts.push((name, rest.into_iter().flat_map(|(_, rows)| rows).collect()));
    }
    let row = |(value, owned): (String, Vec<Owned>)| {
        let accounts: BTreeSet<u64> = owned.iter().map(|(_, account)| *account).collect();
        let (rows, owners): (Vec<Scored>, Vec<u64>) = owned.into_iter().unzip();
        let at = AtThreshold::of((&rows, &owners), threshold);
        let found = quality(rows);
        SliceRow {
            column: column.to_owned(),
            value,
            rows: found.rows,
            accounts: accounts.len() as u64,
            abusive: found.abusive,
            auc: found.auc,
            precision: at.precision,
            recall: at.recall,
            false_positives: at.false_positives,
        }
    };
    parts.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::rows;
    use super::*;

    #[test]
    fn no_row_is_left_out_and_the_largest_comes_first() {
        let rows = rows(1_000);
        let names: Vec<String> = (0..1_000).map(|n| format!("v{}", (n % 60) * (n % 7) % 60)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = slice("country", (&names, &[1; 1_000]), &rows, 0.5);
        assert_eq!(found[0].accounts, 1);
        assert_eq!(found.len(), SLICES_MAX);
        assert_eq!(found.iter().map(|row| row.rows).sum::<u64>(), 1_000);
        assert!(found[..SLICES_MAX - 1].is_sorted_by(|a, b| a.rows >= b.rows));
        assert!(found[SLICES_MAX - 1].value.ends_with("others)"));
    }
}
