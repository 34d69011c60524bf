//! Signing in by a provider: the way there and back.
//!
//! Separate from signing in by a password. Invariants: the answer is taken in the browser that began, once; what the provider says is
//! shown to nobody, the log says it; the way back ends on a page of ours that leads on by itself, so that a cookie which no other site's
//! link may use is sent with the next page.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as Extract};
use axum::http::header::{HOST, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};

use super::frame::{Frame, page};
use super::guard::{self, Asked, Posted, Token};
use super::sign_in::safe;
use super::wrong::{Answered, Wrong, work};
use crate::desk::{Desk, Settings};
use crate::people::Viewer;
use crate::people::identities::{Entered, Left};
use crate::people::oidc::{Begun, Closed, Linking, Returned};
use crate::people::secret;

/// Where the provider says that somebody's sign-in ended.
pub(super) const END_PATH: &str = "/review/oidc/end";
/// The cookie of a sign-in under way.
const DOOR: &str = "weir-door";

#[derive(Template)]
#[template(path = "oidc.html")]
struct OnPage {
    f: Frame,
    next: String,
}

/// Our address for the provider's answer.
fn back(settings: &Settings, headers: &HeaderMap) -> Result<String, Wrong> {
    let own = match &*settings.origin {
        "" => {
            // The guard has seen that it is a name of this machine.
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).ok_or(Wrong::Foreign)?;
            format!("http://{host}")
        }
        origin => origin.to_owned(),
    };
    Ok(format!("{own}/review/oidc/back"))
}

fn door(settings: &Settings, value: &str) -> HeaderValue {
    let secure = if settings.origin.is_empty() { "" } else { "; Secure" };
    let age = if value.is_empty() { 0 } else { 600 };
    let text = format!("{DOOR}={value}; Path=/review/oidc; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    HeaderValue::from_str(&text).expect("a token and fixed words are visible ASCII")
}

async fn begin(
    desk: &Arc<Desk>,
    headers: &HeaderMap,
    (next, link): (String, Option<Linking>),
) -> Result<Begun, Wrong> {
    let back = back(&desk.given.settings, headers)?;
    let begun = work(desk, move |desk| {
        let provider = desk.provider.as_ref().ok_or(Wrong::NotFound)?;
        provider.begin(desk.wall(), &back, (&next, link)).map_err(|closed| {
            tracing::error!(%closed, "nobody can sign in by the provider now");
            Wrong::Unavailable
        })
    });
    begun.await
}

/// `GET /review/oidc/start`: to the provider.
pub(super) async fn start(
    Extract(desk): Extract<Arc<Desk>>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answered {
    let next = safe(query.get("next").map_or("", String::as_str)).to_owned();
    let Begun { url, browser } = begin(&desk, &headers, (next, None)).await?;
    Ok((AppendHeaders([(SET_COOKIE, door(&desk.given.settings, &browser))]), Redirect::to(&url))
        .into_response())
}

/// `POST /review/me/provider`: whoever is signed in comes by the provider from now on. A page leads there, since a form of ours is
/// answered by pages of ours alone.
pub(super) async fn link(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    token: Token,
    headers: HeaderMap,
) -> Answered {
    let linking = Linking { user: viewer.id.clone(), session: secret::hash(&token.0) };
    let asked = ("/review/me".to_owned(), Some(linking));
    let Begun { url, browser } = begin(&desk, &headers, asked).await?;
    let on = page(&OnPage { f: Frame::new(&viewer, ""), next: url });
    Ok((AppendHeaders([(SET_COOKIE, door(&desk.given.settings, &browser))]), on).into_response())
}

/// `GET /review/oidc/back`: from the provider.
pub(super) async fn back_again(
    Extract(desk): Extract<Arc<Desk>>,
    asked: Asked,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answered {
    let browser = guard::cookie_value(&headers, DOOR).unwrap_or_default().to_owned();
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let entered = work(&desk, move |desk| {
        let provider = desk.provider.as_ref().ok_or(Wrong::NotFound)?;
        let text = |name: &str| query.get(name).map_or("", String::as_str);
        let (state, code, error, issuer) = (text("state"), text("code"), text("error"), text("iss"));
        let returned = Returned { state, code, error, issuer, browser: &browser };
        let who = provider.finish(desk.wall(), &returned).map_err(|closed| {
            tracing::warn!(%closed, "a sign-in by the provider failed");
            match closed {
                Closed::Provider(_) => Wrong::Unavailable,
                Closed::NoDoor => Wrong::Asked("oidc.no_door"),
                Closed::Refused(_) | Closed::Token(_) => Wrong::Asked("oidc.closed"),
            }
        })?;
        Ok((desk.enter_by_provider(&who, &agent)?, who.next))
    });
    let (entered, next) = entered.await?;
    let next = safe(&next).to_owned();
    let f = Frame::open(asked.0.strings());
    let over = (SET_COOKIE, door(&desk.given.settings, ""));
    match entered {
        Entered::No(why) => Err(Wrong::Asked(why)),
        Entered::Linked => Ok((AppendHeaders([over]), page(&OnPage { f, next })).into_response()),
        Entered::Yes(token) => {
            let cookie = guard::cookie(&desk.given.settings, &token);
            let cookie = HeaderValue::from_str(&cookie).expect("a token and fixed words are visible ASCII");
            Ok(led(&[over, (SET_COOKIE, cookie)], page(&OnPage { f, next })))
        }
    }
}

/// `POST /review/oidc/end`: from the provider itself, field `logout_token` (OpenID Connect Back-Channel Logout 1.0). No page of ours
/// asks for it, so it is told apart by its token alone.
pub(super) async fn end(Extract(desk): Extract<Arc<Desk>>, posted: Posted) -> Answered {
    let is_believed = work(&desk, move |desk| {
        let provider = desk.provider.as_ref().ok_or(Wrong::NotFound)?;
        match provider.ended(desk.wall(), posted.raw("logout_token")) {
            Ok(ended) => {
                let left = desk.leave_by_provider(&ended)?;
                tracing::info!(?left, "the provider says that a sign-in ended");
                Ok(left != Left::Before)
            }
            Err(closed) => {
                tracing::warn!(%closed, "a word that a sign-in ended is not believed");
                Ok(false)
            }
        }
    });
    Ok(if is_believed.await? { StatusCode::OK } else { StatusCode::BAD_REQUEST }.into_response())
}

fn led(cookies: &[(axum::http::HeaderName, HeaderValue)], mut page: Response) -> Response {
    for (name, value) in cookies {
        page.headers_mut().append(name, value.clone());
    }
    page
}
