//! The decision feed: server-sent events whose ids are positions in the journal.
//!
//! Separate from single look-ups, because a feed lives long. Invariants: every decision after the starting point is sent,
//! once, in order; the kill switch is told as soon as it is turned, before any decision that waits, and at the start if it is on;
//! a reader that is slow holds one bounded chunk and nobody else; a point older than the retention is answered 410, never skipped
//! over; the feed ends when the server stops.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State as Extract};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use ingest::http::problem;
use ingest::journal::{Chunk, Head, Reader, Topic};
use schema::Standing;
use schema::limits::FEED_RECORDS_MAX;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior};

use super::Api;
use crate::up::state::Phase;

/// How often a feed without decisions tells its position, so that a reader sees that it lives, and comes back to where it was however long
/// nothing was decided.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One reader's feed.
struct Feed {
    api: Arc<Api>,
    reader: Option<(Reader, Chunk)>,
    head: watch::Receiver<Head>,
    phase: watch::Receiver<Phase>,
    enforcement: watch::Receiver<Standing>,
    /// Position after which it goes on.
    after: u64,
    beat: Interval,
    started: bool,
    _place: OwnedSemaphorePermit,
}

/// `GET /v1/decisions`.
pub async fn decisions(
    Extract(api): Extract<Arc<Api>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let head = *api.head.borrow();
    let after = match start(&query, &headers, head) {
        Ok(after) => after,
        Err(response) => return *response,
    };
    let Ok(place) = Arc::clone(&api.feed_readers).try_acquire_owned() else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many readers of the feed at once");
    };
    let reader = match api.readers.take() {
        Ok(reader) => Some((reader, Chunk::default())),
        Err(error) => {
            tracing::error!(%error, "the feed cannot read the journal");
            return problem(StatusCode::SERVICE_UNAVAILABLE, "storage", "the journal cannot be read");
        }
    };
    api.state.metrics.feed_readers.inc();
    let (head, phase, enforcement) = (api.head.clone(), api.state.phase(), api.state.enforcement.subscribe());
    let mut beat = tokio::time::interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset(); // The first tick would be at once.
    let feed = Feed { api, reader, head, phase, enforcement, after, beat, started: false, _place: place };
    let stream = unfold(feed, |mut feed| async {
        let text = feed.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), feed))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(stream)).into_response()
}

/// Where the feed starts: `Last-Event-ID` wins over `from`; without both, with what comes now.
fn start(query: &[(String, String)], headers: &HeaderMap, head: Head) -> Result<u64, Box<Response>> {
    let bad = |name: &str| {
        let detail = format!("{name}: a position in the log, or for from: oldest");
        Box::new(problem(StatusCode::BAD_REQUEST, "bad_query", &detail))
    };
    let mut after = None;
    for (name, value) in query {
        after = match (name.as_str(), value.as_str()) {
            ("from", "oldest") => Some(head.pruned),
            ("from", number) => Some(number.parse().map_err(|_| bad("from"))?),
            (other, _) => return Err(bad(other)),
        };
    }
    if let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) {
        let number = id.to_str().ok().and_then(|id| id.parse().ok());
        after = Some(number.ok_or_else(|| bad("Last-Event-ID"))?);
    }
    let after = after.unwrap_or(head.position);
    if after < head.pruned {
        return Err(Box::new(problem(StatusCode::GONE, "gone", &gone(after, head.pruned))));
    }
    if after > head.position {
        let detail = format!("the log ends at {}: {after} is of another log; start anew", head.position);
        return Err(Box::new(problem(StatusCode::GONE, "gone", &detail)));
    }
    Ok(after)
}

fn gone(after: u64, pruned: u64) -> String {
    format!(
        "the log begins after position {}, {after} is older than the retention: read every account's standing anew, then \
         go on from=oldest",
        pruned
    )
}

impl Feed {
    /// The next piece of the stream, once there is something to say; `None` ends it.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.started, true) {
            // So that the reader sees at once that it is connected.
            let connected = format!(": after {}\n\n", self.after);
            let is_on = !self.enforcement.borrow().restrictions.is_empty();
            return Some(if is_on { connected + &self.enforcement() } else { connected });
        }
        loop {
            if *self.phase.borrow() != Phase::Up {
                return None;
            }
            if self.enforcement.has_changed().unwrap_or(false) {
                return Some(self.enforcement());
            }
            let head = *self.head.borrow_and_update();
            if self.after < head.pruned {
                return Some(self.gone(head.pruned));
            }
            if head.decisions > self.after {
                match self.read().await {
                    Some(text) if text.is_empty() => self.after = head.decisions,
                    text => return text,
                }
                continue;
            }
            tokio::select! {
                biased;
                // First, since under steady traffic there always is something new in the log.
                _ = self.beat.tick() => {
                    // A position without data is no event: a reader only remembers it.
                    self.after = self.after.max(head.position);
                    return Some(format!("id: {}\n\n", self.after));
                }
                changed = self.head.changed() => changed.ok()?,
                changed = self.phase.changed() => changed.ok()?,
                changed = self.enforcement.changed() => {
                    changed.ok()?;
                    return Some(self.enforcement());
                }
            }
        }
    }

    /// The last piece: what comes next is gone.
    fn gone(&mut self, pruned: u64) -> String {
        let problem = serde_json::json!({"error": "gone", "detail": gone(self.after, pruned)});
        self.phase = watch::channel(Phase::Stopping).1;
        format!("event: gone\ndata: {problem}\n\n")
    }

    /// The kill switch as an event without a position: a reader that comes back is told anew.
    fn enforcement(&mut self) -> String {
        let standing = self.enforcement.borrow_and_update();
        let json = serde_json::to_string(&*standing).expect("a standing has string keys and memory takes it");
        format!("event: enforcement\ndata: {json}\n\n")
    }

    /// Reads the next decisions as text; `None` if that is impossible.
    async fn read(&mut self) -> Option<String> {
        let (mut reader, mut chunk) = self.reader.take()?;
        let after = self.after;
        let work = move || {
            let read = reader.read(Some(Topic::Decisions), after, FEED_RECORDS_MAX, &mut chunk);
            // Asked for afterwards: what is gone by then may have been gone while it was read.
            let pruned = read.and_then(|()| reader.pruned());
            (pruned, reader, chunk)
        };
        let (pruned, reader, chunk) = tokio::task::spawn_blocking(work).await.ok()?;
        match pruned {
            Ok(pruned) if pruned > self.after => return Some(self.gone(pruned)),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "the feed cannot read the journal");
                return None;
            }
        }
        let mut text = String::new();
        for record in chunk.records() {
            let (id, data) = (record.position, String::from_utf8_lossy(record.body));
            write!(text, "id: {id}\nevent: decision\ndata: {data}\n\n").expect("a string takes any text");
            self.after = record.position;
        }
        self.reader = Some((reader, chunk));
        Some(text)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.api.state.metrics.feed_readers.dec();
        if let Some((reader, _)) = self.reader.take() {
            self.api.readers.put(reader);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a feed over positions 11 to 20 starts, or the status of the refusal.
    fn begins(from: Option<&str>, last: Option<&'static str>) -> Result<u64, u16> {
        let head = Head { position: 20, pruned: 10, ..Head::default() };
        let query: Vec<(String, String)> =
            from.map(|value| ("from".to_owned(), value.to_owned())).into_iter().collect();
        let mut headers = HeaderMap::new();
        if let Some(last) = last {
            headers.insert("last-event-id", axum::http::HeaderValue::from_static(last));
        }
        start(&query, &headers, head).map_err(|response| response.status().as_u16())
    }

    #[test]
    fn a_feed_starts_where_it_is_told_or_is_refused() {
        assert_eq!(begins(None, None), Ok(20));
        assert_eq!(begins(Some("15"), None), Ok(15));
        assert_eq!(begins(Some("15"), Some("17")), Ok(17));
        assert_eq!(begins(Some("oldest"), None), Ok(10));
        assert_eq!(begins(Some("10"), None), Ok(10));
        assert_eq!(begins(Some("9"), None), Err(410));
        assert_eq!(begins(None, Some("0")), Err(410));
        assert_eq!(begins(Some("21"), None), Err(410));
        assert_eq!(begins(Some("soon"), None), Err(400));
        assert_eq!(begins(None, Some("x")), Err(400));
    }
}
