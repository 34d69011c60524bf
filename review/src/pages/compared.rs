//! A version beside the one that is in force in its place: a policy line by line, a model and a list figure by figure.
//!
//! Separate from the pages that show it: a proposal and a version by itself. Pure. Invariants: what is not known of one of the two is a
//! dash; a figure says what it was measured on; a filter is never said to list its entries, the exact set beside it is.

use schema::desk::{Described, ListCard, ListChange, ModelCard, RuleNote};

use super::when;
use crate::diff::{Change, diff};
use crate::drift::{self, Bins};
use crate::strings::Strings;

/// The comparison as it is shown.
#[derive(Default)]
pub(super) struct Compared {
    /// Lines of a policy with their class; `None`: there are none to compare.
    pub(super) lines: Option<Vec<(&'static str, String)>>,
    /// Figures of a model or list.
    pub(super) facts: Vec<Fact>,
    /// What was added, and what was taken away, by name: columns of a model.
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    /// How far entries of a list differ, as a sentence; empty: it is none, or they cannot be compared.
    pub(super) entries: String,
    /// Whether it is a list, of which it is to be said what a filter cannot do.
    pub(super) is_list: bool,
    /// Whether there is something in force to compare with.
    pub(super) has_other: bool,
}

/// A figure of both.
pub(super) struct Fact {
    pub(super) what: String,
    pub(super) live: String,
    pub(super) this: String,
    pub(super) is_changed: bool,
}

impl Compared {
    /// Whether there is anything to show.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_none() && self.facts.is_empty()
    }
}

/// What the comparison is made from.
pub(super) struct Both {
    /// The version.
    pub(super) this: Option<Described>,
    /// What is in force in its place.
    pub(super) live: Option<Described>,
    /// How entries of two lists differ.
    pub(super) change: Option<ListChange>,
    /// The policy's rules and bands.
    pub(super) rules: Vec<RuleNote>,
    /// Scores of the last day by version of the model.
    pub(super) today: Vec<(String, Bins)>,
}

/// Compares.
pub(super) fn compared(t: &Strings, both: &Both) -> Compared {
    let has_other = both.live.is_some();
    match (&both.this, &both.live) {
        (Some(Described::Policy(this)), live) => {
            let live = match live {
                Some(Described::Policy(text)) => text.as_str(),
                _ => "",
            };
            Compared { lines: lines(t, live, this), has_other, ..Compared::default() }
        }
        (Some(Described::Model(this)), live) => {
            let live = match live {
                Some(Described::Model(card)) => Some(&**card),
                _ => None,
            };
            let not_in = |a: &ModelCard, b: &ModelCard| -> Vec<String> {
                let gone = a.columns.iter().filter(|column| !b.columns.contains(column));
                gone.map(|column| super::case::feature(t, column)).collect()
            };
            Compared {
                facts: model(t, both, (live, this)),
                added: live.map_or(Vec::new(), |live| not_in(this, live)),
                removed: live.map_or(Vec::new(), |live| not_in(live, this)),
                has_other,
                ..Compared::default()
            }
        }
        (Some(Described::Blocklist(this)), live) => {
            let live = match live {
                Some(Described::Blocklist(card)) => Some(&**card),
                _ => None,
            };
            let told = |change: &ListChange| {
                t.fill("version.entries_change", [change.added, change.removed, change.kept].map(when::count))
            };
            let entries = both.change.as_ref().map_or(String::new(), told);
            Compared {
                facts: list(t, (live, this)),
                entries,
                is_list: true,
                has_other,
                ..Compared::default()
            }
        }
        (Some(Described::Exempt(this)), live) => {
            let live = match live {
                Some(Described::Exempt(accounts)) => when::count(*accounts),
                _ => dash(),
            };
            let facts = vec![fact(t.say("version.accounts"), live, when::count(*this))];
            Compared { facts, has_other, ..Compared::default() }
        }
        (None, _) => Compared { has_other, ..Compared::default() },
    }
}

fn dash() -> String {
    "–".to_owned()
}

fn fact(what: impl Into<String>, live: String, this: String) -> Fact {
    Fact { is_changed: live != this && live != dash(), what: what.into(), live, this }
}

/// What a policy changes, line by line; `None`: it is too long.
fn lines(t: &Strings, from: &str, to: &str) -> Option<Vec<(&'static str, String)>> {
    let line = |change: Change<'_>| match change {
        Change::Same(line) => ("same", format!("  {line}")),
        Change::Added(line) => ("added", format!("+ {line}")),
        Change::Removed(line) => ("removed", format!("- {line}")),
        Change::Skipped(count) => ("muted", t.fill("control.skipped", [count.to_string()])),
    };
    Some(diff(from, to)?.into_iter().map(line).collect())
}

/// Something that a page says of a model.
type Of<'a> = dyn Fn(&ModelCard) -> String + 'a;

fn model(t: &Strings, both: &Both, (live, this): (Option<&ModelCard>, &ModelCard)) -> Vec<Fact> {
    let row = |key: &str, of: &Of<'_>| fact(t.say(key), live.map_or_else(dash, of), of(this));
    let mut facts = vec![
        row("version.learner", &|card| t.word("learner", &card.learner).to_owned()),
        row("version.trees", &|card| {
            if card.trees == 0 {
                dash()
            } else {
                format!("{} · {}", when::count(card.trees), when::count(card.leaves))
            }
        }),
        row("version.columns", &|card| card.columns.len().to_string()),
        row("version.trained_on", &|card| {
            t.say(if card.is_simulated { "version.simulated" } else { "version.labelled" }).to_owned()
        }),
        row("version.labels", &|card| when::count(card.labels)),
        row("version.data", &|card| card.data.clone()),
        row("version.calibration", &|card| calibration(t, card)),
        row("version.calibration_error", &|card| error(card)),
    ];
    for rule in &both.rules {
        let Some(score) = rule.when.strip_prefix("score >= ").and_then(|score| score.parse::<f32>().ok())
        else {
            continue;
        };
        let what = t.fill("version.above", [rule.name.as_str(), rule.when.trim_start_matches("score ")]);
        let of = |card: &ModelCard| above(card, score);
        facts.push(fact(what, live.map_or_else(dash, of), above(this, score)));
    }
    for (name, value) in &this.metrics {
        let of = live.and_then(|live| live.metrics.iter().find(|(other, _)| other == name));
        let live = of.map_or_else(dash, |(_, value)| measure(*value));
        facts.push(fact(t.word("metric", name), live, measure(*value)));
    }
    let trained =
        |card: &ModelCard| drift::trained(card.reliability.iter().map(|[mean, _, weight]| (*mean, *weight)));
    let index = |index: Option<f64>| index.map_or_else(dash, |index| format!("{index:.2}"));
    if let Some(live) = live {
        let between = index(drift::index(&trained(live), &trained(this)));
        facts.push(Fact {
            what: t.say("version.psi_between").to_owned(),
            live: dash(),
            this: between,
            is_changed: false,
        });
    }
    let today = |card: &ModelCard| {
        let now = both.today.iter().find(|(version, _)| *version == card.version);
        index(now.and_then(|(_, now)| drift::index(&trained(card), now)))
    };
    let (of_live, of_this) = (live.map_or_else(dash, today), today(this));
    facts.push(Fact {
        what: t.say("version.psi_today").to_owned(),
        live: of_live,
        this: of_this,
        is_changed: false,
    });
    facts
}

/// A measure: a count whole, a share to four places.
fn measure(value: f32) -> String {
    if value >= 2.0 && value.fract() == 0.0 { when::count(value as u64) } else { format!("{value:.4}") }
}

fn calibration(t: &Strings, card: &ModelCard) -> String {
    let line = card.calibration.map_or_else(dash, |(slope, offset)| format!("{slope:.3} x {offset:+.3}"));
    match card.curve {
        0 => line,
        points => format!("{line} · {}", t.fill("version.curve", [points.to_string()])),
    }
}

/// The expected calibration error on rows held back from training: how far mean probability and observed share lie apart, by weight.
fn error(card: &ModelCard) -> String {
    let all: f64 = card.reliability.iter().map(|[_, _, weight]| f64::from(*weight)).sum();
    if all <= 0.0 {
        return dash();
    }
    let apart = |[mean, share, weight]: &[f32; 3]| f64::from((mean - share).abs()) * f64::from(*weight);
    format!("{:.4}", card.reliability.iter().map(apart).sum::<f64>() / all)
}

/// The share of rows held back from training in bins whose mean is at or above a score.
fn above(card: &ModelCard, score: f32) -> String {
    let weight = |of: &dyn Fn(f32) -> bool| -> f64 {
        card.reliability.iter().filter(|[mean, ..]| of(*mean)).map(|[_, _, weight]| f64::from(*weight)).sum()
    };
    let all = weight(&|_| true);
    if all <= 0.0 { dash() } else { when::percent(weight(&|mean| mean >= score) / all) }
}

fn list(t: &Strings, (live, this): (Option<&ListCard>, &ListCard)) -> Vec<Fact> {
    let row =
        |what: String, of: &dyn Fn(&ListCard) -> String| fact(what, live.map_or_else(dash, of), of(this));
    let say = |key: &str| t.say(key).to_owned();
    let count_of = |all: &[(String, u64)], name: &str| {
        all.iter()
            .find(|(other, _)| other == name)
            .map_or_else(|| "0".to_owned(), |(_, count)| when::count(*count))
    };
    let mut facts = vec![row(say("version.entries"), &|card| when::count(card.entries))];
    for kind in names(live.map(|card| &*card.kinds), &this.kinds) {
        facts.push(row(format!("· {}", t.word("look_up", &kind)), &|card| count_of(&card.kinds, &kind)));
    }
    for source in names(live.map(|card| &*card.sources), &this.sources) {
        facts.push(row(t.fill("version.source", [&source]), &|card| count_of(&card.sources, &source)));
    }
    let rate = |card: &ListCard| {
        let [rate, low, high] = card.false_positives.map(|share| format!("{share:.1e}"));
        t.fill("version.rate", [rate, low, high])
    };
    let filter = |card: &ListCard| {
        let bits = card.filter_bytes as f64 * 8.0 / card.entries.max(1) as f64;
        t.fill("version.filter_size", [when::count(card.filter_bytes), format!("{bits:.1}")])
    };
    facts.extend([
        row(say("version.by_human"), &|card| when::count(card.by_human)),
        row(say("version.ending"), &|card| when::count(card.ending)),
        row(say("version.bytes"), &|card| when::count(card.bytes)),
        row(say("version.filter"), &filter),
        row(say("version.false_positives"), &rate),
    ]);
    facts
}

/// Names of both, those of the newer one first.
fn names(live: Option<&[(String, u64)]>, this: &[(String, u64)]) -> Vec<String> {
    let mut all: Vec<String> = this.iter().map(|(name, _)| name.clone()).collect();
    for (name, _) in live.unwrap_or_default() {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Language;

    fn card(version: &str, trees: u64, columns: &[&str]) -> ModelCard {
        ModelCard {
            version: version.to_owned(),
            learner: "trees".to_owned(),
            trees,
            leaves: trees * 8,
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            metrics: vec![("auc".to_owned(), 0.99), ("held_out_rows".to_owned(), 4_000.0)],
            reliability: vec![[0.01, 0.02, 900.0], [0.97, 0.95, 100.0]],
            calibration: Some((1.5, -0.25)),
            ..ModelCard::default()
        }
    }

    fn both(this: Described, live: Option<Described>) -> Both {
        let band = RuleNote {
            name: "high".to_owned(),
            when: "score >= 0.95".to_owned(),
            wants: "warn".to_owned(),
            mode: "enforce".to_owned(),
        };
        Both { this: Some(this), live, change: None, rules: vec![band], today: Vec::new() }
    }

    fn of<'a>(compared: &'a Compared, what: &str) -> (&'a str, &'a str, bool) {
        let found = compared.facts.iter().find(|fact| fact.what.contains(what));
        let fact = found.unwrap_or_else(|| panic!("no {what}"));
        (&fact.live, &fact.this, fact.is_changed)
    }

    #[test]
    fn a_model_is_compared_by_trees_columns_thresholds_calibration_measures_and_drift() {
        let t = Language::English.strings();
        let live = Described::Model(Box::new(card("a", 100, &["messages_1m", "lookups_1h"])));
        let mut this = card("b", 50, &["messages_1m", "forwards_1h"]);
        this.reliability = vec![[0.01, 0.02, 500.0], [0.97, 0.95, 500.0]];
        let mut both = both(Described::Model(Box::new(this)), Some(live));
        let mut now = [0.0; schema::history::SCORE_BINS];
        (now[0], now[19]) = (500.0, 500.0);
        both.today.push(("b".to_owned(), now));
        let found = compared(t, &both);
        assert_eq!(of(&found, "Trees"), ("100 · 800", "50 · 400", true));
        assert_eq!(of(&found, "Columns"), ("2", "2", false));
        assert_eq!(of(&found, "Calibration"), ("1.500 x -0.250", "1.500 x -0.250", false));
        assert_eq!(of(&found, "Calibration error"), ("0.0110", "0.0150", true));
        assert_eq!(of(&found, "high"), ("10.0\u{202f}%", "50.0\u{202f}%", true));
        assert_eq!(of(&found, "Rows held back"), ("4\u{202f}000", "4\u{202f}000", false));
        assert_eq!(of(&found, "between the two").1, "0.88");
        assert_eq!(of(&found, "last day"), ("–", "0.00", false));
        assert_eq!((found.added.len(), found.removed.len()), (1, 1));
        assert!(!found.is_list && found.has_other);
    }

    #[test]
    fn a_list_is_compared_by_size_source_and_measured_rate_and_a_first_one_with_nothing() {
        let t = Language::English.strings();
        let card = |entries: u64, source: &str| ListCard {
            entries,
            kinds: vec![("device".to_owned(), entries)],
            sources: vec![(source.to_owned(), entries)],
            filter_bytes: entries * 3,
            false_positives: [1e-4, 9e-5, 1.2e-4],
            ..ListCard::default()
        };
        let list = |card: ListCard| Described::Blocklist(Box::new(card));
        let mut both = both(list(card(10, "feed")), Some(list(card(8, "people"))));
        both.change = Some(ListChange { added: 3, removed: 1, kept: 7 });
        let found = compared(t, &both);
        assert_eq!(of(&found, "Entries"), ("8", "10", true));
        assert_eq!((of(&found, "feed"), of(&found, "people")), (("0", "10", true), ("8", "0", true)));
        assert!(of(&found, "False positives").1.contains("1.0e-4"));
        assert!(
            found.is_list && found.entries.contains('3') && found.entries.contains('7'),
            "{}",
            found.entries
        );
        let first = compared(t, &Both { live: None, change: None, ..both });
        assert_eq!(of(&first, "Entries"), ("–", "10", false));
        assert!(!first.has_other && !first.is_empty() && first.entries.is_empty());
    }
}
