//! Statements and notices, for every action, scope, source and reason.

use schema::decision::{Counterfactual, Mode, Reason, Versions};
use schema::event::Limit;

use super::*;

const ACCOUNT: &str = "a_9f3c2d71e0b4";

fn decision(action: Action, scope: Scope, source: Source, code: &str) -> Decision {
    let reason = Reason {
        code: code.to_owned(),
        feature: Some("new_chats_10m".to_owned()),
        value: Some(84.0),
        contribution: None,
    };
    Decision {
        id: "d_0123456789abcdef0123456789abcdef".to_owned(),
        account: ACCOUNT.to_owned(),
        seq: 1,
        action,
        scope,
        limit: (action == Action::RateLimit).then_some(Limit { max: 5, per_s: 3_600 }),
        issued: 1_732_453_200_456,
        expires: Some(1_732_539_600_456),
        event: "e_77aa".to_owned(),
        score: Some(0.97),
        reasons: vec![reason],
        counterfactual: Some(Counterfactual { feature: "new_chats_10m".to_owned(), below: 20.0 }),
        source,
        rule: Some("blast-after-registration".to_owned()),
        mode: Mode::Enforce,
        supersedes: None,
        companions: Vec::new(),
        versions: Versions::default(),
    }
}

/// Codes of the built-in policy.
fn codes() -> Vec<String> {
    let policy = include_str!("../../../scorer/policies/default.toml");
    let lines = policy.lines().filter_map(|line| line.strip_prefix("reason = \""));
    let mut codes: Vec<String> = lines.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn every_restriction_has_a_statement_that_the_database_takes_and_that_names_nobody() {
    let mut count = 0;
    let link = "https://weir.example/terms".to_owned();
    let long = Clause {
        id: "own".to_owned(),
        title: "§ 4".to_owned(),
        text: "No spam. ".repeat(90),
        link,
        ..Clause::default()
    };
    let named = Besides { human: true, reported: true, clause: Some(long) };
    let all = [Besides::default(), Besides { clause: Clause::defaults().pop(), ..Besides::default() }, named];
    for action in [Action::Challenge, Action::RateLimit, Action::Ban] {
        for scope in [Scope::All, Scope::Messages, Scope::NewChats, Scope::GroupAdds, Scope::Registration] {
            for source in [Source::Rule, Source::Model, Source::Blocklist, Source::Reviewer] {
                for code in codes().iter().map(String::as_str).chain(["blocklist_device", "unheard_of"]) {
                    for besides in &all {
                        let decision = decision(action, scope, source, code);
                        let statement = statement(&decision, besides).expect("it restricts");
                        assert_eq!(faults(&statement, &[ACCOUNT, "e_77aa"]), [], "{statement}");
                        count += 1;
                    }
                }
            }
        }
    }
    assert!(count > 2_000, "{count}");
}

#[test]
fn a_long_number_is_no_telephone() {
    assert_eq!([2_592_000.0, 84.0, 0.973, -1_234.5].map(number), ["2,592,000", "84", "0.97", "-1,234.50"]);
    let mut old = decision(Action::Ban, Scope::All, Source::Rule, "bulk_unanswered");
    old.reasons[0].value = Some(25_920_000.0);
    assert_eq!(faults(&statement(&old, &Besides::default()).expect("a ban"), &[]), []);
}

#[test]
fn what_restricts_nobody_has_none() {
    for action in [Action::Lift, Action::Review, Action::Warn] {
        let decision = decision(action, Scope::All, Source::Rule, "bulk_strangers");
        assert_eq!(statement(&decision, &Besides::default()), None);
        assert_eq!(notice(&decision, &Besides::default(), Language::English.strings()), None);
    }
}

#[test]
fn it_says_what_was_done_for_how_long_and_who_decided() {
    let said = |decision: &Decision, human| {
        statement(decision, &Besides { human, ..Besides::default() }).expect("it restricts")
    };
    let limit = decision(Action::RateLimit, Scope::NewChats, Source::Rule, "blast_after_registration");
    let found = said(&limit, false);
    let field = |value: &Value, name: &str| value[name].as_str().unwrap_or("none").to_owned();
    assert_eq!(field(&found, "decision_provision"), "DECISION_PROVISION_PARTIAL_SUSPENSION");
    assert_eq!(
        (field(&found, "application_date"), field(&found, "end_date_service_restriction")),
        ("2024-11-24".to_owned(), "2024-11-25".to_owned())
    );
    assert_eq!(
        (field(&found, "automated_decision"), field(&found, "decision_account")),
        ("AUTOMATED_DECISION_FULLY".to_owned(), "none".to_owned())
    );
    assert!(field(&found, "decision_facts").contains("new_chats_10m was 84"), "{found}");
    let ban =
        Decision { expires: None, ..decision(Action::Ban, Scope::All, Source::Rule, "bulk_unanswered") };
    let found = said(&ban, true);
    assert_eq!(field(&found, "decision_account"), "DECISION_ACCOUNT_TERMINATED");
    assert_eq!(field(&found, "end_date_account_restriction"), "none");
    assert_eq!(field(&found, "automated_decision"), "AUTOMATED_DECISION_PARTIALLY");
    let by_human = decision(Action::Ban, Scope::All, Source::Reviewer, "reviewer");
    let found = said(&by_human, true);
    assert_eq!(
        (field(&found, "automated_detection"), field(&found, "automated_decision")),
        ("No".to_owned(), "AUTOMATED_DECISION_NOT_AUTOMATED".to_owned())
    );
}

#[test]
fn a_persons_restriction_is_told_by_the_clause_that_they_named_and_by_nothing_that_automation_would_say() {
    let by_human = decision(Action::Ban, Scope::All, Source::Reviewer, "human_ban");
    let categories = [
        ("bulk", "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"),
        ("automation", "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"),
        ("scam", "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"),
        ("impersonation", "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"),
        ("harassment", "STATEMENT_CATEGORY_CYBER_VIOLENCE"),
        ("threat", "STATEMENT_CATEGORY_VIOLENCE"),
        ("child_safety", "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"),
    ];
    let english = Language::English.strings();
    for (id, category) in categories {
        let clause = Clause::defaults().into_iter().find(|clause| clause.id == id).expect("a default");
        let title = clause.title(english).to_owned();
        let own = Clause { id: "p7".to_owned(), title: title.clone(), ..clause.clone() };
        for clause in [clause, Clause { covers: vec![id.to_owned()], ..own }] {
            let besides = Besides { human: true, reported: false, clause: Some(clause) };
            let found = statement(&by_human, &besides).expect("a ban");
            assert_eq!(found["category"], category, "{id}");
            assert_eq!(faults(&found, &[]), []);
            let notice = notice(&by_human, &besides, english).expect("a ban").join("\n");
            for text in [&found["decision_facts"], &found["incompatible_content_explanation"], &json!(notice)]
            {
                let text = text.as_str().expect("a text");
                assert!(text.contains(&title) && !text.contains("automated or bulk abuse"), "{id}: {text}");
            }
            let other = found["category_specification_other"].as_str();
            assert!(other.is_none_or(|other| other == title), "{id}: {other:?}");
        }
    }
    let unknown = statement(&by_human, &Besides { human: true, ..Besides::default() }).expect("a ban");
    assert!(!unknown.to_string().contains("pam"), "which clause it was is not known: {unknown}");
}

#[test]
fn what_is_missing_unknown_too_long_or_personal_is_not_given_out() {
    let good =
        statement(&decision(Action::Ban, Scope::All, Source::Rule, "bulk_unanswered"), &Besides::default())
            .expect("a ban");
    let with = |field: &str, value: Value| {
        let mut fields = good.as_object().expect("an object").clone();
        fields.insert(field.to_owned(), value);
        faults(&Value::Object(fields), &[ACCOUNT]).into_iter().map(|fault| fault.field).collect::<Vec<_>>()
    };
    for field in [
        "puid",
        "category",
        "decision_facts",
        "content_type_other",
        "incompatible_content_ground",
        "decision_account",
    ] {
        assert!(with(field, Value::Null).contains(&field.to_owned()), "{field}");
    }
    assert_eq!(with("category", json!("STATEMENT_CATEGORY_SPAM")), ["category"]);
    assert_eq!(with("territorial_scope", json!(["DE", "XX"])), ["territorial_scope"]);
    assert_eq!(with("application_date", json!("2024-11-24-12")), ["application_date"]);
    assert_eq!(with("end_date_account_restriction", json!("2038-01-02")), ["end_date_account_restriction"]);
    assert_eq!(with("category_addition", json!(["STATEMENT_CATEGORY_CYBER_VIOLENCE"])), [""; 0]);
    assert_eq!(
        with("category_specification", json!(["KEYWORD_ONLINE_BULLYING_INTIMIDATION"])),
        ["category_specification"]
    );
    assert_eq!(with("end_date_account_restriction", json!("2024-11-23")), ["end_date_account_restriction"]);
    assert_eq!(with("decision_facts", json!("x".repeat(5_001))), ["decision_facts"]);
    assert_eq!(with("puid", json!("d 1")), ["puid"]);
    assert_eq!(with("account", json!("x")), ["account"]);
    assert_eq!(with("decision_facts", json!(format!("It was {ACCOUNT}."))), ["decision_facts"]);
    assert_eq!(
        with("incompatible_content_explanation", json!("Call +49 170 1234567.")),
        ["incompatible_content_explanation"]
    );
}

#[test]
fn the_notice_says_what_why_until_when_how_and_what_to_do_in_every_language() {
    for language in Language::ALL {
        let t = language.strings();
        for code in codes() {
            assert!(t.find(&format!("reason.{code}")).is_some(), "{language:?}: no words for {code}");
            let decision = decision(Action::RateLimit, Scope::NewChats, Source::Rule, &code);
            let text = notice(&decision, &Besides::default(), t).expect("it restricts");
            assert_eq!(text.len(), 7, "{text:?}");
            let whole = text.join("\n");
            assert!(whole.contains("2024-11-25 13:00 UTC") && whole.contains(&decision.id), "{whole}");
            assert!(!whole.contains(ACCOUNT) && !whole.contains("84") && !whole.contains('{'), "{whole}");
        }
        let challenge = decision(Action::Challenge, Scope::Messages, Source::Rule, "takeover_burst");
        let clause = Clause::defaults().swap_remove(2);
        let title = clause.title(t).to_owned();
        let against = Besides { clause: Some(clause), ..Besides::default() };
        let text = notice(&challenge, &against, t).expect("it restricts");
        assert!(text.len() == 9 && text[2].contains(&title), "{text:?}");
        assert_eq!(notice(&challenge, &Besides::default(), t).map(|text| text.len()), Some(8));
    }
}
