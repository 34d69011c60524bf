//! What the dashboard asks about what is in force: standings, catalogue, rules, and the model's word about a row.
//!
//! Separate from the engines, which own their models: here is a copy of the same version, loaded when it changes; and from who knows
//! what is in force, the server of a journal or the desk on Kafka. Invariants: as `schema::desk::Insight` says; what cannot be loaded
//! is told in the log and shown as absent.

use std::sync::{Arc, Mutex, PoisonError};

use features::{CATALOG, catalog_hash};
use models::Model;
use schema::desk::{Explained, FeatureNote, Insight, ModelNote, Part, RuleNote, Shelved};
use schema::history::Told;
use schema::{
    ControlKind, Counterfactual, HistoryError, InForce, NO_WEIGHTS, Row, Standing, VersionInForce, Versions,
};
use scorer::{Content, Needed, Policy};
use toml::{Table, Value};

use crate::clock::Clock;
use crate::error::Error;
use crate::files;
use crate::registry::Registry;
use crate::setup::EngineOptions;

/// Versions that are shown to choose from.
const SHELF_MAX: usize = 500;

/// Who knows what is in force.
pub trait Known: Send + Sync {
    /// As [`Insight::in_force`].
    ///
    /// # Errors
    /// It cannot be read now.
    fn in_force(&self) -> Told<InForce>;
    /// What was told last of the account (or entity), also if it has ended since.
    ///
    /// # Errors
    /// It cannot be read now.
    fn standing(&self, account: &str) -> Told<Option<Standing>>;
    /// What decides now: all of it as decisions name it, and what records put in force.
    fn deciding(&self) -> (Versions, Vec<VersionInForce>);
}

/// What it is made from.
pub struct Sight {
    known: Arc<dyn Known>,
    /// What was configured.
    options: EngineOptions,
    /// Where activated versions lie, if anywhere.
    registry: Option<Registry>,
    /// The log's clock.
    clock: Clock,
    notes: Vec<FeatureNote>,
    loaded: Mutex<Option<(Decides, Arc<Loaded>)>>,
}

/// What decides, see [`Known::deciding`].
type Decides = (Versions, Vec<VersionInForce>);

/// Copies of what decides.
struct Loaded {
    model: Option<Model>,
    policy: Option<Policy>,
    text: String,
}

impl Sight {
    /// Over whoever knows. `registry`: where activated versions lie; without one nothing that was activated is shown.
    pub fn new(
        known: Arc<dyn Known>,
        (options, registry): (EngineOptions, Option<Registry>),
        clock: Clock,
    ) -> Self {
        let note = |feature: &features::Feature| FeatureNote {
            name: feature.name.to_owned(),
            unit: feature.unit.to_owned(),
            family: feature.family.word().to_owned(),
            meaning: feature.meaning.to_owned(),
        };
        let notes = CATALOG.iter().map(note).collect();
        Self { known, options, registry, clock, notes, loaded: Mutex::new(None) }
    }

    /// Copies of what decides now.
    fn loaded(&self) -> Arc<Loaded> {
        let deciding = self.known.deciding();
        let mut kept = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((decides, loaded)) = &*kept
            && *decides == deciding
        {
            return Arc::clone(loaded);
        }
        let active = |kind| {
            // The champion: what lives beside it decides nothing, or about few.
            let all = |one: &&VersionInForce| one.kind == kind && one.mode.is_none() && one.share.is_none();
            let found = deciding.1.iter().find(all)?;
            Some(Needed { kind, name: found.name.clone(), version: found.version.clone() })
        };
        let wanted = [ControlKind::Policy, ControlKind::Model, ControlKind::Weights].map(active);
        let loaded = self.load(&wanted).unwrap_or_else(|error| {
            tracing::warn!(%error, "the dashboard cannot load what is in force: it shows no bars and no rules");
            Loaded { model: None, policy: None, text: String::new() }
        });
        let loaded = Arc::new(loaded);
        *kept = Some((deciding, Arc::clone(&loaded)));
        loaded
    }

    fn registry(&self) -> Result<&Registry, Error> {
        let missing = "a version was activated, and where versions lie was not said: give --registry DIR";
        self.registry.as_ref().ok_or_else(|| Error::Usage(missing.to_owned()))
    }

    /// The policy, the model and what it learned online, activated or else configured.
    fn load(&self, [policy, model, weights]: &[Option<Needed>; 3]) -> Result<Loaded, Error> {
        let (policy, text) = match policy {
            None => (Some(self.options.policy()?), self.options.policy_text()?),
            Some(needed) => {
                let file = self.registry()?.file(needed)?;
                let text = files::read_text(&file, schema::limits::POLICY_BYTES_MAX as u64)?;
                (Some(Policy::parse(&file, &text)?), text)
            }
        };
        let model = match model {
            None => self.options.model()?,
            Some(needed) => match self.registry()?.load(needed)?.content {
                Content::Model(model) => Some(*model),
                _ => None,
            },
        };
        let learned = match weights.as_ref().filter(|needed| needed.version != NO_WEIGHTS) {
            Some(needed) => Some(self.registry()?.load(needed)?.content),
            None => None,
        };
        let model = match (model, learned) {
            (Some(base), Some(Content::Weights(weights))) => {
                let applied = weights.applied(&base);
                Some(applied.map_err(|error| Error::file("weights", error))?)
            }
            (model, _) => model,
        };
        Ok(Loaded { model, policy, text })
    }
}

impl Insight for Sight {
    fn in_force(&self) -> Told<InForce> {
        self.known.in_force()
    }

    fn standing(&self, account: &str) -> Told<Option<Standing>> {
        let Some(mut standing) = self.known.standing(account)? else { return Ok(None) };
        let now = self.now();
        standing.restrictions.retain(|one| one.expires.is_none_or(|expires| expires > now));
        Ok(Some(standing).filter(|standing| !standing.restrictions.is_empty()))
    }

    fn features(&self) -> &[FeatureNote] {
        &self.notes
    }

    fn explain(&self, row: &Row) -> Option<Explained> {
        let loaded = self.loaded();
        let model = loaded.model.as_ref()?;
        if row.catalog != format!("{:016x}", catalog_hash()) || row.values.len() != CATALOG.len() {
            return None;
        }
        let vector: Vec<f32> = row.values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
        let mut found = model.explain(&vector, CATALOG.len());
        let score = model.probability(&vector);
        let band = loaded.policy.iter().flat_map(|policy| &policy.bands).find(|band| score >= band.score);
        let counterfactual = band.and_then(|band| {
            let speaking = found.iter().filter(|part| part.contribution > 0.0);
            let counted = speaking.filter(|part| CATALOG[part.feature].unit == "count");
            counted.take(8).find_map(|part| {
                let below = model.below(&vector, part.feature, band.score)?;
                Some(Counterfactual { feature: CATALOG[part.feature].name.to_owned(), below })
            })
        });
        found.sort_by(|a, b| {
            b.contribution.abs().total_cmp(&a.contribution.abs()).then(a.feature.cmp(&b.feature))
        });
        let parts = found.iter().map(|part| Part {
            feature: CATALOG[part.feature].name.to_owned(),
            value: Some(part.value).filter(|value| !value.is_nan()),
            contribution: part.contribution,
        });
        Some(Explained { model: model.version().to_owned(), score, parts: parts.collect(), counterfactual })
    }

    fn rules(&self) -> Vec<RuleNote> {
        rules(&self.loaded().text)
    }

    fn model(&self) -> Option<ModelNote> {
        let loaded = self.loaded();
        let model = loaded.model.as_ref()?;
        let trained = model.card().reliability.iter().map(|[mean, _, weight]| (*mean, *weight)).collect();
        Some(ModelNote { name: model.name().to_owned(), version: model.version().to_owned(), trained })
    }

    fn policy_text(&self) -> String {
        self.loaded().text.clone()
    }

    fn now(&self) -> u64 {
        (self.clock)()
    }

    fn shelf(&self) -> Told<Vec<Shelved>> {
        let Some(registry) = &self.registry else { return Ok(Vec::new()) };
        let found = registry.versions(SHELF_MAX).into_iter();
        Ok(found.map(|one| Shelved { kind: one.kind, name: one.name, version: one.version }).collect())
    }

    fn shelved_text(&self, shelved: &Shelved) -> Told<Option<String>> {
        let Shelved { kind, name, version } = shelved.clone();
        if kind != ControlKind::Policy {
            return Ok(None);
        }
        let failed = |error: Error| HistoryError::Failed(error.to_string());
        let file = self.registry().map_err(failed)?.file(&Needed { kind, name, version }).map_err(failed)?;
        files::read_text(&file, schema::limits::POLICY_BYTES_MAX as u64).map(Some).map_err(failed)
    }
}

/// The rules and bands of a policy, as they stand in its text.
fn rules(text: &str) -> Vec<RuleNote> {
    let Ok(table) = text.parse::<Table>() else { return Vec::new() };
    let list = |name: &str| {
        let found = table.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        found.into_iter().filter_map(|value| value.as_table().cloned())
    };
    let note = |rule: Table| {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| {
            let value = rule.get(name)?;
            value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
        };
        let when = number("score").map_or_else(|| text("when"), |score| format!("score >= {score}"));
        let mode = Some(text("mode")).filter(|mode| !mode.is_empty()).unwrap_or_else(|| "enforce".to_owned());
        let share = number("share").map_or(String::new(), |share| format!(" {share}"));
        RuleNote {
            name: text("name"),
            when,
            wants: format!("{} {}", text("action"), text("scope")).trim().to_owned(),
            mode: format!("{mode}{share}"),
        }
    };
    list("band").chain(list("rule")).map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_and_band_of_a_policy_is_told_as_it_stands_there() {
        let told = rules(Policy::default_toml());
        let policy = Policy::default_policy().expect("the default is fine");
        assert_eq!(told.len(), policy.rules.len() + policy.bands.len());
        let blast = told.iter().find(|rule| rule.name == "blast-after-registration").expect("it is there");
        assert_eq!(
            (&*blast.when, &*blast.wants, &*blast.mode),
            ("messages_1m >= 60 && age_s < 900", "ban", "enforce")
        );
        assert_eq!(told[0].when, "score >= 0.99");
        assert_eq!(rules("not = [toml"), []);
    }
}
