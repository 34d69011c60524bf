//! One's own page: password, second factor, sessions, language and looks.
//!
//! Separate from the page where others are looked after. Invariants: password and second factor are changed only by whoever gives the
//! present password; a secret and recovery codes are shown once.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as Extract;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};

use super::frame::{Frame, page};
use super::guard::{self, Posted, Token};
use super::when;
use super::wrong::{Answered, Wrong, work};
use crate::desk::Desk;
use crate::error::Error;
use crate::people::{Viewer, identities, password, secret, sessions, totp, users};
use crate::strings::Language;

struct SessionRow {
    since: String,
    seen: String,
    agent: String,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    f: Frame,
    role: &'static str,
    has_factor: bool,
    has_provider: bool,
    is_linked: bool,
    chars_min: usize,
    language: &'static str,
    sessions: Vec<SessionRow>,
}

#[derive(Template)]
#[template(path = "factor.html")]
struct FactorPage {
    f: Frame,
    secret: String,
    shown: String,
    address: String,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    f: Frame,
    codes: Vec<String>,
}

/// `GET /review/me`.
pub(super) async fn show(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, token: Token) -> Answered {
    let id = viewer.id.clone();
    let (sessions, user, is_linked, now) = work(&desk, move |desk| {
        let now = desk.wall();
        let sessions = desk.store.read(|db| sessions::of(db, &id, &token.0, now))?;
        let is_linked = desk.store.read(|db| identities::is_linked(db, &id))?;
        Ok((sessions, desk.store.read(|db| users::by_id(db, &id))?, is_linked, now))
    })
    .await?;
    let user = user.ok_or(Wrong::SignedOut)?;
    let rows = sessions.into_iter().map(|session| SessionRow {
        since: when::moment(session.made_at),
        seen: when::span(viewer.t, now.saturating_sub(session.seen_at)),
        agent: session.agent,
        is_own: session.is_own,
    });
    Ok(page(&MePage {
        f: Frame::new(&viewer, "/review/me"),
        role: viewer.role.word(),
        has_factor: user.totp.is_some(),
        has_provider: desk.provider.is_some(),
        is_linked,
        chars_min: password::CHARS_MIN,
        language: viewer.t.language.code(),
        sessions: rows.collect(),
    }))
}

/// The viewer, if the present password is theirs.
fn confirmed(desk: &Desk, viewer: &Viewer, given: &str) -> Result<users::User, Wrong> {
    let user = desk.store.read(|db| users::by_id(db, &viewer.id))?.ok_or(Wrong::SignedOut)?;
    let who = crate::people::throttle::Who::new(
        &format!("own:{}", viewer.id),
        std::net::Ipv4Addr::LOCALHOST.into(),
    );
    if let Some(wait) = crate::people::throttle::admit_name(&desk.store.writer(), &who, desk.wall())? {
        return Err(Wrong::Wait(wait.div_ceil(1_000)));
    }
    if !password::is_right(given, Some(&user.password)) {
        return Err(Wrong::Asked("me.password_wrong"));
    }
    crate::people::throttle::succeeded(&desk.store.writer(), &who)?;
    Ok(user)
}

/// `POST /review/me/password`.
pub(super) async fn password(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    if let Some(fault) = users::password_fault(posted.raw("password"), posted.raw("again"), &viewer.name) {
        return Err(Wrong::Asked(fault));
    }
    work(&desk, move |desk| {
        confirmed(desk, &viewer, posted.raw("present"))?;
        let kept = password::hash(posted.raw("password"));
        Ok(desk.noted(&viewer, ("change_password", &viewer.id, ""), |db| {
            users::set_password(db, &viewer.id, &kept)
        })?)
    })
    .await?;
    // Every session has ended, this one too.
    Ok(signed_out(&desk))
}

/// `GET /review/me/factor`: a new secret, which is kept only once a code of it was given.
pub(super) async fn factor(viewer: Viewer) -> Answered {
    let bytes = secret::random::<{ totp::SECRET_BYTES }>();
    let address = totp::address(&bytes, &viewer.name);
    let coded = secret::base32(&bytes);
    let groups: Vec<&str> =
        (0..coded.len()).step_by(4).map(|at| &coded[at..(at + 4).min(coded.len())]).collect();
    let shown = groups.join(" ");
    let secret = secret::hex(&bytes);
    Ok(page(&FactorPage { f: Frame::new(&viewer, "/review/me"), secret, shown, address }))
}

/// `POST /review/me/factor`.
pub(super) async fn set_factor(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    posted: Posted,
) -> Answered {
    let frame = Frame::new(&viewer, "/review/me");
    let codes = work(&desk, move |desk| {
        confirmed(desk, &viewer, posted.raw("present"))?;
        let secret = bytes(posted.text("secret")).ok_or(Wrong::Asked("me.code_wrong"))?;
        let step = totp::step(&secret, posted.text("code"), desk.wall(), 0);
        step.ok_or(Wrong::Asked("me.code_wrong"))?;
        let codes = totp::recovery_codes();
        desk.noted(&viewer, ("set_factor", &viewer.id, ""), |db| {
            users::set_totp(db, &viewer.id, Some((&secret, &codes)))
        })?;
        Ok(codes)
    })
    .await?;
    Ok(page(&CodesPage { f: frame, codes }))
}

/// `POST /review/me/factor/off`.
pub(super) async fn end_factor(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    posted: Posted,
) -> Answered {
    work(&desk, move |desk| {
        confirmed(desk, &viewer, posted.raw("present"))?;
        Ok(desk.noted(&viewer, ("end_factor", &viewer.id, ""), |db| users::set_totp(db, &viewer.id, None))?)
    })
    .await?;
    Ok(Redirect::to("/review/me").into_response())
}

/// `POST /review/me/looks`: language and theme.
pub(super) async fn looks(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer, posted: Posted) -> Answered {
    let language = Language::of(posted.text("language")).ok_or(Wrong::Asked("wrong.choice"))?;
    let theme = posted.text("theme").to_owned();
    if !matches!(&*theme, "light" | "dark" | "auto") {
        return Err(Wrong::Asked("wrong.choice"));
    }
    work(&desk, move |desk| {
        let sql = "UPDATE users SET language = ?2, theme = ?3 WHERE id = ?1";
        desk.store.writer().execute(sql, (&viewer.id, language.code(), &theme)).map_err(Error::from)?;
        Ok(())
    })
    .await?;
    Ok(Redirect::to("/review/me").into_response())
}

/// `POST /review/sign-out`.
pub(super) async fn sign_out(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    token: Token,
    posted: Posted,
) -> Answered {
    let everywhere = posted.text("everywhere") == "yes";
    work(&desk, move |desk| Ok(desk.sign_out(&viewer, &token.0, everywhere)?)).await?;
    Ok(signed_out(&desk))
}

fn signed_out(desk: &Desk) -> Response {
    let cookie = guard::cookie(&desk.given.settings, "");
    let cookie = HeaderValue::from_str(&cookie).expect("fixed words are visible ASCII");
    (AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to("/review/sign-in")).into_response()
}

/// The bytes of hexadecimal digits, if they are those of a secret.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() != totp::SECRET_BYTES * 2 || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
