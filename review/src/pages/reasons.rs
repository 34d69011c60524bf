//! The statement of reasons about a restriction, and the notice to the person concerned.
//!
//! Separate from how they are made (`statement`, pure). Invariants: a statement with a fault is not given out, the fault is; each view
//! is in the audit chain; the address is that of a decision, which names nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State as Extract};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use schema::event::Verdict;
use schema::history::Span;
use schema::{Decision, Source};
use serde_json::Value;

use super::frame::{Frame, page};
use super::guard::encoded;
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::{Desk, clause};
use crate::people::Viewer;
use crate::statement::{Besides, faults, notice, statement};
use crate::strings::Language;

/// Reviews and reports that are looked through for what is known besides.
const LOOKED: usize = 200;
/// How often the same restriction may have been lifted and put in force again.
const RESTORED: usize = 8;

struct Notice {
    code: &'static str,
    direction: &'static str,
    name: &'static str,
    text: Vec<String>,
}

#[derive(Template)]
#[template(path = "reasons.html")]
struct ReasonsPage {
    f: Frame,
    id: String,
    account: String,
    account_path: String,
    json: String,
    notices: Vec<Notice>,
}

/// A decision as its statement tells it, and what is known besides. What an undone lift put in force again rests on what it rested on
/// before, not on the clause of the lift; so far back at most `steps` times.
fn told(desk: &Desk, decision: Decision, steps: usize) -> Result<(Decision, Besides), Wrong> {
    let Some(history) = &desk.given.history else { return Ok((decision, Besides::default())) };
    let clauses = &desk.given.settings.clauses;
    let since = Span { from: decision.issued, to: u64::MAX >> 1 };
    let before = Span { from: 0, to: decision.issued + 1 };
    let confirms = |decided: &Option<String>| decided.as_deref() == Some(&*decision.id);
    let reviews = history.reviews(&decision.account, since, LOOKED)?;
    let stands = |id: &str| !reviews.iter().any(|one| one.undoes.as_deref() == Some(id));
    let mut said = reviews.iter().filter(|one| stands(&one.id));
    let confirmed = said.find(|one| one.verdict == Some(Verdict::Confirm) && confirms(&one.decision));
    let human = decision.source == Source::Reviewer || confirmed.is_some();
    let made = history.reviews(&decision.account, before, LOOKED)?;
    let made = made.iter().find(|one| one.event_id() == decision.event);
    let undone = made.filter(|_| confirmed.is_none()).and_then(|one| one.undoes.as_deref());
    if let Some(id) = undone.map(|undone| desk.restored(undone, &decision)).transpose()?.flatten()
        && let Some(first) = history.decision(&id)?.filter(|_| steps > 0)
    {
        let (first, besides) = told(desk, first, steps - 1)?;
        let Decision { reasons, counterfactual, score, source, rule, .. } = first;
        let again = Decision { reasons, counterfactual, score, source, rule, ..decision };
        return Ok((again, Besides { human: true, ..besides }));
    }
    let named = confirmed.or(made.filter(|_| undone.is_none())).and_then(|one| one.policy.as_deref());
    let named = named.and_then(|id| clauses.iter().find(|clause| clause.id == id));
    let code = decision.reasons.first().map_or("", |reason| &*reason.code);
    let by_reason = || if human { None } else { clause::of_reason(clauses, code) };
    let clause = named.or_else(by_reason).cloned();
    let heard = history.heard(&decision.account, before, LOOKED)?;
    let reported = heard.iter().any(|one| one.reason.is_some());
    Ok((decision, Besides { human, reported, clause }))
}

fn found(desk: &Desk, viewer: &Viewer, id: &str) -> Result<(Decision, Besides, Value), Wrong> {
    let history = desk.given.history.as_ref().ok_or(Wrong::Asked("investigate.no_history"))?;
    let decision = history.decision(id)?.ok_or(Wrong::NotFound)?;
    let (decision, besides) = told(desk, decision, RESTORED)?;
    let made = statement(&decision, &besides).ok_or(Wrong::Asked("statement.none_due"))?;
    desk.audit(viewer, "view_statement", &audit::account(&decision.account), id)?;
    desk.note_shown(&viewer.id, "", &[(&decision.account, &["decisions"])])?;
    let faults = faults(&made, &[&decision.account, &decision.event]);
    if let Some(fault) = faults.first() {
        tracing::error!(
            decision = id,
            field = fault.field,
            detail = fault.detail,
            "a statement of reasons is not given out"
        );
        return Err(Wrong::Asked("statement.faulty"));
    }
    Ok((decision, besides, made))
}

/// `GET /review/statement/{decision}`; with `format=json` the statement alone, as the database takes it.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answered {
    let (who, asked) = (viewer.clone(), id.clone());
    let (decision, besides, made, account_path) = work(&desk, move |desk| {
        let (decision, besides, made) = found(desk, &who, &asked)?;
        let account_path = desk.account_path(&decision.account)?;
        Ok((decision, besides, made, account_path))
    })
    .await?;
    let json = serde_json::to_string_pretty(&made).map_err(|_| Wrong::Broken)?;
    if query.get("format").is_some_and(|format| format == "json") {
        let disposition = format!("attachment; filename=\"statement-{}.json\"", encoded(&id));
        return Ok((
            [(CONTENT_TYPE, "application/json".to_owned()), (CONTENT_DISPOSITION, disposition)],
            json,
        )
            .into_response());
    }
    let notices = Language::ALL.iter().filter_map(|language| {
        let text = notice(&decision, &besides, language.strings())?;
        Some(Notice { code: language.code(), direction: language.direction(), name: language.name(), text })
    });
    Ok(page(&ReasonsPage {
        f: Frame::new(&viewer, "/review/investigate"),
        account: audit::short(&decision.account),
        account_path,
        notices: notices.collect(),
        id,
        json,
    }))
}
