//! Our own boosting: the same bytes whatever the workers, the frozen forest's answer to the bit, and rows well told apart.
//!
//! Separate from `training`, which is about linfa's learners.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers as well")]

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use models::workers::Job;
use models::{Alone, BoostSettings, Boosted, Error, GradientBoosting, Workers};
use ndarray::{Array1, Array2};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const COLUMNS: usize = 9;

/// As many threads as it says, each with its share of the jobs, the last job first.
struct Threads(usize);

impl Workers for Threads {
    fn run<'a>(&self, jobs: Vec<Job<'a>>) {
        let mut shares: Vec<Vec<Job<'a>>> = (0..self.0).map(|_| Vec::new()).collect();
        jobs.into_iter().rev().enumerate().for_each(|(number, job)| shares[number % self.0].push(job));
        std::thread::scope(|scope| {
            for share in shares {
                scope.spawn(move || share.into_iter().for_each(|job| job()));
            }
        });
    }
}

/// Rows of whole, broken, negative and unknown values whose label is a product, a band and a threshold.
fn rows(count: usize, seed: u64) -> DatasetBase<Array2<f32>, Array1<bool>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values: Array2<f32> = Array2::from_shape_fn((count, COLUMNS), |(_, column)| match column {
        0..3 => rng.gen_range(0..8u8).into(),
        3..6 => rng.gen_range(0.0..1.0),
        _ => rng.gen_range(-2.0..2.0),
    });
    let label = |row: ndarray::ArrayView1<'_, f32>| {
        let hot = row[0] * row[3] > 3.0 || (row[4] > 0.6 && row[6] < -0.5) || row[7] * row[8] > 2.5;
        hot != (rng.r#gen::<f32>() < 0.03)
    };
    let labels: Array1<bool> = values.rows().into_iter().map(label).collect();
    values.mapv_inplace(|value| if value == 5.0 { f32::NAN } else { value });
    let weights = (0..count).map(|row| 1.0 + (row % 3) as f32).collect();
    DatasetBase::new(values, labels).with_weights(weights)
}

fn settings() -> BoostSettings {
    BoostSettings { trees: 60, rate: 0.15, ..BoostSettings::default() }
}

fn learn(settings: BoostSettings, seed: u64, workers: &dyn Workers) -> Boosted {
    let learner = GradientBoosting { settings, seed, workers, progress: &|_| () };
    learner.fit(&rows(9_000, 1)).unwrap()
}

/// The share of pairs in the right order.
fn auc(scores: &[f32], labels: &Array1<bool>) -> f64 {
    let scored = scores.iter().zip(labels).map(|(&score, &abusive)| models::measure::Scored {
        score: score.into(),
        abusive,
        weight: 1.0,
    });
    models::measure::quality(scored.collect()).auc
}

#[test]
fn the_number_of_threads_changes_no_bit_and_the_seed_does() {
    let alone = learn(settings(), 7, &Alone);
    for threads in [2, 3, 8] {
        assert!(learn(settings(), 7, &Threads(threads)) == alone, "{threads} threads");
    }
    assert!(learn(settings(), 8, &Alone) != alone);
    let all = BoostSettings { row_share: 1.0, column_share: 1.0, ..settings() };
    assert!(learn(all.clone(), 7, &Threads(2)) == learn(all, 7, &Alone));
}

#[test]
fn the_frozen_forest_gives_the_learners_own_answer_to_the_bit() {
    for settings in [settings(), BoostSettings { leaves: 32, depth: 8, bins: 40, ..settings() }] {
        let boosted = learn(settings, 3, &Alone);
        let forest = boosted.freeze().unwrap();
        // Halves of the training rows' steps: values lie on thresholds and outside of what was seen.
        let mut fresh = rows(4_000, 2).records;
        fresh.mapv_inplace(|value| libm::roundf(value * 8.0) / 7.0);
        let own: Array1<f32> = boosted.predict(&fresh);
        for (row, own) in fresh.rows().into_iter().zip(own) {
            let row = row.to_vec();
            let frozen = forest.calibrate(forest.flat().score(&row));
            assert_eq!(frozen.to_bits(), boosted.log_odds(&row).to_bits());
            assert_eq!((models::model::sigmoid(frozen) as f32).to_bits(), own.to_bits());
            let mut parts = [0.0; COLUMNS];
            let known: Vec<f32> = row.iter().map(|&value| models::tree::known(value)).collect();
            forest.explain(&known, &mut parts);
            assert!((parts.iter().sum::<f64>() + forest.base() - frozen).abs() < 1e-4, "{parts:?}");
        }
    }
}

#[test]
fn interactions_are_learned_from_a_share_of_the_rows() {
    let fresh = rows(6_000, 9);
    for settings in [settings(), BoostSettings { row_share: 1.0, ..settings() }] {
        let found = auc(
            learn(settings.clone(), 1, &Alone).predict(&fresh.records).as_slice().unwrap(),
            &fresh.targets,
        );
        assert!(found > 0.93, "{settings:?}: {found}");
    }
}

#[test]
fn a_tree_has_no_more_leaves_and_levels_than_asked_for() {
    for (leaves, depth) in [(2, 1), (8, 3), (5, 8), (32, 5)] {
        let boosted = learn(BoostSettings { trees: 12, leaves, depth, ..settings() }, 1, &Alone);
        for tree in &boosted.trees {
            assert!(tree.depth() <= depth && tree.nodes().len() < 2 * leaves, "{leaves} {depth}: {tree:?}");
        }
        assert!(
            boosted.trees.iter().any(|tree| tree.nodes().len() == (2 * leaves - 1).min((2 << depth) - 1))
        );
    }
}

#[test]
fn what_cannot_be_learned_is_refused_with_its_reason() {
    let refused = |settings: BoostSettings, data: &DatasetBase<Array2<f32>, Array1<bool>>| {
        let learner = GradientBoosting { settings, seed: 1, workers: &Alone, progress: &|_| () };
        learner.fit(data).unwrap_err()
    };
    let text = |error: Error| error.to_string();
    let mut data = rows(400, 1);
    assert!(
        text(refused(BoostSettings { leaves: 33, ..settings() }, &data)).contains("leaves is not 2 to 32")
    );
    assert!(text(refused(BoostSettings { rate: f64::NAN, ..settings() }, &data)).contains("rate"));
    data.records.fill(3.0);
    assert!(text(refused(settings(), &data)).contains("no column tells the labels apart"));
    data.targets.fill(true);
    assert!(text(refused(settings(), &data)).contains("both labels"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_rows_give_finite_trees_or_a_reason(
        values in proptest::collection::vec(prop_oneof![Just(f32::NAN), Just(0.0f32), -3.0e38f32..3.0e38, 0.0f32..4.0], 60),
        labels in proptest::collection::vec(any::<bool>(), 30),
        shape in (2usize..=32, 1usize..=8, 2usize..=256, 0.05f64..=1.0),
    ) {
        let (leaves, depth, bins, row_share) = shape;
        let data = DatasetBase::new(Array2::from_shape_vec((30, 2), values).unwrap(), Array1::from(labels));
        let settings = BoostSettings { trees: 5, leaves, depth, bins, row_share, bend_min: 0.0, ..settings() };
        let learner = GradientBoosting { settings, seed: 1, workers: &Alone, progress: &|_| () };
        match learner.fit(&data) {
            Ok(boosted) => prop_assert!(boosted.predict(&data.records).iter().all(|p| (0.0..=1.0).contains(p))),
            Err(error) => prop_assert!(matches!(error, Error::Data(_) | Error::Training(_)), "{}", error),
        }
    }
}
