//! What shadows would have done, beside what was done to the same accounts.
//!
//! Separate from what is in force. Invariants: it counts accounts and names none; each answer has an address of its own; a history that
//! does not answer is said to be so.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as Extract};
use schema::Action;
use schema::history::{Beside, Shadow, Shadowed, Span, Told};

use super::frame::{Frame, page};
use super::guard::encoded;
use super::when;
use super::wrong::{Answered, work};
use crate::chart;
use crate::desk::Desk;
use crate::people::Viewer;
use crate::strings::Strings;

const HOUR_MS: u64 = 60 * 60 * 1000;
/// Shadows that are listed.
const LISTED: usize = 50;
/// Countries that are told by themselves.
const COUNTRIES: usize = 12;
/// Spans that can be chosen: name, hours.
const SPANS: [(&str, u64); 3] = [("24h", 24), ("7d", 7 * 24), ("30d", 30 * 24)];

/// Where a shadow is compared; `kind`: `rule` or `model`.
pub(super) fn path(kind: &str, name: &str) -> String {
    format!("/review/shadows?kind={kind}&name={}", encoded(name))
}

struct Listed {
    kind: String,
    name: String,
    path: String,
    accounts: String,
    decisions: String,
    is_chosen: bool,
}

/// Accounts of both, of the shadow alone, and of what was done alone.
#[derive(Default, Clone, Copy)]
struct Counts {
    both: u64,
    shadow: u64,
    live: u64,
}

impl Counts {
    fn add(&mut self, one: &Beside) {
        match (one.shadow, one.live) {
            (Some(_), Some(_)) => self.both += one.accounts,
            (Some(_), None) => self.shadow += one.accounts,
            (None, _) => self.live += one.accounts,
        }
    }
}

struct Land {
    name: String,
    both: String,
    shadow: String,
    live: String,
    bar: String,
}

/// What a shadow would have done beside what was done.
struct Compared {
    name: String,
    both: String,
    shadow: String,
    live: String,
    /// Of accounts that the shadow would have acted on, those that were acted on, too.
    share: String,
    /// Names of what was done, the columns.
    acts: Vec<String>,
    /// A row an act of the shadow.
    rows: Vec<(String, Vec<String>)>,
    lands: Vec<Land>,
}

#[derive(Template)]
#[template(path = "shadows.html")]
struct ShadowsPage {
    f: Frame,
    spans: Vec<(&'static str, String, bool)>,
    has_history: bool,
    is_stale: bool,
    listed: Vec<Listed>,
    compared: Option<Compared>,
}

/// `GET /review/shadows`: `kind` and `name` for one of them, `span` for how far back.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answered {
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (kind, name, asked) = (text("kind"), text("name"), text("span"));
    let (span, hours) = SPANS.into_iter().find(|(known, _)| *known == asked).unwrap_or(SPANS[1]);
    let chosen = match &*kind {
        "model" if !name.is_empty() => Some(Shadow::Model(name)),
        "rule" if !name.is_empty() => Some(Shadow::Rule(name)),
        _ => None,
    };
    let made = work(&desk, move |desk| {
        let t = viewer.t;
        let now = desk.given.insight.now();
        let within = Span { from: now.saturating_sub(hours * HOUR_MS), to: now + 1 };
        let told = desk.given.history.as_ref().map(|history| -> Told<_> {
            let beside = chosen.as_ref().map(|shadow| history.beside(shadow, within)).transpose()?;
            Ok((history.shadows(within, LISTED)?, beside))
        });
        let (has_history, is_stale) = (told.is_some(), matches!(told, Some(Err(_))));
        let (all, beside) = told.and_then(Result::ok).unwrap_or_default();
        let compared = match (&chosen, beside) {
            (Some(shadow), Some(beside)) => Some(compared(t, parts(shadow).1, &beside)),
            _ => None,
        };
        let address = |name: &str| match &chosen {
            Some(shadow) => format!("{}&span={name}", path(parts(shadow).0, parts(shadow).1)),
            None => format!("/review/shadows?span={name}"),
        };
        Ok(ShadowsPage {
            f: Frame::new(&viewer, "/review/control"),
            spans: SPANS.map(|(name, _)| (name, address(name), name == span)).into(),
            has_history,
            is_stale,
            listed: all.iter().map(|one| listed(t, one, (chosen.as_ref(), span))).collect(),
            compared,
        })
    });
    Ok(page(&made.await?))
}

fn parts(shadow: &Shadow) -> (&'static str, &str) {
    match shadow {
        Shadow::Rule(name) => ("rule", name),
        Shadow::Model(name) => ("model", name),
    }
}

fn listed(t: &Strings, one: &Shadowed, (chosen, span): (Option<&Shadow>, &str)) -> Listed {
    let (kind, name) = parts(&one.shadow);
    Listed {
        kind: t.word("made", kind).to_owned(),
        name: name.to_owned(),
        path: format!("{}&span={span}", path(kind, name)),
        accounts: when::count(one.accounts),
        decisions: when::count(one.decisions),
        is_chosen: chosen == Some(&one.shadow),
    }
}

fn compared(t: &Strings, name: &str, beside: &[Beside]) -> Compared {
    let mut all = Counts::default();
    let mut lands: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut pairs: BTreeMap<(Option<Action>, Option<Action>), u64> = BTreeMap::new();
    for one in beside {
        all.add(one);
        lands.entry(&one.country).or_default().add(one);
        *pairs.entry((one.shadow, one.live)).or_default() += one.accounts;
    }
    let acts: Vec<Option<Action>> = sides(pairs.keys().map(|(_, live)| *live));
    let word = |act: Option<Action>| match act {
        Some(act) => t.word("action", act.word()).to_owned(),
        None => t.say("shadow.nothing").to_owned(),
    };
    let cell = |shadow, live| when::count(pairs.get(&(shadow, live)).copied().unwrap_or(0));
    let rows = sides(pairs.keys().map(|(shadow, _)| *shadow)).into_iter();
    let rows = rows.map(|shadow| (word(shadow), acts.iter().map(|live| cell(shadow, *live)).collect()));
    let would = all.both + all.shadow;
    Compared {
        name: name.to_owned(),
        both: when::count(all.both),
        shadow: when::count(all.shadow),
        live: when::count(all.live),
        share: if would == 0 { "–".to_owned() } else { when::percent(all.both as f64 / would as f64) },
        rows: rows.collect(),
        acts: acts.iter().map(|act| word(*act)).collect(),
        lands: by_land(t, lands),
    }
}

/// Acts in their order, the strongest first and nothing last.
fn sides(acts: impl Iterator<Item = Option<Action>>) -> Vec<Option<Action>> {
    let mut all: Vec<Option<Action>> = acts.collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.dedup();
    all
}

fn by_land(t: &Strings, lands: BTreeMap<&str, Counts>) -> Vec<Land> {
    let would = |counts: &Counts| counts.both + counts.shadow;
    let mut lands: Vec<(&str, Counts)> = lands.into_iter().collect();
    lands.sort_by_key(|(name, counts)| (std::cmp::Reverse((would(counts), counts.live)), *name));
    let most = lands.first().map_or(1, |(_, counts)| would(counts).max(1)) as f64;
    let land = |(name, counts): &(&str, Counts)| Land {
        name: if name.is_empty() { t.say("case.unknown").to_owned() } else { (*name).to_owned() },
        both: when::count(counts.both),
        shadow: when::count(counts.shadow),
        live: when::count(counts.live),
        bar: chart::bar(would(counts) as f64 / most),
    };
    lands.iter().take(COUNTRIES).map(land).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Language;

    #[test]
    fn accounts_of_both_of_one_and_of_the_other_are_told_by_act_and_country() {
        let one = |shadow, live, country: &str, accounts| Beside {
            shadow,
            live,
            country: country.to_owned(),
            accounts,
        };
        let beside = [
            one(Some(Action::Ban), Some(Action::Warn), "DE", 3),
            one(Some(Action::Ban), None, "IN", 5),
            one(None, Some(Action::RateLimit), "IN", 7),
            one(Some(Action::Warn), Some(Action::Warn), "", 2),
        ];
        let found = compared(Language::English.strings(), "m", &beside);
        assert_eq!(
            (&*found.both, &*found.shadow, &*found.live, &*found.share),
            ("5", "5", "7", "50.0\u{202f}%")
        );
        assert_eq!(found.acts, ["limit", "warn", "nothing"]);
        let rows: Vec<(&str, Vec<&str>)> = found
            .rows
            .iter()
            .map(|(act, cells)| (&**act, cells.iter().map(|cell| &**cell).collect()))
            .collect();
        assert_eq!(
            rows,
            [("ban", vec!["0", "3", "5"]), ("warn", vec!["0", "2", "0"]), ("nothing", vec!["7", "0", "0"])]
        );
        let lands: Vec<(&str, &str, &str, &str)> =
            found.lands.iter().map(|land| (&*land.name, &*land.both, &*land.shadow, &*land.live)).collect();
        assert_eq!(lands, [("IN", "0", "5", "7"), ("DE", "3", "0", "0"), ("unknown", "2", "0", "0")]);
    }
}
