//! The clauses of the policy as forms and pages show them.
//!
//! Separate, because every act names one. Invariant: what the operator wrote is shown as text.

use crate::desk::clause::Clause;
use crate::strings::Strings;

/// One to choose.
pub(super) struct Choice {
    /// Its id.
    pub(super) id: String,
    /// What it is called.
    pub(super) title: String,
    /// Its wording; empty: none.
    pub(super) text: String,
    /// Where the whole policy is; empty: nowhere.
    pub(super) link: String,
    /// Whether it is chosen beforehand.
    pub(super) is_chosen: bool,
}

/// All of them, one perhaps chosen.
pub(super) fn choices(t: &Strings, clauses: &[Clause], chosen: Option<&Clause>) -> Vec<Choice> {
    let choice = |clause: &Clause| Choice {
        id: clause.id.clone(),
        title: clause.title(t).to_owned(),
        text: clause.text(t).to_owned(),
        link: clause.link.clone(),
        is_chosen: chosen.is_some_and(|chosen| chosen.id == clause.id),
    };
    clauses.iter().map(choice).collect()
}
