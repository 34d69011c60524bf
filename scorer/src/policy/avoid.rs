//! What would have kept a condition from holding: bounds that features, or the score, would have had to stay under.
//!
//! Separate from evaluation, since it is asked about one decision at a time, by whoever looks at it. Pure. Invariants: a way out is a list
//! of bounds that are all needed together, as where both sides of an `||` hold; with every feature of a way just under its bound and all
//! else as it was, the condition does not hold (tried, not only reasoned); so many ways at most.

use features::{CATALOG, FeatureVector};

use super::expr::{Arithmetic, Comparison, Facts, KINDS, Node, Program, Variable};
use super::rule::Rule;

/// Most ways out of one condition.
const WAYS_MAX: usize = 16;

/// What has a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounded {
    /// A feature, by its index in the catalogue.
    Feature(u16),
    /// The model's probability of abuse.
    Score,
}

/// The smallest value with which a part of a condition holds; under it, it does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// Of what.
    pub what: Bounded,
    /// The value.
    pub below: f32,
}

/// Bounds that are all needed.
pub type Way = Vec<Bound>;

impl Rule {
    /// Ways in which it would not have held over this row of features and this score (NaN: the model did not run), in the order in which
    /// its parts are written. Empty: it does not hold over them, or no smaller value would have helped.
    #[must_use]
    pub fn ways_out(&self, vector: &FeatureVector, score: f32) -> Vec<Way> {
        let program = &self.condition.program;
        let all = (0..KINDS.len() as u8).flat_map(|kind| [(kind, false), (kind, true)]);
        let mut held = all.map(|(kind, blocklisted)| Facts { vector, kind, score, blocklisted });
        // Neither the event's kind nor whether a list named the account is part of a row.
        let Some(facts) = held.find(|facts| program.is_true(facts)) else { return Vec::new() };
        let mut ways = program.ways_out(program.root(), &facts);
        ways.retain(|way| !program.is_true_under(way, &facts));
        ways
    }
}

impl Program {
    fn ways_out(&self, node: u16, facts: &Facts<'_>) -> Vec<Way> {
        match self.nodes[usize::from(node)] {
            Node::And(a, b) => {
                let mut ways = self.ways_out(a, facts);
                ways.extend(self.ways_out(b, facts));
                ways.truncate(WAYS_MAX);
                ways
            }
            Node::Or(a, b) => {
                let mut all: Vec<Way> = vec![Vec::new()];
                for side in [a, b].into_iter().filter(|side| self.holds(*side, facts)) {
                    let ways = self.ways_out(side, facts);
                    let both = |before: &Way| ways.iter().map(|way| joined(before, way)).collect::<Vec<_>>();
                    all = all.iter().flat_map(both).take(WAYS_MAX).collect();
                }
                all.retain(|way| !way.is_empty());
                all
            }
            Node::Choose(condition, a, b) => {
                self.ways_out(if self.holds(condition, facts) { a } else { b }, facts)
            }
            Node::Compare(comparison, a, b) => {
                self.bound(comparison, (a, b), facts).map(|bound| vec![bound]).into_iter().collect()
            }
            Node::Number(_) | Node::Feature(_) | Node::Variable(_) => Vec::new(),
            Node::Known(_) | Node::Arithmetic(..) | Node::Not(_) => Vec::new(),
        }
    }

    /// The bound of a comparison's larger side, if that falls with one feature or with the score.
    fn bound(&self, comparison: Comparison, (a, b): (u16, u16), facts: &Facts<'_>) -> Option<Bound> {
        let (comparison, large, small) = match comparison {
            Comparison::AtLeast | Comparison::Greater => (comparison, a, b),
            Comparison::Less | Comparison::AtMost => (comparison.mirrored(), b, a),
            Comparison::Equal | Comparison::Differs => return None,
        };
        let (what, limit) = self.solved(large, self.value(small, facts), facts)?;
        let is_strict = comparison == Comparison::Greater;
        let below = match what {
            Bounded::Feature(feature) if is_whole(feature) && is_strict => libm::floorf(limit) + 1.0,
            Bounded::Feature(feature) if is_whole(feature) => libm::ceilf(limit),
            _ if is_strict => limit.next_up(),
            _ => limit,
        };
        (below > 0.0 && below.is_finite()).then_some(Bound { what, below })
    }

    /// Where in `node` one thing alone decides whether its value reaches `target`, and from which value on.
    fn solved(&self, node: u16, target: f32, facts: &Facts<'_>) -> Option<(Bounded, f32)> {
        match self.nodes[usize::from(node)] {
            Node::Feature(feature) => Some((Bounded::Feature(feature), target)),
            Node::Variable(Variable::Score) => Some((Bounded::Score, target)),
            Node::Arithmetic(operation, a, b) => {
                let (left, right) = (self.value(a, facts), self.value(b, facts));
                let by_left = match operation {
                    Arithmetic::Add => Some(target - right),
                    Arithmetic::Subtract => Some(target + right),
                    Arithmetic::Multiply if right > 0.0 => Some(target / right),
                    Arithmetic::Divide if right > 0.0 => Some(target * right),
                    Arithmetic::Multiply | Arithmetic::Divide => None,
                };
                let by_right = match operation {
                    Arithmetic::Add => Some(target - left),
                    Arithmetic::Multiply if left > 0.0 => Some(target / left),
                    _ => None,
                };
                let by_left = by_left.and_then(|target| self.solved(a, target, facts));
                by_left.or_else(|| by_right.and_then(|target| self.solved(b, target, facts)))
            }
            _ => None,
        }
    }

    /// Whether it is true with everything that a way bounds just under its bound.
    fn is_true_under(&self, way: &Way, facts: &Facts<'_>) -> bool {
        let (mut vector, mut score) = (*facts.vector, facts.score);
        for bound in way {
            match bound.what {
                Bounded::Feature(feature) if is_whole(feature) => {
                    vector.0[usize::from(feature)] = bound.below - 1.0;
                }
                Bounded::Feature(feature) => vector.0[usize::from(feature)] = bound.below.next_down(),
                Bounded::Score => score = bound.below.next_down(),
            }
        }
        self.is_true(&Facts { vector: &vector, score, ..*facts })
    }
}

/// Whether a feature counts whole things.
fn is_whole(feature: u16) -> bool {
    let row = &CATALOG[usize::from(feature)];
    row.unit == "count" && !matches!(row.window, "7d" | "30d")
}

/// All bounds of both; of one thing, the lower.
fn joined(one: &Way, other: &Way) -> Way {
    let mut all = one.clone();
    for bound in other {
        match all.iter_mut().find(|known| known.what == bound.what) {
            Some(known) => known.below = known.below.min(bound.below),
            None => all.push(*bound),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use features::feature_by_name;

    use super::*;
    use crate::policy::Policy;

    #[track_caller]
    fn check(when: &str, (values, score): (&[(&str, f32)], f32), expected: &[&str]) {
        let text =
            format!("format = 1\nname = \"t\"\n[[rule]]\nname = \"r\"\nwhen = '{when}'\naction = \"warn\"\n");
        let policy = Policy::parse("t", &text).expect("valid");
        let mut vector = FeatureVector::unknown();
        for (name, value) in values {
            vector.0[feature_by_name(name).expect("a feature")] = *value;
        }
        let told = |bound: &Bound| match bound.what {
            Bounded::Feature(feature) => format!("{} {}", CATALOG[usize::from(feature)].name, bound.below),
            Bounded::Score => format!("score {}", bound.below),
        };
        let ways = policy.rules[0].ways_out(&vector, score);
        let ways: Vec<String> =
            ways.iter().map(|way| way.iter().map(told).collect::<Vec<_>>().join(" & ")).collect();
        assert_eq!(ways, expected, "{when}");
    }

    #[test]
    fn of_parts_that_must_all_hold_each_is_a_way_out_and_of_alternatives_all_that_held_are_one() {
        let row = (&[("new_chats_24h", 60.0), ("messages_1h", 9.0), ("undelivered_24h", 3.0)][..], f32::NAN);
        check("new_chats_24h >= 50 && messages_1h > 4", row, &["new_chats_24h 50", "messages_1h 5"]);
        check("messages_1h >= 3 || new_chats_24h >= 10", row, &["messages_1h 3 & new_chats_24h 10"]);
        check("messages_1h >= 30 || new_chats_24h >= 10", row, &["new_chats_24h 10"]);
        check(
            "new_chats_24h >= 50 && (messages_1h >= 3 || undelivered_24h >= 2)",
            row,
            &["new_chats_24h 50", "messages_1h 3 & undelivered_24h 2"],
        );
        check("messages_1h < 30 || new_chats_24h >= 10", row, &[]);
    }

    #[test]
    fn a_quotient_or_a_multiple_has_the_bound_that_the_other_side_gives_it() {
        let row = (
            &[("feedback_7d", 2.0), ("new_chats_7d", 100.0), ("messages_1h", 9.0), ("new_chats_1h", 3.0)][..],
            f32::NAN,
        );
        check("feedback_7d >= 0.012 * new_chats_7d", row, &["feedback_7d 1.2"]);
        check("messages_1h / new_chats_1h > 2", row, &["messages_1h 7"]);
        check("new_chats_1h * 2 + 1 >= 5", row, &["new_chats_1h 2"]);
        check("messages_1h - new_chats_1h >= 4", row, &["messages_1h 7"]);
    }

    #[test]
    fn a_score_has_a_bound_too_and_what_does_not_hold_has_no_way_out() {
        let row = (&[("new_chats_24h", 60.0)][..], 0.99);
        check("score >= 0.98 && new_chats_24h >= 4", row, &["score 0.98", "new_chats_24h 4"]);
        check("kind == \"lookup\" && new_chats_24h >= 4", row, &["new_chats_24h 4"]);
        check("score >= 0.98 && new_chats_24h >= 400", row, &[]);
        check("known(new_chats_24h)", row, &[]);
        // The same feature twice: what only looks like a way out is tried and dropped.
        check("new_chats_24h - new_chats_24h >= -5", row, &[]);
    }
}
