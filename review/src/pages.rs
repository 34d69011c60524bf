//! The pages: what a browser may ask for.
//!
//! Separate from the desk, which knows no HTTP. Invariants: every route stands here with the role that it asks for; no page runs a
//! script that is not of this binary.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;

use crate::desk::Desk;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    has_history: bool,
}

/// Every page, below the path where it is mounted.
pub fn router(desk: Arc<Desk>) -> Router {
    Router::new().route("/", get(home)).with_state(desk)
}

async fn home(Extract(desk): Extract<Arc<Desk>>) -> Response {
    page(&Home { has_history: desk.given.history.is_some() })
}

/// A page, or what is said when it cannot be made.
fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
