//! What humans said about accounts, and which of it labels a row.
//!
//! Separate from rows, which the engine makes. Invariants: silence, a missing appeal and an automatic decision are never a
//! label, `cannot_tell` makes none; a label joins only rows that are older than it, and not by more than the horizon; a
//! human outranks any number of reports; what a reviewer took back was never said, and what only puts right what was done says nothing
//! of the account.

use std::collections::{BTreeMap, BTreeSet};

use schema::event::{Contact, Feedback, Verdict, VerdictEvent};
use schema::review::{Act, Label, NO_CASE, Review, event_id_of};
use schema::{Body, Event};

/// Distinct origins that must report an account before that labels it.
const REPORTERS_MIN: usize = 3;
/// How old an author must be to count, hours.
const AUTHOR_AGE_H_MIN: f32 = 30.0 * 24.0;
/// Within what time the reports must come, ms.
const REPORTS_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// What a label by reports weighs, against 1 for a human's.
const REPORTS_WEIGHT: f32 = 0.3;

/// Who said it: humans after the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// Several distinct peers to whom the account had written first.
    Reports,
    /// The simulator.
    Truth,
    /// A reviewer, by verdict.
    Verdict,
    /// A reviewer, by a verdict after an appeal.
    Appeal,
    /// A reviewer, by label.
    Review,
}

impl Voice {
    /// As it stands in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Voice::Reports => "reports",
            Voice::Truth => "truth",
            Voice::Verdict => "verdict",
            Voice::Appeal => "appeal",
            Voice::Review => "review",
        }
    }
}

/// One label of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Abusive, compromised or benign.
    pub label: Label,
    /// Who.
    pub voice: Voice,
    /// What it weighs against a human's.
    pub weight: f32,
    /// Whether the reviewer had seen the score or what else tells of automation or others; `None`: nobody tells, or it was no reviewer.
    pub saw_score: Option<bool>,
}

/// All labels.
#[derive(Debug, Default)]
pub struct Labels {
    said: BTreeMap<String, Vec<(String, Said)>>,
    undone: BTreeSet<String>,
    /// When an account appealed first.
    appealed: BTreeMap<String, u64>,
    deleted: BTreeSet<String>,
    /// Time and origin of each credible report.
    reports: BTreeMap<String, Vec<(u64, String)>>,
}

impl Labels {
    /// Notes a line of the reviews.
    pub fn review(&mut self, review: &Review) {
        if let Some(undone) = &review.undoes {
            self.take_back(undone);
        }
        // Verdicts lie among the events, too; one that only puts right what was done is no word about the account in either place.
        let is_restoring = review.undoes.is_some() || review.case == NO_CASE;
        if is_restoring {
            self.take_back(&review.id);
        }
        let label = match review.act {
            _ if is_restoring => None,
            Act::Label => review.label,
            Act::Verdict => review.verdict.and_then(meant),
            _ => None,
        };
        let Some(label) = label.filter(|label| *label != Label::CannotTell) else { return };
        let voice = match review.act {
            Act::Label => Voice::Review,
            _ if self.had_appealed(&review.account, review.at) => Voice::Appeal,
            _ => Voice::Verdict,
        };
        let said = Said { at: review.at, label, voice, weight: 1.0, saw_score: review.had_seen() };
        self.note(&review.account, &review.id, said);
    }

    /// What a review said was never said, neither in it nor in the event that it became.
    fn take_back(&mut self, review: &str) {
        self.undone.extend([review.to_owned(), event_id_of(review)]);
    }

    /// Notes what an event says; `at` is when the log took it.
    pub fn event(&mut self, event: &Event<'_>, at: u64) {
        match &event.body {
            Body::Appeal { .. } => {
                self.appealed.entry(event.account.to_owned()).or_insert(at);
            }
            Body::Deletion => {
                self.deleted.insert(event.account.to_owned());
            }
            // Without reviews the log itself says what was taken back.
            Body::Verdict(VerdictEvent { undoes: Some(undone), .. }) => self.take_back(undone),
            Body::Verdict(verdict) => {
                let Some(label) = meant(verdict.verdict) else { return };
                let appealed = self.had_appealed(event.account, at);
                let voice = if appealed { Voice::Appeal } else { Voice::Verdict };
                let said = Said { at, label, voice, weight: 1.0, saw_score: None };
                self.note(event.account, event.id, said);
            }
            Body::Report { feedback, .. } if is_credible(feedback) => self.report(event, feedback, at),
            _ => {}
        }
    }

    /// Notes the simulator's truth about an account: abusive from `onset` on (ms since the Unix epoch), if ever.
    pub fn truth(&mut self, account: &str, abusive: bool, onset: Option<u64>) {
        let label = if abusive { Label::Abusive } else { Label::Benign };
        let at = if abusive { onset.unwrap_or(0) } else { 0 };
        self.note(account, "", Said { at, label, voice: Voice::Truth, weight: 1.0, saw_score: None });
    }

    /// Whether an account had appealed when something was said of it: events may all be read before the first review.
    fn had_appealed(&self, account: &str, at: u64) -> bool {
        self.appealed.get(account).is_some_and(|appealed| *appealed <= at)
    }

    fn note(&mut self, account: &str, id: &str, said: Said) {
        self.said.entry(account.to_owned()).or_default().push((id.to_owned(), said));
    }

    fn report(&mut self, event: &Event<'_>, feedback: &Feedback<'_>, at: u64) {
        let reports = self.reports.entry(event.account.to_owned()).or_default();
        let origin = origin(feedback);
        reports.retain(|(before, _)| before + REPORTS_MS > at);
        if reports.iter().any(|(_, known)| *known == origin) {
            return;
        }
        reports.push((at, origin));
        if reports.len() == REPORTERS_MIN {
            let (label, voice) = (Label::Abusive, Voice::Reports);
            self.note(
                event.account,
                event.id,
                Said { at, label, voice, weight: REPORTS_WEIGHT, saw_score: None },
            );
        }
    }

    /// Whether the account is deleted: nothing of it may be kept.
    #[must_use]
    pub fn is_deleted(&self, account: &str) -> bool {
        self.deleted.contains(account)
    }

    /// Whether any human said anything.
    #[must_use]
    pub fn are_by_humans(&self) -> bool {
        self.said.values().flatten().any(|(_, said)| said.voice >= Voice::Verdict)
    }

    /// Accounts that were deleted.
    #[must_use]
    pub fn deleted(&self) -> usize {
        self.deleted.len()
    }

    /// The label of a row taken at `at`: of those given later, by at most the horizon, the last by a human, else the last. The simulator's truth holds from its moment on, and before it an account is benign.
    #[must_use]
    pub fn of(&self, account: &str, at: u64, horizon_ms: u64) -> Option<Said> {
        let said = self.said.get(account)?.iter().filter(|(id, _)| !self.undone.contains(id));
        let joined = said.filter_map(|(_, said)| match said.voice {
            Voice::Truth if at < said.at => Some(Said { at, label: Label::Benign, ..said.clone() }),
            Voice::Truth => Some(Said { at, ..said.clone() }),
            _ => (at < said.at && said.at - at <= horizon_ms).then(|| said.clone()),
        });
        joined.max_by_key(|said| (said.voice >= Voice::Verdict, said.at, said.voice))
    }
}

/// What a verdict says about the account, if it says anything.
fn meant(verdict: Verdict) -> Option<Label> {
    match verdict {
        Verdict::Confirm | Verdict::Ban => Some(Label::Abusive),
        Verdict::Lift | Verdict::Exempt => Some(Label::Benign),
        Verdict::Change => None,
    }
}

/// The account wrote first, and the author is known not to be new.
fn is_credible(feedback: &Feedback<'_>) -> bool {
    feedback.contact == Some(Contact::Account)
        && feedback.peer_age_h.is_some_and(|age| age >= AUTHOR_AGE_H_MIN)
}

/// A crowd on one device, network or number range counts as one; authors of whom that is unknown by themselves.
fn origin(feedback: &Feedback<'_>) -> String {
    let shared =
        [("device", feedback.peer_device), ("prefix", feedback.peer_prefix), ("range", feedback.peer_range)];
    let shared = shared.iter().find_map(|(what, which)| which.map(|which| format!("{what}:{which}")));
    shared.unwrap_or_else(|| format!("peer:{}", feedback.peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn review(id: &str, at: u64, act: Act) -> Review {
        Review {
            id: id.to_owned(),
            case: "c".to_owned(),
            account: "a".to_owned(),
            at,
            actor: "r".to_owned(),
            act,
            verdict: None,
            decision: None,
            scope: None,
            limit: None,
            expires: None,
            policy: None,
            reason: None,
            label: None,
            shown: Vec::new(),
            undoes: None,
            batch: None,
        }
    }

    fn labelled(id: &str, at: u64, label: Label) -> Review {
        Review { label: Some(label), shown: vec!["score".to_owned()], ..review(id, at, Act::Label) }
    }

    fn report<'a>(author: &'a str, device: Option<&'a str>, contact: Contact) -> Event<'a> {
        let feedback = Feedback {
            peer: author,
            contact: Some(contact),
            peer_age_h: Some(5_000.0),
            peer_device: device,
            peer_prefix: None,
            peer_range: None,
        };
        let body = Body::Report { feedback, reason: schema::event::ReportReason::Spam };
        Event { id: author, ts: 0, at: None, account: "a", age_h: None, idle_h: None, body }
    }

    #[test]
    fn a_label_joins_older_rows_within_its_horizon_only() {
        let mut labels = Labels::default();
        labels.review(&labelled("1", 10 * DAY, Label::Abusive));
        let found = labels.of("a", 9 * DAY, 7 * DAY).unwrap();
        assert_eq!((found.label, found.voice, found.saw_score), (Label::Abusive, Voice::Review, Some(true)));
        assert_eq!(labels.of("a", 10 * DAY, 7 * DAY), None);
        assert_eq!(labels.of("a", 2 * DAY, 7 * DAY), None);
        assert_eq!(labels.of("b", 9 * DAY, 7 * DAY), None);
    }

    #[test]
    fn cannot_tell_and_what_was_taken_back_are_no_labels() {
        let mut labels = Labels::default();
        labels.review(&labelled("1", 10 * DAY, Label::CannotTell));
        labels.review(&labelled("2", 11 * DAY, Label::Abusive));
        labels.review(&Review { undoes: Some("2".to_owned()), ..review("3", 12 * DAY, Act::Undo) });
        assert_eq!(labels.of("a", 9 * DAY, 7 * DAY), None);
        // A verdict lies among the events, too, and what restores what it did is no word about the account.
        let ban = Review { verdict: Some(Verdict::Ban), ..review("4", 13 * DAY, Act::Verdict) };
        let undoes = Some("4".to_owned());
        let lift = Review { id: "6".to_owned(), verdict: Some(Verdict::Lift), undoes, ..ban.clone() };
        for verdict in [&ban, &lift] {
            labels.review(verdict);
            labels.event(&verdict.verdict_event(&verdict.event_id()).unwrap(), 13 * DAY);
        }
        assert_eq!(labels.of("a", 9 * DAY, 7 * DAY), None);
        // The log says so by itself, if that is all that is read.
        let mut labels = Labels::default();
        labels.event(&ban.verdict_event(&ban.event_id()).unwrap(), 13 * DAY);
        assert_eq!(labels.of("a", 9 * DAY, 7 * DAY).map(|said| said.label), Some(Label::Abusive));
        labels.event(&lift.verdict_event(&lift.event_id()).unwrap(), 13 * DAY);
        assert_eq!(labels.of("a", 9 * DAY, 7 * DAY), None);
    }

    #[test]
    fn lifting_what_a_version_did_says_nothing_of_whom_it_had_restricted() {
        let case = NO_CASE.to_owned();
        let decision = Some("d_1".to_owned());
        let lift = Review { case, decision, verdict: Some(Verdict::Lift), ..review("4", DAY, Act::Verdict) };
        let mut labels = Labels::default();
        labels.review(&lift);
        assert_eq!(labels.of("a", 1, 7 * DAY), None);
        labels.event(&lift.verdict_event(&lift.event_id()).unwrap(), DAY);
        assert_eq!(labels.of("a", 1, 7 * DAY), None, "nor does the event that it became");
        let mut labels = Labels::default();
        labels.event(&lift.verdict_event(&lift.event_id()).unwrap(), DAY);
        assert_eq!(labels.of("a", 1, 7 * DAY), None, "where no reviews are read, either");
        // A lift in a case of the account's own is a word about it.
        labels.review(&Review { case: "c".to_owned(), ..lift });
        assert_eq!(labels.of("a", 1, 7 * DAY).map(|said| said.label), Some(Label::Benign));
    }

    #[test]
    fn a_label_knows_that_its_reviewer_had_seen_what_others_thought() {
        let saw = |shown: &[&str]| {
            let shown = shown.iter().map(|code| (*code).to_owned()).collect();
            let mut labels = Labels::default();
            labels.review(&Review { shown, ..labelled("1", DAY, Label::Abusive) });
            labels.of("a", 1, 7 * DAY).and_then(|said| said.saw_score)
        };
        assert_eq!(saw(&["timeline", "before"]), Some(true));
        assert_eq!(saw(&["timeline", "bars"]), Some(true));
        assert_eq!((saw(&["timeline"]), saw(&["bulk"])), (Some(false), None));
    }

    #[test]
    fn a_human_outranks_reports_and_the_last_word_counts() {
        let mut labels = Labels::default();
        for author in ["x", "y", "z"] {
            labels.event(&report(author, None, Contact::Account), 9 * DAY);
        }
        assert_eq!(
            labels.of("a", 8 * DAY, 7 * DAY).map(|said| (said.label, said.weight)),
            Some((Label::Abusive, 0.3))
        );
        labels.review(&labelled("1", 10 * DAY, Label::Abusive));
        labels.review(&labelled("2", 11 * DAY, Label::Benign));
        assert_eq!(labels.of("a", 8 * DAY, 7 * DAY).map(|said| said.label), Some(Label::Benign));
        let verdict = Review { verdict: Some(Verdict::Lift), ..review("4", 12 * DAY, Act::Verdict) };
        labels.review(&Review { account: "b".to_owned(), ..verdict });
        assert_eq!(labels.of("b", 8 * DAY, 7 * DAY).map(|said| said.voice), Some(Voice::Verdict));
    }

    #[test]
    fn a_crowd_that_looks_alike_or_was_never_written_to_labels_nobody() {
        let mut labels = Labels::default();
        for author in ["p", "q", "r", "s"] {
            labels.event(&report(author, Some("one device"), Contact::Account), DAY);
            labels.event(&report(author, None, Contact::None), DAY);
            labels.event(&report(author, None, Contact::Author), DAY);
        }
        assert_eq!(labels.of("a", 1, 7 * DAY), None);
    }

    #[test]
    fn the_truth_holds_from_the_onset_on() {
        let mut labels = Labels::default();
        labels.truth("a", true, Some(5 * DAY));
        assert_eq!(labels.of("a", 4 * DAY, 1).map(|said| said.label), Some(Label::Benign));
        assert_eq!(labels.of("a", 6 * DAY, 1).map(|said| said.label), Some(Label::Abusive));
    }
}
