//! Looking for accounts and for what is frequent: by account, decision, device, network, number range; and the top of each kind.
//!
//! Separate from the account's own page. Invariants: every search for somebody is in the audit chain before anything is shown; each
//! answer has an address of its own, so that it can be sent to a colleague; answers are bounded; where the history does not answer the
//! page says so, and stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse as _, Redirect};
use schema::event::EntityKind;
use schema::history::{Group, Span, Told, Top};

use super::frame::{Frame, page};
use super::guard::encoded;
use super::when;
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::chart;
use crate::desk::Desk;
use crate::people::Viewer;
use crate::strings::Strings;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Accounts that are listed for a shared thing.
const ACCOUNTS: usize = 100;
/// Rows of a ranking that can be asked for.
const LIMITS: [usize; 3] = [20, 50, 100];
/// Days back that can be asked for.
const DAYS: [u64; 4] = [1, 7, 30, 90];
/// What can be looked for.
const KINDS: [&str; 6] = ["account", "decision", "device", "prefix", "asn", "number_range"];
/// What can be ranked.
const GROUPS: [Group; 13] = [
    Group::DecisionRule,
    Group::DecisionReason,
    Group::DecisionAccount,
    Group::EventKind,
    Group::ReportReason,
    Group::ReportAccount,
    Group::ReportAuthor,
    Group::Device,
    Group::Prefix,
    Group::Asn,
    Group::NumberRange,
    Group::Client,
    Group::Country,
];

struct Row {
    /// What is shown: shortened, if it is an account.
    name: String,
    /// Where it leads; empty: nowhere.
    path: String,
    count: String,
    bar: String,
}

struct Found {
    what: String,
    accounts: Vec<(String, String)>,
    is_cut: bool,
}

struct Ranking {
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "investigate.html")]
struct InvestigatePage {
    f: Frame,
    kinds: [&'static str; 6],
    kind: String,
    key: String,
    groups: Vec<&'static str>,
    group: String,
    days: u64,
    limit: usize,
    all_days: [u64; 4],
    limits: [usize; 3],
    has_history: bool,
    is_away: bool,
    found: Option<Found>,
    ranking: Option<Ranking>,
}

/// `GET /review/investigate`: `kind` and `key` for a search; `group`, `days` and `limit` for a ranking.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answered {
    let text = |name: &str| query.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let number = |name: &str| text(name).parse::<u64>().unwrap_or(0);
    let (kind, key, group) = (text("kind"), text("key"), text("group"));
    if key.len() > schema::limits::ID_BYTES_MAX {
        return Err(Wrong::Asked("investigate.key_long"));
    }
    if kind == "account" && !key.is_empty() {
        // Its own page notes the view.
        let path = work(&desk, move |desk| Ok(desk.account_path(&key)?)).await?;
        return Ok(Redirect::to(&path).into_response());
    }
    let days = DAYS.into_iter().find(|days| *days == number("days")).unwrap_or(7);
    let limit = LIMITS.into_iter().find(|limit| *limit as u64 == number("limit")).unwrap_or(20);
    let (who, asked) = (viewer.clone(), (kind.clone(), key.clone(), group.clone()));
    let made = work(&desk, move |desk| answer(desk, &who, asked, (days, limit))).await?;
    let Answers { has_history, is_away, found, ranking } = match made {
        Answer::To(path) => return Ok(Redirect::to(&path).into_response()),
        Answer::Told(answers) => answers,
    };
    Ok(page(&InvestigatePage {
        f: Frame::new(&viewer, "/review/investigate"),
        kinds: KINDS,
        kind: if kind.is_empty() { "account".to_owned() } else { kind },
        key,
        groups: GROUPS.iter().map(|group| group.word()).collect(),
        group,
        days,
        limit,
        all_days: DAYS,
        limits: LIMITS,
        has_history,
        is_away,
        found,
        ranking,
    }))
}

enum Answer {
    /// Another page shows it.
    To(String),
    /// This one.
    Told(Answers),
}

/// What the history says.
#[derive(Default)]
struct Answers {
    has_history: bool,
    /// It did not answer a question.
    is_away: bool,
    found: Option<Found>,
    ranking: Option<Ranking>,
}

impl Answers {
    /// An answer; `None`: there was none, which the page says.
    fn keep<T>(&mut self, told: Told<T>) -> Option<T> {
        told.inspect_err(|error| {
            tracing::warn!(%error, "the history gave a search no answer");
            self.is_away = true;
        })
        .ok()
    }
}

fn answer(
    desk: &Desk,
    viewer: &Viewer,
    (kind, key, group): (String, String, String),
    (days, limit): (u64, usize),
) -> Result<Answer, Wrong> {
    let mut answers = Answers::default();
    let Some(history) = &desk.given.history else { return Ok(Answer::Told(answers)) };
    answers.has_history = true;
    let now = desk.given.insight.now();
    let span = Span { from: now.saturating_sub(days * DAY_MS), to: now + 1 };
    if !key.is_empty() {
        desk.audit(viewer, "search", &audit::account(&key), &kind)?;
    }
    if kind == "decision" && !key.is_empty() {
        let Some(decision) = answers.keep(history.decision(&key)) else {
            return Ok(Answer::Told(answers));
        };
        let decision = decision.ok_or(Wrong::Asked("investigate.no_decision"))?;
        return Ok(Answer::To(desk.account_path(&decision.account)?));
    }
    if let Some(kind) = EntityKind::from_word(&kind).filter(|_| !key.is_empty())
        && let Some(accounts) = answers.keep(history.seen_on(kind, &key, span, ACCOUNTS))
    {
        answers.found = Some(found(viewer.t, desk, (kind, &key), accounts)?);
    }
    if let Some(group) = Group::from_word(&group)
        && let Some(tops) = answers.keep(history.top(group, span, limit))
    {
        answers.ranking = Some(ranking(viewer.t, desk, group, (tops, days))?);
    }
    Ok(Answer::Told(answers))
}

fn found(
    t: &Strings,
    desk: &Desk,
    (kind, key): (EntityKind, &str),
    accounts: Vec<String>,
) -> Result<Found, Wrong> {
    let is_cut = accounts.len() == ACCOUNTS;
    let shown = |account: String| Ok((audit::short(&account), desk.account_path(&account)?));
    let accounts = accounts.into_iter().map(shown).collect::<Result<_, Wrong>>()?;
    Ok(Found { what: format!("{} {key}", t.word("look_up", kind.word())), accounts, is_cut })
}

fn ranking(t: &Strings, desk: &Desk, group: Group, (tops, days): (Vec<Top>, u64)) -> Result<Ranking, Wrong> {
    let most = tops.first().map_or(1, |top| top.count.max(1)) as f64;
    let is_account = matches!(group, Group::DecisionAccount | Group::ReportAccount | Group::ReportAuthor);
    let shared = match group {
        Group::Device => Some("device"),
        Group::Prefix => Some("prefix"),
        Group::Asn => Some("asn"),
        Group::NumberRange => Some("number_range"),
        _ => None,
    };
    let kind = match group {
        Group::EventKind => "kind",
        Group::ReportReason => "report",
        Group::DecisionReason => "reason",
        _ => "",
    };
    let row = |top: Top| {
        Ok(Row {
            path: match shared {
                Some(kind) => {
                    format!("/review/investigate?kind={kind}&key={}&days={days}", encoded(&top.key))
                }
                None if is_account => desk.account_path(&top.key)?,
                None => String::new(),
            },
            name: if is_account { audit::short(&top.key) } else { t.word(kind, &top.key).to_owned() },
            count: when::count(top.count),
            bar: chart::bar(top.count as f64 / most),
        })
    };
    Ok(Ranking { rows: tops.into_iter().map(row).collect::<Result<_, Wrong>>()? })
}
