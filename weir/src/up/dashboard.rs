//! The dashboard's pages in this process: where they are mounted, who may become the first administrator, and the chain's heads.
//!
//! Separate from what the desk is given. Invariants: without a configured origin the pages are served on a loopback address alone; the
//! head of the audit chain is published at the start, every hour and at the end.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Redirect;
use axum::routing::get;
use review::{Desk, Peer};
use tokio::sync::watch;

use super::state::Phase;
use crate::config::Config;
use crate::error::Error;
use crate::server::Caller;

/// How often the chain's head is published.
const HEAD_EVERY: Duration = Duration::from_secs(60 * 60);
/// The file beside the store to which heads are added.
const HEADS: &str = "audit-heads";

/// Whether the pages may be served where the server listens.
pub fn is_served(config: &Config) -> bool {
    config.review.enabled && (!config.review.origin.is_empty() || config.http.listen.ip().is_loopback())
}

/// The pages, and the way to them.
pub fn routes(desk: Arc<Desk>) -> Router {
    let pages = review::router(desk).layer(from_fn(|mut request: Request, next: Next| async move {
        let caller = request.extensions().get::<ConnectInfo<Caller>>();
        let address = caller.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |caller| caller.0.0.ip());
        request.extensions_mut().insert(Peer(address));
        next.run(request).await
    }));
    pages.route("/", get(|| async { Redirect::temporary("/review/") }))
}

/// Tells where the dashboard is, and how somebody becomes its first administrator.
pub fn tell(desk: &Desk, config: &Config, address: SocketAddr) -> Result<(), Error> {
    if !is_served(config) {
        if config.review.enabled {
            tracing::warn!(
                "the dashboard is off: it is served on a loopback address, or behind TLS under the address that review.origin names"
            );
        }
        return Ok(());
    }
    let origin = match &*config.review.origin {
        "" => format!("http://{address}"),
        origin => origin.to_owned(),
    };
    tracing::info!(url = %format!("{origin}/review/"), "the review dashboard");
    if let Some(path) = desk.first_link()? {
        tracing::info!(
            link = %format!("{origin}{path}"),
            "the dashboard has no administrator yet: whoever opens this link becomes the first; it works once, within an hour"
        );
    }
    Ok(())
}

/// Publishes the chain's head now, every hour, and when the server stops.
pub async fn publish_heads(desk: Arc<Desk>, folder: PathBuf, mut phase: watch::Receiver<Phase>) {
    let file = folder.join(HEADS);
    let mut last = 0;
    loop {
        let is_stopping = *phase.borrow() >= Phase::Stopping;
        let (asked, path) = (Arc::clone(&desk), file.clone());
        let published = tokio::task::spawn_blocking(move || publish(&asked, &path, last)).await;
        match published {
            Ok(Ok(n)) => last = n,
            Ok(Err(error)) => tracing::error!(%error, "the audit chain's head could not be published"),
            Err(error) => tracing::error!(%error, "publishing the audit chain's head broke"),
        }
        if is_stopping {
            return;
        }
        // Time-out, or the next phase: in each case the loop looks again; an error means that all has ended.
        drop(tokio::time::timeout(HEAD_EVERY, phase.wait_for(|phase| *phase >= Phase::Stopping)).await);
    }
}

/// Publishes the head if it is not the one that was; gives its number.
fn publish(desk: &Desk, path: &std::path::Path, last: u64) -> Result<u64, Error> {
    let Some(head) = desk.audit_head()? else { return Ok(0) };
    if head.n == last {
        return Ok(last);
    }
    tracing::info!(n = head.n, hash = head.hash, "the audit chain's head");
    let name = path.display().to_string();
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.map_err(|error| Error::file(&name, error))?;
    writeln!(file, "{}", head.line()).map_err(|error| Error::file(&name, error))?;
    Ok(head.n)
}
