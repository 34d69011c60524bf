//! One act on many: proposing with a preview, approving, watching, stopping and taking back; on cases, a campaign, or what a version did.
//!
//! Separate from single cases. Invariants: a proposal acts on nothing; what runs, runs in the background and goes on where it stopped;
//! every step is in the audit chain.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::response::{IntoResponse as _, Redirect};

use super::clauses::{Choice, choices};
use super::frame::{Frame, page};
use super::guard::{Posted, fields};
use super::queue as list;
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::Desk;
use crate::desk::bulk::{self, Bulk, Foreseen, Kind, Made, Proposal};
use crate::desk::case::{Case, State};
use crate::desk::queue;
use crate::people::{Right, Viewer};
use crate::strings::Strings;
use crate::when;

/// Acts on the list.
const LISTED: usize = 50;

/// A line of the list, or the whole of one.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) act: String,
    owner: String,
    approver: String,
    pub(super) made: String,
    pub(super) state: String,
    pub(super) tone: &'static str,
    total: String,
    waiting: u64,
    done: u64,
    passed_over: u64,
    undone: u64,
    /// Of 200, for the bar.
    width: u64,
    reason: String,
    /// What it is about, in words, and where that is shown; empty: cases of the queue.
    about: String,
    about_path: String,
    /// Why it waits at this moment; empty: it does not.
    halted: String,
}

#[derive(Template)]
#[template(path = "bulks.html")]
struct ListPage {
    f: Frame,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "bulk_new.html")]
struct NewPage {
    f: Frame,
    query: String,
    count: String,
    clauses: Vec<Choice>,
}

/// One of the sample.
struct Sampled {
    path: String,
    account: String,
    cause: String,
    rule: String,
    score: String,
    what: String,
    outcome: String,
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    f: Frame,
    line: Line,
    sample: Vec<Sampled>,
    /// How many of all that the filter showed; empty: it is about no filter.
    scope: String,
    foreseen: Vec<(String, u64)>,
    /// Of how many that is; empty: of all.
    foreseen_of: String,
    passed: Vec<(String, u64)>,
    countries: Vec<(String, String)>,
    actions: Vec<(String, String)>,
    alone_max: String,
    can_approve: bool,
    needs_another: bool,
    can_stop: bool,
    can_undo: bool,
}

#[derive(Template)]
#[template(path = "bulk_progress.html")]
struct ProgressPart {
    f: Frame,
    line: Line,
}

pub(super) fn line(t: &Strings, one: &Bulk) -> Line {
    let [waiting, done, passed_over, undone] = one.counts;
    let total = one.total();
    let (about, about_path) = match (one.kind, Made::parse(&one.target)) {
        (Kind::Campaign, _) => (
            t.fill("bulk.of_campaign", [&one.target[..one.target.len().min(10)]]),
            format!("/review/campaigns/{}", one.target),
        ),
        (Kind::Version, Some(made)) => {
            let (source, whole) = (t.word("made", &made.source), t.say("control.whole"));
            let rule = if made.rule == "*" { whole } else { &made.rule };
            (t.fill("bulk.of_version", [source, rule, &made.version]), "/review/control".to_owned())
        }
        _ => (String::new(), String::new()),
    };
    let label =
        if one.label.is_empty() { String::new() } else { format!(" · {}", t.word("outcome", &one.label)) };
    Line {
        id: one.id.clone(),
        act: format!("{}{label}", t.word("outcome", &one.act)),
        owner: audit::short(&one.owner),
        approver: audit::short(&one.approver),
        made: when::moment(one.made_at),
        state: t.word("bulk", &one.state).to_owned(),
        tone: match &*one.state {
            "running" | "undoing" => "accent",
            "done" => "good",
            "proposed" => "warn",
            _ => "",
        },
        total: when::count(total),
        about,
        about_path,
        waiting,
        done,
        passed_over,
        undone,
        width: (total - waiting) * 200 / total.max(1),
        reason: one.reason.clone(),
        halted: if one.halted.is_empty() { String::new() } else { t.say(&one.halted).to_owned() },
    }
}

/// `GET /review/bulk`.
pub(super) async fn all(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer) -> Answered {
    let found = work(&desk, |desk| Ok(desk.store.read(|db| bulk::latest(db, "", LISTED))?)).await?;
    let lines = found.iter().map(|one| line(viewer.t, one)).collect();
    Ok(page(&ListPage { f: Frame::new(&viewer, "/review/"), lines }))
}

/// `GET /review/bulk/new`: what a filter shows, and what to do about it.
pub(super) async fn begin(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    RawQuery(asked): RawQuery,
) -> Answered {
    let query = asked.unwrap_or_default();
    let (filter, t) = (list::filter(&fields(query.as_bytes())?), viewer.t);
    let (count, clauses) = work(&desk, move |desk| {
        let now = desk.now();
        let count = desk.store.read(|db| queue::counted(db, (&filter, now)))?;
        Ok((count, choices(t, &desk.given.settings.clauses, None)))
    })
    .await?;
    let count = t.fill("bulk.counted", &[when::count(count.1), when::count(count.0)]);
    Ok(page(&NewPage { f: Frame::new(&viewer, "/review/"), query, count, clauses }))
}

/// `POST /review/bulk/new`: proposes.
pub(super) async fn propose(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let filter = list::filter(&fields(posted.raw("query").as_bytes())?);
    let id = work(&desk, move |desk| {
        let what = Proposal {
            act: posted.text("act"),
            label: posted.text("label"),
            policy: posted.text("policy"),
            reason: posted.text("reason"),
        };
        let id = desk.propose_bulk(&viewer.id, &filter, &what)?;
        desk.audit(&viewer, "bulk_proposed", "", &id)?;
        Ok(id)
    })
    .await?;
    Ok(Redirect::to(&format!("/review/bulk/{id}")).into_response())
}

/// `POST /review/control/undo`: proposes to lift what a version did and that is in force.
pub(super) async fn propose_undoing(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    posted: Posted,
) -> Answered {
    let id = work(&desk, move |desk| {
        let made = Made::parse(posted.raw("made")).ok_or(Wrong::Asked("wrong.choice"))?;
        let id = desk.propose_undoing(&viewer.id, &made, (posted.text("policy"), posted.text("reason")))?;
        desk.audit(&viewer, "undo_proposed", &made.text(), &id)?;
        Ok(id)
    })
    .await?;
    Ok(Redirect::to(&format!("/review/bulk/{id}")).into_response())
}

/// How much of what the filter showed it is about, in words; empty: it is about no filter.
fn scope(t: &Strings, one: &Bulk) -> String {
    if one.shown == 0 {
        return String::new();
    }
    let key = if one.kind == Kind::Version { "bulk.counted_version" } else { "bulk.counted" };
    let counted = t.fill(key, &[when::count(one.total()), when::count(one.shown)]);
    if one.total() < bulk::AT_ONCE_MAX as u64 {
        counted
    } else {
        format!("{counted} {}", t.say("bulk.first"))
    }
}

/// What the page of one is made from.
struct Found {
    one: Bulk,
    sample: Vec<Sampled>,
    foreseen: Option<Foreseen>,
    passed: Vec<(String, u64)>,
    countries: Vec<(String, u64)>,
    actions: Vec<(String, u64)>,
    alone_max: u32,
}

fn found(desk: &Desk, viewer: &Viewer, id: &str) -> Result<Found, Wrong> {
    let t = viewer.t;
    let (one, sample, passed, countries, actions) = desk.store.read(|db| {
        let (one, sample) = (bulk::load(db, id)?, bulk::sample(db, id)?);
        Ok((one, sample, bulk::passed_over(db, id)?, bulk::by_country(db, id)?, bulk::by_action(db, id)?))
    })?;
    // What a blind case hides is not shown here either.
    let is_blind = |case: &&Case| case.state == State::Open && case.cause.is_blind();
    let cases = sample.iter().filter_map(|one| one.case.as_ref()).filter(|case| !is_blind(case));
    desk.note_listed(&viewer.id, cases)?;
    let shows =
        |one: &&bulk::Sampled| !one.what.is_empty() && !one.case.as_ref().is_some_and(|case| is_blind(&case));
    let in_force: Vec<String> = sample.iter().filter(shows).map(|one| one.account.clone()).collect();
    desk.note_beside(&viewer.id, &in_force)?;
    let sampled = |one: bulk::Sampled| {
        let hides = one.case.as_ref().is_some_and(|case| is_blind(&case));
        let case = one.case.as_ref().filter(|case| !is_blind(case));
        let path = match case {
            Some(case) => format!("/review/case/{}", case.id),
            None => desk.account_path(&one.account)?,
        };
        Ok(Sampled {
            path,
            account: audit::short(&one.account),
            cause: case.map_or(String::new(), |case| t.word("cause", case.cause.word()).to_owned()),
            rule: case.map_or(String::new(), |case| case.rule.clone()),
            score: case.and_then(|case| case.score).map_or(String::new(), |score| format!("{score:.2}")),
            what: if hides { String::new() } else { t.word("action", &one.what).to_owned() },
            outcome: t.word("bulk_item", &one.state).to_owned(),
        })
    };
    let sample = sample.into_iter().map(sampled).collect::<Result<Vec<Sampled>, Wrong>>()?;
    let alone_max = desk.given.habits.bulk_alone_max;
    let one = one.ok_or(Wrong::NotFound)?;
    let foreseen = if one.state == "proposed" { Some(desk.foreseen(&one)?) } else { None };
    Ok(Found { one, sample, foreseen, passed, countries, actions, alone_max })
}

/// `GET /review/bulk/{id}`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Answered {
    let t = viewer.t;
    let who = viewer.clone();
    let found = work(&desk, move |desk| found(desk, &who, &id)).await?;
    let one = &found.one;
    let needs_another = one.needs_another(found.alone_max);
    let (is_own, is_lead) = (one.owner == viewer.id, viewer.may(Right::Lead));
    let may_approve = if needs_another { is_lead && !is_own } else { is_own || is_lead };
    let counted = |all: &[(String, u64)], kind: &str, none: &str| {
        let name = |word: &String| {
            if word.is_empty() { t.say(none).to_owned() } else { t.word(kind, word).to_owned() }
        };
        all.iter().map(|(word, count)| (name(word), when::count(*count))).collect()
    };
    let foreseen = found.foreseen.as_ref();
    let sampled = foreseen.filter(|foreseen| foreseen.is_sample);
    let foreseen = foreseen.map_or(&[][..], |foreseen| &*foreseen.why);
    Ok(page(&BulkPage {
        f: Frame::new(&viewer, "/review/"),
        countries: counted(&found.countries, "country", "case.unknown"),
        actions: counted(&found.actions, "action", "case.free"),
        alone_max: found.alone_max.to_string(),
        scope: scope(t, one),
        foreseen: foreseen.iter().map(|(why, count)| (t.say(why).to_owned(), *count)).collect(),
        foreseen_of: sampled
            .map_or(String::new(), |foreseen| t.fill("bulk.foreseen_of", &[when::count(foreseen.asked)])),
        passed: found.passed.iter().map(|(why, count)| (t.say(why).to_owned(), *count)).collect(),
        can_approve: may_approve && matches!(&*one.state, "proposed" | "cancelled"),
        needs_another: needs_another && is_own && one.state == "proposed",
        can_stop: (is_own || is_lead) && matches!(&*one.state, "proposed" | "running"),
        can_undo: (is_own || is_lead)
            && one.counts[1] > 0
            && matches!(&*one.state, "cancelled" | "done" | "undoing"),
        line: line(t, one),
        sample: found.sample,
    }))
}

/// `GET /review/bulk/{id}/progress`.
pub(super) async fn progress(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Answered {
    let one = work(&desk, move |desk| Ok(desk.store.read(|db| bulk::load(db, &id))?))
        .await?
        .ok_or(Wrong::NotFound)?;
    Ok(page(&ProgressPart { f: Frame::new(&viewer, "/review/"), line: line(viewer.t, &one) }))
}

/// `POST /review/bulk/{id}`: approves, stops or takes back.
pub(super) async fn turn(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    posted: Posted,
) -> Answered {
    if !viewer.may(Right::Work) && !viewer.may(Right::Publish) {
        return Err(Wrong::Forbidden(Right::Work));
    }
    let (given, is_lead) = (id.clone(), viewer.may(Right::Lead));
    let what = posted.text("do").to_owned();
    let runs = what != "stop";
    work(&desk, move |desk| {
        let who = (&*viewer.id, is_lead);
        match &*what {
            "approve" => desk.approve_bulk(&given, who)?,
            "stop" => desk.turn_bulk(&given, who, false)?,
            "undo" => desk.turn_bulk(&given, who, true)?,
            _ => return Err(Wrong::Asked("wrong.choice")),
        }
        Ok(())
    })
    .await?;
    if runs {
        // Whoever looks sees how far it is.
        desk.begin_bulk(&id);
    }
    Ok(Redirect::to(&format!("/review/bulk/{id}")).into_response())
}
