//! Reviews and relations: what reviewers and the relation engine put on the log.
//!
//! Separate from events, because these records decide nothing themselves. Invariants: an accepted verdict changes nothing
//! until it lies in `weir.events` as `verdict`; the same review gives the same event, however often it is sent; a review
//! that passes its check gives an event that passes that of events.

use serde::{Deserialize, Serialize};

use xxhash_rust::xxh3::xxh3_64;

use crate::event::{Body, Event, Limit, Origin, Scope, Verdict, VerdictEvent, words};
use crate::limits::{ID_BYTES_MAX, REVIEW_SHOWN_MAX, TEXT_BYTES_MAX, TS_MS_MAX, TS_MS_MIN};
use crate::reject::{Refusal, RejectReason};
use crate::standing::ENFORCEMENT_KEY;

/// The case of a verdict that belongs to none, since it only puts right what was done before: it closes nothing, and says nothing of the
/// account.
pub const NO_CASE: &str = "restored";
/// Code of what was seen before, elsewhere, and takes the blindness.
pub const SEEN_BEFORE: &str = "before";
/// Code of an act on many: nobody tells what whoever did it had seen of each.
pub const SEEN_IN_BULK: &str = "bulk";

/// Whether a code of what was seen tells what automation or others thought of an account.
#[must_use]
pub fn reveals(code: &str) -> bool {
    matches!(
        code,
        "score" | "bars" | "rule" | "decisions" | "reviews" | "standing" | "evidence" | SEEN_BEFORE
    )
}

/// The id of the event that the verdict of a review becomes: the same for the same review.
#[must_use]
pub fn event_id_of(review: &str) -> String {
    format!("v_{:016x}", xxh3_64(review.as_bytes()))
}

words! {
    /// What a reviewer did.
    Act {
        /// Opened a case.
        Open = "open",
        /// Took a case.
        Claim = "claim",
        /// Gave it back.
        Release = "release",
        /// Decided.
        Verdict = "verdict",
        /// Wrote a note.
        Note = "note",
        /// Labelled the account.
        Label = "label",
        /// Took an act back.
        Undo = "undo",
        /// Passed it on.
        Escalate = "escalate",
        /// Passed it over.
        Skip = "skip",
    }
}
words! {
    /// What a reviewer says the account is.
    Label {
        /// It abuses.
        Abusive = "abusive",
        /// It was taken over.
        Compromised = "compromised",
        /// It does no harm.
        Benign = "benign",
        /// The evidence does not say; makes no training label.
        CannotTell = "cannot_tell",
    }
}
words! {
    /// What an account did to an entity.
    Touch {
        /// It was seen on it.
        Seen = "seen",
        /// It was registered on it (or is younger than 24 h).
        Registered = "registered",
        /// It was restricted by a human or a sure case.
        Restricted = "restricted",
        /// It wrote to it for the first time.
        FirstContact = "first_contact",
        /// It was deleted: no later fact may name it.
        Deleted = "deleted",
    }
}

/// One line of `weir.reviews`, key = `account`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Unique id.
    pub id: String,
    /// The case.
    pub case: String,
    /// The account.
    pub account: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Who, a pseudonym.
    pub actor: String,
    /// What was done.
    pub act: Act,
    /// For `verdict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The decision judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Scope of the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Limit of the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// End of the verdict's restriction, ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// The clause of the operator's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The reviewer's reason, at most 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For `label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// What the reviewer had seen, as codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
    /// For `undo`: the review taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The bulk act it was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

impl Review {
    /// Whether it keeps the contract: every limit, and what its act needs.
    ///
    /// # Errors
    /// If it is not to be taken, with the field and the reason.
    pub fn check(&self) -> Result<(), Refusal> {
        for (field, id) in
            [("id", &self.id), ("case", &self.case), ("account", &self.account), ("actor", &self.actor)]
        {
            id_of(field, id)?;
        }
        for (field, id) in [("decision", &self.decision), ("undoes", &self.undoes), ("batch", &self.batch)] {
            id.as_ref().map_or(Ok(()), |id| id_of(field, id))?;
        }
        for (field, text) in [("policy", &self.policy), ("reason", &self.reason)] {
            let bytes = text.as_ref().map_or(0, String::len);
            if bytes > TEXT_BYTES_MAX {
                return Err(out_of_range(field, &format!("{bytes} bytes; at most {TEXT_BYTES_MAX}")));
            }
        }
        if self.shown.len() > REVIEW_SHOWN_MAX {
            let detail = format!("shown: {} items; at most {REVIEW_SHOWN_MAX}", self.shown.len());
            return Err(Refusal::new(RejectReason::ListTooLong, detail));
        }
        self.shown.iter().try_for_each(|code| id_of("shown", code))?;
        for (field, ms) in [("at", Some(self.at)), ("expires", self.expires)] {
            if ms.is_some_and(|ms| !(TS_MS_MIN..=TS_MS_MAX).contains(&ms)) {
                let detail =
                    format!("{field}: not a time in ms between {TS_MS_MIN} (2001) and {TS_MS_MAX} (2100)");
                return Err(Refusal::new(RejectReason::BadTime, detail));
            }
        }
        if self.limit.is_some_and(|limit| limit.per_s == 0) {
            return Err(out_of_range("limit", "per_s is at least 1"));
        }
        if self.account == ENFORCEMENT_KEY {
            let detail = format!(
                "account: {ENFORCEMENT_KEY} is a key of weir's own; turn the kill switch with a control"
            );
            return Err(Refusal::new(RejectReason::ForgedInternal, detail));
        }
        self.check_act()
    }

    /// Whether the act has what it needs, and nothing that it would not carry out.
    fn check_act(&self) -> Result<(), Refusal> {
        let missing = |detail: &str| Err(Refusal::new(RejectReason::MissingField, detail));
        let Some(verdict) = self.verdict else {
            return match self.act {
                Act::Verdict => missing("verdict: absent, but required for the act verdict"),
                Act::Label if self.label.is_none() => {
                    missing("label: absent, but required for the act label")
                }
                Act::Undo if self.undoes.is_none() => {
                    missing("undoes: absent, but required for the act undo")
                }
                _ => Ok(()),
            };
        };
        if self.act != Act::Verdict {
            let detail =
                format!("verdict: with the act {} it would change nothing: send the act verdict", self.act);
            return Err(Refusal::new(RejectReason::UnknownWord, detail));
        }
        match verdict {
            Verdict::Confirm if self.decision.is_none() => {
                missing("decision: absent; confirm names the decision that is confirmed")
            }
            Verdict::Change if self.decision.is_none() && self.limit.is_none() => {
                missing("limit: absent; change names a limit, or the decision whose scope or end is changed")
            }
            _ => Ok(()),
        }
    }

    /// The id of the event that its verdict becomes: [`event_id_of`] its own.
    #[must_use]
    pub fn event_id(&self) -> String {
        event_id_of(&self.id)
    }

    /// What its verdict only puts right: the review that it takes back or, where it belongs to no case, the decision.
    fn puts_right(&self) -> Option<&str> {
        let of_no_case = || (self.case == NO_CASE).then(|| self.decision.as_deref().unwrap_or(NO_CASE));
        self.undoes.as_deref().or_else(of_no_case)
    }

    /// Whether the reviewer had seen what automation or others thought of the account; `None`: nobody tells.
    #[must_use]
    pub fn had_seen(&self) -> Option<bool> {
        match self.shown.iter().any(|code| reveals(code)) {
            true => Some(true),
            false if self.shown.is_empty() || self.shown.iter().any(|code| code == SEEN_IN_BULK) => None,
            false => Some(false),
        }
    }

    /// What its verdict becomes in the account's own log, under [`Review::event_id`]; `None` for every other act.
    #[must_use]
    pub fn verdict_event<'a>(&'a self, id: &'a str) -> Option<Event<'a>> {
        if self.act != Act::Verdict {
            return None;
        }
        let verdict = VerdictEvent {
            verdict: self.verdict?,
            actor: &self.actor,
            decision: self.decision.as_deref(),
            scope: self.scope,
            limit: self.limit,
            expires: self.expires,
            undoes: self.puts_right(),
        };
        let (account, body) = (&*self.account, Body::Verdict(verdict));
        Some(Event { id, ts: self.at, at: None, account, age_h: None, idle_h: None, body })
    }
}

fn id_of(field: &str, id: &str) -> Result<(), Refusal> {
    match id.len() {
        0 => Err(Refusal::new(RejectReason::EmptyId, format!("{field}: empty"))),
        1..=ID_BYTES_MAX => Ok(()),
        bytes => {
            let detail = format!("{field}: {bytes} bytes; at most {ID_BYTES_MAX}");
            Err(Refusal::new(RejectReason::IdTooLong, detail))
        }
    }
}

fn out_of_range(field: &str, what: &str) -> Refusal {
    Refusal::new(RejectReason::OutOfRange, format!("{field}: {what}"))
}

/// One line of `weir.relations`, key = `kind:#hash` of the entity: an account touched something that others may share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// `kind:pseudonym`; with `restricted` and `deleted` also `kind:#hash` (16 hexadecimal digits), since an account
    /// remembers only that of what it touched.
    pub entity: String,
    /// The account.
    pub account: String,
    /// Event time, ms since the Unix epoch.
    pub ts: u64,
    /// What it did.
    pub what: Touch,
    /// The record that caused it.
    pub origin: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn review(more: &str) -> Review {
        let text =
            format!(r#"{{"id":"r_1","case":"k_1","account":"a_1","at":1732453200456,"actor":"r_9"{more}}}"#);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[track_caller]
    fn refused(more: &str, reason: RejectReason, says: &str) {
        let refusal = review(more).check().expect_err("refused");
        assert_eq!(refusal.reason, reason, "{refusal}");
        assert!(refusal.detail.contains(says), "{refusal}");
    }

    #[test]
    fn a_verdict_becomes_an_event_of_the_account_that_passes_every_check() {
        let all = r#","act":"verdict","verdict":"change","decision":"d_1","scope":"messages",
            "limit":{"max":5,"per_s":3600},"expires":1732456800456,"reason":"bulk","undoes":"r_0""#;
        let ban = r#","act":"verdict","verdict":"ban""#;
        for more in [all, ban] {
            let review = review(more);
            review.check().expect("fine");
            let id = review.event_id();
            let event = review.verdict_event(&id).expect("a verdict");
            let mut line = Vec::new();
            json::encode(&event, &mut line);
            let raw = json::decode(line.trim_ascii_end()).expect("an event");
            assert_eq!(raw.event().expect("fine"), Some(event.clone()));
            assert_eq!((event.account, event.ts, &*id), ("a_1", 1_732_453_200_456, &*review.event_id()));
        }
    }

    #[test]
    fn a_verdict_that_only_puts_right_what_was_done_says_so() {
        let undoes = |more: &str| {
            let review = Review { case: NO_CASE.to_owned(), ..review(more) };
            review.check().expect("fine");
            let event = review.verdict_event("v").expect("a verdict");
            match event.body {
                Body::Verdict(verdict) => verdict.undoes.map(str::to_owned),
                _ => None,
            }
        };
        let lift = r#","act":"verdict","verdict":"lift""#;
        assert_eq!(undoes(&format!(r#"{lift},"undoes":"r_0""#)).as_deref(), Some("r_0"));
        assert_eq!(undoes(&format!(r#"{lift},"decision":"d_1""#)).as_deref(), Some("d_1"));
        assert_eq!(undoes(lift).as_deref(), Some(NO_CASE));
        let plain = review(lift);
        let body = plain.verdict_event("v").expect("a verdict").body;
        assert!(matches!(body, Body::Verdict(VerdictEvent { undoes: None, .. })));
    }

    #[test]
    fn what_was_seen_is_known_only_if_somebody_tells() {
        let seen = |shown: &str| review(&format!(r#","act":"note","shown":[{shown}]"#)).had_seen();
        for shown in [r#""score""#, r#""timeline","before""#, r#""timeline","bars""#, r#""bulk","rule""#] {
            assert_eq!(seen(shown), Some(true), "{shown}");
        }
        assert_eq!(seen(r#""timeline","reports""#), Some(false));
        assert_eq!((seen(""), seen(r#""bulk""#)), (None, None));
    }

    #[test]
    fn other_acts_become_no_event() {
        for act in ["open", "claim", "release", "note", "escalate", "skip"] {
            let review = review(&format!(r#","act":"{act}""#));
            review.check().expect("fine");
            assert_eq!(review.verdict_event("e"), None, "{act}");
        }
    }

    #[test]
    fn what_could_not_be_carried_out_is_refused_with_what_to_do() {
        use RejectReason::{
            BadTime, EmptyId, ForgedInternal, IdTooLong, ListTooLong, MissingField, OutOfRange, UnknownWord,
        };
        refused(r#","act":"verdict""#, MissingField, "verdict");
        refused(r#","act":"verdict","verdict":"confirm""#, MissingField, "decision");
        refused(r#","act":"verdict","verdict":"change","scope":"messages""#, MissingField, "limit");
        refused(r#","act":"undo""#, MissingField, "undoes");
        refused(r#","act":"label""#, MissingField, "label");
        refused(r#","act":"undo","undoes":"r_0","verdict":"lift""#, UnknownWord, "send the act verdict");
        refused(r#","act":"verdict","verdict":"ban","expires":17"#, BadTime, "expires");
        let limit = r#","act":"verdict","verdict":"change","limit":{"max":5,"per_s":0}"#;
        refused(limit, OutOfRange, "per_s");
        refused(r#","act":"note","batch":"""#, EmptyId, "batch");
        refused(&format!(r#","act":"note","batch":"{}""#, "b".repeat(65)), IdTooLong, "65 bytes");
        refused(&format!(r#","act":"note","reason":"{}""#, "x".repeat(1_025)), OutOfRange, "1025 bytes");
        let shown = vec!["\"x\""; REVIEW_SHOWN_MAX + 1].join(",");
        refused(&format!(r#","act":"note","shown":[{shown}]"#), ListTooLong, "65 items");
        let switch = Review { account: ENFORCEMENT_KEY.to_owned(), ..review(r#","act":"note""#) };
        assert_eq!(switch.check().expect_err("reserved").reason, ForgedInternal);
    }
}
