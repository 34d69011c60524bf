//! Short ids by which addresses name accounts, so that no whole pseudonym stands in a browser's history or a proxy's log.
//!
//! Separate, because only pages need them. Invariants: the same account has the same id for good; an id says nothing about the
//! pseudonym but that it is the same; what a deletion covers is forgotten.

use rusqlite::OptionalExtension as _;

use super::Desk;
use crate::error::Error;
use crate::people::secret;

/// Hexadecimal digits of an id.
const DIGITS: usize = 20;

/// Whether a text has the form of an id.
pub fn is_handle(text: &str) -> bool {
    let is_digit = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
    text.strip_prefix("h_").is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
}

impl Desk {
    /// The id of an account.
    pub(crate) fn handle(&self, account: &str) -> Result<String, Error> {
        let handle = format!("h_{}", &secret::hex(&secret::hash(account))[..DIGITS]);
        if self.account_of(&handle)?.is_none() {
            let sql = "INSERT OR IGNORE INTO handles VALUES (?1, ?2)";
            self.store.writer().prepare_cached(sql)?.execute((&handle, account))?;
        }
        Ok(handle)
    }

    /// Where an account's page is.
    pub(crate) fn account_path(&self, account: &str) -> Result<String, Error> {
        Ok(format!("/review/account/{}", self.handle(account)?))
    }

    /// The account of an id; `None`: nobody was shown one.
    pub(crate) fn account_of(&self, handle: &str) -> Result<Option<String>, Error> {
        self.store.read(|db| {
            let mut query = db.prepare_cached("SELECT account FROM handles WHERE handle = ?1")?;
            Ok(query.query_row([handle], |row| row.get(0)).optional()?)
        })
    }
}
