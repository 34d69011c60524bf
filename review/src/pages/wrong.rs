//! What is answered when a page cannot be: to a person, with what to do.
//!
//! Separate from the pages, which give a reason and no HTML. Invariants: no detail of the inside is shown, it is in the log; work that
//! blocks (the store, history, the log, hashes) runs on a thread of its own, and so much of it at once.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schema::desk::Untaken;
use schema::history::HistoryError;

use crate::desk::Desk;
use crate::error::Error;
use crate::people::Right;

/// A page, or what is wrong.
pub(crate) type Answered = Result<Response, Wrong>;

/// Why there is no page; the guard makes one of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Nobody is signed in, or no more.
    SignedOut,
    /// The role does not have the right.
    Forbidden(Right),
    /// There is no such thing.
    NotFound,
    /// The form is from elsewhere, or from a session that ended.
    Foreign,
    /// What was asked for is not taken: the key of a text.
    Asked(&'static str),
    /// It was changed by somebody else meanwhile, or may not be done: the key of a text.
    Conflict(&'static str),
    /// So many seconds to wait.
    Wait(u64),
    /// Something that is needed does not answer now.
    Unavailable,
    /// The log takes no act now.
    LogDown,
    /// It broke; the log says where.
    Broken,
}

impl Wrong {
    /// The status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Wrong::SignedOut => StatusCode::UNAUTHORIZED,
            Wrong::Forbidden(_) | Wrong::Foreign => StatusCode::FORBIDDEN,
            Wrong::NotFound => StatusCode::NOT_FOUND,
            Wrong::Asked(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Wrong::Conflict(_) => StatusCode::CONFLICT,
            Wrong::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Wrong::Unavailable | Wrong::LogDown => StatusCode::SERVICE_UNAVAILABLE,
            Wrong::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Keys of the title and of what to do.
    pub(crate) fn texts(self) -> (&'static str, &'static str) {
        match self {
            Wrong::SignedOut => ("wrong.signed_out", "wrong.signed_out_do"),
            Wrong::Forbidden(_) => ("wrong.forbidden", "wrong.forbidden_do"),
            Wrong::NotFound => ("wrong.not_found", "wrong.not_found_do"),
            Wrong::Foreign => ("wrong.foreign", "wrong.foreign_do"),
            Wrong::Asked(key) => ("wrong.asked", key),
            Wrong::Conflict(key) => ("wrong.conflict", key),
            Wrong::Wait(_) => ("wrong.wait", "wrong.wait_do"),
            Wrong::Unavailable => ("wrong.unavailable", "wrong.unavailable_do"),
            Wrong::LogDown => ("wrong.unavailable", "wrong.log_down_do"),
            Wrong::Broken => ("wrong.broken", "wrong.broken_do"),
        }
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(key) => Wrong::Conflict(key),
            Error::Untaken(Untaken::Refused(refusal)) => {
                tracing::warn!(%refusal, "the log refused an act");
                Wrong::Conflict("refused.log")
            }
            Error::Untaken(Untaken::Unavailable(detail)) => {
                tracing::warn!(detail, "the log took no act; whoever did it was told");
                Wrong::LogDown
            }
            error => {
                tracing::error!(%error, "the review desk's store failed");
                Wrong::Unavailable
            }
        }
    }
}

impl From<HistoryError> for Wrong {
    fn from(error: HistoryError) -> Self {
        tracing::warn!(%error, "the history gave the review desk no answer");
        match error {
            HistoryError::Unavailable(_) => Wrong::Unavailable,
            HistoryError::Failed(_) => Wrong::Broken,
        }
    }
}

/// Does what blocks on a thread of its own, when it has its turn.
pub(crate) async fn work<T: Send + 'static>(
    desk: &Arc<Desk>,
    job: impl FnOnce(&Desk) -> Result<T, Wrong> + Send + 'static,
) -> Result<T, Wrong> {
    let _turn = desk.turns.acquire().await.map_err(|_| Wrong::Broken)?;
    let desk = Arc::clone(desk);
    tokio::task::spawn_blocking(move || job(&desk)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "work of the review desk broke");
        Err(Wrong::Broken)
    })
}
