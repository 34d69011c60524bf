//! Restrictions of shared things: on registration alone, at most a day, only where a rule says so, by one owner.
//!
//! Separate by theme.

use schema::{EntityKind, Proposal, Scope, Verdict, VerdictEvent};

use super::*;

const FARM: &str = "device_registered_24h >= 3 && device_accounts_24h >= 3";

/// Four accounts registered on one device, a minute apart, under a rule with these further lines.
fn farm(more: &str) -> Trial {
    let mut trial = Trial::new(&rule("farm", FARM, more));
    for n in 0..4 {
        let session = Session { device: Some("box"), ..Session::default() };
        trial.after(MINUTE).event(&format!("a{n}"), Some(0.0), Body::Registration(session));
    }
    trial
}

fn on_the_device(trial: &Trial) -> Option<schema::Action> {
    trial.engine.restriction("device:box", Scope::Registration, trial.now).map(|r| r.action)
}

#[test]
fn a_farms_device_is_challenged_at_registration_for_at_most_a_day() {
    let mut trial = farm("action = \"challenge\"\nentity = \"device\"\nfor = \"10d\"");
    assert_eq!(on_the_device(&trial), Some(schema::Action::Challenge));
    let of_device: Vec<_> = trial.output.decisions.iter().filter(|d| d.account == "device:box").collect();
    assert_eq!(of_device.len(), 1, "told once: {of_device:?}");
    let decision = of_device[0];
    assert_eq!((decision.scope, decision.expires), (Scope::Registration, Some(decision.issued + DAY)));
    assert!(!decision.reasons.is_empty());
    let told = trial.output.standings.iter().find(|s| s.account == "device:box").expect("a standing");
    assert_eq!(told.restrictions.len(), 1);
    assert_eq!(told.restrictions[0].scope, Scope::Registration);
    trial.after(DAY + MINUTE);
    assert_eq!(on_the_device(&trial), None);
}

#[test]
fn without_entity_or_in_shadow_the_device_stays_free() {
    assert_eq!(on_the_device(&farm("action = \"challenge\"")), None);
    assert_eq!(on_the_device(&farm("action = \"challenge\"\nentity = \"device\"\nmode = \"shadow\"")), None);
}

#[test]
fn only_devices_and_number_ranges_can_be_named() {
    let text = rule("r", FARM, "action = \"challenge\"\nentity = \"asn\"");
    let error =
        Policy::parse("p", &format!("format = 1\nname = \"p\"\n{text}")).expect_err("refused").to_string();
    assert!(error.starts_with("p:7:10: entity \"asn\" is none of device, number_range"), "{error}");
}

const CHALLENGE: &str = "action = \"challenge\"\nentity = \"device\"";

/// An engine of one of several partitions.
fn one_of_several(facts: Facts) -> Trial {
    Trial::with(EngineConfig { policy: policy(&farm_rule("")), facts, partitions: 2, ..small() })
}

fn farm_rule(more: &str) -> String {
    rule("farm", "device_accounts_24h >= 3", &format!("{CHALLENGE}\n{more}"))
}

/// An account that is restricted for what is known of the device, in the partition of this trial.
fn restricted(trial: &mut Trial, account: &str) {
    let fact = schema::EntityFact {
        entity: "device:box",
        kind: EntityKind::Device,
        accounts_24h: 9,
        size: 9,
        registered_24h: 9,
        restricted_24h: 0,
        co_accounts: Vec::new(),
        origin: None,
    };
    trial.after(MINUTE).event(account, Some(0.0), Body::Entity(fact));
}

/// What an account's engine proposes.
fn proposal() -> ProposalEvent {
    let mut trial = one_of_several(Facts::FromLog);
    restricted(&mut trial, "a1");
    assert_eq!(on_the_device(&trial), None, "only its owner says what its standing is");
    assert!(trial.output.standings.iter().all(|s| s.account == "a1"), "{:?}", trial.output.standings);
    let [proposal] = &trial.output.proposals[..] else { panic!("{:?}", trial.output.proposals) };
    proposal.clone()
}

fn hear(trial: &mut Trial, proposal: &Proposal<'_>) -> Vec<String> {
    trial.after(MINUTE).event("device:box", None, Body::Proposal(proposal.clone()))
}

fn at(offset: u64) -> schema::Origin {
    schema::Origin { partition: 1, offset, n: 0 }
}

#[test]
fn an_engine_proposes_and_the_owner_of_the_key_decides_once() {
    let event = proposal();
    let decision = &event.decision;
    assert!(decision.starts_with("d_") && event.id.starts_with("p_"), "{event:?}");
    let Body::Proposal(body) = event.event().body else { panic!("{event:?}") };
    assert_eq!((body.feature, body.value), (Some("device_accounts_24h"), Some(9.0)));
    let mut owner = one_of_several(Facts::FromLog);
    assert_eq!(hear(&mut owner, &body), ["enforce challenge registration farm"]);
    let told = owner.last();
    assert_eq!(told.reasons[0].value, Some(9.0));
    assert_eq!(told.expires, Some(told.issued + DAY));
    // Again, as after a crash, and again from another account: nothing that is not new.
    assert_eq!(hear(&mut owner, &body), [""; 0]);
    assert_eq!(owner.engine.stats().facts_passed_over, 1);
    assert_eq!(hear(&mut owner, &Proposal { origin: at(900), ..body.clone() }), [""; 0]);
    assert_eq!(owner.engine.stats().facts_passed_over, 1);
    // After half of its term it is renewed.
    owner.after(13 * HOUR);
    assert_eq!(
        hear(&mut owner, &Proposal { origin: at(901), ..body }),
        ["enforce challenge registration farm"]
    );
    assert_eq!(owner.last().supersedes, Some(told.id));
}

#[test]
fn the_owner_asks_its_own_policy_and_humans() {
    let body = Proposal { rule: "farm", decision: "d_1", feature: None, value: None, origin: at(1) };
    let mut owner = one_of_several(Facts::FromLog);
    assert_eq!(hear(&mut owner, &Proposal { rule: "other", ..body.clone() }), [""; 0]);
    let range = Body::Proposal(Proposal { origin: at(2), ..body.clone() });
    assert_eq!(owner.after(MINUTE).event("number_range:n", None, range), [""; 0]);
    let (scope, lift) = (Some(Scope::Registration), Verdict::Lift);
    let word = VerdictEvent {
        verdict: lift,
        actor: "r",
        decision: None,
        scope,
        limit: None,
        expires: None,
        undoes: None,
    };
    owner.after(MINUTE).verdict("device:box", word);
    assert_eq!(hear(&mut owner, &Proposal { origin: at(3), ..body.clone() }), [""; 0]);
    let shadow = policy(&farm_rule("mode = \"shadow\""));
    let config = EngineConfig { policy: shadow, facts: Facts::FromLog, ..small() };
    assert_eq!(hear(&mut Trial::with(config), &body), [""; 0]);
    let exempt = ExemptList::parse("e", "device:box\n").expect("one key");
    let config = EngineConfig { exempt, policy: policy(&farm_rule("")), facts: Facts::FromLog, ..small() };
    assert_eq!(hear(&mut Trial::with(config), &body), [""; 0]);
}

#[test]
fn where_facts_are_fed_back_within_one_of_several_partitions_nothing_shared_is_restricted() {
    let mut trial = one_of_several(Facts::FedBack);
    restricted(&mut trial, "a1");
    assert!(trial.in_force("a1").is_some());
    assert_eq!((on_the_device(&trial), trial.output.proposals.len()), (None, 0));
    // Nor are proposals of a log heard, which others made.
    let body = Proposal { rule: "farm", decision: "d_1", feature: None, value: None, origin: at(1) };
    assert_eq!(hear(&mut trial, &body), [""; 0]);
}

#[test]
fn a_checkpoint_keeps_the_proposals_that_were_heard_and_the_format_before_is_read() {
    let mut owner = one_of_several(Facts::FromLog);
    let body = Proposal { rule: "none", decision: "d_1", feature: None, value: None, origin: at(7) };
    hear(&mut owner, &body);
    owner.engine.begin_checkpoint(true);
    let mut chunk = Vec::new();
    while !owner.engine.write_checkpoint(1 << 20, &mut chunk) {}
    let restored = |chunk: &[u8]| {
        let policy = policy(&farm_rule(""));
        let config = EngineConfig { policy, facts: Facts::FromLog, partitions: 2, ..small() };
        let engine = Engine::restore(config, &[chunk.to_vec()], Vec::new()).expect("nothing is damaged");
        Trial { engine, ..Trial::with(small()) }
    };
    let passed_over = |mut trial: Trial| {
        (trial.now, trial.sent) = (trial.now + DAY, 100);
        hear(&mut trial, &body);
        trial.engine.stats().facts_passed_over
    };
    assert_eq!(passed_over(restored(&chunk)), 1);
    // Where nothing was activated there is no digest, and nothing else is new.
    let mut before = chunk.clone();
    before[5] = 4;
    assert_eq!(passed_over(restored(&before)), 1);
    let stats = |chunk: &[u8]| restored(chunk).engine.stats();
    assert_eq!(stats(&before), stats(&chunk));
}

fn bare(verdict: Verdict) -> VerdictEvent<'static> {
    VerdictEvent {
        verdict,
        actor: "r",
        decision: None,
        scope: None,
        limit: None,
        expires: None,
        undoes: None,
    }
}

#[test]
fn a_human_who_bans_a_device_challenges_registration_on_it_for_a_day() {
    let mut trial = Trial::new("");
    let ban = VerdictEvent { scope: Some(Scope::Messages), ..bare(Verdict::Ban) };
    assert_eq!(trial.after(MINUTE).verdict("device:box", ban), ["enforce challenge registration -"]);
    assert_eq!(trial.last().expires, Some(trial.now + DAY));
    assert_eq!(on_the_device(&trial), Some(schema::Action::Challenge));
    assert_eq!(trial.in_force("device:box"), None);
    trial.after(DAY + MINUTE);
    assert_eq!(on_the_device(&trial), None);
}

#[test]
fn a_human_may_limit_registrations_in_a_number_range_for_a_day_and_no_longer() {
    let mut trial = Trial::new("");
    let limit = Some(schema::Limit { max: 5, per_s: 3600 });
    let (scope, expires) = (Some(Scope::All), Some(trial.now + 9 * DAY));
    let change = VerdictEvent { scope, limit, expires, ..bare(Verdict::Change) };
    assert_eq!(trial.verdict("number_range:n", change), ["enforce rate_limit registration -"]);
    let decision = trial.last();
    assert_eq!((decision.limit, decision.expires), (limit, Some(trial.now + DAY)));
    let longer = VerdictEvent { expires, ..bare(Verdict::Ban) };
    assert_eq!(
        trial.after(MINUTE).verdict("a1", longer),
        ["enforce ban all -"],
        "an account's own ban stands"
    );
    assert_eq!(trial.last().expires, expires);
}
