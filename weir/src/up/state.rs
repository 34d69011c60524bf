//! What the threads of `weir up` tell each other: whether to go on, whether all is well, what is in force, and the metrics.
//!
//! Separate, so that each thread knows this and no other thread. Invariant: flags, counters and the few versions in force; no
//! record of the log passes here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use schema::{ENFORCEMENT_KEY, Standing, VersionInForce, Versions};
use scorer::Engine;
use tokio::sync::watch;

use crate::telemetry::{EngineGauges, Metrics, PartitionLabels, Pulse, Shows};

/// How far the stop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Up,
    /// No new requests, connections and simulated events.
    Stopping,
    /// The engine takes what lies in the log and ends.
    Draining,
    /// The engine has ended; the history takes what it can in a moment.
    Closing,
}

/// What the engine decides by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deciding {
    /// What records put in force.
    pub active: Vec<VersionInForce>,
    /// All of it, as decisions name it.
    pub versions: Versions,
}

impl Deciding {
    /// That of an engine.
    pub fn of(engine: &Engine) -> Self {
        let active = engine.active().into_iter();
        let active = active.map(|scorer::Active { what, role, .. }| {
            let (mode, share) = role.told();
            VersionInForce { kind: what.kind, name: what.name, version: what.version, mode, share }
        });
        Self { active: active.collect(), versions: engine.versions().clone() }
    }
}

/// Shared by all threads.
#[derive(Debug)]
pub struct State {
    /// The metrics.
    pub metrics: Metrics,
    /// What is shown of the engine.
    pub engine: EngineGauges,
    /// How many times faster than the wall the log's clock runs: 1, but in a demonstration.
    pub speed: f64,
    /// Whether the engine's thread lives.
    pub pulse: Arc<Pulse>,
    /// Whether the journal's writer waits for the disk, and how long already.
    pub writes: Pulse,
    /// What the engine decides by; told by it.
    pub deciding: watch::Sender<Deciding>,
    /// The kill switch as gateways are told of it.
    pub enforcement: watch::Sender<Standing>,
    phase: watch::Sender<Phase>,
    caught_up: AtomicBool,
    disk_works: AtomicBool,
    history: AtomicU64,
    decisions: AtomicU64,
    latency_ms: AtomicU64,
}

impl State {
    /// Serving, not caught up yet.
    pub fn new(speed: f64) -> Self {
        let (phase, _) = watch::channel(Phase::Up);
        let metrics = Metrics::new(Shows::Up);
        let engine = metrics.engines.at(&PartitionLabels::default());
        let (account, restrictions) = (ENFORCEMENT_KEY.to_owned(), Vec::new());
        let idle = Pulse::new("the journal's writer");
        idle.end();
        let off = Standing { account, seq: 0, as_of: 0, restrictions };
        Self {
            metrics,
            engine,
            speed,
            pulse: Arc::new(Pulse::new("the engine")),
            writes: idle,
            deciding: watch::channel(Deciding::default()).0,
            enforcement: watch::channel(off).0,
            phase,
            caught_up: AtomicBool::new(false),
            disk_works: AtomicBool::new(true),
            history: AtomicU64::new(u64::MAX),
            decisions: AtomicU64::new(0),
            latency_ms: AtomicU64::new(0),
        }
    }

    /// Goes on to the next phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Hears of every phase.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Whether nothing new is taken.
    pub fn is_stopping(&self) -> bool {
        *self.phase.borrow() >= Phase::Stopping
    }

    /// Whether the engine is to end once it has taken all.
    pub fn is_draining(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining
    }

    /// Whether everything that writes has ended.
    pub fn is_closing(&self) -> bool {
        *self.phase.borrow() == Phase::Closing
    }

    /// The engine has taken everything that lay in the log.
    pub fn caught_up(&self) {
        self.caught_up.store(true, Ordering::Relaxed);
    }

    /// Whether the newest commit went to the disk.
    pub fn disk_works(&self, works: bool) {
        self.disk_works.store(works, Ordering::Relaxed);
    }

    /// The history holds the log up to here.
    pub fn history_took(&self, position: u64) {
        self.history.store(position, Ordering::Relaxed);
    }

    /// Up to where the history holds the log; the highest number there is if there is no history.
    pub fn history_position(&self) -> u64 {
        self.history.load(Ordering::Relaxed)
    }

    /// A decision is durable, so long after the log took its record.
    pub fn decided(&self, seconds: f64) {
        self.metrics.decision_latency.observe(seconds);
        self.decisions.fetch_add(1, Ordering::Relaxed);
        self.latency_ms.fetch_add((seconds * 1e3) as u64, Ordering::Relaxed);
    }

    /// Mean time to a durable decision, ms.
    pub fn mean_latency_ms(&self) -> f64 {
        let decisions = self.decisions.load(Ordering::Relaxed).max(1);
        self.latency_ms.load(Ordering::Relaxed) as f64 / decisions as f64
    }

    /// Why requests should go elsewhere, if they should.
    pub fn unready(&self) -> Option<&'static str> {
        if self.is_stopping() {
            Some("stopping")
        } else if !self.caught_up.load(Ordering::Relaxed) {
            Some("the engine reads the journal from where it left")
        } else if !self.disk_works.load(Ordering::Relaxed) {
            Some("the journal cannot be written")
        } else {
            None
        }
    }
}
