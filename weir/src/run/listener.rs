//! The thread that serves the group, so that a member is never given up for being busy.
//!
//! Separate from the roles that hear what it says. Invariant: a bounded channel; after the end nothing is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ingest::kafka::{Change, Consumer};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::telemetry::Pulse;

/// How long the group is served at once.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// Changes that may wait.
const WAITING_MAX: usize = 1_024;

/// The thread.
pub struct Listener {
    /// What the group said.
    pub changes: mpsc::Receiver<Change>,
    ends: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Listener {
    /// Starts it.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn start(consumer: Arc<Consumer>, pulse: Arc<Pulse>) -> Result<Self, Error> {
        let (tell, changes) = mpsc::channel(WAITING_MAX);
        let ends = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ends);
        let serve = move || {
            while !asked.load(Ordering::Acquire) {
                pulse.beat();
                if let Some(change) = consumer.poll(POLL_WAIT)
                    && tell.blocking_send(change).is_err()
                {
                    tracing::debug!("the group said something after the end");
                }
            }
            pulse.end();
        };
        let thread = std::thread::Builder::new()
            .name("weir-group".to_owned())
            .spawn(serve)
            .map_err(|error| Error::Role(format!("no thread for the group: {error}")))?;
        Ok(Self { changes, ends, thread })
    }

    /// Ends it, after [`Consumer::close`].
    pub fn end(self) {
        self.ends.store(true, Ordering::Release);
        drop(self.changes);
        if self.thread.join().is_err() {
            tracing::error!("the thread that serves the group panicked");
        }
    }
}
