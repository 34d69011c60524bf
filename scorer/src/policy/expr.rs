//! A compiled rule expression: flat nodes over f32, in three-valued logic.
//!
//! Separate from the CEL front end, so that evaluation knows no syntax. Invariants: a truth value is 1, 0 or NaN
//! (unknown); a comparison with something unknown is unknown, and so is its negation; nothing here allocates, recurses
//! deeper than `DEPTH_MAX` or panics.

use features::FeatureVector;

/// Deepest nesting of a compiled expression.
pub(super) const DEPTH_MAX: usize = 64;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Differs,
}

impl Comparison {
    /// Whether it holds; false if either side is NaN.
    #[inline]
    #[must_use]
    pub fn holds(self, left: f32, right: f32) -> bool {
        match self {
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Greater => left > right,
            Comparison::AtLeast => left >= right,
            Comparison::Equal => left == right,
            Comparison::Differs => !left.is_nan() && !right.is_nan() && left != right,
        }
    }

    /// The same with the sides exchanged.
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::AtMost => Comparison::AtLeast,
            Comparison::Greater => Comparison::Less,
            Comparison::AtLeast => Comparison::AtMost,
            same => same,
        }
    }
}

/// What an expression may ask besides features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// Number of the event's kind: see [`kind_number`].
    Kind,
    /// The model's probability; unknown at events where it does not run.
    Score,
    /// Whether an exact blocklist entry is known of the account.
    Blocklisted,
}

/// One node; children are indices of earlier nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Node {
    Number(f32),
    Feature(u16),
    Variable(Variable),
    Known(u16),
    Arithmetic(Arithmetic, u16, u16),
    Compare(Comparison, u16, u16),
    Not(u16),
    And(u16, u16),
    Or(u16, u16),
    Choose(u16, u16, u16),
}

/// An arithmetic operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// What an expression is evaluated over.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The account's features.
    pub vector: &'a FeatureVector,
    /// Number of the event's kind.
    pub kind: u8,
    /// The model's probability; NaN if it did not run.
    pub score: f32,
    /// Whether an exact blocklist entry is known of the account.
    pub blocklisted: bool,
}

/// A compiled expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    pub(super) nodes: Vec<Node>,
}

impl Program {
    /// Whether it is surely true.
    #[must_use]
    pub fn is_true(&self, facts: &Facts<'_>) -> bool {
        self.holds(self.root(), facts)
    }

    /// Whether it asks for the model's probability.
    pub(super) fn names_score(&self) -> bool {
        self.nodes.contains(&Node::Variable(Variable::Score))
    }

    pub(super) fn root(&self) -> u16 {
        self.nodes.len().saturating_sub(1) as u16
    }

    pub(super) fn holds(&self, node: u16, facts: &Facts<'_>) -> bool {
        self.value(node, facts) == 1.0
    }

    pub(super) fn value(&self, node: u16, facts: &Facts<'_>) -> f32 {
        match self.nodes[usize::from(node)] {
            Node::Number(number) => number,
            Node::Feature(feature) => facts.vector.0[usize::from(feature)],
            Node::Variable(Variable::Kind) => f32::from(facts.kind),
            Node::Variable(Variable::Score) => facts.score,
            Node::Variable(Variable::Blocklisted) => truth(facts.blocklisted),
            Node::Known(a) => truth(!self.value(a, facts).is_nan()),
            Node::Arithmetic(operation, a, b) => {
                arithmetic(operation, self.value(a, facts), self.value(b, facts))
            }
            Node::Compare(comparison, a, b) => {
                let (a, b) = (self.value(a, facts), self.value(b, facts));
                if a.is_nan() || b.is_nan() { f32::NAN } else { truth(comparison.holds(a, b)) }
            }
            Node::Not(a) => 1.0 - self.value(a, facts),
            Node::And(a, b) => match self.value(a, facts) {
                0.0 => 0.0,
                a => match self.value(b, facts) {
                    0.0 => 0.0,
                    b => a * b, // 1 if both are; NaN if one is unknown.
                },
            },
            Node::Or(a, b) => match self.value(a, facts) {
                1.0 => 1.0,
                a => match self.value(b, facts) {
                    1.0 => 1.0,
                    b => a + b, // 0 if both are; NaN if one is unknown.
                },
            },
            Node::Choose(condition, a, b) => match self.value(condition, facts) {
                1.0 => self.value(a, facts),
                0.0 => self.value(b, facts),
                _ => f32::NAN,
            },
        }
    }

    /// The features that make `node` true, in the order they are written: of an `||` only the sides that hold.
    pub(super) fn named(&self, node: u16, facts: &Facts<'_>, out: &mut Vec<u16>) {
        match self.nodes[usize::from(node)] {
            Node::Number(_) | Node::Variable(_) | Node::Known(_) => {}
            Node::Feature(feature) => {
                if !out.contains(&feature) {
                    out.push(feature);
                }
            }
            Node::Not(a) => self.named(a, facts, out),
            Node::Arithmetic(_, a, b) | Node::Compare(_, a, b) | Node::And(a, b) => {
                self.named(a, facts, out);
                self.named(b, facts, out);
            }
            Node::Or(a, b) => {
                for side in [a, b] {
                    if self.holds(side, facts) {
                        self.named(side, facts, out);
                    }
                }
            }
            Node::Choose(condition, a, b) => {
                self.named(condition, facts, out);
                self.named(if self.holds(condition, facts) { a } else { b }, facts, out);
            }
        }
    }
}

fn truth(value: bool) -> f32 {
    if value { 1.0 } else { 0.0 }
}

/// Arithmetic whose impossible results (division by zero, overflow) are unknown.
fn arithmetic(operation: Arithmetic, a: f32, b: f32) -> f32 {
    let result = match operation {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
    };
    if result.is_finite() { result } else { f32::NAN }
}

/// Kinds of events by number: what `kind == "message"` compiles to.
pub(super) const KINDS: [&str; 20] = [
    "registration",
    "session",
    "message",
    "reply",
    "undelivered",
    "block",
    "unblock",
    "report",
    "group_create",
    "group_add",
    "group_leave",
    "lookup",
    "challenge_result",
    "refused",
    "appeal",
    "deletion",
    "entity",
    "verdict",
    "activate",
    "proposal",
];

/// The number of an event's kind.
#[must_use]
pub fn kind_number(body: &schema::Body<'_>) -> u8 {
    use schema::Body;
    match body {
        Body::Registration(_) => 0,
        Body::Session(_) => 1,
        Body::Message(_) => 2,
        Body::Reply { .. } => 3,
        Body::Undelivered { .. } => 4,
        Body::Block(_) => 5,
        Body::Unblock { .. } => 6,
        Body::Report { .. } => 7,
        Body::GroupCreate { .. } => 8,
        Body::GroupAdd(_) => 9,
        Body::GroupLeave { .. } => 10,
        Body::Lookup { .. } => 11,
        Body::ChallengeResult { .. } => 12,
        Body::Refused { .. } => 13,
        Body::Appeal { .. } => 14,
        Body::Deletion => 15,
        Body::Entity(_) => 16,
        Body::Verdict(_) => 17,
        Body::Activate(_) => 18,
        Body::Proposal(_) => 19,
    }
}
