//! Every metric of weir, declared once: name, unit, help and labels.
//!
//! Separate from where they are counted. Invariants: counted per batch, never per event; a label's values are known when
//! the process starts and all stand at zero from then on, but for partitions, which come and go; what is a gauge is set, never
//! added to, by one owner; a role shows what it has and nothing else.

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use schema::{Action, Mode, RejectReason};

use super::learning::LearningGauges;
pub use super::outcome::RecordOutcome;
use super::partition::{EngineFamilies, Everywhere, PartitionLabels, Share};
use super::review::ReviewGauges;
use crate::environment;

/// One label and its value.
type Label = [(&'static str, &'static str); 1];
/// Two labels and their values.
type Labels = [(&'static str, &'static str); 2];
/// Who shows metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// `weir up`.
    Up,
    /// `weir run`.
    Run,
    /// `weir archive`.
    Archive,
    /// `weir review`.
    Review,
    /// `weir learn --follow`.
    Learn,
}

/// All metrics, shared by reference. Cloning one shares its value.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Records by what became of them.
    pub records: Family<Label, Counter>,
    /// Refused records by reason, at the edge and in the engine.
    pub rejects: Family<Label, Counter>,
    /// Decisions by action and mode.
    pub decisions: Family<Labels, Counter>,
    /// From the log's taking a record to its durable decision.
    pub decision_latency: Histogram,
    /// Records of each log that were not read yet.
    pub lag: Everywhere,
    /// Records read a batch.
    pub batch_records: Histogram,
    /// Engines.
    pub engines: EngineFamilies,
    /// Memory that the process holds.
    process_memory: Gauge,
    /// Most memory that the process held.
    process_memory_peak: Gauge,
    /// One durable commit of the log.
    pub commit: Histogram,
    /// Commits that failed, by cause.
    pub commit_failures: Family<Label, Counter>,
    /// Size of the log on the disk.
    pub log_size: Gauge,
    /// Age of the oldest record of the log.
    pub log_age: Gauge,
    /// Time since the newest checkpoint; 0 while nothing followed it.
    pub checkpoint_age: Everywhere,
    /// Share of what may wait for acknowledgement that does.
    pub budget_use: Family<PartitionLabels, Share>,
    /// Partitions that fell and were read again.
    pub falls: Counter,
    /// Times that the log no longer had what a partition was to read next.
    pub log_gaps: Counter,
    /// Times that a partition that the group had read before began without a checkpoint.
    pub unrestored: Counter,
    /// Relations between accounts and shared things taken.
    pub relations: Counter,
    /// Facts about shared things written.
    pub facts: Counter,
    /// Proposals to restrict shared things written.
    pub proposals: Counter,
    /// Answers by class of status.
    pub requests: Family<Label, Counter>,
    /// Readers of the decision feed that are connected.
    pub feed_readers: Gauge,
    /// Records that the history has not taken yet.
    pub history_lag: Gauge,
    /// 1, or 0 once the history's file has refused for good.
    pub history_up: Gauge,
    /// Records of Kafka by what the archive did with them.
    pub archived: Family<Label, Counter>,
    /// Records that ClickHouse took.
    pub archive_rows: Counter,
    /// One batch into ClickHouse, failures included.
    pub archive_insert: Histogram,
    /// Batches that ClickHouse did not take at once.
    pub archive_insert_failures: Counter,
    /// The dashboard.
    pub review: ReviewGauges,
    /// Online learning.
    pub learning: LearningGauges,
}

/// What the archive does with a record: the label's values of `archived`, in the order of its own type.
pub const ARCHIVED: [&str; 3] = ["kept", "refused", "passed"];

impl Metrics {
    /// Everything at zero; what `role` has is shown.
    #[must_use]
    pub fn new(role: Shows) -> Self {
        let quick = || exponential_buckets(0.0005, 2.0, 16);
        let metrics = Self {
            registry: Registry::with_prefix("weir"),
            records: Family::default(),
            rejects: Family::default(),
            decisions: Family::default(),
            decision_latency: Histogram::new(quick()),
            lag: Family::default(),
            batch_records: Histogram::new(exponential_buckets(1.0, 4.0, 8)),
            engines: EngineFamilies::default(),
            process_memory: Gauge::default(),
            process_memory_peak: Gauge::default(),
            commit: Histogram::new(quick()),
            commit_failures: Family::default(),
            log_size: Gauge::default(),
            log_age: Gauge::default(),
            checkpoint_age: Family::default(),
            budget_use: Family::default(),
            falls: Counter::default(),
            log_gaps: Counter::default(),
            unrestored: Counter::default(),
            relations: Counter::default(),
            facts: Counter::default(),
            proposals: Counter::default(),
            requests: Family::default(),
            feed_readers: Gauge::default(),
            history_lag: Gauge::default(),
            history_up: Gauge::default(),
            archived: Family::default(),
            archive_rows: Counter::default(),
            archive_insert: Histogram::new(quick()),
            archive_insert_failures: Counter::default(),
            review: ReviewGauges::default(),
            learning: LearningGauges::default(),
        };
        metrics.start_labels_at_zero();
        metrics.registered(role)
    }

    fn start_labels_at_zero(&self) {
        for outcome in RecordOutcome::ALL {
            drop(self.records.get_or_create(&[("outcome", outcome.word())]));
        }
        for reason in RejectReason::ALL {
            drop(self.rejects.get_or_create(&[("reason", reason.word())]));
        }
        for action in Action::ALL {
            for mode in Mode::ALL {
                drop(self.decisions.get_or_create(&[("action", action.word()), ("mode", mode.word())]));
            }
        }
        for cause in ["full", "other"] {
            drop(self.commit_failures.get_or_create(&[("cause", cause)]));
        }
        for class in STATUS_CLASSES {
            drop(self.requests.get_or_create(&[("status", class)]));
        }
        self.learning.start_at_zero();
        for what in ARCHIVED {
            drop(self.archived.get_or_create(&[("outcome", what)]));
        }
    }

    fn registered(mut self, role: Shows) -> Self {
        let mut registry = std::mem::take(&mut self.registry);
        let r = &mut registry;
        let lag = "Records in the log that were not read yet, of each partition where there are any";
        r.register_with_unit("lag", lag, records(), self.lag.clone());
        let held = "Memory that the process holds, resident";
        r.register_with_unit("process_memory", held, Unit::Bytes, self.process_memory.clone());
        let peak = "Most memory that the process held at once";
        r.register_with_unit("process_memory_peak", peak, Unit::Bytes, self.process_memory_peak.clone());
        match role {
            Shows::Up => {
                self.register_deciding(r);
                self.register_embedded(r);
                self.register_review(r);
            }
            Shows::Run => {
                self.register_deciding(r);
                self.register_partitions(r);
            }
            Shows::Archive => self.register_archive(r),
            Shows::Review => {
                self.register_review(r);
                let untaken =
                    "Acts of reviewers that Kafka did not confirm in time; whoever did them was told";
                r.register("review_acts_untaken", untaken, self.review.untaken.clone());
            }
            Shows::Learn => self.learning.register(r),
        }
        self.registry = registry;
        self
    }

    fn register_deciding(&self, r: &mut Registry) {
        r.register("records", "Records taken from the log, by what became of them", self.records.clone());
        r.register("rejects", "Refused records, by reason", self.rejects.clone());
        r.register("decisions", "Decisions, by action and mode", self.decisions.clone());
        let latency = "From the log's taking a record to its durable decision";
        r.register_with_unit("decision_latency", latency, Unit::Seconds, self.decision_latency.clone());
        r.register("batch_records", "Records that the engine took at once", self.batch_records.clone());
        let engines = &self.engines;
        r.register("accounts", "Accounts whose features are in memory", engines.accounts.clone());
        r.register("standings", "Accounts and entities in the standing table", engines.standings.clone());
        let refused = "Restrictions refused because the standing table is full; more than 0 is an alarm";
        r.register("standings_refused", refused, engines.standings_refused.clone());
        r.register("bans_braked", "Bans that a budget turned into rate limits", engines.bans_braked.clone());
        r.register("model_runs", "Runs of the model", engines.model_runs.clone());
        let tables = "Memory of the engine's tables";
        r.register_with_unit("engine_memory", tables, Unit::Bytes, engines.memory.clone());
        let age = "Time since the newest checkpoint; 0 while nothing followed it";
        r.register_with_unit("checkpoint_age", age, Unit::Seconds, self.checkpoint_age.clone());
    }

    fn register_embedded(&self, r: &mut Registry) {
        r.register_with_unit("commit", "One durable commit of the log", Unit::Seconds, self.commit.clone());
        let failures = "Commits of the log that failed, by cause; records wait and nothing is half-written";
        r.register("commit_failures", failures, self.commit_failures.clone());
        let size = "Size of the log on the disk";
        r.register_with_unit("log_size", size, Unit::Bytes, self.log_size.clone());
        let oldest = "Age of the oldest record of the log";
        r.register_with_unit("log_age", oldest, Unit::Seconds, self.log_age.clone());
        r.register("http_requests", "Answers over HTTP, by class of status", self.requests.clone());
        r.register("feed_readers", "Readers of the decision feed", self.feed_readers.clone());
        let behind = "Records in the log that the history has not taken yet";
        r.register_with_unit("history_lag", behind, records(), self.history_lag.clone());
        let up = "1 while the history takes records, 0 if its file refused for good or there is no history";
        r.register("history_up", up, self.history_up.clone());
    }

    fn register_partitions(&self, r: &mut Registry) {
        let used = "Share of what may wait for acknowledgement that does, in events or bytes, 0 to 1; reading pauses at 1";
        r.register_with_unit("budget_use", used, Unit::Other("ratio".to_owned()), self.budget_use.clone());
        r.register("falls", "Times that a partition fell and was read again", self.falls.clone());
        r.register("log_gaps", "Times that the log lacked what was to be read next", self.log_gaps.clone());
        let without = "Times that a partition that the group had read before began without a checkpoint";
        r.register("unrestored", without, self.unrestored.clone());
        r.register("relations", "Relations to shared things taken", self.relations.clone());
        r.register("facts", "Facts about shared things written into the log", self.facts.clone());
        let proposals = "Proposals to restrict shared things written into the log of their own partition";
        r.register("proposals", proposals, self.proposals.clone());
    }

    fn register_archive(&self, r: &mut Registry) {
        let what = "Records read, by what became of them: kept, refused (kept as a reject) or passed over";
        r.register("archive_records", what, self.archived.clone());
        r.register("archive_rows", "Records that ClickHouse took", self.archive_rows.clone());
        let insert = "One batch into ClickHouse, from the first try until it was taken";
        r.register_with_unit("archive_insert", insert, Unit::Seconds, self.archive_insert.clone());
        let failures = "Times that ClickHouse did not take a batch; it is tried again";
        r.register("archive_insert_failures", failures, self.archive_insert_failures.clone());
    }

    fn register_review(&self, r: &mut Registry) {
        let of = &self.review;
        r.register("review_open_cases", "Open cases of the dashboard, by cause", of.open.clone());
        r.register("review_overdue_cases", "Open cases past their clock, by cause", of.overdue.clone());
        let age = "How long the oldest open case has waited, by cause, in the log's time";
        r.register_with_unit("review_queue_age", age, Unit::Seconds, of.age.clone());
        let head = "Time since the audit chain's head was last published; it is every hour";
        r.register_with_unit("review_audit_head_age", head, Unit::Seconds, of.head_age.clone());
    }

    /// Shows a partition no more.
    pub fn forget(&self, place: &PartitionLabels) {
        self.engines.forget(place);
        self.checkpoint_age.remove(place);
        self.budget_use.remove(place);
    }

    /// Counts records that became this.
    pub fn count_records(&self, outcome: RecordOutcome, count: u64) {
        self.records.get_or_create(&[("outcome", outcome.word())]).inc_by(count);
    }

    /// Counts one refused record.
    pub fn count_reject(&self, reason: RejectReason) {
        self.rejects.get_or_create(&[("reason", reason.word())]).inc();
    }

    /// Counts one decision.
    pub fn count_decision(&self, action: Action, mode: Mode) {
        self.decisions.get_or_create(&[("action", action.word()), ("mode", mode.word())]).inc();
    }

    /// Counts one answer by its status.
    pub fn count_request(&self, status: u16) {
        let class = STATUS_CLASSES[usize::from(status / 100).clamp(2, 5) - 2];
        self.requests.get_or_create(&[("status", class)]).inc();
    }

    /// Everything in Prometheus' text format 0.0.4, with the memory of now.
    #[must_use]
    pub fn text(&self) -> String {
        let (held, peak) = environment::memory_bytes().unwrap_or_default();
        self.process_memory.set(held as i64);
        self.process_memory_peak.set(peak as i64);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry).expect("a string takes any text");
        text
    }
}

/// A unit of [`Unit`]'s kind.
fn records() -> Unit {
    Unit::Other("records".to_owned())
}

/// Classes of HTTP status, from 2xx on.
const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// What [`Metrics::text`] is, for the `Content-Type` header.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::kafka::Assignment;

    #[test]
    fn every_metric_has_help_and_starts_at_zero() {
        for role in [Shows::Up, Shows::Run, Shows::Archive, Shows::Review, Shows::Learn] {
            let text = Metrics::new(role).text();
            for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
                let name = line.split(' ').nth(2).expect("a type line names its metric");
                assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
            }
            for reason in RejectReason::ALL {
                let line = format!("weir_rejects_total{{reason=\"{}\"}} 0", reason.word());
                assert_eq!(text.contains(&line), matches!(role, Shows::Up | Shows::Run), "{line}\n{text}");
            }
        }
    }

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new(Shows::Up);
        metrics.count_decision(Action::Ban, Mode::Shadow);
        metrics.count_records(RecordOutcome::Quiet, 7);
        metrics.count_request(404);
        metrics.lag.get_or_create(&PartitionLabels::default()).set(12);
        let text = metrics.text();
        for line in [
            "weir_decisions_total{action=\"ban\",mode=\"shadow\"} 1",
            "weir_records_total{outcome=\"quiet\"} 7",
            "weir_http_requests_total{status=\"4xx\"} 1",
            "weir_lag_records 12",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_partition_is_shown_until_it_is_given_up() {
        let metrics = Metrics::new(Shows::Run);
        let place = PartitionLabels::of(&Assignment { topic: "weir.events".to_owned(), partition: 7 });
        metrics.engines.at(&place).standings.set(3);
        let line = "weir_standings{topic=\"weir.events\",partition=\"7\"} 3";
        assert!(metrics.text().contains(line), "{}", metrics.text());
        metrics.forget(&place);
        assert!(!metrics.text().contains("partition="), "{}", metrics.text());
    }
}
