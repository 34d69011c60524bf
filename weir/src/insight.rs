//! What the dashboard asks about what is in force: standings, catalogue, rules, and the model's word about a row.
//!
//! Separate from the engines, which own their models: here is a copy of the same version, loaded when it changes; and from who knows
//! what is in force, the server of a journal or the desk on Kafka. Invariants: as `schema::desk::Insight` says; what cannot be loaded
//! is told in the log and shown as absent.

mod versions;
mod ways;

use std::sync::{Arc, Mutex, PoisonError};

use features::{CATALOG, FeatureVector, catalog_hash};
use models::Model;
use schema::desk::{
    Described, Explained, FeatureNote, Insight, ListChange, ModelNote, Part, RuleNote, Shelved, Vitals,
};
use schema::history::Told;
use schema::{
    ControlKind, Counterfactual, Decision, HistoryError, InForce, NO_WEIGHTS, Row, Standing, VersionInForce,
    Versions,
};
use scorer::{Content, Needed, Policy};
use toml::{Table, Value};

use crate::clock::Clock;
use crate::error::Error;
use crate::files;
use crate::registry::Registry;
use crate::setup::{self, EngineOptions};

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
    /// As [`Insight::vitals`], but for the build.
    fn vitals(&self) -> Vitals;
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
            model: feature.model,
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
        let whole = FeatureVector(vector.try_into().ok()?);
        let counterfactual = band.and_then(|band| ways::lower_score(model, &whole, band.score));
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

    fn ways_out(&self, decision: &Decision, row: &Row) -> Vec<Vec<Counterfactual>> {
        let loaded = self.loaded();
        let of = |policy| ways::ways_out((policy, loaded.model.as_ref()), decision, row);
        loaded.policy.as_ref().map_or(Vec::new(), of)
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

    fn vitals(&self) -> Vitals {
        Vitals { build: env!("CARGO_PKG_VERSION").to_owned(), ..self.known.vitals() }
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
        let found = found.map(|one| Shelved { kind: one.kind, name: one.name, version: one.version });
        let mut found: Vec<Shelved> = found.collect();
        // What is built in lies nowhere, and can be gone back to all the same.
        if let Ok(Some(model)) = setup::default_model() {
            let (name, version) = (model.name().to_owned(), model.version().to_owned());
            let own = Shelved { kind: ControlKind::Model, name, version };
            if !found.contains(&own) {
                found.push(own);
            }
        }
        Ok(found)
    }

    fn described(&self, shelved: &Shelved) -> Told<Option<Described>> {
        let registry = self.registry().map_err(failed)?;
        versions::described(registry, &needed(shelved)).map_err(failed)
    }

    fn described_in_force(&self, kind: ControlKind, name: &str) -> Told<Option<Described>> {
        // Of policies and champions there is one, whatever its name.
        match kind {
            ControlKind::Policy => return Ok(Some(Described::Policy(self.policy_text()))),
            ControlKind::Model => {
                let loaded = self.loaded();
                let card = |model| Described::Model(Box::new(versions::model(model)));
                return Ok(loaded.model.as_ref().map(card));
            }
            _ => {}
        }
        let active = self.known.deciding().1;
        match active.into_iter().find(|one| one.kind == kind && one.name == name) {
            Some(VersionInForce { kind, name, version, .. }) => {
                self.described(&Shelved { kind, name, version })
            }
            None if kind == ControlKind::Blocklist => {
                versions::given_list(&self.options.blocklists, name).map_err(failed)
            }
            None => Ok(None),
        }
    }

    fn list_change(&self, from: &Shelved, to: &Shelved) -> Told<Option<ListChange>> {
        let registry = self.registry().map_err(failed)?;
        versions::list_change(registry, &needed(from), &needed(to)).map_err(failed)
    }
}

fn failed(error: Error) -> HistoryError {
    HistoryError::Failed(error.to_string())
}

fn needed(shelved: &Shelved) -> Needed {
    let Shelved { kind, name, version } = shelved.clone();
    Needed { kind, name, version }
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
    fn every_feature_kind_of_event_and_source_has_words_in_every_language() {
        for language in review::Language::ALL {
            let strings = language.strings();
            let lacks = |key: &String| strings.find(key).is_none();
            let stem = |name: &str| {
                let window = |(stem, last): (&str, &str)| {
                    (last.ends_with(['m', 'h', 'd']) && last.starts_with(|c: char| c.is_ascii_digit()))
                        .then(|| stem.to_owned())
                };
                name.rsplit_once('_').and_then(window).unwrap_or_else(|| name.to_owned())
            };
            let stems = CATALOG.iter().map(|feature| format!("word.stem.{}", stem(feature.name)));
            let kinds = schema::Body::KINDS.iter().map(|kind| format!("word.kind.{kind}"));
            let sources = schema::Source::ALL.iter().map(|source| format!("word.source.{source}"));
            let missing: Vec<String> = stems.chain(kinds).chain(sources).filter(lacks).collect();
            assert!(missing.is_empty(), "{language:?}: {missing:?}");
        }
    }

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
