//! The public face: build a world, run it, ask for the truth.
//!
//! Separate, so that callers see no agent and no agenda. Invariant: a simulation runs once; afterwards it only answers
//! questions.

use schema::{Decision, Event};
use scorer::Engine;

use crate::city::City;
use crate::closed::Closed;
use crate::config::{Config, Error};
use crate::gateway::{Gateway, Open};
use crate::names::{Sort, name};
use crate::persona::{Label, Persona};
use crate::population;
use crate::queue::Queue;
use crate::world::World;

/// What an account really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthLine {
    /// Pseudonym.
    pub account: String,
    /// Abusive or benign.
    pub label: Label,
    /// What kind of account.
    pub persona: Persona,
    /// When its abuse started, ms since the Unix epoch; `None` for benign accounts and for abuse that never started.
    pub onset_ts: Option<u64>,
}

impl TruthLine {
    /// The line of a truth file, without its end. `onset_ts` is null where there is none.
    #[must_use]
    pub fn json(&self) -> String {
        let onset = self.onset_ts.map_or_else(|| "null".to_owned(), |ms| ms.to_string());
        format!(
            r#"{{"account":"{}","label":"{}","persona":"{}","onset_ts":{onset}}}"#,
            self.account,
            self.label.word(),
            self.persona.word()
        )
    }
}

/// One world.
pub struct Simulation {
    city: City,
    ran: bool,
}

impl Simulation {
    /// Builds the world: accounts, homes, contacts.
    ///
    /// # Errors
    /// If the configuration is out of its documented range.
    pub fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        let mut city = City::new(config);
        population::settle(&mut city);
        Ok(Self { city, ran: false })
    }

    /// Runs the world in the open loop: nothing is refused. Events come in order of `ts`. Runs once; a second run
    /// gives nothing.
    pub fn run_open(&mut self, sink: &mut dyn FnMut(&Event<'_>)) {
        self.run(&mut Open(sink));
    }

    /// Runs the world in the closed loop: a gateway with this engine stands between, and what the engine restricts is
    /// refused. `sink` gets every event, `decided` every decision, in order. Runs once; a second run gives nothing.
    pub fn run_closed(
        &mut self,
        engine: &mut Engine,
        sink: &mut dyn FnMut(&Event<'_>),
        decided: &mut dyn FnMut(&Decision),
    ) {
        self.run(&mut Closed::new(engine, sink, decided));
    }

    /// Runs the world against a gateway, which may refuse. Runs once; a second run gives nothing.
    pub fn run(&mut self, gateway: &mut dyn Gateway) {
        if std::mem::replace(&mut self.ran, true) {
            return;
        }
        let now = self.city.config.start_ms;
        let mut world = World { city: &mut self.city, gateway, now };
        population::begin(&mut world);
        world.run();
        self.city.queue = Queue::default();
    }

    /// The first moment after the run, ms since the Unix epoch: for progress.
    #[must_use]
    pub fn end_ms(&self) -> u64 {
        self.city.end
    }

    /// The truth about every account, in a fixed order. Complete after the run: farms enlist accounts while it lasts.
    pub fn truth(&self) -> impl Iterator<Item = TruthLine> + '_ {
        self.city.agents.iter().enumerate().map(|(who, agent)| TruthLine {
            account: self.account(who),
            label: agent.persona.label(),
            persona: agent.persona,
            onset_ts: agent.onset,
        })
    }

    /// The accounts for the exempt list: one-time-password and alert bots, and only they.
    pub fn exempt(&self) -> impl Iterator<Item = String> + '_ {
        let bots = self.city.agents.iter().enumerate().filter(|(_, agent)| agent.persona.is_exempt());
        bots.map(|(who, _)| self.account(who))
    }

    fn account(&self, who: usize) -> String {
        name(self.city.config.seed, Sort::Account, who as u64).as_str().to_owned()
    }
}
