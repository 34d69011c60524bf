//! Campaigns as they are read: which there are, who is in one, and what speaks against each member by itself.
//!
//! Separate from the fold, which makes them, and from their picture, which the history draws. Invariants: what speaks against a member
//! is its own (its behaviour, believed reports, a human's word), never the company it keeps; who has nothing of the kind can at most be
//! challenged, whoever asks.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _};
use schema::Action;

use super::cause::Cause;
use super::rank::{self, Voice};
use crate::error::Error;

/// Fewest members of what is shown.
pub const MEMBERS_MIN: u64 = 5;
/// How long until a campaign should be acted on, ms of staff's time, since it was told or last grew.
const DUE_MS: u64 = 72 * 60 * 60 * 1_000;
/// Credit of reports that speaks by itself.
const HEARD_MIN: f64 = 0.5;

/// One campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its id.
    pub id: String,
    /// When it was first told, ms of log time.
    pub opened_at: u64,
    /// When somebody was added last.
    pub grown_at: u64,
    /// Accounts in it.
    pub members: u64,
    /// Of them, those that automation limits or bans.
    pub limited: u64,
    /// The newest act on it: id and state; empty: none.
    pub act: (String, String),
    /// Since when it waits for an act, ms of log time; `None`: one was proposed since it last grew.
    pub waits_since: Option<u64>,
}

impl Campaign {
    /// When it should be acted on, if it waits; `stretched`: staff's time as log time.
    pub fn due_at(&self, stretched: impl Fn(u64) -> u64) -> Option<u64> {
        self.waits_since.map(|since| since.saturating_add(stretched(DUE_MS)))
    }
}

/// What speaks against a member by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing but its company.
    None,
    /// What it did: the rule, band or list that limits or bans it.
    Behaviour(String),
    /// Believed reports.
    Reports,
    /// A human's verdict.
    Human,
    /// Not shown to the viewer, from whom a blind case of the account hides it.
    Hidden,
}

/// One member.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The account.
    pub account: String,
    /// Whether a decision is about it; else others named it.
    pub told: bool,
    /// The model's score then.
    pub score: Option<f64>,
    /// How many members named it.
    pub named_by: u64,
    /// What automation has in force: the strongest.
    pub action: Option<Action>,
    /// What speaks against it.
    pub evidence: Evidence,
}

const SELECT: &str = "SELECT id, opened_at, grown_at,
        (SELECT count(*) FROM campaign_members WHERE campaign = c.id) AS members,
        (SELECT count(DISTINCT r.account) FROM campaign_members AS m JOIN restricted AS r ON r.account = m.account
            WHERE m.campaign = c.id AND r.action IN ('rate_limit', 'ban') AND (r.expires IS NULL OR r.expires > ?1)) AS limited,
        (SELECT b.id || ' ' || b.state FROM bulks AS b WHERE b.target = c.id ORDER BY made_at DESC, id LIMIT 1) AS act,
        (SELECT max(b.made_at) FROM bulks AS b WHERE b.target = c.id AND b.state <> 'cancelled') AS acted_at
    FROM campaigns AS c";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Campaign> {
    let number = |name: &str| row.get::<_, i64>(name).map(|value| value as u64);
    let act: Option<String> = row.get("act")?;
    let act = act.as_deref().and_then(|act| act.split_once(' ')).unwrap_or_default();
    let (opened_at, grown_at) = (number("opened_at")?, number("grown_at")?);
    let waits_since = match row.get::<_, Option<i64>>("acted_at")?.map(|at| at as u64) {
        None => Some(opened_at),
        Some(acted_at) if acted_at >= grown_at => None,
        Some(_) => Some(grown_at),
    };
    Ok(Campaign {
        id: row.get("id")?,
        opened_at,
        grown_at,
        waits_since,
        members: number("members")?,
        limited: number("limited")?,
        act: (act.0.to_owned(), act.1.to_owned()),
    })
}

/// Those that are large enough to be shown, the latest grown first.
pub fn latest(db: &Connection, now: u64, most: usize) -> Result<Vec<Campaign>, Error> {
    let sql =
        format!("{SELECT} WHERE merged_into = '' AND members >= ?2 ORDER BY grown_at DESC, id LIMIT ?3");
    let mut query = db.prepare_cached(&sql)?;
    let rows = query.query_map((now as i64, MEMBERS_MIN as i64, most as i64), read)?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// One by its id, or the one that it became a part of.
pub fn load(db: &Connection, id: &str, now: u64) -> Result<Option<Campaign>, Error> {
    let sql = format!(
        "{SELECT} WHERE id = coalesce((SELECT nullif(merged_into, '') FROM campaigns WHERE id = ?2), ?2)"
    );
    Ok(db.prepare_cached(&sql)?.query_row((now as i64, id), read).optional()?)
}

/// The campaign that an account is in, if it is shown.
pub fn of(db: &Connection, account: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT campaign FROM campaign_members AS m WHERE account = ?1
        AND (SELECT count(*) FROM campaign_members WHERE campaign = m.campaign) >= ?2";
    let mut query = db.prepare_cached(sql)?;
    Ok(query.query_row((account, MEMBERS_MIN as i64), |row| row.get(0)).optional()?)
}

/// Members with an open blind case: whoever works cases is not shown what it hides.
pub fn hidden(db: &Connection, id: &str) -> Result<BTreeSet<String>, Error> {
    let blind = Cause::ALL.into_iter().filter(|cause| cause.is_blind());
    let blind: Vec<String> = blind.map(|cause| (cause as i64).to_string()).collect();
    let sql = format!(
        "SELECT m.account FROM campaign_members AS m JOIN cases AS c ON c.account = m.account AND c.state = 0
            WHERE m.campaign = ?1 AND c.cause IN ({})",
        blind.join(", ")
    );
    let mut query = db.prepare_cached(&sql)?;
    let rows = query.query_map([id], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<BTreeSet<_>>>()?)
}

/// Accounts in it, in the order in which they are shown: those that others name most first.
pub fn accounts(db: &Connection, id: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT account FROM campaign_members AS m WHERE campaign = ?1
        ORDER BY told DESC, (SELECT count(*) FROM campaign_links WHERE companion = m.account) DESC, account";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map([id], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// Its members, in the same order.
pub fn members(db: &Connection, id: &str, now: u64) -> Result<Vec<Member>, Error> {
    let mut members = Vec::new();
    for account in accounts(db, id)? {
        let sql = "SELECT told, score, (SELECT count(*) FROM campaign_links WHERE companion = ?1)
            FROM campaign_members WHERE account = ?1";
        let (told, score, named_by) = db
            .prepare_cached(sql)?
            .query_row([&account], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64)))?;
        let (action, evidence) = (strongest(db, &account, now)?, evidence(db, &account, now)?);
        members.push(Member { account, told, score, named_by, action, evidence });
    }
    Ok(members)
}

fn strongest(db: &Connection, account: &str, now: u64) -> Result<Option<Action>, Error> {
    let sql = "SELECT action FROM restricted WHERE account = ?1 AND (expires IS NULL OR expires > ?2)";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map((account, now as i64), |row| row.get::<_, String>(0))?;
    let words = rows.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(words.iter().filter_map(|word| Action::from_word(word)).max())
}

/// What speaks against an account besides its company.
pub fn evidence(db: &Connection, account: &str, now: u64) -> Result<Evidence, Error> {
    let sql = "SELECT 1 FROM said WHERE account = ?1 AND act = 'verdict' AND counts = 1 AND undone = 0
        AND body ->> 'verdict' IN ('ban', 'confirm', 'change') LIMIT 1";
    if db.prepare_cached(sql)?.exists([account])? {
        return Ok(Evidence::Human);
    }
    // A limit that the ladder made of a challenge for company is still for company.
    let sql = "SELECT rule FROM restricted WHERE account = ?1 AND action IN ('rate_limit', 'ban') AND reason <> 'campaign'
        AND (expires IS NULL OR expires > ?2) ORDER BY action, scope LIMIT 1";
    let rule: Option<String> =
        db.prepare_cached(sql)?.query_row((account, now as i64), |row| row.get(0)).optional()?;
    if let Some(rule) = rule {
        return Ok(Evidence::Behaviour(rule));
    }
    let mut query = db.prepare_cached(
        "SELECT credit, device, prefix, range FROM reported WHERE account = ?1 ORDER BY at, author",
    )?;
    let voices = query.query_map([account], |row| {
        Ok(Voice { credit: row.get(0)?, device: row.get(1)?, prefix: row.get(2)?, range: row.get(3)? })
    })?;
    let voices = voices.collect::<rusqlite::Result<Vec<Voice>>>()?;
    Ok(if rank::heard(&voices) >= HEARD_MIN { Evidence::Reports } else { Evidence::None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Habits;
    use crate::desk::scene::{World, decision, report};

    fn named(id: &str, account: &str, others: &[&str]) -> schema::desk::Arrived {
        let others = serde_json::to_string(others).expect("strings");
        decision(id, account, "review", &format!(r#","companions":{others}"#))
    }

    #[test]
    fn who_names_whom_makes_campaigns_and_a_bridge_joins_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let (world, desk) = World::desk(folder.path(), Habits::default());
        let shown = || desk.store.read(|db| latest(db, desk.now(), 9)).expect("readable");
        world.arrive(named("d1", "a1", &["a2", "a3"]));
        assert_eq!(shown(), [], "three are too few");
        world.pass(1);
        world.arrive(named("d2", "b1", &["b2", "b3", "b4", "b5"]));
        assert_eq!(shown().iter().map(|one| one.members).collect::<Vec<_>>(), [5]);
        let second = shown()[0].id.clone();
        world.arrive(named("d3", "a3", &["b1", "c"]));
        let all = shown();
        assert_eq!(all.iter().map(|one| one.members).collect::<Vec<_>>(), [9]);
        let led =
            desk.store.read(|db| load(db, &second, desk.now())).expect("readable").expect("it leads on");
        assert_eq!(led.id, all[0].id, "the younger became a part of the older");
        let cases: i64 = desk
            .store
            .read(|db| Ok(db.query_row("SELECT count(*) FROM cases", [], |row| row.get(0))?))
            .expect("readable");
        assert_eq!(cases, 0, "a campaign is looked at as one");
    }

    #[test]
    fn company_is_no_evidence_and_own_behaviour_believed_reports_and_a_humans_word_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let (world, desk) = World::desk(folder.path(), Habits::default());
        world.arrive(named("d0", "a", &["b", "c", "d", "e"]));
        let limit = r#","limit":{"max":1,"per_s":60}"#;
        world.arrive(decision("d1", "b", "rate_limit", limit));
        let schema::desk::Arrived::Decision(mut led) = decision("d2", "c", "rate_limit", limit) else {
            panic!("it is one")
        };
        led.reasons[0].code = "campaign".to_owned();
        world.arrive(schema::desk::Arrived::Decision(led));
        world.arrive(report("e1", "d", "p", r#","reason":"spam","contact":"account","peer_age_h":9000.0"#));
        let found = desk.store.read(|db| {
            let id = of(db, "a")?.expect("it is in one");
            members(db, &id, desk.now())
        });
        let found = found.expect("readable");
        let of = |account: &str| {
            found.iter().find(|member| member.account == account).expect("a member").evidence.clone()
        };
        assert_eq!(of("a"), Evidence::None);
        assert_eq!(of("b"), Evidence::Behaviour("busy".to_owned()));
        assert_eq!(of("c"), Evidence::None, "a ladder that began with company is company");
        assert_eq!(of("d"), Evidence::Reports);
    }
}
