//! A first look at all rules at once: which of them may fire, from what is cheap to know.
//!
//! Separate from rules, which are large, because it is asked at nearly every event and nearly always says: none. Invariant:
//! a rule that fires is never left out; the order in which thresholds are tried never changes the answer.

use features::{FeatureSet, Store};

use super::expr::{Comparison, Facts};
use super::rule::Rule;

/// The first look, made once a policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen {
    entries: Vec<Entry>,
    spans: Vec<Span>,
}

/// What is looked at of one rule.
#[derive(Debug, Clone)]
struct Entry {
    features: FeatureSet,
    kinds: u32,
    names_score: bool,
    /// It holds only with a score in this span, if there is one.
    score: Option<Span>,
    /// Its thresholds in `spans`; the one that fails most often drifts to the front.
    first: u16,
    end: u16,
}

/// The values, ends included, for which a threshold holds; never an unknown one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    feature: u16,
    low: f32,
    high: f32,
}

impl Span {
    /// `None` for `!=`, which no span can say.
    fn new(feature: u16, comparison: Comparison, value: f32) -> Option<Span> {
        let (low, high) = match comparison {
            Comparison::Less => (f32::NEG_INFINITY, value.next_down()),
            Comparison::AtMost => (f32::NEG_INFINITY, value),
            Comparison::Greater => (value.next_up(), f32::INFINITY),
            Comparison::AtLeast => (value, f32::INFINITY),
            Comparison::Equal => (value, value),
            Comparison::Differs => return None,
        };
        Some(Span { feature, low, high })
    }

    #[inline]
    fn holds(&self, value: f32) -> bool {
        (value >= self.low) & (value <= self.high)
    }
}

impl Screen {
    /// The first look at these rules.
    pub fn new(rules: &[Rule]) -> Screen {
        let near = Store::near_features();
        let mut screen = Screen::default();
        for rule in rules {
            let first = screen.spans.len() as u16;
            let thresholds =
                rule.condition.written().iter().filter(|t| near.contains(usize::from(t.feature)));
            screen.spans.extend(thresholds.filter_map(|t| Span::new(t.feature, t.comparison, t.value)));
            let score = rule.condition.score_bound();
            screen.entries.push(Entry {
                features: rule.features,
                kinds: rule.kinds,
                names_score: rule.names_score,
                score: score.and_then(|(comparison, value)| Span::new(0, comparison, value)),
                first,
                end: screen.spans.len() as u16,
            });
        }
        screen
    }

    /// Writes to `passed` the indices of the rules that are due at an event that changed `touched` and that may fire;
    /// of the facts' vector only near features are looked at.
    #[inline]
    pub fn pass(&mut self, facts: &Facts<'_>, touched: &FeatureSet, passed: &mut Vec<u16>) {
        passed.clear();
        let scored = !facts.score.is_nan();
        for (index, entry) in self.entries.iter().enumerate() {
            let due = entry.features.intersects(touched)
                || entry.kinds >> facts.kind & 1 == 1
                || entry.names_score && scored;
            if !due || entry.score.is_some_and(|span| !span.holds(facts.score)) {
                continue;
            }
            let spans = &mut self.spans[usize::from(entry.first)..usize::from(entry.end)];
            match spans.iter().position(|span| !span.holds(facts.vector.0[usize::from(span.feature)])) {
                None => passed.push(index as u16),
                Some(0) => {}
                Some(failed) => spans.swap(failed, failed - 1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Span};

    #[test]
    fn a_span_holds_exactly_where_its_threshold_does() {
        use Comparison::{AtLeast, AtMost, Equal, Greater, Less};
        let values = [0.0, -0.0, 1.0, 0.1, f32::MAX, f32::MIN_POSITIVE, -3.5, 1e-45];
        let near = |value: f32| [value, value.next_up(), value.next_down()];
        let asked = values.into_iter().flat_map(near).chain([f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
        for value in asked {
            for threshold in values {
                for comparison in [Less, AtMost, Greater, AtLeast, Equal] {
                    let span = Span::new(0, comparison, threshold).expect("a span can say it");
                    let expected = comparison.holds(value, threshold);
                    assert_eq!(span.holds(value), expected, "{value} {comparison:?} {threshold}");
                }
            }
        }
        assert_eq!(Span::new(0, Comparison::Differs, 1.0), None);
    }
}
