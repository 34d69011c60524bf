//! The forms of a case: acts, the sign of life, giving back, taking back.
//!
//! Separate from showing it. Invariants: what is not complete or not allowed is said and nothing is written; after an act the next case
//! is claimed; a page with a script is told where to go, one without is led there.

use std::sync::Arc;

use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use schema::{Act, Label, Limit, Scope, Verdict};

use super::super::guard::{Posted, encoded, fields};
use super::super::queue as list;
use super::super::wrong::{Answered, Wrong, work};
use crate::desk::Desk;
use crate::desk::acts::{Claimed, Wanted, reason};
use crate::desk::case::Case;
use crate::people::{Right, Viewer};

/// A header by which our script says that it wants the address alone.
const SCRIPT: &str = "x-weir-script";
/// A header by which we say that what the script fetched ahead is noted as seen, so that it may be shown.
const NOTED: HeaderName = HeaderName::from_static("x-weir-noted");

/// Leads on: by a redirect, or by the address as text.
fn lead(headers: &HeaderMap, path: &str) -> Response {
    if headers.contains_key(SCRIPT) {
        (StatusCode::OK, path.to_owned()).into_response()
    } else {
        Redirect::to(path).into_response()
    }
}

fn load(desk: &Desk, id: &str) -> Result<Case, Wrong> {
    desk.store.read(|db| Case::load(db, id))?.ok_or(Wrong::NotFound)
}

/// The same, for somebody who is to work it.
fn load_for(desk: &Desk, id: &str, viewer: &Viewer) -> Result<Case, Wrong> {
    let case = load(desk, id)?;
    if case.cause.is_for_leads() && !viewer.may(Right::Lead) {
        return Err(Wrong::Conflict("refused.for_leads"));
    }
    Ok(case)
}

/// `POST /review/case/{id}/act`.
pub(in crate::pages) async fn act(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Answered {
    let who = viewer.clone();
    let (path, is_noted) = work(&desk, move |desk| {
        let case = load_for(desk, &id, &who)?;
        let wanted = wanted(&posted, desk.now())?;
        let once = posted.text("once");
        let ids = desk.act(&case, &who.id, (&wanted, once))?;
        let what = wanted.word();
        let done = format!("done={}&of={}&what={what}", ids[0], case.id);
        if wanted.act == Act::Note {
            return Ok((format!("/review/case/{}?{done}", case.id), false));
        }
        let query = posted.raw("query");
        let filter = list::filter(&fields(query.as_bytes())?);
        let seeker = desk.seeker(&who.id, who.may(Right::Lead));
        let first = Some(posted.text("next")).filter(|next| !next.is_empty());
        let next = desk.take_next(&seeker, (&filter, first), &format!("{once}n"))?;
        let Some(next) = next else { return Ok((format!("/review/?{done}"), false)) };
        // What was fetched ahead is shown now, if it is this.
        let is_noted = posted.text("ahead") == next.id && desk.show_ahead(&who, &next)?;
        Ok((format!("/review/case/{}?{done}&q={}", next.id, encoded(query)), is_noted))
    })
    .await?;
    let mut response = lead(&headers, &path);
    if is_noted {
        response.headers_mut().insert(NOTED, HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// What a form asks for.
fn wanted(posted: &Posted, now: u64) -> Result<Wanted, Wrong> {
    let word = posted.text("act");
    let verdict = Verdict::from_word(word);
    let act = match (verdict, word) {
        (Some(_), _) => Act::Verdict,
        (None, "label" | "note" | "escalate" | "skip") => {
            Act::from_word(word).ok_or(Wrong::Asked("refused.no_act"))?
        }
        _ => return Err(Wrong::Asked("refused.no_act")),
    };
    let number = |field: &str| posted.text(field).parse::<u32>().ok().filter(|number| *number > 0);
    let limit = match (verdict, number("limit"), number("per_s")) {
        (Some(Verdict::Change), Some(max), Some(per_s)) => Some(Limit { max, per_s }),
        _ => None,
    };
    let hours = number("ends_h").filter(|_| verdict.is_some());
    let scope = Scope::from_word(posted.text("scope")).filter(|_| verdict != Some(Verdict::Ban));
    let labels = matches!(act, Act::Verdict | Act::Label);
    Ok(Wanted {
        act,
        verdict,
        scope,
        limit,
        expires: hours.map(|hours| now + u64::from(hours) * 3_600_000),
        policy: posted.text("policy").to_owned(),
        reason: reason(posted.text("why"), posted.text("reason")),
        label: Label::from_word(posted.text("label")).filter(|_| labels),
        batch: None,
    })
}

/// `POST /review/case/{id}/claim`: takes it, or says that somebody is still there.
pub(in crate::pages) async fn beat(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    let path = work(&desk, move |desk| {
        let case = load_for(desk, &id, &viewer)?;
        match desk.claim(&case, &viewer.id, &desk.once())? {
            Claimed::Yes => {
                desk.still_there(&viewer.id)?;
                Ok(format!("/review/case/{id}"))
            }
            Claimed::No(_) => Err(Wrong::Conflict("refused.held")),
        }
    })
    .await?;
    Ok(lead(&headers, &path))
}

/// `POST /review/case/{id}/release`.
pub(in crate::pages) async fn release(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    work(&desk, move |desk| Ok(desk.release(&load(desk, &id)?, &viewer.id, &desk.once())?)).await?;
    Ok(lead(&headers, "/review/"))
}

/// `POST /review/case/{id}/undo`.
pub(in crate::pages) async fn undo(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Answered {
    let path = work(&desk, move |desk| {
        let case = load(desk, &id)?;
        let by_lead = viewer.may(Right::Lead);
        desk.undo(&case, &viewer.id, (posted.text("act"), by_lead, &desk.once()))?;
        Ok(format!("/review/case/{id}"))
    })
    .await?;
    Ok(lead(&headers, &path))
}
