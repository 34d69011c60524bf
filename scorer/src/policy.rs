//! Policy as data: rules, score bands, ladder, blocklist limits, budgets, and how humans are respected.
//!
//! Separate from the engine, which carries it out. Invariants: a policy is whole or refused, with file, line, column and
//! reason; whatever was loaded cannot fail when it is evaluated; no automatic restriction is shorter than an hour.

mod avoid;
mod build;
mod cel;
mod evidence;
mod expr;
mod file;
mod mask;
mod rule;
mod screen;

pub use avoid::{Bound, Bounded, Way};
pub use evidence::Kinds;
pub use expr::{Comparison, Facts, Program, Variable, kind_number};
pub use rule::{Outcome, Rule};

pub(crate) use evidence::kinds_of;
pub(crate) use mask::newer_than;
pub(crate) use screen::Screen;

use features::FeatureSet;
use schema::{Action, Limit, Mode};

use crate::blocklist::EntryView;
use crate::error::Error;

/// The default policy's text.
const DEFAULT: &str = include_str!("../policies/default.toml");

/// Begins the codes of what blocklist entries lead to; no rule has such a code.
pub(crate) const ENTRY_REASON: &str = "blocklist_";
/// The code of what an account's own entry leads to.
pub(crate) const OWN_ENTRY_REASON: &str = "blocklist_account";

/// A checked policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Hash of its text, 16 hexadecimal digits.
    pub version: String,
    /// Rules, highest priority first, then as written.
    pub rules: Vec<Rule>,
    /// Score bands, highest score first.
    pub bands: Vec<Band>,
    /// Steps that strikes move up to.
    pub ladder: Ladder,
    /// What blocklist entries lead to.
    pub blocklist: BlocklistRules,
    /// Most automatic bans an hour of one rule or band.
    pub bans_per_hour: u32,
    /// For how long after a verdict automation counts only newer evidence, ms.
    pub quiet_after_verdict_ms: u64,
    /// For how long a passed challenge is not asked again, ms.
    pub challenge_passed_ms: u64,
    /// How often automation may open a case for one account, ms.
    pub review_every_ms: u64,
    /// Share of accounts, by hash, for which what rests on a model's score and restricts is only recorded, 0..1.
    pub holdout: f64,
    /// Whom a human is shown although nothing speaks against them.
    pub audit: AuditRules,
    /// When the model runs.
    pub model: ModelSchedule,
    /// Every feature that a rule names.
    pub features: FeatureSet,
    /// Every kind of event that a rule lists: bit n for kind number n.
    pub kinds: u32,
    /// The score from which a band speaks; infinite without bands.
    pub lowest_band: f32,
    /// The first look at the rules.
    pub(crate) screen: Screen,
}

/// A score band: what a probability leads to.
#[derive(Debug, Clone)]
pub struct Band {
    /// Unique name.
    pub name: String,
    /// From this probability on.
    pub score: f32,
    /// What it leads to.
    pub outcome: Outcome,
}

/// Terms and limits of the steps above a rule's own.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// Term of a challenge, ms.
    pub challenge_ms: u64,
    /// Term of a rate limit, ms.
    pub rate_limit_ms: u64,
    /// Term of a ban, ms.
    pub ban_ms: u64,
    /// The rate limit's rate.
    pub limit: Limit,
    /// Strikes (30-day half-life) for one step up.
    pub strikes_per_step: f32,
    /// Restrictions within this time of the first are one episode and one strike, ms.
    pub episode_ms: u64,
}

/// What entries lead to at most: `None` is evidence only.
#[derive(Debug, Clone)]
pub struct BlocklistRules {
    account_by_human: Option<Action>,
    device_by_human: Option<Action>,
    account: Option<Action>,
    device: Option<Action>,
    ip_prefix: Option<Action>,
    asn: Option<Action>,
    number_range: Option<Action>,
    /// Term, ms; never past the entry's own end.
    pub term_ms: u64,
    /// Key of the message that the user is shown.
    pub message: String,
}

impl BlocklistRules {
    /// What an entry leads to; `None`: it is only evidence.
    #[must_use]
    pub fn action(&self, entry: &EntryView<'_>) -> Option<Action> {
        use crate::blocklist::EntryKind;
        match (entry.kind, entry.by_human) {
            (EntryKind::Account, true) => self.account_by_human,
            (EntryKind::Account, false) => self.account,
            (EntryKind::Device, true) => self.device_by_human,
            (EntryKind::Device, false) => self.device,
            (EntryKind::IpPrefix, _) => self.ip_prefix,
            (EntryKind::Asn, _) => self.asn,
            (EntryKind::NumberRange, _) => self.number_range,
        }
    }
}

/// Blind audits of accounts without decisions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditRules {
    /// Accounts that are drawn in a day of the log, over all partitions; 0: none.
    pub cases_per_day: u32,
    /// Scores between two strata, rising; each stratum has its equal part of the cases.
    pub scores: Vec<f32>,
}

impl AuditRules {
    /// The stratum of a score: 0 for the lowest.
    #[must_use]
    pub fn stratum(&self, score: f32) -> usize {
        self.scores.partition_point(|bound| *bound <= score)
    }
}

/// When the model runs.
#[derive(Debug, Clone)]
pub struct ModelSchedule {
    /// Bit n: at every event of kind number n.
    pub kinds: u32,
    /// At these acts of an account, counted from 1; sorted.
    pub acts: Vec<u32>,
    /// And at every so many-th act; 0: at no other.
    pub every: u32,
}

impl ModelSchedule {
    /// Whether the model runs at an event of this kind which is, if it is an act, the account's `acts`-th.
    #[inline]
    #[must_use]
    pub fn is_due(&self, kind: u8, is_act: bool, acts: u32) -> bool {
        if self.kinds >> kind & 1 == 1 {
            return true;
        }
        is_act
            && (self.every > 0 && acts.is_multiple_of(self.every) || self.acts.binary_search(&acts).is_ok())
    }
}

impl Policy {
    /// The default policy's text.
    #[must_use]
    pub const fn default_toml() -> &'static str {
        DEFAULT
    }

    /// The default policy.
    ///
    /// # Errors
    /// Never for the text that is built in (a test parses it); kept, so that callers treat it like any other.
    pub fn default_policy() -> Result<Policy, Error> {
        Self::parse("policies/default.toml", DEFAULT)
    }

    /// Parses and checks a policy; `file` names it in errors.
    ///
    /// # Errors
    /// With file, line, column and reason.
    pub fn parse(file: &str, text: &str) -> Result<Policy, Error> {
        build::build(file, text)
    }
}

impl Policy {
    /// Scores from which rules and bands that are enforced do something to an account (more than showing it to a human), rising. Whoever asks
    /// how a model treats people asks at these.
    #[must_use]
    pub fn acts_from(&self) -> Vec<f32> {
        let acts = |outcome: &Outcome| outcome.mode == Mode::Enforce && outcome.action != Action::Review;
        let bands = self.bands.iter().filter(|band| acts(&band.outcome)).map(|band| band.score);
        let rules = self.rules.iter().filter(|rule| acts(&rule.outcome)).filter_map(Rule::score_from);
        let mut scores: Vec<f32> = bands.chain(rules).collect();
        scores.sort_by(f32::total_cmp);
        scores.dedup();
        scores
    }
}

#[cfg(test)]
mod tests;
