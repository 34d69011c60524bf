//! The dashboard's pages in a process: where they are mounted, who may become the first administrator, and the chain's heads.
//!
//! Separate from what the desk is given, which differs between the server of a journal and the desk on Kafka. Invariants: without a
//! configured origin the pages are served on a loopback address alone; the head of the audit chain is published at the start, every
//! hour and at the end: in weir's log, in a file beside the store, and in the log of reviews.

use std::future::Future;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Redirect;
use axum::routing::get;
use review::{Desk, Habits, Peer, Provider, Settings};
use tokio::runtime::Handle;

use crate::clock;
use crate::config::{Config, Oidc, Review};
use crate::error::Error;
use crate::provider::Http;
use crate::server::Caller;
use crate::telemetry::ReviewGauges;

/// How often the chain's head is published, and how soon again after a failure.
const HEAD_EVERY: Duration = Duration::from_secs(60 * 60);
const HEAD_AGAIN: Duration = Duration::from_secs(60);
/// How often it is shown what waits.
const SHOWN_EVERY: Duration = Duration::from_secs(10);
/// The file beside the store to which heads are added.
const HEADS: &str = "audit-heads";

/// Whether the pages may be served where the server listens.
pub fn is_served(config: &Config) -> bool {
    config.review.enabled && may_listen(config, config.http.listen)
}

/// Whether pages may be served at an address: with an origin, behind somebody's TLS, or to this machine alone.
pub fn may_listen(config: &Config, address: SocketAddr) -> bool {
    !config.review.origin.is_empty() || address.ip().is_loopback()
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

/// The desk, to which people come by a provider if one is configured.
pub fn with_provider(desk: Desk, oidc: &Oidc, handle: &Handle) -> Result<Desk, Error> {
    let Some(settings) = oidc.settings()? else { return Ok(desk) };
    let (issuer, rules) = (&settings.issuer, settings.roles.len());
    tracing::info!(issuer, rules, "people may sign in by a provider");
    Ok(desk.with_provider(Provider::new(settings, Arc::new(Http::new(handle.clone())))))
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
    invite(desk, config, address)
}

/// The same where it is served in any case.
pub fn invite(desk: &Desk, config: &Config, address: SocketAddr) -> Result<(), Error> {
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

/// Publishes the chain's head now, every hour, and at the `stop`.
pub async fn publish_heads(
    (desk, gauges): (Arc<Desk>, ReviewGauges),
    folder: PathBuf,
    stop: impl Future<Output = ()>,
) {
    let file = folder.join(HEADS);
    let mut last = 0;
    let mut stop = pin!(stop);
    let mut is_stopping = false;
    loop {
        let (asked, path) = (Arc::clone(&desk), file.clone());
        let published = tokio::task::spawn_blocking(move || publish(&asked, &path, last)).await;
        let is_published = matches!(published, Ok(Ok(_)));
        match published {
            Ok(Ok(n)) => last = n,
            Ok(Err(error)) => tracing::error!(%error, "the audit chain's head could not be published"),
            Err(error) => tracing::error!(%error, "publishing the audit chain's head broke"),
        }
        if is_published {
            gauges.published(clock::now_ms());
        }
        if is_stopping {
            return;
        }
        let wait = if is_published { HEAD_EVERY } else { HEAD_AGAIN };
        is_stopping = tokio::time::timeout(wait, &mut stop).await.is_ok();
    }
}

/// Shows what waits, now and then, for as long as it is polled.
pub async fn show(desk: Arc<Desk>, gauges: ReviewGauges) {
    loop {
        let asked = Arc::clone(&desk);
        match tokio::task::spawn_blocking(move || asked.waiting()).await {
            Ok(Ok(waiting)) => gauges.show(&waiting, clock::now_ms()),
            Ok(Err(error)) => tracing::warn!(%error, "what waits at the desk could not be counted"),
            Err(error) => tracing::error!(%error, "counting what waits at the desk broke"),
        }
        tokio::time::sleep(SHOWN_EVERY).await;
    }
}

/// Publishes the head if it is not the one that was; gives its number. What cannot be written at one place is written at the others.
fn publish(desk: &Desk, path: &Path, last: u64) -> Result<u64, Error> {
    let Some(head) = desk.audit_head()? else { return Ok(0) };
    if head.n == last {
        return Ok(last);
    }
    tracing::info!(n = head.n, hash = head.hash, "the audit chain's head");
    let name = path.display().to_string();
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{}", head.line()));
    desk.say_head(&head)?;
    written.map_err(|error| Error::file(&name, error))?;
    Ok(head.n)
}

/// What the operator configured, as the desk takes it.
pub fn settings(configured: &Review) -> Settings {
    Settings {
        origin: configured.origin.clone(),
        lookup_url: configured.lookup_url.clone(),
        second_factor: configured.second_factor(),
        proxies: configured.proxies(),
        clauses: configured.clauses(),
        rest_min: configured.rest_min,
    }
}

/// How the desk works, as configured, where the log's clock runs so many times faster than the wall's.
pub fn habits(configured: &Review, pace: f64) -> Result<Habits, Error> {
    let per_10_000 = |share: f64| (share * 10_000.0).round() as u32;
    Ok(Habits {
        pace,
        cases_per_day: configured.cases_per_day,
        budgets: configured.budgets().map_err(Error::Usage)?,
        audits_per_10_000: per_10_000(configured.audit_share),
        seconds_per_10_000: per_10_000(configured.second_share),
        bans_per_10_000: per_10_000(configured.ban_share),
        slots_a_lot: configured.random_slots,
        bulk_alone_max: configured.bulk_alone_max,
        slots_a_golden: configured.golden_slots,
    })
}
