//! Clauses of the operator's policy: what an act rests on, in the operator's words, and which one a case is most likely about.
//!
//! Separate from acts, which only ask whether a clause is one: pages, statements and notices say what it says. Invariants: a clause
//! without words of its own has those of the strings, in every language; which one is chosen beforehand follows from reasons that the
//! viewer may see.

use super::case::Case;
use crate::strings::Strings;

/// Ids where nobody configured others; their words are among the strings as `word.clause.ID` and `clause.ID`.
const IDS: [&str; 8] =
    ["bulk", "automation", "scam", "impersonation", "harassment", "threat", "child_safety", "no_violation"];

/// One clause.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clause {
    /// Its id, which acts name.
    pub id: String,
    /// What it is called; empty: as the strings have it, else its id.
    pub title: String,
    /// Its wording; empty: as the strings have it, if they do.
    pub text: String,
    /// Where the whole policy can be read; empty: nowhere.
    pub link: String,
    /// Codes of reasons, reports and labels for which it is chosen beforehand.
    pub covers: Vec<String>,
}

impl Clause {
    /// Those that are there if nothing is configured; each covers the report of its name.
    #[must_use]
    pub fn defaults() -> Vec<Clause> {
        let clause = |id: &&str| {
            let more = match *id {
                "bulk" => "spam",
                "no_violation" => "benign",
                id => id,
            };
            Clause { id: (*id).to_owned(), covers: vec![more.to_owned()], ..Clause::default() }
        };
        IDS.iter().map(clause).collect()
    }

    /// What it is called.
    pub(crate) fn title<'a>(&'a self, t: &'a Strings) -> &'a str {
        if self.title.is_empty() { t.word("clause", &self.id) } else { &self.title }
    }

    /// Its wording; empty: there is none.
    pub(crate) fn text<'a>(&'a self, t: &'a Strings) -> &'a str {
        if self.text.is_empty() {
            t.find(&format!("clause.{}", self.id)).unwrap_or_default()
        } else {
            &self.text
        }
    }
}

/// The first clause that covers a code.
pub fn covering<'a>(clauses: &'a [Clause], code: &str) -> Option<&'a Clause> {
    clauses.iter().find(|clause| clause.covers.iter().any(|covered| covered == code))
}

/// The clause that a decision of automation rests on: the one that covers its leading reason, else the first.
pub fn of_reason<'a>(clauses: &'a [Clause], code: &str) -> Option<&'a Clause> {
    covering(clauses, code).or(clauses.first())
}

/// The clause that a case is about, as far as whoever is to judge it may know why it is there; `None`: they choose.
pub fn of_case<'a>(clauses: &'a [Clause], case: &Case, is_blind: bool) -> Option<&'a Clause> {
    let reported = case.reported.and_then(|reason| covering(clauses, reason.word()));
    if is_blind {
        return reported;
    }
    let by_reason = Some(&*case.reason).filter(|code| !code.is_empty());
    by_reason.and_then(|code| covering(clauses, code)).or(reported).or_else(|| by_reason.and(clauses.first()))
}

#[cfg(test)]
mod tests {
    use schema::ReportReason;

    use super::*;
    use crate::desk::cause::Cause;
    use crate::strings::Language;

    #[test]
    fn a_case_has_the_clause_of_its_reason_and_a_blind_one_that_of_its_reports_alone() {
        let mut clauses = Clause::defaults();
        clauses[2].covers.push("reported_after_contact".to_owned());
        let mut case = Case::new("k".to_owned(), "a", Cause::Review, 1);
        let chosen = |case: &Case, is_blind| of_case(&clauses, case, is_blind).map(|clause| &*clause.id);
        assert_eq!((chosen(&case, false), chosen(&case, true)), (None, None), "nothing is known of it");
        case.reason = "reported_after_contact".to_owned();
        assert_eq!((chosen(&case, false), chosen(&case, true)), (Some("scam"), None));
        case.reason = "bulk_unanswered".to_owned();
        assert_eq!(chosen(&case, false), Some("bulk"), "the first, where none covers it");
        case.reported = Some(ReportReason::Threat);
        assert_eq!((chosen(&case, false), chosen(&case, true)), (Some("threat"), Some("threat")));
    }

    #[test]
    fn every_clause_has_words_in_every_language_and_an_operators_own_stand_as_they_are() {
        for language in Language::ALL {
            for clause in Clause::defaults() {
                let t = language.strings();
                assert!(
                    clause.title(t) != clause.id && !clause.text(t).is_empty(),
                    "{language:?}: {}",
                    clause.id
                );
            }
        }
        let own = Clause {
            id: "x".to_owned(),
            title: "§ 4".to_owned(),
            text: "No.".to_owned(),
            ..Clause::default()
        };
        let t = Language::Arabic.strings();
        assert_eq!((own.title(t), own.text(t)), ("§ 4", "No."));
    }
}
