//! What an act on many would pass over if it were carried out now, so that a preview can say so.
//!
//! Separate from carrying out, whose checks it makes. Invariants: nothing is changed; what is told of all was asked of each; above so many
//! a random sample is asked, and told to be one.

use std::collections::BTreeMap;

use super::carry::Item;
use super::{Bulk, Kind};
use crate::desk::Desk;
use crate::desk::acts::{NO_CASE, check};
use crate::desk::case::Case;
use crate::desk::cause::Cause;
use crate::error::Error;

/// Most that are asked: a person waits for the page.
const ASKED_MAX: i64 = 5_000;

/// What would be passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// So many were asked.
    pub asked: u64,
    /// Whether there are more than that.
    pub is_sample: bool,
    /// Why, as the key of a text, and how many of those that were asked; most first.
    pub why: Vec<(&'static str, u64)>,
}

impl Desk {
    /// What would be passed over if it were carried out now.
    pub(crate) fn foreseen(&self, bulk: &Bulk) -> Result<Foreseen, Error> {
        let items = self.store.read(|db| {
            let sql = "SELECT item, account, case_id, decision FROM bulk_items
                WHERE bulk = ?1 AND state = 'waiting' ORDER BY lot, item LIMIT ?2";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map((&bulk.id, ASKED_MAX), |row| {
                let (item, account, case_id) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Item { item, account, case_id, decision: row.get(3)?, review: String::new() })
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<Item>>>()?)
        })?;
        let mut why: BTreeMap<&'static str, u64> = BTreeMap::new();
        for item in &items {
            match self.would_do(bulk, item) {
                Ok(()) => {}
                Err(Error::Refused(one)) => *why.entry(one).or_default() += 1,
                Err(error) => return Err(error),
            }
        }
        let mut why: Vec<(&'static str, u64)> = why.into_iter().collect();
        why.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let asked = items.len() as u64;
        Ok(Foreseen { asked, is_sample: asked < bulk.counts[0], why })
    }

    /// Whether one would be done.
    fn would_do(&self, bulk: &Bulk, item: &Item) -> Result<(), Error> {
        let standing = self.given.insight.standing(&item.account)?;
        let case = match bulk.kind {
            Kind::Version => {
                return self.may_lift(bulk, item, standing.as_ref())?.map_err(Error::Refused);
            }
            Kind::Campaign => self.may_act(bulk, &item.account)?.unwrap_or_else(|| {
                // One would be opened, about no decision.
                Case::new(NO_CASE.to_owned(), &item.account, Cause::Opened, self.now())
            }),
            Kind::Cases => {
                let found = self.store.read(|db| Case::load(db, &item.case_id))?;
                found.ok_or(Error::Refused("bulk.gone"))?
            }
        };
        let wanted = bulk.wanted();
        check(&case, &bulk.owner, &wanted, (standing.as_ref(), &self.given.settings.clauses, self.now()))
    }
}
