//! The exempt list: accounts against which no automatic restriction is enforced, one a line.
//!
//! Separate from blocklists, because it is an operator's promise and not evidence. Invariants: exact membership, never
//! approximate; bounded by `limits::EXEMPT_MAX`; an exempt account still gets shadow decisions, so that its effect can be seen.

use compact_str::CompactString;
use hashbrown::HashSet;
use schema::limits::{EXEMPT_MAX, ID_BYTES_MAX};

use crate::error::Error;
use crate::hash::FixedState;

/// Accounts that automation leaves alone.
#[derive(Debug, Clone, Default)]
pub struct ExemptList {
    accounts: HashSet<CompactString, FixedState>,
}

impl ExemptList {
    /// Parses one account a line. Empty lines and lines that start with `#` are passed over; CRLF and a byte order mark
    /// are accepted.
    ///
    /// # Errors
    /// With file, line and column if an account is longer than 64 bytes, or if there are more than `EXEMPT_MAX`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let mut accounts = HashSet::with_hasher(FixedState);
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut offset = text.len() - body.len();
        for line in body.split_inclusive('\n') {
            let account = line.trim();
            if !account.is_empty() && !account.starts_with('#') {
                if account.len() > ID_BYTES_MAX {
                    let detail = format!(
                        "the account is {} bytes long, at most {ID_BYTES_MAX} are allowed",
                        account.len()
                    );
                    return Err(Error::at(file, text, offset, detail));
                }
                accounts.insert(CompactString::new(account));
                if accounts.len() > EXEMPT_MAX {
                    return Err(Error::at(file, text, offset, format!("more than {EXEMPT_MAX} accounts")));
                }
            }
            offset += line.len();
        }
        Ok(Self { accounts })
    }

    /// Whether the account is exempt.
    #[must_use]
    pub fn contains(&self, account: &str) -> bool {
        !self.accounts.is_empty() && self.accounts.contains(account)
    }

    /// Number of accounts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether it names nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_crlf_and_a_byte_order_mark_are_accepted() {
        let list = ExemptList::parse("f", "\u{feff}# bots\r\na_1\r\n\r\n  a_2\n").expect("valid");
        assert!(list.len() == 2 && list.contains("a_1") && list.contains("a_2") && !list.contains("a_3"));
    }

    #[test]
    fn an_over_long_account_names_its_line() {
        let error = ExemptList::parse("bots.txt", &format!("a\n{}\n", "x".repeat(65))).expect_err("too long");
        assert_eq!(error.to_string(), "bots.txt:2:1: the account is 65 bytes long, at most 64 are allowed");
    }
}
