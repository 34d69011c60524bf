//! What a person's ban is told to rest on: by its clause, and after a lift that was taken back by what it rested on before.
//!
//! Separate from the pages that are looked at in a browser: it is about words that go to the person concerned and to an authority.

use harness::browser;
use harness::clock::now_ms;
use harness::up::Up;
use serde_json::{Value, json};

use crate::staff::Staff;

const ACCOUNT: &str = "menace_pseudonym";

/// The path of the account's page.
fn account_page(staff: &mut Staff) -> String {
    let mut page = String::new();
    staff.wait_until(|staff| {
        page = staff.leads(&format!("/review/investigate?kind=account&key={ACCOUNT}"));
        page.starts_with("/review/account/h_")
    });
    page
}

/// Opens the account's case and acts on it; gives the case and the act.
fn act(staff: &mut Staff, fields: &[(&str, &str)]) -> (String, String) {
    let page = account_page(staff);
    let case = staff.post(&format!("{page}/open"), &[]);
    let form = staff.get(&case);
    let once = form.split_once("name=\"once\" value=\"").expect("a form").1.split('"').next();
    let once = once.unwrap_or_default().to_owned();
    let mut all = vec![("once", &*once), ("next", ""), ("reason", "looked at it")];
    all.extend(fields);
    let next = staff.post(&format!("{case}/act"), &all);
    let said = |name: &str| {
        let rest = next.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("no {name}: {next}")).1;
        rest.split('&').next().unwrap_or_default().to_owned()
    };
    (case, said("done"))
}

/// The decision behind the only restriction in force, once there is one (or none).
fn in_force(staff: &mut Staff, up: &Up, other_than: &str) -> String {
    let mut found = String::new();
    staff.wait_until(|_| {
        let path = format!("/v1/accounts/{ACCOUNT}/standing");
        let answer = up.client().call("GET", &path, "", b"").expect("it answers");
        let list = answer.json()["restrictions"].as_array().cloned().unwrap_or_default();
        found = list.first().and_then(|one| one["decision"].as_str()).unwrap_or_default().to_owned();
        found != other_than
    });
    found
}

/// The statement for the database, and the page with the notices.
fn told(staff: &mut Staff, decision: &str) -> (Value, String) {
    let path = format!("/review/statement/{decision}");
    staff.wait_until(|staff| staff.status(&path) == 200);
    let json = staff.get(&format!("{path}?format=json"));
    (serde_json::from_str(&json).expect("it is JSON"), staff.get(&path))
}

#[test]
fn a_persons_ban_is_told_by_its_clause_also_after_a_lift_was_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let environment = [("WEIR_REVIEW_SECOND_SHARE", "0"), ("WEIR_REVIEW_BAN_SHARE", "0")];
    let up = Up::start(&folder.path().join("data"), &environment);
    let event = json!({"id": "m", "ts": now_ms(), "kind": "message", "account": ACCOUNT, "chat": "direct", "peer": "p",
        "first_contact": true, "in_contacts": false, "typed": true, "size": 7, "age_h": 900});
    let answer = up
        .client()
        .call("POST", "/v1/events", "Content-Type: application/x-ndjson\r\n", event.to_string().as_bytes())
        .expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.json());
    let link = browser::first_link(&up);
    let mut lead = Staff::first(&up, &link, "Lead");
    assert_eq!(lead.status("/review/account/h_0123456789abcdef0123"), 404, "an address that leads to nobody");
    act(&mut lead, &[("act", "ban"), ("policy", "threat"), ("label", "abusive")]);
    let ban = in_force(&mut lead, &up, "");
    let (statement, page) = told(&mut lead, &ban);
    assert_eq!(statement["category"], "STATEMENT_CATEGORY_VIOLENCE", "{statement}");
    assert!(page.contains("Threat of harm") && !page.contains("automated or bulk abuse"), "{page}");
    let (case, lift) = act(&mut lead, &[("act", "lift"), ("policy", "no_violation"), ("label", "benign")]);
    assert_eq!(in_force(&mut lead, &up, &ban), "", "it was lifted");
    lead.post(&format!("{case}/undo"), &[("act", &lift)]);
    let again = in_force(&mut lead, &up, "");
    assert_ne!(again, ban);
    let (statement, page) = told(&mut lead, &again);
    assert_eq!(statement["category"], "STATEMENT_CATEGORY_VIOLENCE", "{statement}");
    let ground = statement["incompatible_content_ground"].as_str().expect("a ground");
    assert!(ground.contains("Do not threaten") && !page.contains("No violation"), "{ground}\n{page}");
    assert_eq!(up.stop().0, 0);
}
