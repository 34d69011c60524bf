//! What is answered when a request cannot be served: a status, a stable code, a sentence.
//!
//! Separate, because every route answers in the same shape. Invariant: 503 comes with `Retry-After`, so that a gateway
//! that sends again does not hurry.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use schema::{Problem, Refusal, RejectReason};

/// An answer of this status.
#[must_use]
pub fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let problem = Problem { error: code.to_owned(), detail: detail.to_owned() };
    let mut response = (status, Json(problem)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The body as a whole is refused: nothing of it was taken.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let status = match refusal.reason {
        RejectReason::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    problem(status, refusal.reason.word(), &refusal.detail)
}

/// The same will be taken when there is less to do.
pub(super) fn busy() -> Box<Response> {
    let detail = "too many requests at once: send again later";
    Box::new(problem(StatusCode::SERVICE_UNAVAILABLE, "busy", detail))
}

/// Our fault.
pub(super) fn internal() -> Response {
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the request broke something: nothing of it was taken",
    )
}
