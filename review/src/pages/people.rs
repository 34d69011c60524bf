//! People: who may come in, and as what.
//!
//! Separate from one's own page. Invariants: a one-time link is shown once, to the administrator who made it; every change ends the
//! person's sessions and is in the audit chain; there is always an administrator.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Extract};
use axum::response::{IntoResponse as _, Redirect};

use super::frame::{Frame, page};
use super::guard::Posted;
use super::when;
use super::wrong::{Answered, Wrong, work};
use crate::desk::Desk;
use crate::error::Error;
use crate::people::users::{self, Invitation, User};
use crate::people::{Role, Viewer};

struct Person {
    id: String,
    name: String,
    role: Role,
    has_factor: bool,
    active: bool,
    since: String,
    is_self: bool,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    f: Frame,
    people: Vec<Person>,
    roles: [Role; 6],
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    f: Frame,
    name: String,
    address: String,
    hours: u64,
}

/// `GET /review/people`.
pub(super) async fn show(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer) -> Answered {
    let people = work(&desk, |desk| Ok(desk.store.read(users::all)?)).await?;
    let person = |user: User| Person {
        is_self: user.id == viewer.id,
        id: user.id,
        name: user.name,
        role: user.role,
        has_factor: user.totp.is_some(),
        active: user.active,
        since: when::moment(user.made_at),
    };
    let people = people.into_iter().map(person).collect();
    Ok(page(&PeoplePage { f: Frame::new(&viewer, "/review/people"), people, roles: Role::ALL }))
}

/// Makes a link and shows it.
async fn link(desk: &Arc<Desk>, viewer: Viewer, (what, invitation): (&'static str, Invitation)) -> Answered {
    let (f, name) = (Frame::new(&viewer, "/review/people"), invitation.name.clone());
    let token = work(desk, move |desk| {
        let now = desk.wall();
        let subject = invitation.user.as_deref().unwrap_or_default().to_owned();
        let detail = format!("{} {}", invitation.name, invitation.role.word());
        Ok(desk.noted(&viewer, (what, &subject, &detail), |db| {
            users::invite(db, &invitation, &viewer.id, (now, now + users::LINK_MS))
        })?)
    })
    .await?;
    let address = format!("{}/review/welcome/{token}", desk.given.settings.origin);
    Ok(page(&LinkPage { f, name, address, hours: users::LINK_MS / 3_600_000 }))
}

/// `POST /review/people/invite`.
pub(super) async fn invite(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let name = posted.text("name").to_owned();
    if let Some(fault) = users::name_fault(&name) {
        return Err(Wrong::Asked(fault));
    }
    let role = Role::from_word(posted.text("role")).ok_or(Wrong::Asked("wrong.choice"))?;
    let asked = name.clone();
    let known = work(&desk, move |desk| Ok(desk.store.read(|db| users::by_name(db, &asked))?)).await?;
    if known.is_some() {
        return Err(Wrong::Conflict("people.name_taken"));
    }
    link(&desk, viewer, ("invite", Invitation { user: None, name, role })).await
}

/// `POST /review/people/{id}`: another role, shut out or let in, a new password by link, the second factor taken off.
pub(super) async fn change(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    posted: Posted,
) -> Answered {
    let asked = id.clone();
    let user = work(&desk, move |desk| Ok(desk.store.read(|db| users::by_id(db, &asked))?)).await?;
    let user = user.ok_or(Wrong::NotFound)?;
    let (role, active, what) = match posted.text("do") {
        "reset" => {
            let invitation = Invitation { user: Some(id), name: user.name, role: user.role };
            return link(&desk, viewer, ("reset_password", invitation)).await;
        }
        "factor_off" => {
            let noted = ("reset_factor", id.clone(), String::new());
            return note(&desk, viewer, noted, move |db| users::set_totp(db, &id, None)).await;
        }
        "role" => (
            Role::from_word(posted.text("role")).ok_or(Wrong::Asked("wrong.choice"))?,
            user.active,
            "change_role",
        ),
        "shut_out" => (user.role, false, "shut_out"),
        "let_in" => (user.role, true, "let_in"),
        _ => return Err(Wrong::Asked("wrong.choice")),
    };
    if id == viewer.id {
        return Err(Wrong::Conflict("people.not_oneself"));
    }
    let noted = (what, id.clone(), format!("{} {}", role.word(), if active { "active" } else { "shut out" }));
    note(&desk, viewer, noted, move |db| match users::change(db, &id, role, active)? {
        true => Ok(()),
        false => Err(Error::Refused("people.last_admin")),
    })
    .await
}

async fn note(
    desk: &Arc<Desk>,
    viewer: Viewer,
    (what, subject, detail): (&'static str, String, String),
    act: impl FnOnce(&rusqlite::Connection) -> Result<(), Error> + Send + 'static,
) -> Answered {
    work(desk, move |desk| Ok(desk.noted(&viewer, (what, &subject, &detail), act)?)).await?;
    Ok(Redirect::to("/review/people").into_response())
}
