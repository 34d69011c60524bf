//! What a policy accepts, refuses and answers, one sentence a test.
//!
//! Separate to keep the policy readable.

use features::{FeatureVector, feature_by_name};
use proptest::prelude::*;

use super::*;

fn one_rule(when: &str) -> String {
    format!("format = 1\nname = \"t\"\n[[rule]]\nname = \"r\"\nwhen = '{when}'\naction = \"warn\"\n")
}

fn vector(values: &[(&str, f32)]) -> FeatureVector {
    let mut vector = FeatureVector::unknown();
    for (name, value) in values {
        vector.0[feature_by_name(name).expect("a feature")] = *value;
    }
    vector
}

/// Whether `when` fires, by the fast path and by the slow one.
fn check(when: &str, values: &[(&str, f32)], expected: bool) {
    let mut policy = Policy::parse("t", &one_rule(when)).expect("valid");
    let vector = vector(values);
    let facts = Facts { vector: &vector, kind: 2, score: f32::NAN, blocklisted: false };
    assert_eq!(policy.rules[0].fires(&facts), expected, "{when}");
    assert_eq!(policy.rules[0].holds(&facts), expected, "{when}");
}

#[test]
fn a_conjunction_of_thresholds_fires_if_all_hold() {
    let when = "new_chats_10m >= 20 && answered_share_24h < 0.1";
    check(when, &[("new_chats_10m", 20.0), ("answered_share_24h", 0.0)], true);
    check(when, &[("new_chats_10m", 19.0), ("answered_share_24h", 0.0)], false);
}

#[test]
fn something_unknown_fires_nothing_and_neither_does_its_negation() {
    check("new_chats_10m >= 20", &[], false);
    check("!(new_chats_10m >= 20)", &[], false);
    check("new_chats_10m != 3.0", &[], false);
    check("new_chats_10m >= 20 || messages_1m > 1", &[("messages_1m", 2.0)], true);
    check("!(new_chats_10m >= 20 && messages_1m > 5)", &[("messages_1m", 2.0)], true);
    check("new_chats_10m >= 20 ? true : true", &[], false);
    check("!known(new_chats_10m)", &[], true);
    check("messages_1m / new_chats_1m > 1", &[("messages_1m", 2.0), ("new_chats_1m", 0.0)], false);
}

#[test]
fn arithmetic_lists_words_and_choice_are_understood() {
    check("messages_1m * 2 - 1 == 3 && kind == \"message\"", &[("messages_1m", 2.0)], true);
    check("messages_1m in [1, 2] && kind in [\"reply\", \"message\"]", &[("messages_1m", 2.0)], true);
    check("tier == \"bot\" && attested == true", &[("tier", 3.0), ("attested", 1.0)], true);
    check("messages_1m > (age_s < 60 ? 1 : 100)", &[("messages_1m", 2.0), ("age_s", 5.0)], true);
    check("5 < messages_1m && -1 < messages_1m", &[("messages_1m", 6.0)], true);
    check("!blocklisted && !known(score) && messages_1m > 1", &[("messages_1m", 2.0)], true);
}

#[test]
fn neighbours_alone_go_no_further_than_a_challenge_and_are_in_no_sure_case() {
    let with = |when: &str, more: &str| one_rule(when).replace("action = \"warn\"", more);
    let neighbours = "prefix_registered_share > 0.5 && age_s < 600";
    for more in ["action = \"rate_limit\"", "action = \"challenge\"\nladder = true"] {
        let error = Policy::parse("p", &with(neighbours, more)).expect_err("refused").to_string();
        assert!(error.starts_with("p:5:8: what others on a prefix"), "{error}");
    }
    assert!(Policy::parse("p", &with(neighbours, "action = \"challenge\"")).is_ok());
    let own = "prefix_registered_share > 0.5 && new_chats_1h > 9";
    assert!(Policy::parse("p", &with(own, "action = \"rate_limit\"")).is_ok());
    let sure = with("age_s < 600 && device_accounts_24h > 3", "action = \"ban\"\nsure_case = true");
    let error = Policy::parse("p", &sure).expect_err("refused").to_string();
    assert!(error.contains("leave device_accounts_24h out"), "{error}");
}

fn check_error(text: &str, expected: &str) {
    assert_eq!(Policy::parse("p.toml", text).expect_err("wrong").to_string(), expected);
}

#[test]
fn an_unknown_feature_is_named_with_its_place_and_a_guess() {
    check_error(
        &one_rule("messages_1m > 3 && new_chat_10m >= 20"),
        "p.toml:5:28: there is no feature \"new_chat_10m\", did you mean \"new_chats_10m\"?",
    );
    let text = one_rule("x").replace("'x'", "'''\nmessages_1m > 3 &&\n  sillyname >= 20'''");
    check_error(&text, "p.toml:7:3: there is no feature \"sillyname\"");
}

#[test]
fn a_broken_expression_is_placed() {
    let error = Policy::parse("p.toml", &one_rule("messages_1m >")).expect_err("broken").to_string();
    assert!(error.starts_with("p.toml:5:") && error.contains("this is no CEL expression"), "{error}");
    check_error(
        &one_rule("messages_1m"),
        "p.toml:5:9: the expression is a value and no condition: compare it with something",
    );
    check_error(
        &one_rule("messages_1m > \"a\""),
        "p.toml:5:23: the word \"a\" may only be compared with `kind` or `tier`",
    );
    check_error(
        &one_rule("size(messages_1m) > 2"),
        "p.toml:5:13: \"size\" is not supported; functions are: known(feature)",
    );
    check_error(
        &one_rule("kind == \"massage\" && messages_1m > 1"),
        "p.toml:5:17: \"massage\" is none of registration, session, message, reply, undelivered, block, unblock, report, group_create, group_add, group_leave, lookup, challenge_result, refused, appeal, deletion, entity, verdict, activate, proposal, did you mean \"message\"?",
    );
}

#[test]
fn a_rule_is_refused_with_its_place() {
    let rule = one_rule("messages_1m > 3");
    check_error(
        &format!("{rule}foo = 1\n"),
        "p.toml:7:1: unknown field `foo`, expected one of `name`, `action`, `ladder`, `scope`, `limit`, `for`, `mode`, `share`, `reason`, `message`, `review`, `score`, `when`, `kinds`, `sure_case`, `victim`, `entity`, `priority`",
    );
    check_error(
        &format!("{rule}for = \"30m\"\n"),
        "p.toml:7:7: \"30m\" is too short: no automatic restriction is shorter than an hour",
    );
    check_error(
        &format!("{rule}scope = \"massages\"\n"),
        "p.toml:7:9: scope \"massages\" is none of all, messages, new_chats, group_adds, group_creates, lookups, did you mean \"messages\"?",
    );
    check_error(&format!("{rule}share = 2.0\n"), "p.toml:7:9: a share lies between 0 and 1");
    check_error(
        &format!("{rule}sure_case = true\n"),
        "p.toml:5:8: a sure case must know that the account is young: add `age_s < …` of at most a day, joined by &&",
    );
    check_error(
        &format!("{rule}victim = true\n"),
        "p.toml:6:10: a victim is challenged: write action = \"challenge\"",
    );
    check_error("format = 2\nname = \"t\"\n", "p.toml:1:10: format 2, this weir reads format 1");
    check_error(
        "format = 1\nname = \"t\"\n[blocklist]\nasn = \"ban\"\n",
        "p.toml:4:7: action \"ban\" is none of evidence, warn, challenge",
    );
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let deep = format!("{}messages_1m > 1{}", "(".repeat(1500), ")".repeat(1500));
    assert!(Policy::parse("p", &one_rule(&deep)).is_err());
    let negated = format!("{}(messages_1m > 1)", "!".repeat(3000));
    assert!(
        Policy::parse("p", &one_rule(&negated)).is_err() || Policy::parse("p", &one_rule(&negated)).is_ok()
    );
}

#[test]
fn reasons_are_the_features_of_the_parts_that_hold() {
    let policy = Policy::parse("t", &one_rule("(messages_1m > 1 || undelivered_24h > 1) && age_s < 60"))
        .expect("valid");
    let vector = vector(&[("messages_1m", 1.0), ("undelivered_24h", 3.0), ("age_s", 5.0)]);
    let facts = Facts { vector: &vector, kind: 2, score: f32::NAN, blocklisted: false };
    let reasons = policy.rules[0].reasons(&facts);
    let named: Vec<_> = reasons.iter().map(|r| (r.feature.as_deref().unwrap_or(""), r.value)).collect();
    assert_eq!(named, [("undelivered_24h", Some(3.0)), ("age_s", Some(5.0))]);
    assert_eq!(policy.rules[0].evidence(&facts), Kinds::RESPONSE, "age is context");
}

#[test]
fn a_counterfactual_is_the_smallest_value_at_which_it_happens() {
    let below = |when: &str| Policy::parse("t", &one_rule(when)).expect("valid").rules[0].counterfactual();
    assert_eq!(
        below("age_s < 60 && new_chats_10m >= 20").map(|c| (c.feature, c.below)),
        Some(("new_chats_10m".into(), 20.0))
    );
    assert_eq!(below("new_chats_10m > 20").map(|c| c.below), Some(21.0));
    assert_eq!(below("new_chats_10m > 20 || messages_1m > 3"), None);
}

#[test]
fn the_default_policy_is_valid() {
    let policy = Policy::default_policy().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(policy.name, "default");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_order_of_trying_never_changes_the_answer(values in proptest::collection::vec((0usize..4, 0f32..4.0), 1..40)) {
        let when = "messages_1m >= 1 && messages_10m >= 2 && messages_1h < 3 && messages_24h != 1.0";
        let mut policy = Policy::parse("t", &one_rule(when)).expect("valid");
        let mut vector = FeatureVector::unknown();
        for (which, value) in values {
            vector.0[feature_by_name(["messages_1m", "messages_10m", "messages_1h", "messages_24h"][which]).expect("there")] = value;
            let facts = Facts { vector: &vector, kind: 2, score: f32::NAN, blocklisted: false };
            let expected = policy.rules[0].holds(&facts);
            prop_assert_eq!(policy.rules[0].fires(&facts), expected);
        }
    }

    #[test]
    fn no_expression_makes_parsing_panic(when in "[a-z0-9_&|!()<>=+*/ .?:\"-]{0,60}") {
        let _ = Policy::parse("t", &one_rule(&when));
    }
}

#[test]
fn it_knows_from_which_scores_it_does_something_to_an_account() {
    assert_eq!(Policy::default_policy().unwrap().acts_from(), [0.95, 0.97, 0.98]);
    let text = "format = 1\nname = \"t\"\n[[band]]\nname = \"a\"\nscore = 0.7\naction = \"challenge\"\n\
                [[band]]\nname = \"b\"\nscore = 0.6\naction = \"review\"\n\
                [[band]]\nname = \"c\"\nscore = 0.5\naction = \"challenge\"\nmode = \"shadow\"\n\
                [[rule]]\nname = \"d\"\nwhen = '0.8 <= score && messages_24h >= 3'\naction = \"warn\"\nscope = \"new_chats\"\n\
                [[rule]]\nname = \"e\"\nwhen = 'score < 0.9'\naction = \"warn\"\nscope = \"new_chats\"\n";
    assert_eq!(Policy::parse("t", text).unwrap().acts_from(), [0.7, 0.8]);
}
