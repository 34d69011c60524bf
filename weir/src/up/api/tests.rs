//! The description of the routes, held against the routes and the contract.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn document() -> Value {
    serde_json::from_str(OPENAPI).expect("the document is JSON")
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let routes = ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described, routes);
    for (method, path) in ingest::http::ROUTES {
        assert!(ROUTES.iter().any(|route| (route.0, route.1) == (*method, *path)), "{path}");
    }
}

#[test]
fn every_role_is_described() {
    let document = document();
    for (method, path, role) in ROUTES {
        let operation = &document["paths"][path][method.to_lowercase()];
        let asks = !operation["security"].as_array().unwrap().is_empty();
        assert_eq!(asks, role.is_some(), "{path}");
        let word = match role {
            Some(Role::Ingest) => "Needs the role ingest.",
            Some(Role::Read) => "Needs the role read.",
            Some(Role::Reviewer) => "Needs the role reviewer.",
            Some(Role::Publisher) => "Needs the role publisher.",
            Some(Role::Admin) => "Needs the role admin.",
            None => continue,
        };
        assert!(operation["description"].as_str().unwrap().contains(word), "{path}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, document: &Value, found: &mut usize) {
        if let Some(path) = value.get("$ref").and_then(Value::as_str) {
            let pointer = path.strip_prefix('#').expect("references are local");
            assert!(document.pointer(pointer).is_some(), "{path}");
            *found += 1;
        }
        match value {
            Value::Object(members) => members.values().for_each(|value| walk(value, document, found)),
            Value::Array(members) => members.iter().for_each(|value| walk(value, document, found)),
            _ => {}
        }
    }
    let (document, mut found) = (document(), 0);
    walk(&document, &document, &mut found);
    assert!(found > 20, "{found}");
}

#[test]
fn the_event_is_described_field_by_field() {
    let document = document();
    let described: BTreeSet<&str> = document["components"]["schemas"]["Event"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    // Fields of internal kinds, which never come from outside.
    let internal = [
        "entity",
        "accounts_24h",
        "registered_24h",
        "restricted_24h",
        "co_accounts",
        "origin",
        "verdict",
        "actor",
        "limit",
        "expires",
        "control",
        "what",
        "name",
        "version",
        "sha256",
        "undoes",
        "feature",
        "value",
        "mode",
        "share",
    ];
    let wire: BTreeSet<&str> = schema::raw::FIELDS.iter().copied().collect();
    assert!(described.is_subset(&wire), "{:?}", described.difference(&wire));
    let left: Vec<&&str> = wire.difference(&described).filter(|name| !internal.contains(*name)).collect();
    assert_eq!(left, Vec::<&&str>::new());
}
