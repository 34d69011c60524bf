//! Taking a verdict back: the verdicts that put in force again what was in force before it.
//!
//! Separate and pure. Invariants: what had its end meanwhile stays ended; an exemption ends; what comes back is a human's, since only
//! automation can make what is automation's; a challenge is not put back (no verdict makes one), automation asks again when it must.

use schema::{Action, Limit, Review, Scope, Standing, Verdict};

/// A verdict to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What is decided.
    pub verdict: Verdict,
    /// What it covers.
    pub scope: Option<Scope>,
    /// The rate.
    pub limit: Option<Limit>,
    /// Its end, ms since the Unix epoch.
    pub expires: Option<u64>,
}

/// What restores `before`, at `now`, after `undone`; in order.
pub fn restoring(before: &Standing, undone: &Review, now: u64) -> Vec<Word> {
    let word = |verdict, scope| Word { verdict, scope, limit: None, expires: None };
    let mut words = Vec::new();
    match undone.verdict {
        // Lifting again what a lift took away would change nothing.
        Some(Verdict::Lift) | None => {}
        Some(Verdict::Exempt) => {
            words.push(Word { expires: Some(now), ..word(Verdict::Exempt, undone.scope) });
        }
        Some(Verdict::Confirm | Verdict::Ban) => words.push(word(Verdict::Lift, Some(Scope::All))),
        Some(Verdict::Change) => words.push(word(Verdict::Lift, undone.scope.or(Some(Scope::All)))),
    }
    for one in before.restrictions.iter().filter(|one| one.expires.is_none_or(|expires| expires > now)) {
        let verdict = match (one.action, one.limit) {
            (Action::Ban, _) => Word { expires: one.expires, ..word(Verdict::Ban, None) },
            (Action::RateLimit, Some(limit)) => {
                let scope = Some(one.scope);
                Word { verdict: Verdict::Change, scope, limit: Some(limit), expires: one.expires }
            }
            _ => continue,
        };
        words.push(verdict);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 2_000_000_000_000;

    fn before(list: &str) -> Standing {
        let text = format!(r#"{{"account":"a","seq":1,"as_of":1,"restrictions":[{list}]}}"#);
        serde_json::from_str(&text).expect("a standing")
    }

    fn undone(verdict: &str) -> Review {
        let text = format!(
            r#"{{"id":"r","case":"k","account":"a","at":1,"actor":"x","act":"verdict","verdict":"{verdict}","decision":"d"}}"#
        );
        serde_json::from_str(&text).expect("a review")
    }

    const LIMIT: &str = r#"{"scope":"new_chats","action":"rate_limit","limit":{"max":5,"per_s":3600},"expires":2000000000001,"decision":"d","reason":"r","message":"m"}"#;
    const BAN: &str =
        r#"{"scope":"all","action":"ban","expires":null,"decision":"d","reason":"r","message":"m"}"#;

    #[test]
    fn a_lift_is_taken_back_by_what_was_in_force() {
        let words = restoring(&before(LIMIT), &undone("lift"), NOW);
        assert_eq!(words.len(), 1);
        assert_eq!((words[0].verdict, words[0].scope), (Verdict::Change, Some(Scope::NewChats)));
        assert_eq!(words[0].limit, Some(Limit { max: 5, per_s: 3_600 }));
        let late = restoring(&before(LIMIT), &undone("lift"), NOW + 2);
        assert_eq!(late, [], "it had ended");
    }

    #[test]
    fn a_ban_is_taken_back_by_a_lift_and_what_was_before() {
        let words = restoring(&before(LIMIT), &undone("ban"), NOW);
        let verdicts: Vec<Verdict> = words.iter().map(|word| word.verdict).collect();
        assert_eq!(verdicts, [Verdict::Lift, Verdict::Change]);
        let words = restoring(&before(BAN), &undone("change"), NOW);
        assert_eq!((words[1].verdict, words[1].expires), (Verdict::Ban, None));
    }

    #[test]
    fn an_exemption_ends_now() {
        let words = restoring(&before(""), &undone("exempt"), NOW);
        assert_eq!((words[0].verdict, words[0].expires), (Verdict::Exempt, Some(NOW)));
    }
}
