//! The overview: what comes in, what is decided, how well, and whether all is in order.
//!
//! Separate from gathering cases and accounts. Invariants: everything is of log time and says of how long; what is not known is said to
//! be so; a part of the page that cannot be told leaves the rest.

mod health;
mod models;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as Extract};
use schema::answer::InForce;
use schema::history::{Detected, Freshness, Group, Point, Series, Span, Told, Top};

use self::health::{Archive, Vital, vitals};
use self::models::{ModelRow, models};
use super::frame::{Frame, page};
use super::queue::staff_span;
use super::when;
use super::wrong::{Answered, work};
use crate::chart;
use crate::desk::Desk;
use crate::people::Viewer;
use crate::strings::Strings;

const HOUR_MS: u64 = 60 * 60 * 1000;
const DAY_MS: u64 = 24 * HOUR_MS;
const MINUTE_MS: u64 = 60 * 1000;
/// Rows of a table.
const ROWS: usize = 8;

/// Judged accounts below which a share of false alarms is not estimated.
const JUDGED_MIN: u64 = 30;

/// Spans that can be chosen: name, length and step, ms.
const SPANS: [(&str, u64, u64); 3] = [
    ("1h", HOUR_MS, MINUTE_MS),
    ("24h", 24 * HOUR_MS, 15 * MINUTE_MS),
    ("7d", 7 * 24 * HOUR_MS, 2 * HOUR_MS),
];

struct Figure {
    label: &'static str,
    value: String,
    hint: String,
}

/// A chart and its table.
struct Plot {
    title: &'static str,
    svg: String,
    lines: Vec<(String, String)>,
}

struct Ranked {
    title: &'static str,
    rows: Vec<(String, String, String)>,
}

struct Choice {
    name: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    f: Frame,
    spans: Vec<Choice>,
    span: &'static str,
    parts: Parts,
}

#[derive(Template)]
#[template(path = "overview_parts.html")]
struct Parts {
    t: &'static Strings,
    at: String,
    killed: bool,
    has_history: bool,
    is_down: bool,
    figures: Vec<Figure>,
    vitals: Vec<Vital>,
    plots: Vec<Plot>,
    ranked: Vec<Ranked>,
    versions: Vec<(&'static str, String)>,
    models: Vec<ModelRow>,
}

/// What the history says of a span.
struct Past {
    events: Vec<Point>,
    actions: Vec<Point>,
    detected: Vec<Detected>,
    rules: Vec<Top>,
    reasons: Vec<Top>,
    freshness: Vec<Freshness>,
    models: Vec<ModelRow>,
}

fn past(desk: &Desk, t: &Strings, span: Span, step_ms: u64) -> Option<Told<Past>> {
    let history = desk.given.history.as_ref()?;
    let told = || {
        Ok(Past {
            events: history.series(Series::Events, span, step_ms)?,
            actions: history.series(Series::Actions, span, step_ms)?,
            detected: history.detections(span, step_ms)?,
            rules: history.top(Group::DecisionRule, span, ROWS)?,
            reasons: history.top(Group::DecisionReason, span, ROWS)?,
            freshness: history.freshness()?,
            models: models(t, &**history, desk.given.insight.model().as_ref(), desk.now())?,
        })
    };
    Some(told())
}

fn chosen(query: &BTreeMap<String, String>) -> (&'static str, u64, u64) {
    let name = query.get("span").map_or("24h", String::as_str);
    SPANS.into_iter().find(|(known, _, _)| *known == name).unwrap_or(SPANS[1])
}

/// `GET /review/overview`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answered {
    let chosen = chosen(&query);
    let t = viewer.t;
    let parts = work(&desk, move |desk| Ok(parts(desk, t, chosen))).await?;
    let spans = SPANS.map(|(name, _, _)| Choice { name, is_chosen: name == chosen.0 });
    let f = Frame::new(&viewer, "/review/overview");
    Ok(page(&OverviewPage { f, spans: spans.into(), span: chosen.0, parts }))
}

/// `GET /review/overview/parts`: what changes, for the page that is open.
pub(super) async fn fresh(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answered {
    let chosen = chosen(&query);
    let t = viewer.t;
    Ok(page(&work(&desk, move |desk| Ok(parts(desk, t, chosen))).await?))
}

fn parts(desk: &Desk, t: &'static Strings, (name, length, step_ms): (&'static str, u64, u64)) -> Parts {
    let now = desk.given.insight.now();
    let span = Span { from: now.saturating_sub(length), to: now + 1 };
    let in_force = desk.given.insight.in_force();
    let past = past(desk, t, span, step_ms);
    let has_history = past.is_some();
    let mut figures = desk_figures(desk, t, now);
    let (mut plots, mut ranked) = (Vec::new(), Vec::new());
    if let Some(Ok(past)) = &past {
        figures.extend(traffic(t, past, (name, length)));
        let ends = (when::moment(span.from), when::moment(now));
        plots.push(plot(t, "overview.events", "kind", (&past.events, span, step_ms), &ends));
        plots.push(plot(t, "overview.actions", "action", (&past.actions, span, step_ms), &ends));
        ranked.push(rank("overview.rules", &past.rules, |key| key.to_owned()));
        ranked.push(rank("overview.reasons", &past.reasons, |key| t.word("reason", key).to_owned()));
    } else if let Some(Err(error)) = &past {
        tracing::warn!(%error, "the overview is shown without history");
    }
    let killed = in_force.as_ref().is_ok_and(|in_force| in_force.killed);
    let versions = in_force.map_or_else(|_| Vec::new(), |in_force| versions(t, &in_force));
    let (archive, models) = match past {
        None => (Archive::None, Vec::new()),
        Some(Err(_)) => (Archive::Away, Vec::new()),
        Some(Ok(past)) => (Archive::Told(past.freshness), past.models),
    };
    let is_down = matches!(archive, Archive::Away);
    let vitals = vitals(t, &desk.given.insight.vitals(), &archive, (now, desk.given.habits.pace));
    Parts {
        t,
        at: when::moment(now),
        killed,
        has_history,
        is_down,
        figures,
        vitals,
        plots,
        ranked,
        versions,
        models,
    }
}

/// What the desk itself knows, also without history: what waits, and what blind labels say of restrictions.
fn desk_figures(desk: &Desk, t: &'static Strings, now: u64) -> Vec<Figure> {
    let told = desk.store.read(|db| {
        let waiting = "SELECT count(*), min(opened_at) FROM cases WHERE state = 0";
        let waiting: (u64, Option<u64>) = db
            .prepare_cached(waiting)?
            .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Option<i64>>(1)?.map(|at| at as u64))))?;
        let judged = "SELECT count(*), coalesce(sum(benign), 0) FROM (SELECT max(l.label = 'benign') AS benign FROM labels l
                      JOIN cases c ON c.id = l.case_id WHERE l.blind = 1 AND l.label <> 'cannot_tell'
                      AND c.action IN ('challenge', 'rate_limit', 'ban') GROUP BY l.account)";
        let judged: (u64, u64) = db
            .prepare_cached(judged)?
            .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?;
        Ok((waiting, judged))
    });
    let Ok((waiting, (judged, benign))) = told else { return Vec::new() };
    let hint = match waiting.1 {
        Some(oldest) => t.fill("overview.oldest", [staff_span(t, (oldest, now), desk.given.habits.pace)]),
        None => t.say("overview.none_waits").to_owned(),
    };
    let (label, value) = (t.say("overview.waiting"), when::count(waiting.0));
    let cases = Figure { label, value, hint };
    let label = t.say("overview.judged");
    let alarms = match chart::wilson(benign, judged) {
        Some((low, high)) if judged >= JUDGED_MIN => {
            let hint = [when::count(judged), when::percent(low), when::percent(high)];
            let value = when::percent(benign as f64 / judged as f64);
            Figure { label, value, hint: t.fill("overview.judged_hint", hint) }
        }
        _ => {
            let hint = t.fill("overview.judged_few", [judged.to_string(), JUDGED_MIN.to_string()]);
            Figure { label, value: "–".to_owned(), hint }
        }
    };
    vec![cases, alarms]
}

/// Events, decisions, and what was caught.
fn traffic(t: &'static Strings, past: &Past, (name, length): (&str, u64)) -> Vec<Figure> {
    let sum = |points: &[Point]| points.iter().map(|point| point.count).sum::<u64>();
    let (events, decisions) = (sum(&past.events), sum(&past.actions));
    let accounts: u64 = past.detected.iter().map(|step| step.accounts).sum();
    let unreported: u64 = past.detected.iter().map(|step| step.unreported).sum();
    let hint = t.fill("overview.in_span", [t.word("span", name)]);
    let per_s = events as f64 / (length as f64 / 1_000.0);
    let figure = |label, value, hint| Figure { label: t.say(label), value, hint };
    let early: u64 = past.detected.iter().map(|step| step.at_registration).sum();
    let share = |hits: u64| match chart::wilson(hits, accounts) {
        None => ("–".to_owned(), t.say("overview.nobody").to_owned()),
        Some((low, high)) => {
            let values = [when::count(accounts), when::percent(low), when::percent(high)];
            (when::percent(hits as f64 / accounts as f64), t.fill("overview.of_accounts", values))
        }
    };
    let ((unreported, sure), (early, early_sure)) = (share(unreported), share(early));
    vec![
        figure(
            "overview.event_count",
            when::count(events),
            t.fill("overview.per_second", [format!("{per_s:.1}")]),
        ),
        figure("overview.decision_count", when::count(decisions), hint.clone()),
        figure("overview.restricted", when::count(accounts), hint),
        figure("overview.unreported", unreported, sure),
        figure("overview.early", early, early_sure),
    ]
}

fn plot(
    t: &'static Strings,
    title: &'static str,
    kind: &str,
    (points, span, step_ms): (&[Point], Span, u64),
    ends: &(String, String),
) -> Plot {
    let mut lines = chart::lines(points, (span.from, span.to), step_ms, t.say("overview.rest"));
    for line in &mut lines {
        line.name = t.word(kind, &line.name).to_owned();
    }
    let title = t.say(title);
    let svg = chart::svg(title, &lines, (&ends.0, &ends.1));
    let lines = lines.iter().map(|line| (line.name.clone(), when::count(line.total()))).collect();
    Plot { title, svg, lines }
}

fn rank(title: &'static str, tops: &[Top], name: impl Fn(&str) -> String) -> Ranked {
    let most = tops.first().map_or(1, |top| top.count.max(1)) as f64;
    let row = |top: &Top| (name(&top.key), when::count(top.count), chart::bar(top.count as f64 / most));
    Ranked { title, rows: tops.iter().map(row).collect() }
}

fn versions(t: &'static Strings, in_force: &InForce) -> Vec<(&'static str, String)> {
    let of = &in_force.versions;
    let none = || t.say("overview.none").to_owned();
    let text = |version: &String| if version.is_empty() { none() } else { version.clone() };
    vec![
        (t.say("overview.policy"), text(&of.policy)),
        (t.say("overview.model"), text(&of.model)),
        (t.say("overview.features"), text(&of.features)),
        (t.say("overview.blocklists"), text(&of.blocklists)),
    ]
}
