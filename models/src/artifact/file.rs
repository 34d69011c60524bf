//! The fields of a model file, as they are written.
//!
//! Separate from reading and checking: these types are the format. Invariants: field order is the order of the file;
//! fields are only added, with a new format number; no f32 is serialised directly (see `artifact`).

use serde::{Deserialize, Serialize};

use crate::bayes::{Bayes, Parabola};
use crate::curve::Curve;
use crate::evaluate::{Profile, Shape};
use crate::forest::Forest;
use crate::logistic::{Logistic, Term};
use crate::model::{Body, Card, TrainedOn};
use crate::tree::{Node, Split, Tree};
use crate::{Error, Model};

/// The whole file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    format: u64,
    checksum: String,
    pub name: String,
    /// Hash of the feature catalogue, hex.
    pub catalog: String,
    /// Hash of the training data, hex.
    data: String,
    /// `simulation` or `labels`.
    trained_on: String,
    labels: u64,
    seed: u64,
    metrics: Vec<(String, f64)>,
    reliability: Vec<[f64; 3]>,
    pub columns: Vec<String>,
    pub parameters: Parameters,
    /// Since format 2, and only there: points of the calibration curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    curve: Option<Vec<[f64; 2]>>,
    /// Since format 3, and always there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileFile>,
}

/// Edges and shares.
type ShapeFile = (Vec<f64>, Vec<f64>);

/// What was learned from, by its shape.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    /// One a column.
    columns: Vec<ShapeFile>,
    score: ShapeFile,
}

/// The kind and its numbers.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Parameters {
    Logistic(LogisticFile),
    Trees(TreesFile),
    /// Since format 2.
    Bayes(BayesFile),
}

/// One entry a column in each list.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogisticFile {
    bias: f64,
    mean: Vec<f64>,
    deviation: Vec<f64>,
    weight: Vec<f64>,
}

/// A logistic regression with squares.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BayesFile {
    straight: LogisticFile,
    square: Vec<f64>,
}

/// Calibration and trees.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreesFile {
    slope: f64,
    offset: f64,
    trees: Vec<TreeFile>,
}

/// One entry a node, in preorder: a node's left child comes right after it. A leaf has column -1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreeFile {
    column: Vec<i32>,
    threshold: Vec<f64>,
    right: Vec<u32>,
    value: Vec<f64>,
}

/// The f32 that was written; anything that is none is refused.
fn single(value: f64) -> Result<f32, Error> {
    let narrow = value as f32;
    if narrow.is_finite() { Ok(narrow) } else { Err(Error::Damaged(format!("the number {value}"))) }
}

fn shape_file(shape: &Shape) -> ShapeFile {
    let wide = |list: &[f32]| list.iter().copied().map(f64::from).collect();
    let (edges, shares) = shape.parts();
    (wide(edges), wide(shares))
}

fn shape((edges, shares): &ShapeFile) -> Result<Shape, Error> {
    let narrow = |list: &[f64]| list.iter().copied().map(single).collect::<Result<Vec<f32>, Error>>();
    Shape::new(narrow(edges)?, narrow(shares)?)
}

impl File {
    pub fn of(model: &Model, checksum: String) -> Self {
        let card = model.card();
        Self {
            format: match (model.profile(), model.curve(), model.body()) {
                (Some(_), ..) => 3,
                (None, Some(_), _) | (None, None, Body::Bayes(_)) => 2,
                (None, None, _) => 1,
            },
            checksum,
            name: card.name.clone(),
            catalog: model.catalog().to_owned(),
            data: card.data.clone(),
            trained_on: match card.trained_on {
                TrainedOn::Simulation => "simulation",
                TrainedOn::Labels => "labels",
            }
            .to_owned(),
            labels: card.labels,
            seed: card.seed,
            metrics: card.metrics.iter().map(|(name, value)| (name.clone(), f64::from(*value))).collect(),
            reliability: card.reliability.iter().map(|bin| bin.map(f64::from)).collect(),
            columns: card.columns.clone(),
            parameters: match model.body() {
                Body::Logistic(logistic) => Parameters::Logistic(LogisticFile::of(logistic)),
                Body::Trees(forest) => Parameters::Trees(TreesFile::of(forest)),
                Body::Bayes(bayes) => Parameters::Bayes(BayesFile::of(bayes)),
            },
            curve: model
                .curve()
                .map(|curve| curve.points().iter().map(|point| point.map(f64::from)).collect()),
            profile: model.profile().map(|profile| ProfileFile {
                columns: profile.columns.iter().map(shape_file).collect(),
                score: shape_file(&profile.score),
            }),
        }
    }

    /// Whether what is in the file is what that format has.
    pub fn is_of(&self, format: u64) -> Result<(), Error> {
        let has_of_2 = self.curve.is_some() || matches!(self.parameters, Parameters::Bayes(_));
        let needed = if self.profile.is_some() { 3 } else { 1 + u64::from(has_of_2) };
        if needed == format {
            return Ok(());
        }
        Err(Error::Damaged(format!("format {format} and what is in the file do not go together")))
    }

    /// The shapes of what was learned from.
    pub fn profile(&self) -> Result<Option<Profile>, Error> {
        let Some(file) = &self.profile else { return Ok(None) };
        if file.columns.len() != self.columns.len() {
            return Err(Error::Damaged("the profile has not one shape a column".to_owned()));
        }
        let columns = file.columns.iter().map(shape).collect::<Result<_, Error>>()?;
        Ok(Some(Profile { columns, score: shape(&file.score)? }))
    }

    /// The calibration curve.
    pub fn curve(&self) -> Result<Option<Curve>, Error> {
        let Some(points) = &self.curve else { return Ok(None) };
        let points = points.iter().map(|[x, y]| Ok([single(*x)?, single(*y)?]));
        Curve::new(points.collect::<Result<_, Error>>()?).map(Some)
    }

    pub fn card(self) -> Result<Card, Error> {
        let trained_on = match self.trained_on.as_str() {
            "simulation" => TrainedOn::Simulation,
            "labels" => TrainedOn::Labels,
            other => return Err(Error::Damaged(format!("trained_on is {other:?}"))),
        };
        let metric = |(name, value): (String, f64)| Ok((name, single(value)?));
        let bin = |[a, b, c]: [f64; 3]| Ok([single(a)?, single(b)?, single(c)?]);
        Ok(Card {
            name: self.name,
            trained_on,
            labels: self.labels,
            seed: self.seed,
            data: self.data,
            columns: self.columns,
            metrics: self.metrics.into_iter().map(metric).collect::<Result<_, Error>>()?,
            reliability: self.reliability.into_iter().map(bin).collect::<Result<_, Error>>()?,
        })
    }
}

impl LogisticFile {
    fn of(logistic: &Logistic) -> Self {
        let each = |of: fn(&Term) -> f32| logistic.terms.iter().map(|term| f64::from(of(term))).collect();
        Self {
            bias: f64::from(logistic.bias),
            mean: each(|term| term.mean),
            deviation: each(|term| term.deviation),
            weight: each(|term| term.weight),
        }
    }

    pub fn build(&self, columns: usize) -> Result<Logistic, Error> {
        if [&self.mean, &self.deviation, &self.weight].iter().any(|list| list.len() != columns) {
            return Err(Error::Damaged("a list of numbers has not one entry a column".to_owned()));
        }
        let term = |at: usize| {
            let deviation = single(self.deviation[at])?;
            if deviation <= 0.0 {
                return Err(Error::Damaged(format!("the deviation {deviation}")));
            }
            Ok(Term { mean: single(self.mean[at])?, deviation, weight: single(self.weight[at])? })
        };
        Ok(Logistic {
            bias: single(self.bias)?,
            terms: (0..columns).map(term).collect::<Result<_, Error>>()?,
        })
    }
}

impl BayesFile {
    fn of(bayes: &Bayes) -> Self {
        let terms = bayes.parabolas.iter().map(|parabola| parabola.term).collect();
        Self {
            straight: LogisticFile::of(&Logistic { bias: bayes.bias, terms }),
            square: bayes.parabolas.iter().map(|parabola| f64::from(parabola.square)).collect(),
        }
    }

    pub fn build(&self, columns: usize) -> Result<Bayes, Error> {
        let Logistic { bias, terms } = self.straight.build(columns)?;
        if self.square.len() != columns {
            return Err(Error::Damaged("a list of numbers has not one entry a column".to_owned()));
        }
        let parabola = |(term, square): (Term, &f64)| Ok(Parabola { term, square: single(*square)? });
        Ok(Bayes {
            bias,
            parabolas: terms.into_iter().zip(&self.square).map(parabola).collect::<Result<_, Error>>()?,
        })
    }
}

impl TreesFile {
    fn of(forest: &Forest) -> Self {
        Self {
            slope: f64::from(forest.slope),
            offset: f64::from(forest.offset),
            trees: forest.trees().iter().map(TreeFile::of).collect(),
        }
    }

    pub fn build(&self, columns: usize) -> Result<Forest, Error> {
        let trees = self.trees.iter().map(|tree| tree.build(columns)).collect::<Result<_, Error>>()?;
        Forest::new(trees, columns, (single(self.slope)?, single(self.offset)?))
    }
}

impl TreeFile {
    fn of(tree: &Tree) -> Self {
        let mut file = Self { column: vec![], threshold: vec![], right: vec![], value: vec![] };
        file.append(tree.nodes(), 0);
        file
    }

    /// Appends a node and all below it, left first.
    fn append(&mut self, nodes: &[Node], at: usize) {
        let place = self.column.len();
        let split = nodes[at].split;
        self.column.push(split.map_or(-1, |split| i32::from(split.column)));
        self.threshold.push(split.map_or(0.0, |split| f64::from(split.threshold)));
        self.right.push(0);
        self.value.push(f64::from(nodes[at].value));
        if let Some(split) = split {
            self.append(nodes, split.left as usize);
            self.right[place] = self.column.len() as u32;
            self.append(nodes, split.right as usize);
        }
    }

    fn build(&self, columns: usize) -> Result<Tree, Error> {
        let n = self.column.len();
        if self.threshold.len() != n || self.right.len() != n || self.value.len() != n {
            return Err(Error::Damaged("a tree's lists differ in length".to_owned()));
        }
        let node = |at: usize| {
            let split = match self.column[at] {
                -1 => None,
                column => Some(Split {
                    column: u16::try_from(column)
                        .map_err(|_| Error::Damaged(format!("the column {column} of a tree")))?,
                    threshold: single(self.threshold[at])?,
                    left: at as u32 + 1,
                    right: self.right[at],
                }),
            };
            Ok(Node { split, value: single(self.value[at])? })
        };
        Tree::new((0..n).map(node).collect::<Result<_, Error>>()?, columns)
    }
}
