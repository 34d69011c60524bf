//! An account by itself: what is known of it, whether it has a case or not, and the way to one.
//!
//! Separate from a case. Invariants: every view is in the audit chain; whoever looks while a blind case of the account waits for them
//! is not shown what it hides.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Extract};
use axum::response::{IntoResponse as _, Redirect};
use schema::limits::ENTITY_BYTES_MAX;

use super::case::{Notes, Screen, beside, shown};
use super::frame::{Frame, page};
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::Desk;
use crate::desk::case::{Case, State};
use crate::desk::handles::is_handle;
use crate::people::{Right, Viewer};
use crate::when;

/// Cases of an account that are listed.
const CASES: i64 = 20;

/// A case of the account.
struct CaseLine {
    id: String,
    cause: &'static str,
    opened: String,
    outcome: String,
    is_open: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    f: Frame,
    s: Screen,
    account: String,
    account_id: String,
    cases: Vec<CaseLine>,
    can_open: bool,
    may_work: bool,
}

/// `GET /review/account/{id}`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(handle): Path<String>,
) -> Answered {
    if handle.is_empty() || handle.len() > ENTITY_BYTES_MAX {
        return Err(Wrong::NotFound);
    }
    let asked = handle.clone();
    let found = work(&desk, move |desk| match desk.account_of(&asked)? {
        Some(account) => Ok(Ok(account)),
        // Of an account that was deleted, or mistyped: it names nobody.
        None if is_handle(&asked) => Err(Wrong::NotFound),
        // A whole pseudonym, as an address of before names it, does not stay in the address.
        None => Ok(Err(desk.account_path(&asked)?)),
    });
    let account = match found.await? {
        Ok(account) => account,
        Err(path) => return Ok(Redirect::to(&path).into_response()),
    };
    let who = viewer.clone();
    let made = work(&desk, move |desk| {
        let cases = desk.store.read(|db| {
            let sql = "SELECT * FROM cases WHERE account = ?1 ORDER BY opened_at DESC, id LIMIT ?2";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map((&account, CASES), Case::read)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Case>>>()?)
        })?;
        let open = cases.iter().find(|case| case.state == State::Open);
        let is_blind = open.is_some_and(|case| case.cause.is_blind()) && who.may(Right::Work);
        let mut sheet = desk.sheet(&account, None, is_blind)?;
        if !is_blind {
            desk.linked(&account, &mut sheet)?;
        }
        desk.viewed(&who, ("view_account", &audit::account(&account), ""))?;
        desk.note_shown(&who.id, "", &[(&account, &shown(&sheet, None, is_blind))])?;
        desk.note_beside(&who.id, &beside(&sheet))?;
        let notes = Notes::of(desk);
        let line = |case: &Case| CaseLine {
            id: case.id.clone(),
            cause: case.cause.word(),
            opened: when::moment(case.opened_at),
            outcome: match case.state {
                // What others thought is hidden while a blind case of the account waits for the viewer.
                State::Decided if is_blind => String::new(),
                State::Unreviewed => who.t.say("case.unreviewed_short").to_owned(),
                _ => who.t.word("outcome", &case.outcome).to_owned(),
            },
            is_open: case.state == State::Open,
        };
        Ok(AccountPage {
            f: Frame::new(&who, "/review/investigate"),
            s: Screen::of(&who, &sheet, None, &notes, (desk.now(), is_blind)),
            account: audit::short(&account),
            account_id: handle,
            can_open: open.is_none() && who.may(Right::Work),
            may_work: who.may(Right::Work),
            cases: cases.iter().map(line).collect(),
        })
    })
    .await?;
    Ok(page(&made))
}

/// `POST /review/account/{id}/open`: opens a case and claims it.
pub(super) async fn open(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(handle): Path<String>,
) -> Answered {
    let id = work(&desk, move |desk| {
        let account = desk.account_of(&handle)?.ok_or(Wrong::NotFound)?;
        // Before it is sent: nothing is done of which the chain says nothing.
        desk.audit(&viewer, "act_open", &audit::account(&account), "")?;
        Ok(desk.open_case(&account, &viewer.id, &desk.once())?.id)
    })
    .await?;
    Ok(Redirect::to(&format!("/review/case/{id}")).into_response())
}
