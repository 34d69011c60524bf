//! Reading one account's standing, and the connections that reading takes.
//!
//! Separate from the feed. Invariants: no query runs on the threads that serve connections; at most as many connections
//! to the file stay open as were needed at once; what has expired is not shown.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use ingest::http::problem;
use ingest::journal::Reader;
use schema::Standing;
use schema::limits::ENTITY_BYTES_MAX;

use super::Api;

/// Connections that are not in use.
pub struct Readers {
    first: Mutex<Reader>,
    idle: Mutex<Vec<Reader>>,
}

/// Most connections that are kept open.
const IDLE_MAX: usize = 8;

impl Readers {
    pub fn new(first: Reader) -> Self {
        Self { first: Mutex::new(first), idle: Mutex::new(Vec::new()) }
    }

    /// One that is free, or another one.
    pub fn take(&self) -> Result<Reader, ingest::Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(reader) => Ok(reader),
            None => self.first.lock().unwrap_or_else(PoisonError::into_inner).another(),
        }
    }

    /// Takes one back.
    pub fn put(&self, reader: Reader) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(reader);
        }
    }
}

/// `GET /v1/accounts/{id}/standing`.
pub async fn standing(Extract(api): Extract<Arc<Api>>, Path(account): Path<String>) -> Response {
    if account.is_empty() || account.len() > ENTITY_BYTES_MAX {
        let detail = format!("an account's id has 1 to {ENTITY_BYTES_MAX} bytes");
        return problem(StatusCode::BAD_REQUEST, "bad_account", &detail);
    }
    let now = (api.clock)();
    let look = move || {
        let reader = api.readers.take()?;
        let found = reader.standing(&account)?;
        api.readers.put(reader);
        Ok::<_, ingest::Error>((account, found))
    };
    let (account, found) = match tokio::task::spawn_blocking(look).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::error!(%error, "a standing could not be read");
            return problem(StatusCode::SERVICE_UNAVAILABLE, "storage", "the journal cannot be read");
        }
        Err(_) => return problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the query broke"),
    };
    let nothing = || Standing { account, seq: 0, as_of: now, restrictions: Vec::new() };
    match found.map_or_else(|| Ok(nothing()), |body| serde_json::from_slice::<Standing>(&body)) {
        Ok(mut standing) => {
            standing.restrictions.retain(|one| one.expires.is_none_or(|expires| expires > now));
            Json(standing).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a stored standing is no standing");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the stored standing cannot be read")
        }
    }
}
