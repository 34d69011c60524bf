//! What serving costs: random trees, 100 of depth 8 and of depth 4, on rows of 48 columns; and what explaining costs.
//!
//! Separate from the tests because it measures. `cargo bench -p models --bench serve` prints ns a row.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use models::flat::FlatForest;
use models::forest::Forest;
use models::tree::{Node, Split, Tree};
use models::{Body, Card, Catalog, Model, TrainedOn};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

const COLUMNS: usize = 48;
const ROWS: usize = 4096;

fn random_tree(depth: u32, rng: &mut ChaCha8Rng) -> Tree {
    let inner = (1u32 << depth) - 1;
    let mut nodes = Vec::new();
    for at in 0..inner {
        let column = rng.gen_range(0..COLUMNS as u16);
        let split = Split { column, threshold: rng.gen_range(0.0..1.0), left: 2 * at + 1, right: 2 * at + 2 };
        nodes.push(Node { split: Some(split), value: 0.0 });
    }
    for _ in 0..=inner {
        nodes.push(Node { split: None, value: rng.gen_range(-1.0..1.0) });
    }
    Tree::new(nodes, COLUMNS).expect("a complete tree is a tree")
}

fn serve(c: &mut Criterion) {
    for depth in [8, 4] {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let trees: Vec<Tree> = (0..100).map(|_| random_tree(depth, &mut rng)).collect();
        let forest = FlatForest::new(&trees, COLUMNS).expect("100 trees are a forest");
        let rows: Vec<f32> = (0..ROWS * COLUMNS).map(|_| rng.gen_range(0.0..1.0)).collect();
        let mut out = vec![0.0f32; ROWS];
        let mut group = c.benchmark_group(format!("100_trees_depth_{depth}"));
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function("batch", |b| b.iter(|| forest.score_batch(black_box(&rows), &mut out)));
        group.bench_function("batch_portable", |b| {
            b.iter(|| forest.score_batch_portable(black_box(&rows), &mut out));
        });
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function("single", |b| {
            b.iter(|| rows.chunks_exact(COLUMNS).map(|row| forest.score(black_box(row))).sum::<f32>());
        });
        group.bench_function("single_portable", |b| {
            b.iter(|| {
                rows.chunks_exact(COLUMNS).map(|row| forest.score_portable(black_box(row))).sum::<f32>()
            });
        });
        group.finish();
    }
}

/// What a decision costs besides: reasons and counterfactual of a model as it is shipped.
fn explain(c: &mut Criterion) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let trees: Vec<Tree> = (0..150).map(|_| random_tree(4, &mut rng)).collect();
    let names: Vec<String> = (0..COLUMNS).map(|column| format!("c{column}")).collect();
    let card = Card {
        name: "bench".to_owned(),
        trained_on: TrainedOn::Simulation,
        labels: 0,
        seed: 0,
        data: String::new(),
        columns: names.clone(),
        metrics: Vec::new(),
        reliability: Vec::new(),
    };
    let forest = Forest::new(trees, COLUMNS, (1.0, 0.0)).expect("150 trees are a forest");
    let catalog = Catalog { hash: 1, names, closed: Vec::new() };
    let model = Model::new(card, Body::Trees(forest), &catalog).expect("all columns are features");
    let vector: Vec<f32> = (0..COLUMNS).map(|_| rng.gen_range(0.0..1.0)).collect();
    let mut group = c.benchmark_group("150_trees_depth_4");
    group.bench_function("probability", |b| b.iter(|| model.probability(black_box(&vector))));
    group.bench_function("explain", |b| b.iter(|| model.explain(black_box(&vector), 8)));
    group.bench_function("below", |b| b.iter(|| model.below(black_box(&vector), 3, 0.9)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = serve, explain
}
criterion_main!(benches);
