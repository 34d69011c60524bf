//! The engine: one record in, one outcome out; decisions, standing and rows where something changed.
//!
//! Separate from what it uses (features, model, policy, blocklists, standing), each of which is a value it owns. Order
//! for each record: log time, repeats, features, blocklists when due, model when due, rules that the event may have
//! changed; only if something fires, the slow path. Invariants: every record has exactly one outcome; same records, same
//! outputs, byte for byte; no bytes panic; a quiet record allocates nothing here.

mod activate;
mod adopt;
mod audit;
mod budget;
mod campaign;
pub(crate) mod checkpoint;
mod config;
mod decide;
mod entities;
mod humans;
mod lineup;
mod lists;
mod messages;
mod propose;
mod rows;
mod shared;
mod stats;
mod wording;

pub use activate::{Active, Artifact, Content, Needed};
pub use checkpoint::Restore;
pub use config::{EngineConfig, Facts, Outcome, Output};
pub use lineup::Role;
pub use shared::ProposalEvent;
pub use stats::Stats;

use features::{DuplicateWindow, FeatureVector, Origins, Store};
use schema::limits::{DUPLICATE_WINDOW_EVENTS, FUTURE_MS_MAX};
use schema::{Body, Event, Refusal, RejectReason, Scope, Standing, Versions};

use crate::exempt::ExemptList;
use crate::policy::{self, Policy, kind_number};
use crate::standing::{RestrictionView, StandingTable};
use activate::Activations;
use audit::Audits;
use budget::Budget;
use entities::Feedback;
use lineup::LineUp;
use lists::Lists;
use propose::Proposal;

/// How far ahead of all records before it a record without `at` may lie, ms: the longest silence that is believed at once.
const LEAP_MS_MAX: u64 = 7 * 86_400_000;
/// A second leap to within this time of the first is believed, ms.
const LEAP_AGREES_MS: u64 = 86_400_000;

/// One engine for one partition: owned by value, no locks.
#[derive(Debug)]
pub struct Engine {
    policy: Policy,
    models: LineUp,
    lists: Lists,
    exempt: ExemptList,
    versions: Versions,
    partition: u32,
    partitions: u32,
    /// Share of quiet records whose rows are kept; `None`: no rows at all.
    rows: Option<f64>,
    store: Store,
    entities: Feedback,
    /// Facts heard from the log.
    origins: Origins,
    /// Proposals heard from the log.
    proposed: Origins,
    duplicates: DuplicateWindow,
    activations: Activations,
    standing: StandingTable,
    budget: Budget,
    audits: Audits,
    stats: Stats,
    /// The log's time: never falls.
    at: u64,
    /// Where the newest leap ahead went, ms since the Unix epoch.
    leapt_to: u64,
    vector: FeatureVector,
    /// Indices of the rules that fired at this record.
    fired: Vec<u16>,
    proposals: Vec<Proposal>,
    /// The checkpoint under way.
    writing: Option<checkpoint::Writing>,
}

/// One event on its way through the engine.
#[derive(Debug, Clone, Copy)]
struct Occasion<'a> {
    event: &'a Event<'a>,
    slot: features::Slot,
    at: u64,
    kind: u8,
    /// The model's probability, NaN if it did not run at this event.
    score: f32,
    /// Whether an exact blocklist entry is known of the account.
    blocklisted: bool,
}

impl Engine {
    /// An engine that has seen nothing.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        let lists = Lists::new(config.blocklists);
        let versions = config::versions(&config.policy, config.model.as_ref(), lists.version());
        Self {
            versions,
            lists,
            policy: config.policy,
            models: LineUp::new(config.model),
            exempt: config.exempt,
            partition: config.partition,
            partitions: config.partitions.max(1),
            rows: config.rows,
            store: Store::new(config.store),
            entities: Feedback::new(config.facts, config.relations, (config.partition, config.partitions)),
            origins: Origins::default(),
            proposed: Origins::default(),
            duplicates: DuplicateWindow::new(DUPLICATE_WINDOW_EVENTS),
            activations: Activations::default(),
            standing: StandingTable::new(config.standings_max),
            budget: Budget::default(),
            audits: Audits::default(),
            stats: Stats::default(),
            at: 0,
            leapt_to: 0,
            vector: FeatureVector::unknown(),
            fired: Vec::new(),
            proposals: Vec::new(),
            writing: None,
        }
    }

    /// Takes one record. What follows from it is appended to `output`, which the caller clears. `offset` is the record's
    /// place in its partition (for a file: its number) and orders facts about shared entities.
    pub fn process(&mut self, event: &Event<'_>, offset: u64, output: &mut Output) -> Outcome {
        self.stats.records += 1;
        let at = match self.log_time(event).and_then(|at| self.admit(event).map(|()| at)) {
            Ok(at) => at,
            Err(refusal) => {
                self.stats.rejected += 1;
                return Outcome::Rejected(refusal);
            }
        };
        let is_repeat = if event.body.is_internal() {
            self.duplicates.is_repeat_of_own(event.id)
        } else {
            self.duplicates.is_repeat(event.id)
        };
        if is_repeat {
            self.stats.duplicates += 1;
            return Outcome::Duplicate;
        }
        let before = (output.decisions.len(), output.standings.len());
        if at >= self.standing.next_end_ms() {
            self.tell_ends(at, output);
        }
        if at >= self.audits.end_ms() {
            self.tell_audits((at, offset), output);
        }
        if self.is_news(event) {
            self.entities.begin(offset);
            self.take(event, at, offset, output);
        }
        if self.entities.is_waiting() {
            self.feed_back(event, offset, output);
        }
        if before == (output.decisions.len(), output.standings.len()) {
            Outcome::Quiet
        } else {
            Outcome::Decided
        }
    }

    /// Asks for memory that [`Self::process`] will read for an event of this id and account, two records ahead. Changes
    /// nothing.
    #[inline]
    pub fn prefetch_early(&self, id: &[u8], account: &[u8]) {
        self.duplicates.prefetch(id);
        self.store.prefetch_head(account);
    }

    /// Asks for the rest, one record ahead. Changes nothing.
    #[inline]
    pub fn prefetch(&self, account: &[u8]) {
        self.store.prefetch(account);
    }

    /// What a gateway would enforce for the account and scope at `now_ms`.
    #[must_use]
    pub fn restriction(&self, account: &str, scope: Scope, now_ms: u64) -> Option<RestrictionView<'_>> {
        self.standing.restriction(account, scope, now_ms)
    }

    /// Everything in force for the account, as the wire says it; `None` if nothing was ever decided.
    #[must_use]
    pub fn standing(&self, account: &str, now_ms: u64) -> Option<Standing> {
        self.standing.standing(account, now_ms)
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            accounts: self.store.accounts() as u64,
            evicted: self.store.evicted(),
            standings: self.standing.len() as u64,
            standings_refused: self.standing.refused(),
            bans_braked: self.budget.braked(),
            memory_bytes: (self.store.memory_bytes() + self.entities.memory_bytes()) as u64,
            ..self.stats.clone()
        }
    }

    /// Replaces the blocklist of the same name, or adds it: every account is checked again at its next event. Whether there
    /// was room for it.
    pub fn replace_blocklist(&mut self, list: crate::Blocklist) -> bool {
        let is_replaced = self.lists.replace(list);
        self.versions.blocklists = self.lists.version();
        is_replaced
    }

    /// Puts another policy in force from the next record on. Standing is kept.
    pub fn replace_policy(&mut self, policy: Policy) {
        self.versions.policy.clone_from(&policy.version);
        self.policy = policy;
    }

    /// The record's log time: its own, else the highest `ts` so far; it never falls. Without a log's word, a leap ahead is
    /// believed only if the leap before it went to the same time: one absurd `ts` must not age everybody.
    fn log_time(&mut self, event: &Event<'_>) -> Result<u64, Refusal> {
        let at = self.at.max(event.at.unwrap_or(event.ts));
        if event.at.is_some() && event.ts > at.saturating_add(FUTURE_MS_MAX) {
            return Err(future(event.ts, at));
        }
        if event.at.is_none() && self.at > 0 && event.ts > self.at.saturating_add(LEAP_MS_MAX) {
            let before = std::mem::replace(&mut self.leapt_to, event.ts);
            if event.ts.abs_diff(before) > LEAP_AGREES_MS {
                return Err(leap(event.ts, self.at));
            }
        }
        self.at = at;
        Ok(at)
    }

    /// One event, from a gateway or our own fact, through the whole line.
    fn take(&mut self, event: &Event<'_>, at: u64, offset: u64, output: &mut Output) {
        let before = output.decisions.len();
        match &event.body {
            Body::Deletion => return self.delete(event, at, output),
            Body::Verdict(verdict) => {
                self.verdict(event, verdict, at, output);
                if self.rows.is_some() && output.decisions.len() > before {
                    self.keep_verdict_row(event, (at, offset), before, output);
                }
                return;
            }
            Body::Activate(activate) => return self.activate(activate, at, output),
            Body::Proposal(proposal) => return self.restrict_shared(event, proposal, at, output),
            _ => {}
        }
        let applied = self.store.apply(event, at);
        self.stats.late += u64::from(applied.late);
        if applied.relations.any() {
            self.entities.touched(event, applied.relations);
        }
        let kind = kind_number(&event.body);
        let remembered = || self.store.entities(applied.slot);
        let hit = self.lists.check(event, applied.fresh, remembered, at);
        if hit.is_anew {
            self.withdraw(event, at, output);
        }
        let model_due =
            !self.models.is_empty() && self.policy.model.is_due(kind, event.body.is_act(), applied.acts);
        let rules_due =
            applied.touched.intersects(&self.policy.features) || self.policy.kinds >> kind & 1 == 1;
        let mut occasion =
            Occasion { event, slot: applied.slot, at, kind, score: f32::NAN, blocklisted: hit.is_known };
        let mut is_current = false;
        if model_due || rules_due || hit.is_new {
            self.store.vector_near(applied.slot, event.ts, &mut self.vector);
            let is_whole = model_due || hit.is_new;
            if is_whole {
                self.store.vector_far(applied.slot, event.ts, &mut self.vector);
            }
            occasion.score = self.score(event.account, model_due);
            let fired = self.fire(&occasion, &applied.touched, is_whole);
            if fired || hit.is_new || occasion.score >= self.policy.lowest_band {
                is_current = true;
                self.decide(&occasion, output);
            }
            if model_due {
                self.watch(&occasion, output);
                self.note_for_audit(&occasion);
            }
        }
        self.answer(&occasion, output);
        self.tell_campaign(&occasion, output);
        if self.rows.is_some() {
            self.keep_row(&occasion, (before, is_current), offset, output);
        }
    }

    #[inline]
    fn score(&mut self, account: &str, due: bool) -> f32 {
        match self.models.of(account) {
            Some(model) if due => {
                self.stats.model_runs += 1;
                model.probability(&self.vector.0)
            }
            _ => f32::NAN,
        }
    }

    /// Notes which of the rules that the event may have changed fire; whether any does. If one may, the vector is whole
    /// afterwards, whether it was before or not.
    #[inline]
    fn fire(&mut self, occasion: &Occasion<'_>, touched: &features::FeatureSet, is_whole: bool) -> bool {
        self.policy.screen.pass(&occasion.facts(&self.vector), touched, &mut self.fired);
        if self.fired.is_empty() {
            return false;
        }
        if !is_whole {
            self.store.vector_far(occasion.slot, occasion.event.ts, &mut self.vector);
        }
        let facts = occasion.facts(&self.vector);
        self.fired.retain(|index| self.policy.rules[usize::from(*index)].fires(&facts));
        !self.fired.is_empty()
    }
}

impl Occasion<'_> {
    fn facts<'v>(&self, vector: &'v FeatureVector) -> policy::Facts<'v> {
        policy::Facts { vector, kind: self.kind, score: self.score, blocklisted: self.blocklisted }
    }
}

#[cold]
fn leap(ts: u64, at: u64) -> Refusal {
    let detail = format!(
        "ts {ts} is {} days ahead of all before it: give `at`, or the next record of that time is taken",
        (ts - at) / 86_400_000
    );
    Refusal::new(RejectReason::Future, detail)
}

#[cold]
fn future(ts: u64, at: u64) -> Refusal {
    let detail =
        format!("ts {ts} is {} ms ahead of the log's {at}; at most {FUTURE_MS_MAX} are allowed", ts - at);
    Refusal::new(RejectReason::Future, detail)
}

#[cfg(test)]
mod tests;
