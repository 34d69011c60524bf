//! The sections of the configuration file, one struct a concern, and what their values may be.
//!
//! Separate from merging and printing. Invariants: no defaults here (they stand in `weir.toml`); after `check` nothing
//! that starts from these values can find one out of range.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use review::{Clause, Network, Role};
use serde::Deserialize;

use super::clauses::Clauses;
use super::{Kafka, Oidc, Secret};
use crate::error::Error;
use crate::files;
use crate::server::Bounds;

/// Shortest API key, bytes.
const KEY_BYTES_MIN: usize = 16;
/// Most API keys of one role.
const KEYS_MAX: usize = 64;
/// Largest file of keys, bytes.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Longest that anything is kept, days.
const DAYS_MAX: u32 = 36_500;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Version of the format.
    pub format: u32,
    /// Logging.
    pub log: Log,
    /// The HTTP server.
    pub http: Http,
    /// API keys.
    pub keys: Keys,
    /// The data folder.
    pub data: Data,
    /// The engine.
    pub engine: Engine,
    /// The history.
    pub history: History,
    /// Apache Kafka.
    pub kafka: Kafka,
    /// What the roles on Kafka show.
    pub metrics: MetricsServer,
    /// The dashboard.
    pub review: Review,
    /// Signing in to it by a provider.
    pub oidc: Oidc,
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `text` or `json`.
    pub format: String,
    /// Level or directives.
    pub level: String,
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Connections open at once.
    pub connections_max: usize,
    /// How long one may be without a request, ms.
    pub idle_ms: u64,
    /// Readers of the decision feed at once.
    pub feed_readers_max: usize,
    /// Requests with events that are unpacked and written at once.
    pub appends_max: usize,
}

impl Http {
    /// What connections may do.
    pub fn bounds(&self) -> Bounds {
        Bounds { connections_max: self.connections_max, idle: Duration::from_millis(self.idle_ms) }
    }
}

/// The dashboard.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Whether it is served.
    pub enabled: bool,
    /// The address under which browsers reach it; empty: this machine alone.
    pub origin: String,
    /// The operator's look-up of an account, with `{account}`; empty: none.
    pub lookup_url: String,
    second_factor_roles: Vec<String>,
    proxies: Vec<String>,
    /// Cases of one rule that stay for another day.
    pub cases_per_day: u32,
    /// The same for single rules, as `RULE=NUMBER`.
    pub budgets: Vec<String>,
    /// Share of automatic decisions that are audited.
    pub audit_share: f64,
    /// Share of decided cases that are judged again.
    pub second_share: f64,
    /// Share of closed cases about bans that are judged blind.
    pub ban_share: f64,
    /// One of so many slots is drawn at random.
    pub random_slots: u32,
    /// A golden item after so many cases taken.
    pub golden_slots: u32,
    /// Acts on more need a second person.
    pub bulk_alone_max: u32,
    /// Minutes until a break is advised.
    pub rest_min: u32,
    /// Clauses of the operator's policy.
    clauses: Clauses,
}

impl Review {
    /// Roles that do nothing without a second factor.
    pub fn second_factor(&self) -> Vec<Role> {
        self.second_factor_roles.iter().filter_map(|word| Role::from_word(word)).collect()
    }

    /// Proxies that are believed.
    pub fn proxies(&self) -> Vec<Network> {
        self.proxies.iter().filter_map(|text| Network::parse(text)).collect()
    }

    /// Clauses of the operator's policy.
    pub fn clauses(&self) -> Vec<Clause> {
        self.clauses.all()
    }

    /// The budgets of single rules.
    pub fn budgets(&self) -> Result<BTreeMap<String, u32>, String> {
        let budget = |text: &String| {
            let (rule, count) = text.rsplit_once('=')?;
            Some((rule.trim().to_owned(), count.trim().parse().ok()?))
        };
        let wrong = |text: &String| format!("review.budgets: {text}: write RULE=NUMBER");
        self.budgets.iter().map(|text| budget(text).ok_or_else(|| wrong(text))).collect()
    }

    /// What the desk's habits are bound to.
    fn check_habits(&self) -> Result<(), String> {
        self.budgets()?;
        let shares = [
            ("audit_share", self.audit_share),
            ("second_share", self.second_share),
            ("ban_share", self.ban_share),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("review.{name} = {share}: give a share, 0 to 1"));
            }
        }
        self.clauses.check()
    }

    fn check(&self) -> Result<(), String> {
        self.check_habits()?;
        let Review { origin, lookup_url, .. } = self;
        let host = origin.strip_prefix("https://").unwrap_or_default();
        if !origin.is_empty()
            && (host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b)))
        {
            return Err(format!("review.origin = {origin}: give https://HOST, without a path, or nothing"));
        }
        let is_template = lookup_url.starts_with("https://") && lookup_url.contains("{account}");
        if !lookup_url.is_empty() && !is_template {
            return Err(format!(
                "review.lookup_url = {lookup_url}: give https://… with {{account}} in it, or nothing"
            ));
        }
        if let Some(word) = self.second_factor_roles.iter().find(|word| Role::from_word(word).is_none()) {
            let roles = Role::ALL.map(Role::word).join(", ");
            return Err(format!("review.second_factor_roles: {word:?}: give some of {roles}"));
        }
        if let Some(text) = self.proxies.iter().find(|text| Network::parse(text).is_none()) {
            return Err(format!(
                "review.proxies: {text:?}: give addresses and networks such as \"10.0.0.0/8\""
            ));
        }
        Ok(())
    }
}

/// What the roles on Kafka show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsServer {
    listen: String,
}

impl MetricsServer {
    /// Where metrics are served; `None`: nowhere.
    pub fn listen(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address = self.listen.parse();
        address.map(Some).map_err(|_| format!("metrics.listen = {}: give IP:PORT, or nothing", self.listen))
    }
}

/// API keys, a text and a file a role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    ingest: Secret,
    ingest_file: String,
    read: Secret,
    read_file: String,
    reviewer: Secret,
    reviewer_file: String,
    publisher: Secret,
    publisher_file: String,
    admin: Secret,
    admin_file: String,
}

/// The data folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Its name.
    pub dir: String,
    /// The folder of versions; empty: `registry` in the data folder.
    pub registry: String,
    /// Files of public keys that must have signed its models, comma-separated; empty: nobody must.
    pub trust: String,
    /// Time from one checkpoint to the next, ms.
    pub checkpoint_every_ms: u64,
    /// Days that the journal's records are kept.
    pub journal_days: u32,
    /// Bytes of the journal past which the oldest records go sooner; 0: no bound.
    pub journal_bytes_max: u64,
}

/// The engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// File; empty: built in.
    pub policy: String,
    /// File; empty: built in; `none`: no model.
    pub model: String,
    /// Files.
    pub blocklists: Vec<String>,
    /// File; empty: none.
    pub exempt: String,
    /// Accounts in memory.
    pub accounts_max: usize,
}

/// The history.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Whether there is one.
    pub enabled: bool,
    /// Share of quiet events whose feature rows are kept.
    pub rows_share: f64,
    /// Days of events.
    pub events_days: u32,
    /// Days of decisions and reviews.
    pub decisions_days: u32,
    /// Days of feature rows.
    pub rows_days: u32,
    /// Days of rejects.
    pub rejects_days: u32,
    /// Days of counts by the minute.
    pub counts_days: u32,
}

impl Config {
    /// What is out of range, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        within("http.connections_max", self.http.connections_max, 1..=65_536)?;
        within("http.idle_ms", self.http.idle_ms, 1_000..=3_600_000)?;
        within("http.feed_readers_max", self.http.feed_readers_max, 1..=4_096)?;
        within("http.appends_max", self.http.appends_max, 1..=256)?;
        within("data.checkpoint_every_ms", self.data.checkpoint_every_ms, 10..=3_600_000)?;
        within("data.journal_days", self.data.journal_days, 1..=DAYS_MAX)?;
        within("engine.accounts_max", self.engine.accounts_max, 1..=1_000_000_000)?;
        within("history.rows_share", self.history.rows_share, 0.0..=1.0)?;
        for (name, days) in self.history.days() {
            within(name, days, 1..=DAYS_MAX)?;
        }
        self.metrics.listen()?;
        self.review.check()?;
        self.oidc.check()?;
        self.kafka.check()?;
        if self.data.dir.is_empty() {
            return Err("data.dir: give a folder".to_owned());
        }
        Ok(())
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    name: &str,
    value: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<(), String> {
    let (least, most) = (range.start(), range.end());
    if range.contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} = {value}: give between {least} and {most}"))
    }
}

impl History {
    fn days(&self) -> [(&'static str, u32); 5] {
        [
            ("history.events_days", self.events_days),
            ("history.decisions_days", self.decisions_days),
            ("history.rows_days", self.rows_days),
            ("history.rejects_days", self.rejects_days),
            ("history.counts_days", self.counts_days),
        ]
    }
}

impl Keys {
    /// The keys that may post events.
    pub fn ingest(&self) -> Result<Vec<Secret>, Error> {
        keys("ingest", &self.ingest, &self.ingest_file)
    }

    /// The keys that may read.
    pub fn read(&self) -> Result<Vec<Secret>, Error> {
        keys("read", &self.read, &self.read_file)
    }

    /// The keys that may post reviews.
    pub fn reviewer(&self) -> Result<Vec<Secret>, Error> {
        keys("reviewer", &self.reviewer, &self.reviewer_file)
    }

    /// The keys that may say what is wanted.
    pub fn publisher(&self) -> Result<Vec<Secret>, Error> {
        keys("publisher", &self.publisher, &self.publisher_file)
    }

    /// The keys that may do everything.
    pub fn admin(&self) -> Result<Vec<Secret>, Error> {
        keys("admin", &self.admin, &self.admin_file)
    }
}

/// The keys of one role, from the text and the file.
fn keys(role: &str, text: &Secret, file: &str) -> Result<Vec<Secret>, Error> {
    let filed = if file.is_empty() { String::new() } else { files::read_text(file, KEY_FILE_BYTES_MAX)? };
    let mut keys = Vec::new();
    for part in text.reveal().split([',', '\n']).chain(filed.split([',', '\n'])).map(str::trim) {
        if part.is_empty() {
            continue;
        }
        // The text itself is not told: it may be a real key that lost its end.
        if part.len() < KEY_BYTES_MIN || !part.bytes().all(|byte| byte.is_ascii_graphic()) {
            let detail = format!("keys.{role}: a key has at least {KEY_BYTES_MIN} visible ASCII characters");
            return Err(Error::Usage(detail));
        }
        keys.push(Secret::new(part.to_owned()));
    }
    // Whoever names a key believes to be safe behind it.
    if keys.is_empty() && !(file.is_empty() && text.reveal().is_empty()) {
        let detail = format!(
            "holds no key; without any the API is open to this machine: leave keys.{role} and its file out if it is to be"
        );
        let name = if file.is_empty() { format!("keys.{role}") } else { file.to_owned() };
        return Err(Error::file(&name, detail));
    }
    if keys.len() > KEYS_MAX {
        return Err(Error::Usage(format!("keys.{role}: {} keys; at most {KEYS_MAX}", keys.len())));
    }
    Ok(keys)
}
