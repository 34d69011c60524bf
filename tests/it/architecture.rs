//! The picture of the design, held against `cargo metadata`. Invariants 1 and 2.

use std::collections::{BTreeMap, BTreeSet};

use harness::workspace::Graph;

/// Every arrow that may be: a crate, and the crates that it may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("schema", &[]),
    ("features", &["schema"]),
    ("models", &["features", "schema"]),
    ("scorer", &["features", "models", "schema"]),
    ("simulate", &["features", "models", "schema", "scorer"]),
    ("ingest", &["schema"]),
    ("sinks", &["schema"]),
    ("review", &["schema"]),
    ("weir", &["features", "ingest", "models", "review", "schema", "scorer", "simulate", "sinks"]),
    ("tests", &["schema"]),
];
const PURE: &[&str] = &["schema", "features", "models", "scorer", "simulate"];
const IO: &[&str] = &["tokio", "rdkafka", "axum", "hyper", "reqwest", "rusqlite", "clickhouse"];

/// Arrows that the picture does not have.
fn new_arrows(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut findings = Vec::new();
    for (from, targets) in arrows {
        match allowed.get(from.as_str()) {
            None => findings.push(format!("{from} is not in the picture")),
            Some(allowed) => {
                let new = targets.iter().filter(|to| !allowed.contains(&to.as_str()));
                findings.extend(new.map(|to| format!("{from} -> {to}")));
            }
        }
    }
    findings
}

#[test]
fn the_arrows_are_those_of_the_picture() {
    assert_eq!(new_arrows(&Graph::load().arrows()), Vec::<String>::new());
}

#[test]
fn every_crate_of_the_picture_exists_and_knows_the_contract() {
    let arrows = Graph::load().arrows();
    for (name, _) in ARROWS {
        let targets = arrows.get(*name).unwrap_or_else(|| panic!("no crate {name}"));
        assert!(*name == "schema" || targets.contains("schema"), "{name} does not know schema");
    }
}

#[test]
fn a_new_arrow_is_found() {
    let arrow = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let arrows =
        BTreeMap::from([arrow("schema", "features"), arrow("ingest", "sinks"), arrow("gateway", "schema")]);
    assert_eq!(
        new_arrows(&arrows),
        ["gateway is not in the picture", "ingest -> sinks", "schema -> features"]
    );
}

#[test]
fn no_pure_crate_reaches_io() {
    let graph = Graph::load();
    for name in PURE {
        let linked = graph.linked_into(name);
        assert!(linked.contains("serde") || linked.contains("schema"), "{name}: the graph was not walked");
        let reached: Vec<&&str> = IO.iter().filter(|io| linked.contains(**io)).collect();
        assert!(reached.is_empty(), "{name} reaches {reached:?}");
    }
}

/// Names of the form `crate: test` between backticks.
fn named_tests(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let pairs = quoted.filter_map(|name| name.split_once(": "));
    pairs.filter(|(folder, _)| ARROWS.iter().any(|(name, _)| name == folder)).collect()
}

#[test]
fn the_tests_that_the_map_names_exist() {
    let sources = harness::workspace::sources();
    for document in ["ARCHITECTURE.md", "docs/security.md"] {
        let text = std::fs::read_to_string(harness::workspace::file(document)).expect("it is there");
        let named = named_tests(&text);
        assert!(named.len() > 20, "{document}: only {named:?}");
        for (folder, test) in named {
            let head = format!("fn {test}(");
            let found =
                sources.iter().any(|s| s.path.starts_with(&format!("{folder}/")) && s.text.contains(&head));
            assert!(found, "{document} names {folder}: {test}, which does not exist");
        }
    }
}
