//! The standing table: restrictions in force, human verdicts and the last `seq` of accounts. Never evicted.
//!
//! Separate from the feature store, which evicts: what is in force must outlive what is known. Invariants: one
//! restriction a scope by humans and one by automation; `seq` rises strictly for each account; a full table refuses new
//! entries and counts them, it never drops one; an entry is swept only when nothing in it can matter any more and the end
//! of what was in force was told.

mod account;
mod change;
pub(crate) mod checkpoint;
mod ends;

pub use account::{AccountStanding, HumanWord, InForce};
pub use change::{Change, Wanted};

use compact_str::CompactString;
use schema::{Action, ENFORCEMENT_KEY, Limit, Restriction, Scope, Standing};

use crate::keyed::Keyed;
use ends::Ends;

/// How often a full table may look for entries that no longer matter, ms.
const SWEEP_MS: u64 = 60 * 60 * 1000;

/// What a gateway would enforce for one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestrictionView<'a> {
    /// What is to be done.
    pub action: Action,
    /// What the restriction covers; may be wider than what was asked for.
    pub scope: Scope,
    /// For a rate limit.
    pub limit: Option<Limit>,
    /// When it ends, ms since the Unix epoch; `None`: until lifted.
    pub expires: Option<u64>,
    /// The decision behind it, to be answered or appealed against.
    pub decision: &'a str,
}

/// All standings of one engine.
#[derive(Debug)]
pub struct StandingTable {
    accounts: Keyed<AccountStanding>,
    accounts_max: usize,
    swept_ms: u64,
    refused: u64,
    /// Who waits for the end of a restriction.
    ends: Ends,
    /// Its own values as a checkpoint began, until they are written.
    values: Option<Vec<u8>>,
}

impl StandingTable {
    /// An empty table for at most `accounts_max` accounts.
    #[must_use]
    pub fn new(accounts_max: usize) -> Self {
        let (accounts, ends) = (Keyed::new(), Ends::default());
        Self { accounts, accounts_max, swept_ms: 0, refused: 0, ends, values: None }
    }

    /// Accounts with an entry.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether nobody has an entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// How often an entry was refused because the table was full: an alarm if not 0.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The account's entry.
    #[must_use]
    pub fn get(&self, account: &str) -> Option<&AccountStanding> {
        self.accounts.get(account)
    }

    /// The account's entry, to be changed.
    pub fn get_mut(&mut self, account: &str) -> Option<&mut AccountStanding> {
        self.accounts.get_mut(account)
    }

    /// The account's entry, made if there is none; `None` if the table is full of entries that matter.
    pub fn entry(&mut self, account: &str, at_ms: u64) -> Option<&mut AccountStanding> {
        if self.accounts.len() >= self.accounts_max && !self.accounts.contains_key(account) {
            if at_ms >= self.swept_ms.saturating_add(SWEEP_MS) {
                self.swept_ms = at_ms;
                self.accounts.retain(|standing| standing.matters(at_ms));
            }
            if self.accounts.len() >= self.accounts_max {
                self.refused += 1;
                return None;
            }
        }
        Some(self.accounts.entry(account, AccountStanding::default))
    }

    /// Takes over what the wire says of an account; whether it was news and there was room for it.
    pub fn adopt(&mut self, standing: &Standing) -> bool {
        let (account, at_ms) = (standing.account.as_str(), standing.as_of);
        let entry = match account {
            ENFORCEMENT_KEY => Some(self.reserved(account)),
            _ => self.entry(account, at_ms),
        };
        let adopted = entry.is_some_and(|entry| entry.adopt(standing));
        if adopted {
            self.await_end(account, at_ms);
        }
        adopted
    }

    /// The entry of one of weir's own keys: there is always room for it.
    pub fn reserved(&mut self, key: &str) -> &mut AccountStanding {
        self.accounts.entry(key, AccountStanding::default)
    }

    /// The log's time from which on somebody's restriction has ended, ms since the Unix epoch.
    #[inline]
    #[must_use]
    pub fn next_end_ms(&self) -> u64 {
        self.ends.next_ms()
    }

    /// After the account's standing was told: waits for the first of its restrictions to end.
    pub fn await_end(&mut self, account: &str, at_ms: u64) {
        if let Some(entry) = self.accounts.get_mut(account) {
            let first =
                entry.in_force.iter().filter_map(|r| r.restriction.expires).filter(|end| *end > at_ms).min();
            self.ends.replace(account, entry.end_ms, first.unwrap_or(0));
            entry.end_ms = first.unwrap_or(0);
        }
    }

    /// The next account of which a restriction has ended by `at_ms`, by time and name. Its standing is to be told.
    pub fn take_ended(&mut self, at_ms: u64) -> Option<CompactString> {
        let account = self.ends.take(at_ms)?;
        if let Some(entry) = self.accounts.get_mut(&account) {
            entry.end_ms = 0;
        }
        Some(account)
    }

    /// What is in force for the account, as the wire says it.
    #[must_use]
    pub fn standing(&self, account: &str, at_ms: u64) -> Option<Standing> {
        let entry = self.accounts.get(account)?;
        let live = entry.in_force.iter().filter(|r| r.is_live(at_ms));
        let live = live.map(|r| Restriction { human: r.by_human, ..r.restriction.clone() });
        Some(Standing {
            account: account.to_owned(),
            seq: entry.seq,
            as_of: at_ms,
            restrictions: live.collect(),
        })
    }

    /// The strongest restriction that covers `scope` at `now_ms`; a message to a new chat is also a message.
    #[must_use]
    pub fn restriction(&self, account: &str, scope: Scope, now_ms: u64) -> Option<RestrictionView<'_>> {
        let covers = |r: &&InForce| {
            let own = r.restriction.scope;
            r.is_live(now_ms)
                && (own == scope
                    || own == Scope::All
                    || r.restriction.action == Action::Ban
                    || scope == Scope::NewChats && own == Scope::Messages)
        };
        let strongest = self
            .accounts
            .get(account)?
            .in_force
            .iter()
            .filter(covers)
            .max_by_key(|r| r.restriction.action)?;
        let restriction = &strongest.restriction;
        Some(RestrictionView {
            action: restriction.action,
            scope: restriction.scope,
            limit: restriction.limit,
            expires: restriction.expires,
            decision: &restriction.decision,
        })
    }
}

#[cfg(test)]
mod tests;
