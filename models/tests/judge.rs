//! The definitions of `weir judge`, one test each.
//!
//! Separate from the units because they go through the builder, as the command does.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers as well")]

use models::judge::{Level, Report, Settings};
use models::{JudgeBuilder, Truth};
use schema::{
    Action, Body, Chat, Decision, Event, Feedback, Limit, Message, Mode, Reason, ReportReason, Scope,
    Session, Source, Versions,
};

const HOUR: u64 = 3_600_000;
const START: u64 = 1_700_006_400_000;

fn truth(account: &str, abusive: bool, persona: &str, onset: Option<u64>) -> Truth {
    let onset_ts = onset.map(|hours| START + hours * HOUR);
    Truth { account: account.to_owned(), abusive, persona: persona.to_owned(), onset_ts }
}

fn decision(account: &str, action: Action, at_min: u64) -> Decision {
    Decision {
        id: format!("d_{account}_{at_min}"),
        account: account.to_owned(),
        seq: at_min,
        action,
        scope: if action == Action::Ban { Scope::All } else { Scope::NewChats },
        limit: None,
        issued: START + at_min * 60_000,
        expires: Some(START + at_min * 60_000 + 24 * HOUR),
        event: "e".to_owned(),
        score: None,
        reasons: vec![Reason { code: "bulk".to_owned(), feature: None, value: None, contribution: None }],
        counterfactual: None,
        source: Source::Rule,
        rule: Some("blast".to_owned()),
        mode: Mode::Enforce,
        supersedes: None,
        companions: Vec::new(),
        versions: Versions {
            policy: String::new(),
            model: String::new(),
            features: String::new(),
            blocklists: String::new(),
        },
    }
}

fn event<'a>(account: &'a str, at_min: u64, body: Body<'a>) -> Event<'a> {
    Event { id: "e", ts: START + at_min * 60_000, at: None, account, age_h: None, idle_h: None, body }
}

fn message<'a>(peer: &'a str, first_contact: Option<bool>) -> Body<'a> {
    Body::Message(Message {
        chat: Chat::Direct,
        peer: Some(peer),
        group: None,
        group_size: None,
        first_contact,
        in_contacts: None,
        forwarded: None,
        typed: None,
        size: None,
    })
}

/// Ten accounts of each truth send one first message a minute from minute 0 to 9, to p0..p9.
fn judge(truths: &[Truth], decisions: &[Decision], more: &[Event<'_>]) -> Report {
    let mut judge = JudgeBuilder::new(Settings::default());
    truths.iter().for_each(|truth| judge.truth(truth).unwrap());
    decisions.iter().for_each(|decision| judge.decision(decision).unwrap());
    let peers: Vec<String> = (0..10).map(|peer| format!("p{peer}")).collect();
    let mut events: Vec<Event<'_>> = more.to_vec();
    for truth in truths {
        for (minute, peer) in peers.iter().enumerate() {
            events.push(event(&truth.account, minute as u64, message(peer, Some(true))));
        }
    }
    events.sort_by_key(|event| event.ts);
    events.iter().for_each(|event| judge.event(event));
    judge.finish()
}

#[test]
fn restricted_limited_and_banned_are_nested() {
    let truths: Vec<Truth> = ["a", "b", "c", "d"].map(|name| truth(name, true, "blaster", None)).to_vec();
    let decisions = [
        decision("a", Action::Challenge, 2),
        decision("b", Action::RateLimit, 2),
        decision("c", Action::Ban, 2),
        decision("d", Action::Warn, 2),
    ];
    let report = judge(&truths, &decisions, &[]);
    let hits: Vec<u64> = report.abusive.levels.iter().map(|share| share.hits).collect();
    assert_eq!(hits, [3, 2, 1]);
    assert_eq!(report.abusive.levels[Level::Restricted as usize].of, 4);
}

#[test]
fn shadow_decisions_catch_nobody() {
    let shadow = Decision { mode: Mode::Shadow, ..decision("a", Action::Ban, 2) };
    let report = judge(&[truth("a", true, "blaster", None)], &[shadow], &[]);
    assert_eq!((report.abusive.levels[0].hits, report.shadow), (0, 1));
}

#[test]
fn a_decision_before_onset_catches_nobody() {
    let report = judge(&[truth("a", true, "takeover", Some(1))], &[decision("a", Action::Ban, 2)], &[]);
    // All ten acts came in the first ten minutes, before onset: too few after it.
    assert_eq!((report.early, report.left_out.of, report.left_out.hits), (1, 1, 0));
    let late: Vec<Event<'_>> = (60..66).map(|minute| event("a", minute, message("q", None))).collect();
    let report = judge(&[truth("a", true, "takeover", Some(1))], &[decision("a", Action::Ban, 2)], &late);
    assert_eq!((report.early, report.left_out.of, report.abusive.levels[0].hits), (1, 0, 0));
    assert_eq!(report.abusive.levels[0].of, 1);
}

#[test]
fn messages_count_up_to_the_first_restriction_and_recipients_up_to_the_ban() {
    let decisions = [decision("a", Action::Challenge, 2), decision("a", Action::Ban, 5)];
    let report = judge(&[truth("a", true, "blaster", None)], &decisions, &[]);
    // Minutes 0, 1 and 2 (the act that caused it was delivered); 0 to 5.
    assert_eq!(report.messages.median, Some(3));
    assert_eq!(report.recipients.median, Some(6));
    assert_eq!(report.abusive.user_days[2].hits, 1);
}

#[test]
fn an_unknown_first_contact_is_the_first_to_that_peer() {
    let more: Vec<Event<'_>> = (0..4).map(|minute| event("a", minute, message("same", None))).collect();
    let report = judge(&[truth("a", true, "blaster", None)], &[decision("a", Action::Challenge, 9)], &more);
    assert_eq!(report.messages.median, Some(11));
}

#[test]
fn a_ban_after_a_report_is_not_unreported() {
    let report_event = |minute| {
        let feedback = Feedback {
            peer: "p1",
            contact: None,
            peer_age_h: None,
            peer_device: None,
            peer_prefix: None,
            peer_range: None,
        };
        event("a", minute, Body::Report { feedback, reason: ReportReason::Spam })
    };
    let truths = [truth("a", true, "blaster", None)];
    let ban = [decision("a", Action::Ban, 5)];
    assert_eq!(judge(&truths, &ban, &[report_event(6)]).bans_unreported.hits, 1);
    assert_eq!(judge(&truths, &ban, &[report_event(4)]).bans_unreported.hits, 0);
}

#[test]
fn caught_at_registration_means_before_the_first_act() {
    let truths = [truth("a", true, "farm", None)];
    let at_once = Decision { issued: START - 1, ..decision("a", Action::Challenge, 0) };
    let registration = event("a", 0, Body::Registration(Session::default()));
    let registration = Event { ts: START - 1, ..registration };
    let found = judge(&truths, &[at_once], std::slice::from_ref(&registration)).at_registration;
    assert_eq!((found.hits, found.of), (1, 1));
    let later = judge(&truths, &[decision("a", Action::Challenge, 3)], &[registration]).at_registration;
    assert_eq!((later.hits, later.of), (0, 1));
}

#[test]
fn felt_is_more_than_issued_only_if_an_act_was_refused() {
    let truths = [truth("quiet", false, "person", None), truth("busy", false, "seller", None)];
    let limit = Some(Limit { max: 3, per_s: 3600 });
    let mild = Decision { limit, ..decision("busy", Action::RateLimit, 5) };
    let report = judge(&truths, &[decision("quiet", Action::Challenge, 30), mild.clone()], &[]);
    // busy sends at minutes 6 to 9: the fourth is over the limit; quiet sends nothing after minute 9.
    assert_eq!((report.benign.levels[0].hits, report.benign.felt.hits), (2, 1));
    let roomy = Decision { limit: Some(Limit { max: 4, per_s: 3600 }), ..mild };
    assert_eq!(judge(&truths, &[roomy], &[]).benign.felt.hits, 0);
}

#[test]
fn what_was_replaced_refuses_no_longer() {
    let truths = [truth("busy", false, "seller", None)];
    let roomy =
        Decision { limit: Some(Limit { max: 4, per_s: 3600 }), ..decision("busy", Action::RateLimit, 5) };
    let challenge = decision("busy", Action::Challenge, 4);
    // busy sends at minutes 6 to 9, after the limit took the challenge's place.
    let report = judge(&truths, &[challenge.clone(), roomy.clone()], &[]);
    assert_eq!((report.benign.levels[1].hits, report.benign.felt.hits), (1, 0));
    let elsewhere = Decision { scope: Scope::Messages, ..challenge };
    assert_eq!(judge(&truths, &[elsewhere, roomy], &[]).benign.felt.hits, 1);
}

#[test]
fn benign_restrictions_are_listed_and_the_worst_persona_named() {
    let truths = [
        truth("a", false, "person", None),
        truth("b", false, "person", None),
        truth("c", false, "seller", None),
        truth("d", true, "blaster", None),
    ];
    let decisions = [decision("c", Action::Challenge, 3), decision("a", Action::Challenge, 3)];
    let report = judge(&truths, &decisions, &[]);
    assert_eq!(report.personas[report.worst_benign.unwrap()].persona, "seller");
    let listed: Vec<(&str, &str)> =
        report.listed.iter().map(|one| (one.account.as_str(), one.persona.as_str())).collect();
    assert_eq!(listed, [("a", "person"), ("c", "seller")]);
    assert!(report.text().contains("a (person) challenge new_chats"));
}

#[test]
fn a_lift_ends_a_restriction() {
    let lift = Decision { action: Action::Lift, scope: Scope::All, ..decision("a", Action::Lift, 4) };
    let report = judge(
        &[truth("a", false, "person", None)],
        &[decision("a", Action::Challenge, 2), lift],
        &[event("a", 60 * 25, message("q", None))],
    );
    let days = report.benign.user_days[0];
    assert_eq!((days.hits, days.of), (1, 2));
}

#[test]
fn order_is_enforced_and_strangers_are_counted() {
    let mut judge = JudgeBuilder::new(Settings::default());
    judge.truth(&truth("a", false, "person", None)).unwrap();
    judge.decision(&decision("stranger", Action::Ban, 1)).unwrap();
    judge.event(&event("unknown", 1, message("q", None)));
    assert!(judge.decision(&decision("a", Action::Ban, 1)).is_err());
    assert!(judge.truth(&truth("b", false, "person", None)).is_err());
    let report = judge.finish();
    assert_eq!((report.events_without_truth, report.decisions_without_truth), (1, 1));
}

#[test]
fn nothing_at_all_can_be_shown() {
    let report = JudgeBuilder::new(Settings::default()).finish();
    assert!(report.text().contains("no benign account was restricted"));
    assert!(report.html().contains("</html>"));
    serde_json::from_str::<serde_json::Value>(&report.json()).unwrap();
}

#[test]
fn the_page_is_complete_escaped_and_loads_nothing() {
    let truths = [truth("<b>", false, "per<script>son", None), truth("x", true, "blaster", None)];
    let mut bad = decision("<b>", Action::Ban, 3);
    bad.score = Some(0.9);
    let report = judge(&truths, &[bad, decision("x", Action::Ban, 3)], &[]);
    let page = report.html();
    assert!(page.contains("per&lt;script&gt;son") && !page.contains("<script"));
    assert!(!page.contains("http") && !page.contains("src=") && !page.contains("NaN"), "{page}");
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    let value: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(value["abusive"]["accounts"]["banned"]["hits"], 1);
    assert_eq!(value["benign"]["accounts"]["banned"]["hits"], 1);
}
