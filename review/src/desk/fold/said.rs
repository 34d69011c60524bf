//! What reviewers' acts do to cases.
//!
//! Separate from what automation and accounts do. Invariants: an act is noted once, whether the case obeys it or not, and says
//! which; what was undone is marked, never removed; a second review is blind and never by whoever decided first.

use rusqlite::OptionalExtension as _;
use schema::{Act, Action, Review, Verdict};

use super::{CLAIM_MS, Case, Cause, Error, Fold, Habits};
use crate::desk::case::State;
use crate::desk::{rank, seen};

impl Fold<'_> {
    pub(super) fn said(&self, review: &Review, (position, at): (u64, u64)) -> Result<(), Error> {
        let body = serde_json::to_string(review).expect("a review has string keys");
        let sql = "INSERT OR IGNORE INTO said VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0)";
        let Review { id, case, account, actor, act, .. } = review;
        let values = (position as i64, id, case, account, actor, at as i64, act.word(), body);
        if self.db.prepare_cached(sql)?.execute(values)? == 0 {
            return Ok(());
        }
        if self.obey(review, at)? {
            self.db.prepare_cached("UPDATE said SET counts = 1 WHERE id = ?1")?.execute([id])?;
        }
        Ok(())
    }

    /// Does what an act asks; whether it did.
    fn obey(&self, review: &Review, at: u64) -> Result<bool, Error> {
        let until = at.saturating_add(self.habits.stretched(CLAIM_MS));
        let actor = &*review.actor;
        match review.act {
            Act::Open => return self.open(review, at),
            Act::Undo => return self.undo(review, (at, until)),
            _ => {}
        }
        let Some(mut case) = Case::load(self.db, &review.case)? else { return Ok(false) };
        if case.account != review.account {
            return Ok(false);
        }
        let obeyed = match review.act {
            Act::Claim => {
                let is_first = !case.reached;
                let claimed = case.claim(actor, (at, until));
                if claimed && is_first {
                    let claims = self.tally("claims")?.unwrap_or(0) + 1;
                    self.set_tally("claims", claims)?;
                    self.mix_in(claims, at)?;
                }
                claimed
            }
            Act::Release => {
                case.holder(at) == Some(actor) && {
                    case.free();
                    true
                }
            }
            Act::Skip => {
                case.is_free_for(actor, at) && {
                    case.free();
                    let sql = "INSERT OR IGNORE INTO skips VALUES (?1, ?2)";
                    self.db.prepare_cached(sql)?.execute((&case.id, actor))?;
                    true
                }
            }
            Act::Escalate => {
                case.is_free_for(actor, at) && {
                    case.free();
                    case.escalated = true;
                    true
                }
            }
            Act::Verdict => {
                let outcome = review.verdict.map_or("", |verdict| verdict.word());
                case.close(State::Decided, outcome, at);
                true
            }
            Act::Label => self.label(review, &mut case, at)?,
            Act::Note if case.cause == Cause::Golden && review.label.is_some() => {
                self.answered(review, &mut case, at)?
            }
            Act::Note => true,
            Act::Open | Act::Undo => false,
        };
        if obeyed && (review.act != Act::Note || case.cause == Cause::Golden) {
            case.store(self.db)?;
        }
        if obeyed && matches!(review.act, Act::Verdict | Act::Label) {
            self.second(&case, actor, at)?;
            self.dispute(&case, review, at)?;
        }
        if obeyed && case.state != State::Open {
            self.raise_waiting(&case.account, at)?;
        }
        Ok(obeyed)
    }

    fn open(&self, review: &Review, at: u64) -> Result<bool, Error> {
        if Case::open_of(self.db, &review.account)?.is_some()
            || !self.is_new(&review.case, &review.account)?
        {
            return Ok(false);
        }
        let mut case = Case::new(review.case.clone(), &review.account, Cause::Opened, at);
        case.due_at = at.saturating_add(self.habits.stretched(Cause::Opened.due_ms()));
        self.hear(&mut case)?;
        case.store(self.db)?;
        Ok(true)
    }

    /// Notes a label, and closes the case if nobody else is at it.
    fn label(&self, review: &Review, case: &mut Case, at: u64) -> Result<bool, Error> {
        let Some(label) = review.label else { return Ok(false) };
        // Blind is what was blind: a label given with the score on the screen says so itself.
        let is_blind = case.cause.is_blind() && !review.shown.iter().any(|code| seen::reveals(code));
        let sql = "INSERT OR IGNORE INTO labels VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = (&review.id, &case.id, &case.account, &review.actor, at as i64, label.word(), is_blind);
        self.db.prepare_cached(sql)?.execute(values)?;
        if is_blind && case.cause == Cause::Second {
            self.agreed(case, review, at)?;
        }
        if case.is_free_for(&review.actor, at) {
            case.close(State::Decided, label.word(), at);
        }
        Ok(true)
    }

    /// Opens a second review of a sampled case that a human decided.
    fn second(&self, case: &Case, actor: &str, at: u64) -> Result<(), Error> {
        let is_due = case.state == State::Decided && !case.cause.is_blind();
        let Habits { seconds_per_10_000, bans_per_10_000, .. } = *self.habits;
        let per_10_000 =
            if is_ban(case) { seconds_per_10_000.max(bans_per_10_000) } else { seconds_per_10_000 };
        if !is_due || !rank::is_sampled(&case.id, "second", per_10_000) {
            return Ok(());
        }
        let Some(mut second) = self.case_for(&case.account, Cause::Second, (&case.id, at))? else {
            return Ok(());
        };
        if second.cause == Cause::Second {
            second = about_the_same(second, case);
            actor.clone_into(&mut second.excluded);
        }
        second.store(self.db)
    }

    /// Takes an act back. What a verdict did to the account is superseded by a verdict of its own, which is not part of this.
    fn undo(&self, review: &Review, (at, until): (u64, u64)) -> Result<bool, Error> {
        let Some(undone) = &review.undoes else { return Ok(false) };
        let sql = "SELECT act, case_id, actor FROM said WHERE id = ?1 AND account = ?2 AND undone = 0 AND counts = 1";
        let found = self.db.prepare_cached(sql)?.query_row((undone, &review.account), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        });
        let Some((act, case_id, actor)) = found.optional()? else { return Ok(false) };
        self.db.prepare_cached("UPDATE said SET undone = 1 WHERE id = ?1")?.execute([undone])?;
        self.db.prepare_cached("DELETE FROM labels WHERE review = ?1")?.execute([undone])?;
        let Some(mut case) = Case::load(self.db, &case_id)? else { return Ok(true) };
        match Act::from_word(&act) {
            Some(Act::Note) if case.cause != Cause::Golden => return Ok(true),
            Some(Act::Verdict | Act::Label | Act::Note) if case.state == State::Decided => {
                if !self.make_room(&case)? {
                    return Ok(true);
                }
                case.reopen(&review.actor, until);
            }
            Some(Act::Escalate) => case.escalated = false,
            Some(Act::Skip) => {
                let sql = "DELETE FROM skips WHERE case_id = ?1 AND actor = ?2";
                self.db.prepare_cached(sql)?.execute((&case_id, &actor))?;
            }
            Some(Act::Claim) if case.holder(at) == Some(&*actor) => case.free(),
            _ => return Ok(true),
        }
        case.store(self.db)?;
        Ok(true)
    }

    /// Whether a case can be opened again: no other is open, or only its own second review, which nobody has begun.
    fn make_room(&self, case: &Case) -> Result<bool, Error> {
        match Case::open_of(self.db, &case.account)? {
            None => Ok(true),
            Some(other) if other.of_case == case.id && !other.reached => {
                self.db.prepare_cached("DELETE FROM cases WHERE id = ?1")?.execute([&other.id])?;
                self.db.prepare_cached("DELETE FROM causes WHERE id = ?1")?.execute([&other.id])?;
                Ok(true)
            }
            Some(_) => Ok(false),
        }
    }
}

/// Whether a closed case was about a ban: one that automation made, or that a human made or left in force.
fn is_ban(case: &Case) -> bool {
    case.action == Some(Action::Ban) || case.outcome == Verdict::Ban.word()
}

/// A case that is to be judged again, about what another was about.
pub(super) fn about_the_same(again: Case, of: &Case) -> Case {
    let Case { decision, action, rule, reason, model, score, .. } = of.clone();
    Case { decision, action, rule, reason, model, score, of_case: of.id.clone(), ..again }
}
