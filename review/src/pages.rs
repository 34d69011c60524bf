//! The pages: what a browser may ask for.
//!
//! Separate from the desk, which knows no HTTP. Invariants: every route stands here with the right that it asks for; no page runs a
//! script or shows a style that is not of this binary; whatever changes something is a POST with the session's token, and answers
//! with a redirect.

mod account;
mod audit;
mod bulk;
mod campaigns;
mod case;
mod clauses;
mod compared;
mod control;
mod exposure;
mod files;
mod frame;
mod guard;
mod investigate;
mod me;
mod oidc;
mod overview;
mod people;
mod quality;
mod queue;
mod reasons;
mod reveal;
mod shadows;
mod sign_in;
mod versions;
mod wrong;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{any, get, post};

use crate::desk::Desk;
use crate::people::Right;
use crate::when;

pub(crate) use wrong::Wrong;

/// Where a request came from; whoever serves the pages puts it into the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Every page, at `/review/`.
pub fn router(desk: Arc<Desk>) -> Router {
    // Asked by whoever is not signed in.
    let open = Router::new()
        .route("/review/sign-in", get(sign_in::show).post(sign_in::take))
        .route("/review/welcome/{token}", get(sign_in::welcome).post(sign_in::accept))
        .route("/review/language", post(sign_in::language))
        .route("/review/oidc/start", get(oidc::start))
        .route("/review/oidc/back", get(oidc::back_again))
        .route(oidc::END_PATH, post(oidc::end))
        .route("/review/static/{file}", get(files::serve));
    let own = Router::new()
        .route("/review/me", get(me::show))
        .route("/review/me/password", post(me::password))
        .route("/review/me/factor", get(me::factor).post(me::set_factor))
        .route("/review/me/factor/off", post(me::end_factor))
        .route("/review/me/looks", post(me::looks))
        .route("/review/me/provider", post(oidc::link))
        .route("/review/sign-out", post(me::sign_out));
    let queue = Router::new().route("/review/", get(queue::show));
    let known = Router::new()
        .route("/review/case/{id}", get(case::show))
        .route("/review/account/{id}", get(account::show))
        .route("/review/campaigns", get(campaigns::all))
        .route("/review/campaigns/{id}", get(campaigns::show))
        .route("/review/bulk", get(bulk::all))
        .route("/review/bulk/{id}", get(bulk::show).post(bulk::turn))
        .route("/review/bulk/{id}/progress", get(bulk::progress));
    let quality = Router::new().route("/review/quality", get(quality::show));
    let people = Router::new()
        .route("/review/people", get(people::show))
        .route("/review/people/invite", post(people::invite))
        .route("/review/people/{id}", post(people::change));
    let overview = Router::new()
        .route("/review/overview", get(overview::show))
        .route("/review/overview/parts", get(overview::fresh));
    let control = Router::new()
        .route("/review/control", get(control::show))
        .route("/review/control/{id}", get(control::proposal))
        .route("/review/versions/{kind}/{name}/{version}", get(versions::show))
        .route("/review/shadows", get(shadows::show));
    let publish = Router::new()
        .route("/review/control/propose", post(control::propose))
        .route("/review/control/kill", post(control::kill))
        .route("/review/control/retire", post(control::retire))
        .route("/review/control/undo", post(bulk::propose_undoing))
        .route("/review/control/{id}", post(control::decide));
    let investigate = Router::new()
        .route("/review/investigate", get(investigate::show))
        .route("/review/statement/{decision}", get(reasons::show))
        .route("/review/reveal", post(reveal::show));
    let audit = Router::new().route("/review/audit", get(audit::show));
    Router::new()
        .route("/review", get(|| async { Redirect::permanent("/review/") }))
        .route("/review/{*rest}", any(|| async { Wrong::NotFound }))
        .merge(open)
        .merge(behind(None, own))
        .merge(behind(Some(Right::See), queue))
        .merge(behind(Some(Right::Investigate), known))
        .merge(behind(Some(Right::Work), working()))
        .merge(behind(Some(Right::Lead), quality))
        .merge(behind(Some(Right::See), overview))
        .merge(behind(Some(Right::See), control))
        .merge(behind(Some(Right::Publish), publish))
        .merge(behind(Some(Right::Investigate), investigate))
        .merge(behind(Some(Right::People), people))
        .merge(behind(Some(Right::Audit), audit))
        .layer(from_fn_with_state(Arc::clone(&desk), guard::watch))
        .with_state(desk)
}

/// What is for whoever works cases.
fn working() -> Router<Arc<Desk>> {
    Router::new()
        .route("/review/next", post(queue::next))
        .route("/review/views", post(queue::save))
        .route("/review/case/{id}/act", post(case::act))
        .route("/review/case/{id}/claim", post(case::beat))
        .route("/review/case/{id}/release", post(case::release))
        .route("/review/case/{id}/undo", post(case::undo))
        .route("/review/exposure", get(exposure::show))
        .route("/review/account/{id}/open", post(account::open))
        .route("/review/campaigns/{id}/act", post(campaigns::propose))
        .route("/review/bulk/new", get(bulk::begin).post(bulk::propose))
}

/// Routes for those alone who are signed in and have the right, if one is asked for.
fn behind(right: Option<Right>, routes: Router<Arc<Desk>>) -> Router<Arc<Desk>> {
    routes.route_layer(from_fn(move |request: Request, next: Next| guard::admit(right, request, next)))
}

#[cfg(test)]
mod tests;
