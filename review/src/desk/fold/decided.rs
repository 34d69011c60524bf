//! What decisions do to cases: they open them, raise them, tell what is judged, and are sampled for blind audits.
//!
//! Separate from what humans say. Invariants: only what is enforced counts; whom the engine drew is judged blind; the sample is a function of the decision's id and score,
//! so that nobody can choose what is audited.

use schema::{AUDIT, Action, Decision, Mode, Source};

use super::{Case, Cause, Error, Fold, is_shared};
use crate::desk::rank;

/// Most decisions that are kept about one account.
const DECIDED_MAX: usize = 64;

impl Fold<'_> {
    pub(super) fn decided(&self, decision: &Decision, at: u64) -> Result<(), Error> {
        if decision.mode != Mode::Enforce {
            return Ok(());
        }
        self.restricted(decision)?;
        if is_shared(&decision.account) {
            return Ok(());
        }
        if !decision.companions.is_empty() {
            self.companions(decision, at)?;
            return self.keep(decision, at);
        }
        if let Some(cause) = self.cause(decision)?
            && let Some(mut case) = self.case_for(&decision.account, cause, (&decision.id, at))?
        {
            // What is judged is the decision that the strongest cause is about.
            if case.decision.is_empty() || case.cause == cause {
                tell(&mut case, decision);
            }
            case.store(self.db)?;
        } else if is_automatic(decision)
            && let Some(mut case) = Case::open_of(self.db, &decision.account)?
            && !case.cause.is_blind()
        {
            // Automation went further while the case waits.
            if decision.action >= case.action.unwrap_or(Action::Lift) && decision.action.restricts() {
                tell(&mut case, decision);
            }
            case.score = decision.score.map(f64::from).or(case.score);
            case.store(self.db)?;
        }
        self.keep(decision, at)
    }

    fn cause(&self, decision: &Decision) -> Result<Option<Cause>, Error> {
        if !is_automatic(decision) {
            return Ok(None);
        }
        let cause = match decision.action {
            // Nothing speaks against it: it was drawn at random, and whoever judges it is told no more than that.
            Action::Review if decision.probability(AUDIT).is_some() => {
                Case::open_of(self.db, &decision.account)?.is_none().then_some(Cause::Audit)
            }
            Action::Review => Some(Cause::Review),
            Action::Ban => Some(Cause::Ban),
            Action::Lift => None,
            Action::Warn | Action::Challenge | Action::RateLimit => {
                let per_10_000 = audits(decision.score, self.habits.audits_per_10_000);
                let sampled = rank::is_sampled(&decision.id, "audit", per_10_000);
                (sampled && Case::open_of(self.db, &decision.account)?.is_none()).then_some(Cause::Audit)
            }
        };
        Ok(cause)
    }

    /// Opens blind audits of a sample of the automatic bans whose cases closed now because nobody came to them.
    pub(super) fn audit_unreviewed_bans(&self, at: u64) -> Result<(), Error> {
        let sql = "SELECT * FROM cases INDEXED BY closed WHERE state <> 0 AND state = 2 AND closed_at = ?1 AND cause = ?2 ORDER BY id";
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map((at as i64, Cause::Ban as i64), Case::read)?;
        for case in rows.collect::<rusqlite::Result<Vec<Case>>>()? {
            if !rank::is_sampled(&case.id, "ban", self.habits.bans_per_10_000)
                || Case::open_of(self.db, &case.account)?.is_some()
            {
                continue;
            }
            let Some(mut audit) = self.case_for(&case.account, Cause::Audit, (&case.id, at))? else {
                continue;
            };
            let Case { decision, action, rule, reason, model, score, .. } = case;
            audit = Case { decision, action, rule, reason, model, score, ..audit };
            audit.store(self.db)?;
        }
        Ok(())
    }

    /// Keeps a decision about an account that has a case.
    fn keep(&self, decision: &Decision, at: u64) -> Result<(), Error> {
        let account = &decision.account;
        let mut query = self.db.prepare_cached("SELECT 1 FROM cases WHERE account = ?1 LIMIT 1")?;
        if !query.exists([account])? {
            return Ok(());
        }
        // Who acts together lies in the campaigns, where a deletion finds it.
        let kept = Decision { companions: Vec::new(), ..decision.clone() };
        let body = serde_json::to_string(&kept).expect("a decision has string keys");
        let sql = "INSERT OR IGNORE INTO decided VALUES (?1, ?2, ?3, ?4)";
        if self.db.prepare_cached(sql)?.execute((&decision.id, account, at as i64, body))? == 0 {
            return Ok(());
        }
        let sql = "DELETE FROM decided WHERE account = ?1 AND id NOT IN
            (SELECT id FROM decided WHERE account = ?1 ORDER BY at DESC, id LIMIT ?2)";
        self.db.prepare_cached(sql)?.execute((account, DECIDED_MAX as i64))?;
        Ok(())
    }
}

/// Notes in a case what is judged.
pub(super) fn tell(case: &mut Case, decision: &Decision) {
    case.decision.clone_from(&decision.id);
    case.action = Some(decision.action);
    case.rule = decision.rule.clone().unwrap_or_default();
    case.reason = decision.reasons.first().map_or(String::new(), |reason| reason.code.clone());
    case.model.clone_from(&decision.versions.model);
    case.score = decision.score.map(f64::from).or(case.score);
}

fn is_automatic(decision: &Decision) -> bool {
    matches!(decision.source, Source::Rule | Source::Model | Source::Blocklist)
}

/// How many in 10,000 decisions of this score are audited: more where there are fewer, so that every band is seen.
fn audits(score: Option<f32>, middle: u32) -> u32 {
    match rank::band(score.map(f64::from)) {
        4 => middle / 4,
        3 => middle / 2,
        2 => middle,
        _ => middle * 2,
    }
}
