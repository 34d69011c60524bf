//! Whether an act may be sent: it is allowed, and it is complete.
//!
//! Separate from sending. Pure. Invariants: every act but giving back has a reason, and every act but passing over names a clause of the
//! operator's policy; a blind case is labelled, not decided; what is confirmed or changed is in force.

use schema::{Act, Standing, Verdict};

use super::Wanted;
use crate::desk::case::{Case, State};
use crate::desk::clause::Clause;
use crate::error::Error;

/// Reasons that are a key away; their words are among the strings as `word.why.CODE`. Whoever has more to say writes it behind.
pub const WHYS: [&str; 6] = ["behaviour", "reports", "company", "nothing", "thin", "not_mine"];

/// A reason as it is kept: one of [`WHYS`], words, or both.
pub fn reason(why: &str, words: &str) -> String {
    let why = WHYS.into_iter().find(|code| *code == why).unwrap_or_default();
    match (why, words.trim()) {
        (why, "") => why.to_owned(),
        ("", words) => words.to_owned(),
        (why, words) => format!("{why}: {words}"),
    }
}

/// Whether an act is allowed and complete.
pub fn check(
    case: &Case,
    actor: &str,
    wanted: &Wanted,
    (standing, clauses, now): (Option<&Standing>, &[Clause], u64),
) -> Result<(), Error> {
    let refuse = |why: &'static str| Err(Error::Refused(why));
    if case.excludes(actor) && wanted.act != Act::Note {
        return refuse("refused.own_decision");
    }
    if case.state != State::Open && wanted.act != Act::Note {
        return refuse("refused.closed");
    }
    if !case.is_free_for(actor, now) && wanted.act != Act::Note {
        return refuse("refused.held");
    }
    if wanted.act == Act::Verdict && case.cause.is_blind() {
        return refuse("refused.blind");
    }
    if wanted.act == Act::Label && wanted.label.is_none() {
        return refuse("refused.no_label");
    }
    if wanted.reason.trim().is_empty() {
        return refuse("refused.no_reason");
    }
    if wanted.act != Act::Skip && !clauses.iter().any(|clause| clause.id == wanted.policy) {
        return refuse("refused.no_policy");
    }
    if wanted.act == Act::Verdict { check_verdict(case, wanted, (standing, now)) } else { Ok(()) }
}

fn check_verdict(
    case: &Case,
    wanted: &Wanted,
    (standing, now): (Option<&Standing>, u64),
) -> Result<(), Error> {
    let refuse = |why: &'static str| Err(Error::Refused(why));
    if wanted.expires.is_some_and(|expires| expires <= now) {
        return refuse("refused.past");
    }
    let in_force = |id: &str| {
        let mut all = standing.into_iter().flat_map(|standing| &standing.restrictions);
        all.any(|one| one.decision == id && one.expires.is_none_or(|expires| expires > now))
    };
    match wanted.verdict {
        None => refuse("refused.no_verdict"),
        Some(Verdict::Confirm) if !in_force(&case.decision) => refuse("refused.not_in_force"),
        Some(Verdict::Change) if wanted.limit.is_none() && !in_force(&case.decision) => {
            refuse("refused.nothing_to_change")
        }
        Some(Verdict::Change)
            if wanted.limit.is_none() && wanted.scope.is_none() && wanted.expires.is_none() =>
        {
            refuse("refused.no_change")
        }
        Some(_) => Ok(()),
    }
}
