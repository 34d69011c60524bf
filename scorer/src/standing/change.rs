//! Whether a wanted restriction would change the standing: the rule that keeps the decision feed small.
//!
//! Separate, because it is the one place that says what is stronger than what. Invariants: a decision is emitted only if
//! it is stronger, of another scope, or a renewal after half the term; automation never weakens or renews a human's.

use schema::{Action, Limit, Restriction, Scope};

use super::account::{AccountStanding, InForce, Shadow};

/// What somebody wants to put in force.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// What is to be done.
    pub action: Action,
    /// What it covers.
    pub scope: Scope,
    /// For a rate limit.
    pub limit: Option<Limit>,
    /// When it would end, ms since the Unix epoch; `None`: until lifted.
    pub expires: Option<u64>,
}

/// How a wanted restriction changes the standing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The decision it replaces.
    pub supersedes: Option<String>,
    /// The same for longer: no new strike.
    pub renewal: bool,
}

/// The decision behind a restriction; a deletion leaves none.
fn told(restriction: &Restriction) -> Option<String> {
    Some(restriction.decision.clone()).filter(|decision| !decision.is_empty())
}

impl AccountStanding {
    /// How automation's `wanted` would change what is in force; `None`: not at all.
    #[must_use]
    pub fn change(&self, wanted: &Wanted, at_ms: u64) -> Option<Change> {
        let live = || self.in_force.iter().filter(|r| r.is_live(at_ms));
        if live().any(|r| covers(&r.restriction, r.by_human, wanted)) {
            return None;
        }
        // What a human put there stays below it, and is back when it ends.
        if let Some(same) = live().find(|r| r.restriction.scope == wanted.scope && !r.by_human) {
            let restriction = &same.restriction;
            let change = |renewal| Some(Change { supersedes: told(restriction), renewal });
            return match restriction.action.cmp(&wanted.action) {
                std::cmp::Ordering::Less => change(false),
                std::cmp::Ordering::Greater => None,
                std::cmp::Ordering::Equal if is_stricter(wanted.limit, restriction.limit) => change(false),
                std::cmp::Ordering::Equal if is_renewal(same, wanted, at_ms) => change(true),
                std::cmp::Ordering::Equal => None,
            };
        }
        // A ban replaces all that automation did; of another scope than anything that is.
        let replaced = live().filter(|r| wanted.action == Action::Ban && !r.by_human);
        let strongest = replaced.max_by_key(|r| r.restriction.action);
        Some(Change { supersedes: strongest.and_then(|r| told(&r.restriction)), renewal: false })
    }

    /// The same for a rule in shadow mode, against its own shadow standing. Notes it if it is a change.
    pub fn change_shadow(
        &mut self,
        rule: u64,
        wanted: &Wanted,
        at_ms: u64,
        decision: &str,
    ) -> Option<Change> {
        let expires = wanted.expires.unwrap_or(u64::MAX);
        let own = self.shadows.iter().filter(|s| s.rule == rule && s.expires > at_ms);
        let mut change = Change::default();
        for s in own {
            if s.action > wanted.action && (s.scope == wanted.scope || s.action == Action::Ban) {
                return None;
            }
            if s.scope == wanted.scope && s.action == wanted.action {
                if at_ms < half(s.issued, s.expires) {
                    return None;
                }
                change.renewal = true;
            }
            if s.scope == wanted.scope {
                change.supersedes = Some(s.decision.clone());
            }
        }
        let (action, scope) = (wanted.action, wanted.scope);
        self.put_shadow(Shadow {
            rule,
            action,
            scope,
            issued: at_ms,
            expires,
            decision: decision.to_owned(),
        });
        Some(change)
    }
}

/// Whether a restriction of another scope, or a ban, or a human's, already does what is wanted.
fn covers(own: &Restriction, by_human: bool, wanted: &Wanted) -> bool {
    if own.action == Action::Ban {
        return wanted.action != Action::Ban || by_human;
    }
    if own.scope == wanted.scope {
        return by_human && own.action >= wanted.action;
    }
    own.scope == Scope::All
        && (own.action > wanted.action
            || own.action == wanted.action && !is_stricter(wanted.limit, own.limit))
}

/// Whether `new` lets less through than `old` in the long run.
fn is_stricter(new: Option<Limit>, old: Option<Limit>) -> bool {
    match (new, old) {
        (Some(new), Some(old)) => {
            u64::from(new.max) * u64::from(old.per_s) < u64::from(old.max) * u64::from(new.per_s)
        }
        _ => false,
    }
}

fn is_renewal(own: &InForce, wanted: &Wanted, at_ms: u64) -> bool {
    match (own.restriction.expires, wanted.expires) {
        (Some(old), Some(new)) => new > old && at_ms >= half(own.issued, old),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn half(issued: u64, expires: u64) -> u64 {
    issued + expires.saturating_sub(issued) / 2
}
