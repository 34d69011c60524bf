//! Carrying an act on many out, and taking it back: case by case with the checks of a single act; a version's in bunches.
//!
//! Separate from proposing. Invariants: nothing is done that is not in the state for it when its turn comes; a member of a campaign
//! against whom nothing speaks but its company is never banned; of a version, only its own decision is lifted, and only where nothing
//! else would go with it.

use std::collections::BTreeMap;

use rusqlite::Connection;
use schema::{Act, Label, Review, Standing, Verdict};

use super::{Bulk, Kind, load};
use crate::desk::Desk;
use crate::desk::acts::restore::restoring;
use crate::desk::acts::{NO_CASE, TAKEN_BACK, Wanted};
use crate::desk::campaign::{self, Evidence};
use crate::desk::case::Case;
use crate::desk::cause::Cause;
use crate::error::Error;

/// Restrictions of a version that are lifted with one write.
const BUNCH: i64 = 100;

/// One of what is acted on.
struct Item {
    item: String,
    account: String,
    case_id: String,
    decision: String,
    review: String,
}

/// What became of one: its review, or why it was passed over.
type Outcome = (Item, Result<String, &'static str>);

impl Bulk {
    fn wanted(&self) -> Wanted {
        let verdict = Verdict::from_word(&self.act);
        Wanted {
            act: if verdict.is_some() { Act::Verdict } else { Act::Label },
            verdict,
            scope: None,
            limit: None,
            expires: None,
            policy: self.policy.clone(),
            reason: self.reason.clone(),
            label: Label::from_word(&self.label),
            batch: Some(self.id.clone()),
        }
    }
}

impl Desk {
    /// Carries out what is approved, or takes it back, until nothing is left or somebody stops it. Blocks for long.
    pub(crate) fn run_bulk(&self, id: &str) -> Result<(), Error> {
        let Some(mut bulk) = self.store.read(|db| load(db, id))? else { return Ok(()) };
        loop {
            (bulk.state, bulk.approver) = self.store.read(|db| state(db, id))?;
            let (from, end) = match &*bulk.state {
                "running" => ("waiting", "done"),
                "undoing" => ("done", "undone"),
                _ => return Ok(()),
            };
            let items = self.items(&bulk, from)?;
            if items.is_empty() {
                let state = format!("state = '{}'", bulk.state);
                return self.step(id, &state, end, &bulk.approver);
            }
            let outcomes = match (bulk.kind, from) {
                (Kind::Version, "waiting") => self.lift_bunch(&bulk, items)?,
                (Kind::Version, _) => self.restore_bunch(&bulk, items)?,
                (_, from) => {
                    items.into_iter().map(|item| self.single(&bulk, item, from)).collect::<Result<_, _>>()?
                }
            };
            self.note_outcomes(id, end, &outcomes)?;
        }
    }

    fn items(&self, bulk: &Bulk, state: &str) -> Result<Vec<Item>, Error> {
        let most = if bulk.kind == Kind::Version { BUNCH } else { 1 };
        self.store.read(|db| {
            let sql = "SELECT item, account, case_id, decision, review FROM bulk_items
                WHERE bulk = ?1 AND state = ?2 ORDER BY item LIMIT ?3";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map((&bulk.id, state, most), |row| {
                let (item, account, case_id) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Item { item, account, case_id, decision: row.get(3)?, review: row.get(4)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    fn note_outcomes(&self, id: &str, end: &str, outcomes: &[Outcome]) -> Result<(), Error> {
        let mut writer = self.store.writer();
        let transaction = writer.transaction()?;
        for (item, outcome) in outcomes {
            let (state, review, why) = match outcome {
                Ok(review) => (end, review, ""),
                Err(why) => ("passed_over", &item.review, *why),
            };
            let sql = "UPDATE bulk_items SET state = ?3, review = ?4, why = ?5, case_id = ?6 WHERE bulk = ?1 AND item = ?2";
            let values = (id, &item.item, state, review, why, &item.case_id);
            transaction.prepare_cached(sql)?.execute(values)?;
        }
        Ok(transaction.commit()?)
    }

    /// Acts on one case or member, or takes that back.
    fn single(&self, bulk: &Bulk, mut item: Item, from: &str) -> Result<Outcome, Error> {
        let done = match (from, bulk.kind) {
            ("waiting", Kind::Campaign) => self.member(bulk, &mut item),
            ("waiting", _) => self.one(bulk, &item.case_id),
            _ => self.one_back(bulk, &item.case_id, &item.review),
        };
        match done {
            Ok(review) => Ok((item, Ok(review))),
            Err(Error::Refused(why)) => Ok((item, Err(why))),
            Err(error) => Err(error),
        }
    }

    fn one(&self, bulk: &Bulk, case_id: &str) -> Result<String, Error> {
        let case = self.store.read(|db| Case::load(db, case_id))?.ok_or(Error::Refused("bulk.gone"))?;
        let ids = self.act(&case, &bulk.owner, (&bulk.wanted(), &bulk.id))?;
        Ok(ids.into_iter().next().unwrap_or_default())
    }

    /// The open case of a member that may be acted on, if it has one.
    fn may_act(&self, bulk: &Bulk, account: &str) -> Result<Option<Case>, Error> {
        let now = self.now();
        let (open, evidence) =
            self.store.read(|db| Ok((Case::open_of(db, account)?, campaign::evidence(db, account, now)?)))?;
        let condemns = bulk.act == Verdict::Ban.word() || bulk.label == Label::Abusive.word();
        if condemns && evidence == Evidence::None {
            return Err(Error::Refused("campaign.no_evidence"));
        }
        match &open {
            Some(case) if case.cause.is_alone() => Err(Error::Refused("campaign.own_case")),
            Some(case) if case.excludes(&bulk.owner) => Err(Error::Refused("refused.own_decision")),
            Some(case) if !case.is_free_for(&bulk.owner, now) => Err(Error::Refused("refused.held")),
            _ => Ok(open),
        }
    }

    /// What would be passed over if it were carried out now: why, and how many of it, most first.
    pub(crate) fn foreseen(&self, bulk: &Bulk) -> Result<Vec<(&'static str, u64)>, Error> {
        let mut why: BTreeMap<&'static str, u64> = BTreeMap::new();
        match bulk.kind {
            Kind::Campaign => {
                for account in self.store.read(|db| waiting(db, &bulk.id))? {
                    match self.may_act(bulk, &account) {
                        Ok(_) => {}
                        Err(Error::Refused(one)) => *why.entry(one).or_default() += 1,
                        Err(error) => return Err(error),
                    }
                }
            }
            Kind::Cases => {
                let (closed, held) = self.store.read(|db| taken(db, bulk, self.now()))?;
                let found = [("refused.closed", closed), ("refused.held", held)];
                why.extend(found.into_iter().filter(|(_, count)| *count > 0));
            }
            // What has ended by its turn shows then: there may be very many.
            Kind::Version => {}
        }
        let mut why: Vec<(&'static str, u64)> = why.into_iter().collect();
        why.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(why)
    }

    /// Acts on a member by way of its open case, or of one that is opened for it.
    fn member(&self, bulk: &Bulk, item: &mut Item) -> Result<String, Error> {
        let account = &item.account;
        let case = match self.may_act(bulk, account)? {
            Some(case) => case,
            None => self.open_case(account, &bulk.owner, &format!("{}{account}", bulk.id))?,
        };
        item.case_id.clone_from(&case.id);
        let ids = self.act(&case, &bulk.owner, (&bulk.wanted(), &bulk.id))?;
        Ok(ids.into_iter().next().unwrap_or_default())
    }

    fn one_back(&self, bulk: &Bulk, case_id: &str, review: &str) -> Result<String, Error> {
        let case = self.store.read(|db| Case::load(db, case_id))?.ok_or(Error::Refused("bulk.gone"))?;
        // A label by itself has no letter behind its id's.
        let act = review.strip_suffix('l').unwrap_or(review);
        self.undo(&case, &bulk.owner, (act, true, &bulk.id))?;
        Ok(review.to_owned())
    }

    /// Lifts what a version did to these, with one write.
    fn lift_bunch(&self, bulk: &Bulk, items: Vec<Item>) -> Result<Vec<Outcome>, Error> {
        let (mut outcomes, mut reviews) = (Vec::new(), Vec::new());
        for item in items {
            let standing = self.given.insight.standing(&item.account)?;
            if let Err(why) = self.may_lift(bulk, &item, standing.as_ref())? {
                outcomes.push((item, Err(why)));
                continue;
            }
            let mut review = self.without_case(&item, bulk, "");
            review.verdict = Some(Verdict::Lift);
            review.decision = Some(item.decision.clone());
            self.note_before(&review.id, &item.account, standing)?;
            outcomes.push((item, Ok(review.id.clone())));
            reviews.push(review);
        }
        self.send(&reviews)?;
        Ok(outcomes)
    }

    /// Whether a version's decision is in force, and alone in what a lift of it would take.
    fn may_lift(
        &self,
        bulk: &Bulk,
        item: &Item,
        standing: Option<&Standing>,
    ) -> Result<Result<(), &'static str>, Error> {
        let all = standing.map_or(&[][..], |standing| &standing.restrictions);
        let Some(own) = all.iter().find(|one| one.decision == item.decision && !one.human) else {
            return Ok(Err("bulk.ended"));
        };
        let goes_with = |one: &&schema::Restriction| {
            one.decision != item.decision && (own.scope == schema::Scope::All || one.scope == own.scope)
        };
        for other in all.iter().filter(goes_with) {
            let is_among = self.store.read(|db| {
                let mut query =
                    db.prepare_cached("SELECT 1 FROM bulk_items WHERE bulk = ?1 AND item = ?2")?;
                Ok(query.exists((&bulk.id, &other.decision))?)
            })?;
            if other.human || !is_among {
                return Ok(Err("bulk.not_alone"));
            }
        }
        Ok(Ok(()))
    }

    /// Puts in force again what these had before, with one write.
    fn restore_bunch(&self, bulk: &Bulk, items: Vec<Item>) -> Result<Vec<Outcome>, Error> {
        let now = self.now();
        let (mut outcomes, mut reviews) = (Vec::new(), Vec::new());
        for item in items {
            let Some(before) = self.before(&item.review)? else {
                outcomes.push((item, Err("refused.before_unknown")));
                continue;
            };
            let mut undone = self.without_case(&item, bulk, "");
            undone.verdict = Some(Verdict::Lift);
            let own = Standing {
                restrictions: before
                    .restrictions
                    .into_iter()
                    .filter(|one| one.decision == item.decision)
                    .collect(),
                ..before
            };
            let words = restoring(&own, &undone, now);
            if words.is_empty() {
                outcomes.push((item, Err("bulk.nothing_back")));
                continue;
            }
            for (number, word) in words.into_iter().enumerate() {
                let mut review = self.without_case(&item, bulk, &format!("v{number}"));
                (review.verdict, review.scope) = (Some(word.verdict), word.scope);
                (review.limit, review.expires) = (word.limit, word.expires);
                review.reason = Some(TAKEN_BACK.to_owned());
                review.undoes = Some(item.review.clone());
                reviews.push(review);
            }
            let review = item.review.clone();
            outcomes.push((item, Ok(review)));
        }
        self.send(&reviews)?;
        Ok(outcomes)
    }

    fn send(&self, reviews: &[Review]) -> Result<(), Error> {
        let Some(last) = reviews.last() else { return Ok(()) };
        for review in reviews {
            review.check().map_err(schema::desk::Untaken::Refused)?;
        }
        self.given.outlet.review(reviews)?;
        self.folded(&last.id)
    }

    /// A verdict about an account that belongs to no case.
    fn without_case(&self, item: &Item, bulk: &Bulk, once: &str) -> Review {
        let case = Case::new(NO_CASE.to_owned(), &item.account, Cause::Opened, self.now());
        let once = format!("{}{}{once}", bulk.id, item.item);
        let mut review = self.record(&case, (&bulk.owner, Act::Verdict), &once);
        review.policy = Some(bulk.policy.clone()).filter(|policy| !policy.is_empty());
        review.reason = Some(bulk.reason.clone());
        review.batch = Some(bulk.id.clone());
        review.shown = vec!["bulk".to_owned()];
        review
    }
}

/// State and approver.
fn state(db: &Connection, id: &str) -> Result<(String, String), Error> {
    let mut query = db.prepare_cached("SELECT state, approver FROM bulks WHERE id = ?1")?;
    Ok(query.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Accounts that wait.
fn waiting(db: &Connection, id: &str) -> Result<Vec<String>, Error> {
    let mut query =
        db.prepare_cached("SELECT account FROM bulk_items WHERE bulk = ?1 AND state = 'waiting'")?;
    let rows = query.query_map([id], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
}

/// Of cases that wait, those that somebody closed meanwhile, and those that another holds.
fn taken(db: &Connection, bulk: &Bulk, now: u64) -> Result<(u64, u64), Error> {
    let sql = "SELECT count(*) FILTER (WHERE c.state <> 0),
            count(*) FILTER (WHERE c.state = 0 AND c.claimed_until > ?2 AND c.claimed_by NOT IN ('', ?3))
        FROM bulk_items AS i JOIN cases AS c ON c.id = i.case_id WHERE i.bulk = ?1 AND i.state = 'waiting'";
    let mut query = db.prepare_cached(sql)?;
    let found = query.query_row((&bulk.id, now as i64, &bulk.owner), |row| {
        Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
    })?;
    Ok(found)
}
