//! The open loop as a caller sees it: same bytes, valid events, complete truth, fields left out.
//!
//! Separate from calibration: nothing here depends on how a persona is drawn.

use std::collections::BTreeSet;

use schema::{Body, Event, json};
use simulate::{Config, Error, FIELDS, FieldSet, Label, Persona, Simulation};

fn small(seed: u64) -> Config {
    Config { accounts: 400, hours: 60.0, seed, ..Config::default() }
}

/// The run as NDJSON, and its truth.
fn lines(config: Config) -> (Vec<u8>, Vec<String>) {
    let mut simulation = Simulation::new(config).expect("the configuration is in range");
    let mut out = Vec::new();
    simulation.run_open(&mut |event| json::encode(event, &mut out));
    (out, simulation.truth().map(|line| line.json()).collect())
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let first = lines(small(5));
    assert!(!first.0.is_empty());
    assert!(first == lines(small(5)));
}

#[test]
fn another_seed_gives_another_world() {
    assert!(lines(small(5)).0 != lines(small(6)).0);
}

#[test]
fn a_simulation_runs_once() {
    let mut simulation = Simulation::new(small(1)).unwrap();
    simulation.run_open(&mut |_| {});
    simulation.run_open(&mut |event| panic!("a second run gave {event:?}"));
}

#[test]
fn events_come_in_order_of_time_within_the_run_and_with_ids_of_their_own() {
    let config = small(2);
    let (start, end) = (config.start_ms, config.end_ms());
    let mut simulation = Simulation::new(config).expect("the configuration is in range");
    let (mut last, mut ids) = (start, BTreeSet::new());
    simulation.run_open(&mut |event| {
        assert!((last..end).contains(&event.ts), "{} after {last}", event.ts);
        last = event.ts;
        assert!(ids.insert(event.id.to_owned()), "{} twice", event.id);
    });
}

#[test]
fn every_event_passes_the_contract_and_survives_the_wire() {
    let mut simulation = Simulation::new(small(3)).unwrap();
    let mut bytes = Vec::new();
    let mut kinds = BTreeSet::new();
    simulation.run_open(&mut |event: &Event<'_>| {
        kinds.insert(event.body.kind());
        bytes.clear();
        json::encode(event, &mut bytes);
        let raw = json::decode(&bytes).unwrap();
        let back = raw.event().unwrap_or_else(|refusal| panic!("{refusal}: {event:?}"));
        assert_eq!(back.as_ref(), Some(event));
    });
    for kind in ["registration", "session", "message", "reply", "block", "report", "undelivered", "lookup"] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    for kind in ["group_create", "group_add", "group_leave"] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
}

#[test]
fn the_truth_covers_every_account_of_the_events_and_every_persona_occurs() {
    let mut simulation =
        Simulation::new(Config { accounts: 4_000, hours: 48.0, ..Config::default() }).unwrap();
    let mut seen = BTreeSet::new();
    simulation.run_open(&mut |event| {
        if !seen.contains(event.account) {
            seen.insert(event.account.to_owned());
        }
    });
    let truth: Vec<_> = simulation.truth().collect();
    let known: BTreeSet<&str> = truth.iter().map(|line| line.account.as_str()).collect();
    assert_eq!(known.len(), truth.len(), "an account has two truths");
    assert!(seen.iter().all(|account| known.contains(account.as_str())));
    for persona in Persona::ALL {
        assert!(truth.iter().any(|line| line.persona == *persona), "no {persona}");
    }
    assert!(truth.iter().all(|line| line.onset_ts.is_none() || line.label == Label::Abusive));
    let benign = truth.iter().filter(|line| line.label == Label::Benign).count();
    assert_eq!(benign, 4_000);
}

#[test]
fn the_share_of_abusive_accounts_is_what_was_asked_for() {
    for rate in [0.001, 0.015, 0.1] {
        let config = Config { accounts: 20_000, hours: 1.0, base_rate: Some(rate), ..Config::default() };
        let simulation = Simulation::new(config).expect("the configuration is in range");
        let spares = |persona: Persona| persona == Persona::ReportBrigade;
        let abusive = simulation.truth().filter(|l| l.label == Label::Abusive && !spares(l.persona)).count();
        let measured = abusive as f64 / (abusive as f64 + 20_000.0);
        assert!((measured / rate - 1.0).abs() < 0.35, "{measured} for {rate}");
    }
}

#[test]
fn only_bots_are_exempt() {
    let simulation = Simulation::new(Config { accounts: 4_000, hours: 1.0, ..small(4) }).unwrap();
    let exempt: BTreeSet<String> = simulation.exempt().collect();
    assert!(!exempt.is_empty());
    for line in simulation.truth() {
        let bot = matches!(line.persona, Persona::OtpBot | Persona::AlertBot);
        assert_eq!(exempt.contains(&line.account), bot, "{}", line.persona);
    }
}

#[test]
fn a_field_left_out_is_in_no_event_and_all_else_stays() {
    for field in FIELDS {
        let config =
            Config { accounts: 120, hours: 30.0, without: FieldSet::parse(field).unwrap(), ..small(8) };
        let with = lines(Config { without: FieldSet::NONE, ..config.clone() });
        let without = lines(config);
        let key = format!("\"{field}\":");
        let text = String::from_utf8(without.0).unwrap();
        assert!(!text.contains(&key), "{field} is still there");
        let full = String::from_utf8(with.0).unwrap();
        assert!(full.contains(&key), "{field} is never there");
        assert_eq!(full.lines().count(), text.lines().count());
    }
}

#[test]
fn an_account_added_to_one_persona_leaves_the_other_attackers_as_they_are() {
    let run = |blasters: u32| {
        let mut config = small(9);
        config.counts.insert(Persona::BulkBlaster, blasters);
        let mut simulation = Simulation::new(config).expect("the configuration is in range");
        let registrations: BTreeSet<(u64, u32)> = {
            let mut all = BTreeSet::new();
            simulation.run_open(&mut |event| {
                if let Body::Lookup { count, .. } = event.body
                    && count > 200
                {
                    all.insert((event.ts, count));
                }
            });
            all
        };
        registrations
    };
    assert_eq!(run(2), run(9));
}

#[test]
fn a_request_out_of_range_is_refused_with_its_reason() {
    let refused = |config: Config| Simulation::new(config).err().expect("the request is out of range");
    assert_eq!(refused(Config { accounts: 0, ..small(1) }), Error::Accounts(0));
    assert_eq!(refused(Config { hours: -1.0, ..small(1) }), Error::Hours(-1.0));
    assert!(matches!(refused(Config { hours: f64::NAN, ..small(1) }), Error::Hours(_)));
    assert_eq!(refused(Config { base_rate: Some(0.9), ..small(1) }), Error::BaseRate(0.9));
    assert_eq!(refused(Config { start_ms: 5, ..small(1) }), Error::Start(5));
    assert_eq!(FieldSet::parse("typed,colour").unwrap_err(), Error::UnknownField("colour".to_owned()));
    assert_eq!(FieldSet::parse("").unwrap(), FieldSet::NONE);
}

#[test]
fn rings_may_begin_with_the_run_for_who_watches_from_its_start() {
    let first = |rings_first: bool| {
        let config = Config {
            accounts: 400,
            hours: 24.0 * 20.0,
            seed: 9,
            base_rate: Some(0.0),
            counts: [(Persona::Person, 1), (Persona::LockstepRing, 40)].into(),
            rings_first,
            ..Config::default()
        };
        let start = config.start_ms;
        let mut simulation = Simulation::new(config).expect("the configuration is in range");
        simulation.run_open(&mut |_| {});
        let onset = simulation
            .truth()
            .filter(|line| line.persona == Persona::LockstepRing)
            .filter_map(|line| line.onset_ts);
        (onset.min().expect("a ring acts") - start) / 3_600_000
    };
    assert!(first(true) < 24, "{} h", first(true));
    assert!(first(false) >= 24, "elsewhere it is drawn: {} h", first(false));
}
