//! A loaded model: what it is called, what it reads, and the probability it gives.
//!
//! Separate from `artifact`, which is about bytes. Invariants: a model only exists for the catalogue it was checked
//! against; the probability is the same to the bit on every machine (f64, libm, fixed order).

use schema::limits::MODEL_LABELS_MIN;

use crate::artifact;
use crate::bayes::Bayes;
use crate::curve::Curve;
use crate::evaluate::Profile;
use crate::forest::Forest;
use crate::logistic::Logistic;
use crate::tree::{COLUMNS_MAX, known};
use crate::{Catalog, Error};

/// What a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainedOn {
    /// Simulated traffic: no evidence for a ban by itself.
    Simulation,
    /// Labels that reviewers gave.
    Labels,
}

/// What a model file says about the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The model's name.
    pub name: String,
    /// What it was trained on.
    pub trained_on: TrainedOn,
    /// Labelled rows it was trained and measured on.
    pub labels: u64,
    /// The seed of training.
    pub seed: u64,
    /// Hash of the training data, hex.
    pub data: String,
    /// Names of its columns, in order.
    pub columns: Vec<String>,
    /// Measures on held-out rows by name; only finite ones.
    pub metrics: Vec<(String, f32)>,
    /// Calibration on held-out rows: mean probability, observed share and weight of each bin.
    pub reliability: Vec<[f32; 3]>,
}

/// How the model computes.
#[derive(Debug, Clone)]
pub enum Body {
    /// Logistic regression.
    Logistic(Logistic),
    /// Trees with calibration.
    Trees(Forest),
    /// Naive Bayes.
    Bayes(Bayes),
}

impl Body {
    /// Log-odds of a row that has only the model's columns, in their order.
    ///
    /// # Panics
    /// If the row has another length.
    #[must_use]
    pub fn log_odds(&self, row: &[f32]) -> f64 {
        match self {
            Body::Logistic(logistic) => logistic.score(row),
            Body::Trees(forest) => forest.calibrate(forest.flat().score(row)),
            Body::Bayes(bayes) => bayes.score(row),
        }
    }

    /// The same body whose log-odds are `slope` times what they were, plus `offset`.
    ///
    /// # Errors
    /// [`Error::Forest`] if they are not finite or the slope is not positive.
    pub fn calibrated(self, slope: f32, offset: f32) -> Result<Self, Error> {
        if !(slope.is_finite() && slope > 0.0 && offset.is_finite()) {
            return Err(Error::Forest(format!("calibration {slope} x + {offset}")));
        }
        Ok(match self {
            Body::Logistic(mut logistic) => {
                logistic.bias = slope * logistic.bias + offset;
                logistic.terms.iter_mut().for_each(|term| term.weight *= slope);
                Body::Logistic(logistic)
            }
            Body::Bayes(mut bayes) => {
                bayes.bias = slope * bayes.bias + offset;
                for parabola in &mut bayes.parabolas {
                    parabola.term.weight *= slope;
                    parabola.square *= slope;
                }
                Body::Bayes(bayes)
            }
            Body::Trees(forest) => {
                let line = (slope * forest.slope, slope * forest.offset + offset);
                Body::Trees(Forest::new(forest.trees().to_vec(), forest.flat().columns(), line)?)
            }
        })
    }
}

/// A model ready to serve.
#[derive(Debug, Clone)]
pub struct Model {
    card: Card,
    body: Body,
    /// What follows the body's log-odds.
    curve: Option<Curve>,
    /// The shapes of what it learned from.
    profile: Option<Profile>,
    /// Place of each column in a full vector.
    places: Vec<usize>,
    /// How long a full vector is.
    width: usize,
    catalog: String,
    version: String,
}

impl Model {
    /// Puts a model together; its columns must be features of the catalogue.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`], [`Error::ClosedColumn`], or [`Error::Forest`] if the body does not fit the columns.
    pub fn new(card: Card, body: Body, catalog: &Catalog) -> Result<Self, Error> {
        let columns = match &body {
            Body::Logistic(logistic) => logistic.terms.len(),
            Body::Trees(forest) => forest.flat().columns(),
            Body::Bayes(bayes) => bayes.parabolas.len(),
        };
        if columns != card.columns.len() || columns == 0 || columns > COLUMNS_MAX {
            return Err(Error::Forest(format!("{} names for {columns} columns", card.columns.len())));
        }
        if let Some(column) = card.columns.iter().find(|column| catalog.closed.contains(column)) {
            return Err(Error::ClosedColumn { name: card.name.clone(), column: column.clone() });
        }
        let place = |name: &String| {
            let unknown = || Error::UnknownColumn { name: card.name.clone(), column: name.clone() };
            catalog.index(name).ok_or_else(unknown)
        };
        let places = card.columns.iter().map(place).collect::<Result<Vec<usize>, Error>>()?;
        let mut model = Self {
            card,
            body,
            curve: None,
            profile: None,
            places,
            width: catalog.names.len(),
            catalog: catalog.hex(),
            version: String::new(),
        };
        model.version = artifact::version(&model.to_bytes());
        Ok(model)
    }

    /// The same model with a curve after its body's log-odds, or without one.
    #[must_use]
    pub fn with_curve(mut self, curve: Option<Curve>) -> Self {
        self.curve = curve;
        self.version = artifact::version(&self.to_bytes());
        self
    }

    /// The same model with the shapes of what it learned from, or without them.
    #[must_use]
    pub fn with_profile(mut self, profile: Option<Profile>) -> Self {
        self.profile = profile;
        self.version = artifact::version(&self.to_bytes());
        self
    }

    /// The same model computing by another body, over the same columns.
    pub(crate) fn with_body(&self, body: Body) -> Self {
        let mut model = Self { body, ..self.clone() };
        model.version = artifact::version(&model.to_bytes());
        model
    }

    /// Reads a model file for this build's catalogue.
    ///
    /// # Errors
    /// [`Error::NoModel`], [`Error::Damaged`], [`Error::Format`], [`Error::Catalog`], [`Error::UnknownColumn`],
    /// [`Error::ClosedColumn`] or [`Error::Forest`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        artifact::read(bytes, &Catalog::of_this_build())
    }

    /// Reads a model file for a table that has its columns, which need not be features.
    ///
    /// # Errors
    /// As [`Model::from_bytes`].
    pub fn from_bytes_for_table(bytes: &[u8]) -> Result<Self, Error> {
        artifact::read(bytes, &Catalog::of_table(&artifact::columns(bytes)?))
    }

    /// Reads a model file for a stated catalogue.
    ///
    /// # Errors
    /// As [`Model::from_bytes`].
    pub fn from_bytes_for(bytes: &[u8], catalog: &Catalog) -> Result<Self, Error> {
        artifact::read(bytes, catalog)
    }

    /// The model file. Same model, same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        artifact::write(self)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.card.name
    }

    /// The start of its file's checksum: 16 hexadecimal digits.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// All that the file says about it.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// How it computes.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The catalogue's hash, hex.
    #[must_use]
    pub fn catalog(&self) -> &str {
        &self.catalog
    }

    /// Whether it may count as evidence for a ban: reviewed labels taught it, and enough of them to have measured it.
    #[must_use]
    pub fn may_support_a_ban(&self) -> bool {
        self.card.trained_on == TrainedOn::Labels && self.card.labels >= MODEL_LABELS_MIN
    }

    /// Place of each column in a full vector, in column order.
    #[must_use]
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// The probability of abuse, 0 to 1, for a full vector in catalogue order; NaN is unknown.
    ///
    /// # Panics
    /// If the vector is not as long as the catalogue.
    #[must_use]
    pub fn probability(&self, vector: &[f32]) -> f32 {
        sigmoid(self.log_odds(vector)) as f32
    }

    /// The same in log-odds.
    ///
    /// # Panics
    /// If the vector is not as long as the catalogue.
    #[must_use]
    pub fn log_odds(&self, vector: &[f32]) -> f64 {
        self.log_odds_of_row(&self.row(vector)[..self.places.len()])
    }

    /// The same for a row that has only the model's columns, in their order.
    ///
    /// # Panics
    /// If the row has another length.
    #[must_use]
    pub fn log_odds_of_row(&self, row: &[f32]) -> f64 {
        self.curved(self.body.log_odds(row))
    }

    /// What the curve, if there is one, makes of the body's log-odds.
    pub(crate) fn curved(&self, log_odds: f64) -> f64 {
        self.curve.as_ref().map_or(log_odds, |curve| curve.map(log_odds))
    }

    /// The curve after its body's log-odds, if it has one.
    #[must_use]
    pub fn curve(&self) -> Option<&Curve> {
        self.curve.as_ref()
    }

    /// The shapes of what it learned from, if its file keeps them.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// The model's columns of a vector; unknown stays NaN.
    pub(crate) fn row(&self, vector: &[f32]) -> [f32; COLUMNS_MAX] {
        assert_eq!(vector.len(), self.width, "a vector has one value a feature of the catalogue");
        let mut row = [0.0; COLUMNS_MAX];
        for (to, &place) in row.iter_mut().zip(&self.places) {
            *to = vector[place];
        }
        row
    }

    /// As [`Model::row`], with unknown values as trees see them.
    pub(crate) fn known_row(&self, vector: &[f32]) -> [f32; COLUMNS_MAX] {
        self.row(vector).map(known)
    }
}

/// The logistic function.
#[must_use]
pub fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

/// Its inverse.
#[must_use]
pub fn logit(probability: f64) -> f64 {
    libm::log(probability / (1.0 - probability))
}
