//! One entry of a blocklist: what is listed, by whom, until when.
//!
//! Separate from the list, because entries are what people write and the list is what machines read. Invariants: the
//! value is in canonical form (CIDR masked, ASN in decimal); only a human's account or device entry may ban.

use std::net::IpAddr;

use features::cidr;
use schema::limits::{BLOCKLIST_TEXT_BYTES_MAX, ID_BYTES_MAX};

/// What an entry lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// An account's pseudonym.
    Account,
    /// A device's pseudonym.
    Device,
    /// A network prefix, CIDR or pseudonym.
    IpPrefix,
    /// An autonomous system number.
    Asn,
    /// A block of numbers.
    NumberRange,
}

impl EntryKind {
    /// Every kind; the position is the kind's number in the file.
    pub const ALL: [EntryKind; 5] =
        [Self::Account, Self::Device, Self::IpPrefix, Self::Asn, Self::NumberRange];

    /// The word used in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Device => "device",
            Self::IpPrefix => "ip_prefix",
            Self::Asn => "asn",
            Self::NumberRange => "number_range",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.word() == word)
    }

    /// The kind of a file number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// One entry, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is listed.
    pub kind: EntryKind,
    /// The value, canonical.
    pub value: String,
    /// Where the entry comes from.
    pub source: String,
    /// When it ends, ms since the Unix epoch; `None`: never.
    pub expires: Option<u64>,
    /// Free note.
    pub note: String,
    /// A human entered it (and not a feed).
    pub by_human: bool,
}

/// One entry, borrowed from a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryView<'a> {
    /// What is listed.
    pub kind: EntryKind,
    /// The value, canonical.
    pub value: &'a str,
    /// Where the entry comes from.
    pub source: &'a str,
    /// When it ends, ms since the Unix epoch; `None`: never.
    pub expires: Option<u64>,
    /// Free note.
    pub note: &'a str,
    /// A human entered it.
    pub by_human: bool,
}

impl EntryView<'_> {
    /// Whether it may lead to a ban: only an account or device that a human entered.
    #[must_use]
    pub const fn may_ban(&self) -> bool {
        self.by_human && matches!(self.kind, EntryKind::Account | EntryKind::Device)
    }
}

/// The canonical form of a value: CIDR prefixes masked, `AS64500` as `64500`.
///
/// # Errors
/// What is wrong, for a person.
pub fn canonical(kind: EntryKind, value: &str) -> Result<String, String> {
    let value = value.trim();
    if value.is_empty() || value.len() > ID_BYTES_MAX {
        return Err(format!("the value is {} bytes long, 1 to {ID_BYTES_MAX} are allowed", value.len()));
    }
    match kind {
        EntryKind::Asn => {
            let digits = value.strip_prefix("AS").or_else(|| value.strip_prefix("as")).unwrap_or(value);
            digits.parse::<u32>().map(|n| n.to_string()).map_err(|_| format!("{value:?} is no AS number"))
        }
        EntryKind::IpPrefix => match cidr(value) {
            Some((address, length)) => Ok(masked(address, length)),
            // A slash with an address before it was meant as CIDR; a pseudonym has none.
            None if value.split_once('/').is_some_and(|(a, _)| a.parse::<IpAddr>().is_ok()) => {
                Err(format!("{value:?} is no CIDR prefix: the length does not fit the address"))
            }
            None => Ok(value.to_owned()),
        },
        EntryKind::Account | EntryKind::Device | EntryKind::NumberRange => Ok(value.to_owned()),
    }
}

/// Checks the length of a source or note.
pub(crate) fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.len() > BLOCKLIST_TEXT_BYTES_MAX {
        return Err(format!(
            "the {what} is {} bytes long, at most {BLOCKLIST_TEXT_BYTES_MAX} are allowed",
            text.len()
        ));
    }
    Ok(())
}

/// The canonical text of the first `length` bits of an address.
pub(crate) fn masked(address: IpAddr, length: u8) -> String {
    format!("{}/{length}", features::masked(address, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: EntryKind, value: &str, expected: Option<&str>) {
        assert_eq!(canonical(kind, value).ok().as_deref(), expected, "{value}");
    }

    #[test]
    fn a_cidr_prefix_is_masked() {
        check(EntryKind::IpPrefix, "10.1.2.3/16", Some("10.1.0.0/16"));
        check(EntryKind::IpPrefix, "10.1.2.3", Some("10.1.2.3/32"));
        check(EntryKind::IpPrefix, "0.0.0.0/0", Some("0.0.0.0/0"));
        check(EntryKind::IpPrefix, "2001:DB8:1:2::/48", Some("2001:db8:1::/48"));
    }

    #[test]
    fn a_pseudonym_is_kept_and_a_broken_cidr_refused() {
        check(EntryKind::IpPrefix, "p_93f", Some("p_93f"));
        check(EntryKind::IpPrefix, "10.0.0.0/33", None);
    }

    #[test]
    fn an_as_number_is_decimal() {
        check(EntryKind::Asn, "AS64500", Some("64500"));
        check(EntryKind::Asn, "hosting", None);
    }
}
