//! Training: same bytes twice, better than chance, explained exactly, and counterfactuals that hold.
//!
//! Separate from the units because it goes from rows to a served model.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers as well")]

use models::dataset::Dataset;
use models::{Body, Boosting, Catalog, ForestSettings, Kind, Model, Settings, TreeSettings, train};
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const COLUMNS: usize = 6;

/// Whole numbers, so that leaves often hold as many of one class as of the other: what made linfa's own training
/// differ from run to run.
fn sample(rows: usize, seed: u64) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let row: [f32; COLUMNS] = std::array::from_fn(|_| rng.gen_range(0..8u8).into());
        let hot = [row[0] > 4.0, row[1] * row[2] > 20.0, row[3] < 2.0].iter().filter(|hot| **hot).count();
        labels.push(if hot >= 2 { rng.r#gen::<f32>() < 0.95 } else { rng.r#gen::<f32>() < 0.03 });
        values.extend(row);
    }
    let mut data = Dataset {
        columns: (0..COLUMNS).collect(),
        names: (0..COLUMNS).map(|index| format!("c{index}")).collect(),
        rows: Array2::from_shape_vec((rows, COLUMNS), values).unwrap(),
        labels,
        weights: (0..rows).map(|row| 1.0 + (row % 3) as f32).collect(),
        groups: (0..rows as u64).map(|row| row / 2).collect(),
    };
    data.drop_fields(&[vec![0], vec![3, 4]], 0.1, seed);
    data
}

fn catalog() -> Catalog {
    Catalog { hash: 1, names: (0..COLUMNS).map(|index| format!("c{index}")).collect(), closed: Vec::new() }
}

fn settings(kind: Kind) -> Settings {
    Settings { kind, ..Settings::new("test", 3) }
}

fn small_trees() -> Kind {
    Kind::Trees(TreeSettings {
        trees: 30,
        tree_rows_max: 1500,
        leaf_rows_min: 10.0,
        ..TreeSettings::default()
    })
}

fn small_votes() -> Kind {
    let votes = TreeSettings { boosting: Boosting::Votes, learning_rate: 0.5, ..TreeSettings::default() };
    Kind::Trees(TreeSettings { trees: 30, tree_rows_max: 1500, leaf_rows_min: 10.0, ..votes })
}

fn auc(model: &Model) -> f32 {
    model.card().metrics.iter().find(|(name, _)| name == "auc").unwrap().1
}

#[test]
fn the_same_rows_and_seed_give_the_same_bytes() {
    let data = sample(4000, 1);
    for kind in [small_trees(), small_votes(), Kind::Logistic(1.0)] {
        let first = train(&data, &settings(kind.clone()), &catalog()).unwrap().to_bytes();
        // Each `HashMap` of linfa has its own random keys, so once more is as good as another process.
        for _ in 0..2 {
            let again = train(&data, &settings(kind.clone()), &catalog()).unwrap().to_bytes();
            assert!(first == again, "training {kind:?} twice gave two models");
        }
        let other = Settings { seed: 4, ..settings(kind) };
        assert_ne!(train(&data, &other, &catalog()).unwrap().to_bytes(), first);
    }
}

#[test]
fn trees_rank_interactions_better_than_a_line_does() {
    let data = sample(6000, 2);
    let trees = train(&data, &settings(small_trees()), &catalog()).unwrap();
    let line = train(&data, &settings(Kind::Logistic(1.0)), &catalog()).unwrap();
    let votes = train(&data, &settings(small_votes()), &catalog()).unwrap();
    assert!(auc(&trees) > 0.9, "{:?}", trees.card().metrics);
    assert!(auc(&votes) > 0.9, "{:?}", votes.card().metrics);
    assert!(auc(&line) > 0.75 && auc(&line) + 0.03 < auc(&trees), "{:?}", line.card().metrics);
}

#[test]
fn held_out_probabilities_are_calibrated() {
    let data = sample(8000, 5);
    let model = train(&data, &settings(small_trees()), &catalog()).unwrap();
    for [predicted, observed, weight] in &model.card().reliability {
        if *weight > 300.0 {
            assert!((predicted - observed).abs() < 0.12, "{:?}", model.card().reliability);
        }
    }
}

#[test]
fn the_majority_may_be_abusive() {
    let mut data = sample(3000, 6);
    data.labels.iter_mut().for_each(|label| *label = !*label);
    let line = train(&data, &settings(Kind::Logistic(1.0)), &catalog()).unwrap();
    assert!(auc(&line) > 0.75, "{:?}", line.card().metrics);
}

#[test]
fn contributions_sum_to_the_score_minus_the_base() {
    let data = sample(4000, 3);
    for kind in [small_trees(), small_votes(), Kind::Logistic(1.0)] {
        let model = train(&data, &settings(kind), &catalog()).unwrap();
        for row in data.rows.rows().into_iter().take(300) {
            let row = row.to_vec();
            let parts = model.explain(&row, COLUMNS);
            let sum: f64 = parts.iter().map(|part| f64::from(part.contribution)).sum();
            assert!((sum + model.base() - model.log_odds(&row)).abs() < 1e-4, "{row:?}: {parts:?}");
            assert!(parts.is_sorted_by(|a, b| a.contribution >= b.contribution));
        }
    }
}

#[test]
fn under_the_counterfactual_it_does_not_happen_and_at_it_it_does() {
    let data = sample(4000, 4);
    for kind in [small_trees(), small_votes(), Kind::Logistic(1.0)] {
        let model = train(&data, &settings(kind), &catalog()).unwrap();
        let mut found = 0;
        for row in data.rows.rows().into_iter().take(400) {
            let row = row.to_vec();
            for feature in 0..COLUMNS {
                let Some(below) = model.below(&row, feature, 0.5) else { continue };
                found += 1;
                assert!(below > 0.0 && below <= row[feature]);
                let with = |value: f32| {
                    let mut row = row.clone();
                    row[feature] = value;
                    model.probability(&row)
                };
                let margin = if matches!(model.body(), Body::Trees(_)) { 0.0 } else { 1e-5 };
                assert!(with(below) >= 0.5 - margin, "{row:?} {feature} {below}");
                for share in [0.0, 0.3, 0.7, 0.999] {
                    assert!(with(below * share) < 0.5, "{row:?} {feature} {below} {share}");
                }
            }
        }
        assert!(found > 20, "{found} counterfactuals: the test proves nothing");
    }
}

#[test]
fn unknown_everywhere_still_scores() {
    let data = sample(3000, 7);
    for kind in [small_trees(), small_votes(), Kind::Logistic(1.0)] {
        let model = train(&data, &settings(kind), &catalog()).unwrap();
        let p = model.probability(&[f32::NAN; COLUMNS]);
        assert!((0.0..=1.0).contains(&p));
    }
}

#[test]
fn a_forest_of_many_rows_is_grown_the_same_twice() {
    // Enough, and a column in which every row is a place to split: a sum from which rows of a broken weight are taken one by one
    // would fall below none.
    let mut data = sample(120_000, 2);
    for (row, value) in data.rows.column_mut(COLUMNS - 1).iter_mut().enumerate() {
        *value = (row * 7_919 % 120_000) as f32;
    }
    let forest =
        ForestSettings { trees: 2, depth: 4, row_share: 1.0, column_share: 1.0, ..ForestSettings::default() };
    let model = || train(&data, &settings(Kind::Forest(forest.clone())), &catalog()).unwrap();
    let (first, again) = (model(), model());
    assert!(auc(&first) > 0.8, "{}", auc(&first));
    assert_eq!(first.to_bytes(), again.to_bytes());
}
