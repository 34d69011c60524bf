//! Simulated worlds, each run twice: once to learn the truth, once to see the rows.
//!
//! Separate from the sample of rows. Invariants: a world's seed is far from the seeds that people type, so that what they
//! judge on was not trained on; every second world leaves fields unknown; the engine is the one of `weir score`, without a
//! model, and its rows are taken when the policy would run one.

use std::collections::BTreeMap;

use clap::Args;
use models::Dataset;
use schema::{Event, Row};
use scorer::{Engine, EngineConfig, Output, Policy};
use simulate::{Config, FIELDS, FieldSet, Simulation};

use super::reservoir::Reservoir;
use crate::error::Error;
use crate::progress::Progress;

/// Rows of one account that are all taken; of later ones, one in [`LATER`].
const ROWS_FIRST: u32 = 32;
const LATER: u64 = 8;

/// How much to simulate and how many rows to take.
#[derive(Debug, Args)]
pub struct Worlds {
    /// Worlds; every second one leaves a quarter of the optional fields unknown.
    #[arg(long, default_value_t = 16)]
    pub worlds: u32,
    /// Benign accounts of a world.
    #[arg(long, default_value_t = 4_000)]
    pub accounts: u32,
    /// Length of a world, hours.
    #[arg(long, default_value_t = 72.0)]
    pub hours: f64,
    /// Share of abusive accounts among all.
    #[arg(long, value_name = "SHARE", default_value_t = 0.06)]
    pub base_rate: f64,
    /// Decides all that is random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Rows of each label at most.
    #[arg(long, value_name = "N", default_value_t = 150_000)]
    pub rows_max: usize,
}

/// Simulates, and gives the labelled rows.
pub fn collect(worlds: &Worlds) -> Result<Dataset, Error> {
    let columns: Vec<usize> = features::CATALOG
        .iter()
        .enumerate()
        .filter(|(_, feature)| feature.model)
        .map(|(place, _)| place)
        .collect();
    let mut benign = Reservoir::new(worlds.rows_max, columns.len());
    let mut abusive = Reservoir::new(worlds.rows_max, columns.len());
    let progress = Progress::of_steps(u64::from(worlds.worlds), "worlds");
    for number in 0..worlds.worlds {
        progress.report(u64::from(number), || format!("{} rows", benign.len() + abusive.len()));
        let config = config(worlds, number)?;
        let onsets = onsets(&config)?;
        watch(&config, |row, key, weight| {
            let values = columns.iter().map(|&place| row.values[place].unwrap_or(f32::NAN));
            let group = spread(&row.account, config.seed);
            let into = match onsets.get(&row.account) {
                Some(&onset) if row.at >= onset => &mut abusive,
                _ => &mut benign,
            };
            into.offer(key, group, weight, values);
        })?;
    }
    progress.finish();
    Ok(dataset(columns, &benign, &abusive))
}

fn config(worlds: &Worlds, number: u32) -> Result<Config, Error> {
    let seed = spread("world", worlds.seed.wrapping_mul(1 << 20).wrapping_add(u64::from(number)));
    let unknown: Vec<&str> = FIELDS
        .iter()
        .copied()
        .filter(|field| number % 2 == 1 && spread(field, seed).is_multiple_of(4))
        .collect();
    let without = FieldSet::parse(&unknown.join(",")).map_err(|error| Error::Usage(error.to_string()))?;
    let base_rate = Some(worlds.base_rate);
    Ok(Config {
        accounts: worlds.accounts,
        hours: worlds.hours,
        seed,
        base_rate,
        without,
        ..Config::default()
    })
}

fn simulation(config: &Config) -> Result<Simulation, Error> {
    Simulation::new(config.clone()).map_err(|error| Error::Usage(error.to_string()))
}

/// When each abusive account begins to abuse.
fn onsets(config: &Config) -> Result<BTreeMap<String, u64>, Error> {
    let mut simulation = simulation(config)?;
    simulation.run_open(&mut |_| {});
    Ok(simulation.truth().filter_map(|line| Some((line.account, line.onset_ts?))).collect())
}

/// Gives every row that a model would have been asked about, with a key and a weight.
fn watch(config: &Config, mut take: impl FnMut(&Row, u64, f32)) -> Result<(), Error> {
    let policy = Policy::default_policy()?;
    let schedule = policy.model.clone();
    let mut engine = Engine::new(EngineConfig { policy, rows: Some(1.0), ..EngineConfig::default() });
    let mut output = Output::default();
    let (mut acts, mut taken) = (BTreeMap::new(), BTreeMap::new());
    let mut offset = 0;
    simulation(config)?.run_open(&mut |event: &Event<'_>| {
        output.clear();
        engine.process(event, offset, &mut output);
        offset += 1;
        let acts = count(&mut acts, event.account, u32::from(event.body.is_act()));
        let kind = scorer::policy::kind_number(&event.body);
        let is_due = schedule.is_due(kind, event.body.is_act(), acts);
        for row in &output.rows {
            // All other rows are of facts about shared things, at which the model runs too.
            let is_own = row.account == event.account && row.event == event.id;
            if is_own && !is_due {
                continue;
            }
            let key = spread(&row.event, spread(&row.account, config.seed));
            if count(&mut taken, &row.account, 1) <= ROWS_FIRST {
                take(row, key, 1.0);
            } else if spread(&row.event, !config.seed).is_multiple_of(LATER) {
                take(row, key, LATER as f32);
            }
        }
    });
    Ok(())
}

/// Adds to what was counted of an account; gives the sum.
fn count(counts: &mut BTreeMap<String, u32>, account: &str, more: u32) -> u32 {
    if !counts.contains_key(account) {
        counts.insert(account.to_owned(), 0);
    }
    let count = counts.get_mut(account).expect("inserted above");
    *count += more;
    *count
}

fn dataset(columns: Vec<usize>, benign: &Reservoir, abusive: &Reservoir) -> Dataset {
    let names = columns.iter().map(|&place| features::CATALOG[place].name.to_owned()).collect();
    let rows = benign.len() + abusive.len();
    let mut values = Vec::with_capacity(rows * columns.len());
    let (mut labels, mut weights, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for (reservoir, label) in [(benign, false), (abusive, true)] {
        for row in reservoir.rows() {
            values.extend_from_slice(row.values);
            labels.push(label);
            weights.push(row.weight);
            groups.push(row.group);
        }
    }
    let rows = ndarray::Array2::from_shape_vec((rows, columns.len()), values)
        .expect("every row of a reservoir has as many values as there are columns");
    Dataset { columns, names, rows, labels, weights, groups }
}

/// A hash that hangs on text and seed.
fn spread(text: &str, seed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), seed)
}
