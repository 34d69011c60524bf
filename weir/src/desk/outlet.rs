//! Where acts go: to `weir.reviews` and `weir.control`, by one thread that owns the producer.
//!
//! Separate from reading, since nothing is shown before it came back out of the log. Invariants: as `schema::desk::Outlet` says, and
//! of records that the broker did not confirm in time none is written later: the producer is closed with them and another one made;
//! a record that was written all the same has the id that it had, and whoever sends it again changes nothing; requests that wait
//! together are written together.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use schema::desk::{Outlet, Untaken};
use schema::{Control, ControlKind, Controlled, NO_WEIGHTS, Refusal, RejectReason, Review, Topic};
use scorer::Needed;
use sinks::kafka::{Delivery, Producer, ProducerOptions};

use super::known::FromLog;
use crate::clock::Stopwatch;
use crate::error::Error;
use crate::registry::Registry;

/// How long the broker may take for a record, ms: a person waits.
pub const ANSWER_MS: u64 = 5_000;
/// How long an act waits for its answer at most: for requests before it, and for its own.
const ANSWER_WAIT: Duration = Duration::from_millis(3 * ANSWER_MS);
/// How long a control waits until partitions were told of it.
const TOLD_WAIT: Duration = Duration::from_secs(5);
/// How long a worker may take to refuse what its partition was told.
const REFUSED_WAIT: Duration = Duration::from_secs(1);
/// Requests that may wait, and that are written together.
const WAITING_MAX: usize = 256;
/// How long the client is served at once.
const SERVE: Duration = Duration::from_millis(5);
/// How often it is served while nothing is written.
const IDLE: Duration = Duration::from_millis(500);

/// Something to be written.
enum What {
    Reviews(Vec<Review>),
    Control(Box<Control>),
}

struct Request {
    what: What,
    /// Hears that it is written, or why not.
    done: SyncSender<Result<(), String>>,
}

impl Request {
    fn answer(self, written: Result<(), String>) {
        // Whoever asked may have given up.
        drop(self.done.send(written));
    }
}

/// Writes to Kafka.
pub struct Mouth {
    tell: SyncSender<Request>,
    known: Arc<FromLog>,
    registry: Option<Registry>,
}

impl Mouth {
    /// Starts the thread; it ends when this does.
    ///
    /// # Errors
    /// If a setting is wrong, or the system has no thread.
    pub fn start(
        options: ProducerOptions,
        (known, registry): (Arc<FromLog>, Option<Registry>),
        untaken: Counter,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let (tell, asked) = sync_channel(WAITING_MAX);
        let first = Producer::open(&options)?;
        let thread = std::thread::Builder::new()
            .name("weir-acts".to_owned())
            .spawn(move || write(&options, first, (&asked, &untaken)))
            .map_err(|error| Error::Role(format!("no thread for acts: {error}")))?;
        Ok((Self { tell, known, registry }, thread))
    }

    fn send(&self, what: What) -> Result<(), Untaken> {
        let (done, heard) = sync_channel(1);
        let ended = || Untaken::Unavailable("the process ends".to_owned());
        self.tell.send(Request { what, done }).map_err(|_| ended())?;
        match heard.recv_timeout(ANSWER_WAIT) {
            Ok(written) => written.map_err(Untaken::Unavailable),
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
            Err(RecvTimeoutError::Timeout) => Err(Untaken::Unavailable(
                "Kafka does not answer; if it took the act, it will show".to_owned(),
            )),
        }
    }

    /// Whether there is what the control names, and that it is what it says; notes the checksum.
    fn check(&self, control: &mut Control) -> Result<(), Untaken> {
        let takes_out = control.version == NO_WEIGHTS && control.kind == ControlKind::Weights;
        if control.kind == ControlKind::Kill || takes_out || control.share == Some(0.0) {
            return Ok(());
        }
        let missing = |detail: String| Untaken::Refused(Refusal::new(RejectReason::ArtifactMissing, detail));
        let registry = self.registry.as_ref().ok_or_else(|| missing("give --registry DIR".to_owned()))?;
        let Control { kind, name, version, .. } = control.clone();
        let digest = registry.check(&Needed { kind, name, version }, control.sha256.as_deref());
        control.sha256 = Some(digest.map_err(|error| missing(error.to_string()))?);
        Ok(())
    }
}

impl Outlet for Mouth {
    fn review(&self, reviews: &[Review]) -> Result<(), Untaken> {
        reviews.iter().try_for_each(Review::check).map_err(Untaken::Refused)?;
        self.send(What::Reviews(reviews.to_vec()))
    }

    fn control(&self, control: &Control) -> Result<Controlled, Untaken> {
        let mut control = control.clone();
        control.check().map_err(Untaken::Refused)?;
        let answer = |outcome: &str| Controlled {
            id: control.id.clone(),
            outcome: outcome.to_owned(),
            position: None,
        };
        if self.known.knows(&control.id) {
            return Ok(answer("repeated"));
        }
        let (pending, active) = (answer("pending"), answer("active"));
        self.check(&mut control)?;
        self.send(What::Control(Box::new(control)))?;
        if !self.known.wait_until_told(&pending.id, TOLD_WAIT) {
            return Ok(pending);
        }
        if self.known.wait_until_refused(&pending.id, REFUSED_WAIT) {
            let detail =
                "a worker refused it, and the one before it stays in force: weir.rejects says why".to_owned();
            return Err(Untaken::Refused(Refusal::new(RejectReason::ArtifactMissing, detail)));
        }
        Ok(active)
    }
}

/// The thread: until nobody can ask any more.
fn write(options: &ProducerOptions, first: Producer, (asked, untaken): (&Receiver<Request>, &Counter)) {
    let mut producer = Some(first);
    let clock = Stopwatch::start();
    let mut heard = Vec::new();
    loop {
        let request = match asked.recv_timeout(IDLE) {
            Ok(request) => request,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(producer) = &mut producer {
                    producer.hear(Duration::ZERO, clock.elapsed(), &mut heard);
                    heard.clear();
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let requests: Vec<Request> =
            std::iter::once(request).chain(asked.try_iter().take(WAITING_MAX)).collect();
        let failed = match &mut producer {
            Some(one) => serve(one, &requests, clock),
            None => vec![Some("the client of Kafka cannot be made".to_owned()); requests.len()],
        };
        let count = failed.iter().filter(|failed| failed.is_some()).count();
        if count > 0 {
            untaken.inc_by(count as u64);
            tracing::warn!(
                requests = count,
                why = failed.iter().flatten().next(),
                "Kafka did not take acts; whoever did them was told"
            );
            // Nothing of it may be written later; and after a record that waited too long a producer writes no more.
            if let Some(mut old) = producer.take() {
                old.purge();
            }
            producer =
                Producer::open(options).inspect_err(|error| tracing::error!(%error, "no producer")).ok();
        }
        // Those that came meanwhile have waited as long: nobody waits for two outages.
        let why = failed.iter().flatten().next().cloned();
        for (request, failed) in requests.into_iter().zip(failed) {
            request.answer(failed.map_or(Ok(()), Err));
        }
        if let Some(why) = why {
            asked.try_iter().for_each(|request| {
                untaken.inc();
                request.answer(Err(why.clone()));
            });
        }
    }
}

/// Writes requests and waits; why each failed, if it did.
fn serve(producer: &mut Producer, requests: &[Request], clock: Stopwatch) -> Vec<Option<String>> {
    let mut failed: Vec<Option<String>> = vec![None; requests.len()];
    let mut under_way = 0;
    for (ticket, request) in requests.iter().enumerate() {
        let sent = match &request.what {
            What::Reviews(reviews) => reviews.iter().try_for_each(|review| {
                producer.json(Topic::Reviews, Some(&review.account), review, ticket)?;
                under_way += 1;
                Ok::<(), sinks::Error>(())
            }),
            What::Control(control) => {
                let sent = producer.json(Topic::Control, Some(&control.key()), &**control, ticket);
                under_way += usize::from(sent.is_ok());
                sent
            }
        };
        if let Err(error) = sent {
            failed[ticket] = Some(error.to_string());
        }
    }
    let since = clock.elapsed();
    let mut heard = Vec::new();
    while under_way > 0 && clock.elapsed().saturating_sub(since) < 2 * Duration::from_millis(ANSWER_MS) {
        producer.hear(SERVE, clock.elapsed(), &mut heard);
        for Delivery { ticket, failed: why } in heard.drain(..) {
            under_way -= 1;
            if let (Some(why), Some(failed)) = (why, failed.get_mut(ticket)) {
                *failed = Some(why);
            }
        }
    }
    if under_way > 0 {
        let unheard = failed.iter_mut().filter(|failed| failed.is_none());
        unheard.for_each(|failed| *failed = Some("Kafka does not answer".to_owned()));
    }
    failed
}
