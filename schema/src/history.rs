//! What was: the archive, as the review dashboard and notebooks read it.
//!
//! Separate from where it lies (ClickHouse or SQLite), so that a reader knows neither. Invariants: pure, and a call may
//! block, so callers in an async runtime use a thread for it; every answer is bounded by the `limit` given and by
//! [`crate::limits::HISTORY_ANSWER_MAX`]; newest first unless said otherwise; a record that was archived twice is told
//! once; what a deletion covers is no longer told, but in counts, which hold no account.

use crate::decision::{Action, Decision};
use crate::event::{Contact, EntityKind, ReportReason, words};
use crate::raw::RawEvent;
use crate::reject::{Refusal, Reject, RejectReason};
use crate::review::Review;
use crate::row::Row;

/// A span of log time: `from <= at < to`, ms since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First instant in it.
    pub from: u64,
    /// First instant after it.
    pub to: u64,
}

/// An event and its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// Partition of the log.
    pub partition: u32,
    /// Offset in the partition.
    pub offset: u64,
    /// When the log took it, ms since the Unix epoch.
    pub at: u64,
    /// The event as one JSON object, without a line end, as [`crate::json::encode`] writes it.
    pub event: String,
}

impl Archived {
    /// The event's fields, borrowed.
    ///
    /// # Errors
    /// The text is no event: it was changed in the archive.
    pub fn decode(&self) -> Result<RawEvent<'_>, Refusal> {
        crate::json::decode(self.event.as_bytes())
    }
}

/// A block or report, and what speaks for and against its author. See `weir features` for how credit follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// When the log took it, ms since the Unix epoch.
    pub at: u64,
    /// Id of the event.
    pub event: String,
    /// Who.
    pub author: String,
    /// What for; `None`: a block.
    pub reason: Option<ReportReason>,
    /// Who wrote first, if the gateway told.
    pub contact: Option<Contact>,
    /// The author's age then, hours.
    pub author_age_h: Option<f32>,
    /// The author's device.
    pub author_device: Option<String>,
    /// The author's network prefix.
    pub author_prefix: Option<String>,
    /// The author's number range.
    pub author_range: Option<String>,
    /// Other authors in the same answer with the same device, prefix or number range: a crowd that looks alike.
    pub alike: u32,
}

words! {
    /// What is kept.
    Kept {
        /// Events.
        Events = "events",
        /// Decisions.
        Decisions = "decisions",
        /// Feature rows.
        Rows = "rows",
        /// Reviews.
        Reviews = "reviews",
        /// Rejects.
        Rejects = "rejects",
    }
}

/// How far the archive has come with one kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Of what.
    pub kept: Kept,
    /// Log time of the newest one, ms since the Unix epoch; `None`: there is none.
    pub newest: Option<u64>,
}

impl Freshness {
    /// Age of the newest one at `now`, ms; `None`: there is none.
    #[must_use]
    pub fn age_ms(&self, now: u64) -> Option<u64> {
        self.newest.map(|at| now.saturating_sub(at))
    }
}

words! {
    /// Something counted by the minute.
    Series {
        /// Events by kind.
        Events = "events",
        /// Enforced decisions by action.
        Actions = "actions",
        /// Enforced decisions by their leading reason.
        Reasons = "reasons",
        /// Enforced decisions by source.
        Sources = "sources",
        /// Shadow decisions by rule, score band or blocklist.
        Shadows = "shadows",
        /// Rejects by reason.
        Rejects = "rejects",
    }
}

/// A count of one key in one step of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// First instant of the step, ms since the Unix epoch; a multiple of the step.
    pub start: u64,
    /// The kind, action, reason, source or rule.
    pub key: String,
    /// How many.
    pub count: u64,
}

/// Accounts restricted (challenge, limit or ban, enforced) for the first time in one step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// First instant of the step, ms since the Unix epoch; a multiple of the step.
    pub start: u64,
    /// Accounts.
    pub accounts: u64,
    /// Of them, those that nobody had reported before.
    pub unreported: u64,
    /// Of them, those restricted at most [`AT_REGISTRATION_MS`] after a registration of theirs.
    pub at_registration: u64,
}

/// How long after its registration an account counts as caught at registration, ms.
pub const AT_REGISTRATION_MS: u64 = 10 * 60 * 1_000;
/// Bins of [`Scored`]: each a twentieth of the scale.
pub const SCORE_BINS: usize = 20;

/// How a model scored in a span: the weight of kept rows by score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// Version of the model.
    pub model: String,
    /// Rows by their weight, rounded, from the lowest scores to the highest.
    pub bins: [u64; SCORE_BINS],
}

words! {
    /// What [`History::top`] counts by.
    Group {
        /// Events by kind.
        EventKind = "event_kind",
        /// Reports by their reason.
        ReportReason = "report_reason",
        /// Reports by the account reported.
        ReportAccount = "report_account",
        /// Reports by their author.
        ReportAuthor = "report_author",
        /// Registrations by device.
        Device = "device",
        /// Registrations by network prefix.
        Prefix = "ip_prefix",
        /// Registrations by autonomous system number.
        Asn = "asn",
        /// Registrations by number range.
        NumberRange = "number_range",
        /// Registrations by client build.
        Client = "client",
        /// Registrations by country of the number.
        Country = "country",
        /// Enforced decisions by rule, score band or blocklist.
        DecisionRule = "decision_rule",
        /// Enforced decisions by their leading reason.
        DecisionReason = "decision_reason",
        /// Enforced decisions by account.
        DecisionAccount = "decision_account",
    }
}

/// A key and how often it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// The key.
    pub key: String,
    /// How often.
    pub count: u64,
}

/// What of those that only record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shadow {
    /// A rule or list, by its name.
    Rule(String),
    /// A model, by its version.
    Model(String),
}

/// Something that only recorded what it would do, and how much that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadowed {
    /// What.
    pub shadow: Shadow,
    /// Decisions it recorded.
    pub decisions: u64,
    /// Accounts they are about.
    pub accounts: u64,
}

/// Accounts, by the strongest thing that a shadow would have done to them and the strongest that automation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// What the shadow would have done; `None`: nothing.
    pub shadow: Option<Action>,
    /// What was done; `None`: nothing. One of the two is there.
    pub live: Option<Action>,
    /// The country of the accounts' numbers; empty: unknown.
    pub country: String,
    /// How many.
    pub accounts: u64,
}

/// Why the archive gave no answer, by what the reader does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// It is down or busy: say so, and ask again later.
    #[error("the archive does not answer: {0}")]
    Unavailable(String),
    /// The question or what lies there is wrong: asking again changes nothing.
    #[error("the archive cannot answer: {0}")]
    Failed(String),
}

/// An answer.
pub type Told<T> = Result<T, HistoryError>;

/// What was archived. Every method fails with [`HistoryError`] if the archive is down or cannot answer.
pub trait History {
    /// Decisions about the account (or the entity `kind:pseudonym`), by `issued`.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn decisions(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Decision>>;
    /// A decision by its id; `None`: there is none, or what a deletion covers.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn decision(&self, id: &str) -> Told<Option<Decision>>;
    /// Events about the account.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn events(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Archived>>;
    /// Feature rows of the account.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn rows(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Row>>;
    /// Reviews of the account.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn reviews(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Review>>;
    /// Blocks and reports against the account, with what makes them credible.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn heard(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Heard>>;
    /// Accounts that registered or connected on a device, network prefix, autonomous system or number range, latest first, each
    /// once; none for other kinds.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn seen_on(&self, kind: EntityKind, key: &str, span: Span, limit: usize) -> Told<Vec<String>>;
    /// Rejects, of one reason or all.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn rejects(&self, reason: Option<RejectReason>, span: Span, limit: usize) -> Told<Vec<Reject>>;
    /// How far the archive has come, one entry a [`Kept`], in that order.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn freshness(&self) -> Told<Vec<Freshness>>;
    /// Counts by key in steps of `step_ms` (a multiple of a minute), oldest first, then by key; steps without any are left
    /// out. The ends of the span are widened to whole minutes.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn series(&self, series: Series, span: Span, step_ms: u64) -> Told<Vec<Point>>;
    /// First restrictions in steps of `step_ms` (a multiple of a minute), oldest first; steps without any are left out.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn detections(&self, span: Span, step_ms: u64) -> Told<Vec<Detected>>;
    /// How each model scored the rows that were kept, by version of the model.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn scores(&self, span: Span) -> Told<Vec<Scored>>;
    /// What only recorded what it would do in the span, by accounts, then by name, at most `limit`. What would have been enforced had the
    /// account not been held out ([`crate::HOLDOUT`]) does not count.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn shadows(&self, span: Span, limit: usize) -> Told<Vec<Shadowed>>;
    /// What a shadow would have done beside what rules, models and lists did to the same accounts in the span, a review included that is
    /// no draw at random ([`crate::AUDIT`]); by shadow's act, act and country. Entities are not counted.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn beside(&self, shadow: &Shadow, span: Span) -> Told<Vec<Beside>>;
    /// The most frequent keys, most frequent first, then by key. Unknown keys are not counted.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn top(&self, group: Group, span: Span, limit: usize) -> Told<Vec<Top>>;
}

/// All of one kind of record, one after the other: what data sets are made of. Every method fails with [`HistoryError`] if the archive
/// is down or cannot answer; what was taken until then is true, but not all. Memory holds a few records.
pub trait Scan {
    /// Feature rows, by `at`, then partition, then offset.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn each_row(&self, span: Span, take: &mut dyn FnMut(Row)) -> Told<()>;
    /// Events of these kinds, by `at`, then partition, then offset.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn each_event(&self, kinds: &[&str], span: Span, take: &mut dyn FnMut(Archived)) -> Told<()>;
    /// Decisions, by `issued`, then account, then `seq`.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn each_decision(&self, span: Span, take: &mut dyn FnMut(Decision)) -> Told<()>;
    /// Reviews, by `at`, then id.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn each_review(&self, span: Span, take: &mut dyn FnMut(Review)) -> Told<()>;
    /// Accounts that were deleted in the span, whose records are told no longer.
    ///
    /// # Errors
    /// See [`HistoryError`].
    fn deleted(&self, span: Span) -> Told<u64>;
}

/// Gathers (model, bin, weight), sorted by model, into one entry a model; a bin past the last is the last.
#[must_use]
pub fn scored(rows: Vec<(String, u64, u64)>) -> Vec<Scored> {
    let mut all: Vec<Scored> = Vec::new();
    for (model, bin, weight) in rows {
        if all.last().is_none_or(|one| one.model != model) {
            all.push(Scored { model, bins: [0; SCORE_BINS] });
        }
        let one = all.last_mut().expect("one was pushed");
        one.bins[(bin as usize).min(SCORE_BINS - 1)] += weight;
    }
    all
}

/// Marks how many other authors of the answer look like each one.
pub fn mark_alike(heard: &mut [Heard]) {
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    for at in 0..heard.len() {
        let one = &heard[at];
        let alike = heard.iter().filter(|other| {
            other.author != one.author
                && (same(&other.author_device, &one.author_device)
                    || same(&other.author_prefix, &one.author_prefix)
                    || same(&other.author_range, &one.author_range))
        });
        heard[at].alike = alike.count() as u32;
    }
}
