//! What the standing table promises, one sentence a test.
//!
//! Separate to keep the table readable.

use proptest::prelude::*;
use schema::Restriction;

use super::*;

const HOUR: u64 = 3_600_000;
const T0: u64 = 1_732_453_200_000;

fn wanted(action: Action, scope: Scope) -> Wanted {
    let limit = (action == Action::RateLimit).then_some(Limit { max: 5, per_s: 3600 });
    Wanted { action, scope, limit, expires: Some(T0 + 24 * HOUR) }
}

fn in_force(w: Wanted, by_human: bool) -> InForce {
    let restriction = Restriction {
        scope: w.scope,
        action: w.action,
        limit: w.limit,
        expires: w.expires,
        decision: format!("d_{}_{}", w.action, w.scope),
        reason: "r".into(),
        message: "m".into(),
        human: false,
    };
    InForce { restriction, issued: T0, by_human, victim: false, previous: None }
}

/// Whether `new`, wanted `after` ms later for 24 hours more, changes a standing that holds `old`.
fn check(old: (Action, Scope, bool), new: (Action, Scope), after: u64, expected: bool) {
    let mut standing = AccountStanding::default();
    standing.put(in_force(wanted(old.0, old.1), old.2));
    let new = Wanted { expires: Some(T0 + after + 24 * HOUR), ..wanted(new.0, new.1) };
    let change = standing.change(&new, T0 + after);
    assert_eq!(change.is_some(), expected, "{old:?} then {new:?} after {after} ms");
}

#[test]
fn the_same_again_changes_nothing_before_half_its_term() {
    check(
        (Action::Challenge, Scope::NewChats, false),
        (Action::Challenge, Scope::NewChats),
        12 * HOUR - 1,
        false,
    );
    check((Action::Challenge, Scope::NewChats, false), (Action::Challenge, Scope::NewChats), 12 * HOUR, true);
}

#[test]
fn stronger_or_of_another_scope_changes() {
    check((Action::Challenge, Scope::NewChats, false), (Action::RateLimit, Scope::NewChats), 1, true);
    check((Action::RateLimit, Scope::NewChats, false), (Action::Challenge, Scope::NewChats), 1, false);
    check((Action::RateLimit, Scope::NewChats, false), (Action::RateLimit, Scope::GroupAdds), 1, true);
    check((Action::RateLimit, Scope::NewChats, false), (Action::Ban, Scope::All), 1, true);
}

#[test]
fn a_ban_covers_every_scope() {
    check((Action::Ban, Scope::All, false), (Action::RateLimit, Scope::Lookups), 1, false);
    check((Action::Ban, Scope::All, false), (Action::Ban, Scope::All), 13 * HOUR, true);
}

#[test]
fn all_covers_what_is_no_stronger() {
    check((Action::Challenge, Scope::All, false), (Action::Challenge, Scope::Messages), 1, false);
    check((Action::Challenge, Scope::All, false), (Action::RateLimit, Scope::Messages), 1, true);
}

#[test]
fn automation_neither_weakens_nor_renews_a_humans_restriction() {
    check((Action::RateLimit, Scope::NewChats, true), (Action::RateLimit, Scope::NewChats), 20 * HOUR, false);
    check((Action::Ban, Scope::All, true), (Action::Ban, Scope::All), 20 * HOUR, false);
    check((Action::RateLimit, Scope::NewChats, true), (Action::Ban, Scope::All), 1, true);
}

#[test]
fn a_humans_restriction_stays_below_automations_of_the_same_scope_and_is_replaced_by_a_humans() {
    let mut table = StandingTable::new(2);
    let long = |action| Wanted { expires: Some(T0 + 90 * HOUR), ..wanted(action, Scope::NewChats) };
    let entry = table.entry("a", T0).expect("room");
    entry.put(in_force(long(Action::Challenge), true));
    let stronger = wanted(Action::RateLimit, Scope::NewChats);
    assert_eq!(entry.change(&stronger, T0), Some(Change::default()), "nothing is superseded");
    entry.put(in_force(stronger, false));
    let actions = |table: &StandingTable, at| -> Vec<(Action, bool)> {
        let standing = table.standing("a", at).expect("an entry");
        standing.restrictions.iter().map(|r| (r.action, r.human)).collect()
    };
    assert_eq!(actions(&table, T0), [(Action::Challenge, true), (Action::RateLimit, false)]);
    let view = |at| table.restriction("a", Scope::NewChats, at).map(|r| r.action);
    assert_eq!((view(T0), view(T0 + 24 * HOUR)), (Some(Action::RateLimit), Some(Action::Challenge)));
    table.get_mut("a").expect("an entry").put(in_force(long(Action::Warn), true));
    assert_eq!(actions(&table, T0), [(Action::Warn, true)], "a human's word replaces both");
}

#[test]
fn an_entry_is_kept_until_the_end_of_its_restriction_was_told() {
    let mut table = StandingTable::new(1);
    table.entry("a", T0).expect("room").put(in_force(wanted(Action::Challenge, Scope::All), false));
    table.await_end("a", T0);
    assert_eq!((table.next_end_ms(), table.take_ended(T0 + 24 * HOUR - 1)), (T0 + 24 * HOUR, None));
    assert!(table.entry("b", T0 + 26 * HOUR).is_none(), "the end is not told yet");
    assert_eq!(table.take_ended(T0 + 26 * HOUR).as_deref(), Some("a"));
    assert_eq!(table.next_end_ms(), u64::MAX);
    assert!(table.entry("b", T0 + 28 * HOUR).is_some());
}

#[test]
fn a_stricter_limit_changes() {
    let mut standing = AccountStanding::default();
    standing.put(in_force(wanted(Action::RateLimit, Scope::NewChats), false));
    let limit = |max| Wanted {
        limit: Some(Limit { max, per_s: 3600 }),
        ..wanted(Action::RateLimit, Scope::NewChats)
    };
    assert!(standing.change(&limit(2), T0 + 1).is_some() && standing.change(&limit(9), T0 + 1).is_none());
}

#[test]
fn a_shadow_is_told_once_a_rule() {
    let mut standing = AccountStanding::default();
    let ban = wanted(Action::Ban, Scope::All);
    assert!(standing.change_shadow(1, &ban, T0, "d_1").is_some());
    assert!(standing.change_shadow(1, &ban, T0 + 1, "d_2").is_none());
    assert!(standing.change_shadow(2, &ban, T0 + 1, "d_3").is_some());
    let renewed = standing.change_shadow(1, &ban, T0 + 12 * HOUR, "d_4").expect("after half the term");
    assert_eq!(renewed, Change { supersedes: Some("d_1".into()), renewal: true });
}

#[test]
fn a_full_table_refuses_and_drops_nothing_that_matters() {
    let mut table = StandingTable::new(2);
    for account in ["a", "b"] {
        table.entry(account, T0).expect("room").put(in_force(wanted(Action::Ban, Scope::All), false));
    }
    assert!(table.entry("c", T0 + 2 * HOUR).is_none() && table.refused() == 1);
    assert!(table.restriction("a", Scope::Messages, T0 + 2 * HOUR).is_some());
    assert!(table.entry("c", T0 + 25 * HOUR).is_some(), "the two bans have ended");
    assert_eq!(table.len(), 1);
}

#[test]
fn a_restriction_ends_by_itself() {
    let mut table = StandingTable::new(2);
    table.entry("a", T0).expect("room").put(in_force(wanted(Action::RateLimit, Scope::Messages), false));
    let seen = |now| table.restriction("a", Scope::NewChats, now).map(|r| r.action);
    assert_eq!((seen(T0), seen(T0 + 24 * HOUR)), (Some(Action::RateLimit), None));
    assert!(table.standing("a", T0 + 24 * HOUR).expect("an entry").restrictions.is_empty());
}

#[test]
fn a_deletion_keeps_only_scope_and_expiry() {
    let mut standing = AccountStanding::default();
    standing.put(in_force(wanted(Action::Ban, Scope::All), false));
    standing.note(HumanWord { scope: Scope::All, at: T0, exempt_until: None, ends: u64::MAX });
    assert!(standing.strip(T0 + 1));
    let kept = &standing.in_force()[0].restriction;
    assert!(kept.reason.is_empty() && kept.message.is_empty() && kept.decision.is_empty());
    assert_eq!((kept.scope, kept.expires), (Scope::All, Some(T0 + 24 * HOUR)));
    assert!(standing.word_on(Scope::All, Action::Ban, T0 + 1).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn one_restriction_a_scope_and_author_and_seq_rises(steps in proptest::collection::vec((0usize..4, 0usize..6, 0u64..1000, any::<bool>()), 1..60)) {
        let mut standing = AccountStanding::default();
        let (mut at, mut last) = (T0, 0);
        for (action, scope, later, human) in steps {
            at += later * 60_000;
            let action = [Action::Warn, Action::Challenge, Action::RateLimit, Action::Ban][action];
            let scope = if action == Action::Ban { Scope::All } else { Scope::ALL[scope] };
            let w = Wanted { expires: Some(at + 24 * HOUR), ..wanted(action, scope) };
            if standing.change(&w, at).is_some() {
                standing.put(InForce { issued: at, ..in_force(w, human) });
            }
            let seq = standing.next_seq(at);
            prop_assert!(seq > last && seq >= at);
            last = seq;
            let mut scopes: Vec<_> =
                standing.in_force().iter().map(|r| (r.restriction.scope, r.by_human)).collect();
            scopes.dedup();
            prop_assert_eq!(scopes.len(), standing.in_force().len());
        }
    }
}
