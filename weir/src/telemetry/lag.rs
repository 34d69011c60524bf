//! The lag of every partition that a role owns: what lies in the log and was not read yet.
//!
//! Separate from reading, which knows only what it was given: where the log ends is asked of the broker, also while reading pauses.
//! Invariants: one question for all partitions each time; a broker that does not answer holds nobody; what was given up is
//! shown no more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use ingest::kafka::{Assignment, Consumer};

use super::metrics::Metrics;
use super::partition::PartitionLabels;
use crate::error::Error;

/// How often the broker is asked.
const EVERY: Duration = Duration::from_secs(2);
/// How long the broker may take: the end of the role waits for it.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

enum News {
    Owned(Assignment, Arc<AtomicU64>),
    GivenUp(Assignment),
}

/// Tells which partitions are owned. If metrics are not served, nothing is asked.
#[derive(Default)]
pub struct Lags(Option<(Sender<News>, JoinHandle<()>)>);

impl Lags {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system has none.
    pub fn start(consumer: Arc<Consumer>, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let (tell, news) = channel();
        let thread = std::thread::Builder::new()
            .name("weir-lag".to_owned())
            .spawn(move || watch(&consumer, &metrics, &news))
            .map_err(|error| Error::Role(format!("no thread for the lag: {error}")))?;
        Ok(Self(Some((tell, thread))))
    }

    /// A partition is owned; `next`: the offset that its owner reads next.
    pub fn owned(&self, of: &Assignment, next: Arc<AtomicU64>) {
        self.tell(News::Owned(of.clone(), next));
    }

    /// It is owned no more.
    pub fn given_up(&self, of: &Assignment) {
        self.tell(News::GivenUp(of.clone()));
    }

    /// Ends the thread.
    pub fn end(self) {
        let Some((tell, thread)) = self.0 else { return };
        drop(tell);
        if thread.join().is_err() {
            tracing::error!("the thread that asks for the lag panicked");
        }
    }

    fn tell(&self, news: News) {
        if let Some((tell, _)) = &self.0
            && tell.send(news).is_err()
        {
            tracing::debug!("nobody asks for the lag any more");
        }
    }
}

fn watch(consumer: &Consumer, metrics: &Metrics, news: &Receiver<News>) {
    let mut owned: BTreeMap<Assignment, Arc<AtomicU64>> = BTreeMap::new();
    loop {
        match news.recv_timeout(EVERY) {
            Ok(News::Owned(of, next)) => drop(owned.insert(of, next)),
            Ok(News::GivenUp(of)) => {
                owned.remove(&of);
                metrics.lag.remove(&PartitionLabels::of(&of));
            }
            Err(RecvTimeoutError::Timeout) => ask(consumer, metrics, &owned),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn ask(consumer: &Consumer, metrics: &Metrics, owned: &BTreeMap<Assignment, Arc<AtomicU64>>) {
    let partitions: Vec<Assignment> = owned.keys().cloned().collect();
    // The client says itself that brokers are away.
    let Ok(ends) = consumer.ends(&partitions, ANSWER_WAIT) else { return };
    for ((of, next), end) in owned.iter().zip(ends) {
        if let Some(end) = end {
            let lag = end.saturating_sub(next.load(Ordering::Relaxed));
            metrics.lag.get_or_create(&PartitionLabels::of(of)).set(i64::try_from(lag).unwrap_or(i64::MAX));
        }
    }
}
