//! The line: outcomes, time, repeats, when rules and the model run, modes, ladder, budget, rows.
//!
//! Separate by theme.

use proptest::prelude::*;
use schema::{Action, ReportReason, RowWhy, Scope, Verdict, VerdictEvent};

use super::*;

#[test]
fn a_rule_fires_with_reasons_a_counterfactual_and_a_stable_id() {
    let mut trial = Trial::new(&rule(
        "r",
        "new_chats_1m >= 3 && age_s < 86400",
        "action = \"challenge\"\nscope = \"new_chats\"",
    ));
    assert_eq!(trial.strangers("a", Some(1.0), 3), ["enforce challenge new_chats r"]);
    let d = trial.last();
    let reasons: Vec<_> = d.reasons.iter().map(|r| (r.feature.as_deref().unwrap_or(""), r.value)).collect();
    assert_eq!(reasons[0], ("new_chats_1m", Some(3.0)));
    assert_eq!(reasons[1].0, "age_s");
    assert_eq!(d.counterfactual.as_ref().map(|c| (c.feature.as_str(), c.below)), Some(("new_chats_1m", 3.0)));
    assert_eq!(
        d.id,
        schema::decision_id("a", "e_3", (Action::Challenge, Scope::NewChats, schema::Mode::Enforce), "r")
    );
    assert_eq!((d.issued, d.expires, d.seq), (trial.now, Some(trial.now + DAY), trial.now));
    let standing = trial.output.standings.last().expect("it changed");
    assert_eq!((standing.seq, standing.restrictions.len()), (d.seq, 1));
}

#[test]
fn a_decision_is_emitted_only_if_it_changes_standing() {
    let mut trial = Trial::new(&rule("r", "new_chats_24h >= 3", "action = \"challenge\"\nfor = \"10h\""));
    assert_eq!(trial.strangers("a", None, 3).len(), 1);
    assert_eq!(trial.strangers("a", None, 20), Vec::<String>::new());
    assert_eq!(
        trial.after(5 * HOUR).strangers("a", None, 2),
        ["enforce challenge all r"],
        "renewed after half its term"
    );
    assert!(trial.last().supersedes.is_some());
}

#[test]
fn something_unknown_never_fires() {
    let mut trial = Trial::new(&rule("r", "age_s < 86400 && new_chats_1m >= 1", "action = \"warn\""));
    assert_eq!(trial.strangers("a", None, 5), Vec::<String>::new(), "unknown age is never young");
}

#[test]
fn a_repeat_is_passed_over_and_a_future_event_is_rejected() {
    let mut trial = Trial::new("");
    let event =
        |id, ts| Event { id, ts, at: Some(T0), account: "a", age_h: None, idle_h: None, body: stranger("p") };
    let mut take = |e: Event<'_>| trial.engine.process(&e, 0, &mut trial.output);
    assert_eq!(take(event("1", T0)), Outcome::Quiet);
    assert_eq!(take(event("1", T0)), Outcome::Duplicate);
    assert_eq!(take(event("2", T0 + 5 * MINUTE)), Outcome::Quiet);
    assert!(
        matches!(take(event("3", T0 + 5 * MINUTE + 1)), Outcome::Rejected(r) if r.reason == RejectReason::Future)
    );
    let stats = trial.engine.stats();
    assert_eq!((stats.records, stats.duplicates, stats.rejected), (4, 1, 1));
}

#[test]
fn log_time_never_falls_and_without_at_it_is_the_highest_ts() {
    let mut trial = Trial::new(&rule("r", "messages_1m >= 1", "action = \"warn\""));
    for (n, (ts, at)) in [(T0 + 10, None), (T0, None), (T0 + 5, Some(T0 + 5))].into_iter().enumerate() {
        let (id, account) = (format!("{n}"), format!("a{n}"));
        let event =
            Event { id: &id, ts, at, account: &account, age_h: None, idle_h: None, body: stranger("p") };
        trial.engine.process(&event, 0, &mut trial.output);
    }
    assert_eq!(trial.output.decisions.iter().map(|d| d.issued - T0).collect::<Vec<_>>(), [10, 10, 10]);
}

#[test]
fn one_leap_ahead_is_refused_and_a_second_to_the_same_time_is_believed() {
    let mut trial = Trial::new(&rule("r", "messages_1m >= 1", "action = \"warn\""));
    let mut send = |n: u32, ts: u64| {
        let (id, account) = (format!("{n}"), format!("a{n}"));
        let event = Event {
            id: &id,
            ts,
            at: None,
            account: &account,
            age_h: None,
            idle_h: None,
            body: stranger("p"),
        };
        trial.engine.process(&event, 0, &mut trial.output) == Outcome::Decided
    };
    let taken = [(0, T0), (1, T0 + 90 * DAY), (2, T0 + 1), (3, T0 + 400 * DAY), (4, T0 + 6 * DAY)];
    assert_eq!(taken.map(|(n, ts)| send(n, ts)), [true, false, true, false, true]);
    let agreeing = [(5, T0 + 40 * DAY), (6, T0 + 40 * DAY + HOUR), (7, T0 + 41 * DAY)];
    assert_eq!(agreeing.map(|(n, ts)| send(n, ts)), [false, true, true]);
}

#[test]
fn a_shadow_rule_decides_without_standing() {
    let mut trial = Trial::new(&rule("r", "new_chats_1m >= 3", "action = \"ban\"\nmode = \"shadow\""));
    assert_eq!(trial.strangers("a", None, 9), ["shadow ban all r"]);
    assert_eq!((trial.in_force("a"), trial.output.standings.len()), (None, 0));
}

#[test]
fn a_share_enforces_for_some_accounts_and_shadows_the_rest() {
    let mut trial = Trial::new(&rule("r", "new_chats_1m >= 1", "action = \"challenge\"\nshare = 0.5"));
    let enforced =
        (0..100).filter(|n| trial.strangers(&format!("a{n}"), None, 1)[0].starts_with("enforce")).count();
    assert!((30..70).contains(&enforced), "{enforced}");
}

#[test]
fn an_exempt_account_is_only_shadowed() {
    let exempt = ExemptList::parse("f", "bot").expect("valid");
    let text = rule("r", "new_chats_1m >= 1", "action = \"rate_limit\"");
    let mut trial = Trial::with(EngineConfig { policy: policy(&text), exempt, ..small() });
    assert_eq!(trial.strangers("bot", None, 1), ["shadow rate_limit all r"]);
    assert_eq!(trial.strangers("person", None, 1), ["enforce rate_limit all r"]);
}

#[test]
fn the_strongest_of_several_rules_decides() {
    let weak =
        rule("weak", "new_chats_1m >= 3", "action = \"challenge\"\nscope = \"new_chats\"\npriority = 9");
    let strong = rule("strong", "new_chats_1m >= 3", "action = \"rate_limit\"\nscope = \"new_chats\"");
    assert_eq!(
        Trial::new(&(weak + &strong)).strangers("a", None, 3),
        ["enforce rate_limit new_chats strong"]
    );
}

#[test]
fn an_unheeded_warning_and_past_strikes_move_an_account_up_the_ladder() {
    let text = rule("r", "new_chats_1m >= 1", "action = \"warn\"\nladder = true\nfor = \"4h\"");
    let mut trial = Trial::new(&text);
    assert_eq!(trial.strangers("a", None, 1), ["enforce warn all r"]);
    assert_eq!(trial.after(2 * HOUR).strangers("a", None, 1), ["enforce challenge all r"]);
    let text = rule("r", "new_chats_1m >= 1", "action = \"rate_limit\"\nladder = true\nfor = \"1h\"")
        + &rule("s", "feedback_24h >= 0.4", "action = \"warn\"");
    let mut trial = Trial::new(&text);
    assert_eq!(trial.strangers("a", None, 1), ["enforce rate_limit all r"]);
    assert_eq!(
        trial.after(2 * HOUR).strangers("a", None, 1),
        ["enforce rate_limit all r"],
        "one episode, one strike"
    );
    trial.after(5 * HOUR).event("a", None, Body::Block(feedback("p")));
    assert_eq!(
        trial.strangers("a", None, 1),
        ["enforce ban all r"],
        "a second episode, with two kinds of evidence"
    );
}

#[test]
fn a_tripped_brake_turns_bans_into_limits_but_never_a_sure_case() {
    let ban = "action = \"ban\"";
    let text = format!(
        "[budget]\nbans_per_hour = 1\n{}{}",
        rule("r", "new_chats_1m >= 2 && stranger_chats_1m >= 2 && feedback_24h >= 0.4", ban),
        rule("sure", "new_chats_1m >= 9 && age_s < 600", "action = \"ban\"\nsure_case = true")
    );
    let mut trial = Trial::new(&text);
    let ban = |trial: &mut Trial, account: &str| {
        trial.event(account, None, Body::Block(feedback("p")));
        trial.strangers(account, None, 2)
    };
    assert_eq!(ban(&mut trial, "a"), ["enforce ban all r"]);
    assert_eq!(ban(&mut trial, "b"), ["enforce rate_limit messages r", "enforce review messages r"]);
    assert_eq!(trial.engine.stats().bans_braked, 1);
    assert!(trial.strangers("c", Some(0.0), 9).contains(&"enforce ban all sure".to_owned()));
    trial.after(HOUR);
    assert_eq!(ban(&mut trial, "d"), ["enforce ban all r"], "the next hour has its own budget");
}

#[test]
fn each_partition_has_its_share_of_a_budget_but_never_none() {
    let text = "[budget]\nbans_per_hour = 5\n".to_owned()
        + &rule(
            "r",
            "new_chats_1m >= 2 && stranger_chats_1m >= 2 && feedback_24h >= 0.4",
            "action = \"ban\"",
        );
    for (partitions, share) in [(1, 5), (2, 3), (4, 2), (64, 1)] {
        let mut trial = Trial::with(EngineConfig { policy: policy(&text), partitions, ..small() });
        let banned = (0..8).filter(|n| {
            let account = format!("a{n}");
            trial.event(&account, None, Body::Block(feedback("p")));
            trial.strangers(&account, None, 2).contains(&"enforce ban all r".to_owned())
        });
        assert_eq!(banned.count(), share, "{partitions}");
    }
}

#[test]
fn rows_are_kept_for_decisions_feedback_and_a_weighted_sample() {
    let text = rule("r", "new_chats_1m >= 3", "action = \"warn\"");
    let mut trial = Trial::with(EngineConfig { policy: policy(&text), rows: Some(0.25), ..small() });
    trial.strangers("a", None, 400);
    trial.event("a", None, Body::Block(feedback("p")));
    let count = |why| trial.output.rows.iter().filter(|r| r.why == why).count();
    assert_eq!((count(RowWhy::Decision), count(RowWhy::Feedback)), (1, 1));
    assert!((60..140).contains(&count(RowWhy::Sample)), "{}", count(RowWhy::Sample));
    let sample = trial.output.rows.iter().find(|r| r.why == RowWhy::Sample).expect("some");
    assert_eq!((sample.weight, sample.values.len()), (4.0, features::FEATURES));
}

#[test]
fn a_decision_at_a_verdict_or_an_answer_has_its_row_too() {
    let text = rule("r", "new_chats_1m >= 3", "action = \"challenge\"");
    let mut trial = Trial::with(EngineConfig { policy: policy(&text), rows: Some(0.0), ..small() });
    trial.strangers("a", None, 3);
    let challenge = trial.last();
    trial.event("a", None, Body::ChallengeResult { decision: &challenge.id, passed: true });
    let lift = trial.last();
    let ban = VerdictEvent {
        verdict: Verdict::Ban,
        decision: None,
        scope: None,
        limit: None,
        expires: None,
        actor: "r",
        undoes: None,
    };
    trial.verdict("a", ban.clone());
    trial.verdict("never seen", ban);
    let rows = &trial.output.rows;
    let told: Vec<_> = rows.iter().map(|row| (row.why, row.decisions.clone())).collect();
    let by = |id: &str| (RowWhy::Decision, vec![id.to_owned()]);
    let banned = trial.output.decisions.iter().find(|one| one.action == Action::Ban).expect("a human's word");
    assert_eq!(told, [by(&challenge.id), by(&lift.id), by(&banned.id)]);
    assert_ne!((&lift.id, lift.action), (&challenge.id, challenge.action));
    assert_eq!(rows[2].values, rows[1].values, "a verdict counts for nothing");
}

#[test]
fn a_full_standing_table_refuses_and_counts() {
    let text = rule("r", "new_chats_1m >= 1", "action = \"challenge\"");
    let mut trial = Trial::with(EngineConfig { policy: policy(&text), standings_max: 2, ..small() });
    for account in ["a", "b", "c"] {
        trial.strangers(account, None, 1);
    }
    assert_eq!(
        (trial.in_force("a"), trial.in_force("b"), trial.in_force("c")),
        (Some(Action::Challenge), Some(Action::Challenge), None)
    );
    assert!(trial.engine.stats().standings_refused > 0);
}

#[test]
fn a_restriction_outlives_the_eviction_of_its_features() {
    let text = rule("r", "new_chats_1m >= 2", "action = \"challenge\"");
    let store = features::StoreLimits { accounts_max: 3 };
    let mut trial = Trial::with(EngineConfig { policy: policy(&text), store, ..small() });
    trial.strangers("a", None, 2);
    for n in 0..20 {
        trial.strangers(&format!("b{n}"), None, 1);
    }
    assert_eq!(trial.in_force("a"), Some(Action::Challenge));
    assert!(trial.engine.stats().evicted > 0);
}

#[test]
fn the_model_schedule_counts_acts_and_kinds() {
    let policy = policy("");
    let due: Vec<u32> = (1..=24).filter(|acts| policy.model.is_due(2, true, *acts)).collect();
    assert_eq!(due, [1, 2, 3, 5, 8, 16, 24]);
    assert!(policy.model.is_due(7, false, 4), "reports");
    assert!(!policy.model.is_due(3, false, 8), "a reply is no act");
}

/// One step of a random log.
fn step(trial: &mut Trial, (what, who, later): (u8, u8, u32)) {
    trial.now += u64::from(later);
    let account = format!("a{who}");
    let known = trial
        .output
        .decisions
        .iter()
        .rev()
        .find(|d| d.account == account)
        .map(|d| d.id.clone())
        .unwrap_or_default();
    let peer = format!("p{}", trial.sent % 50);
    let verdict = |verdict| {
        Body::Verdict(VerdictEvent {
            verdict,
            actor: "h",
            decision: None,
            scope: None,
            limit: None,
            expires: None,
            undoes: None,
        })
    };
    let body = match what {
        0 => Body::Block(feedback(&peer)),
        1 => report(&peer, ReportReason::Threat),
        2 => session("d_1"),
        3 => Body::ChallengeResult { decision: &known, passed: who == 0 },
        4 => Body::Appeal { decision: &known },
        5 => Body::Deletion,
        6 => verdict(Verdict::ALL[usize::from(who) % 5]),
        7 => Body::Reply { peer: &peer },
        _ => stranger(&peer),
    };
    trial.event(&account, Some(0.05), body);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn seq_rises_reasons_are_there_and_the_same_log_gives_the_same_decisions(
        steps in proptest::collection::vec((0u8..30, 0u8..3, 0u32..600_000), 1..250)
    ) {
        let run = || {
            let mut trial = Trial::with(EngineConfig { rows: Some(0.1), ..small() });
            steps.iter().for_each(|s| step(&mut trial, *s));
            trial.output
        };
        let output = run();
        let mut last: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
        for d in &output.decisions {
            prop_assert!(d.seq > last.insert(&d.account, d.seq).unwrap_or(0), "seq of {d:?}");
            prop_assert!(d.action == Action::Lift || (1..=8).contains(&d.reasons.len()));
            prop_assert!(d.expires.is_none_or(|e| e >= d.issued + HOUR));
            let may_be_endless = d.source == schema::Source::Reviewer && d.action == Action::Ban
                || matches!(d.action, Action::Lift | Action::Review);
            prop_assert!(d.expires.is_some() || may_be_endless, "{d:?}");
        }
        prop_assert_eq!(output, run());
    }
}
