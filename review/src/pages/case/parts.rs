//! The parts of the screen: from records to lines of text.
//!
//! Separate from gathering and from the template. Pure. Invariants: every account but the viewed one is shortened; a feature is said
//! in words and its own unit; a bar's length is relative to the longest.

use schema::desk::{Explained, FeatureNote};
use schema::history::Heard;
use schema::{Action, Contact, Decision, Restriction};

use crate::audit;
use crate::desk::case::Case;
use crate::desk::clause::Clause;
use crate::desk::rank;
use crate::desk::sheet::{Linked, Sheet};
use crate::strings::Strings;
use crate::when;

/// Bars on the screen.
const BARS: usize = 10;
/// Length of the longest bar, user units of its picture.
const BAR: f32 = 200.0;
/// Windows in their order.
pub(super) const WINDOWS: [&str; 6] = ["1m", "10m", "1h", "24h", "7d", "30d"];

/// A reason with its value.
pub(in crate::pages) struct Reason {
    pub(in crate::pages) text: String,
    pub(in crate::pages) feature: String,
    pub(in crate::pages) meaning: String,
    pub(in crate::pages) value: String,
    pub(in crate::pages) contribution: String,
}

/// A part of the score.
pub(in crate::pages) struct Bar {
    pub(in crate::pages) feature: String,
    pub(in crate::pages) meaning: String,
    pub(in crate::pages) value: String,
    pub(in crate::pages) contribution: String,
    pub(in crate::pages) is_for: bool,
    pub(in crate::pages) x: String,
    pub(in crate::pages) width: String,
}

/// Something in force.
pub(in crate::pages) struct Restricted {
    pub(in crate::pages) text: String,
    pub(in crate::pages) ends: String,
    pub(in crate::pages) is_human: bool,
    /// The decision, if a statement of reasons is due about it.
    pub(in crate::pages) decision: String,
}

/// A block or report.
pub(in crate::pages) struct ReportLine {
    pub(in crate::pages) reason: String,
    pub(in crate::pages) author: String,
    pub(in crate::pages) contact: String,
    pub(in crate::pages) age: String,
    pub(in crate::pages) alike: u32,
    pub(in crate::pages) when: String,
    /// What it weighs, 0 to 1, and in a word.
    pub(in crate::pages) weight: String,
    pub(in crate::pages) belief: String,
    pub(in crate::pages) tone: &'static str,
}

/// An account that shares something.
pub(in crate::pages) struct LinkedLine {
    pub(in crate::pages) account: String,
    pub(in crate::pages) path: String,
    pub(in crate::pages) by: String,
    pub(in crate::pages) in_force: String,
}

/// A decision or something that a person said.
pub(in crate::pages) struct HistoryLine {
    pub(in crate::pages) at: String,
    pub(in crate::pages) stamp: String,
    pub(in crate::pages) order: u64,
    pub(in crate::pages) who: String,
    pub(in crate::pages) text: String,
    pub(in crate::pages) detail: String,
    pub(in crate::pages) is_human: bool,
    pub(in crate::pages) is_undone: bool,
    /// The case and act that can be taken back; empty: none.
    pub(in crate::pages) undo: (String, String),
}

/// A feature in words: `new_chats_1h` is "new chats an hour".
pub(in crate::pages) fn feature(t: &Strings, name: &str) -> String {
    let (stem, window) = split(name);
    let spoken = t.word("stem", stem);
    let spoken = if spoken == stem { stem.replace('_', " ") } else { spoken.to_owned() };
    match window {
        "" => spoken,
        window => format!("{spoken} {}", t.word("window", window)),
    }
}

/// A name's stem and its window, if it has one.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once('_') {
        Some((stem, window)) if WINDOWS.contains(&window) => (stem, window),
        _ => (name, ""),
    }
}

fn note<'a>(notes: &'a [FeatureNote], name: &str) -> Option<&'a FeatureNote> {
    notes.iter().find(|note| note.name == name)
}

/// A value in its own unit.
pub(super) fn value(t: &Strings, note: Option<&FeatureNote>, value: Option<f32>) -> String {
    let Some(value) = value else { return t.say("case.unknown").to_owned() };
    let number = f64::from(value);
    match note.map_or("", |note| &*note.unit) {
        "share" => when::percent(number),
        "s" if number >= 0.0 => when::span(t, (number * 1_000.0) as u64),
        "h" if number >= 0.0 => when::span(t, (number * 3_600_000.0) as u64),
        "count" => when::count(number.max(0.0).round() as u64),
        "flag" => t.say(if number > 0.5 { "case.yes" } else { "case.no" }).to_owned(),
        _ => format!("{number:.2}"),
    }
}

/// What automation did, in one line.
pub(super) fn headline(t: &Strings, judged: Option<&Decision>, case: &Case) -> String {
    match judged {
        Some(decision) => {
            let action = t.word("action", decision.action.word());
            let scope = t.word("scope", decision.scope.word());
            let line = t.fill("case.headline", [action, scope, &when::moment(decision.issued)]);
            format!("{line}. {}", sentence(t, decision))
        }
        None if case.reason.is_empty() => t.word("cause", case.cause.word()).to_owned(),
        None => t.word("reason", &case.reason).to_owned(),
    }
}

/// The leading reason as a sentence; empty: there is none for it.
fn sentence(t: &Strings, decision: &Decision) -> String {
    let key = decision.reasons.first().map_or(String::new(), |reason| format!("reason.{}", reason.code));
    Some(t.say(&key)).filter(|said| **said != key).unwrap_or_default().to_owned()
}

/// A decision's reasons with their values.
pub(super) fn reasons(t: &Strings, decision: &Decision, notes: &[FeatureNote]) -> Vec<Reason> {
    let reason = |reason: &schema::Reason| {
        let name = reason.feature.as_deref().unwrap_or_default();
        let known = note(notes, name);
        Reason {
            text: t.word("reason", &reason.code).replace('_', " "),
            feature: if name.is_empty() { String::new() } else { feature(t, name) },
            meaning: known.map_or(String::new(), |note| note.meaning.clone()),
            value: match reason.value {
                // A probability: no feature's value.
                Some(value) if name.is_empty() => format!("{value:.3}"),
                None if name.is_empty() => String::new(),
                found => value(t, known, found),
            },
            contribution: reason
                .contribution
                .map_or(String::new(), |part| when::kept_together(&format!("{part:+.2}"))),
        }
    };
    decision.reasons.iter().map(reason).collect()
}

/// What would have avoided it, in a sentence.
pub(super) fn counterfactual(t: &Strings, sheet: &Sheet, notes: &[FeatureNote]) -> String {
    let by_rule = sheet.judged.as_ref().and_then(|decision| decision.counterfactual.as_ref());
    let by_model = sheet.explained.as_ref().and_then(|explained| explained.counterfactual.as_ref());
    if by_rule.is_none() && !sheet.ways_out.is_empty() {
        let bound = |one: &schema::Counterfactual| {
            let below = value(t, note(notes, &one.feature), Some(one.below));
            t.fill("case.bound", &[feature(t, &one.feature), below])
        };
        let way = |bounds: &Vec<schema::Counterfactual>| {
            bounds.iter().map(bound).collect::<Vec<_>>().join(t.say("case.and"))
        };
        let ways: Vec<String> = sheet.ways_out.iter().map(way).collect();
        return t.fill("case.ways_out", &[ways.join(t.say("case.or"))]);
    }
    let sentence = |key: &str, found: &schema::Counterfactual| {
        t.fill(key, &[format!("{}", (found.below * 100.0).round() / 100.0), feature(t, &found.feature)])
    };
    match (by_rule, by_model) {
        (Some(found), _) => sentence("case.counterfactual", found),
        (None, Some(found)) => sentence("case.counterfactual_model", found),
        (None, None) => String::new(),
    }
}

/// The largest parts of the score.
pub(super) fn bars(t: &Strings, explained: &Explained, notes: &[FeatureNote]) -> Vec<Bar> {
    let longest = explained.parts.iter().map(|part| part.contribution.abs()).fold(0.01, f32::max);
    let bar = |part: &schema::desk::Part| {
        let known = note(notes, &part.feature);
        let length = part.contribution.abs() / longest * BAR;
        Bar {
            feature: feature(t, &part.feature),
            meaning: known.map_or(String::new(), |note| note.meaning.clone()),
            value: value(t, known, part.value),
            contribution: when::kept_together(&format!("{:+.2}", part.contribution)),
            is_for: part.contribution > 0.0,
            x: format!("{:.1}", if part.contribution > 0.0 { BAR } else { BAR - length }),
            width: format!("{length:.1}"),
        }
    };
    explained.parts.iter().take(BARS).map(bar).collect()
}

/// A restriction in words.
pub(super) fn restricted(t: &Strings, one: &Restriction, now: u64) -> Restricted {
    let (action, scope) = (t.word("action", one.action.word()), t.word("scope", one.scope.word()));
    let limit = one.limit.map_or(String::new(), |limit| {
        let (max, per) = (limit.max.to_string(), when::span(t, u64::from(limit.per_s) * 1_000));
        format!(" {}", t.fill("case.limit_of", &[max, per]))
    });
    Restricted {
        text: format!("{action} · {scope}{limit}"),
        ends: match one.expires {
            Some(expires) => t.fill("queue.in", &[when::span(t, expires.saturating_sub(now))]),
            None => t.say("case.no_end").to_owned(),
        },
        is_human: one.human,
        decision: if one.action == Action::Warn { String::new() } else { one.decision.clone() },
    }
}

/// Blocks and reports, each with what speaks for it and what it weighs among the others.
pub(super) fn reports(t: &Strings, all: &[Heard], now: u64) -> Vec<ReportLine> {
    all.iter().zip(rank::weights(all, now)).map(|(heard, weight)| report(t, heard, (weight, now))).collect()
}

/// How far a report is believed: a word and its colour.
fn belief(weight: f64) -> (&'static str, &'static str) {
    match weight {
        0.5.. => ("case.believed", "good"),
        0.1.. => ("case.half_believed", "warn"),
        weight if weight > 0.0 => ("case.hardly_believed", ""),
        _ => ("case.not_weighed", ""),
    }
}

fn report(t: &Strings, heard: &Heard, (weight, now): (f64, u64)) -> ReportLine {
    let (belief, tone) = belief(weight);
    let contact = match heard.contact {
        Some(Contact::Account) => "case.contact_account",
        Some(Contact::Author) => "case.contact_author",
        Some(Contact::None) => "case.contact_none",
        None => "case.unknown",
    };
    let age = heard.author_age_h.map(|hours| when::span(t, (f64::from(hours) * 3_600_000.0) as u64));
    ReportLine {
        reason: heard.reason.map_or(t.say("case.block"), |reason| t.word("report", reason.word())).to_owned(),
        author: audit::short(&heard.author),
        contact: t.say(contact).to_owned(),
        age: age.unwrap_or_else(|| t.say("case.unknown").to_owned()),
        alike: heard.alike,
        when: t.fill("case.ago", &[when::span(t, now.saturating_sub(heard.at))]),
        weight: format!("{weight:.2}"),
        belief: t.say(belief).to_owned(),
        tone,
    }
}

/// An account that shares something, and what is in force for it.
pub(super) fn linked(t: &Strings, linked: &Linked) -> LinkedLine {
    let by: Vec<&str> = linked.by.iter().map(|kind| t.word("entity", kind.word())).collect();
    let in_force: Vec<&str> = linked.in_force.iter().map(|one| t.word("action", one.action.word())).collect();
    LinkedLine {
        account: audit::short(&linked.account),
        path: format!("/review/account/{}", linked.handle),
        by: by.join(", "),
        in_force: if linked.is_hidden {
            t.say("campaign.hidden").to_owned()
        } else if in_force.is_empty() {
            t.say("case.free").to_owned()
        } else {
            in_force.join(", ")
        },
    }
}

/// A reviewer's reason, with a code in front of it in words.
fn why(t: &Strings, reason: &str) -> String {
    let (code, words) = reason.split_once(": ").unwrap_or((reason, ""));
    match (t.find(&format!("word.why.{code}")), words) {
        (None, _) => reason.to_owned(),
        (Some(said), "") => said.to_owned(),
        (Some(said), words) => format!("{said}: {words}"),
    }
}

/// Decisions and what people said, newest first.
pub(super) fn history(t: &Strings, sheet: &Sheet, (viewer, clauses): (&str, &[Clause])) -> Vec<HistoryLine> {
    let decided = sheet.decisions.iter().map(|decision| {
        let action = t.word("action", decision.action.word());
        let code = decision.reasons.first().map_or("", |reason| &*reason.code);
        HistoryLine {
            at: when::moment(decision.issued),
            stamp: when::stamp(decision.issued),
            order: decision.issued,
            who: decision.rule.clone().unwrap_or_else(|| t.word("source", decision.source.word()).to_owned()),
            text: format!("{action} · {}", t.word("scope", decision.scope.word())),
            detail: t.word("reason", code).replace('_', " "),
            is_human: decision.source == schema::Source::Reviewer,
            is_undone: false,
            undo: (String::new(), String::new()),
        }
    });
    let said = sheet.said.iter().map(|said| {
        let review = &said.review;
        let outcome = review.verdict.map(schema::Verdict::word).or(review.label.map(schema::Label::word));
        let words = t.word("outcome", outcome.unwrap_or(review.act.word())).to_owned();
        let title = |policy: &str| {
            let known = clauses.iter().find(|clause| clause.id == policy);
            known.map_or(policy, |clause| clause.title(t)).to_owned()
        };
        let clause = review.policy.as_deref().map(title);
        let detail = [clause, review.reason.as_deref().map(|reason| why(t, reason))];
        // A label that came with a verdict goes with it.
        let with = review.id.strip_suffix('l').unwrap_or_default();
        let can_undo = !said.undone
            && review.case != "restored"
            && matches!(review.act, schema::Act::Verdict | schema::Act::Label)
            && !sheet.said.iter().any(|other| other.review.id == with);
        HistoryLine {
            at: when::moment(said.at),
            stamp: when::stamp(said.at),
            order: said.at,
            who: if review.actor == viewer {
                t.say("queue.me").to_owned()
            } else {
                audit::short(&review.actor)
            },
            text: words,
            detail: detail.into_iter().flatten().collect::<Vec<_>>().join(": "),
            is_human: true,
            is_undone: said.undone,
            undo: if can_undo { (review.case.clone(), review.id.clone()) } else { Default::default() },
        }
    });
    let mut lines: Vec<HistoryLine> = decided.chain(said).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.order));
    lines
}
