//! How good verdicts are: agreement of two humans, decisions that humans overturn, and what they disagree about.
//!
//! Separate from working cases. Invariants: only blind labels are held against each other; a figure comes with how much it rests on; and
//! nothing here ranks people by speed: how long a case took is not even kept.

use std::collections::BTreeMap;

use rusqlite::Connection;
use schema::{Label, Verdict};

use super::cause::Cause;
use crate::error::Error;

/// Most pairs and audits that are looked at: the latest.
const LATEST: i64 = 20_000;
/// Most disagreements that are listed.
const LISTED: usize = 50;

/// Two labels of one account by two people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The first case and the second review.
    pub cases: (String, String),
    /// The account.
    pub account: String,
    /// Who labelled.
    pub actors: (String, String),
    /// What they said.
    pub labels: (Label, Label),
    /// Rule of the decision that was judged; empty: none.
    pub rule: String,
    /// Version of the model; empty: none.
    pub model: String,
    /// When the second said it, ms of log time.
    pub at: u64,
    /// What a third said, blind, since they disagree; `None`: nobody yet.
    pub third: Option<Label>,
}

/// Agreement beyond chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Pairs that it rests on.
    pub pairs: u64,
    /// Share of pairs that agree.
    pub agreed: f64,
    /// Cohen's kappa; `None`: chance alone would agree always, so that it says nothing.
    pub kappa: Option<f64>,
}

/// How often something was overturned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Overturned {
    /// How often it was judged.
    pub judged: u64,
    /// How often it was overturned.
    pub overturned: u64,
}

impl Overturned {
    /// The share, with its 95 % interval by Wilson; `None`: nothing was judged.
    pub fn share(&self) -> Option<(f64, f64, f64)> {
        if self.judged == 0 {
            return None;
        }
        let (n, z) = (self.judged as f64, 1.96);
        let share = self.overturned as f64 / n;
        let middle = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
        Some((share, (middle - half).max(0.0), (middle + half).min(1.0)))
    }
}

/// What overturned decisions are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// Rule, score band or list.
    Rule,
    /// Leading reason.
    Reason,
    /// Version of the model.
    Model,
    /// Country of the number.
    Country,
    /// Age of the account: under a day, a week, a month, a year, or older.
    Age,
}

impl Segment {
    /// All of them, in the order of the figures.
    pub const ALL: [Segment; 5] =
        [Segment::Rule, Segment::Reason, Segment::Model, Segment::Country, Segment::Age];
}

/// All figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quality {
    /// Of all pairs.
    pub all: Option<Agreement>,
    /// By reviewer, each with all others.
    pub by_actor: Vec<(String, Agreement)>,
    /// By rule.
    pub by_rule: Vec<(String, Agreement)>,
    /// By model.
    pub by_model: Vec<(String, Agreement)>,
    /// Automatic decisions judged blind, by each [`Segment`].
    pub audits: [Vec<(String, Overturned)>; 5],
    /// Appeals likewise.
    pub appeals: [Vec<(String, Overturned)>; 5],
    /// Golden items by reviewer: `overturned` are those answered otherwise than known.
    pub golden: Vec<(String, Overturned)>,
    /// Of pairs that disagree and that a third judged, by reviewer: `overturned` are those in which the third said otherwise.
    pub disputed: Vec<(String, Overturned)>,
    /// Pairs that disagree, the latest first.
    pub disagreements: Vec<Pair>,
}

/// What figures will rest on: how much was decided, and what waits to be judged blind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coming {
    /// Cases that a human decided, of which a share comes back.
    pub decided: u64,
    /// Second reviews that wait.
    pub seconds: u64,
    /// Audits that wait; golden items look like them.
    pub audits: u64,
}

/// What will come.
pub fn coming(db: &Connection) -> Result<Coming, Error> {
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) FROM cases WHERE {condition}");
        Ok::<u64, Error>(db.prepare_cached(&sql)?.query_row([], |row| row.get::<_, i64>(0))? as u64)
    };
    let [audit, second, golden, dispute] =
        [Cause::Audit, Cause::Second, Cause::Golden, Cause::Dispute].map(|cause| cause as i64);
    Ok(Coming {
        decided: count(&format!("state = 1 AND cause NOT IN ({audit}, {second}, {golden}, {dispute})"))?,
        seconds: count(&format!("state = 0 AND cause = {second}"))?,
        audits: count(&format!("state = 0 AND cause IN ({audit}, {golden})"))?,
    })
}

/// Cohen's kappa of pairs of labels.
pub fn agreement(labels: &[(Label, Label)]) -> Option<Agreement> {
    if labels.is_empty() {
        return None;
    }
    let n = labels.len() as f64;
    let agreed = labels.iter().filter(|(a, b)| a == b).count() as f64 / n;
    let share =
        |of: &dyn Fn(&(Label, Label)) -> bool| labels.iter().filter(|pair| of(pair)).count() as f64 / n;
    let by_chance: f64 = Label::ALL
        .iter()
        .map(|label| share(&|pair| pair.0 == *label) * share(&|pair| pair.1 == *label))
        .sum();
    let kappa = (by_chance < 1.0 - 1e-9).then(|| (agreed - by_chance) / (1.0 - by_chance));
    Some(Agreement { pairs: labels.len() as u64, agreed, kappa })
}

/// What a verdict says the account is.
pub fn meant(outcome: &str) -> Option<Label> {
    Label::from_word(outcome).or_else(|| {
        Verdict::from_word(outcome).map(|verdict| match verdict {
            Verdict::Confirm | Verdict::Change | Verdict::Ban => Label::Abusive,
            Verdict::Lift | Verdict::Exempt => Label::Benign,
        })
    })
}

/// Every pair of a first case and its blind second review.
fn pairs(db: &Connection) -> Result<Vec<Pair>, Error> {
    let sql = "SELECT a.id AS first, b.id AS second, b.account, b.excluded, l.actor, b.rule, b.model, l.at, l.label AS said,
            (SELECT label FROM labels WHERE case_id = a.id ORDER BY at DESC, review LIMIT 1) AS label, a.outcome,
            (SELECT label FROM labels JOIN cases AS c ON c.id = labels.case_id
                WHERE c.account = b.account AND c.of_case = b.id AND labels.blind = 1 ORDER BY at DESC, review LIMIT 1) AS third
        FROM cases AS b JOIN cases AS a ON a.id = b.of_case
            JOIN labels AS l ON l.case_id = b.id AND l.blind = 1
        WHERE b.cause = ?1 AND b.state = 1 ORDER BY l.at DESC, l.review LIMIT ?2";
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query((Cause::Second as i64, LATEST))?;
    let mut pairs = Vec::new();
    while let Some(row) = rows.next()? {
        let label: Option<String> = row.get("label")?;
        let outcome: String = row.get("outcome")?;
        let first = label.as_deref().and_then(Label::from_word).or_else(|| meant(&outcome));
        let second = Label::from_word(&row.get::<_, String>("said")?);
        let (Some(first), Some(second)) = (first, second) else { continue };
        pairs.push(Pair {
            cases: (row.get("first")?, row.get("second")?),
            account: row.get("account")?,
            actors: (row.get("excluded")?, row.get("actor")?),
            labels: (first, second),
            rule: row.get("rule")?,
            model: row.get("model")?,
            at: row.get::<_, i64>("at")? as u64,
            third: row.get::<_, Option<String>>("third")?.as_deref().and_then(Label::from_word),
        });
    }
    Ok(pairs)
}

/// Groups of pairs, the largest first.
fn grouped(pairs: &[Pair], keys: impl Fn(&Pair) -> Vec<String>) -> Vec<(String, Agreement)> {
    let mut groups: BTreeMap<String, Vec<(Label, Label)>> = BTreeMap::new();
    for pair in pairs {
        for key in keys(pair).into_iter().filter(|key| !key.is_empty()) {
            groups.entry(key).or_default().push(pair.labels);
        }
    }
    let found = groups.into_iter().filter_map(|(key, labels)| Some((key, agreement(&labels)?)));
    let mut found: Vec<(String, Agreement)> = found.collect();
    found.sort_by_key(|(_, agreement)| std::cmp::Reverse(agreement.pairs));
    found
}

/// How often closed cases of a cause went against automation, by segment; what was a "cannot tell" is not counted. Among audits are blind
/// second reviews of automation's bans: whoever gave them knew neither its word nor a human's.
fn overturned(db: &Connection, cause: Cause) -> Result<[Vec<(String, Overturned)>; 5], Error> {
    let sql = "SELECT cases.rule, cases.reason, cases.model, coalesce(facts.country, ''), facts.age_h, cases.outcome
        FROM cases LEFT JOIN facts ON facts.account = cases.account LEFT JOIN cases AS before ON before.id = cases.of_case
        WHERE (cases.cause = ?1 OR ?1 = ?3 AND cases.cause = ?4 AND before.cause = ?5) AND cases.state = 1
        ORDER BY cases.closed_at DESC LIMIT ?2";
    let mut query = db.prepare_cached(sql)?;
    let [audit, second, ban] = [Cause::Audit, Cause::Second, Cause::Ban].map(|cause| cause as i64);
    let mut rows = query.query((cause as i64, LATEST, audit, second, ban))?;
    let mut found: [BTreeMap<String, Overturned>; 5] = Default::default();
    while let Some(row) = rows.next()? {
        let outcome: String = row.get(5)?;
        let Some(label) = meant(&outcome).filter(|label| *label != Label::CannotTell) else { continue };
        let keys: [String; 5] =
            [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, age_band(row.get(4)?).to_owned()];
        for (segment, key) in found.iter_mut().zip(keys) {
            let one = segment.entry(key).or_default();
            one.judged += 1;
            one.overturned += u64::from(label == Label::Benign);
        }
    }
    Ok(found.map(sorted))
}

/// The band of an age in hours, as a word; empty: not known.
fn age_band(age_h: Option<f64>) -> &'static str {
    match age_h {
        None => "",
        Some(hours) if hours < 24.0 => "day",
        Some(hours) if hours < 7.0 * 24.0 => "week",
        Some(hours) if hours < 30.0 * 24.0 => "month",
        Some(hours) if hours < 365.0 * 24.0 => "year",
        Some(_) => "older",
    }
}

/// How often each reviewer answered golden items, and how often otherwise than known.
fn golden(db: &Connection) -> Result<Vec<(String, Overturned)>, Error> {
    let mut query =
        db.prepare_cached("SELECT actor, answer, said FROM golden_answers ORDER BY at DESC LIMIT ?1")?;
    let mut rows = query.query([LATEST])?;
    let mut found: BTreeMap<String, Overturned> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (answer, said): (String, String) = (row.get(1)?, row.get(2)?);
        let one = found.entry(row.get(0)?).or_default();
        one.judged += 1;
        one.overturned += u64::from(answer != said);
    }
    Ok(sorted(found))
}

/// Of pairs that a third judged, whose word was the other one.
fn disputed(pairs: &[Pair]) -> Vec<(String, Overturned)> {
    let mut found: BTreeMap<String, Overturned> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.labels.0 != pair.labels.1) {
        let Some(third) = pair.third.filter(|label| *label != Label::CannotTell) else { continue };
        for (actor, label) in [(&pair.actors.0, pair.labels.0), (&pair.actors.1, pair.labels.1)] {
            let one = found.entry(actor.clone()).or_default();
            one.judged += 1;
            one.overturned += u64::from(label != third);
        }
    }
    sorted(found)
}

/// The most judged first.
fn sorted(found: BTreeMap<String, Overturned>) -> Vec<(String, Overturned)> {
    let mut found: Vec<(String, Overturned)> = found.into_iter().collect();
    found.sort_by_key(|(_, one)| std::cmp::Reverse(one.judged));
    found
}

/// All figures.
pub fn quality(db: &Connection) -> Result<Quality, Error> {
    let pairs = pairs(db)?;
    let all: Vec<(Label, Label)> = pairs.iter().map(|pair| pair.labels).collect();
    Ok(Quality {
        all: agreement(&all),
        by_actor: grouped(&pairs, |pair| vec![pair.actors.0.clone(), pair.actors.1.clone()]),
        by_rule: grouped(&pairs, |pair| vec![pair.rule.clone()]),
        by_model: grouped(&pairs, |pair| vec![pair.model.clone()]),
        audits: overturned(db, Cause::Audit)?,
        appeals: overturned(db, Cause::Appeal)?,
        golden: golden(db)?,
        disputed: disputed(&pairs),
        disagreements: pairs.into_iter().filter(|pair| pair.labels.0 != pair.labels.1).take(LISTED).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Habits;
    use crate::desk::scene::{World, decision, review};

    #[test]
    fn kappa_is_that_of_the_textbook() {
        use Label::{Abusive, Benign};
        // 20 both yes, 5 only the first, 10 only the second, 15 both no: kappa 0.4.
        let mut labels = vec![(Abusive, Abusive); 20];
        labels.extend(vec![(Abusive, Benign); 5]);
        labels.extend(vec![(Benign, Abusive); 10]);
        labels.extend(vec![(Benign, Benign); 15]);
        let found = agreement(&labels).expect("pairs");
        assert!((found.kappa.expect("it says something") - 0.4).abs() < 1e-9, "{found:?}");
        assert!((found.agreed - 0.7).abs() < 1e-9);
        assert_eq!(agreement(&[(Benign, Benign); 9]).and_then(|found| found.kappa), None);
        assert_eq!(agreement(&[]), None);
    }

    #[test]
    fn the_interval_is_wilsons() {
        let (share, low, high) = Overturned { judged: 10, overturned: 1 }.share().expect("judged");
        assert!((share - 0.1).abs() < 1e-9 && (low - 0.0179).abs() < 1e-3 && (high - 0.4042).abs() < 1e-3);
        assert_eq!(Overturned::default().share(), None);
    }

    #[test]
    fn only_blind_second_labels_are_held_against_the_first_and_audits_against_automation() {
        let folder = tempfile::tempdir().expect("a folder");
        let habits = Habits { audits_per_10_000: 0, seconds_per_10_000: 10_000, ..Habits::default() };
        let (world, desk) = World::desk(folder.path(), habits);
        let open = |account: &str| {
            desk.store
                .read(|db| crate::desk::case::Case::open_of(db, account))
                .expect("readable")
                .expect("open")
                .id
        };
        for (account, second, more) in
            [("a", "abusive", ""), ("b", "benign", ""), ("c", "benign", r#","shown":["score"]"#)]
        {
            world.arrive(decision(&format!("d{account}"), account, "review", ""));
            let first = open(account);
            let verdict = r#","verdict":"ban""#;
            world.arrive(review(&format!("v{account}"), (&first, account), ("x", "verdict"), verdict));
            let label = format!(r#","label":"{second}"{more}"#);
            world.arrive(review(&format!("l{account}"), (&open(account), account), ("y", "label"), &label));
        }
        let found = desk.store.read(quality).expect("readable");
        world.arrive(decision("de", "e", "review", ""));
        world.arrive(review("ve", (&open("e"), "e"), ("x", "verdict"), r#","verdict":"ban""#));
        let expected = Coming { decided: 4, seconds: 1, audits: 0 };
        assert_eq!(desk.store.read(coming).expect("readable"), expected);
        assert_eq!(found.all.map(|all| all.pairs), Some(2), "the one who saw the score does not count");
        assert_eq!(found.disagreements.len(), 1);
        assert_eq!(found.disagreements[0].account, "b");
        let actors: Vec<&str> = found.by_actor.iter().map(|(actor, _)| &**actor).collect();
        assert_eq!(actors, ["x", "y"]);
    }
}
