//! What an act on many does to each, and how it is taken back: case by case with the checks of a single act; a version's in bunches.
//!
//! Separate from who comes when (`run`). Invariants: a member of a campaign against whom nothing speaks but its company is never banned;
//! of a version, only its own decision is lifted, and only where nothing else would go with it; nothing is put back over a later verdict;
//! what the log has already is done, whatever became of the process that sent it.

use schema::desk::Untaken;
use schema::{Act, Label, Review, Standing, Verdict};

use super::{Bulk, Kind};
use crate::desk::Desk;
use crate::desk::acts::restore::restoring;
use crate::desk::acts::{Batch, NO_CASE, TAKEN_BACK, Wanted, is_superseded};
use crate::desk::campaign::{self, Evidence};
use crate::desk::case::Case;
use crate::desk::cause::Cause;
use crate::error::Error;

/// One of what is acted on.
pub(super) struct Item {
    pub(super) item: String,
    pub(super) account: String,
    pub(super) case_id: String,
    pub(super) decision: String,
    pub(super) review: String,
}

/// What became of one: its review, or why it was passed over.
pub(super) type Outcome = (Item, Result<String, &'static str>);

impl Bulk {
    pub(super) fn wanted(&self) -> Wanted {
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
            batch: Some(Batch { id: self.id.clone(), approver: self.approver.clone() }),
        }
    }
}

impl Desk {
    /// What is acted on at once with these.
    pub(super) fn outcomes(&self, bulk: &Bulk, items: Vec<Item>, from: &str) -> Result<Vec<Outcome>, Error> {
        match (bulk.kind, from) {
            (Kind::Version, "waiting") => self.lift_bunch(bulk, items),
            (Kind::Version, _) => self.restore_bunch(bulk, items),
            (_, from) => items.into_iter().map(|item| self.single(bulk, item, from)).collect(),
        }
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
            // It lies in the log: its turn comes again, and finds it there.
            Err(error @ Error::Refused("refused.late")) => Err(error),
            Err(Error::Refused(why)) => Ok((item, Err(why))),
            Err(Error::Untaken(Untaken::Refused(refusal))) => {
                tracing::warn!(%refusal, bulk = bulk.id, item = item.item, "the log refused a part of an act on many");
                Ok((item, Err("refused.log")))
            }
            Err(error) => Err(error),
        }
    }

    fn one(&self, bulk: &Bulk, case_id: &str) -> Result<String, Error> {
        let case = self.store.read(|db| Case::load(db, case_id))?.ok_or(Error::Refused("bulk.gone"))?;
        let ids = self.act(&case, &bulk.owner, (&bulk.wanted(), &bulk.id))?;
        Ok(ids.into_iter().next().unwrap_or_default())
    }

    /// The open case of a member that may be acted on, if it has one.
    pub(super) fn may_act(&self, bulk: &Bulk, account: &str) -> Result<Option<Case>, Error> {
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
        self.undo_in_batch(&case, &bulk.owner, (act, &bulk.id))?;
        Ok(review.to_owned())
    }

    /// Lifts what a version did to these, with one write.
    fn lift_bunch(&self, bulk: &Bulk, items: Vec<Item>) -> Result<Vec<Outcome>, Error> {
        let (mut outcomes, mut reviews) = (Vec::new(), Vec::new());
        for item in items {
            let mut review = self.without_case(&item, bulk, "");
            if self.is_undone(&review.id)?.is_some() {
                outcomes.push((item, Ok(review.id)));
                continue;
            }
            let standing = self.given.insight.standing(&item.account)?;
            if let Err(why) = self.may_lift(bulk, &item, standing.as_ref())? {
                // What ended by a lift that was sent before the process ended is sent again: the log knows it by its id.
                let is_sent = why == "bulk.ended" && self.before(&review.id)?.is_some();
                if !is_sent {
                    outcomes.push((item, Err(why)));
                    continue;
                }
            }
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
    pub(super) fn may_lift(
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
            if self.store.read(|db| is_superseded(db, &item.account, &item.review))? {
                outcomes.push((item, Err("refused.later_verdict")));
                continue;
            }
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
            review.check().map_err(Untaken::Refused)?;
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
