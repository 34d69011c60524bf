//! What automation has in force, and which version of a policy, model or list did it.
//!
//! Separate from cases: most of what is restricted never becomes one. Invariants: one entry an account and scope, that of automation's
//! newest decision; what rests on a model's score is its version's doing, too, whoever decided by it; what was lifted or has ended is not
//! among them; so many at most.

use schema::{Action, Decision, MODEL_SCORE, Source};

use super::{Error, Fold};

/// Most that are kept: the newest.
const RESTRICTED_MAX: i64 = 1_000_000;

impl Fold<'_> {
    /// Takes an enforced decision.
    pub(super) fn restricted(&self, decision: &Decision) -> Result<(), Error> {
        let Decision { id, account, scope, action, versions, .. } = decision;
        let version = match decision.source {
            Source::Rule => &versions.policy,
            Source::Model => &versions.model,
            Source::Blocklist => &versions.blocklists,
            Source::Reviewer | Source::Appeal if *action != Action::Lift => return Ok(()),
            Source::Reviewer | Source::Appeal => &versions.policy,
        };
        match action {
            Action::Review => {}
            Action::Lift => {
                let sql = "DELETE FROM restricted WHERE account = ?1 AND scope = ?2";
                self.db.prepare_cached(sql)?.execute((account, scope.word()))?;
            }
            Action::Warn | Action::Challenge | Action::RateLimit | Action::Ban => {
                let sql =
                    "INSERT OR REPLACE INTO restricted VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
                let reason = decision.reasons.first().map_or("", |reason| &*reason.code);
                let by_score =
                    decision.source == Source::Model || decision.probability(MODEL_SCORE).is_some();
                let model = if by_score { &*versions.model } else { "" };
                let rule = decision.rule.as_deref().unwrap_or_default();
                let times = (decision.issued as i64, decision.expires.map(|expires| expires as i64));
                self.db.prepare_cached(sql)?.execute(rusqlite::params![
                    account,
                    scope.word(),
                    id,
                    action.word(),
                    decision.source.word(),
                    rule,
                    reason,
                    version,
                    times.0,
                    times.1,
                    model
                ])?;
            }
        }
        Ok(())
    }

    /// Lets go what has ended, and the oldest of what is too much.
    pub(super) fn forget_restricted(&self, at: u64) -> Result<(), Error> {
        self.db.prepare_cached("DELETE FROM restricted WHERE expires <= ?1")?.execute([at as i64])?;
        let sql = "DELETE FROM restricted WHERE issued <=
            (SELECT issued FROM restricted ORDER BY issued DESC LIMIT 1 OFFSET ?1)";
        self.db.prepare_cached(sql)?.execute([RESTRICTED_MAX])?;
        Ok(())
    }
}
