//! The licences of everything that is linked or run, held against `deny.toml`.
//!
//! Separate from `cargo deny`, which also knows advisories and has to be installed: this needs neither that nor a network.

use std::collections::{BTreeMap, BTreeSet};

use harness::workspace::{Graph, file};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

impl Licences {
    fn read() -> Self {
        let text = std::fs::read_to_string(file("deny.toml")).expect("it lies beside the manifest");
        toml::from_str::<Deny>(&text).expect("cargo deny reads it, too").licenses
    }

    /// Whether one of the licences that a crate offers is allowed to it.
    fn allows(&self, name: &str, offered: &str) -> bool {
        let own = self.exceptions.iter().find(|exception| exception.name == name);
        let is_known = |licence: &str| {
            self.allow.contains(licence) || own.is_some_and(|exception| exception.allow.contains(licence))
        };
        // "MIT/Apache-2.0" is an old way to write OR.
        let expression = Expression::parse_mode(offered, ParseMode::LAX);
        expression.is_ok_and(|expression| {
            expression.evaluate(|wanted| wanted.license.id().is_some_and(|id| is_known(id.name)))
        })
    }
}

#[test]
fn every_crate_comes_under_a_licence_that_is_allowed() {
    let (licences, crates) = (Licences::read(), Graph::load().licences());
    assert!(crates.len() > 100, "these are not all: {}", crates.len());
    let refused: BTreeMap<_, _> = crates
        .iter()
        .filter(|(name, offered)| !offered.as_deref().is_some_and(|offered| licences.allows(name, offered)))
        .collect();
    assert!(refused.is_empty(), "neither allowed nor an exception in deny.toml: {refused:?}");
    let unused: Vec<_> =
        licences.exceptions.iter().filter(|exception| !crates.contains_key(&exception.name)).collect();
    assert!(
        unused.is_empty(),
        "an exception for nobody: {:?}",
        unused.iter().map(|one| &one.name).collect::<Vec<_>>()
    );
}

#[test]
fn what_is_not_allowed_is_found() {
    let licences = Licences::read();
    assert!(licences.allows("x", "MIT/Apache-2.0") && licences.allows("x", "GPL-3.0-only OR (MIT AND ISC)"));
    for refused in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "CC0-1.0", "no licence", ""] {
        assert!(!licences.allows("x", refused), "{refused}");
    }
    assert!(licences.allows("tiny-keccak", "CC0-1.0"), "an exception names its crate");
}
