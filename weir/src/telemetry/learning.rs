//! Gauges of `weir learn` as a service.
//!
//! Separate from the metrics' table, which has no room for each role's own. Invariant: every one has its help and starts at zero.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// What became of labels, in the order of the counts.
const LABELS: [&str; 3] = ["learned", "held_out", "reports_past_share"];
/// What came of looks at held-out accounts.
const STEPS: [&str; 3] = ["published", "held", "rolled_back"];

/// What is shown of learning. Cloning shares the values.
#[derive(Debug, Clone, Default)]
pub struct LearningGauges {
    /// Labels by what became of them.
    pub labels: Family<Label, Counter>,
    /// Looks at held-out accounts by what came of them.
    pub steps: Family<Label, Counter>,
    /// Looks that failed.
    pub failures: Counter,
    /// 1 while nothing may be put in force.
    pub frozen: Gauge,
    /// 1 while weights that were learned are in force.
    pub in_force: Gauge,
    /// From the newest label that was learned from to the archive's newest record, s.
    pub behind_s: Gauge<f64, AtomicU64>,
    /// How long the last look took, s.
    pub took_s: Gauge<f64, AtomicU64>,
    /// Mean log-loss of held-out accounts by what is in force.
    pub loss_before: Gauge<f64, AtomicU64>,
    /// The same by what was learned.
    pub loss_after: Gauge<f64, AtomicU64>,
}

impl LearningGauges {
    /// All labels at zero.
    pub fn start_at_zero(&self) {
        LABELS.iter().for_each(|what| drop(self.labels.get_or_create(&[("outcome", what)])));
        STEPS.iter().for_each(|what| drop(self.steps.get_or_create(&[("outcome", what)])));
    }

    /// Counts labels: learned from, held out, and reports past their share.
    pub fn count_labels(&self, counts: [u64; 3]) {
        for (what, count) in LABELS.iter().zip(counts) {
            self.labels.get_or_create(&[("outcome", what)]).inc_by(count);
        }
    }

    /// Counts a look at held-out accounts.
    pub fn count_step(&self, what: &'static str) {
        self.steps.get_or_create(&[("outcome", what)]).inc();
    }

    /// Declares them, with their help.
    pub fn register(&self, r: &mut Registry) {
        let labels = "Labels by what became of them: learned, held_out, or reports_past_share; again when all that are stored teach anew";
        r.register("learn_labels", labels, self.labels.clone());
        let steps = "Looks at held-out accounts by what came of them: published, held or rolled_back";
        r.register("learn_looks", steps, self.steps.clone());
        r.register("learn_failures", "Looks that failed; they are tried again", self.failures.clone());
        r.register("learn_frozen", "1 while nothing may be put in force", self.frozen.clone());
        r.register("learn_in_force", "1 while weights that were learned are in force", self.in_force.clone());
        let behind = "From the newest label that was learned from to the archive's newest record";
        r.register_with_unit("learn_behind", behind, Unit::Seconds, self.behind_s.clone());
        r.register_with_unit("learn_took", "The last look", Unit::Seconds, self.took_s.clone());
        r.register("learn_loss_before", "Held-out log-loss of what was in force", self.loss_before.clone());
        r.register("learn_loss_after", "Held-out log-loss of what was learned", self.loss_after.clone());
    }
}
