//! One act on many cases: proposing with a preview, approving, watching, stopping and taking back.
//!
//! Separate from single cases. Invariants: a proposal acts on nothing; what runs, runs in the background and goes on where it stopped;
//! every step is in the audit chain.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::response::{IntoResponse as _, Redirect};

use super::frame::{Frame, page};
use super::guard::{Posted, fields};
use super::queue as list;
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::Desk;
use crate::desk::acts::CLAUSES;
use crate::desk::bulk::{self, Bulk, Proposal};
use crate::desk::queue;
use crate::people::{Right, Viewer};
use crate::strings::Strings;
use crate::when;

/// Acts on the list.
const LISTED: usize = 50;
/// Most cases that a proposal counts.
const COUNTED: usize = 2_001;

/// A line of the list, or the whole of one.
struct Line {
    id: String,
    act: String,
    owner: String,
    approver: String,
    made: String,
    state: String,
    tone: &'static str,
    total: u64,
    waiting: u64,
    done: u64,
    passed_over: u64,
    undone: u64,
    /// Of 200, for the bar.
    width: u64,
    reason: String,
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
    clauses: [&'static str; 8],
}

/// A case of the sample.
struct Sampled {
    id: String,
    account: String,
    cause: &'static str,
    rule: String,
    score: String,
    outcome: String,
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    f: Frame,
    line: Line,
    sample: Vec<Sampled>,
    passed: Vec<(String, u64)>,
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

fn line(t: &Strings, one: &Bulk) -> Line {
    let [waiting, done, passed_over, undone] = one.counts;
    let total = one.total();
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
        total,
        waiting,
        done,
        passed_over,
        undone,
        width: (total - waiting) * 200 / total.max(1),
        reason: one.reason.clone(),
    }
}

/// `GET /review/bulk`.
pub(super) async fn all(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer) -> Answered {
    let found = work(&desk, |desk| Ok(desk.store.read(|db| bulk::latest(db, LISTED))?)).await?;
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
    let filter = list::filter(&fields(query.as_bytes())?);
    let count = work(&desk, move |desk| {
        let now = desk.now();
        Ok(desk.store.read(|db| queue::page(db, (&filter, now), None, COUNTED))?.len())
    })
    .await?;
    let count = if count == COUNTED { "> 2\u{202f}000".to_owned() } else { when::count(count as u64) };
    Ok(page(&NewPage { f: Frame::new(&viewer, "/review/"), query, count, clauses: CLAUSES }))
}

/// `POST /review/bulk`: proposes.
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

/// `GET /review/bulk/{id}`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Answered {
    let (one, sample, passed) = work(&desk, move |desk| {
        Ok(desk.store.read(|db| {
            let one = bulk::load(db, &id)?;
            Ok((one, bulk::sample(db, &id)?, bulk::passed_over(db, &id)?))
        })?)
    })
    .await?;
    let one = one.ok_or(Wrong::NotFound)?;
    let t = viewer.t;
    let (is_own, is_lead) = (one.owner == viewer.id, viewer.may(Right::Lead));
    let may_approve = if one.needs_another() { is_lead && !is_own } else { is_own || is_lead };
    let sampled = |case: &crate::desk::case::Case| Sampled {
        id: case.id.clone(),
        account: audit::short(&case.account),
        cause: case.cause.word(),
        rule: case.rule.clone(),
        score: case.score.map_or(String::new(), |score| format!("{score:.2}")),
        outcome: t.word("outcome", &case.outcome).to_owned(),
    };
    Ok(page(&BulkPage {
        f: Frame::new(&viewer, "/review/"),
        sample: sample.iter().map(sampled).collect(),
        passed: passed.into_iter().map(|(why, count)| (t.say(&why).to_owned(), count)).collect(),
        can_approve: may_approve && matches!(&*one.state, "proposed" | "cancelled"),
        needs_another: one.needs_another() && is_own && one.state == "proposed",
        can_stop: (is_own || is_lead) && matches!(&*one.state, "proposed" | "running"),
        can_undo: (is_own || is_lead)
            && one.counts[1] > 0
            && matches!(&*one.state, "cancelled" | "done" | "undoing"),
        line: line(t, &one),
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
        Ok(desk.audit(&viewer, &format!("bulk_{what}"), "", &given)?)
    })
    .await?;
    if runs {
        let (desk, id) = (Arc::clone(&desk), id.clone());
        // Its own thread for as long as it takes; whoever looks sees how far it is.
        drop(tokio::task::spawn_blocking(move || {
            let _turn = desk.bulk_turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Err(error) = desk.run_bulk(&id) {
                tracing::warn!(%error, id, "an act on many cases stopped; approve it again to go on");
            }
        }));
    }
    Ok(Redirect::to(&format!("/review/bulk/{id}")).into_response())
}
