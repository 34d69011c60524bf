//! Learners and their settings by name, and the combinations of settings to try.
//!
//! Separate from the file, so that a search can set what the file can. Invariants: a name that the learner does not have is
//! refused with those that it has; the same seed draws the same combinations.

use std::collections::BTreeMap;

use models::{BoostSettings, Boosting, ForestSettings, FtrlSettings, Kind, TreeSettings};

/// Most combinations of settings that are looked through.
const COMBINATIONS_MAX: usize = 100_000;

/// The learner that a section of the training file describes.
pub fn learner(section: &BTreeMap<String, toml::Value>) -> Result<Kind, String> {
    let mut kind = match section.get("kind").and_then(toml::Value::as_str) {
        Some("boosting") => Kind::Boosted(BoostSettings::default()),
        Some("linfa_boosting") => Kind::Trees(TreeSettings::default()),
        Some("linfa_adaboost") => Kind::Trees(TreeSettings {
            boosting: Boosting::Votes,
            learning_rate: 0.5,
            ..TreeSettings::default()
        }),
        Some("forest") => Kind::Forest(ForestSettings::default()),
        Some("logistic") => Kind::Logistic(1.0),
        Some("ftrl") => Kind::Ftrl(FtrlSettings::default()),
        Some("bayes") => Kind::Bayes(1e-9),
        _ => {
            let kinds = "boosting, linfa_boosting, linfa_adaboost, forest, logistic, ftrl or bayes";
            return Err(format!("learner.kind: give one of {kinds}"));
        }
    };
    for (name, value) in section.iter().filter(|(name, _)| *name != "kind") {
        let number = value.as_float().or(value.as_integer().map(|number| number as f64));
        let number = number.ok_or_else(|| format!("learner.{name} is no number"))?;
        set(&mut kind, name, number)?;
    }
    Ok(kind)
}

/// A setting of a learner.
enum Place<'a> {
    Whole(&'a mut usize),
    Broken(&'a mut f64),
    Single(&'a mut f32),
}

/// Sets one setting.
pub fn set(kind: &mut Kind, name: &str, value: f64) -> Result<(), String> {
    let mut places = places(kind);
    let names: Vec<&str> = places.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let found = places.iter_mut().find(|(known, _)| *known == name);
    let Some((_, place)) = found else {
        return Err(format!("{name} is no setting of this learner: it has {names}"));
    };
    match place {
        Place::Whole(place) if (0.0..=1e9).contains(&value) && value.fract() == 0.0 => {
            **place = value as usize
        }
        Place::Whole(_) => return Err(format!("{name} = {value} is no whole number")),
        Place::Broken(place) => **place = value,
        Place::Single(place) => **place = value as f32,
    }
    Ok(())
}

fn places(kind: &mut Kind) -> Vec<(&'static str, Place<'_>)> {
    use Place::{Broken, Single, Whole};
    match kind {
        Kind::Boosted(settings) => vec![
            ("trees", Whole(&mut settings.trees)),
            ("leaves", Whole(&mut settings.leaves)),
            ("depth", Whole(&mut settings.depth)),
            ("rate", Broken(&mut settings.rate)),
            ("row_share", Broken(&mut settings.row_share)),
            ("column_share", Broken(&mut settings.column_share)),
            ("bins", Whole(&mut settings.bins)),
            ("ridge", Broken(&mut settings.ridge)),
            ("bend_min", Broken(&mut settings.bend_min)),
            ("gain_min", Broken(&mut settings.gain_min)),
        ],
        Kind::Trees(settings) => vec![
            ("trees", Whole(&mut settings.trees)),
            ("depth", Whole(&mut settings.depth)),
            ("rate", Broken(&mut settings.learning_rate)),
            ("tree_rows_max", Whole(&mut settings.tree_rows_max)),
            ("pool_rows_max", Whole(&mut settings.pool_rows_max)),
            ("leaf_rows_min", Single(&mut settings.leaf_rows_min)),
            ("leaf_passes", Whole(&mut settings.leaf_passes)),
            ("leaf_ridge", Broken(&mut settings.leaf_ridge)),
        ],
        Kind::Forest(settings) => vec![
            ("trees", Whole(&mut settings.trees)),
            ("depth", Whole(&mut settings.depth)),
            ("row_share", Broken(&mut settings.row_share)),
            ("column_share", Broken(&mut settings.column_share)),
            ("leaf_rows_min", Single(&mut settings.leaf_rows_min)),
            ("leaf_prior", Broken(&mut settings.leaf_prior)),
        ],
        Kind::Bayes(smoothing) => vec![("smoothing", Broken(smoothing))],
        Kind::Logistic(ridge) => vec![("ridge", Broken(ridge))],
        Kind::Ftrl(settings) => vec![
            ("passes", Whole(&mut settings.passes)),
            ("batch_rows", Whole(&mut settings.batch_rows)),
            ("alpha", Broken(&mut settings.alpha)),
            ("beta", Broken(&mut settings.beta)),
            ("l1", Broken(&mut settings.l1)),
            ("l2", Broken(&mut settings.l2)),
        ],
    }
}

/// What to try: the learner as it is, then combinations of the values, at most `trials` in all. Drawn by a hash of the seed
/// and the combination's number, so that more trials only add to fewer.
pub fn candidates(
    kind: &Kind,
    values: &BTreeMap<String, Vec<f64>>,
    (trials, seed): (usize, u64),
) -> Result<Vec<(String, Kind)>, String> {
    let mut found = vec![("as given".to_owned(), kind.clone())];
    let lists: Vec<(&String, &Vec<f64>)> = values.iter().filter(|(_, list)| !list.is_empty()).collect();
    if lists.is_empty() {
        return Ok(found);
    }
    let all = lists.iter().try_fold(1usize, |all, (_, list)| all.checked_mul(list.len()));
    let all = all.filter(|all| *all <= COMBINATIONS_MAX);
    let all = all.ok_or(format!("search.values has more than {COMBINATIONS_MAX} combinations"))?;
    let hash = |number: usize| xxhash_rust::xxh3::xxh3_64_with_seed(&(number as u64).to_le_bytes(), seed);
    let mut order: Vec<usize> = (0..all).collect();
    order.sort_by_key(|&number| (hash(number), number));
    for mut number in order {
        if found.len() >= trials.max(1) {
            break;
        }
        let (mut kind, mut text) = (kind.clone(), Vec::new());
        for (name, list) in &lists {
            let value = list[number % list.len()];
            number /= list.len();
            set(&mut kind, name, value).map_err(|detail| format!("search.values: {detail}"))?;
            text.push(format!("{name} {value}"));
        }
        if found.iter().all(|(_, known)| *known != kind) {
            found.push((text.join(", "), kind));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> BTreeMap<String, toml::Value> {
        toml::from_str(text).expect("a section of a test")
    }

    #[test]
    fn every_learner_is_set_by_name() {
        let kind = learner(&section("kind = \"boosting\"\ntrees = 40\nrate = 0.2\nridge = 2")).unwrap();
        let wanted = BoostSettings { trees: 40, rate: 0.2, ridge: 2.0, ..BoostSettings::default() };
        assert_eq!(kind, Kind::Boosted(wanted));
        for kind in ["linfa_boosting", "linfa_adaboost", "forest"] {
            assert!(learner(&section(&format!("kind = \"{kind}\"\ntrees = 7\ndepth = 3"))).is_ok());
        }
        assert!(learner(&section("kind = \"ftrl\"\npasses = 2")).is_ok());
        assert_eq!(learner(&section("kind = \"logistic\"\nridge = 0.5")), Ok(Kind::Logistic(0.5)));
    }

    #[test]
    fn what_a_learner_does_not_have_is_refused_with_what_it_has() {
        let refused = |text: &str| learner(&section(text)).unwrap_err();
        assert!(refused("kind = \"logistic\"\ntrees = 3").contains("it has ridge"));
        assert!(refused("kind = \"forest\"\ntrees = 3.5").contains("no whole number"));
        assert!(refused("kind = \"oracle\"").contains("boosting"));
    }

    #[test]
    fn a_search_draws_the_same_combinations_and_more_trials_only_add() {
        let values = BTreeMap::from([
            ("leaves".to_owned(), vec![4.0, 8.0, 16.0]),
            ("rate".to_owned(), vec![0.05, 0.1]),
        ]);
        let kind = Kind::Boosted(BoostSettings::default());
        let few = candidates(&kind, &values, (4, 1)).unwrap();
        let all = candidates(&kind, &values, (100, 1)).unwrap();
        // The learner as given is one of the six.
        assert_eq!((few.len(), all.len()), (4, 6));
        assert_eq!(few, all[..4]);
        assert_ne!(few, candidates(&kind, &values, (4, 2)).unwrap());
        let wrong = BTreeMap::from([("roots".to_owned(), vec![1.0])]);
        assert!(candidates(&kind, &wrong, (4, 1)).unwrap_err().contains("roots"));
    }
}
