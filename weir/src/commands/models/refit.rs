//! What labels taught the trees that decide, taught to those that are to decide: before they do.
//!
//! Separate from promotion, of which it is a step. Invariants: weights are bound to their trees, so those of other trees learn anew from all
//! stored labels; nothing is put in force here; what held-out accounts do not prefer is not put into the registry.

use clap::Args;
use models::{Model, Weights};
use schema::ControlKind;

use crate::commands::archived::ArchivedArgs;
use crate::commands::control::channel::{ChannelArgs, Said};
use crate::error::Error;
use crate::learning::{self, Wanted};
use crate::model_registry::{self, ModelRegistry, WeightsInForce};
use crate::registry::Registry;
use crate::signature::SecretKey;

const DAY_MS: u64 = 86_400_000;

/// Where the labels are.
#[derive(Debug, Args)]
pub struct RefitArgs {
    #[command(flatten)]
    archived: ArchivedArgs,
    /// Rows and labels of how many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_650))]
    window_days: u64,
    /// The name under which weights that `weir learn` publishes are in force.
    #[arg(long, value_name = "NAME", default_value = "online")]
    weights: String,
    /// A secret key that signs the weights of the new trees, for servers that trust its public key alone.
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
    /// Let the new trees decide as they were trained, though labels have taught the present ones since.
    #[arg(long, conflicts_with_all = ["history", "clickhouse"])]
    without_weights: bool,
}

/// Weights that lie in the registry and are not in force yet.
pub struct Ready {
    version: String,
    sha256: String,
}

impl RefitArgs {
    /// Teaches `model` all stored labels and puts the weights into the registry; `None`: none are wanted, or the held-out accounts prefer the
    /// model as it was trained. `before`: the version that decides now.
    ///
    /// # Errors
    /// If labels have taught that one, and it is not said where they are, nor that the new one is to do without.
    pub fn refit(
        &self,
        (folder, registry): (&str, &ModelRegistry),
        before: Option<&str>,
        model: &Model,
    ) -> Result<Option<Ready>, Error> {
        let Some(opened) = self.archived.open()? else {
            let taught = before.filter(|before| *before != model.version() && !self.without_weights);
            if let Some(before) = taught.filter(|before| registry.has_weights_of(&self.weights, before)) {
                return Err(Error::Usage(format!(
                    "labels have taught {before} since it was trained (weights {}), and new trees have new leaves: give --history or --clickhouse, \
                     so that they learn from all stored labels before they decide, or --without-weights",
                    self.weights
                )));
            }
            return Ok(None);
        };
        let archive = opened.archive.as_ref();
        let until = learning::settled(archive, 0)?;
        let rows = learning::read_archive(archive, model, (until, self.window_days * DAY_MS))?;
        let learned = learning::run(model, &rows, Wanted::default(), &mut learning::State::default())?;
        let [taught, held, _] = learned.labels;
        if taught + held == 0 {
            return Err(Error::Usage(format!(
                "the archive holds no label of its last {} days, so that nothing could teach {}: give more --window-days, or --without-weights \
                 to let it decide as it was trained",
                self.window_days,
                model.version()
            )));
        }
        eprintln!(
            "{} learned from {taught} stored labels, beside {held} of held-out accounts",
            model.version()
        );
        let Some(weights) = learned.published else {
            eprintln!("the held-out accounts prefer it as it was trained: there are no weights");
            return Ok(None);
        };
        let key = self.key.as_deref().map(SecretKey::read).transpose()?;
        let registry = Registry::open(folder)?;
        put(&registry, (&self.weights, &weights), key.as_ref()).map(Some)
    }

    /// The weights that are in force with a champion, as far as the registry knows.
    pub fn in_force(&self, registry: &ModelRegistry, champion: &str) -> Option<WeightsInForce> {
        registry.weights_in_force(&self.weights, champion)
    }

    /// Puts them in force, behind their model; gives what became of it.
    pub fn put_in_force(
        &self,
        (told, registry): (&ChannelArgs, &ModelRegistry),
        by: &str,
        ready: Option<Ready>,
    ) -> Result<String, Error> {
        let (Some(ready), Some(channel)) = (ready, told.channel()?) else { return Ok(String::new()) };
        let Ready { version, sha256 } = ready;
        let (kind, name) = (ControlKind::Weights, &self.weights);
        let said = Said { kind, name, version: &version, sha256: Some(sha256), mode: None, share: None };
        let told = channel.publish(by, said)?;
        registry.note_weights(&WeightsInForce { name: name.clone(), version })?;
        Ok(told)
    }
}

fn put(
    registry: &Registry,
    (name, weights): (&str, &Weights),
    key: Option<&SecretKey>,
) -> Result<Ready, Error> {
    let version = learning::version_of(weights);
    let sha256 = model_registry::put_weights(registry, (name, &version, weights), key)?;
    Ok(Ready { version, sha256 })
}
