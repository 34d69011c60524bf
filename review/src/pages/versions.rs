//! A version by itself: what it is, beside what is in force in its place, and since when and by whom it is.
//!
//! Separate from proposing it. Invariants: everybody who may see figures sees this; what cannot be read leaves the rest; a version that
//! was given to engines at their start says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Extract};
use schema::answer::InForce;
use schema::desk::{Described, Shelved};
use schema::event::ControlKind;
use schema::history::Span;
use schema::{Control, Mode};

use super::compared::{Both, Compared, compared};
use super::frame::{Frame, page};
use super::when;
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::Desk;
use crate::people::{Right, Viewer};
use crate::strings::Strings;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A version that is in force.
pub(super) struct Live {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) version: String,
    /// Where it is shown by itself; empty: it does not lie in the registry.
    pub(super) path: String,
    /// What part it has: all, a share, or a shadow.
    pub(super) role: String,
    pub(super) is_shadow: bool,
    pub(super) since: String,
    pub(super) by: String,
    /// Where what it would do is compared with what is done; empty: it is no shadow.
    pub(super) shadow: String,
}

/// What is in force, of each kind; `names`: who people are.
pub(super) fn live(
    desk: &Desk,
    t: &Strings,
    in_force: &InForce,
    names: &BTreeMap<String, String>,
) -> Vec<Live> {
    let shelf = desk.given.insight.shelf().unwrap_or_default();
    let mut all = Vec::new();
    let is_active = |kind| {
        in_force.active.iter().any(|one| one.kind == kind && one.mode.is_none() && one.share.is_none())
    };
    let given = |kind: ControlKind, (name, version): (&str, &str)| Live {
        kind: t.word("version_kind", kind.word()).to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        path: String::new(),
        role: t.say("version.role_all").to_owned(),
        is_shadow: false,
        since: t.say("version.since_start").to_owned(),
        by: t.say("version.by_start").to_owned(),
        shadow: String::new(),
    };
    let versions = &in_force.versions;
    let model = desk.given.insight.model();
    for (kind, version) in [
        (ControlKind::Policy, &versions.policy),
        (ControlKind::Model, &versions.model),
        (ControlKind::Blocklist, &versions.blocklists),
    ] {
        let name = model.as_ref().filter(|_| kind == ControlKind::Model).map_or("", |note| &*note.name);
        if !is_active(kind) && !version.is_empty() {
            all.push(given(kind, (name, version)));
        }
    }
    for one in &in_force.active {
        let is_shadow = one.mode == Some(Mode::Shadow);
        let wanted = in_force
            .wanted
            .iter()
            .find(|control| is_of(control, one.kind, (&one.name, &one.version), is_shadow));
        let shelved = Shelved { kind: one.kind, name: one.name.clone(), version: one.version.clone() };
        let unknown = || t.say("case.unknown").to_owned();
        all.push(Live {
            path: if shelf.contains(&shelved) { path(&shelved) } else { String::new() },
            role: match (is_shadow, one.share) {
                (true, _) => t.say("version.role_shadow").to_owned(),
                (_, Some(share)) => t.fill("version.role_share", [when::percent(f64::from(share))]),
                _ => t.say("version.role_all").to_owned(),
            },
            is_shadow,
            since: wanted.map_or_else(unknown, |control| when::moment(control.at)),
            by: wanted.map_or_else(unknown, |control| {
                names.get(&control.by).cloned().unwrap_or_else(|| audit::short(&control.by))
            }),
            shadow: if is_shadow {
                super::shadows::path("model", &model_version(desk, &shelved))
            } else {
                String::new()
            },
            ..given(one.kind, (&one.name, &one.version))
        });
    }
    all
}

/// A model's version as its decisions name it: the file may lie under another name.
fn model_version(desk: &Desk, shelved: &Shelved) -> String {
    match desk.given.insight.described(shelved) {
        Ok(Some(Described::Model(card))) => card.version,
        _ => shelved.version.clone(),
    }
}

fn is_of(control: &Control, kind: ControlKind, (name, version): (&str, &str), is_shadow: bool) -> bool {
    control.kind == kind
        && control.name == name
        && control.version == version
        && (control.mode == Some(Mode::Shadow)) == is_shadow
        && control.share != Some(0.0)
}

/// Where a version is shown by itself.
pub(super) fn path(what: &Shelved) -> String {
    format!("/review/versions/{}/{}/{}", what.kind, what.name, what.version)
}

/// A version beside what is in force in its place.
pub(super) fn beside(desk: &Desk, t: &Strings, what: &Shelved) -> Compared {
    let insight = &desk.given.insight;
    let told = |found: schema::history::Told<Option<Described>>| {
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, kind = %what.kind, name = what.name, version = what.version, "a version cannot be looked into");
            None
        })
    };
    let active = insight.in_force().map(|in_force| in_force.active).unwrap_or_default();
    let other = active.into_iter().find(|one| one.kind == what.kind && one.name == what.name);
    let other = other.map(|one| Shelved { kind: one.kind, name: one.name, version: one.version });
    let change = match (what.kind, other) {
        (ControlKind::Blocklist, Some(other)) => insight.list_change(&other, what).ok().flatten(),
        _ => None,
    };
    let now = insight.now();
    let span = Span { from: now.saturating_sub(DAY_MS), to: now + 1 };
    let scores = desk.given.history.as_ref().filter(|_| what.kind == ControlKind::Model);
    let scores = scores.and_then(|history| history.scores(span).ok()).unwrap_or_default();
    let both = Both {
        this: told(insight.described(what)),
        live: told(insight.described_in_force(what.kind, &what.name)),
        change,
        rules: insight.rules(),
        today: scores.into_iter().map(|one| (one.model, one.bins.map(|bin| bin as f64))).collect(),
    };
    compared(t, &both)
}

#[derive(Template)]
#[template(path = "version.html")]
struct VersionPage {
    f: Frame,
    what: Shelved,
    kind: String,
    /// As a form carries it.
    written: String,
    live: Option<Live>,
    may_publish: bool,
    is_model: bool,
    c: Compared,
}

/// `GET /review/versions/{kind}/{name}/{version}`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path((kind, name, version)): Path<(String, String, String)>,
) -> Answered {
    let kind = ControlKind::from_word(&kind).ok_or(Wrong::NotFound)?;
    let what = Shelved { kind, name, version };
    let made = work(&desk, move |desk| {
        if !desk.given.insight.shelf().map_err(|_| Wrong::Unavailable)?.contains(&what) {
            return Err(Wrong::NotFound);
        }
        let t = viewer.t;
        let names = super::control::names(desk)?;
        let in_force = desk.given.insight.in_force().unwrap_or_default();
        let here = path(&what);
        let live = live(desk, t, &in_force, &names).into_iter().find(|one| one.path == here);
        Ok(VersionPage {
            f: Frame::new(&viewer, "/review/control"),
            kind: t.word("version_kind", what.kind.word()).to_owned(),
            written: super::control::written(&what),
            live,
            may_publish: viewer.may(Right::Publish),
            is_model: what.kind == ControlKind::Model,
            c: beside(desk, t, &what),
            what,
        })
    });
    Ok(page(&made.await?))
}
