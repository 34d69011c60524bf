//! Campaigns: the companions of an account, told to people in a decision of the action `review`.
//!
//! Separate from rules, which see how many companions there are and never who: their names are in the facts alone, while one is on its
//! way. Invariants: nothing is restricted by it; a circle is never told; it is told once, and again only once there are half as many
//! companions again; whom it names is a function of the records.

use features::catalog::computed::{CAMPAIGN, COMPANION_TARGETS, COMPANIONS, STRANGER_CHAT_SHARE_24H};
use features::catalog::counters::{Counter, Window};
use features::{CATALOG, FeatureVector};
use schema::limits::COMPANIONS_MAX;
use schema::{Action, Body, Decision, EntityKind, Mode, Reason, Scope, Source, decision_id};

use super::wording::plain;
use super::{Engine, Occasion, Output};
use crate::standing::Wanted;

/// The name that it decides under.
const NAME: &str = "companions";
/// Its reason.
const REASON: &str = "campaign";
/// Least share of new chats with people who do not have the account in their address book.
const STRANGERS_MIN: f32 = 0.8;
/// Fewest new chats of a day.
const NEW_CHATS_MIN: f32 = 8.0;
/// Fewest companions that one fact must name: else a later one tells.
const NAMED_MIN: usize = 2;

impl Engine {
    /// Tells an account's companions, if a fact names enough of them that were not told.
    #[inline]
    pub(super) fn tell_campaign(&mut self, occasion: &Occasion<'_>, output: &mut Output) {
        if let Body::Entity(fact) = &occasion.event.body
            && fact.kind == EntityKind::Peer
            && let Some(steady) = self.store.untold_companions(occasion.slot)
        {
            self.name_companions(occasion, (fact.co_accounts.as_slice(), steady), output);
        }
    }

    #[cold]
    fn name_companions(
        &mut self,
        occasion: &Occasion<'_>,
        (others, steady): (&[&str], u32),
        output: &mut Output,
    ) {
        let (account, at) = (occasion.event.account, occasion.at);
        self.store.vector(occasion.slot, occasion.event.ts, &mut self.vector);
        if !is_campaign(&self.vector) || self.is_free(account) {
            return;
        }
        let mut companions = self.store.steady_among(occasion.slot, others);
        companions.truncate(COMPANIONS_MAX);
        if companions.len() < NAMED_MIN {
            return;
        }
        let Some(standing) = self.standing.entry(account, at) else { return };
        standing.keep_ms = standing.keep_ms.max(at.saturating_add(self.policy.review_every_ms));
        let seq = standing.next_seq(at);
        self.store.companions_told(occasion.slot, steady);
        let wanted = Wanted { action: Action::Review, scope: Scope::All, limit: None, expires: None };
        let what = (Action::Review, Scope::All, Mode::Enforce);
        let model = self.models.of(account);
        let score = model.map(|model| model.probability(&self.vector.0));
        let mut versions = self.versions.clone();
        versions.model = model.map_or(String::new(), |model| model.version().to_owned());
        let decision = Decision {
            id: decision_id(account, occasion.event.id, what, NAME),
            score,
            reasons: reasons(&self.vector),
            rule: Some(NAME.to_owned()),
            companions: companions.into_iter().map(str::to_owned).collect(),
            versions,
            ..self.plain_decision(occasion.event, &wanted, (Source::Rule, REASON), (seq, at, None))
        };
        self.emit(decision, output);
    }
}

/// Whether companions look like a campaign, and those written to had time to answer: a class or wedding, whose members are in each
/// other's address books and answer, looks like a ring while it begins.
fn is_campaign(vector: &FeatureVector) -> bool {
    let new_chats = vector.get(Counter::NewChats.at(Window::Hour24)).unwrap_or(0.0);
    // Where nobody tells of address books, as many chats again must have had time.
    let fewest = match vector.get(STRANGER_CHAT_SHARE_24H) {
        Some(share) if share < STRANGERS_MIN => return false,
        Some(_) => NEW_CHATS_MIN,
        None => 2.0 * NEW_CHATS_MIN,
    };
    vector.get(CAMPAIGN) == Some(1.0) && new_chats >= fewest
}

/// How many companions, and how many peers are shared with the steadiest of them.
fn reasons(vector: &FeatureVector) -> Vec<Reason> {
    let reason = |feature: usize| Reason {
        feature: Some(CATALOG[feature].name.to_owned()),
        value: vector.get(feature),
        ..plain(REASON)
    };
    vec![reason(COMPANIONS), reason(COMPANION_TARGETS)]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Trial, stranger};
    use super::*;

    /// Accounts that write to the same peers, one peer after the other; `answers`: every n-th peer answers.
    fn ring(accounts: u32, peers: u32, answers: Option<u32>) -> Trial {
        let mut trial = Trial::new("");
        for peer in 0..peers {
            for account in 0..accounts {
                trial.after(2_000);
                let (account, name) = (format!("a{account}"), format!("p{peer}"));
                trial.event(&account, None, stranger(&name));
                if answers.is_some_and(|every| peer % every == 0) {
                    trial.event(&account, None, Body::Reply { peer: &name });
                }
            }
        }
        trial
    }

    fn told(trial: &Trial) -> Vec<&Decision> {
        trial.output.decisions.iter().filter(|decision| !decision.companions.is_empty()).collect()
    }

    #[test]
    fn a_rings_members_are_told_once_and_again_only_when_they_grew_by_half() {
        let trial = ring(20, 12, None);
        let told = told(&trial);
        assert!(told.iter().all(|one| one.action == Action::Review && one.mode == Mode::Enforce));
        for number in 0..20 {
            let account = format!("a{number}");
            let own: Vec<_> = told.iter().filter(|one| one.account == account).collect();
            // Whoever is always among the first to write has too few before it: others name it.
            let fewest = usize::from(number >= 5);
            assert!((fewest..=5).contains(&own.len()), "{account} was told {} times", own.len());
            let steady: Vec<f32> = own.iter().filter_map(|one| one.reasons[0].value).collect();
            assert!(steady.windows(2).all(|pair| pair[1] >= pair[0] * 1.5), "{steady:?}");
            assert!(
                own.iter().all(|one| one.companions.len() >= NAMED_MIN && !one.companions.contains(&account))
            );
        }
        assert!(trial.output.standings.is_empty(), "it restricts nobody");
    }

    #[test]
    fn a_circle_is_never_told() {
        assert_eq!(told(&ring(20, 12, Some(3))).len(), 0);
    }
}
