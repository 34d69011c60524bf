//! Ways out of a decision: what would have had to be less, for a rule or for the model behind it.
//!
//! Separate from what else the dashboard asks. Pure. Invariants: only what people can picture as less is told (counts and shares, never an
//! age or a flag); what rests on the score is told by a feature that the score falls with; so many at most, those of fewest parts first.

use features::{CATALOG, FeatureVector};
use models::Model;
use schema::{Counterfactual, Decision, MODEL_SCORE, Row};
use scorer::Policy;
use scorer::policy::{Bound, Bounded};

/// Most ways that are told.
const TOLD: usize = 3;
/// The strongest features that are tried for a lower score.
const TRIED: usize = 8;

/// Ways out of a decision over its row.
pub fn ways_out(
    (policy, model): (&Policy, Option<&Model>),
    decision: &Decision,
    row: &Row,
) -> Vec<Vec<Counterfactual>> {
    let name = decision.rule.as_deref().unwrap_or_default();
    let Some(rule) = policy.rules.iter().find(|rule| rule.name == name) else { return Vec::new() };
    let mut vector = FeatureVector::unknown();
    if policy.version != decision.versions.policy || row.values.len() != vector.0.len() {
        return Vec::new();
    }
    for (place, value) in vector.0.iter_mut().zip(&row.values) {
        *place = value.unwrap_or(f32::NAN);
    }
    let model = model.filter(|model| model.version() == decision.versions.model);
    let score = decision.probability(MODEL_SCORE).or(row.score).unwrap_or(f32::NAN);
    let told = |bound: &Bound| match bound.what {
        Bounded::Feature(feature) => {
            let row = &CATALOG[usize::from(feature)];
            let is_less = matches!(row.unit, "count" | "share");
            is_less.then(|| Counterfactual { feature: row.name.to_owned(), below: bound.below })
        }
        Bounded::Score => lower_score(model?, &vector, bound.below),
    };
    let ways = rule.ways_out(&vector, score);
    let mut ways: Vec<Vec<Counterfactual>> =
        ways.iter().filter_map(|way| way.iter().map(&told).collect()).collect();
    ways.sort_by_key(Vec::len);
    ways.truncate(TOLD);
    ways
}

/// The strongest count that, being less, would have kept the score under a bound.
pub fn lower_score(model: &Model, vector: &FeatureVector, score: f32) -> Option<Counterfactual> {
    let parts = model.explain(&vector.0, CATALOG.len());
    let speaking = parts.into_iter().filter(|part| part.contribution > 0.0);
    let counted = speaking.filter(|part| CATALOG[part.feature].unit == "count");
    counted.take(TRIED).find_map(|part| {
        let below = model.below(&vector.0, part.feature, score)?;
        Some(Counterfactual { feature: CATALOG[part.feature].name.to_owned(), below })
    })
}

#[cfg(test)]
mod tests {
    use features::feature_by_name;

    use super::*;
    use crate::setup::EngineOptions;

    /// A row of a sender to many strangers, as far as a model has something to go by.
    fn row(values: &[(&str, f32)]) -> Row {
        let mut all: Vec<Option<f32>> = vec![None; CATALOG.len()];
        for (name, value) in values {
            all[feature_by_name(name).expect("a feature")] = Some(*value);
        }
        let text = format!(
            r#"{{"event":"e","account":"a","at":1,"partition":0,"offset":0,"why":"decision","weight":1.0,"catalog":"","values":{},
            "model":"","decisions":[]}}"#,
            serde_json::to_string(&all).expect("numbers")
        );
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn decided(policy: &Policy, (rule, score): (&str, f32), model: &str) -> Decision {
        let text = format!(
            r#"{{"id":"d","account":"a","seq":1,"action":"challenge","scope":"all","issued":1,"expires":9,"event":"e",
            "reasons":[{{"code":"x"}},{{"code":"model_score","value":{score}}}],"source":"rule","rule":"{rule}","mode":"enforce",
            "versions":{{"policy":"{}","model":"{model}","features":"f","blocklists":""}}}}"#,
            policy.version
        );
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_rule_is_avoided_by_what_the_score_falls_with_and_by_all_alternatives_that_held_and_never_by_age() {
        let (policy, model, blocklists) = (None, None, Vec::new());
        let options = EngineOptions { policy, model, no_model: false, blocklists, accounts_max: 1 };
        let model = options.model().expect("built in").expect("there is one");
        let row = row(&[
            ("age_s", 600_000.0),
            ("messages_24h", 400.0),
            ("messages_1h", 90.0),
            ("new_chats_24h", 300.0),
            ("new_chats_1h", 80.0),
            ("stranger_chats_24h", 300.0),
            ("stranger_chat_share_24h", 1.0),
            ("answered_share_24h", 0.02),
            ("typed_share_24h", 0.0),
        ]);
        let vector: Vec<f32> = row.values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
        let vector = FeatureVector(vector.try_into().expect("as long"));
        let score = model.probability(&vector.0);
        let bound = format!("{:.4}", score * 0.95);
        let when = format!("score >= {bound} && (new_chats_24h >= 50 || messages_1h >= 20) && age_s > 60");
        let text =
            format!("format = 1\nname = \"t\"\n[[rule]]\nname = \"r\"\nwhen = '{when}'\naction = \"warn\"\n");
        let policy = Policy::parse("t", &text).expect("valid");
        let ways = |rule: &str, version: &str| {
            ways_out((&policy, Some(&model)), &decided(&policy, (rule, score), version), &row)
        };
        let below = |feature: &str, below: f32| Counterfactual { feature: feature.to_owned(), below };
        let both = vec![below("new_chats_24h", 50.0), below("messages_1h", 20.0)];
        let by_score = lower_score(&model, &vector, bound.parse().expect("a number"));
        let expected: Vec<Vec<Counterfactual>> =
            by_score.into_iter().map(|one| vec![one]).chain([both.clone()]).collect();
        assert_eq!(ways("r", model.version()), expected);
        assert_eq!(ways("r", "another model"), [both], "what this model says is no word of another's");
        assert_eq!(ways("unheard-of", model.version()), Vec::<Vec<Counterfactual>>::new());
    }
}
