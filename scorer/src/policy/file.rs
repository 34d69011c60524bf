//! The form of `policy.toml`, `format = 1`: what people write, before it is checked.
//!
//! Separate from the checked policy, so that defaults and words stand in one place. Invariants: an unknown key is refused;
//! every default is written here and explained in `policies/default.toml`.

use schema::Limit;
use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    pub format: Spanned<u32>,
    pub name: Spanned<String>,
    #[serde(default)]
    pub ladder: LadderFile,
    #[serde(default)]
    pub blocklist: BlocklistFile,
    #[serde(default)]
    pub budget: BudgetFile,
    #[serde(default)]
    pub humans: HumansFile,
    #[serde(default)]
    pub holdout: HoldoutFile,
    #[serde(default)]
    pub audit: AuditFile,
    #[serde(default)]
    pub model: ModelFile,
    #[serde(default)]
    pub band: Vec<RuleFile>,
    #[serde(default)]
    pub rule: Vec<RuleFile>,
}

/// Terms and limits of the steps that strikes move an account up to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LadderFile {
    pub challenge_for: Spanned<String>,
    pub rate_limit_for: Spanned<String>,
    pub ban_for: Spanned<String>,
    pub limit: Limit,
    pub strikes_per_step: Spanned<f64>,
    pub episode: Spanned<String>,
}

impl Default for LadderFile {
    fn default() -> Self {
        Self {
            challenge_for: word("24h"),
            rate_limit_for: word("24h"),
            ban_for: word("30d"),
            limit: Limit { max: 5, per_s: 3600 },
            strikes_per_step: Spanned::new(0..0, 1.0),
            episode: word("6h"),
        }
    }
}

/// What an exact entry of each kind leads to at most.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BlocklistFile {
    pub account_by_human: Spanned<String>,
    pub device_by_human: Spanned<String>,
    pub account: Spanned<String>,
    pub device: Spanned<String>,
    pub ip_prefix: Spanned<String>,
    pub asn: Spanned<String>,
    pub number_range: Spanned<String>,
    pub r#for: Spanned<String>,
    pub message: String,
}

impl Default for BlocklistFile {
    fn default() -> Self {
        Self {
            account_by_human: word("ban"),
            device_by_human: word("ban"),
            account: word("challenge"),
            device: word("challenge"),
            ip_prefix: word("evidence"),
            asn: word("evidence"),
            number_range: word("evidence"),
            r#for: word("30d"),
            message: "blocklisted".into(),
        }
    }
}

/// Brakes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BudgetFile {
    pub bans_per_hour: u32,
}

impl Default for BudgetFile {
    fn default() -> Self {
        Self { bans_per_hour: 1000 }
    }
}

/// How automation behaves after a human or the account itself has spoken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HumansFile {
    pub quiet_after_verdict: Spanned<String>,
    pub challenge_passed_for: Spanned<String>,
    pub review_every: Spanned<String>,
}

impl Default for HumansFile {
    fn default() -> Self {
        Self { quiet_after_verdict: word("7d"), challenge_passed_for: word("24h"), review_every: word("24h") }
    }
}

/// What is only recorded, so that it is known what models would get wrong.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HoldoutFile {
    pub share: Spanned<f64>,
}

impl Default for HoldoutFile {
    fn default() -> Self {
        Self { share: Spanned::new(0..0, 0.005) }
    }
}

/// Whom a human is shown although nothing speaks against them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuditFile {
    pub cases_per_day: Spanned<u32>,
    pub scores: Spanned<Vec<f32>>,
}

impl Default for AuditFile {
    fn default() -> Self {
        Self { cases_per_day: Spanned::new(0..0, 0), scores: Spanned::new(0..0, vec![0.01, 0.1, 0.5]) }
    }
}

/// When the model runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ModelFile {
    pub kinds: Vec<Spanned<String>>,
    pub acts: Vec<u32>,
    pub every: u32,
}

impl Default for ModelFile {
    fn default() -> Self {
        let kinds = ["registration", "session", "block", "report", "entity"];
        Self { kinds: kinds.map(word).into(), acts: vec![1, 2, 3, 5, 8], every: 8 }
    }
}

/// One rule, or one score band: a band has `score`, a rule has all that is marked with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub name: Spanned<String>,
    pub action: Spanned<String>,
    #[serde(default)]
    pub ladder: bool,
    pub scope: Option<Spanned<String>>,
    pub limit: Option<Spanned<Limit>>,
    pub r#for: Option<Spanned<String>>,
    pub mode: Option<Spanned<String>>,
    pub share: Option<Spanned<f64>>,
    pub reason: Option<String>,
    pub message: Option<String>,
    #[serde(default)]
    pub review: bool,
    /// Band.
    pub score: Option<Spanned<f32>>,
    /// Rule.
    pub when: Option<Spanned<String>>,
    /// Rule.
    pub kinds: Option<Vec<Spanned<String>>>,
    /// Rule.
    pub sure_case: Option<Spanned<bool>>,
    /// Rule.
    pub victim: Option<Spanned<bool>>,
    /// Rule.
    pub entity: Option<Spanned<String>>,
    /// Rule.
    pub priority: Option<i32>,
}

fn word(text: &str) -> Spanned<String> {
    Spanned::new(0..0, text.to_owned())
}
