//! The demonstration: a simulated town lives behind a simulated gateway, against the running server.
//!
//! Separate from the server, which cannot tell its events from anybody's. A closed loop: the gateway appends to the
//! journal like HTTP does, and asks the standings that the engine wrote before it lets an act through. Invariants: an
//! event enters when the log's clock reaches its time, so that windows, restrictions and latency are what they would be;
//! the town stops with the server.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ingest::journal::{Appender, Batch, Commit, Journal, Reader, Topic};
use schema::{Action, Event, Scope, Standing};
use scorer::ExemptList;
use simulate::{Config, Gateway, Label, Restraint, Simulation};

use super::Demo;
use super::state::State;
use crate::clock::Clock;
use crate::error::Error;

/// Length of the simulated time, hours: nobody watches longer.
const HOURS: f64 = 24.0 * 30.0;
/// Share of abusive accounts: more than anywhere in the world, so that there is something to see.
const BASE_RATE: f64 = 0.02;
/// Most events that are appended together.
const BATCH_EVENTS: usize = 512;
/// Longest nap between two looks at the clock.
const NAP: Duration = Duration::from_millis(20);

/// A town, built and not yet alive. It lives in a thread of its own from the start: its minds share what cannot move.
pub struct Town {
    /// The accounts for the exempt list.
    pub exempt: ExemptList,
    /// What each account really is: whether it is abusive, and its persona. Farms enlist more later.
    pub personas: BTreeMap<String, (bool, &'static str)>,
    begin: mpsc::SyncSender<Gatekeeper>,
}

impl Town {
    /// Builds it; its time begins at `start_ms`.
    pub fn build(demo: &Demo, start_ms: u64) -> Result<Town, Error> {
        let config = Config {
            accounts: demo.accounts,
            hours: HOURS,
            seed: demo.seed,
            start_ms,
            base_rate: Some(BASE_RATE),
            rings_first: true,
            ..Config::default()
        };
        let failed = |error: &dyn std::fmt::Display| Error::Usage(error.to_string());
        let (tell, told) = mpsc::sync_channel(1);
        let (begin, begun) = mpsc::sync_channel::<Gatekeeper>(1);
        let work = move || {
            let mut simulation = match Simulation::new(config) {
                Ok(simulation) => simulation,
                Err(error) => return drop(tell.send(Err(error.to_string()))),
            };
            let bots: Vec<String> = simulation.exempt().collect();
            let truth = simulation.truth();
            let personas =
                truth.map(|line| (line.account, (line.label == Label::Abusive, line.persona.word())));
            let personas: BTreeMap<String, (bool, &'static str)> = personas.collect();
            // If nobody listens, or no gateway comes, the server did not start.
            if tell.send(Ok((bots.join("\n"), personas))).is_ok()
                && let Ok(mut gateway) = begun.recv()
            {
                simulation.run(&mut gateway);
                tracing::info!("the town's time is over");
            }
        };
        std::thread::Builder::new().name("town".to_owned()).spawn(work).map_err(|error| failed(&error))?;
        let built = told.recv().map_err(|error| failed(&error))?;
        let (bots, personas) = built.map_err(|error| failed(&error))?;
        Ok(Town { exempt: ExemptList::parse("exempt accounts", &bots)?, personas, begin })
    }

    /// Lets it live.
    pub fn start(self, journal: &Journal, state: Arc<State>, clock: Clock) -> Result<(), Error> {
        let (appender, reader) = (Some(journal.appender()), journal.reader()?);
        let gateway = Gatekeeper { appender, reader, batch: Batch::default(), state, clock };
        self.begin.send(gateway).map_err(|_| Error::Usage("the town's thread ended".to_owned()))
    }
}

/// A gateway that enforces what the standings say.
struct Gatekeeper {
    /// Taken when the server stops.
    appender: Option<Appender>,
    reader: Reader,
    batch: Batch,
    state: Arc<State>,
    clock: Clock,
}

impl Gatekeeper {
    /// Waits until the log's clock reaches the moment.
    fn wait_until(&mut self, ts: u64) {
        loop {
            if self.state.is_stopping() {
                self.halt();
            }
            let ahead = ts.saturating_sub((self.clock)());
            if ahead == 0 && self.batch.len() < BATCH_EVENTS {
                return;
            }
            self.append();
            let nap = Duration::from_secs_f64(ahead as f64 / 1_000.0 / self.state.speed);
            std::thread::sleep(nap.min(NAP));
        }
    }

    fn append(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut commit = Commit { batch: std::mem::take(&mut self.batch), ..Commit::default() };
        while let Some(appender) = &self.appender {
            match appender.commit_blocking(commit) {
                Ok(_) => return,
                Err(failed) => commit = failed.0,
            }
            if self.state.is_stopping() {
                self.halt();
            }
            std::thread::sleep(NAP);
        }
    }

    /// The simulator knows no stop: its thread sleeps until the process ends.
    fn halt(&mut self) -> ! {
        self.appender = None;
        loop {
            std::thread::park();
        }
    }
}

impl Gateway for Gatekeeper {
    fn offer(&mut self, event: &Event<'_>) {
        self.wait_until(event.ts);
        self.batch.push_with(Topic::Events, event.account.as_bytes(), |bytes| {
            schema::json::encode(event, bytes);
            // Without the line end.
            bytes.pop();
        });
    }

    fn restriction(&mut self, account: &str, scope: Scope, now_ms: u64) -> Option<Restraint> {
        let body = match self.reader.standing(account) {
            Ok(body) => body?,
            Err(error) => {
                tracing::warn!(%error, "the simulated gateway cannot read a standing: it lets the act pass");
                return None;
            }
        };
        let standing: Standing = serde_json::from_slice(&body).ok()?;
        let covers = |one: &schema::Restriction| {
            one.expires.is_none_or(|expires| expires > now_ms)
                && (one.scope == scope
                    || one.scope == Scope::All
                    || one.action == Action::Ban
                    || scope == Scope::NewChats && one.scope == Scope::Messages)
        };
        let strongest = standing.restrictions.into_iter().filter(covers).max_by_key(|one| one.action)?;
        let (action, limit, decision) = (strongest.action, strongest.limit, strongest.decision);
        Some(Restraint { action, limit, decision })
    }
}
