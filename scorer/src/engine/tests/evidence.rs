//! What a ban needs: sure cases, two kinds of evidence, blocklist entries, and what reports can never do.
//!
//! Separate by theme.

use schema::{Action, ReportReason};

use super::*;
use crate::blocklist::{Blocklist, parse_entries};

/// What 5 strangers and one credible block lead to under these rules.
fn check(rules: &str, expected: &[&str]) {
    let mut trial = Trial::new(rules);
    let mut decided = trial.event("a", Some(0.01), Body::Block(feedback("p")));
    decided.extend(trial.strangers("a", Some(0.01), 5));
    assert_eq!(decided, expected);
}

#[test]
fn one_kind_of_evidence_is_a_limit_and_a_case() {
    let text = rule("r", "new_chats_1m >= 5", "action = \"ban\"");
    check(&text, &["enforce rate_limit messages r", "enforce review messages r"]);
}

#[test]
fn two_kinds_of_evidence_may_ban() {
    check(&rule("r", "new_chats_1m >= 5 && feedback_24h >= 0.4", "action = \"ban\""), &["enforce ban all r"]);
    let both = rule("r", "new_chats_1m >= 5", "action = \"ban\"")
        + &rule("other", "feedback_24h >= 0.4", "action = \"review\"");
    check(&both, &["enforce review all other", "enforce ban all r"]);
}

#[test]
fn a_crowd_of_reporters_is_no_second_kind_of_evidence() {
    let text = rule("r", "new_chats_1m >= 5", "action = \"ban\"")
        + &rule("crowd", "distinct_reporters_7d >= 10 && reports_24h >= 10", "action = \"warn\"");
    let mut trial = Trial::new(&text);
    for n in 0..300 {
        let feedback = Feedback { contact: Some(Contact::None), ..feedback("p") };
        let (peer, reason) = (format!("p{n}"), ReportReason::Spam);
        let feedback = Feedback { peer: &peer, peer_device: None, ..feedback };
        trial.event("a", Some(9_000.0), Body::Report { feedback, reason });
    }
    let decided = trial.strangers("a", Some(9_000.0), 5);
    assert_eq!(decided, ["enforce rate_limit messages r", "enforce review messages r"]);
}

#[test]
fn a_shadow_rule_is_no_evidence() {
    let text = rule("r", "new_chats_1m >= 5", "action = \"ban\"")
        + &rule("other", "feedback_24h >= 0.4", "action = \"warn\"\nmode = \"shadow\"");
    check(&text, &["shadow warn all other", "enforce rate_limit messages r", "enforce review messages r"]);
}

#[test]
fn age_is_context_and_no_kind_of_evidence() {
    let text = rule("r", "new_chats_1m >= 5 && age_s < 86400", "action = \"ban\"");
    check(&text, &["enforce rate_limit messages r", "enforce review messages r"]);
}

#[test]
fn a_sure_case_bans_at_once() {
    let text = rule("r", "new_chats_1m >= 5 && age_s < 600", "action = \"ban\"\nsure_case = true");
    check(&text, &["enforce ban all r"]);
}

#[test]
fn the_published_sure_case_is_banned_by_the_default_policy() {
    let mut trial = Trial::with(small());
    let age = Some(5.0 / 60.0);
    trial.event("a", age, Body::Registration(Session::default()));
    for n in 0..100 {
        trial.now += 150;
        trial.event("a", age, stranger(&format!("p{n}")));
    }
    assert_eq!(
        trial.in_force("a"),
        Some(Action::Ban),
        "100 messages in 15 seconds, registered five minutes ago"
    );
}

#[test]
fn three_hundred_false_reports_restrict_nobody_even_by_authors_who_were_answered() {
    let mut trial = Trial::with(small());
    for n in 0..300 {
        let peer = format!("r{n}");
        trial.now += 5_000;
        let answer = Message {
            first_contact: Some(false),
            in_contacts: Some(false),
            typed: Some(true),
            ..match stranger(&peer) {
                Body::Message(m) => m,
                _ => unreachable!("a message"),
            }
        };
        trial.event("innocent", Some(9_000.0), Body::Message(answer));
        let mut feedback = feedback(&peer);
        feedback.contact = Some(if n % 2 == 0 { Contact::Author } else { Contact::None });
        trial.event("innocent", None, Body::Block(feedback.clone()));
        trial.event("innocent", None, Body::Report { feedback, reason: ReportReason::Spam });
        assert_eq!(trial.in_force("innocent"), None, "after {n} reports");
    }
    assert!(trial.output.decisions.iter().all(|d| d.action == Action::Review), "a case is fine");
    assert!(!trial.output.decisions.is_empty());
}

#[test]
fn an_urgent_report_opens_one_case_and_restricts_nobody() {
    let mut trial = Trial::new("");
    assert_eq!(
        trial.event("a", None, report("p", ReportReason::ChildSafety)),
        ["enforce review all report_child_safety"]
    );
    assert_eq!(trial.event("a", None, report("q", ReportReason::Threat)), Vec::<String>::new());
    assert_eq!(trial.in_force("a"), None);
    assert_eq!(
        trial.after(DAY).event("a", None, report("q", ReportReason::Threat)),
        ["enforce review all report_threat"]
    );
}

fn with_list(csv: &str, policy_text: &str) -> Trial {
    let entries = parse_entries("f", &format!("kind,value,source,expires,note,human\n{csv}")).expect("valid");
    let blocklists = vec![Blocklist::build("list", entries).expect("small").list];
    Trial::with(EngineConfig { policy: policy(policy_text), blocklists, ..small() })
}

/// What a session of account `a` on device `d`, prefix 10.1.2.0/24 and ASN 64500 leads to.
fn check_list(csv: &str, policy_text: &str, expected: &[&str]) {
    let mut trial = with_list(csv, policy_text);
    let session = Session {
        device: Some("d"),
        ip_prefix: Some("10.1.2.0/24"),
        asn: Some(64500),
        number_range: Some("r"),
        ..Session::default()
    };
    assert_eq!(trial.event("a", None, Body::Session(session)), expected, "{csv}");
}

#[test]
fn only_a_humans_account_or_device_entry_bans() {
    check_list("account,a,ops,,,true", "", &["enforce ban all list"]);
    check_list("device,d,ops,,,true", "", &["enforce ban all list"]);
    check_list("account,a,feed,,,false", "", &["enforce challenge all list"]);
}

#[test]
fn shared_things_go_no_further_than_a_challenge() {
    let strict =
        "[blocklist]\nip_prefix = \"challenge\"\nasn = \"challenge\"\nnumber_range = \"challenge\"\n";
    check_list("ip_prefix,10.1.0.0/16,ops,,,true", strict, &["enforce challenge all list"]);
    check_list("asn,64500,ops,,,true", strict, &["enforce challenge all list"]);
    check_list("number_range,r,ops,,,true", strict, &["enforce challenge all list"]);
    check_list("number_range,r,ops,,,true", "", &[]);
}

#[test]
fn a_rule_that_holds_by_neighbours_alone_goes_no_further_than_a_challenge() {
    let limit = "action = \"rate_limit\"\nkinds = [\"session\"]";
    let listed = rule("r", "blocklisted", limit);
    check_list("asn,64500,feed,,,", &listed, &["enforce challenge all r"]);
    check_list("number_range,r,feed,,,", &listed, &["enforce challenge all r"]);
    check_list("device,d,feed,,,", &listed, &["enforce rate_limit all r"]);
    let either = rule("r", "prefix_registered_share >= 0.5 || messages_1m >= 3", "action = \"rate_limit\"");
    let mut trial = Trial::new(&either);
    let home = || Body::Session(Session { ip_prefix: Some("10.1.2.0/24"), ..Session::default() });
    let decided: Vec<_> = (0..16).flat_map(|n| trial.event(&format!("a{n}"), Some(0.1), home())).collect();
    assert!(!decided.is_empty() && decided.iter().all(|d| d == "enforce challenge all r"), "{decided:?}");
    assert_eq!(trial.strangers("b", None, 3), ["enforce rate_limit all r"], "its own doing");
}

#[test]
fn a_ban_ends_with_its_entry_and_is_never_shorter_than_an_hour() {
    let mut trial = with_list(&format!("account,a,ops,{},,true", T0 + 2 * HOUR), "");
    trial.event("a", None, session("d"));
    assert_eq!(trial.last().expires, Some(T0 + 2 * HOUR));
    check_list(&format!("account,a,ops,{},,true", T0 + HOUR - 1), "", &[]);
    check_list(&format!("account,a,ops,{T0},,true"), "", &[]);
}

#[test]
fn an_entry_is_a_kind_of_evidence() {
    let text = rule("r", "new_chats_1m >= 3", "action = \"ban\"");
    let mut trial = with_list("asn,64500,feed,,,", &text);
    let asn = Session { asn: Some(64500), ..Session::default() };
    trial.event("a", None, Body::Session(asn));
    assert_eq!(trial.strangers("a", None, 3), ["enforce ban all r"]);
}

#[test]
fn after_a_lift_an_entry_that_was_there_speaks_in_no_rule() {
    let text = rule("r", "blocklisted && new_chats_1m >= 3", "action = \"challenge\"");
    let mut trial = with_list("asn,64500,feed,,,", &text);
    let asn = Session { asn: Some(64500), ..Session::default() };
    trial.event("a", None, Body::Session(asn));
    assert_eq!(trial.strangers("a", None, 3), ["enforce challenge all r"]);
    let (verdict, decision) = (schema::Verdict::Lift, None);
    trial.verdict(
        "a",
        schema::VerdictEvent {
            verdict,
            actor: "h",
            decision,
            scope: None,
            limit: None,
            expires: None,
            undoes: None,
        },
    );
    assert_eq!(trial.after(2 * HOUR).strangers("a", None, 3), Vec::<String>::new());
    assert_eq!(trial.after(7 * DAY).strangers("a", None, 3), ["enforce challenge all r"]);
}

#[test]
fn an_account_is_checked_once_and_again_when_a_list_changed() {
    let mut trial = with_list("account,other,ops,,,true", "");
    assert_eq!(trial.strangers("a", None, 2), Vec::<String>::new());
    let entries = parse_entries("f", "kind,value,human\naccount,a,true").expect("valid");
    trial.engine.replace_blocklist(Blocklist::build("list", entries).expect("small").list);
    assert_eq!(trial.strangers("a", None, 2), ["enforce ban all list"]);
}

#[test]
fn a_ban_by_an_accounts_own_entry_ends_when_the_entry_is_taken_out() {
    let replace = |trial: &mut Trial, csv: &str| {
        let entries = parse_entries("f", &format!("kind,value,human\n{csv}")).expect("valid");
        trial.engine.replace_blocklist(Blocklist::build("list", entries).expect("small").list);
    };
    let mut trial = with_list("account,a,ops,,,true", "");
    assert_eq!(trial.event("a", None, session("d")), ["enforce ban all list"]);
    replace(&mut trial, "account,a,true\naccount,b,true");
    assert_eq!(trial.strangers("a", None, 2), Vec::<String>::new(), "it still stands");
    replace(&mut trial, "account,b,true");
    assert_eq!(trial.strangers("a", None, 2), ["enforce lift all -"], "somebody took it back");
    assert_eq!(trial.in_force("a"), None);
    trial.strangers("b", None, 1);
    let id = trial.last().id;
    let (verdict, decision) = (schema::Verdict::Confirm, Some(id.as_str()));
    trial.verdict(
        "b",
        schema::VerdictEvent {
            verdict,
            actor: "h",
            decision,
            scope: None,
            limit: None,
            expires: None,
            undoes: None,
        },
    );
    replace(&mut trial, "account,other,true");
    assert_eq!(trial.strangers("b", None, 2), Vec::<String>::new(), "a human confirmed it");
    assert!(trial.in_force("b").is_some());
    let text = format!(
        "format = 1\nname = \"p\"\n{}",
        rule("blocklist-account", "new_chats_1m >= 2", "action = \"ban\"")
    );
    assert!(Policy::parse("p", &text).expect_err("refused").to_string().contains("one of weir's own"));
}

/// An account with a session a day ago sends a message after a list with this entry came into force.
fn check_again(entry: &str, expected: &[&str]) {
    let strict =
        "[blocklist]\nip_prefix = \"challenge\"\nasn = \"challenge\"\nnumber_range = \"challenge\"\n";
    let mut trial = with_list("account,other,ops,,,true", strict);
    let told = Session {
        device: Some("d_1"),
        ip_prefix: Some("10.1.2.0/24"),
        asn: Some(64_500),
        number_range: Some("n_1"),
        ..Session::default()
    };
    trial.event("a", None, Body::Session(told));
    trial.after(DAY);
    let entries = parse_entries("f", &format!("kind,value,human\n{entry}")).expect("valid");
    trial.engine.replace_blocklist(Blocklist::build("list", entries).expect("small").list);
    assert_eq!(trial.strangers("a", None, 2), expected, "{entry}");
    assert_eq!(trial.strangers("b", None, 2), Vec::<String>::new());
}

#[test]
fn after_a_list_changed_what_an_account_was_seen_on_is_checked_again_at_its_first_event() {
    check_again("device,d_1,true", &["enforce ban all list"]);
    check_again("device,d_2,true", &[]);
    for entry in ["ip_prefix,10.1.2.0/24,", "ip_prefix,10.0.0.0/8,", "asn,AS64500,", "number_range,n_1,true"]
    {
        check_again(entry, &["enforce challenge all list"]);
    }
    for entry in ["ip_prefix,10.2.0.0/16,", "ip_prefix,10.1.2.0/25,", "asn,64501,", "number_range,n_2,"] {
        check_again(entry, &[]);
    }
}

#[test]
fn many_accounts_on_a_device_challenge_each_with_its_own_evidence() {
    let text = rule("farm", "device_accounts_24h >= 3 && new_chats_24h >= 1", "action = \"challenge\"");
    let mut trial = Trial::new(&text);
    for n in 0..4 {
        trial.after(MINUTE).event(&format!("a{n}"), Some(0.1), session("box"));
    }
    let decided: Vec<_> = (0..4).map(|n| trial.strangers(&format!("a{n}"), None, 1).len()).collect();
    assert_eq!(decided, [1, 1, 1, 1], "{:?}", trial.engine.stats());
    assert!(trial.engine.stats().entity_facts > 0);
    assert_eq!(trial.strangers("elsewhere", None, 1), Vec::<String>::new());
}
