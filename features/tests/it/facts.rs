//! Relations and facts, fed back at once as a single process does.
//!
//! Separate, because here the store and the relation engine work together. Invariants: nothing to say, nothing said;
//! facts never cause relations; every kind keeps its caps.

use features::catalog::computed;
use features::{FeatureVector, OwnedFact, RelationLimits, Relations, Store, StoreLimits, Toucher};
use schema::{Body, EntityKind, Event, Origin, Session, Touch};

use crate::make::{T0_MS, event, first, reply, session};

struct World {
    store: Store,
    relations: Relations,
    offset: u64,
    told: Vec<OwnedFact>,
}

impl World {
    fn new() -> Self {
        Self {
            store: Store::new(StoreLimits { accounts_max: 10_000 }),
            relations: Relations::new(RelationLimits { entities_max: 1_000, contacts_max: 10_000 }),
            offset: 0,
            told: Vec::new(),
        }
    }

    fn origin(&self) -> Origin {
        Origin { partition: 0, offset: self.offset, n: 0 }
    }

    fn feed(&mut self, event: &Event<'_>) {
        self.offset += 1;
        let applied = self.store.apply(event, event.ts);
        let mut facts = Vec::new();
        self.relations.touch_event(event, applied.relations, self.origin(), &mut facts);
        self.tell(facts, event.ts);
    }

    fn tell(&mut self, facts: Vec<OwnedFact>, ts: u64) {
        for fact in facts {
            let applied = self.store.apply(&event(&fact.account, ts, Body::Entity(fact.lend())), ts);
            assert!(!applied.relations.any(), "facts never cause relations");
            self.told.push(fact);
        }
    }

    fn restrict(&mut self, account: &str, ts: u64) {
        self.offset += 1;
        let on = self.store.entities(self.store.slot_of(account).expect("it has acted"));
        let by = Toucher { account, ts, what: Touch::Restricted, origin: self.origin() };
        let mut facts = Vec::new();
        self.relations.restrict(&on, &by, &mut facts);
        self.tell(facts, ts);
    }

    fn value(&self, account: &str, index: usize) -> f32 {
        let mut vector = FeatureVector::unknown();
        self.store.vector(self.store.slot_of(account).expect("it has acted"), 0, &mut vector);
        vector.0[index]
    }
}

#[test]
fn a_device_with_one_account_says_nothing_and_with_two_tells_both() {
    let mut world = World::new();
    world.feed(&event("a", T0_MS, Body::Registration(session("d", "x"))));
    world.feed(&event("a", T0_MS + 1, Body::Session(session("d", "x"))));
    assert_eq!(world.told, []);
    world.feed(&event("b", T0_MS + 2, Body::Registration(session("d", "y"))));
    assert_eq!(world.told.iter().map(|fact| fact.account.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    for account in ["a", "b"] {
        assert_eq!(world.value(account, computed::DEVICE_ACCOUNTS_24H), 2.0);
        assert_eq!(world.value(account, computed::DEVICE_REGISTERED_24H), 2.0);
    }
}

#[test]
fn a_sim_box_is_seen_on_its_devices_and_prefix() {
    let mut world = World::new();
    for n in 0..30_u64 {
        let told = Session { number_range: Some("r"), ..session(["d1", "d2"][n as usize % 2], "x") };
        world.feed(&event(&format!("a{n}"), T0_MS + n * 60_000, Body::Registration(told)));
    }
    assert_eq!(world.value("a29", computed::DEVICE_ACCOUNTS_24H), 15.0);
    assert_eq!(world.value("a29", computed::PREFIX_REGISTERED_SHARE), 1.0);
    assert_eq!(world.value("a29", computed::RANGE_ACCOUNTS_24H), 30.0);
    world.restrict("a3", T0_MS + 2_000_000);
    world.restrict("a3", T0_MS + 2_000_001);
    assert_eq!(world.value("a5", computed::DEVICE_RESTRICTED_24H), 1.0, "counted once");
    world.restrict("a4", T0_MS + 2_000_002);
    assert!((world.value("a5", computed::PREFIX_RESTRICTED_SHARE) - 2.0 / 30.0).abs() < 1e-6);
}

#[test]
fn a_large_network_of_old_accounts_speaks_only_at_doublings() {
    let mut world = World::new();
    for n in 0..2_000_u64 {
        let (account, device) = (format!("a{n}"), format!("d{n}"));
        let told = Session { asn: Some(64_500), ..session(&device, "x") };
        let old = Event { age_h: Some(9_000.0), ..event(&account, T0_MS + n, Body::Session(told)) };
        world.feed(&old);
    }
    let count = |kind| world.told.iter().filter(|fact| fact.kind == kind).count();
    assert_eq!(count(EntityKind::Prefix), 7, "at 16, 32, … 1,024");
    assert_eq!(count(EntityKind::Asn), 3, "at 256, 512, 1,024");
    assert_eq!(count(EntityKind::Device), 0);
}

#[test]
fn a_fact_is_unknown_again_after_a_day() {
    let mut world = World::new();
    for account in ["a", "b"] {
        world.feed(&event(account, T0_MS, Body::Session(session("d", "x"))));
    }
    let slot = world.store.slot_of("a").unwrap();
    let mut vector = FeatureVector::unknown();
    world.store.vector(slot, T0_MS + 86_400_000, &mut vector);
    assert!(vector.0[computed::DEVICE_ACCOUNTS_24H].is_nan());
}

/// Accounts that open chats with the same peers; `answers`: every n-th is answered.
fn ring(accounts: u64, peers: u64, answers: Option<u64>) -> World {
    let mut world = World::new();
    for n in 0..accounts * peers {
        let (account, peer) = (format!("a{}", n % accounts), format!("p{}", n / accounts));
        world.feed(&event(&account, T0_MS + n * 2_000, first(&peer)));
        if answers.is_some_and(|every| n % every == 0) {
            world.feed(&event(&account, T0_MS + n * 2_000 + 500, reply(&peer)));
        }
    }
    world
}

#[test]
fn a_lockstep_ring_is_a_campaign() {
    for accounts in [20, 60] {
        let world = ring(accounts, 20, None);
        for n in 0..accounts {
            let account = format!("a{n}");
            assert!(world.value(&account, computed::COMPANIONS) >= 4.0, "{account} of {accounts}");
            assert_eq!(world.value(&account, computed::CAMPAIGN), 1.0, "{account} of {accounts}");
        }
    }
}

#[test]
fn a_ring_whose_targets_answer_is_a_circle() {
    let world = ring(20, 20, Some(4));
    assert!(world.value("a7", computed::COMPANIONS) >= 4.0);
    let campaigns: f32 = (0..20).map(|n| world.value(&format!("a{n}"), computed::CAMPAIGN)).sum();
    assert!(campaigns <= 15.0, "those who are answered are no campaign: {campaigns}");
}

#[test]
fn a_class_whose_members_write_to_each_other_is_a_circle() {
    let mut world = World::new();
    let mut at = T0_MS;
    for from in 0..30 {
        for to in 0..30 {
            if from != to {
                at += 3_000;
                world.feed(&event(&format!("a{from}"), at, first(&format!("a{to}"))));
            }
        }
    }
    for n in 0..30 {
        assert!(world.value(&format!("a{n}"), computed::CAMPAIGN) != 1.0, "a{n}");
    }
}

#[test]
fn a_popular_peer_is_capped_and_weighs_less() {
    let mut world = World::new();
    for n in 0..3_000_u64 {
        world.feed(&event(&format!("a{n}"), T0_MS + n * 100, first("celebrity")));
    }
    assert!(world.told.len() < 512 + 16 * 4 + 8, "{}", world.told.len());
    assert!(world.told.iter().all(|fact| fact.co_accounts.len() <= 16));
    assert_eq!(world.value("a400", computed::COMPANIONS), 0.0);
    assert!(world.value("a400", computed::COMPANION_TARGETS) <= 0.25);
}

#[test]
fn the_longest_untouched_entity_goes_first_and_the_bound_holds() {
    let mut world = World::new();
    for n in 0..3_000_u64 {
        let device = format!("d{n}");
        for account in ["a", "b"] {
            let account = format!("{account}{n}");
            world.feed(&event(&account, T0_MS + n * 10, Body::Session(session(&device, &device))));
        }
        assert!(world.relations.entities() <= 1_000);
    }
    world.told.clear();
    world.feed(&event("c", T0_MS + 40_000, Body::Session(session("d2999", "x"))));
    assert_eq!(world.told.first().map(|fact| fact.size), Some(3), "the newest is still known");
    world.told.clear();
    world.feed(&event("c", T0_MS + 40_001, Body::Session(session("d0", "x"))));
    assert_eq!(world.told, [], "the oldest was evicted");
}

#[test]
fn a_deleted_account_is_named_in_no_later_fact_of_its_device() {
    let mut world = World::new();
    for account in ["a", "b"] {
        world.feed(&event(account, T0_MS, Body::Session(session("d", "x"))));
    }
    let on = world.store.entities(world.store.slot_of("a").expect("it has acted"));
    world.relations.forget(&on, "a");
    assert!(world.store.forget("a"));
    world.told.clear();
    world.feed(&event("c", T0_MS + 1, Body::Session(session("d", "x"))));
    assert_eq!(world.told[0].co_accounts, ["b"]);
    assert!(world.told.iter().all(|fact| fact.account != "a"));
}
