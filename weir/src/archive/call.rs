//! What the role must answer whatever it is busy with: the wish to end, and the group.
//!
//! Separate from the loop, which hears it while it fills a batch and while ClickHouse takes one. Invariant: from the first wish
//! to end, a graceful end takes no longer than [`END_WAIT`].

use std::pin::Pin;
use std::time::Duration;

use ingest::kafka::Change;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::error::Error;

/// How long ClickHouse may take for the last batch: a graceful end takes at most 10 s.
const END_WAIT: Duration = Duration::from_secs(7);

/// Something to be answered.
pub enum Call {
    /// Somebody wants the role to end.
    End,
    /// It was wanted long enough ago.
    TimeIsUp,
    /// The group said something; `None`: it will say nothing any more.
    Group(Option<Change>),
}

/// Hears calls.
pub struct Calls<'l> {
    terminate: Signal,
    interrupt: Signal,
    changes: &'l mut mpsc::Receiver<Change>,
    end: Option<Pin<Box<Sleep>>>,
}

impl<'l> Calls<'l> {
    /// Listens.
    ///
    /// # Errors
    /// If the system gives no signals.
    pub fn listen(changes: &'l mut mpsc::Receiver<Change>) -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|error| Error::Role(format!("no signals: {error}")));
        let (terminate, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, changes, end: None })
    }

    /// Whether somebody wants the role to end.
    pub fn is_end(&self) -> bool {
        self.end.is_some()
    }

    /// The next call. Nothing is lost if its future is dropped.
    pub async fn next(&mut self) -> Call {
        let ends = self.end.is_some();
        let end = async {
            match &mut self.end {
                Some(sleep) => sleep.await,
                None => std::future::pending().await,
            }
        };
        let call = tokio::select! {
            biased;
            () = end => Call::TimeIsUp,
            _ = self.terminate.recv(), if !ends => Call::End,
            _ = self.interrupt.recv(), if !ends => Call::End,
            change = self.changes.recv() => Call::Group(change),
        };
        if matches!(call, Call::End) {
            self.end = Some(Box::pin(tokio::time::sleep(END_WAIT)));
        }
        call
    }
}
