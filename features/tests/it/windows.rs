//! Windows against an exact naive model, over any schedule: late events, pauses, moves between the tiers.
//!
//! Separate from unit tests, because it sees the store as others do: events in, vectors out. Invariants checked: a counter
//! is exactly the sum of its buckets; it lies between the exact count of 5/6 of the window and that of the window;
//! distinct counts keep their stated error; the same events give the same vectors.

use features::catalog::counters::{Counter, Window};
use features::{FeatureVector, Store, StoreLimits};
use proptest::prelude::*;
use schema::{Body, Event};

use crate::make::{T0_MS, event, group_add, group_message, lookup, message, reply};

#[derive(Debug, Clone)]
enum Step {
    Direct { peer: u16, first: bool, known: Option<bool>, forwarded: Option<bool> },
    Group { group: u16 },
    Create,
    Add { count: u32 },
    Lookup { count: u32 },
    Reply { peer: u16 },
    Undelivered,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u16..300, any::<bool>(), any::<Option<bool>>(), any::<Option<bool>>())
            .prop_map(|(peer, first, known, forwarded)| Step::Direct { peer, first, known, forwarded }),
        1 => (0_u16..50).prop_map(|group| Step::Group { group }),
        1 => Just(Step::Create),
        1 => (0_u32..300).prop_map(|count| Step::Add { count }),
        1 => prop_oneof![0_u32..200, 2_500_u32..7_000].prop_map(|count| Step::Lookup { count }),
        1 => (0_u16..300).prop_map(|peer| Step::Reply { peer }),
        1 => Just(Step::Undelivered),
    ]
}

/// Seconds since the step before: bursts, pauses, days; negative ones are late.
fn gaps() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 0_i64..20,
        3 => 20_i64..4_000,
        1 => 4_000_i64..100_000,
        2 => -90_000_i64..0,
    ]
}

struct Counted {
    second: u64,
    adds: Vec<(Counter, u32)>,
}

fn counted(second: u64, step: &Step) -> Counted {
    let adds = match step {
        Step::Direct { first, known, forwarded, .. } => {
            let mut adds = vec![(Counter::Messages, 1)];
            if *first {
                adds.push((Counter::NewChats, 1));
            }
            if *known == Some(false) {
                adds.push((Counter::StrangerMessages, 1));
                if *first {
                    adds.push((Counter::StrangerChats, 1));
                }
            }
            if *forwarded == Some(true) {
                adds.push((Counter::Forwards, 1));
            }
            adds
        }
        Step::Group { .. } => vec![(Counter::Messages, 1), (Counter::GroupMessages, 1)],
        Step::Create => vec![(Counter::GroupCreates, 1)],
        Step::Add { count } => vec![(Counter::GroupAdds, *count)],
        Step::Lookup { count } => vec![(Counter::Lookups, *count)],
        Step::Reply { .. } => vec![(Counter::Answered, 1)],
        Step::Undelivered => vec![(Counter::Undelivered, 1)],
    };
    Counted { second, adds }
}

fn with_event<R>(ts: u64, step: &Step, then: impl FnOnce(&Event<'_>) -> R) -> R {
    let name = match step {
        Step::Direct { peer, .. } | Step::Reply { peer } => format!("p{peer}"),
        Step::Group { group } => format!("g{group}"),
        _ => String::new(),
    };
    let body = match step {
        Step::Direct { first, known, forwarded, .. } => {
            let mut body = message(&name);
            if let Body::Message(message) = &mut body {
                message.first_contact = Some(*first);
                message.in_contacts = *known;
                message.forwarded = *forwarded;
            }
            body
        }
        Step::Group { .. } => group_message(&name),
        Step::Create => Body::GroupCreate { group: None, group_size: None },
        Step::Add { count } => group_add(*count, None),
        Step::Lookup { count } => lookup(*count, None),
        Step::Reply { .. } => reply(&name),
        Step::Undelivered => Body::Undelivered { peer: None },
    };
    then(&event("a", ts, body))
}

fn sum(events: &[Counted], counter: Counter, from: u64) -> u32 {
    let of = |event: &Counted| {
        event.adds.iter().filter(|(own, _)| *own == counter).map(|(_, adds)| adds).sum::<u32>()
    };
    events.iter().filter(|event| event.second >= from).map(of).sum()
}

fn check(vector: &FeatureVector, events: &[Counted], now: u64) -> Result<(), TestCaseError> {
    for counter in Counter::ALL {
        for window in Window::ALL {
            let length = u64::from(window.seconds());
            let bucket = length / 6;
            let value = vector.0[counter.at(window)];
            let bucketed = sum(events, *counter, (now / bucket - 5) * bucket);
            let at_most = sum(events, *counter, now - length + 1);
            let at_least = sum(events, *counter, now - 5 * bucket + 1);
            prop_assert_eq!(value, bucketed as f32, "{:?} {:?}", counter, window);
            prop_assert!(at_least <= bucketed && bucketed <= at_most, "{counter:?} {window:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_window_is_the_sum_of_its_buckets(
        schedule in prop::collection::vec((gaps(), steps()), 1..120),
        later in 0_u64..100_000,
    ) {
        let mut store = Store::new(StoreLimits { accounts_max: 10 });
        let mut vector = FeatureVector::unknown();
        let mut events = Vec::new();
        let (mut now, mut slot) = (T0_MS / 1_000, None);
        for (gap, step) in &schedule {
            let second = now.saturating_add_signed(*gap);
            let applied = with_event(second * 1_000, step, |event| store.apply(event, now.max(second) * 1_000));
            prop_assert_eq!(applied.late, second < now && slot.is_some());
            now = if slot.is_some() { now.max(second) } else { second };
            slot = Some(applied.slot);
            events.push(counted(second, step));
            store.vector(applied.slot, 0, &mut vector);
            check(&vector, &events, now)?;
            prop_assert!(vector.0.iter().all(|value| value.is_nan() || (value.is_finite() && *value >= 0.0)));
        }
        let slot = slot.expect("there was an event");
        store.vector(slot, (now + later) * 1_000, &mut vector);
        check(&vector, &events, now + later)?;
    }

    #[test]
    fn the_same_events_give_the_same_vectors(schedule in prop::collection::vec((gaps(), steps()), 1..60)) {
        let run = || {
            let mut store = Store::new(StoreLimits { accounts_max: 10 });
            let mut now = T0_MS / 1_000;
            let mut bits = Vec::new();
            for (gap, step) in &schedule {
                now = now.saturating_add_signed(*gap);
                let applied = with_event(now * 1_000, step, |event| store.apply(event, now * 1_000));
                let mut vector = FeatureVector::unknown();
                store.vector(applied.slot, now * 1_000, &mut vector);
                bits.push(vector.0.map(f32::to_bits));
            }
            bits
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn distinct_peers_keep_their_stated_error() {
    for (peers, allowed) in [(10_u32, 0.0), (100, 0.15), (500, 0.15), (1_000, 0.2), (2_000, 0.25)] {
        let mut store = Store::new(StoreLimits { accounts_max: 10 });
        let mut vector = FeatureVector::unknown();
        for n in 0..peers {
            let name = format!("peer-{n}");
            let applied = store.apply(&event("a", T0_MS + u64::from(n) * 1_000, message(&name)), 0);
            store.vector(applied.slot, 0, &mut vector);
        }
        let index = features::feature_by_name("distinct_peers_24h").unwrap();
        let error = (vector.0[index] - peers as f32).abs() / peers as f32;
        assert!(error <= allowed, "{peers} peers read as {}", vector.0[index]);
    }
}

#[test]
fn a_bucket_stops_at_65_535() {
    let mut store = Store::new(StoreLimits { accounts_max: 10 });
    let mut vector = FeatureVector::unknown();
    for n in 0..3 {
        let applied = store.apply(&event("a", T0_MS + n, lookup(50_000, Some(10))), 0);
        store.vector(applied.slot, 0, &mut vector);
    }
    assert_eq!(vector.0[features::catalog::counters::LOOKUPS_24H], 65_535.0);
}
