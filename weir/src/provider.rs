//! How the dashboard speaks to a provider of sign-ins: over HTTP, with a time and a size.
//!
//! Separate from the flow, which knows no network. Invariants: certificates are verified; nothing that is sent is logged; an answer has at
//! most [`ANSWER_BYTES_MAX`] bytes and comes within [`ANSWER_WAIT`]; redirects are not followed.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use review::Fetch;
use sinks::Connector;
use tokio::runtime::Handle;

/// How long the provider may take: a person waits.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Longest answer, bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Speaks to a provider.
pub struct Http {
    client: Client<Connector, Body>,
    handle: Handle,
}

impl Http {
    /// On a runtime of the caller's, in whose worker threads it is never called.
    pub fn new(handle: Handle) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build(sinks::connector()), handle }
    }

    fn call(
        &self,
        method: Method,
        url: &str,
        body: String,
        authorization: Option<&str>,
    ) -> Result<Vec<u8>, String> {
        let is_form = method == Method::POST;
        let mut request = Request::builder().method(method).uri(url).header(ACCEPT, "application/json");
        if is_form {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(value) = authorization {
            let mut value =
                HeaderValue::from_str(value).map_err(|_| "the secret cannot be sent".to_owned())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Body::from(body)).map_err(|error| format!("{url}: {error}"))?;
        let ask = async {
            let response = self.client.request(request).await.map_err(|error| format!("{url}: {error}"))?;
            let status = response.status();
            let body = axum::body::to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX).await;
            let body = body.map_err(|error| format!("{url}: {error}"))?;
            // What a token endpoint refuses, it says in the body.
            if status.is_success() || is_form && status.is_client_error() {
                return Ok(body.to_vec());
            }
            Err(format!("{url}: {status}"))
        };
        let waited = self.handle.block_on(async { tokio::time::timeout(ANSWER_WAIT, ask).await });
        waited.unwrap_or_else(|_| Err(format!("{url}: no answer within {} s", ANSWER_WAIT.as_secs())))
    }
}

impl Fetch for Http {
    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        self.call(Method::GET, url, String::new(), None)
    }

    fn post(&self, url: &str, form: &str, authorization: Option<&str>) -> Result<Vec<u8>, String> {
        self.call(Method::POST, url, form.to_owned(), authorization)
    }
}
