//! Credibility of blocks and reports: no crowd that the account did not write to first can restrict it.
//!
//! Separate, because it is a promise to innocents. Invariants: low credit stays under 1 whoever speaks; a crowd that looks
//! alike counts less than two; an unblock takes back.

use features::catalog::{computed, counters};
use features::{FeatureVector, Store, StoreLimits};
use schema::{Body, Contact, Feedback};

use crate::make::{T0_MS, event, feedback, first, report};

struct Crowd {
    contact: Option<Contact>,
    age_h: Option<f32>,
    alike: bool,
    answered: bool,
    over_ms: u64,
}

/// Feedback over 24 h and 7 d, and raw reports over 24 h, after 300 authors.
fn heard(crowd: &Crowd) -> [f32; 3] {
    let mut store = Store::new(StoreLimits { accounts_max: 10 });
    let mut vector = FeatureVector::unknown();
    let mut worst = [0.0_f32; 3];
    for n in 0..300_u64 {
        let (peer, device, prefix) = (format!("r{n}"), format!("d{n}"), format!("x{n}"));
        let ts = T0_MS + n * crowd.over_ms / 300;
        if crowd.answered {
            let mut answer = first(&peer);
            if let Body::Message(message) = &mut answer {
                message.first_contact = Some(false);
            }
            store.apply(&event("a", ts, answer), ts);
        }
        let author = Feedback {
            peer_age_h: crowd.age_h,
            peer_device: Some(if crowd.alike { "same" } else { &device }),
            peer_prefix: Some(if crowd.alike { "same" } else { &prefix }),
            ..feedback(&peer, crowd.contact)
        };
        let applied = store.apply(&event("a", ts + 1, report(author)), ts);
        store.vector(applied.slot, ts + 1, &mut vector);
        let now = [counters::FEEDBACK_24H, computed::FEEDBACK_7D, counters::REPORTS_24H];
        for (worst, index) in worst.iter_mut().zip(now) {
            *worst = worst.max(vector.0[index]);
        }
    }
    worst
}

#[test]
fn three_hundred_false_reports_stay_under_one_whoever_wrote_first_but_the_account() {
    const HOUR_MS: u64 = 3_600_000;
    for contact in [None, Some(Contact::None), Some(Contact::Author)] {
        for answered in [false, true] {
            for over_ms in [HOUR_MS, 24 * HOUR_MS, 21 * 24 * HOUR_MS] {
                let crowd = Crowd { contact, age_h: Some(50_000.0), alike: false, answered, over_ms };
                let [day, week, raw] = heard(&crowd);
                assert!(day < 1.0 && week < 1.0, "{contact:?} {answered} {over_ms}: {day} {week}");
                assert!(raw > 10.0, "the raw count still tells of them");
            }
        }
    }
}

#[test]
fn a_crowd_that_looks_alike_counts_less_than_two_even_where_the_account_wrote_first() {
    let crowd = Crowd {
        contact: Some(Contact::Account),
        age_h: None,
        alike: true,
        answered: true,
        over_ms: 3_600_000,
    };
    let [day, week, raw] = heard(&crowd);
    assert!(day < 2.0 && week < 2.0, "{day} {week}");
    assert_eq!(raw, 300.0);
}

#[test]
fn distinct_people_to_whom_the_account_wrote_first_are_believed() {
    let crowd = Crowd {
        contact: Some(Contact::Account),
        age_h: Some(9_000.0),
        alike: false,
        answered: false,
        over_ms: 3_600_000,
    };
    assert!(heard(&crowd)[0] > 290.0);
}

#[test]
fn new_authors_count_little() {
    let young = Crowd {
        contact: Some(Contact::Account),
        age_h: Some(2.0),
        alike: false,
        answered: false,
        over_ms: 3_600_000,
    };
    assert!(heard(&young)[0] < 31.0);
}

#[test]
fn the_same_author_counts_once() {
    let mut store = Store::new(StoreLimits { accounts_max: 10 });
    let mut vector = FeatureVector::unknown();
    for n in 0..50 {
        let author = Feedback { peer_age_h: Some(9_000.0), ..feedback("r", Some(Contact::Account)) };
        let body = if n % 2 == 0 { Body::Block(author) } else { report(author) };
        let applied = store.apply(&event("a", T0_MS + n, body), T0_MS);
        store.vector(applied.slot, T0_MS + n, &mut vector);
    }
    assert_eq!(vector.0[counters::FEEDBACK_24H], 1.0);
    assert_eq!(vector.0[computed::DISTINCT_REPORTERS_7D], 1.0);
    assert_eq!(vector.0[computed::DISTINCT_BLOCKERS_7D], 1.0);
    assert_eq!(vector.0[counters::REPORTS_24H], 25.0);
}

#[test]
fn an_unblock_takes_back_what_the_block_earned_in_either_tier() {
    for acts in [0_u64, 40] {
        let mut store = Store::new(StoreLimits { accounts_max: 10 });
        let mut vector = FeatureVector::unknown();
        for n in 0..acts {
            store.apply(&event("a", T0_MS + n, first("p")), T0_MS);
        }
        let author = Feedback { peer_age_h: Some(9_000.0), ..feedback("r", Some(Contact::Account)) };
        let applied = store.apply(&event("a", T0_MS + acts, Body::Block(author)), T0_MS);
        store.vector(applied.slot, T0_MS + acts, &mut vector);
        assert_eq!((vector.0[counters::BLOCKS_24H], vector.0[counters::FEEDBACK_24H]), (1.0, 0.5));
        let applied = store.apply(&event("a", T0_MS + acts + 5_000, Body::Unblock { peer: "r" }), T0_MS);
        assert!(applied.touched.contains(counters::BLOCKS_24H));
        store.vector(applied.slot, T0_MS + acts, &mut vector);
        for index in [
            counters::BLOCKS_24H,
            counters::FEEDBACK_24H,
            computed::BLOCKS_7D,
            computed::FEEDBACK_7D,
            computed::DISTINCT_BLOCKERS_7D,
        ] {
            assert_eq!(vector.0[index], 0.0, "{}", features::CATALOG[index].name);
        }
    }
}

#[test]
fn an_unknown_contact_is_believed_if_the_account_is_known_to_have_written_first() {
    let credit = |written: bool| {
        let mut store = Store::new(StoreLimits { accounts_max: 10 });
        let mut vector = FeatureVector::unknown();
        if written {
            store.apply(&event("a", T0_MS, first("r")), T0_MS);
        }
        let author = Feedback { peer_age_h: Some(9_000.0), ..feedback("r", None) };
        let applied = store.apply(&event("a", T0_MS + 1, report(author)), T0_MS);
        store.vector(applied.slot, T0_MS + 1, &mut vector);
        vector.0[counters::FEEDBACK_24H]
    };
    assert_eq!((credit(true), credit(false)), (0.75, 0.25));
}
