//! Policy, models and lists: what is in force, what it does, what is proposed, and the kill switch.
//!
//! Separate from the steps that it takes (`publish`). Invariants: everybody who may see figures sees this; acts are shown and taken
//! only with the right to publish; what cannot be read leaves the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Extract};
use axum::response::{IntoResponse as _, Redirect};
use schema::Mode;
use schema::answer::InForce;
use schema::control::KILL_NAME;
use schema::desk::Shelved;
use schema::event::ControlKind;
use schema::history::{Group, Series, Span};

use super::clauses::{Choice, choices};
use super::compared::Compared;
use super::frame::{Frame, page};
use super::guard::Posted;
use super::versions::{self, Live};
use super::when;
use super::wrong::{Answered, Wrong, work};
use crate::desk::Desk;
use crate::desk::bulk::{self, Made};
use crate::people::{Right, Viewer, users};
use crate::publish::Proposal;
use crate::strings::Strings;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Rules of which counts are asked for.
const RULES: usize = 256;
/// Versions of which it is shown what they have in force.
const MADE: usize = 60;

struct RuleRow {
    name: String,
    when: String,
    wants: String,
    mode: String,
    is_shadow: bool,
    /// Where a shadow is compared with what is done.
    path: String,
    enforced: String,
    shadowed: String,
}

struct ProposalRow {
    id: String,
    what: String,
    version: String,
    note: String,
    by: String,
    at: String,
    state: String,
    is_open: bool,
    is_own: bool,
    is_shadow: bool,
    by_then: String,
}

#[derive(Template)]
#[template(path = "control.html")]
struct ControlPage {
    f: Frame,
    may_publish: bool,
    switch: &'static str,
    in_force: Option<InForce>,
    rules: Vec<RuleRow>,
    has_counts: bool,
    proposals: Vec<ProposalRow>,
    shelf: Vec<Version>,
    made: Vec<MadeRow>,
    clauses: Vec<Choice>,
    live: Vec<Live>,
}

/// A version that lies ready.
struct Version {
    /// As a form carries it.
    written: String,
    text: String,
    /// Where it is shown by itself.
    path: String,
}

/// What a version did that is in force.
struct MadeRow {
    text: String,
    source: String,
    rule: String,
    version: String,
    count: String,
}

#[derive(Template)]
#[template(path = "proposal.html")]
struct ProposalPage {
    f: Frame,
    row: ProposalRow,
    may_publish: bool,
    /// Whether it is in force now.
    is_live: bool,
    c: Compared,
    path: String,
}

pub(super) fn names(desk: &Desk) -> Result<BTreeMap<String, String>, Wrong> {
    Ok(desk.store.read(users::all)?.into_iter().map(|user| (user.id, user.name)).collect())
}

fn row(proposal: Proposal, viewer: &Viewer, names: &BTreeMap<String, String>) -> ProposalRow {
    let name = |id: &String| names.get(id).unwrap_or(id).clone();
    ProposalRow {
        what: format!("{} {} {}", proposal.what.kind, proposal.what.name, proposal.what.version),
        version: proposal.what.version,
        is_own: proposal.made_by == viewer.id,
        is_shadow: proposal.is_shadow,
        by: name(&proposal.made_by),
        at: when::moment(proposal.made_at),
        is_open: proposal.state == "open",
        by_then: name(&proposal.decided_by),
        id: proposal.id,
        note: proposal.note,
        state: proposal.state,
    }
}

/// Rules in force, with what each did in a day: enforced, and in shadow.
fn rules(desk: &Desk, t: &Strings) -> (Vec<RuleRow>, bool) {
    let now = desk.given.insight.now();
    let span = Span { from: now.saturating_sub(DAY_MS), to: now + 1 };
    let counts = desk.given.history.as_ref().and_then(|history| {
        let enforced = history.top(Group::DecisionRule, span, RULES).ok()?;
        let shadows = history.series(Series::Shadows, span, DAY_MS).ok()?;
        Some((enforced, shadows))
    });
    let of = |name: &str| {
        let (enforced, shadows) = counts.as_ref()?;
        let enforced = enforced.iter().filter(|top| top.key == name).map(|top| top.count).sum();
        let shadowed = shadows.iter().filter(|point| point.key == name).map(|point| point.count).sum();
        Some((enforced, shadowed))
    };
    let rows = desk.given.insight.rules().into_iter().map(|rule| {
        let (enforced, shadowed) =
            of(&rule.name).map_or((None, None), |(e, s): (u64, u64)| (Some(e), Some(s)));
        let shown = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), when::count);
        RuleRow {
            is_shadow: rule.mode.starts_with("shadow"),
            path: super::shadows::path("rule", &rule.name),
            name: rule.name,
            when: rule.when,
            wants: said(t, &rule.wants, ["action", "scope"]),
            mode: said(t, &rule.mode, ["mode", ""]),
            enforced: shown(enforced),
            shadowed: shown(shadowed),
        }
    });
    (rows.collect(), counts.is_some())
}

/// What the policy says in two words of the contract, in words of the page.
fn said(t: &Strings, text: &str, kinds: [&str; 2]) -> String {
    let (first, second) = text.split_once(' ').unwrap_or((text, ""));
    format!("{} {}", t.word(kinds[0], first), t.word(kinds[1], second)).trim_end().to_owned()
}

/// `GET /review/control`.
pub(super) async fn show(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer) -> Answered {
    let may_publish = viewer.may(Right::Publish);
    let who = viewer.clone();
    let made = work(&desk, move |desk| {
        let names = names(desk)?;
        let (rules, has_counts) = rules(desk, who.t);
        let shelf = desk.given.insight.shelf().unwrap_or_default();
        let shown = |what: &Shelved| Version {
            written: written(what),
            text: format!("{} {} {}", what.kind, what.name, what.version),
            path: versions::path(what),
        };
        let in_force = desk.given.insight.in_force().ok();
        let live = in_force.as_ref().map(|now| versions::live(desk, who.t, now, &names));
        Ok(ControlPage {
            f: Frame::new(&who, "/review/control"),
            may_publish,
            switch: KILL_NAME,
            in_force,
            live: live.unwrap_or_default(),
            rules,
            has_counts,
            proposals: desk.proposals()?.into_iter().map(|one| row(one, &who, &names)).collect(),
            shelf: shelf.iter().map(shown).collect(),
            made: made(desk, who.t)?,
            clauses: choices(who.t, &desk.given.settings.clauses, None),
        })
    });
    Ok(page(&made.await?))
}

fn made(desk: &Desk, t: &Strings) -> Result<Vec<MadeRow>, Wrong> {
    let now = desk.now();
    let found = desk.store.read(|db| bulk::made(db, now, MADE))?;
    let row = |(made, count): (Made, u64)| MadeRow {
        text: made.text(),
        source: t.word("made", &made.source).to_owned(),
        rule: if made.rule == "*" { t.say("control.whole").to_owned() } else { made.rule },
        version: made.version,
        count: when::count(count),
    };
    Ok(found.into_iter().map(row).collect())
}

/// A version as a form carries it.
pub(super) fn written(what: &Shelved) -> String {
    format!("{}/{}/{}", what.kind, what.name, what.version)
}

fn read(text: &str) -> Option<Shelved> {
    let mut parts = text.splitn(3, '/');
    let kind = ControlKind::from_word(parts.next()?)?;
    Some(Shelved { kind, name: parts.next()?.to_owned(), version: parts.next()?.to_owned() })
}

/// `POST /review/control/propose`.
pub(super) async fn propose(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let what = read(posted.text("what")).ok_or(Wrong::Asked("wrong.choice"))?;
    let id = work(&desk, move |desk| {
        Ok(desk.propose(&viewer, &what, (posted.text("note"), posted.text("shadow") == "1"))?)
    })
    .await?;
    Ok(Redirect::to(&format!("/review/control/{id}")).into_response())
}

/// `GET /review/control/{id}`: a proposal, and what it would change.
pub(super) async fn proposal(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Answered {
    let may_publish = viewer.may(Right::Publish);
    let made = work(&desk, move |desk| {
        let proposal = desk.proposal(&id)?.ok_or(Wrong::NotFound)?;
        let c = versions::beside(desk, viewer.t, &proposal.what);
        let path = versions::path(&proposal.what);
        let Shelved { kind, name, version } = &proposal.what;
        let is_live = desk.given.insight.in_force().is_ok_and(|now| {
            let is_beside = |mode: Option<Mode>| (mode == Some(Mode::Shadow)) == proposal.is_shadow;
            let mut active = now.active.iter().filter(|one| is_beside(one.mode));
            active.any(|one| one.kind == *kind && one.name == *name && one.version == *version)
        });
        let row = row(proposal, &viewer, &names(desk)?);
        Ok(ProposalPage { f: Frame::new(&viewer, "/review/control"), row, may_publish, is_live, c, path })
    });
    Ok(page(&made.await?))
}

/// `POST /review/control/{id}`: puts in force, goes back to, or withdraws.
pub(super) async fn decide(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    posted: Posted,
) -> Answered {
    work(&desk, move |desk| match posted.text("do") {
        "activate" => Ok(desk.activate(&viewer, &id, posted.text("typed"))?),
        "withdraw" => Ok(desk.withdraw(&viewer, &id)?),
        _ => Err(Wrong::Asked("wrong.choice")),
    })
    .await?;
    Ok(Redirect::to("/review/control").into_response())
}

/// `POST /review/control/retire`: takes out a model that scores beside what decides.
pub(super) async fn retire(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let what = read(posted.text("what")).filter(|what| what.kind == ControlKind::Model);
    let what = what.ok_or(Wrong::Asked("wrong.choice"))?;
    work(&desk, move |desk| Ok(desk.retire(&viewer, &what.name, &what.version)?)).await?;
    Ok(Redirect::to("/review/control").into_response())
}

/// `POST /review/control/kill`.
pub(super) async fn kill(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let on = match posted.text("switch") {
        "on" => true,
        "off" => false,
        _ => return Err(Wrong::Asked("wrong.choice")),
    };
    work(&desk, move |desk| Ok(desk.kill(&viewer, on, (posted.text("typed"), posted.text("reason")))?))
        .await?;
    Ok(Redirect::to("/review/control").into_response())
}
