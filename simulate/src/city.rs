//! The simulated world at rest: accounts, contacts, agenda, and who has written to whom.
//!
//! Separate from `world.rs`, which adds the moment and the gateway. Invariant: accounts are only ever added, so a
//! number stays an account's own.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use crate::agent::{Agent, Habit, Hold, Mind};
use crate::clock::Holiday;
use crate::config::Config;
use crate::draw::{mix, stream};
use crate::graph::Graph;
use crate::network::{self, Home};
use crate::persona::Persona;
use crate::queue::{Queue, Who};

/// Everything that lasts.
pub(crate) struct City {
    pub(crate) config: Config,
    pub(crate) end: u64,
    pub(crate) agents: Vec<Agent>,
    pub(crate) graph: Graph,
    pub(crate) queue: Queue,
    pub(crate) ties: HashMap<u64, u8, BuildHasherDefault<PairHasher>>,
    pub(crate) holiday: Holiday,
    /// Blocks of ordinary numbers in the world.
    pub(crate) blocks: u32,
    pub(crate) events: u64,
}

/// Bit of a tie: the account with the lower number wrote first.
pub(crate) const LOW_FIRST: u8 = 1;
/// Bit of a tie: the other has answered.
pub(crate) const ANSWERED: u8 = 2;
/// Bit of a tie: the recipient of the first message had its sender in contacts.
pub(crate) const IN_CONTACTS: u8 = 4;

/// A pair of accounts as one number, whichever comes first.
pub(crate) fn pair(a: Who, b: Who) -> u64 {
    u64::from(a.min(b)) << 32 | u64::from(a.max(b))
}

/// What an account is made of.
pub(crate) struct Recruit {
    pub(crate) persona: Persona,
    /// Its place among the accounts of its persona: picks its generator.
    pub(crate) ordinal: u64,
    pub(crate) born: i64,
    pub(crate) home: Home,
    pub(crate) habit: Habit,
    pub(crate) mind: Option<Box<dyn Mind>>,
}

impl City {
    /// A world without accounts.
    pub(crate) fn new(config: Config) -> Self {
        let end = config.end_ms();
        let holiday = Holiday::within(config.start_ms, end);
        let blocks = (config.accounts / 30).max(60);
        City {
            config,
            end,
            agents: Vec::new(),
            graph: Graph::default(),
            queue: Queue::default(),
            ties: HashMap::default(),
            holiday,
            blocks,
            events: 0,
        }
    }

    /// The generator of the `ordinal`th account of a persona, for what is drawn before the account exists.
    pub(crate) fn cradle(&self, persona: Persona, ordinal: u64) -> rand_chacha::ChaCha8Rng {
        stream(self.config.seed ^ 0xbabe, (persona as u64) << 40 | ordinal)
    }

    /// Adds an account.
    pub(crate) fn enlist(&mut self, recruit: Recruit) -> Who {
        let who = self.agents.len() as Who;
        let rng = stream(self.config.seed, (recruit.persona as u64) << 40 | recruit.ordinal);
        self.agents.push(Agent {
            rng,
            persona: recruit.persona,
            born: recruit.born,
            onset: None,
            seen: recruit.born,
            home: recruit.home,
            habit: recruit.habit,
            mind: recruit.mind,
            met: 0,
            gone: recruit.born >= self.config.start_ms as i64,
            hold: Hold::default(),
        });
        who
    }

    /// The identity of an ordinary person who lives on a street.
    pub(crate) fn home(&self, rng: &mut rand_chacha::ChaCha8Rng, street: u64) -> Home {
        let country = self.country_of(street);
        network::person(rng, country, street, self.blocks)
    }

    /// Neighbourhoods lie in one country.
    pub(crate) fn country_of(&self, street: u64) -> u8 {
        let neighbourhood = street / 66;
        network::any_country(&mut stream(self.config.seed, 0xc0 | neighbourhood << 8))
    }
}

/// Hashes a pair of accounts; fixed, so that runs repeat. The map is never iterated.
#[derive(Default)]
pub(crate) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(self.0 ^ value);
    }
}
