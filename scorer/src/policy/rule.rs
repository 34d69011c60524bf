//! A rule: a condition over features and what it leads to; and the fast path that most conditions take.
//!
//! Separate from the file's form. Invariants: a rule runs only on events that change a feature it names (or are of a
//! kind it lists); the order in which its parts are tried never changes its answer; something unknown never fires it.

use features::{CATALOG, FeatureSet};
use schema::{Action, Counterfactual, EntityKind, Limit, Mode, Reason, Scope};

use super::evidence::{CONTEXT, Kinds, is_neighbourhood, kinds_of};
use super::expr::{Comparison, Facts, Node, Program, Variable};

/// A rule of the policy.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique name.
    pub name: String,
    /// What it leads to.
    pub outcome: Outcome,
    /// Known young and unmistakable: may ban alone, and budgets do not hold it back.
    pub sure_case: bool,
    /// The account is a victim: a challenge and a `messages` limit, never a ban.
    pub victim: bool,
    /// When it is enforced, registering on this kind of thing is challenged, too: `Device` or `NumberRange`.
    pub entity: Option<EntityKind>,
    /// Higher ones come first.
    pub priority: i32,
    pub(super) features: FeatureSet,
    pub(super) kinds: u32,
    /// It names `score`: it also runs whenever the model did.
    pub(super) names_score: bool,
    pub(super) condition: Condition,
}

/// What a rule or score band leads to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The first step.
    pub action: Action,
    /// Whether past strikes move it up the ladder.
    pub ladder: bool,
    /// What it covers.
    pub scope: Scope,
    /// For a rate limit.
    pub limit: Limit,
    /// How long, ms.
    pub term_ms: u64,
    /// Whether gateways act on it.
    pub mode: Mode,
    /// Share of accounts for which `mode` is `enforce`, 0..1; for the others it is `shadow`.
    pub share: f64,
    /// Code of its reasons.
    pub reason: String,
    /// Key of the message that the user is shown.
    pub message: String,
    /// Whether it also opens a case.
    pub review: bool,
}

/// `feature OP value`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Threshold {
    pub feature: u16,
    pub comparison: Comparison,
    pub value: f32,
}

/// A condition, taken apart at its outermost `&&`.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) program: Program,
    /// Parts of the form `feature OP value`, in the order that they are tried.
    thresholds: Vec<Threshold>,
    /// All other parts.
    rest: Vec<u16>,
    /// The thresholds in the order they are written.
    written: Vec<Threshold>,
}

impl Condition {
    pub(super) fn new(program: Program) -> Self {
        let (mut written, mut rest) = (Vec::new(), Vec::new());
        let mut open = vec![program.root()];
        while let Some(node) = open.pop() {
            match program.nodes[usize::from(node)] {
                Node::And(a, b) => open.extend([b, a]),
                Node::Compare(comparison, a, b) => {
                    match (program.nodes[usize::from(a)], program.nodes[usize::from(b)]) {
                        (Node::Feature(feature), Node::Number(value)) => {
                            written.push(Threshold { feature, comparison, value });
                        }
                        (Node::Number(value), Node::Feature(feature)) => {
                            written.push(Threshold { feature, comparison: comparison.mirrored(), value });
                        }
                        _ => rest.push(node),
                    }
                }
                _ => rest.push(node),
            }
        }
        Self { program, thresholds: written.clone(), rest, written }
    }

    /// Every feature that the expression names.
    pub(super) fn features(&self) -> FeatureSet {
        self.named_features().collect()
    }

    /// The same, in the order they are written.
    pub(super) fn named_features(&self) -> impl Iterator<Item = usize> + '_ {
        self.program.nodes.iter().filter_map(|node| match node {
            Node::Feature(feature) => Some(usize::from(*feature)),
            _ => None,
        })
    }

    pub(super) fn names_score(&self) -> bool {
        self.program.names_score()
    }

    /// A bound on the score without which it cannot hold, if it names one among its outermost parts.
    pub(super) fn score_bound(&self) -> Option<(Comparison, f32)> {
        let nodes = &self.program.nodes;
        self.rest.iter().find_map(|node| match nodes[usize::from(*node)] {
            Node::Compare(comparison, a, b) => match (nodes[usize::from(a)], nodes[usize::from(b)]) {
                (Node::Variable(Variable::Score), Node::Number(value)) => Some((comparison, value)),
                (Node::Number(value), Node::Variable(Variable::Score)) => {
                    Some((comparison.mirrored(), value))
                }
                _ => None,
            },
            _ => None,
        })
    }

    pub(super) fn written(&self) -> &[Threshold] {
        &self.written
    }
}

impl Rule {
    /// The features it names.
    #[must_use]
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// Kinds of events it runs on besides those that change its features: bit n for kind number n.
    #[must_use]
    pub fn kinds(&self) -> u32 {
        self.kinds
    }

    /// The score below which it cannot hold, if its condition says so in an outermost part.
    #[must_use]
    pub fn score_from(&self) -> Option<f32> {
        let (comparison, bound) = self.condition.score_bound()?;
        matches!(comparison, Comparison::AtLeast | Comparison::Greater).then_some(bound)
    }

    /// Whether the condition surely holds. The part that fails most often drifts to the front.
    #[inline]
    #[must_use]
    pub fn fires(&mut self, facts: &Facts<'_>) -> bool {
        let condition = &mut self.condition;
        for i in 0..condition.thresholds.len() {
            let part = condition.thresholds[i];
            if !part.comparison.holds(facts.vector.0[usize::from(part.feature)], part.value) {
                if i > 0 {
                    condition.thresholds.swap(i, i - 1);
                }
                return false;
            }
        }
        condition.rest.iter().all(|node| condition.program.holds(*node, facts))
    }

    /// Whether the condition surely holds, without learning from it.
    #[must_use]
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        self.condition.program.is_true(facts)
    }

    /// Why it fired: the known features of the parts that hold, in the order they are written; never empty.
    #[must_use]
    pub fn reasons(&self, facts: &Facts<'_>) -> Vec<Reason> {
        let reason = |feature: Option<u16>| Reason {
            code: self.outcome.reason.clone(),
            feature: feature.map(|f| CATALOG[usize::from(f)].name.to_owned()),
            value: feature.map(|f| facts.vector.0[usize::from(f)]),
            contribution: None,
        };
        let mut reasons: Vec<Reason> = self
            .named(facts)
            .into_iter()
            .filter(|f| !facts.vector.0[usize::from(*f)].is_nan())
            .take(schema::limits::REASONS_MAX)
            .map(|f| reason(Some(f)))
            .collect();
        if reasons.is_empty() {
            reasons.push(reason(None)); // A rule on `score`, `kind` or `blocklisted` alone.
        }
        reasons
    }

    /// Kinds of evidence that its firing gives.
    #[must_use]
    pub fn evidence(&self, facts: &Facts<'_>) -> Kinds {
        kinds_of(self.named(facts).into_iter().map(usize::from))
    }

    /// Whether nothing that the account itself did speaks here: only how others on its network or number range fare, or, if it
    /// `is_listed`, that a list names those.
    #[must_use]
    pub(crate) fn rests_on_neighbours(&self, facts: &Facts<'_>, is_listed: impl FnOnce() -> bool) -> bool {
        let named = self.named(facts);
        let features = || named.iter().map(|f| usize::from(*f));
        let is_bare = || features().all(|f| CONTEXT.contains(&CATALOG[f].name));
        is_neighbourhood(features()) || facts.blocklisted && !self.names_score && is_bare() && is_listed()
    }

    /// Whether it would not hold if the model had not run.
    #[must_use]
    pub(crate) fn rests_on_score(&self, facts: &Facts<'_>) -> bool {
        self.names_score && !self.holds(&Facts { score: f32::NAN, ..*facts })
    }

    /// For a conjunction of thresholds: the first that a smaller value would have failed.
    #[must_use]
    pub fn counterfactual(&self) -> Option<Counterfactual> {
        let condition = &self.condition;
        let part = condition
            .written
            .iter()
            .find(|t| matches!(t.comparison, Comparison::AtLeast | Comparison::Greater))?;
        let row = &CATALOG[usize::from(part.feature)];
        let below = match part.comparison {
            Comparison::AtLeast => part.value,
            // The smallest value above: the next whole number of a count, else the next number there is.
            _ if row.unit == "count" && !matches!(row.window, "7d" | "30d") => libm::floorf(part.value) + 1.0,
            _ => part.value.next_up(),
        };
        condition.rest.is_empty().then(|| Counterfactual { feature: row.name.to_owned(), below })
    }

    fn named(&self, facts: &Facts<'_>) -> Vec<u16> {
        let mut named = Vec::new();
        self.condition.program.named(self.condition.program.root(), facts, &mut named);
        named
    }
}
