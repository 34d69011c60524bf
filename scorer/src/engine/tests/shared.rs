//! Restrictions of shared things: on registration alone, at most a day, only where a rule says so.
//!
//! Separate by theme.

use schema::Scope;

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
