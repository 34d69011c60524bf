//! `weir control --url`: the same words to a server of `weir up`, over HTTP.
//!
//! Separate from brokers. Invariants: a key is never printed; an answer that is not what was asked for is an
//! error that says what the server said.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use schema::{Control, Controlled, InForce, Problem};
use serde::de::DeserializeOwned;

use crate::config::{self, PREFIX, Secret};
use crate::environment;
use crate::error::Error;
use crate::{files, run};

/// How long the server may take: longer than it waits for its engine, and for a list to be read.
const ANSWER_WAIT: Duration = Duration::from_secs(120);
/// Longest answer, bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest key file, bytes.
const KEY_BYTES_MAX: u64 = 4_096;

/// Says what is wanted; gives what became of it.
pub fn publish(url: &str, key_file: Option<&str>, control: &Control) -> Result<String, Error> {
    let body = serde_json::to_vec(control).expect("a control has string keys and memory takes it");
    let answer: Controlled = call(Method::POST, url, key_file, body)?;
    Ok(match answer.position {
        Some(position) => format!("{} from position {position} of the log on", answer.outcome),
        None => answer.outcome,
    })
}

/// What is wanted and in force, as JSON for people.
pub fn show(url: &str, key_file: Option<&str>) -> Result<String, Error> {
    let found: InForce = call(Method::GET, url, key_file, Vec::new())?;
    Ok(serde_json::to_string_pretty(&found).expect("what is in force has string keys and memory takes it"))
}

fn call<T: DeserializeOwned>(
    method: Method,
    url: &str,
    key_file: Option<&str>,
    body: Vec<u8>,
) -> Result<T, Error> {
    let failed = |detail: String| Error::Role(format!("{url}: {detail}"));
    let target: Uri = format!("{}/v1/control", url.trim_end_matches('/'))
        .parse()
        .map_err(|error| Error::Usage(format!("{url}: {error}: give http://HOST:PORT")))?;
    let mut request = Request::builder().method(method).uri(&target).header(CONTENT_TYPE, "application/json");
    if let Some(key) = key(key_file)? {
        let mut value = HeaderValue::try_from(format!("Bearer {}", key.reveal()))
            .map_err(|_| Error::Usage("the key has characters that no header may have".to_owned()))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(Body::from(body)).map_err(|error| Error::Usage(format!("{url}: {error}")))?;
    let ask = async {
        let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(sinks::connector());
        let response = client.request(request).await.map_err(|error| failed(text(&error)))?;
        let status = response.status();
        let body = axum::body::to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX).await;
        Ok::<_, Error>((status, body.map_err(|error| failed(error.to_string()))?))
    };
    let waited = run::runtime()?.block_on(async { tokio::time::timeout(ANSWER_WAIT, ask).await });
    let late = || failed(format!("no answer within {} s; it may still act", ANSWER_WAIT.as_secs()));
    let (status, body) = waited.map_err(|_| late())??;
    if !status.is_success() {
        return Err(failed(refusal(status, &body)));
    }
    serde_json::from_slice(&body).map_err(|error| failed(format!("no answer of weir's: {error}")))
}

/// What the server said.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => format!("{} ({status}): {}", problem.error, problem.detail),
        Err(_) => format!("{status}: is it a server of `weir up`?"),
    }
}

/// The key: from the file, else one of those that the server itself would read.
fn key(file: Option<&str>) -> Result<Option<Secret>, Error> {
    if let Some(file) = file {
        let text = files::read_text(file, KEY_BYTES_MAX)?;
        return Ok(Some(Secret::new(text.lines().next().unwrap_or_default().trim().to_owned())));
    }
    let keys = config::load(None, &environment::overrides(PREFIX))?.config.keys;
    Ok(keys.publisher()?.into_iter().chain(keys.admin()?).next())
}

/// An error and what caused it: the outermost says little.
fn text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
