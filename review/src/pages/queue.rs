//! The queue: what waits, narrowed by filters and saved views, and the way to the next case.
//!
//! Separate from the case. Invariants: accounts are shortened; leads are offered whose cases to see; a filter stands in the address, so that a view can be shared and saved;
//! asking for the next case claims it, so it is a form.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State as Extract};
use axum::response::{IntoResponse as _, Redirect};
use rusqlite::Connection;

use super::frame::{Frame, page};
use super::guard::{Posted, encoded, fields};
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::Desk;
use crate::desk::alarm;
use crate::desk::cause::Cause;
use crate::desk::queue::{self, Column, Filter, Listed, Place, Waiting};
use crate::desk::views;
use crate::error::Error;
use crate::people::users::{self, User};
use crate::people::{Right, Viewer};
use crate::strings::Strings;
use crate::when;

/// Cases on one page.
const PAGE: usize = 50;
/// Values offered by a filter.
const VALUES: usize = 40;
/// People offered by it.
const PEOPLE: usize = 500;

/// A row of the list.
struct Line {
    id: String,
    account: String,
    cause: &'static str,
    tone: &'static str,
    has_appeal: bool,
    why: String,
    reason: String,
    score: String,
    heard: String,
    country: String,
    age: String,
    waits: String,
    due: String,
    is_overdue: bool,
    holder: String,
    is_mine: bool,
}

/// A choice of a filter.
struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

/// A figure at the top.
struct Figure {
    key: &'static str,
    count: String,
    overdue: String,
    link: String,
    has_overdue: bool,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    f: Frame,
    may_work: bool,
    figures: Vec<Figure>,
    escalated: u64,
    lines: Vec<Line>,
    causes: Vec<Choice>,
    rules: Vec<Choice>,
    reasons: Vec<Choice>,
    countries: Vec<Choice>,
    models: Vec<Choice>,
    ages: Vec<Choice>,
    assignees: Vec<Choice>,
    is_overdue: bool,
    is_filtered: bool,
    query: String,
    views: Vec<(String, String, bool)>,
    next: String,
    alarm: String,
    campaign_alarm: String,
}

/// Reads a filter out of a query.
pub(super) fn filter(asked: &BTreeMap<String, Vec<String>>) -> Filter {
    let text = |name: &str| asked.get(name).and_then(|values| values.first()).cloned().unwrap_or_default();
    Filter {
        cause: Cause::ALL.into_iter().find(|cause| cause.word() == text("cause")),
        rule: text("rule"),
        reason: text("reason"),
        country: text("country"),
        model: text("model"),
        age_h_below: text("age").parse().ok(),
        assignee: text("assignee"),
        is_overdue: text("overdue") == "1",
        is_escalated: text("escalated") == "1",
    }
}

/// The filter as a query; empty: everything.
fn query_of(filter: &Filter) -> String {
    let mut parts = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            parts.push(format!("{name}={}", encoded(value)));
        }
    };
    add("cause", filter.cause.map_or("", Cause::word));
    add("rule", &filter.rule);
    add("reason", &filter.reason);
    add("country", &filter.country);
    add("model", &filter.model);
    add("age", &filter.age_h_below.map_or(String::new(), |hours| hours.to_string()));
    add("assignee", &filter.assignee);
    add("overdue", if filter.is_overdue { "1" } else { "" });
    add("escalated", if filter.is_escalated { "1" } else { "" });
    parts.join("&")
}

/// What the page is made from.
struct Found {
    listed: Vec<Listed>,
    waiting: Waiting,
    late_campaigns: u64,
    values: [Vec<(String, u64)>; 4],
    views: Vec<(String, String)>,
    /// Whom a lead may ask for: who works cases, as pseudonym, name, and how many they hold.
    people: Vec<(String, String, u64)>,
    now: u64,
    pace: f64,
}

/// Who works cases, but for `owner`: whoever holds most comes first.
fn people(db: &Connection, owner: &str, now: u64) -> Result<Vec<(String, String, u64)>, Error> {
    let held = queue::held(db, now)?;
    let works = |user: &User| user.active && user.role.rights().contains(&Right::Work) && user.id != owner;
    let all = users::all(db)?.into_iter().filter(works);
    let mut all: Vec<(String, String, u64)> = all
        .map(|user| (held.get(&user.id).copied().unwrap_or(0), user))
        .map(|(count, user)| (user.id, user.name, count))
        .collect();
    all.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.1.cmp(&b.1)));
    all.truncate(PEOPLE);
    Ok(all)
}

/// `GET /review/`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    RawQuery(asked): RawQuery,
) -> Answered {
    let asked = fields(asked.unwrap_or_default().as_bytes())?;
    let wanted = filter(&asked);
    let after = asked.get("after").and_then(|values| values.first()).and_then(|text| Place::parse(text));
    let (filter, owner, is_lead) = (wanted.clone(), viewer.id.clone(), viewer.may(Right::Lead));
    let found = work(&desk, move |desk| {
        let now = desk.now();
        let columns = [Column::Rule, Column::Reason, Column::Country, Column::Model];
        let found = desk.store.read(|db| {
            let values = columns.map(|column| queue::values(db, column, VALUES));
            let [rules, reasons, countries, models] = values;
            Ok(Found {
                listed: queue::page(db, (&filter, now), after.as_ref(), PAGE + 1)?,
                waiting: queue::waiting(db, now)?,
                late_campaigns: alarm::campaigns(db, now, |ms| desk.given.habits.stretched(ms))?.overdue,
                values: [rules?, reasons?, countries?, models?],
                views: views::of(db, &owner)?,
                people: if is_lead { people(db, &owner, now)? } else { Vec::new() },
                now,
                pace: desk.given.habits.pace,
            })
        })?;
        desk.note_listed(&owner, found.listed.iter().take(PAGE).map(|listed| &listed.case))?;
        Ok(found)
    })
    .await?;
    Ok(page(&made(&viewer, &wanted, found)))
}

fn made(viewer: &Viewer, wanted: &Filter, mut found: Found) -> QueuePage {
    let t = viewer.t;
    let query = query_of(wanted);
    let more = found.listed.len() > PAGE;
    found.listed.truncate(PAGE);
    let next = match found.listed.last() {
        Some(last) if more => format!("/review/?{query}&after={}", encoded(&last.place.text())),
        _ => String::new(),
    };
    let lines = found.listed.iter().map(|listed| line(viewer, listed, (found.now, found.pace))).collect();
    let overdue: u64 = found.waiting.overdue[..2].iter().sum();
    let alarm = if overdue > 0 { t.fill("queue.alarm", &[when::count(overdue)]) } else { String::new() };
    let late = found.late_campaigns;
    let campaign_alarm =
        if late > 0 { t.fill("queue.alarm_campaigns", &[when::count(late)]) } else { String::new() };
    let word = |kind: &'static str| move |value: &str| t.word(kind, value).to_owned();
    let plain = |value: &str| value.to_owned();
    let [rules, reasons, countries, models] = &found.values;
    let causes = Cause::ALL.into_iter().filter(|cause| *cause != Cause::Golden);
    let causes: Vec<(String, u64)> = causes.map(|cause| (cause.word().to_owned(), 0)).collect();
    let ages: Vec<(String, u64)> = ["1", "24", "168", "720"].map(|hours| (hours.to_owned(), 0)).into();
    let age = |hours: &str| hours.parse().map_or(String::new(), |h: u64| when::span(t, h * 3_600_000));
    let mut assigned = vec![(viewer.id.clone(), 0), ("-".to_owned(), 0)];
    assigned.extend(found.people.iter().map(|(id, _, count)| (id.clone(), *count)));
    let assignee = |value: &str| match value {
        "-" => t.say("queue.nobody").to_owned(),
        value if value == viewer.id => t.say("queue.me").to_owned(),
        value => {
            let known = found.people.iter().find(|(id, ..)| id == value);
            known.map_or_else(|| audit::short(value), |(_, name, _)| name.clone())
        }
    };
    let chosen_age = wanted.age_h_below.map_or(String::new(), |hours| hours.to_string());
    QueuePage {
        f: Frame::new(viewer, "/review/"),
        may_work: viewer.may(Right::Work),
        figures: figures(&found.waiting),
        escalated: found.waiting.escalated,
        lines,
        causes: choices(&causes, wanted.cause.map_or("", Cause::word), word("cause")),
        rules: choices(rules, &wanted.rule, plain),
        reasons: choices(reasons, &wanted.reason, word("reason")),
        countries: choices(countries, &wanted.country, plain),
        models: choices(models, &wanted.model, plain),
        ages: choices(&ages, &chosen_age, age),
        assignees: choices(&assigned, &wanted.assignee, assignee),
        is_overdue: wanted.is_overdue,
        is_filtered: !query.is_empty(),
        views: found.views.into_iter().map(|(name, saved)| (name, saved.clone(), saved == query)).collect(),
        query,
        next,
        alarm,
        campaign_alarm,
    }
}

fn choices(values: &[(String, u64)], chosen: &str, text: impl Fn(&str) -> String) -> Vec<Choice> {
    let mut all: Vec<Choice> = values
        .iter()
        .map(|(value, count)| {
            let count = if *count > 0 { format!(" ({})", when::count(*count)) } else { String::new() };
            Choice {
                value: value.clone(),
                text: format!("{}{count}", text(value)),
                is_chosen: value == chosen,
            }
        })
        .collect();
    // What was asked for is shown though nothing of it is open any more.
    if !chosen.is_empty() && !all.iter().any(|choice| choice.is_chosen) {
        all.push(Choice { value: chosen.to_owned(), text: text(chosen), is_chosen: true });
    }
    all
}

fn figures(waiting: &Waiting) -> Vec<Figure> {
    let keys = ["queue.urgent", "queue.appeals", "queue.others"];
    let links = ["/review/?cause=urgent", "/review/?cause=appeal", "/review/?cause=review"];
    let figure = |at: usize| Figure {
        key: keys[at],
        count: when::count(waiting.open[at]),
        overdue: when::count(waiting.overdue[at]),
        link: links[at].to_owned(),
        has_overdue: waiting.overdue[at] > 0,
    };
    (0..3).map(figure).collect()
}

/// Staff's time between two log times, as a text.
pub(super) fn staff_span(t: &Strings, (from, to): (u64, u64), pace: f64) -> String {
    when::span(t, (to.saturating_sub(from) as f64 / pace) as u64)
}

/// The colour of a cause's badge.
pub(super) fn tone(cause: Cause) -> &'static str {
    match cause {
        Cause::Urgent => "bad",
        Cause::Appeal | Cause::Ban => "warn",
        Cause::Audit | Cause::Second | Cause::Golden | Cause::Dispute => "accent",
        Cause::Review | Cause::Opened => "",
    }
}

fn line(viewer: &Viewer, listed: &Listed, (now, pace): (u64, f64)) -> Line {
    let t = viewer.t;
    let case = &listed.case;
    let is_blind = case.cause.is_blind();
    let is_overdue = case.due_at < now;
    let due = if is_overdue { (case.due_at, now) } else { (now, case.due_at) };
    let shown = |text: &str| if is_blind { String::new() } else { text.to_owned() };
    Line {
        id: case.id.clone(),
        account: audit::short(&case.account),
        cause: case.cause.word(),
        tone: tone(case.cause),
        has_appeal: case.appealed && case.cause != Cause::Appeal,
        why: shown(&case.rule),
        reason: shown(t.word("reason", &case.reason)),
        score: case.score.filter(|_| !is_blind).map_or(String::new(), |score| format!("{score:.2}")),
        heard: if case.heard >= 0.05 { format!("{:.1}", case.heard) } else { String::new() },
        country: listed.country.clone(),
        age: listed.age_h.map_or(String::new(), |hours| when::span(t, (hours * 3_600_000.0) as u64)),
        waits: staff_span(t, (case.opened_at, now), pace),
        due: staff_span(t, due, pace),
        is_overdue,
        holder: case.holder(now).map_or(String::new(), audit::short),
        is_mine: case.holder(now) == Some(&viewer.id),
    }
}

/// `POST /review/next`: claims the next case and leads to it.
pub(super) async fn next(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let filter = filter(&fields(posted.raw("query").as_bytes())?);
    let actor = viewer.id.clone();
    let is_lead = viewer.may(Right::Lead);
    let found = work(&desk, move |desk| {
        let seeker = desk.seeker(&actor, is_lead);
        Ok(desk.take_next(&seeker, (&filter, None), &desk.once())?)
    })
    .await?;
    Ok(match found {
        Some(case) => Redirect::to(&format!("/review/case/{}", case.id)).into_response(),
        None => Redirect::to("/review/?empty=1").into_response(),
    })
}

/// `POST /review/views`: saves the filter under a name, or lets one go.
pub(super) async fn save(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let (name, query) = (posted.text("name").to_owned(), posted.raw("query").to_owned());
    let goes = posted.text("do") == "delete";
    if name.is_empty() || name.chars().count() > 40 {
        return Err(Wrong::Asked("queue.view_name_bad"));
    }
    // Only what a filter may say is kept.
    let query = query_of(&filter(&fields(query.as_bytes())?));
    let (owner, kept) = (viewer.id.clone(), query.clone());
    work(&desk, move |desk| {
        let db = desk.store.writer();
        if goes {
            views::delete(&db, &owner, &name)?;
        } else {
            views::save(&db, &owner, (&name, &kept))?;
        }
        Ok(())
    })
    .await?;
    Ok(Redirect::to(&format!("/review/?{query}")).into_response())
}
