//! Learning: linfa (or our own boosting) fits, we freeze, calibrate and measure on rows that it has not seen.
//!
//! Separate from serving, which needs no linfa, and from `experiment`, which tries and cross-validates. Invariant: same rows, settings and toolchain, same bytes. linfa's own
//! results hang on `HashMap` order only where two classes weigh the same, so one class always weighs 1.001.

mod bagging;
mod bayes;
mod ftrl;
mod learn;
mod leaves;
mod logistic;
pub(crate) mod platt;
mod residual;
mod trees;

pub use bagging::ForestSettings;
pub use ftrl::FtrlSettings;
pub use learn::learn;
pub use trees::{Boosting, TreeSettings, freeze};

use crate::boost::BoostSettings;
use crate::dataset::Dataset;
use crate::evaluate::Profile;
use crate::measure::{FALSE_POSITIVE_RATES, Quality, Scored, quality};
use crate::model::{Body, Card, TrainedOn, sigmoid};
use crate::workers::Alone;
use crate::{Catalog, Error, Model};

/// What to learn.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// linfa's logistic regression, with this L2 weight.
    Logistic(f64),
    /// linfa's trees, boosted.
    Trees(TreeSettings),
    /// Our own boosted trees.
    Boosted(BoostSettings),
    /// linfa's trees, bagged.
    Forest(ForestSettings),
    /// linfa's follow-the-regularised-leader.
    Ftrl(FtrlSettings),
    /// linfa's Gaussian naive Bayes; the number is the share of the largest variance that is added to all.
    Bayes(f64),
}

/// How to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The model's name.
    pub name: String,
    /// What to learn.
    pub kind: Kind,
    /// Decides all that is random.
    pub seed: u64,
    /// Share of the accounts that are kept for calibration and measuring.
    pub held_share: f64,
    /// Where the labels come from.
    pub trained_on: TrainedOn,
}

impl Settings {
    /// The default model: trees.
    #[must_use]
    pub fn new(name: &str, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Trees(TreeSettings::default()),
            seed,
            held_share: 0.2,
            trained_on: TrainedOn::Simulation,
        }
    }
}

/// Learns a model of the catalogue from rows.
///
/// # Errors
/// [`Error::Data`] for unusable rows, [`Error::Training`] if linfa fails, [`Error::UnknownColumn`] for a column that
/// the catalogue does not have.
pub fn train(data: &Dataset, settings: &Settings, catalog: &Catalog) -> Result<Model, Error> {
    data.check()?;
    let (fit, held) = data.split(settings.held_share, settings.seed);
    for rows in [&fit, &held] {
        let abusive = rows.iter().filter(|&&row| data.labels[row]).count();
        if abusive == 0 || abusive == rows.len() {
            return Err(Error::Data("too few accounts to hold some back for measuring".to_owned()));
        }
    }
    let body = learn(&settings.kind, data, &fit, settings.seed, &Alone)?;
    let body = match body {
        Body::Trees(_) => calibrated(data, &held, body)?,
        Body::Logistic(_) | Body::Bayes(_) => body,
    };
    let card = Card {
        name: settings.name.clone(),
        trained_on: settings.trained_on,
        labels: data.labels.len() as u64,
        seed: settings.seed,
        data: format!("{:016x}", data.hash()),
        columns: data.names.clone(),
        metrics: Vec::new(),
        reliability: Vec::new(),
    };
    let model = Model::new(card.clone(), body.clone(), catalog)?;
    let found = measure(&model, data, &held);
    let score = |&row: &usize| {
        let log_odds = model.log_odds_of_row(&data.rows.row(row).to_vec());
        (sigmoid(log_odds) as f32, data.weights[row])
    };
    let profile = Profile::of(data, &held.iter().map(score).collect::<Vec<_>>());
    let card = Card { metrics: metrics(&found), reliability: bins(&found), ..card };
    Ok(Model::new(card, body, catalog)?.with_profile(Some(profile)))
}

/// How a model does on some rows of a data set that has its columns.
#[must_use]
pub fn measure(model: &Model, data: &Dataset, rows: &[usize]) -> Quality {
    let scored = |&row: &usize| Scored {
        score: sigmoid(model.log_odds_of_row(&data.rows.row(row).to_vec())),
        abusive: data.labels[row],
        weight: f64::from(data.weights[row]),
    };
    quality(rows.iter().map(scored).collect())
}

/// The body with the line from its score to log-odds that fits the held-out rows best.
fn calibrated(data: &Dataset, held: &[usize], body: Body) -> Result<Body, Error> {
    let score = |&row: &usize| body.log_odds(&data.rows.row(row).to_vec());
    let (slope, offset) = platt::fit(&held.iter().map(score).collect::<Vec<f64>>(), data, held)?;
    body.calibrated(slope, offset)
}

/// Measures by name, as they stand on a model's card.
pub(crate) fn metrics(found: &Quality) -> Vec<(String, f32)> {
    let mut all = vec![
        ("held_out_rows".to_owned(), found.rows as f64),
        ("held_out_abusive".to_owned(), found.abusive as f64),
        ("auc".to_owned(), found.auc),
        ("average_precision".to_owned(), found.average_precision),
        ("brier".to_owned(), found.brier),
    ];
    for (rate, recall) in FALSE_POSITIVE_RATES.iter().zip(found.recall_at) {
        all.push((format!("recall_at_{rate:e}"), recall));
    }
    let finite = all.into_iter().filter(|(_, value)| value.is_finite());
    finite.map(|(name, value)| (name, value as f32)).collect()
}

/// The reliability curve, as it stands on a model's card.
pub(crate) fn bins(found: &Quality) -> Vec<[f32; 3]> {
    found
        .reliability
        .iter()
        .map(|bin| [bin.predicted as f32, bin.observed as f32, bin.weight as f32])
        .collect()
}
