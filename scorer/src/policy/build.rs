//! From the file's form to a checked policy.
//!
//! Separate from both. Invariant: every refusal carries the byte of the text that caused it, so that it can be shown as
//! file, line and column.

use std::ops::Range;

use features::{CATALOG, Family, FeatureSet};
use schema::limits::{
    AUDIT_BOUNDS_MAX, AUDITS_PER_DAY_MAX, ID_BYTES_MAX, POLICY_BYTES_MAX, RESTRICTION_MS_MIN, RULES_MAX,
    TEXT_BYTES_MAX,
};
use schema::{AUDIT, Action, EntityKind, HOLDOUT, Limit, MODEL_SCORE, Mode, Scope};
use toml::Spanned;

use super::evidence::is_neighbourhood;
use super::expr::{Comparison, KINDS};
use super::file::{AuditFile, BlocklistFile, LadderFile, ModelFile, PolicyFile, RuleFile};
use super::rule::{Condition, Outcome, Rule};
use super::screen::Screen;
use super::{AuditRules, Band, BlocklistRules, ENTRY_REASON, Ladder, ModelSchedule, Policy, cel};
use crate::error::{Error, nearest};
use crate::hash::text_hash;

/// Version of the file format.
const FORMAT: u32 = 1;
/// Oldest account, s, that a sure case may still call young.
const YOUNG_S_MAX: f32 = 24.0 * 3600.0;
/// Longest term, ms: ten years.
const TERM_MS_MAX: u64 = 3_653 * 24 * 3600 * 1000;

/// Codes of reasons that carry a probability.
const RESERVED: [&str; 3] = [AUDIT, HOLDOUT, MODEL_SCORE];

/// The text, to tie errors to places.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn wrong<T>(&self, at: &Range<usize>, detail: impl Into<String>) -> Result<T, Error> {
        Err(Error::at(self.file, self.text, at.start, detail))
    }

    fn word<T: Copy>(&self, given: &Spanned<String>, what: &str, all: &[(&str, T)]) -> Result<T, Error> {
        let word = given.get_ref();
        if let Some((_, value)) = all.iter().find(|(w, _)| w == word) {
            return Ok(*value);
        }
        let words: Vec<&str> = all.iter().map(|(w, _)| *w).collect();
        let hint =
            nearest(word, words.iter().copied()).map_or(String::new(), |n| format!(", did you mean {n:?}?"));
        self.wrong(&given.span(), format!("{what} {word:?} is none of {}{hint}", words.join(", ")))
    }

    /// A time such as `90s`, `15m`, `24h` or `30d`, ms.
    fn time(&self, given: &Spanned<String>, least_ms: u64) -> Result<u64, Error> {
        let text = given.get_ref().as_str();
        let unit = |suffix: &str| text.strip_suffix(suffix).and_then(|n| n.parse::<u64>().ok());
        let ms = [("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
            .into_iter()
            .find_map(|(suffix, ms)| unit(suffix)?.checked_mul(ms));
        match ms {
            None => self
                .wrong(&given.span(), format!("{text:?} is no time: write for example \"24h\" or \"30d\"")),
            Some(ms) if ms < least_ms => {
                let detail =
                    format!("{text:?} is too short: no automatic restriction is shorter than an hour");
                self.wrong(&given.span(), detail)
            }
            Some(ms) if ms > TERM_MS_MAX => {
                self.wrong(&given.span(), format!("{text:?} is longer than ten years"))
            }
            Some(ms) => Ok(ms),
        }
    }
}

/// Parses and checks.
pub(super) fn build(file: &str, text: &str) -> Result<Policy, Error> {
    let source = Source { file, text };
    if text.len() > POLICY_BYTES_MAX {
        return source.wrong(&(0..0), format!("the policy is longer than {POLICY_BYTES_MAX} bytes"));
    }
    let form: PolicyFile = match toml::from_str(text) {
        Ok(form) => form,
        Err(e) => return source.wrong(&e.span().unwrap_or(0..0), e.message().trim_end()),
    };
    if *form.format.get_ref() != FORMAT {
        let detail = format!("format {}, this weir reads format {FORMAT}", form.format.get_ref());
        return source.wrong(&form.format.span(), detail);
    }
    if form.rule.len() + form.band.len() > RULES_MAX {
        return source.wrong(&form.rule[0].name.span(), format!("more than {RULES_MAX} rules and bands"));
    }
    check_names(&source, &form)?;
    let mut rules =
        form.rule.iter().map(|r| rule(&source, r, &form.ladder)).collect::<Result<Vec<_>, _>>()?;
    rules.sort_by_key(|r| std::cmp::Reverse(r.priority));
    let mut bands =
        form.band.iter().map(|b| band(&source, b, &form.ladder)).collect::<Result<Vec<_>, _>>()?;
    bands.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(Policy {
        version: format!("{:016x}", text_hash(text)),
        features: rules.iter().fold(FeatureSet::empty(), |set, rule| set.union(&rule.features)),
        kinds: rules.iter().fold(0, |bits, rule| bits | rule.kinds),
        lowest_band: bands.last().map_or(f32::INFINITY, |b| b.score),
        screen: Screen::new(&rules),
        rules,
        bands,
        ladder: ladder(&source, &form.ladder)?,
        blocklist: blocklist(&source, &form.blocklist)?,
        bans_per_hour: form.budget.bans_per_hour,
        quiet_after_verdict_ms: source.time(&form.humans.quiet_after_verdict, 0)?,
        challenge_passed_ms: source.time(&form.humans.challenge_passed_for, 0)?,
        review_every_ms: source.time(&form.humans.review_every, 0)?,
        holdout: holdout(&source, &form.holdout.share)?,
        audit: audit(&source, form.audit)?,
        model: schedule(&source, form.model)?,
        name: form.name.into_inner(),
    })
}

fn check_names(source: &Source<'_>, form: &PolicyFile) -> Result<(), Error> {
    let mut seen: Vec<&str> = Vec::new();
    for name in std::iter::once(&form.name).chain(form.rule.iter().chain(&form.band).map(|r| &r.name)) {
        let text = name.get_ref().as_str();
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return source.wrong(&name.span(), format!("a name has 1 to {TEXT_BYTES_MAX} bytes"));
        }
    }
    for name in form.rule.iter().chain(&form.band).map(|r| &r.name) {
        if seen.contains(&name.get_ref().as_str()) {
            return source.wrong(&name.span(), format!("the name {:?} stands twice", name.get_ref()));
        }
        seen.push(name.get_ref());
    }
    Ok(())
}

fn rule(source: &Source<'_>, form: &RuleFile, ladder: &LadderFile) -> Result<Rule, Error> {
    if let Some(score) = &form.score {
        return source
            .wrong(&score.span(), "`score` belongs to a [[band]]; a rule may name `score` in `when`");
    }
    let Some(when) = &form.when else {
        return source.wrong(&form.name.span(), format!("the rule {:?} has no `when`", form.name.get_ref()));
    };
    let program = match cel::compile(when.get_ref()) {
        Ok(program) => program,
        Err((offset, detail)) => return source.wrong(&place_in(source.text, when, offset), detail),
    };
    let condition = Condition::new(program);
    let outcome = outcome(source, form, ladder)?;
    let flag = |given: &Option<Spanned<bool>>| given.as_ref().is_some_and(|f| *f.get_ref());
    let (sure_case, victim) = (flag(&form.sure_case), flag(&form.victim));
    if sure_case && !knows_young(&condition) {
        let detail =
            "a sure case must know that the account is young: add `age_s < …` of at most a day, joined by &&";
        return source.wrong(&when.span(), detail);
    }
    if victim && outcome.action != Action::Challenge {
        return source.wrong(&form.action.span(), "a victim is challenged: write action = \"challenge\"");
    }
    if victim && (outcome.ladder || sure_case) {
        return source.wrong(&form.name.span(), "a victim is never banned: no `ladder`, no `sure_case`");
    }
    check_shared(source, when, &condition, (&outcome, sure_case))?;
    let entities = [EntityKind::Device, EntityKind::NumberRange].map(|kind| (kind.word(), kind));
    let entity = form.entity.as_ref().map(|e| source.word(e, "entity", &entities)).transpose()?;
    if entity.is_some() && form.name.get_ref().len() > ID_BYTES_MAX {
        let detail = format!("its name travels with an `entity`: at most {ID_BYTES_MAX} bytes");
        return source.wrong(&form.name.span(), detail);
    }
    let kinds = form.kinds.as_deref().unwrap_or_default();
    let (features, names_score) = (condition.features(), condition.names_score());
    if features.is_empty() && kinds.is_empty() && !names_score {
        return source.wrong(
            &when.span(),
            "the rule names no feature and lists no `kinds`, so that it would never run",
        );
    }
    let name = form.name.get_ref().clone();
    let priority = form.priority.unwrap_or(0);
    Ok(Rule {
        name,
        outcome,
        sure_case,
        victim,
        entity,
        priority,
        features,
        kinds: kind_bits(source, kinds)?,
        names_score,
        condition,
    })
}

/// Refuses what facts about shared things must not do, alone or in a sure case.
fn check_shared(
    source: &Source<'_>,
    when: &Spanned<String>,
    condition: &Condition,
    (outcome, sure_case): (&Outcome, bool),
) -> Result<(), Error> {
    if (outcome.ladder || outcome.action > Action::Challenge) && is_neighbourhood(condition.named_features())
    {
        let detail = "what others on a prefix, ASN or number range do goes no further than a challenge: name something that \
                      the account itself did, or write action = \"challenge\" without `ladder`";
        return source.wrong(&when.span(), detail);
    }
    let shared = condition.named_features().find(|f| CATALOG[*f].family == Family::Shared);
    if let Some(feature) = shared.filter(|_| sure_case) {
        let name = CATALOG[feature].name;
        let detail = format!(
            "a sure case rests on no fact about shared things, which it would feed: leave {name} out"
        );
        return source.wrong(&when.span(), detail);
    }
    Ok(())
}

/// Whether the condition cannot hold unless the account's age is known and small.
fn knows_young(condition: &Condition) -> bool {
    condition.written().iter().any(|t| {
        CATALOG[usize::from(t.feature)].name == "age_s"
            && matches!(t.comparison, Comparison::Less | Comparison::AtMost)
            && t.value <= YOUNG_S_MAX
    })
}

fn band(source: &Source<'_>, form: &RuleFile, ladder: &LadderFile) -> Result<Band, Error> {
    let Some(score) = &form.score else {
        return source.wrong(&form.name.span(), format!("the band {:?} has no `score`", form.name.get_ref()));
    };
    let flag = form.sure_case.as_ref().or(form.victim.as_ref()).map(Spanned::span);
    let flag = flag.or(form.entity.as_ref().map(Spanned::span));
    let other = form.when.as_ref().map(Spanned::span).or(flag);
    if let Some(span) = other {
        return source.wrong(&span, "`when`, `sure_case`, `victim` and `entity` belong to a [[rule]]");
    }
    if !(0.0..=1.0).contains(score.get_ref()) {
        return source.wrong(&score.span(), "a score lies between 0 and 1");
    }
    let outcome = outcome(source, form, ladder)?;
    Ok(Band { name: form.name.get_ref().clone(), score: *score.get_ref(), outcome })
}

fn outcome(source: &Source<'_>, form: &RuleFile, ladder: &LadderFile) -> Result<Outcome, Error> {
    let actions = [Action::Review, Action::Warn, Action::Challenge, Action::RateLimit, Action::Ban];
    let action = source.word(&form.action, "action", &actions.map(|a| (a.word(), a)))?;
    // Registration is an entity's scope, not an account's.
    let scopes: Vec<(&str, Scope)> =
        Scope::ALL.iter().filter(|s| **s != Scope::Registration).map(|s| (s.word(), *s)).collect();
    let scope = form.scope.as_ref().map_or(Ok(Scope::All), |s| source.word(s, "scope", &scopes))?;
    let modes: Vec<(&str, Mode)> = Mode::ALL.iter().map(|m| (m.word(), *m)).collect();
    let mode = form.mode.as_ref().map_or(Ok(Mode::Enforce), |m| source.word(m, "mode", &modes))?;
    let share = form.share.as_ref().map_or(1.0, |s| *s.get_ref());
    if let Some(given) = form.share.as_ref().filter(|s| !(0.0..=1.0).contains(s.get_ref())) {
        return source.wrong(&given.span(), "a share lies between 0 and 1");
    }
    let limit = form.limit.as_ref().map_or(ladder.limit, |l| *l.get_ref());
    let limit_span = form.limit.as_ref().map_or(form.action.span(), Spanned::span);
    check_limit(source, &limit_span, limit)?;
    let given = form.r#for.as_ref().unwrap_or(match action {
        Action::Ban => &ladder.ban_for,
        Action::RateLimit => &ladder.rate_limit_for,
        _ => &ladder.challenge_for,
    });
    let name = form.name.get_ref();
    let reason = form.reason.clone().unwrap_or_else(|| name.replace('-', "_"));
    if reason.starts_with(ENTRY_REASON) || RESERVED.contains(&reason.as_str()) {
        let detail = format!(
            "a reason that begins with {ENTRY_REASON}, or is {}, is one of weir's own",
            RESERVED.join(" or ")
        );
        return source.wrong(&form.name.span(), detail);
    }
    Ok(Outcome {
        action,
        ladder: form.ladder,
        scope: if action == Action::Ban { Scope::All } else { scope },
        limit,
        term_ms: source.time(given, RESTRICTION_MS_MIN)?,
        mode,
        share,
        reason,
        message: form.message.clone().unwrap_or_else(|| action.word().to_owned()),
        review: form.review || action == Action::Review,
    })
}

fn check_limit(source: &Source<'_>, at: &Range<usize>, limit: Limit) -> Result<(), Error> {
    if limit.per_s == 0 { source.wrong(at, "a limit's per_s is at least 1") } else { Ok(()) }
}

fn ladder(source: &Source<'_>, form: &LadderFile) -> Result<Ladder, Error> {
    if !form.strikes_per_step.get_ref().is_finite() || *form.strikes_per_step.get_ref() <= 0.0 {
        return source.wrong(&form.strikes_per_step.span(), "strikes_per_step is more than 0");
    }
    check_limit(source, &form.strikes_per_step.span(), form.limit)?;
    Ok(Ladder {
        challenge_ms: source.time(&form.challenge_for, RESTRICTION_MS_MIN)?,
        rate_limit_ms: source.time(&form.rate_limit_for, RESTRICTION_MS_MIN)?,
        ban_ms: source.time(&form.ban_for, RESTRICTION_MS_MIN)?,
        limit: form.limit,
        strikes_per_step: *form.strikes_per_step.get_ref() as f32,
        episode_ms: source.time(&form.episode, 0)?,
    })
}

fn blocklist(source: &Source<'_>, form: &BlocklistFile) -> Result<BlocklistRules, Error> {
    let steps = [
        ("evidence", None),
        ("warn", Some(Action::Warn)),
        ("challenge", Some(Action::Challenge)),
        ("rate_limit", Some(Action::RateLimit)),
        ("ban", Some(Action::Ban)),
    ];
    // Only a human's account or device entry bans; what many share goes no further than a challenge.
    let up_to = |given: &Spanned<String>, most: usize| source.word(given, "action", &steps[..=most]);
    Ok(BlocklistRules {
        account_by_human: up_to(&form.account_by_human, 4)?,
        device_by_human: up_to(&form.device_by_human, 4)?,
        account: up_to(&form.account, 3)?,
        device: up_to(&form.device, 3)?,
        ip_prefix: up_to(&form.ip_prefix, 2)?,
        asn: up_to(&form.asn, 2)?,
        number_range: up_to(&form.number_range, 2)?,
        term_ms: source.time(&form.r#for, RESTRICTION_MS_MIN)?,
        message: form.message.clone(),
    })
}

fn holdout(source: &Source<'_>, share: &Spanned<f64>) -> Result<f64, Error> {
    if (0.0..=0.5).contains(share.get_ref()) {
        return Ok(*share.get_ref());
    }
    source.wrong(&share.span(), "a holdout's share lies between 0 and 0.5")
}

fn audit(source: &Source<'_>, form: AuditFile) -> Result<AuditRules, Error> {
    let (cases, scores) = (*form.cases_per_day.get_ref(), form.scores.get_ref());
    if cases > AUDITS_PER_DAY_MAX {
        let detail = format!("at most {AUDITS_PER_DAY_MAX} accounts are drawn a day");
        return source.wrong(&form.cases_per_day.span(), detail);
    }
    let rises = scores.windows(2).all(|pair| pair[0] < pair[1]);
    if scores.len() > AUDIT_BOUNDS_MAX || !rises || !scores.iter().all(|bound| (0.0..1.0).contains(bound)) {
        let detail = format!("at most {AUDIT_BOUNDS_MAX} scores from 0 to 1, each above the one before");
        return source.wrong(&form.scores.span(), detail);
    }
    Ok(AuditRules { cases_per_day: cases, scores: form.scores.into_inner() })
}

fn schedule(source: &Source<'_>, form: ModelFile) -> Result<ModelSchedule, Error> {
    let mut acts = form.acts;
    acts.sort_unstable();
    Ok(ModelSchedule { kinds: kind_bits(source, &form.kinds)?, acts, every: form.every })
}

fn kind_bits(source: &Source<'_>, kinds: &[Spanned<String>]) -> Result<u32, Error> {
    let mut bits = 0;
    for kind in kinds {
        let all: Vec<(&str, u32)> = KINDS.iter().enumerate().map(|(i, k)| (*k, 1 << i)).collect();
        bits |= source.word(kind, "kind", &all)?;
    }
    Ok(bits)
}

/// Where byte `offset` of a string value stands in the file; the string's start if it has escapes.
fn place_in(text: &str, value: &Spanned<String>, offset: usize) -> Range<usize> {
    let span = value.span();
    let raw = &text[span.clone()];
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    let inner = &raw[quotes.min(raw.len())..raw.len().saturating_sub(quotes).max(quotes.min(raw.len()))];
    // A line break right after the opening quotes belongs to neither.
    let trimmed = if quotes == 3 {
        inner.strip_prefix("\r\n").or(inner.strip_prefix('\n')).unwrap_or(inner)
    } else {
        inner
    };
    if trimmed != value.get_ref() {
        return span;
    }
    let start = span.start + quotes + (inner.len() - trimmed.len()) + offset;
    start..start
}
