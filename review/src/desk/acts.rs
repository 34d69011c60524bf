//! What reviewers do: offered and claimed cases, acts with their checks, and taking back.
//!
//! Separate from the fold, which obeys whatever lies in the log: here is checked what may be sent there. Invariants: an act that is
//! sent twice (the same `once`) is one, and another act of the same form is another; every act has a reason, and all but passing over a
//! clause of the policy; nobody acts on what another holds, and nobody on an appeal against their own verdict; a blind case is labelled,
//! not decided; what whoever acts had seen is told by what was shown to them, never by their browser; what somebody did by themselves is
//! in the audit chain before it is sent.

mod check;
pub(super) mod restore;
mod sent;
mod undo;

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::OptionalExtension as _;
use schema::{Act, Action, Decision, Label, Limit, Restriction, Review, Scope, Standing, Verdict};
use xxhash_rust::xxh3::xxh3_128;

use super::Desk;
use super::case::{Case, State, case_id};
use super::cause::Cause;
use super::queue::{self, Filter, Seeker};
use crate::error::Error;
pub use check::{WHYS, check, reason};

pub use sent::Acting;
pub use undo::is_superseded;

pub use schema::review::NO_CASE;
/// The reason of whatever takes something back.
pub const TAKEN_BACK: &str = "taken back";
/// What is noted at a case in the name of whoever approved an act on many.
const APPROVED: &str = "approved as part of an act on many";
/// How long an offer keeps others away, ms of staff's time.
const OFFER_MS: u64 = 60 * 1_000;
/// Most offers to one person that are remembered.
const OFFERS_EACH: usize = 3;
/// How long an act waits until it is folded.
const FOLDED: Duration = Duration::from_secs(5);

/// What a reviewer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The act.
    pub act: Act,
    /// For a verdict.
    pub verdict: Option<Verdict>,
    /// For a verdict: what it covers.
    pub scope: Option<Scope>,
    /// For `change`: the rate.
    pub limit: Option<Limit>,
    /// For a verdict: its end, ms since the Unix epoch in log time.
    pub expires: Option<u64>,
    /// The clause of the policy, by its id; empty: none.
    pub policy: String,
    /// The reviewer's words; empty: none.
    pub reason: String,
    /// What the reviewer says the account is, with a verdict or by itself.
    pub label: Option<Label>,
    /// The act on many that it is part of.
    pub batch: Option<Batch>,
}

/// The act on many that an act is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its id.
    pub id: String,
    /// Who approved it.
    pub approver: String,
}

impl Wanted {
    /// The act, or the verdict, in one word.
    pub fn word(&self) -> &'static str {
        self.verdict.map_or(self.act.word(), Verdict::word)
    }
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is theirs.
    Yes,
    /// Another has it, or it is closed to them.
    No(String),
}

impl Desk {
    /// The next case for somebody, kept from others for a moment; claims nothing.
    pub(crate) fn offer(
        &self,
        seeker: &Seeker<'_>,
        filter: &Filter,
        but: &[String],
    ) -> Result<Option<Case>, Error> {
        let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.retain(|_, (_, until)| *until > seeker.now);
        let others = offered.iter().filter(|(_, (actor, _))| actor != seeker.actor);
        let taken: Vec<String> = others.map(|(case, _)| case.clone()).chain(but.iter().cloned()).collect();
        let found = self.store.read(|db| queue::next(db, seeker, filter, &taken))?;
        if let Some(case) = &found {
            let until = seeker.now + self.given.habits.stretched(OFFER_MS);
            offered.insert(case.id.clone(), (seeker.actor.to_owned(), until));
            // Nobody keeps more from others than what they come to next.
            let own = offered.iter().filter(|(_, (actor, _))| actor == seeker.actor);
            let oldest = own.clone().min_by_key(|(_, (_, until))| *until).map(|(id, _)| id.clone());
            if own.count() > OFFERS_EACH
                && let Some(oldest) = oldest
            {
                offered.remove(&oldest);
            }
        }
        Ok(found)
    }

    /// Claims a case or renews the claim, and waits for what the log says.
    pub(crate) fn claim(&self, case: &Case, actor: &str, once: &str) -> Result<Claimed, Error> {
        let review = self.record(case, (actor, Act::Claim), once);
        self.given.outlet.review(std::slice::from_ref(&review))?;
        self.folded(&review.id)?;
        let now = self.now();
        let found = self.store.read(|db| Case::load(db, &case.id))?;
        Ok(match found.as_ref().and_then(|case| case.holder(now)) {
            Some(holder) if holder == actor => Claimed::Yes,
            holder => Claimed::No(holder.unwrap_or_default().to_owned()),
        })
    }

    /// Offers, claims, and if another was faster, goes on with the next.
    pub(crate) fn take_next(
        &self,
        seeker: &Seeker<'_>,
        (filter, first): (&Filter, Option<&str>),
        once: &str,
    ) -> Result<Option<Case>, Error> {
        let mut lost: Vec<String> = Vec::new();
        let wanted = first.map(|id| self.store.read(|db| Case::load(db, id))).transpose()?.flatten();
        // It comes from a form: what would not be offered is not taken.
        let is_for_leads = |case: &Case| case.escalated || case.cause.is_for_leads();
        let mut wanted = wanted.filter(|case| seeker.is_lead || !is_for_leads(case));
        for attempt in 0..8 {
            let found = match wanted.take() {
                Some(case) => Some(case),
                None => self.offer(seeker, filter, &lost)?,
            };
            let Some(case) = found else { return Ok(None) };
            let is_mine = case.holder(seeker.now) == Some(seeker.actor);
            if is_mine || self.claim(&case, seeker.actor, &format!("{once}{attempt}"))? == Claimed::Yes {
                return Ok(Some(case));
            }
            lost.push(case.id);
        }
        Ok(None)
    }

    /// Does what a reviewer asks about a case; gives the ids of what was written, the last act first.
    pub(crate) fn act(
        &self,
        case: &Case,
        actor: &str,
        (wanted, once): (&Wanted, &str),
    ) -> Result<Vec<String>, Error> {
        let _turn = self.turn_at(&case.id);
        // What another did a moment ago counts, whatever was on the screen.
        let fresh = self.store.read(|db| Case::load(db, &case.id))?;
        let case = fresh.as_ref().unwrap_or(case);
        let reviews = self.written(case, actor, (wanted, once))?;
        let ids: Vec<String> = reviews.iter().rev().map(|review| review.id.clone()).collect();
        if ids.is_empty() {
            return Err(Error::Refused("refused.no_label"));
        }
        match self.is_undone(&ids[0])? {
            None => {}
            Some(false) => return Ok(ids),
            Some(true) => return Err(Error::Refused("refused.form_old")),
        }
        let now = self.now();
        let standing = self.given.insight.standing(&case.account)?;
        check(case, actor, wanted, (standing.as_ref(), &self.given.settings.clauses, now))?;
        if wanted.act != Act::Note
            && case.holder(now) != Some(actor)
            && case.state == State::Open
            && let Claimed::No(_) = self.claim(case, actor, &format!("{once}c"))?
        {
            return Err(Error::Refused("refused.held"));
        }
        for review in &reviews {
            review.check().map_err(schema::desk::Untaken::Refused)?;
        }
        if wanted.act == Act::Verdict {
            self.note_before(&ids[0], &case.account, standing)?;
        }
        if wanted.batch.is_some() {
            self.given.outlet.review(&reviews)?;
        } else {
            let what = format!("act_{}", wanted.word());
            self.send_audited(&reviews, (actor, &what), &format!("{} {}", case.id, ids[0]))?;
        }
        self.folded(&ids[0])?;
        Ok(ids)
    }

    /// The records of an act, the act itself last.
    fn written(
        &self,
        case: &Case,
        actor: &str,
        (wanted, once): (&Wanted, &str),
    ) -> Result<Vec<Review>, Error> {
        let mut reviews = Vec::new();
        let label = wanted.label.map_or("", |label| label.word());
        let mut record = self.record(case, (actor, wanted.act), &format!("{once}:{}:{label}", wanted.word()));
        record.reason = Some(wanted.reason.clone()).filter(|reason| !reason.is_empty());
        record.policy = Some(wanted.policy.clone()).filter(|policy| !policy.is_empty());
        record.shown = match &wanted.batch {
            Some(_) => vec!["bulk".to_owned()],
            None => self.shown_to(case, actor)?,
        };
        if let Some(batch) = &wanted.batch {
            record.batch = Some(batch.id.clone());
            if !batch.approver.is_empty() && batch.approver != actor {
                // So that the log says who answers for it besides: an appeal is closed to them, too.
                let (id, act) = (format!("{}a", record.id), Act::Note);
                let (actor, reason) = (batch.approver.clone(), Some(APPROVED.to_owned()));
                reviews.push(Review { id, actor, act, reason, ..record.clone() });
            }
        }
        if case.cause == Cause::Golden && wanted.act == Act::Label {
            // A known answer is asked for: what is said of it teaches nothing and decides nothing.
            (record.act, record.label) = (Act::Note, wanted.label);
            record.shown.push("golden".to_owned());
            reviews.push(record.clone());
        } else if let Some(label) = wanted.label {
            let (id, act) = (format!("{}l", record.id), Act::Label);
            reviews.push(Review { id, act, label: Some(label), ..record.clone() });
        }
        if wanted.act != Act::Label {
            record.verdict = wanted.verdict;
            record.scope = wanted.scope;
            record.limit = wanted.limit;
            record.expires = wanted.expires;
            let judged = Some(case.decision.clone()).filter(|id| !id.is_empty());
            record.decision = judged.filter(|_| wanted.act == Act::Verdict);
            if wanted.verdict == Some(Verdict::Lift) && wanted.scope.is_none() {
                // Everything goes, not only what the judged decision did.
                record.decision = None;
            }
            reviews.push(record);
        }
        Ok(reviews)
    }

    /// Opens a case about an account and claims it; if one is open already, that is it.
    pub(crate) fn open_case(&self, account: &str, actor: &str, once: &str) -> Result<Case, Error> {
        let id = case_id(account, Cause::Opened, once);
        let asked = Case::new(id, account, Cause::Opened, self.now());
        let open = self.record(&asked, (actor, Act::Open), once);
        let claim = self.record(&asked, (actor, Act::Claim), once);
        open.check().map_err(schema::desk::Untaken::Refused)?;
        self.given.outlet.review(&[open, claim.clone()])?;
        self.folded(&claim.id)?;
        self.store.read(|db| Case::open_of(db, account))?.ok_or(Error::Refused("refused.late"))
    }

    /// Gives a case back.
    pub(crate) fn release(&self, case: &Case, actor: &str, once: &str) -> Result<(), Error> {
        let review = self.record(case, (actor, Act::Release), once);
        self.given.outlet.review(std::slice::from_ref(&review))?;
        self.folded(&review.id)
    }

    /// A text that no other form of this process has: what makes an act one, however often it is sent.
    pub(crate) fn once(&self) -> String {
        let count = self.forms.fetch_add(1, Ordering::Relaxed);
        format!("{:x}.{count:x}", self.now())
    }

    /// Whether somebody has labelled in a case already.
    pub(crate) fn has_labelled(&self, case: &str, actor: &str) -> Result<bool, Error> {
        self.store.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT 1 FROM labels WHERE case_id = ?1 AND actor = ?2
                UNION ALL SELECT 1 FROM golden_answers WHERE case_id = ?1 AND actor = ?2",
            )?;
            Ok(query.exists((case, actor))?)
        })
    }

    /// A record with what every act has.
    pub(super) fn record(&self, case: &Case, (actor, act): (&str, Act), once: &str) -> Review {
        let id = format!("r_{:032x}", xxh3_128(format!("{actor}:{}:{act}:{once}", case.id).as_bytes()));
        Review {
            id,
            case: case.id.clone(),
            account: case.account.clone(),
            at: self.now(),
            actor: actor.to_owned(),
            act,
            verdict: None,
            decision: None,
            scope: None,
            limit: None,
            expires: None,
            policy: None,
            reason: None,
            label: None,
            shown: Vec::new(),
            undoes: None,
            batch: None,
        }
    }

    /// Waits until a record came back from the log.
    pub(super) fn folded(&self, id: &str) -> Result<(), Error> {
        let found = self.wait_for(FOLDED, |db| {
            let mut query = db.prepare_cached("SELECT 1 FROM said WHERE id = ?1")?;
            Ok(query.query_row([id], |_| Ok(())).optional()?)
        })?;
        found.ok_or(Error::Refused("refused.late"))
    }

    /// Notes what was in force before a verdict, so that it can be restored.
    pub(super) fn note_before(
        &self,
        review: &str,
        account: &str,
        standing: Option<Standing>,
    ) -> Result<(), Error> {
        let nothing = || Standing { account: account.to_owned(), seq: 0, as_of: 0, restrictions: Vec::new() };
        let text = serde_json::to_string(&standing.unwrap_or_else(nothing)).expect("it has string keys");
        let sql = "INSERT OR IGNORE INTO before VALUES (?1, ?2, ?3)";
        self.store.writer().prepare_cached(sql)?.execute((review, account, text))?;
        Ok(())
    }

    pub(super) fn before(&self, review: &str) -> Result<Option<Standing>, Error> {
        let text: Option<String> = self.store.read(|db| {
            let mut query = db.prepare_cached("SELECT standing FROM before WHERE review = ?1")?;
            Ok(query.query_row([review], |row| row.get(0)).optional()?)
        })?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The decision that a restriction came from which an undone act put in force again; `undone`: the act's id. `None`: it is not known.
    pub(crate) fn restored(&self, undone: &str, again: &Decision) -> Result<Option<String>, Error> {
        let mut before = self.before(undone)?.map_or(Vec::new(), |standing| standing.restrictions);
        let is_it = |one: &Restriction| {
            one.action == again.action && (one.action == Action::Ban || one.scope == again.scope)
        };
        before.retain(is_it);
        Ok(before.pop().map(|one| one.decision).filter(|id| !id.is_empty()))
    }
}

#[cfg(test)]
mod tests;
