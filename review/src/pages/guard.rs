//! What stands before and behind every page: who asks, from where, and what a browser is told to refuse.
//!
//! Separate from the pages, so that none can forget it. Invariants: a request that changes something is let through only from a page of
//! ours (Sec-Fetch-Site or Origin), or from the provider of sign-ins itself, whose token is looked at; and, if somebody is signed in, with the token of their session; without a configured origin only a
//! loopback name is answered; every answer has the headers below.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State as Extract};
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, ORIGIN,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::frame::wrong_page;
use super::oidc::END_PATH;
use super::wrong::{Wrong, work};
use crate::desk::{Desk, Settings};
use crate::people::{Right, Viewer, secret};
use crate::strings::Language;

/// Largest form, bytes.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// Most fields of a form.
const FIELDS_MAX: usize = 2_000;
/// What pages ask for by themselves: no use of a session, which would never end in a window that somebody left open.
const BY_ITSELF: [&str; 2] = ["/review/exposure", "/review/overview/parts"];
/// A header by which our script says that it fetches what may come next.
pub(super) const AHEAD: &str = "x-weir-ahead";
/// What pages may load: files of ours alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The session's token, as the browser sent it.
#[derive(Debug, Clone)]
pub(super) struct Token(pub(super) String);

/// The language that a page for nobody is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked(pub(super) Language);

/// A form that came from a page of ours.
#[derive(Debug, Clone, Default)]
pub(crate) struct Posted(Arc<BTreeMap<String, Vec<String>>>);

impl Posted {
    /// The first value of a field, without blanks around it; empty: there is none.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.raw(field).trim()
    }

    /// The first value of a field as it is.
    pub(crate) fn raw(&self, field: &str) -> &str {
        self.0.get(field).and_then(|values| values.first()).map_or("", String::as_str)
    }
}

/// The name of the cookie: with TLS, one that no other host and no plain page can set.
pub(super) fn cookie_name(settings: &Settings) -> &'static str {
    if is_secure(settings) { "__Host-weir" } else { "weir" }
}

fn is_secure(settings: &Settings) -> bool {
    settings.origin.starts_with("https://")
}

/// What sets the session's cookie. Behind TLS it is lax, so that a link in a message opens its page; what changes something asks for more.
pub(super) fn cookie(settings: &Settings, token: &str) -> String {
    let (name, ends) = (cookie_name(settings), if token.is_empty() { "; Max-Age=0" } else { "" });
    if is_secure(settings) {
        format!("{name}={token}; Path=/; Secure; HttpOnly; SameSite=Lax{ends}")
    } else {
        format!("{name}={token}; Path=/review; HttpOnly; SameSite=Strict{ends}")
    }
}

pub(super) fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(known, _)| *known == name).map(|(_, value)| value).next()
}

/// Before and behind every page.
pub(super) async fn watch(Extract(desk): Extract<Arc<Desk>>, mut request: Request, next: Next) -> Response {
    let settings = &desk.given.settings;
    let asked = asked(request.headers());
    let mut viewer = None;
    let response = match enter(&desk, &mut request, asked).await {
        Err(wrong) => wrong.into_response(),
        Ok(()) => {
            viewer = request.extensions().get::<Viewer>().cloned();
            let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
            let is_get = request.method() == Method::GET;
            let response = next.run(request).await;
            match response.extensions().get::<Wrong>() {
                Some(Wrong::SignedOut) if is_get && viewer.is_none() => {
                    Redirect::to(&format!("/review/sign-in?next={}", encoded(&path))).into_response()
                }
                _ => response,
            }
        }
    };
    let mut response = match response.extensions().get::<Wrong>() {
        Some(wrong) => wrong_page(*wrong, viewer, asked.strings()),
        None => response,
    };
    seal(response.headers_mut(), settings);
    response
}

/// Who asks and what they send; or why it goes no further.
async fn enter(desk: &Arc<Desk>, request: &mut Request, asked: Language) -> Result<(), Wrong> {
    let settings = &desk.given.settings;
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    // The provider's word comes from no page, has no session and proves itself.
    let is_providers = request.uri().path() == END_PATH;
    if !is_ours(request.headers(), settings, changes && !is_providers) {
        return Err(Wrong::Foreign);
    }
    request.extensions_mut().insert(Asked(asked));
    let token = cookie_value(request.headers(), cookie_name(settings)).map(str::to_owned);
    let is_file = request.uri().path().starts_with("/review/static/");
    let mut viewer = None;
    if let Some(token) = token.filter(|token| token.len() == 64 && !is_file && !is_providers) {
        let given = token.clone();
        let is_used = !is_by_itself(request);
        viewer = work(desk, move |desk| Ok(desk.known(&given, asked, is_used)?)).await?;
        request.extensions_mut().insert(Token(token));
    }
    if changes {
        let posted = form(std::mem::take(request.body_mut()), request.headers()).await?;
        if viewer.as_ref().is_some_and(|viewer| !secret::is_same(posted.raw("csrf"), &viewer.csrf)) {
            return Err(Wrong::Foreign);
        }
        request.extensions_mut().insert(posted);
    }
    if let Some(viewer) = viewer {
        request.extensions_mut().insert(viewer);
    }
    Ok(())
}

/// Whether a page sent it without anybody's doing.
fn is_by_itself(request: &Request) -> bool {
    let path = request.uri().path();
    let is_progress = path.starts_with("/review/bulk/") && path.ends_with("/progress");
    is_progress || BY_ITSELF.contains(&path) || request.headers().contains_key(AHEAD)
}

/// Lets a request through whose viewer has the right.
pub(super) async fn admit(right: Option<Right>, request: Request, next: Next) -> Response {
    match (request.extensions().get::<Viewer>(), right) {
        (None, _) => Wrong::SignedOut.into_response(),
        (Some(viewer), Some(right)) if !viewer.may(right) => Wrong::Forbidden(right).into_response(),
        (Some(viewer), Some(_)) if viewer.lacks_factor => Redirect::to("/review/me/factor").into_response(),
        _ => next.run(request).await,
    }
}

/// The language that the browser asks for: by a cookie of the page for signing in, else as it is set up.
fn asked(headers: &HeaderMap) -> Language {
    let chosen = cookie_value(headers, "weir-language").and_then(Language::of);
    let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    chosen.unwrap_or_else(|| Language::accepted(header))
}

/// Whether a request reached us under our own name, and, if it changes something, came from a page of ours.
fn is_ours(headers: &HeaderMap, settings: &Settings, changes: bool) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(HOST).unwrap_or_default();
    if settings.origin.is_empty() && !is_loopback_name(host) {
        return false;
    }
    if !changes {
        return true;
    }
    let own = if settings.origin.is_empty() { format!("http://{host}") } else { settings.origin.clone() };
    let by_site = text(HeaderName::from_static("sec-fetch-site")).map(|site| site == "same-origin");
    let origin = text(ORIGIN);
    let by_origin = origin.map(|origin| origin.eq_ignore_ascii_case(&own));
    match by_site {
        // A browser that is to send no referrer says `null` of our own forms, too: then what it says of the site decides.
        Some(site) => site && (by_origin.unwrap_or(true) || origin == Some("null")),
        // A browser sends at least one of them with a form.
        None => by_origin.unwrap_or(false),
    }
}

/// Whether `host` or `host:port` is this machine.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn form(body: Body, headers: &HeaderMap) -> Result<Posted, Wrong> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Wrong::Asked("wrong.form_kind"));
    }
    let bytes =
        axum::body::to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| Wrong::Asked("wrong.form_large"))?;
    Ok(Posted(Arc::new(fields(&bytes)?)))
}

/// The fields of a form or of a query.
pub(super) fn fields(bytes: &[u8]) -> Result<BTreeMap<String, Vec<String>>, Wrong> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (count, (name, value)) in form_urlencoded::parse(bytes).enumerate() {
        if count >= FIELDS_MAX {
            return Err(Wrong::Asked("wrong.form_large"));
        }
        fields.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    Ok(fields)
}

/// A text within a query.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn seal(headers: &mut HeaderMap, settings: &Settings) {
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_secure(settings) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Wrong> {
        parts.extensions.get::<Viewer>().cloned().ok_or(Wrong::SignedOut)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Posted {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Wrong> {
        parts.extensions.get::<Posted>().cloned().ok_or(Wrong::Foreign)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Token {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Wrong> {
        parts.extensions.get::<Token>().cloned().ok_or(Wrong::SignedOut)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Wrong> {
        parts.extensions.get::<Asked>().copied().ok_or(Wrong::Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[track_caller]
    fn check(origin: &str, pairs: &[(&'static str, &'static str)], reads: bool, changes: bool) {
        let settings = Settings { origin: origin.to_owned(), ..Settings::default() };
        let found = [false, true].map(|change| is_ours(&headers(pairs), &settings, change));
        assert_eq!(found, [reads, changes], "{origin} {pairs:?}");
    }

    #[test]
    fn only_a_page_of_ours_changes_something_and_only_this_machine_is_at_home() {
        let host = ("host", "127.0.0.1:8484");
        check("", &[host], true, false);
        check("", &[host, ("origin", "http://127.0.0.1:8484")], true, true);
        check(
            "",
            &[host, ("origin", "http://127.0.0.1:8484"), ("sec-fetch-site", "same-origin")],
            true,
            true,
        );
        check(
            "",
            &[host, ("origin", "http://127.0.0.1:8484"), ("sec-fetch-site", "cross-site")],
            true,
            false,
        );
        check("", &[host, ("sec-fetch-site", "same-site")], true, false);
        check("", &[host, ("origin", "null")], true, false);
        check("", &[host, ("origin", "null"), ("sec-fetch-site", "same-origin")], true, true);
        check("", &[host, ("origin", "null"), ("sec-fetch-site", "cross-site")], true, false);
        check("", &[host, ("origin", "http://127.0.0.1:9999")], true, false);
        check("", &[("host", "evil.example"), ("origin", "http://evil.example")], false, false);
        let ours = "https://weir.example";
        check(ours, &[("host", "10.0.0.7:8484"), ("origin", ours)], true, true);
        check(ours, &[("host", "weir.example"), ("origin", "https://evil.example")], true, false);
    }

    #[test]
    fn with_tls_the_cookie_is_bound_to_this_host() {
        let secure = Settings { origin: "https://weir.example".to_owned(), ..Settings::default() };
        assert_eq!(cookie(&secure, "t"), "__Host-weir=t; Path=/; Secure; HttpOnly; SameSite=Lax");
        let plain = Settings::default();
        assert_eq!(cookie(&plain, "t"), "weir=t; Path=/review; HttpOnly; SameSite=Strict");
        assert!(cookie(&plain, "").ends_with("Max-Age=0"));
        let sent = headers(&[("cookie", "a=b; weir=t1; c=d")]);
        assert_eq!(cookie_value(&sent, "weir"), Some("t1"));
        assert_eq!(cookie_value(&sent, "eir"), None);
    }
}
