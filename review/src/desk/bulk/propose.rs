//! Proposing: what an act would be about is written down, so that a preview shows exactly that.
//!
//! Separate from carrying out. Invariants: urgent, blind and appealed cases are never among cases; a proposal is whole or not there; so
//! many at most.

use rusqlite::Transaction;
use schema::Action;

use super::versions::Made;
use super::{Kind, Proposal};
use crate::desk::case::Case;
use crate::desk::queue::{self, Filter};
use crate::desk::{Desk, campaign, rank};
use crate::error::Error;

/// Most cases, or restrictions of a version, of one act.
pub const AT_ONCE_MAX: usize = 100_000;
/// As many are read or written at once, so that whoever else needs the store waits little.
const SLICE: usize = 2_000;
/// Accounts of a version's act whose country is looked up for the preview.
const LOOKED_UP: i64 = 200;

/// One to be acted on.
struct Item {
    item: String,
    account: String,
    case_id: String,
    decision: String,
    what: String,
}

impl Desk {
    /// Proposes an act on what a filter shows now; its id.
    pub(crate) fn propose_bulk(
        &self,
        owner: &str,
        filter: &Filter,
        what: &Proposal<'_>,
    ) -> Result<String, Error> {
        what.check(&self.given.settings.clauses)?;
        let now = self.now();
        let item = |case: Case| Item {
            item: case.id.clone(),
            account: case.account,
            case_id: case.id,
            decision: String::new(),
            what: case.action.map_or(String::new(), |action| action.word().to_owned()),
        };
        let (shown, _) = self.store.read(|db| queue::counted(db, (filter, now)))?;
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let listed = self.store.read(|db| queue::page(db, (filter, now), after.as_ref(), SLICE))?;
            let Some(last) = listed.last() else { break };
            after = Some(last.place.clone());
            let cases = listed.into_iter().map(|listed| listed.case).filter(|case| !case.cause.is_alone());
            items.extend(cases.map(item));
            if items.len() >= AT_ONCE_MAX {
                items.truncate(AT_ONCE_MAX);
                break;
            }
        }
        let id = self.write(owner, (Kind::Cases, ""), what, items)?;
        self.note_of(&id, shown as i64)?;
        Ok(id)
    }

    /// Notes out of how many those are that it is about.
    fn note_of(&self, id: &str, shown: i64) -> Result<(), Error> {
        let sql = "UPDATE bulks SET shown = ?2 WHERE id = ?1";
        self.store.writer().prepare_cached(sql)?.execute((id, shown))?;
        Ok(())
    }

    /// Proposes an act on all members of a campaign; its id.
    pub(crate) fn propose_campaign(
        &self,
        owner: &str,
        campaign: &str,
        what: &Proposal<'_>,
    ) -> Result<String, Error> {
        what.check(&self.given.settings.clauses)?;
        let now = self.now();
        let members = self.store.read(|db| campaign::members(db, campaign, now))?;
        let item = |member: campaign::Member| Item {
            item: member.account.clone(),
            account: member.account,
            case_id: String::new(),
            decision: String::new(),
            what: member.action.map_or("", Action::word).to_owned(),
        };
        self.write(owner, (Kind::Campaign, campaign), what, members.into_iter().map(item).collect())
    }

    /// Proposes to lift all that a version did and that is in force; its id.
    pub(crate) fn propose_undoing(
        &self,
        owner: &str,
        made: &Made,
        (policy, reason): (&str, &str),
    ) -> Result<String, Error> {
        let what = Proposal { act: "lift", label: "", policy, reason };
        what.check(&self.given.settings.clauses)?;
        let now = self.now();
        let (found, shown) = self.store.read(|db| {
            let which = "FROM restricted WHERE CASE ?1 WHEN 'model' THEN model = ?3 ELSE source = ?1 AND version = ?3 END
                    AND (?2 = '*' OR rule = ?2) AND (expires IS NULL OR expires > ?4)";
            let values = (&made.source, &made.rule, &made.version, now as i64, AT_ONCE_MAX as i64);
            let mut query = db.prepare_cached(&format!("SELECT count(*) {which} AND ?5 > 0"))?;
            let shown: i64 = query.query_row(values, |row| row.get(0))?;
            let sql = format!("SELECT account, decision, action {which} ORDER BY issued DESC, account LIMIT ?5");
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map(values, |row| {
                let decision: String = row.get(1)?;
                let (item, case_id) = (decision.clone(), String::new());
                Ok(Item { item, account: row.get(0)?, case_id, decision, what: row.get(2)? })
            })?;
            Ok((rows.collect::<rusqlite::Result<Vec<Item>>>()?, shown))
        })?;
        let id = self.write(owner, (Kind::Version, &made.text()), &what, found)?;
        if shown > AT_ONCE_MAX as i64 {
            self.note_of(&id, shown)?;
        }
        let sampled = self.store.read(|db| {
            let sql = "SELECT account FROM bulk_items WHERE bulk = ?1 ORDER BY lot LIMIT ?2";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map((&id, LOOKED_UP), |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
        })?;
        if let Err(error) = self.look_up_these(&sampled) {
            tracing::debug!(%error, "the preview is shown without countries");
        }
        Ok(id)
    }

    fn write(
        &self,
        owner: &str,
        (kind, target): (Kind, &str),
        what: &Proposal<'_>,
        items: Vec<Item>,
    ) -> Result<String, Error> {
        if items.is_empty() {
            return Err(Error::Refused("bulk.nothing"));
        }
        let id = format!("b_{}", self.once().replace('.', "_"));
        let now = self.now() as i64;
        // It is there once its last slice is.
        for slice in items.chunks(SLICE) {
            let mut writer = self.store.writer();
            let transaction = writer.transaction()?;
            slice.iter().try_for_each(|item| insert(&transaction, &id, item))?;
            transaction.commit()?;
        }
        let sql = "INSERT INTO bulks (id, owner, made_at, state, act, label, policy, reason, kind, target)
            VALUES (?1, ?2, ?3, 'proposed', ?4, ?5, ?6, ?7, ?8, ?9)";
        let Proposal { act, label, policy, reason } = what;
        let values = (&id, owner, now, act, label, policy, reason, kind.word(), target);
        self.store.writer().prepare_cached(sql)?.execute(values)?;
        Ok(id)
    }
}

fn insert(transaction: &Transaction<'_>, id: &str, item: &Item) -> Result<(), Error> {
    let Item { item, account, case_id, decision, what } = item;
    let sql = "INSERT OR IGNORE INTO bulk_items (bulk, item, account, case_id, decision, what, lot, state)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting')";
    let lot = rank::lot(&format!("{id}{item}"));
    transaction.prepare_cached(sql)?.execute((id, item, account, case_id, decision, what, lot))?;
    Ok(())
}
