//! The store around its windows: eviction, forgetting, rhythm, identity, estimates, what is unknown.
//!
//! Separate from the properties over schedules: each test here is one sentence about one account.

use features::catalog::{computed, counters};
use features::{FEATURES, FeatureVector, Slot, Store, StoreLimits, feature_by_name};
use schema::{Body, Event, Session, Tier};

use crate::make::{T0_MS, event, first, message, reply, session};

const DAY_MS: u64 = 86_400_000;

fn store() -> Store {
    Store::new(StoreLimits { accounts_max: 100 })
}

fn read(store: &Store, slot: Slot, now_ms: u64) -> FeatureVector {
    let mut vector = FeatureVector::unknown();
    store.vector(slot, now_ms, &mut vector);
    vector
}

fn apply(store: &mut Store, event: &Event<'_>) -> FeatureVector {
    let applied = store.apply(event, event.ts);
    read(store, applied.slot, event.ts)
}

#[test]
fn the_longest_idle_account_goes_first_and_the_bound_holds() {
    let mut store = Store::new(StoreLimits { accounts_max: 20 });
    for n in 0..20 {
        store.apply(&event(&format!("a{n}"), T0_MS + n, first("p")), T0_MS);
    }
    store.apply(&event("a0", T0_MS + 50, first("q")), T0_MS);
    for n in 20..30 {
        store.apply(&event(&format!("a{n}"), T0_MS + 50 + n, first("p")), T0_MS);
        assert_eq!(store.accounts(), 20);
    }
    assert_eq!(store.evicted(), 10);
    assert!(store.slot_of("a0").is_some(), "it had acted again");
    for n in 1..11 {
        assert!(store.slot_of(&format!("a{n}")).is_none(), "a{n}");
    }
    assert!(store.slot_of("a11").is_some());
}

#[test]
fn memory_does_not_grow_with_accounts_that_come_and_go() {
    let mut store = Store::new(StoreLimits { accounts_max: 500 });
    let mut held = 0;
    for n in 0..40_000_u64 {
        let (account, peer) = (format!("a{}", n / 20), format!("p{n}"));
        let mut body = message(&peer);
        if n % 3 == 0 {
            body = Body::Session(session(&peer, &peer));
        }
        store.apply(&event(&account, T0_MS + n * 10, body), T0_MS + n * 10);
        if n == 20_000 {
            held = store.memory_bytes();
        }
    }
    assert_eq!(store.accounts(), 500);
    assert!(store.memory_bytes() <= held * 11 / 10, "{} after {held}", store.memory_bytes());
}

#[test]
fn a_forgotten_account_starts_anew() {
    let mut store = store();
    for n in 0..50 {
        store.apply(&event("a", T0_MS + n, first(&format!("p{n}"))), T0_MS);
    }
    assert!(store.forget("a") && !store.forget("a"));
    assert_eq!((store.accounts(), store.slot_of("a")), (0, None));
    let vector = apply(&mut store, &event("a", T0_MS + 100, first("p")));
    assert_eq!(vector.0[counters::MESSAGES_24H], 1.0);
    assert_eq!(vector.0[computed::NEW_CHATS_7D], 1.0);
}

#[test]
fn what_nobody_told_is_unknown() {
    let mut store = store();
    let vector = apply(&mut store, &event("a", T0_MS, first("p")));
    for name in [
        "typed_share_24h",
        "forward_share_24h",
        "stranger_share_24h",
        "stranger_chat_share_24h",
        "unknown_member_share_24h",
        "lookup_hit_rate_24h",
        "group_leave_share_24h",
        "gap_mean_s",
        "gap_cv",
        "dormancy_h",
        "size_repeat_share",
        "age_s",
        "tier",
        "attested",
        "country_mismatch",
        "device_age_s",
        "devices_30d",
        "device_changes_7d",
        "device_accounts_24h",
        "range_restricted_share",
        "companions",
        "campaign",
    ] {
        assert!(vector.0[feature_by_name(name).unwrap()].is_nan(), "{name}");
    }
    assert_eq!(vector.0[computed::ANSWERED_SHARE_24H], 0.0);
}

#[test]
fn shares_are_taken_over_what_is_known() {
    let mut store = store();
    let mut vector = FeatureVector::unknown();
    for (n, known) in [Some(true), None, Some(false), None, Some(false), Some(false)].into_iter().enumerate()
    {
        let mut body = first("p");
        if let Body::Message(message) = &mut body {
            message.typed = known;
            message.in_contacts = known;
            message.forwarded = known;
        }
        vector = apply(&mut store, &event("a", T0_MS + n as u64, body));
    }
    assert_eq!(vector.0[computed::TYPED_SHARE_24H], 0.25);
    assert_eq!(vector.0[computed::FORWARD_SHARE_24H], 0.25);
    assert_eq!(vector.0[computed::STRANGER_SHARE_24H], 0.75);
    assert_eq!(vector.0[computed::STRANGER_CHAT_SHARE_24H], 0.75);
}

#[test]
fn a_new_account_is_young_and_an_unknown_age_is_not() {
    let mut store = store();
    let vector = apply(&mut store, &event("a", T0_MS, Body::Registration(Session::default())));
    assert_eq!(vector.0[computed::AGE_S], 0.0);
    let vector = apply(&mut store, &event("a", T0_MS + 60_000, first("p")));
    assert_eq!(vector.0[computed::AGE_S], 60.0);
    let told = Event { age_h: Some(10.0), ..event("b", T0_MS, first("p")) };
    assert_eq!(apply(&mut store, &told).0[computed::AGE_S], 36_000.0);
    assert!(apply(&mut store, &event("c", T0_MS, first("p"))).0[computed::AGE_S].is_nan());
}

#[test]
fn machines_are_regular() {
    let mut store = store();
    let mut vector = FeatureVector::unknown();
    for n in 0..40 {
        vector = apply(&mut store, &event("machine", T0_MS + n * 1_500, first(&format!("p{n}"))));
    }
    assert!((vector.0[computed::GAP_MEAN_S] - 1.5).abs() < 0.01);
    assert!(vector.0[computed::GAP_CV] < 0.05, "{}", vector.0[computed::GAP_CV]);
    let mut ts = T0_MS;
    for n in 0_u64..40 {
        ts += 1_000 + (n * n * 7_919) % 60_000;
        vector = apply(&mut store, &event("human", ts, first(&format!("p{n}"))));
    }
    assert!(vector.0[computed::GAP_CV] > 0.4, "{}", vector.0[computed::GAP_CV]);
}

#[test]
fn dormancy_is_the_idle_time_before_the_burst() {
    let mut store = store();
    apply(&mut store, &event("a", T0_MS, first("p")));
    apply(&mut store, &event("a", T0_MS + 30 * DAY_MS, first("q")));
    let vector = apply(&mut store, &event("a", T0_MS + 30 * DAY_MS + 5_000, first("r")));
    assert!((vector.0[computed::DORMANCY_H] - 720.0).abs() < 0.5);
    let told = Event { idle_h: Some(100.0), ..event("b", T0_MS, first("p")) };
    assert_eq!(apply(&mut store, &told).0[computed::DORMANCY_H], 100.0);
}

#[test]
fn a_device_is_new_only_if_another_was_seen_before_it() {
    let mut store = store();
    let first_told = apply(&mut store, &event("a", T0_MS, Body::Session(session("d1", "x1"))));
    assert!(first_told.0[computed::DEVICE_AGE_S].is_nan(), "it may be years old");
    assert_eq!(first_told.0[computed::DEVICE_CHANGES_7D], 0.0);
    let changed = apply(&mut store, &event("a", T0_MS + 1_000, Body::Session(session("d2", "x1"))));
    assert_eq!(changed.0[computed::DEVICE_AGE_S], 0.0);
    assert_eq!(changed.0[computed::DEVICE_CHANGES_7D], 1.0);
    assert_eq!((changed.0[computed::DEVICES_30D], changed.0[computed::PREFIXES_30D]), (2.0, 1.0));
    let registered = apply(&mut store, &event("b", T0_MS, Body::Registration(session("d3", "x1"))));
    assert_eq!(registered.0[computed::DEVICE_AGE_S], 0.0);
}

#[test]
fn many_devices_are_counted_up_to_fourteen() {
    let mut store = store();
    let mut vector = FeatureVector::unknown();
    for n in 0..40 {
        let (device, prefix) = (format!("d{n}"), format!("x{}", n % 5));
        vector = apply(&mut store, &event("a", T0_MS + n * 1_000, Body::Session(session(&device, &prefix))));
    }
    assert_eq!(vector.0[computed::DEVICES_30D], 14.0);
    assert_eq!(vector.0[computed::PREFIXES_30D], 5.0);
    assert!(vector.0[computed::DEVICE_CHANGES_7D] > 38.0);
    let slot = store.slot_of("a").unwrap();
    let later = read(&store, slot, T0_MS + 40 * DAY_MS);
    assert_eq!(later.0[computed::DEVICES_30D], 0.0);
}

#[test]
fn what_a_session_tells_is_read_back() {
    let mut store = store();
    let told = Session {
        tier: Some(Tier::Bot),
        attested: Some(true),
        country: Some(*b"DE"),
        ip_country: Some(*b"VN"),
        ..Session::default()
    };
    let vector = apply(&mut store, &event("a", T0_MS, Body::Session(told)));
    let values =
        [computed::TIER, computed::ATTESTED, computed::COUNTRY_MISMATCH].map(|index| vector.0[index]);
    assert_eq!(values, [3.0, 1.0, 1.0]);
}

#[test]
fn an_untold_first_contact_is_estimated_from_recent_peers() {
    let mut store = store();
    let mut vector = FeatureVector::unknown();
    for round in 0..3_u64 {
        for n in 0..200_u64 {
            let name = format!("p{n}");
            vector = apply(&mut store, &event("a", T0_MS + (round * 200 + n) * 1_000, message(&name)));
        }
    }
    let chats = vector.0[counters::NEW_CHATS_24H];
    assert!((190.0..=215.0).contains(&chats), "200 peers, three messages to each, read as {chats} new chats");
    let mut known = message("somebody");
    if let Body::Message(message) = &mut known {
        message.in_contacts = Some(true);
    }
    assert_eq!(apply(&mut store, &event("b", T0_MS, known)).0[counters::NEW_CHATS_24H], 0.0);
    apply(&mut store, &event("c", T0_MS, message("p")));
    let again = apply(&mut store, &event("c", T0_MS + 3 * DAY_MS, message("p")));
    assert_eq!(again.0[counters::NEW_CHATS_24H], 0.0, "a peer is remembered for longer than a day");
}

#[test]
fn slow_counts_halve_and_strikes_are_kept() {
    let mut store = store();
    for n in 0..100 {
        store.apply(&event("a", T0_MS + n, first(&format!("p{n}"))), T0_MS);
        store.apply(&event("a", T0_MS + n, reply(&format!("p{n}"))), T0_MS);
    }
    let slot = store.slot_of("a").unwrap();
    assert!(store.record_strike(slot, T0_MS).contains(computed::STRIKES_30D));
    let now = read(&store, slot, T0_MS);
    assert_eq!([now.0[computed::NEW_CHATS_7D], now.0[computed::STRIKES_7D]], [100.0, 1.0]);
    let week = read(&store, slot, T0_MS + 7 * DAY_MS);
    assert!((week.0[computed::NEW_CHATS_7D] - 50.0).abs() < 2.5);
    assert!((week.0[computed::ANSWERED_SHARE_7D] - 1.0).abs() < 0.01);
    // Read once or after an event in between: the same.
    store.apply(&event("a", T0_MS + 3 * DAY_MS, Body::Undelivered { peer: None }), T0_MS);
    let again = read(&store, slot, T0_MS + 7 * DAY_MS);
    assert!((again.0[computed::NEW_CHATS_7D] / week.0[computed::NEW_CHATS_7D] - 1.0).abs() < 0.001);
}

#[test]
fn only_features_that_an_event_may_change_are_touched() {
    let mut store = store();
    let mut before = FeatureVector::unknown();
    for n in 0..40_u64 {
        let name = format!("p{n}");
        let body = match n % 4 {
            0 => first(&name),
            1 => reply(&name),
            2 => Body::Session(session(&name, &name)),
            _ => Body::Undelivered { peer: None },
        };
        let applied = store.apply(&event("a", T0_MS, body), T0_MS);
        let after = read(&store, applied.slot, T0_MS);
        for index in 0..FEATURES {
            let changed = after.0[index].to_bits() != before.0[index].to_bits();
            let name = features::CATALOG[index].name;
            // The first event makes the account known at all.
            assert!(n == 0 || !changed || applied.touched.contains(index), "event {n} changed {name}");
        }
        before = after;
    }
}
