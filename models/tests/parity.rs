//! A frozen tree gives linfa's own answer, and every path of the evaluator gives the same bits.
//!
//! Separate from the units because it crosses `train`, `tree` and `flat`.

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_trees::DecisionTree;
use models::flat::FlatForest;
use models::train::freeze;
use models::tree::{Node, Split, Tree};
use ndarray::{Array1, Array2};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Values that often meet a threshold exactly: small multiples of a half.
fn records(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |_| rng.gen_range(0..9) as f32 / 2.0)
}

#[test]
fn a_frozen_tree_gives_linfas_answer_also_at_its_thresholds() {
    for seed in 0..6 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rows = records(600, 5, &mut rng);
        let target = |row: ndarray::ArrayView1<f32>| usize::from(row[0] * row[1] > row[2] + 2.0);
        let mut targets: Array1<usize> = rows.rows().into_iter().map(target).collect();
        targets.iter_mut().for_each(|class| *class ^= usize::from(rng.r#gen::<f32>() < 0.1));
        let weights = targets.mapv(|class| if class == 1 { 1.001 } else { 1.0 });
        let data = DatasetBase::new(rows, targets).with_weights(weights);
        let tree = DecisionTree::params().max_depth(Some(8)).fit(&data).unwrap();
        let frozen = freeze(&tree, 5, &|&class: &usize| class as f32).unwrap();
        let flat = FlatForest::new(std::slice::from_ref(&frozen), 5).unwrap();
        // Quarter steps: training midpoints are among them, so `x == threshold` occurs.
        let fresh = Array2::from_shape_fn((2000, 5), |_| rng.gen_range(0..17) as f32 / 4.0);
        let met = frozen.nodes().iter().filter_map(|node| node.split).any(|split| {
            fresh.column(usize::from(split.column)).iter().any(|&value| value == split.threshold)
        });
        assert!(met, "no row lies on a threshold: the test proves nothing");
        let theirs: Array1<usize> = tree.predict(&fresh);
        for (row, theirs) in fresh.rows().into_iter().zip(theirs) {
            let row = row.to_vec();
            assert_eq!(flat.score(&row), theirs as f32, "{row:?}");
            assert_eq!(frozen.nodes()[frozen.leaf(&row)].value, theirs as f32, "{row:?}");
        }
    }
}

fn random_tree(depth: usize, columns: u16, rng: &mut ChaCha8Rng, nodes: &mut Vec<Node>) -> u32 {
    let at = nodes.len();
    nodes.push(Node { split: None, value: rng.gen_range(-1.0..1.0) });
    if depth > 0 && rng.r#gen::<f32>() < 0.9 {
        let column = rng.gen_range(0..columns);
        let threshold = rng.gen_range(0..40) as f32 / 4.0;
        let left = random_tree(depth - 1, columns, rng, nodes);
        let right = random_tree(depth - 1, columns, rng, nodes);
        nodes[at].split = Some(Split { column, threshold, left, right });
    }
    at as u32
}

fn any_value() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => (0u8..41).prop_map(|quarter| f32::from(quarter) / 4.0),
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
        1 => any::<f32>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn all_paths_give_the_same_bits(
        shape in (1usize..40, 0usize..=8, 1usize..=100, any::<u64>()),
        values in proptest::collection::vec(any_value(), 100 * 3),
        rows in 1usize..140,
    ) {
        let (trees, depth, columns, seed) = shape;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let forest: Vec<Tree> = (0..trees)
            .map(|_| {
                let mut nodes = Vec::new();
                random_tree(depth, columns as u16, &mut rng, &mut nodes);
                Tree::new(nodes, columns).unwrap()
            })
            .collect();
        let flat = FlatForest::new(&forest, columns).unwrap();
        let rows: Vec<f32> = values.iter().copied().cycle().take(rows * columns).collect();
        let mut batch = vec![0.0; rows.len() / columns];
        let mut portable = batch.clone();
        flat.score_batch(&rows, &mut batch);
        flat.score_batch_portable(&rows, &mut portable);
        for (index, row) in rows.chunks(columns).enumerate() {
            let single = flat.score(row);
            prop_assert_eq!(single.to_bits(), flat.score_portable(row).to_bits());
            prop_assert_eq!(single.to_bits(), batch[index].to_bits());
            prop_assert_eq!(single.to_bits(), portable[index].to_bits());
            // The definition: tree t adds to lane t % 16; lanes are summed by halves.
            let known: Vec<f32> = row.iter().map(|&value| models::tree::known(value)).collect();
            let mut lanes = [0.0f32; 16];
            for (index, tree) in forest.iter().enumerate() {
                lanes[index % 16] += tree.nodes()[tree.leaf(&known)].value;
            }
            for width in [8, 4, 2, 1] {
                for lane in 0..width {
                    lanes[lane] += lanes[lane + width];
                }
            }
            prop_assert_eq!(single.to_bits(), lanes[0].to_bits());
        }
    }
}
