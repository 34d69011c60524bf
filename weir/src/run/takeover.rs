//! The standing that changed since a partition was taken over, to be written a second time.
//!
//! Separate, because it answers one danger: an owner that was frozen, and wakes up, may still write what it had decided
//! before; it must not have the last word in the compacted topic. Whatever it still had waiting is written or given up within
//! one message timeout; after that the new owner says again what changed since. Invariant: bounded; past the bound the oldest word is
//! kept, and the rest is said at its next change.

use std::collections::BTreeMap;
use std::time::Duration;

use schema::Standing;

/// Most accounts that are remembered.
const ACCOUNTS_MAX: usize = 100_000;

/// What changed since the takeover.
pub struct Takeover {
    /// `None`: it was said.
    changed: Option<BTreeMap<String, Standing>>,
    after: Duration,
}

impl Takeover {
    /// A takeover now; what changes is said again after this long.
    pub fn new(after: Duration) -> Self {
        Self { changed: Some(BTreeMap::new()), after }
    }

    /// A standing changed.
    pub fn changed(&mut self, standing: &Standing) {
        if let Some(changed) = &mut self.changed
            && (changed.len() < ACCOUNTS_MAX || changed.contains_key(&standing.account))
        {
            changed.insert(standing.account.clone(), standing.clone());
        }
    }

    /// What is to be said again, once, when `since` the takeover is long enough.
    pub fn due(&mut self, since: Duration) -> Vec<Standing> {
        if since < self.after {
            return Vec::new();
        }
        self.changed.take().map(|changed| changed.into_values().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(account: &str, seq: u64) -> Standing {
        Standing { account: account.to_owned(), seq, as_of: seq, restrictions: Vec::new() }
    }

    #[test]
    fn the_newest_standing_of_each_account_is_said_again_once_after_the_timeout() {
        let mut takeover = Takeover::new(Duration::from_secs(30));
        takeover.changed(&standing("a", 1));
        takeover.changed(&standing("b", 2));
        takeover.changed(&standing("a", 3));
        assert_eq!(takeover.due(Duration::from_secs(29)), []);
        assert_eq!(takeover.due(Duration::from_secs(30)), [standing("a", 3), standing("b", 2)]);
        takeover.changed(&standing("c", 4));
        assert_eq!(takeover.due(Duration::from_secs(60)), []);
    }
}
