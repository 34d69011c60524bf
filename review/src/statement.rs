//! Statements of reasons: what the EU's transparency database and the person concerned are told about a restriction.
//!
//! Separate from the pages, so that it is pure: a decision in, words out. Invariants: nobody is named, in no field (the database is
//! public): texts are made from codes, features and numbers alone, and are linted all the same; a statement that lacks a required field,
//! has a word that the database does not know or says who somebody is, is not given out.

mod check;
mod notice;

use std::borrow::Cow;

use schema::decision::Decision;
use schema::{Action, Scope, Source};
use serde_json::{Map, Value, json};

use crate::desk::Clause;
use crate::strings::{Language, Strings};
use crate::when::{day, span};

pub use check::{Fault, faults};
pub use notice::notice;

/// Countries of the EU and the EEA: where a restriction holds unless the operator says otherwise.
const EEA: [&str; 30] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT",
    "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Longest ground that the database takes, characters.
const GROUND_CHARS_MAX: usize = 500;

/// What is known besides the decision.
#[derive(Debug, Clone, Default)]
pub struct Besides {
    /// A human made or confirmed it.
    pub human: bool,
    /// Users had reported the account before.
    pub reported: bool,
    /// The clause of the operator's policy that it rests on, if one is known.
    pub clause: Option<Clause>,
}

/// The statement about a restriction, as the database takes it; `None`: the decision restricts nobody, so none is due.
#[must_use]
pub fn statement(decision: &Decision, besides: &Besides) -> Option<Value> {
    if !decision.action.restricts() {
        return None;
    }
    let t = Language::English.strings();
    let mut fields = Map::new();
    let ends = decision.expires.map(day);
    // A ban covers every scope; whatever else only narrows the service.
    if decision.action == Action::Ban {
        let kind = if ends.is_some() { "DECISION_ACCOUNT_SUSPENDED" } else { "DECISION_ACCOUNT_TERMINATED" };
        fields.insert("decision_account".to_owned(), json!(kind));
        fields.extend(ends.map(|end| ("end_date_account_restriction".to_owned(), json!(end))));
    } else {
        fields.insert("decision_provision".to_owned(), json!("DECISION_PROVISION_PARTIAL_SUSPENSION"));
        fields.extend(ends.map(|end| ("end_date_service_restriction".to_owned(), json!(end))));
    }
    let automatic = matches!(decision.source, Source::Rule | Source::Model | Source::Blocklist);
    let decided = match (automatic, besides.human) {
        (true, false) => "AUTOMATED_DECISION_FULLY",
        (true, true) => "AUTOMATED_DECISION_PARTIALLY",
        (false, _) => "AUTOMATED_DECISION_NOT_AUTOMATED",
    };
    let (category, keyword, keyword_text) = category(decision, besides, t);
    let more = json!({
        "puid": decision.id,
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": ground(besides, t),
        "incompatible_content_explanation": explanation(decision, besides, t),
        "incompatible_content_illegal": "No",
        "content_type": ["CONTENT_TYPE_OTHER"],
        "content_type_other": t.say("statement.content"),
        "category": category,
        "category_specification": [keyword],
        "territorial_scope": EEA,
        "content_date": day(decision.issued),
        "application_date": day(decision.issued),
        "decision_facts": facts(decision, besides, t),
        "source_type": if besides.reported { "SOURCE_TYPE_OTHER_NOTIFICATION" } else { "SOURCE_VOLUNTARY" },
        "automated_detection": if automatic { "Yes" } else { "No" },
        "automated_decision": decided,
    });
    fields.extend(more.as_object().cloned().unwrap_or_default());
    let link = besides.clause.as_ref().map(|clause| &clause.link).filter(|link| !link.is_empty());
    fields.extend(link.map(|link| ("decision_ground_reference_url".to_owned(), json!(link))));
    fields.extend(keyword_text.map(|text| ("category_specification_other".to_owned(), json!(text))));
    Some(Value::Object(fields))
}

/// Category, keyword, and what the keyword is if the database has none for it: those of the clause that a person named, else those of
/// the leading reason.
fn category<'a>(
    decision: &Decision,
    besides: &'a Besides,
    t: &'static Strings,
) -> (&'static str, &'static str, Option<&'a str>) {
    if let Some(clause) = besides.clause.as_ref().filter(|_| besides.human) {
        let (category, keyword) = category_of(clause);
        return (category, keyword, (keyword == "KEYWORD_OTHER").then(|| clause.title(t)));
    }
    let code = decision.reasons.first().map_or("", |reason| &*reason.code);
    match code {
        "takeover_burst" | "like_a_takeover" => {
            ("STATEMENT_CATEGORY_SCAMS_AND_FRAUD", "KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING", None)
        }
        "reported_after_contact" => {
            ("STATEMENT_CATEGORY_SCAMS_AND_FRAUD", "KEYWORD_OTHER", Some(t.say("statement.unwanted")))
        }
        "device_farm" | "prefix_farm" | "range_restricted" | "campaign" => {
            ("STATEMENT_CATEGORY_SCAMS_AND_FRAUD", "KEYWORD_INAUTHENTIC_ACCOUNTS", None)
        }
        // A person decided, and which clause they named is not known: nothing is claimed about its kind.
        _ if decision.source == Source::Reviewer => {
            ("STATEMENT_CATEGORY_OTHER_VIOLATION_TC", "KEYWORD_OTHER", Some(t.say("statement.terms")))
        }
        _ => ("STATEMENT_CATEGORY_OTHER_VIOLATION_TC", "KEYWORD_OTHER", Some(t.say("statement.spam"))),
    }
}

/// Category and keyword of a clause: by its id, else by what it covers, so that an operator's own clauses have theirs.
fn category_of(clause: &Clause) -> (&'static str, &'static str) {
    let words = std::iter::once(&clause.id).chain(&clause.covers);
    let mut known = words.filter_map(|word| match &**word {
        "child_safety" => Some(("STATEMENT_CATEGORY_PROTECTION_OF_MINORS", "KEYWORD_OTHER")),
        "threat" => Some(("STATEMENT_CATEGORY_VIOLENCE", "KEYWORD_OTHER")),
        "harassment" => Some(("STATEMENT_CATEGORY_CYBER_VIOLENCE", "KEYWORD_CYBER_HARASSMENT")),
        "scam" => Some(("STATEMENT_CATEGORY_SCAMS_AND_FRAUD", "KEYWORD_OTHER")),
        "impersonation" => {
            Some(("STATEMENT_CATEGORY_SCAMS_AND_FRAUD", "KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING"))
        }
        _ => None,
    });
    known.next().unwrap_or(("STATEMENT_CATEGORY_OTHER_VIOLATION_TC", "KEYWORD_OTHER"))
}

/// Why, in words: of a person's decision what they held against it, else what was noticed; a code that has no words is spam in general.
fn reason<'a>(decision: &Decision, besides: &Besides, t: &'a Strings) -> Cow<'a, str> {
    if decision.source == Source::Reviewer {
        let by_clause = besides.clause.as_ref().map(|clause| t.fill("statement.found", [clause.title(t)]));
        return by_clause.map_or(t.say("statement.found_by_terms").into(), Cow::Owned);
    }
    let code = decision.reasons.first().map_or("", |reason| &*reason.code);
    let key = format!("reason.{code}");
    t.find(&key).unwrap_or_else(|| t.say("reason.other")).into()
}

/// What is restricted, in words.
fn what(decision: &Decision, t: &Strings) -> String {
    let scope = t.word("scope", decision.scope.word());
    match (decision.action, decision.limit) {
        (Action::Ban, _) => t.say("statement.banned").to_owned(),
        (Action::RateLimit, Some(limit)) => {
            let every = span(t, u64::from(limit.per_s) * 1_000);
            t.fill("statement.limited", [scope, &limit.max.to_string(), &every])
        }
        (Action::Challenge, _) if decision.scope == Scope::All => {
            t.say("statement.challenged_all").to_owned()
        }
        (Action::Challenge, _) => t.fill("statement.challenged", [scope]),
        _ => t.fill("statement.restricted", [scope]),
    }
}

/// The clause that it is against, in the operator's words as far as there is room; without one, the terms of service in general.
fn ground(besides: &Besides, t: &Strings) -> String {
    let Some(clause) = &besides.clause else { return t.say("statement.ground").to_owned() };
    let whole = t.fill("statement.clause", [clause.title(t), clause.text(t)]);
    whole.trim_end_matches([':', ' ']).chars().take(GROUND_CHARS_MAX).collect()
}

fn explanation(decision: &Decision, besides: &Besides, t: &Strings) -> String {
    t.fill("statement.explanation", [&*reason(decision, besides, t)])
}

/// The facts: what was measured, by feature and number, and how it was decided.
fn facts(decision: &Decision, besides: &Besides, t: &Strings) -> String {
    let mut text = vec![what(decision, t), t.fill("statement.because", [&*reason(decision, besides, t)])];
    for reason in &decision.reasons {
        if let (Some(feature), Some(value)) = (&reason.feature, reason.value) {
            text.push(t.fill("statement.measured", [feature.as_str(), &number(value)]));
        }
    }
    if let Some(counterfactual) = &decision.counterfactual {
        let values = [counterfactual.feature.as_str(), &number(counterfactual.below)];
        text.push(t.fill("statement.counterfactual", values));
    }
    text.push(
        t.say(if besides.reported { "statement.was_reported" } else { "statement.not_reported" }).to_owned(),
    );
    text.push(t.say("statement.no_content").to_owned());
    text.join(" ")
}

/// A measured value, without digits that nobody reads.
fn number(value: f32) -> String {
    let text = if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    let (whole, rest) = text.split_once('.').map_or((&*text, None), |(whole, rest)| (whole, Some(rest)));
    let digits = whole.trim_start_matches('-');
    // In groups, also so that no long number looks like one of a telephone.
    let mut grouped = whole[..whole.len() - digits.len()].to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

#[cfg(test)]
mod tests;
