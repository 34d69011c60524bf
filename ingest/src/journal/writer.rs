//! The one thread that writes the journal: takes what waits, commits it together, then answers everybody.
//!
//! Separate from the tables, which know no queue. Invariants: an answer follows a durable commit; while one commit is on
//! its way to the disk the next one gathers, so that the disk's slowness makes commits larger, not the queue longer; a
//! failed commit fails all that were in it and changes nothing; queue, group and batch are bounded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use schema::Checked;
use schema::limits::{JOURNAL_GROUP_BYTES_MAX, JOURNAL_GROUP_RECORDS_MAX, JOURNAL_QUEUE_MAX};
use tokio::sync::{mpsc, oneshot, watch};

use super::batch::Batch;
use super::tables::Tables;
use super::{CommitReport, Head, Options, Told};
use crate::error::Error;

/// What is to be written together or not at all.
#[derive(Debug, Default)]
pub struct Commit {
    /// Records for the log.
    pub batch: Batch,
    /// Standings that changed, in order.
    pub standings: Vec<StandingChange>,
    /// A reader's name and how far it has read.
    pub read_to: Option<(&'static str, u64)>,
    /// Who waits for the decision about the batch's last record.
    pub watcher: Option<oneshot::Sender<Checked>>,
}

/// The new standing of an account.
#[derive(Debug)]
pub struct StandingChange {
    /// The account, or an entity.
    pub account: String,
    /// The standing's `seq`: an older one is ignored.
    pub seq: u64,
    /// The standing as JSON; `None`: nothing is in force any more.
    pub body: Option<Vec<u8>>,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Position of its first record, if it had any.
    pub first: u64,
    /// Position of its last record; one below `first` if it had none.
    pub last: u64,
    /// The log's time that its records got, ms since the Unix epoch.
    pub at: u64,
}

/// What may be forgotten.
#[derive(Debug, Clone, Copy)]
pub struct Prune {
    /// Records that the log took before this time, ms since the Unix epoch.
    pub before_at: u64,
    /// If the log uses more, the oldest go whatever their age.
    pub bytes_max: u64,
    /// Never beyond this position: a restart reads from here.
    pub up_to: u64,
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritten {
    /// The disk is full: the same may succeed when there is room again.
    #[error("the disk is full: make room, then send again")]
    Full,
    /// The disk or the file failed.
    #[error("the journal cannot be written: {0}")]
    Failed(String),
    /// The journal is being closed.
    #[error("the server is stopping: send again to the next one")]
    Closed,
}

/// A commit that was not written, given back with the reason.
pub type Failed = Box<(Commit, Unwritten)>;

enum Job {
    Commit(Commit, oneshot::Sender<Result<Committed, Failed>>),
    Prune(Prune, oneshot::Sender<Result<u64, Unwritten>>),
    End,
}

/// A way to write.
#[derive(Clone)]
pub struct Appender(mpsc::Sender<Job>);

impl Appender {
    /// Waits for room in the queue, writes, and answers after the durable commit.
    ///
    /// # Errors
    /// If nothing was written.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, Unwritten> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Job::Commit(commit, answer)).await.map_err(|_| Unwritten::Closed)?;
        match answered.await {
            Ok(written) => written.map_err(|failed| failed.1),
            Err(_) => Err(Unwritten::Closed),
        }
    }

    /// The same for a thread outside of any async runtime; what was not written is given back to be tried again.
    ///
    /// # Errors
    /// If nothing was written. A closed journal gives an empty commit back.
    pub fn commit_blocking(&self, commit: Commit) -> Result<Committed, Failed> {
        let closed = |_| Box::new((Commit::default(), Unwritten::Closed));
        let (answer, answered) = oneshot::channel();
        self.0.blocking_send(Job::Commit(commit, answer)).map_err(|_| closed(()))?;
        answered.blocking_recv().unwrap_or_else(|_| Err(closed(())))
    }

    /// Forgets a bounded number of old records; gives how many: call again until it is 0.
    ///
    /// # Errors
    /// If nothing was forgotten because of the disk.
    pub async fn prune(&self, prune: Prune) -> Result<u64, Unwritten> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Job::Prune(prune, answer)).await.map_err(|_| Unwritten::Closed)?;
        answered.await.unwrap_or(Err(Unwritten::Closed))
    }
}

impl Appender {
    /// Nothing is taken after this.
    pub(super) fn end(&self) {
        // If it cannot be sent, the writer has ended already.
        drop(self.0.blocking_send(Job::End));
    }
}

/// Checks that wait for their decision, by position. Registered before the position is told to anybody.
#[derive(Debug, Default)]
pub struct Watched(Mutex<BTreeMap<u64, oneshot::Sender<Checked>>>);

impl Watched {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Checked>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever waits for a position up to this one.
    #[must_use]
    pub fn take(&self, up_to: u64) -> BTreeMap<u64, oneshot::Sender<Checked>> {
        let mut waiting = self.lock();
        let later = waiting.split_off(&(up_to + 1));
        std::mem::replace(&mut waiting, later)
    }
}

struct Writer {
    tables: Tables,
    options: Options,
    watched: Arc<Watched>,
    told: watch::Sender<Head>,
    jobs: mpsc::Receiver<Job>,
}

/// Starts the thread.
pub(super) fn start(
    tables: Tables,
    options: Options,
    watched: Arc<Watched>,
) -> Result<(Appender, watch::Receiver<Head>, JoinHandle<()>), Error> {
    let (sender, jobs) = mpsc::channel(JOURNAL_QUEUE_MAX);
    let (told, head) = watch::channel(tables.head);
    let mut writer = Writer { tables, options, watched, told, jobs };
    let thread = std::thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || writer.run())
        .map_err(|error| Error::Journal { name: "its thread".to_owned(), detail: error.to_string() })?;
    Ok((Appender(sender), head, thread))
}

impl Writer {
    fn run(&mut self) {
        let mut prunes = Vec::new();
        let mut ended = false;
        while !ended {
            let Some(first) = self.jobs.blocking_recv() else { return };
            let (mut commits, mut answers) = (Vec::new(), Vec::new());
            let (mut records, mut bytes) = (0, 0);
            let mut next = Some(first);
            while let Some(job) = next.take() {
                match job {
                    Job::Commit(commit, answer) => {
                        records += commit.batch.len();
                        bytes += commit.batch.bytes();
                        commits.push(commit);
                        answers.push(answer);
                    }
                    Job::Prune(prune, answer) => prunes.push((prune, answer)),
                    Job::End => ended = true,
                }
                if !ended && records < JOURNAL_GROUP_RECORDS_MAX && bytes < JOURNAL_GROUP_BYTES_MAX {
                    next = self.jobs.try_recv().ok();
                }
            }
            if !commits.is_empty() {
                self.commit(commits, answers, records);
            }
            for (prune, answer) in prunes.drain(..) {
                self.prune(&prune, answer);
            }
        }
    }

    fn commit(
        &mut self,
        mut commits: Vec<Commit>,
        answers: Vec<oneshot::Sender<Result<Committed, Failed>>>,
        records: usize,
    ) {
        let began = (self.options.ticks)();
        (self.options.observer)(Told::Begins);
        let at = (self.options.clock)().max(self.tables.head.at);
        let written = self.tables.commit(&commits.iter().collect::<Vec<_>>(), at);
        let took_us = (self.options.ticks)().saturating_sub(began);
        let failed = written.as_ref().err().cloned();
        (self.options.observer)(Told::Ended(&CommitReport { took_us, records, failed }));
        match written {
            Ok(starts) => {
                for (commit, start) in commits.iter_mut().zip(&starts) {
                    if let Some(watcher) = commit.watcher.take() {
                        self.watched.lock().insert(start + commit.batch.len() as u64, watcher);
                    }
                }
                self.told.send_replace(self.tables.head);
                for ((commit, start), answer) in commits.iter().zip(starts).zip(answers) {
                    let last = start + commit.batch.len() as u64;
                    // Whoever went away meanwhile will find the records in the log.
                    drop(answer.send(Ok(Committed { first: start + 1, last, at })));
                }
            }
            Err(error) => {
                for (commit, answer) in commits.into_iter().zip(answers) {
                    drop(answer.send(Err(Box::new((commit, error.clone())))));
                }
            }
        }
    }

    fn prune(&mut self, prune: &Prune, answer: oneshot::Sender<Result<u64, Unwritten>>) {
        let pruned = self.tables.prune(prune);
        if pruned.as_ref().is_ok_and(|forgotten| *forgotten > 0) {
            self.told.send_replace(self.tables.head);
        }
        drop(answer.send(pruned));
    }
}
