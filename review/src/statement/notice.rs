//! What the person concerned is told, in plain language.
//!
//! Separate from the statement for the database, which machines read. Invariants: it says what, why, until when, how it was decided and
//! what can be done about it (Article 17 DSA); nothing in it says how to get round the rule.

use schema::decision::Decision;
use schema::{Action, Source};

use super::{Besides, reason, what};
use crate::strings::Strings;
use crate::when::moment;

/// The notice about a restriction, paragraphs in order; `None`: the decision restricts nobody.
#[must_use]
pub fn notice(decision: &Decision, besides: &Besides, t: &Strings) -> Option<Vec<String>> {
    if !decision.action.restricts() {
        return None;
    }
    let ends = match decision.expires {
        Some(at) => t.fill("notice.until", [moment(at)]),
        None => t.say("notice.no_end").to_owned(),
    };
    let automatic = matches!(decision.source, Source::Rule | Source::Model | Source::Blocklist);
    let how = match (automatic, besides.human) {
        (true, false) => "notice.automatic",
        (true, true) => "notice.confirmed",
        (false, _) => "notice.by_human",
    };
    let mut text = vec![what(decision, t), t.fill("notice.because", [&*reason(decision, besides, t)])];
    if let Some(clause) = &besides.clause {
        let said = t.fill("notice.clause", [clause.title(t), clause.text(t), &clause.link]);
        text.push(said.trim_end().to_owned());
    }
    text.extend([ends, t.say(how).to_owned(), t.say("notice.no_content").to_owned()]);
    if decision.action == Action::Challenge {
        text.push(t.say("notice.challenge").to_owned());
    }
    text.push(t.say("notice.appeal").to_owned());
    text.push(t.fill("notice.reference", [&decision.id]));
    Some(text)
}
