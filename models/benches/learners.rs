//! Learners on the same rows: how well they rank, and what fitting costs on one processor.
//!
//! Separate from `serve`, which is about answering. `rows.py` makes the rows, and fits LightGBM on them. The processor's time is
//! read from Linux, as the wall clock of a shared machine says little.
//!
//!     cargo bench -p models --bench learners -- FOLDER [LEARNER ...]

use std::fs;
use std::hint::black_box;

use models::measure::{Scored, quality};
use models::train::learn;
use models::{Alone, BoostSettings, Dataset, ForestSettings, FtrlSettings, Kind, TreeSettings};
use ndarray::Array2;

/// A table of rows.py: the last column is the label.
fn read(name: &str) -> Dataset {
    let text = fs::read_to_string(name).unwrap_or_else(|error| panic!("{name}: {error}: run rows.py first"));
    let mut lines = text.lines();
    let mut names: Vec<String> = lines.next().expect("a header").split(',').map(str::to_owned).collect();
    names.pop();
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for line in lines {
        let (row, label) = line.rsplit_once(',').expect("columns");
        values.extend(row.split(',').map(|field| field.parse::<f32>().expect("a number")));
        labels.push(label == "1");
    }
    let (rows, columns) = (labels.len(), names.len());
    Dataset {
        columns: (0..columns).collect(),
        names,
        rows: Array2::from_shape_vec((rows, columns), values).expect("whole rows"),
        labels,
        weights: vec![1.0; rows],
        groups: (0..rows as u64).collect(),
    }
}

/// Time of this process on a processor, s, in hundredths.
fn processor_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells it");
    let after = stat.rsplit_once(')').expect("the name ends").1;
    let ticks = |at: usize| after.split_whitespace().nth(at).and_then(|field| field.parse::<f64>().ok());
    (ticks(11).expect("user") + ticks(12).expect("system")) / 100.0
}

fn kind(name: &str) -> Kind {
    let settings = BoostSettings::default();
    match name {
        "boosting" => Kind::Boosted(settings),
        "boosting-fast" => Kind::Boosted(BoostSettings { trees: 300, rate: 0.15, ..settings }),
        "linfa_boosting" => Kind::Trees(TreeSettings { trees: 300, depth: 4, ..TreeSettings::default() }),
        "forest" => Kind::Forest(ForestSettings::default()),
        "logistic" => Kind::Logistic(1.0),
        "ftrl" => Kind::Ftrl(FtrlSettings::default()),
        "bayes" => Kind::Bayes(1e-9),
        // boosting:leaves=7,rate=.05 and so on.
        other => {
            let mut settings = settings;
            for pair in other.trim_start_matches("boosting:").split(',') {
                let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("no learner {other}"));
                let value: f64 = value.parse().expect("a number");
                match name {
                    "trees" => settings.trees = value as usize,
                    "leaves" => settings.leaves = value as usize,
                    "depth" => settings.depth = value as usize,
                    "bins" => settings.bins = value as usize,
                    "rate" => settings.rate = value,
                    "rows" => settings.row_share = value,
                    "columns" => settings.column_share = value,
                    "ridge" => settings.ridge = value,
                    "bend" => settings.bend_min = value,
                    _ => panic!("no setting {name}"),
                }
            }
            Kind::Boosted(settings)
        }
    }
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((folder, learners)) = given.split_first() else {
        println!("give the folder that rows.py filled");
        return;
    };
    let (train, test) = (read(&format!("{folder}/train.csv")), read(&format!("{folder}/test.csv")));
    let rows: Vec<usize> = (0..train.labels.len()).collect();
    let all = ["boosting", "linfa_boosting", "forest", "logistic", "ftrl", "bayes"].map(str::to_owned);
    println!("{} rows of {} columns to fit, one thread", rows.len(), train.names.len());
    for name in if learners.is_empty() { &all[..] } else { learners } {
        let before = processor_s();
        let body = learn(&kind(name), &train, &rows, 1, &Alone).expect("these rows can be learned from");
        let fitted = processor_s() - before;
        let scored = test.rows.rows().into_iter().zip(&test.labels);
        let scored = scored.map(|(row, &abusive)| Scored {
            score: black_box(&body).log_odds(&row.to_vec()),
            abusive,
            weight: 1.0,
        });
        let found = quality(scored.collect());
        println!(
            "{name:<16} AUC {:.4}, average precision {:.4}, {fitted:.1} s on the processor to fit",
            found.auc, found.average_precision
        );
    }
}
