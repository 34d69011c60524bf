//! Signing in, and one-time links.
//!
//! Separate from the pages of those who are signed in. Invariants: name, password and code fail with the same words; after signing in
//! a browser goes to a page of ours alone; a token of a session is new each time.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State as Extract};
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};

use super::Peer;
use super::frame::{Frame, page};
use super::guard::{self, Asked, Posted};
use super::wrong::{Answered, Wrong, work};
use crate::desk::Desk;
use crate::people::users::{self, Accepted};
use crate::people::{Attempt, SignedIn, Viewer, password, proxies};
use crate::strings::Language;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    f: Frame,
    next: String,
    name: String,
    fault: String,
    /// The way to a provider; empty: there is none.
    provider: String,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    f: Frame,
    token: String,
    /// Whether the name is to be chosen.
    is_open: bool,
    is_reset: bool,
    name: String,
    role: &'static str,
    chars_min: usize,
    fault: String,
}

/// A path of ours, whatever was asked for.
pub(super) fn safe(next: &str) -> &str {
    let is_ours = next.starts_with("/review/") && !next.contains(['\\', '\r', '\n']) && !next.contains("//");
    if is_ours && !next.starts_with("/review/sign-in") { next } else { "/review/" }
}

/// The way to a provider, if there is one, and on to a page of ours.
fn provider(desk: &Desk, next: &str) -> String {
    let is_there = desk.provider.is_some();
    if is_there { format!("/review/oidc/start?next={}", guard::encoded(next)) } else { String::new() }
}

/// `GET /review/sign-in`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    asked: Asked,
    viewer: Option<Extension<Viewer>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let next = safe(query.get("next").map_or("", String::as_str));
    if viewer.is_some() {
        return Redirect::to(next).into_response();
    }
    let f = Frame::open(asked.0.strings());
    let provider = provider(&desk, next);
    page(&SignInPage { f, next: next.to_owned(), name: String::new(), fault: String::new(), provider })
}

/// Where a request came from: behind a proxy of the operator's, who that says called it.
fn address(desk: &Desk, peer: Peer, headers: &HeaderMap) -> std::net::IpAddr {
    // A value that is no text is not believed, nor what stands before it.
    let forwarded = headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or("?"));
    proxies::caller(peer.0, forwarded, &desk.given.settings.proxies)
}

/// `POST /review/sign-in`.
pub(super) async fn take(
    Extract(desk): Extract<Arc<Desk>>,
    Extension(peer): Extension<Peer>,
    asked: Asked,
    headers: HeaderMap,
    posted: Posted,
) -> Answered {
    let (address, agent) = (address(&desk, peer, &headers), agent(&headers));
    let form = posted.clone();
    let signed_in = work(&desk, move |desk| {
        let (name, password, code) = (form.text("name"), form.raw("password"), form.text("code"));
        Ok(desk.sign_in(&Attempt { name, password, code, address, agent: &agent })?)
    });
    match signed_in.await? {
        SignedIn::Yes(token) => Ok(enter(&desk, &token, safe(posted.text("next")))),
        SignedIn::Wait(ms) => Err(Wrong::Wait(ms.div_ceil(1_000))),
        SignedIn::No => {
            let f = Frame::open(asked.0.strings());
            let fault = f.t.say("sign_in.wrong").to_owned();
            let (next, name) = (safe(posted.text("next")).to_owned(), posted.text("name").to_owned());
            let provider = provider(&desk, &next);
            let mut response = page(&SignInPage { f, next, name, fault, provider });
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

fn agent(headers: &HeaderMap) -> String {
    headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// To a page, with the cookie of a new session.
fn enter(desk: &Desk, token: &str, next: &str) -> Response {
    let cookie = guard::cookie(&desk.given.settings, token);
    let cookie = HeaderValue::from_str(&cookie).expect("a token and fixed words are visible ASCII");
    (AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(next)).into_response()
}

/// The page of a one-time link.
async fn welcome_page(desk: &Arc<Desk>, t: Language, (token, fault): (String, &'static str)) -> Answered {
    let given = token.clone();
    let found = work(desk, move |desk| Ok(desk.invitation(&given)?)).await?;
    let invitation = found.ok_or(Wrong::Asked("wrong.link"))?;
    let f = Frame::open(t.strings());
    let fault = if fault.is_empty() { String::new() } else { f.t.say(fault).to_owned() };
    let (is_open, is_reset) = (invitation.name.is_empty(), invitation.user.is_some());
    let (name, role) = (invitation.name, invitation.role.word());
    Ok(page(&WelcomePage { f, token, is_open, is_reset, name, role, chars_min: password::CHARS_MIN, fault }))
}

/// `GET /review/welcome/{token}`.
pub(super) async fn welcome(
    Extract(desk): Extract<Arc<Desk>>,
    asked: Asked,
    Path(token): Path<String>,
) -> Answered {
    welcome_page(&desk, asked.0, (token, "")).await
}

/// `POST /review/welcome/{token}`: makes the person and signs them in.
pub(super) async fn accept(
    Extract(desk): Extract<Arc<Desk>>,
    asked: Asked,
    headers: HeaderMap,
    Path(token): Path<String>,
    posted: Posted,
) -> Answered {
    let given = token.clone();
    let found = work(&desk, move |desk| Ok(desk.invitation(&given)?)).await?;
    let invitation = found.ok_or(Wrong::Asked("wrong.link"))?;
    let name = if invitation.name.is_empty() { posted.text("name").to_owned() } else { invitation.name };
    let fault = users::name_fault(&name)
        .or_else(|| users::password_fault(posted.raw("password"), posted.raw("again"), &name));
    if let Some(fault) = fault {
        return Ok(unprocessable(welcome_page(&desk, asked.0, (token, fault)).await?));
    }
    let (used, agent) = (token.clone(), agent(&headers));
    let accepted = work(&desk, move |desk| {
        let accepted = desk.accept(&used, (&name, posted.raw("password")))?;
        let Accepted::Done(id) = &accepted else { return Ok((accepted, String::new())) };
        let session = desk.start_session(id, &agent)?;
        Ok((accepted, session))
    });
    match accepted.await? {
        (Accepted::Done(_), session) => Ok(enter(&desk, &session, "/review/")),
        (Accepted::Gone, _) => Err(Wrong::Asked("wrong.link")),
        (Accepted::Refused(fault), _) => {
            Ok(unprocessable(welcome_page(&desk, asked.0, (token, fault)).await?))
        }
    }
}

fn unprocessable(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

/// `POST /review/language`: the language of pages for whoever is not signed in.
pub(super) async fn language(posted: Posted) -> Answered {
    let language = Language::of(posted.text("language")).ok_or(Wrong::Asked("wrong.choice"))?;
    let cookie = format!(
        "weir-language={}; Path=/review; Max-Age=31536000; HttpOnly; SameSite=Strict",
        language.code()
    );
    let cookie = HeaderValue::from_str(&cookie).expect("a code and fixed words are visible ASCII");
    let back = posted.text("back");
    let back =
        if back.starts_with("/review/sign-in") && !back.contains("//") { back } else { "/review/sign-in" };
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(back)).into_response())
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn after_signing_in_nobody_is_sent_elsewhere() {
        for next in ["/review/audit?n=1", "/review/case/k_1"] {
            assert_eq!(safe(next), next);
        }
        for next in [
            "",
            "https://evil.example",
            "//evil.example",
            "/review//evil.example",
            "/review/\\evil",
            "/v1/events",
            "/review/sign-in?next=x",
        ] {
            assert_eq!(safe(next), "/review/", "{next}");
        }
    }
}
