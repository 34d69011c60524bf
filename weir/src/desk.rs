//! `weir review`: the dashboard as a role of its own, on Apache Kafka and ClickHouse.
//!
//! Separate from the dashboard, which knows neither, and from `weir up`, which runs the same dashboard on a journal. Invariants: one
//! process has `review.db`; a record is folded once, killed when it may be, since the file holds how far each partition was folded;
//! what a reviewer does goes to the log first and is shown when it came back; with ClickHouse away the queue and every act work; with
//! Kafka away acts are refused with the reason and nothing is done twice.

mod behind;
mod intake;
mod known;
mod log;
mod merge;
mod outlet;
mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use ingest::http::problem;
use ingest::kafka::Consumer;
use review::{Desk, Given, Held};
use schema::{History, Topic};
use sinks::kafka::Admin;
use sinks::sqlite::Latest;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::clock::{self, Stopwatch};
use crate::commands::signing_key::Keys;
use crate::commands::topics;
use crate::error::{Error, Outcome};
use crate::insight::Sight;
use crate::interrupt::Interrupt;
use crate::telemetry::{Exporter, Lags, Pulse, Pulses};
use crate::{dashboard, run, server, setup};
use known::FromLog;
use log::Log;
use outlet::Mouth;
use plan::Plan;

pub use plan::Settings;

/// Records folded at once.
const BATCH_RECORDS: usize = 4_096;
/// How long to wait for new records, and before a batch is tried again.
const IDLE: Duration = Duration::from_millis(10);
const PAUSE: Duration = Duration::from_millis(500);
/// How often the places are written when nothing is folded.
const PLACES_EVERY: Duration = Duration::from_secs(1);
/// Accounts that are looked up at once, and how often.
const LOOK_UPS: usize = 64;
const LOOK_UPS_EVERY: Duration = Duration::from_millis(500);
/// How often the main thread looks whether to stop.
const LOOK: Duration = Duration::from_millis(50);
/// How long a page about one account waits for the history: it is shown without.
const PAGE_WAIT: Duration = Duration::from_millis(1_500);
/// How long open requests may take to end after the stop.
const REQUESTS_END: Duration = Duration::from_secs(3);
/// What may wait at the start before it is told that it is still being read.
const STILL: &str = "the topics are read from where the desk left";

/// Works until somebody asks it to end. From its start on, probes are answered.
pub fn run(settings: Settings) -> Result<Outcome, Error> {
    run::start_logging();
    let interrupt = Interrupt::listen();
    let (unready, told) = watch::channel(Some(STILL));
    let pulses = Arc::<Pulses>::default();
    let shown = (Arc::clone(&settings.metrics), Arc::clone(&pulses));
    let exporter =
        settings.metrics_listen.map(|address| Exporter::start(address, shown, told)).transpose()?;
    let ended = work(settings, &interrupt, (unready, &pulses));
    if let Some(exporter) = exporter {
        exporter.end();
    }
    ended
}

fn work(
    settings: Settings,
    interrupt: &Interrupt,
    (unready, pulses): (watch::Sender<Option<&'static str>>, &Pulses),
) -> Result<Outcome, Error> {
    if !dashboard::may_listen(&settings.config, settings.listen) {
        let detail = "elsewhere than on a loopback address the dashboard is served behind TLS alone: give review.origin in the configuration";
        return Err(Error::Usage(detail.to_owned()));
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Error::Role(format!("no threads: {error}")))?;
    let folder = settings.folder.clone();
    let failed = |error: std::io::Error| Error::file(&folder.display().to_string(), error);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let listener = runtime.block_on(server::listen(settings.listen, "--listen"))?;
    let address = listener.local_addr().map_err(|error| Error::Role(error.to_string()))?;
    let partitions = runtime.block_on(check_topics(&settings))?;
    let Opened { desk, known, acts } = open(&settings, partitions, &runtime)?;
    let feeder = Feeder::start((&settings, partitions), (&desk, &known), (unready.clone(), pulses))?;

    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        // An error means that the role is gone.
        drop(stopped.wait_for(|stopped| *stopped).await);
    };
    let fallback = || async { problem(StatusCode::NOT_FOUND, "no_route", "see /review/") };
    let routes = Router::new().merge(dashboard::routes(Arc::clone(&desk))).fallback(fallback);
    let bounds = settings.config.http.bounds();
    let serving = runtime.spawn(server::serve(listener, routes, bounds, until(stopped.clone())));
    let shown = settings.metrics.review.clone();
    runtime.spawn(dashboard::show(Arc::clone(&desk), shown.clone()));
    let heads = runtime.spawn(dashboard::publish_heads((Arc::clone(&desk), shown), folder, until(stopped)));
    tracing::info!(%address, partitions, "the review desk is up");
    dashboard::invite(&desk, &settings.config, address)?;
    while !interrupt.is_asked() && !feeder.thread.is_finished() {
        std::thread::sleep(LOOK);
    }
    tracing::info!("stopping: no new requests");
    unready.send_replace(Some("stopping"));
    stop.send_replace(true);
    let ended = runtime.block_on(async {
        let served = tokio::time::timeout(REQUESTS_END, serving).await;
        // The last head goes through the log, which may be away.
        drop(tokio::time::timeout(REQUESTS_END, heads).await);
        served
    });
    if ended.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
    let ended = feeder.end();
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(desk);
    if acts.is_finished() && acts.join().is_err() {
        tracing::error!("the thread that writes acts panicked");
    }
    tracing::info!("stopped: review.db is closed");
    ended.map(|()| Outcome::Done)
}

/// Whether the topics are as they must be; gives the partitions of events.
async fn check_topics(settings: &Settings) -> Result<u32, Error> {
    let admin = Admin::open(&settings.brokers, &settings.consumer())?;
    topics::findings(admin.check(&topics::plan_to_check(&settings.prefix, 0)).await?)?;
    Ok(admin.partitions(&Topic::Events.name(&settings.prefix))?)
}

/// The desk with what it is given, and the thread that writes acts.
struct Opened {
    desk: Arc<Desk>,
    known: Arc<FromLog>,
    acts: JoinHandle<()>,
}

fn open(settings: &Settings, partitions: u32, runtime: &Runtime) -> Result<Opened, Error> {
    let Settings { config, folder, registry, .. } = settings;
    let standings = folder.join("standings.db");
    // Held first: a second process must not touch what lies beside it.
    let held = Held::take(&folder.join("review.db"))?;
    let known = Arc::new(FromLog::new(Latest::create(&standings)?, partitions));
    let untaken = settings.metrics.review.untaken.clone();
    let (outlet, acts) = Mouth::start(settings.producer(), (Arc::clone(&known), registry.clone()), untaken)?;
    let options = setup::configured(&config.engine);
    known.suppose(setup::versions(&options)?);
    let insight = Sight::new(Arc::clone(&known) as _, (options, registry.clone()), clock::wall());
    let history: Option<Arc<dyn History + Send + Sync>> = match &settings.history {
        Some(server) => {
            let history = sinks::clickhouse::History::new(server, runtime.handle().clone());
            Some(Arc::new(history.for_pages(PAGE_WAIT)))
        }
        None => None,
    };
    if history.is_none() {
        tracing::warn!(
            "no --clickhouse: behaviour, reports and linked accounts are not shown, and nothing is found again"
        );
    }
    if settings.keys.is_none() {
        tracing::warn!(
            "no signing key: whether partitions decide by what was wanted since the start is not known"
        );
    }
    let given = Given {
        outlet: Arc::new(outlet),
        insight: Arc::new(insight),
        history,
        clock: clock::wall(),
        settings: dashboard::settings(&config.review),
        habits: dashboard::habits(&config.review, 1.0)?,
    };
    let desk = dashboard::with_provider(Desk::over(held, given), &config.oidc, runtime.handle())?;
    Ok(Opened { desk: Arc::new(desk), known, acts })
}

/// The thread that folds, and beside it one that asks the history and one that asks how far others are: both may wait for an answer.
struct Feeder {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Error>>,
    askers: [JoinHandle<()>; 2],
}

impl Feeder {
    fn start(
        (settings, partitions): (&Settings, u32),
        (desk, known): (&Arc<Desk>, &Arc<FromLog>),
        (unready, pulses): (watch::Sender<Option<&'static str>>, &Pulses),
    ) -> Result<Self, Error> {
        let consumer = Consumer::alone((&settings.brokers, "weir-review"), &settings.consumer())?;
        let consumer = Arc::new(consumer);
        let lags = match settings.metrics_listen {
            Some(_) => Lags::start(Arc::clone(&consumer), Arc::clone(&settings.metrics))?,
            None => Lags::default(),
        };
        let keys = settings.keys.as_ref().map(Keys::verifier);
        let plan = Plan { consumer, prefix: settings.prefix.clone(), keys };
        let log = Log::open(&plan, desk, partitions, &lags)?;
        let ends = Arc::new(AtomicBool::new(false));
        let others = behind::start(settings, partitions, (Arc::clone(known), Arc::clone(&ends)))?;
        let (asker_desk, known, asked) = (Arc::clone(desk), Arc::clone(known), Arc::clone(&ends));
        let desk = Arc::clone(desk);
        let pulse = pulses.start("the thread that folds the log");
        let feed = move || {
            let ended = feed(log, (&desk, &known), &asked, (&unready, &pulse));
            lags.end();
            pulse.end();
            ended
        };
        let thread = std::thread::Builder::new().name("weir-desk".to_owned()).spawn(feed);
        let no_thread = |error| Error::Role(format!("no thread: {error}"));
        let thread = thread.map_err(no_thread)?;
        let asked = Arc::clone(&ends);
        let asker = std::thread::Builder::new().name("weir-look-ups".to_owned());
        let asker = asker.spawn(move || look_up(&asker_desk, &asked)).map_err(no_thread)?;
        Ok(Self { ends, thread, askers: [asker, others] })
    }

    fn end(self) -> Result<(), Error> {
        self.ends.store(true, Ordering::Release);
        let panicked =
            |_| Err(Error::Role("the thread that folds the log panicked; the file is whole".to_owned()));
        let ended = self.thread.join().unwrap_or_else(panicked);
        if self.askers.into_iter().any(|asker| asker.join().is_err()) {
            tracing::error!("a thread beside the one that folds panicked; the file is whole");
        }
        ended
    }
}

/// Looks up what else is known of accounts with open cases, for filters.
fn look_up(desk: &Desk, asked: &AtomicBool) {
    while !asked.load(Ordering::Acquire) {
        if let Err(error) = desk.look_up(LOOK_UPS) {
            tracing::debug!(%error, "what is known of accounts besides could not be looked up now");
        }
        std::thread::sleep(LOOK_UPS_EVERY);
    }
}

/// Reads and folds until it is asked to end.
fn feed(
    mut log: Log,
    (desk, known): (&Arc<Desk>, &FromLog),
    asked: &AtomicBool,
    (unready, pulse): (&watch::Sender<Option<&'static str>>, &Pulse),
) -> Result<(), Error> {
    let mut batch = Vec::new();
    let mut places = Stopwatch::start();
    while !asked.load(Ordering::Acquire) {
        pulse.beat();
        let records = log.read(known)?;
        log.take(BATCH_RECORDS, &mut batch);
        if !batch.is_empty() || places.elapsed() > PLACES_EVERY {
            let taken = desk.take_merged(&log.reached(), batch.iter().map(|(of, entry)| (*of, entry)));
            if let Err(error) = taken {
                tracing::warn!(%error, "the desk waits; Kafka keeps what it has not taken");
                std::thread::sleep(PAUSE);
                continue;
            }
            batch.clear();
            places = Stopwatch::start();
        }
        if log.is_known() && !known.is_whole() {
            known.is_read_whole();
        }
        if log.is_caught_up() && unready.borrow().is_some_and(|why| why == STILL) {
            tracing::info!("the desk has caught up with the topics");
            if let Err(error) = desk.go_on() {
                tracing::warn!(%error, "acts on many wait for the next start");
            }
            unready.send_replace(None);
        }
        if records > 0 {
            continue;
        }
        std::thread::sleep(IDLE);
    }
    Ok(())
}
