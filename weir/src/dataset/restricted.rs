//! Who is under a restriction while rows go by, and who is not because it is held out.
//!
//! Separate from where decisions come from, a replay or an archive. Invariants: the row at which a restriction begins is still of the free
//! account; while what was held out would have run, the rows of its account stand for those of all that were restricted.

use std::collections::BTreeMap;

use schema::{Action, Decision, HOLDOUT, Mode, Row, Scope, Standing};

/// Accounts by what holds for them.
#[derive(Debug, Default)]
pub struct Restricted {
    /// Scope and end (ms since the Unix epoch) of what is in force, by account.
    in_force: BTreeMap<String, Vec<(Scope, u64)>>,
    /// End of what would be in force (ms since the Unix epoch), and the share of accounts that are held out.
    held_out: BTreeMap<String, (u64, f32)>,
}

impl Restricted {
    /// Whether the row's account is under an enforced restriction.
    pub fn covers(&mut self, row: &Row) -> bool {
        let Some(held) = self.in_force.get_mut(&row.account) else { return false };
        held.retain(|(_, end)| *end > row.at);
        !held.is_empty()
    }

    /// The probability with which a row is there that would be under a restriction, if its account were not held out.
    pub fn held_out(&self, row: &Row) -> Option<f32> {
        let (end, share) = self.held_out.get(&row.account)?;
        (row.at < *end).then_some(*share)
    }

    /// A decision that was made at or before the rows that follow.
    pub fn decided(&mut self, decision: &Decision) {
        if let Some(share) = decision.probability(HOLDOUT) {
            let end = decision.expires.unwrap_or(u64::MAX);
            let held = self.held_out.entry(decision.account.clone()).or_insert((end, share));
            held.0 = held.0.max(end);
        }
        if decision.mode != Mode::Enforce {
            return;
        }
        let held = self.in_force.entry(decision.account.clone()).or_default();
        match decision.action {
            Action::Lift => {
                held.retain(|(scope, _)| decision.scope != Scope::All && *scope != decision.scope)
            }
            action if action.restricts() => {
                held.retain(|(scope, _)| *scope != decision.scope);
                held.push((decision.scope, decision.expires.unwrap_or(u64::MAX)));
            }
            _ => {}
        }
        if held.is_empty() {
            self.in_force.remove(&decision.account);
        }
    }

    /// All that is in force for an account, where that is told: it outdoes what follows from decisions.
    pub fn told(&mut self, standing: &Standing) {
        let restricting = standing.restrictions.iter().filter(|one| one.action.restricts());
        let held: Vec<_> = restricting.map(|one| (one.scope, one.expires.unwrap_or(u64::MAX))).collect();
        if held.is_empty() {
            self.in_force.remove(&standing.account);
        } else {
            self.in_force.insert(standing.account.clone(), held);
        }
    }
}
