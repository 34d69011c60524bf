//! One account: who it is, how it lives, and what stands against it.
//!
//! Separate from what it does (`personas/`). Invariant: every account draws from its own generator, so that what one
//! does never changes what another draws.

use rand_chacha::ChaCha8Rng;

use crate::draw::Draw;
use crate::network::Home;
use crate::persona::Persona;
use crate::queue::Who;
use crate::world::World;

/// What a persona does beyond an ordinary life.
pub(crate) trait Mind {
    /// Plans the local day that began at `day` (ms since the Unix epoch); also called at the start, within a day.
    fn day(&mut self, _world: &mut World<'_>, _who: Who, _day: u64) {}

    /// Does what was planned; `step` is the persona's own.
    fn wake(&mut self, _world: &mut World<'_>, _who: Who, _step: u32) {}
}

/// One account.
pub(crate) struct Agent {
    pub(crate) rng: ChaCha8Rng,
    pub(crate) persona: Persona,
    /// When it registered, ms since the Unix epoch.
    pub(crate) born: i64,
    /// When its abuse starts.
    pub(crate) onset: Option<u64>,
    /// When it was last active, ms since the Unix epoch.
    pub(crate) seen: i64,
    pub(crate) home: Home,
    pub(crate) habit: Habit,
    pub(crate) mind: Option<Box<dyn Mind>>,
    /// How many of its unmet contacts it has met in the run.
    pub(crate) met: u32,
    /// Left the network, or not yet on it.
    pub(crate) gone: bool,
    pub(crate) hold: Hold,
}

/// How an account lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habit {
    /// Messages a day in conversations that it begins (both sides).
    pub(crate) talk: f64,
    /// New people a day.
    pub(crate) meet: f64,
    /// Share of typed messages.
    pub(crate) typed: f64,
    /// Share of forwarded messages.
    pub(crate) forwarded: f64,
    /// Hours by which its day is moved.
    pub(crate) shift_h: f64,
    /// Median gap between messages of a conversation, ms.
    pub(crate) gap_ms: f64,
    /// Share of strangers who answer it.
    pub(crate) welcome: f64,
    /// By how much the holiday multiplies its messages.
    pub(crate) spree: f64,
}

impl Habit {
    /// An ordinary person's.
    pub(crate) fn draw(rng: &mut ChaCha8Rng) -> Self {
        let meet = rng.lognormal(0.30, 1.2).min(25.0);
        Self {
            talk: rng.lognormal(1.5, 1.2).min(40.0),
            meet,
            typed: if rng.chance(0.05) { rng.between(0.0, 0.3) } else { rng.between(0.7, 0.99) },
            forwarded: (rng.exponential(0.07)).min(0.6),
            shift_h: rng.normal() * 1.5,
            gap_ms: rng.lognormal(22_000.0, 0.4),
            welcome: if meet > 2.0 { rng.between(0.1, 0.3) } else { rng.between(0.25, 0.45) },
            spree: rng.between(1.5, 5.0),
        }
    }

    /// Of an account that leads no life of its own.
    pub(crate) fn none(rng: &mut ChaCha8Rng) -> Self {
        Self { talk: 0.0, meet: 0.0, ..Self::draw(rng) }
    }
}

/// What stands against an account in the closed loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold {
    /// Acts refused and not yet told.
    pub(crate) refused: u32,
    /// Scope of the last one.
    pub(crate) scope: Option<schema::Scope>,
    /// Whether a task will tell them.
    pub(crate) telling: bool,
    /// Acts refused one after another.
    pub(crate) in_a_row: u32,
    /// The challenge that it is working on, or failed last.
    pub(crate) challenge: Option<Box<str>>,
    /// Whether the answer is on its way.
    pub(crate) answering: bool,
    /// Acts that a rate limit still lets through, and when that was true.
    pub(crate) tokens: f64,
    pub(crate) tokens_at: u64,
    /// It was warned.
    pub(crate) warned: bool,
    /// It met a ban.
    pub(crate) banned: bool,
}
