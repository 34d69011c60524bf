//! The same figures by value of a column (persona, country, client): a good mean hides a bad slice.
//!
//! Separate, as a slice may lack a label. Invariants: slices with the most rows come first, equal ones by name; beyond [`SLICES_MAX`]
//! only those of at least [`ACCOUNTS_MIN`] accounts are shown apart, so that a gate sees them; the rest is put together, never left out.

use std::collections::BTreeMap;

use super::{AtThreshold, Part};
use crate::measure::{Scored, quality};

/// Values of a column that are shown apart, however small.
pub const SLICES_MAX: usize = 40;
/// Accounts from which a value is shown apart in any case, since a gate looks at it.
pub const ACCOUNTS_MIN: usize = 10_000;

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
    /// Rows of at least this score are acted upon.
    pub threshold: f64,
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
        let behind = parts.split_off(SLICES_MAX - 1);
        let (large, rest): (Vec<_>, Vec<_>) =
            behind.into_iter().partition(|(_, rows)| accounts_of(rows) >= ACCOUNTS_MIN);
        parts.extend(large);
        if !rest.is_empty() {
            let name = format!("({} others)", rest.len());
            parts.push((name, rest.into_iter().flat_map(|(_, rows)| rows).collect()));
        }
    }
    let row = |(value, owned): (String, Vec<Owned>)| {
        let accounts = accounts_of(&owned) as u64;
        let (rows, owners): (Vec<Scored>, Vec<u64>) = owned.into_iter().unzip();
        let at = AtThreshold::of((&rows, &owners), threshold);
        let found = quality(rows);
        SliceRow {
            column: column.to_owned(),
            value,
            rows: found.rows,
            accounts,
            abusive: found.abusive,
            auc: found.auc,
            threshold,
            precision: at.precision,
            recall: at.recall,
            false_positives: at.false_positives,
        }
    };
    parts.into_iter().map(row).collect()
}

fn accounts_of(rows: &[Owned]) -> usize {
    let mut accounts: Vec<u64> = rows.iter().map(|(_, account)| *account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    accounts.len()
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
    #[test]
    fn a_value_of_many_accounts_is_shown_apart_however_many_are_larger() {
        // 45 values of 9,000 accounts with two rows each, one of 10,000 accounts with one row.
        let small = (0..45 * 18_000_u64).map(|n| (format!("v{}", n / 18_000), n / 2));
        let large = (0..ACCOUNTS_MIN as u64).map(|n| ("last".to_owned(), 1_000_000 + n));
        let (names, accounts): (Vec<String>, Vec<u64>) = small.chain(large).unzip();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = vec![Scored { score: 0.1, abusive: false, weight: 1.0 }; names.len()];
        let found = slice("client", (&names, &accounts), &rows, 0.5);
        assert_eq!(found.len(), SLICES_MAX + 1);
        assert_eq!((found[39].value.as_str(), found[39].accounts), ("last", 10_000));
        assert_eq!((found[40].value.as_str(), found[40].accounts), ("(6 others)", 54_000));
    }
}
