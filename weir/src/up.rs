//! `weir up`: journal, engine, HTTP and demonstration in one process, and how they start and stop.
//!
//! Separate from its parts, each of which knows only what it is given. Start: the data folder is locked, the journal
//! opened, the engine reads on from where it left, then HTTP listens. Stop, within 10 s: no new requests, feeds end, the
//! engine takes what lies in the log as far as time allows, the position is written, the journal closes. Invariants: what
//! was acknowledged is in the journal; a part that fails stops the whole with its reason, and nothing is half-done.

mod api;
mod demo;
mod engine;
mod history;
mod keep;
mod restore;
mod retention;
mod review;
mod state;
mod versions;
mod view;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ingest::http::Gate;
use ingest::journal::{Journal, Options, Told, Unwritten};
use scorer::ExemptList;
use sinks::checkpoint::{Checkpoints, Settings};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::clock::{self, Clock};
use crate::config::Config;
use crate::error::{Error, Outcome};
use crate::interrupt::Interrupt;
use crate::registry::Registry;
use crate::{dashboard, server, setup};
use api::{Api, Door, Publisher};
use engine::{Ends, Source};
use restore::Shelf;
use state::{Phase, State};
use versions::Versions;

/// What is to run.
#[derive(Debug)]
pub struct Plan {
    /// The configuration in force.
    pub config: Config,
    /// What differs from the default, to be told.
    pub changed: Vec<String>,
    /// Simulated traffic, if wanted.
    pub demo: Option<Demo>,
    /// Ends by itself after this long.
    pub lasts: Option<Duration>,
}

/// A demonstration.
#[derive(Debug, Clone, PartialEq)]
pub struct Demo {
    /// Benign accounts.
    pub accounts: u32,
    /// Seed of the town.
    pub seed: u64,
    /// How many times faster than the wall the log's clock runs.
    pub speed: f64,
    /// Whether the journal stays afterwards.
    pub keeps_data: bool,
}

/// How long open requests may take to end after the stop.
const REQUESTS_END: Duration = Duration::from_secs(3);
/// How often the main thread looks whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Runs until Ctrl-C, the system's request to end, the end of `lasts`, or a failure.
pub fn run(plan: Plan) -> Result<Outcome, Error> {
    let interrupt = Interrupt::listen();
    let door = Arc::new(Door::new(&plan.config.keys, plan.config.http.listen)?);
    let folder = keep::Folder::take(&plan)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::Usage(format!("no threads: {error}")))?;
    let mut up = Up::start(plan, &folder.path, door, runtime)?;
    let ended = up.watch(&interrupt);
    let stopped = up.stop();
    folder.release();
    ended.and(stopped)?;
    Ok(Outcome::Done)
}

/// Everything that runs.
struct Up {
    plan: Plan,
    runtime: Runtime,
    state: Arc<State>,
    journal: Journal,
    engine: std::thread::JoinHandle<Result<(), Error>>,
    history: Option<std::thread::JoinHandle<()>>,
    desk: std::thread::JoinHandle<()>,
    retention: std::thread::JoinHandle<()>,
    server: JoinHandle<()>,
    view: Option<view::View>,
    clock: Clock,
}

impl Up {
    fn start(plan: Plan, folder: &std::path::Path, door: Arc<Door>, runtime: Runtime) -> Result<Up, Error> {
        let speed = plan.demo.as_ref().map_or(1.0, |demo| demo.speed);
        let clock = if plan.demo.is_some() { clock::hurried(speed) } else { clock::wall() };
        let mut town = plan.demo.as_ref().map(|demo| demo::Town::build(demo, (clock)())).transpose()?;
        let state = Arc::new(State::new(speed));
        let journal = open(folder.join("journal.db"), &state, &clock)?;
        let listener = runtime.block_on(server::listen(plan.config.http.listen, "--listen"))?;
        let address = listener.local_addr().map_err(|error| Error::Usage(error.to_string()))?;
        let exempt = town.as_mut().map(|town| std::mem::take(&mut town.exempt));
        let source = source(&plan.config, folder, exempt, (&state, &runtime))?;
        let shelf = source.shelf.clone();
        let registry = shelf.registry.clone();
        let for_publisher = (registry.clone(), Arc::clone(&clock), Arc::clone(&state));
        let publisher = Arc::new(Publisher::new(&journal.reader()?, journal.appender(), for_publisher)?);
        let kept = &plan.config.history;
        let parts = (&journal, &state, &clock, &runtime);
        let history = if kept.enabled { start_history(folder, kept, parts)? } else { None };
        let base = review::Base {
            folder,
            config: &plan.config,
            journal: &journal,
            state: &state,
            clock: &clock,
            publisher: &publisher,
            registry,
        };
        let (pages, desk) = review::start(base, &runtime)?;
        // Last of those that may refuse: a thread that waits would not outlive the refusal in peace.
        let engine = start_engine(source, &journal, &state, (&clock, &runtime))?;
        let retention = start_retention(&plan.config, shelf, parts)?;
        let on_reject = Arc::clone(&state);
        let on_reject = Box::new(move |reason| on_reject.metrics.count_reject(reason));
        let http = &plan.config.http;
        let gate = Gate::new(journal.appender(), Arc::clone(&clock), http.appends_max, on_reject);
        let told = (journal.head(), Arc::clone(&clock));
        let api = Api::new(Arc::clone(&state), journal.reader()?, http.feed_readers_max, told);
        let is_open = door.is_open();
        let served = dashboard::is_served(&plan.config).then(|| dashboard::routes(Arc::clone(&pages)));
        let routes = api::router(Arc::new(api), (Arc::new(gate), publisher), (door, served));
        let mut phase = state.phase();
        let stop = async move {
            // An error means that the state is gone, and with it everything else.
            drop(phase.wait_for(|phase| *phase != Phase::Up).await);
        };
        let server = runtime.spawn(server::serve(listener, routes, http.bounds(), stop));
        tell_start(&plan, folder, address, is_open);
        dashboard::tell(&pages, &plan.config, address)?;
        let mut phase = state.phase();
        let stop = async move { drop(phase.wait_for(|phase| *phase > Phase::Up).await) };
        let shown = state.metrics.review.clone();
        runtime.spawn(dashboard::show(Arc::clone(&pages), shown.clone()));
        runtime.spawn(dashboard::publish_heads((pages, shown), folder.to_owned(), stop));
        let view = match town {
            None => None,
            Some(mut town) => {
                let personas = std::mem::take(&mut town.personas);
                let view = view::View::new(journal.reader()?, Arc::clone(&state), personas);
                town.start(&journal, Arc::clone(&state), Arc::clone(&clock))?;
                Some(view)
            }
        };
        Ok(Up { plan, runtime, state, journal, engine, history, desk, retention, server, view, clock })
    }

    /// Waits for the end.
    fn watch(&mut self, interrupt: &Interrupt) -> Result<(), Error> {
        let watch = clock::Stopwatch::start();
        loop {
            if interrupt.is_asked() || self.plan.lasts.is_some_and(|lasts| watch.elapsed() >= lasts) {
                return Ok(());
            }
            if self.engine.is_finished() {
                return Ok(());
            }
            if let Some(view) = &mut self.view {
                view.look((self.clock)())?;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Ends all parts, in order.
    fn stop(self) -> Result<(), Error> {
        tracing::info!("stopping: no new requests");
        self.state.enter(Phase::Stopping);
        let server = self.server;
        let ended = self.runtime.block_on(async { tokio::time::timeout(REQUESTS_END, server).await });
        if ended.is_err() {
            tracing::warn!("some requests did not end in time and were cut off");
        }
        if self.retention.join().is_err() {
            tracing::error!("the thread that lets old records go panicked; they are in the journal");
        }
        self.state.enter(Phase::Draining);
        let engine = self.engine.join().unwrap_or_else(|_| {
            Err(Error::Usage("the engine panicked: what it had not decided is in the journal".to_owned()))
        });
        self.state.enter(Phase::Closing);
        if self.history.is_some_and(|history| history.join().is_err()) {
            tracing::error!("the history's thread panicked; what it had not taken is in the journal");
        }
        if self.desk.join().is_err() {
            tracing::error!("the desk's thread panicked; what it had not taken is in the journal");
        }
        if let Some(mut view) = self.view {
            view.finish((self.clock)())?;
        }
        let position = self.journal.head().borrow().position;
        self.journal.close();
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        tracing::info!(position, "stopped: the journal is closed");
        engine
    }
}

fn open(path: PathBuf, state: &Arc<State>, clock: &Clock) -> Result<Journal, Error> {
    let told = Arc::clone(state);
    let observer = Box::new(move |commit: Told<'_>| {
        let Told::Ended(report) = commit else { return told.writes.beat() };
        told.writes.end();
        told.metrics.commit.observe(report.took_us as f64 / 1e6);
        told.disk_works(report.failed.is_none());
        if let Some(failed) = &report.failed {
            let cause = if *failed == Unwritten::Full { "full" } else { "other" };
            told.metrics.commit_failures.get_or_create(&[("cause", cause)]).inc();
            tracing::error!(records = report.records, error = %failed, "a commit failed: nothing of it was written");
        }
    });
    let options = Options { clock: Arc::clone(clock), ticks: clock::ticks_us, observer };
    Ok(Journal::open(&path, options)?)
}

/// What the engine is made from. `exempt`: the exempt list of a demonstration, whose folder nothing is started on again.
fn source(
    config: &Config,
    folder: &std::path::Path,
    exempt: Option<ExemptList>,
    (state, runtime): (&Arc<State>, &Runtime),
) -> Result<Source, Error> {
    let rows = config.history.enabled.then_some(config.history.rows_share);
    let options = setup::configured(&config.engine);
    let (versions, engine) = match exempt {
        Some(exempt) => (None, options.config(exempt, rows)?),
        None => {
            let exempt = Some(config.engine.exempt.as_str()).filter(|file| !file.is_empty());
            let versions = Versions::open(folder, &options, exempt, rows)?;
            let engine = versions.given()?;
            (Some(versions), engine)
        }
    };
    let shelf = Shelf {
        checkpoints: Checkpoints::open(
            &folder.join("checkpoints").display().to_string(),
            Settings::default(),
        )?,
        every: Duration::from_millis(config.data.checkpoint_every_ms),
        store: runtime.handle().clone(),
        state: Arc::clone(state),
        registry: registry(config, folder)?,
    };
    Ok(Source { shelf, config: engine, versions })
}

/// The folder of versions: where the configuration says, else in the data folder.
fn registry(config: &Config, folder: &std::path::Path) -> Result<Registry, Error> {
    let trust: Vec<&str> =
        config.data.trust.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if !config.data.registry.is_empty() {
        return Registry::open(&config.data.registry)?.trusting(&trust);
    }
    let name = folder.join("registry").display().to_string();
    std::fs::create_dir_all(&name).map_err(|error| Error::file(&name, error))?;
    Registry::open(&name)?.trusting(&trust)
}

fn start_engine(
    source: Source,
    journal: &Journal,
    state: &Arc<State>,
    (clock, runtime): (&Clock, &Runtime),
) -> Result<std::thread::JoinHandle<Result<(), Error>>, Error> {
    let ends = Ends {
        reader: journal.reader()?,
        appender: journal.appender(),
        watched: journal.watched(),
        head: journal.head(),
        state: Arc::clone(state),
        clock: Arc::clone(clock),
        handle: runtime.handle().clone(),
    };
    let work = move || engine::run(source, ends);
    let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(work);
    thread.map_err(|error| Error::Usage(format!("no thread: {error}")))
}

/// Starts the history; `None` if its file is no use: decisions do not wait for what was.
fn start_history(
    folder: &std::path::Path,
    kept: &crate::config::History,
    (journal, state, clock, runtime): (&Journal, &Arc<State>, &Clock, &Runtime),
) -> Result<Option<std::thread::JoinHandle<()>>, Error> {
    let ends = history::Ends {
        reader: journal.reader()?,
        head: journal.head(),
        state: Arc::clone(state),
        clock: Arc::clone(clock),
        handle: runtime.handle().clone(),
    };
    let retention = sinks::Retention {
        events: kept.events_days,
        decisions: kept.decisions_days,
        rows: kept.rows_days,
        rejects: kept.rejects_days,
        counts: kept.counts_days,
    };
    let path = folder.join("history.db");
    let keeper = match history::Keeper::open(&path, retention, ends) {
        Ok(keeper) => keeper,
        Err(Error::Sinks(error)) => {
            let advice =
                "move the file away, or put back a copy of it: a new one takes what the journal still holds";
            tracing::error!(
                %error,
                file = %path.display(),
                advice,
                "there is no history until the next start; decisions go on without it"
            );
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let thread = std::thread::Builder::new().name("history".to_owned()).spawn(move || keeper.run());
    thread.map(Some).map_err(|error| Error::Usage(format!("no thread: {error}")))
}

fn start_retention(
    config: &Config,
    shelf: Shelf,
    (journal, _, clock, runtime): (&Journal, &Arc<State>, &Clock, &Runtime),
) -> Result<std::thread::JoinHandle<()>, Error> {
    let ends = retention::Ends {
        reader: journal.reader()?,
        appender: journal.appender(),
        head: journal.head(),
        clock: Arc::clone(clock),
        handle: runtime.handle().clone(),
    };
    let bytes_max = Some(config.data.journal_bytes_max).filter(|bytes| *bytes > 0);
    let kept = retention::Kept { days: config.data.journal_days, bytes_max };
    let keeper = retention::Keeper::new(shelf, kept, ends);
    let thread = std::thread::Builder::new().name("retention".to_owned()).spawn(move || keeper.run());
    thread.map_err(|error| Error::Usage(format!("no thread: {error}")))
}

fn tell_start(plan: &Plan, folder: &std::path::Path, address: SocketAddr, is_open: bool) {
    let changed = plan.changed.join("; ");
    tracing::info!(%address, data = %folder.display(), %changed, "weir is up");
    if is_open {
        tracing::warn!(
            "no API key is configured: everybody on this machine, and only they, may post and read"
        );
    }
    if let Some(demo) = &plan.demo {
        tracing::info!(
            accounts = demo.accounts,
            speed = demo.speed,
            "demonstration: a simulated town; the log's clock runs faster than the wall's, and so do its restrictions"
        );
    }
}
