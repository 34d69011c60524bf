//! Campaigns over simulated traffic: what the engine tells of rings in lockstep, and of classes, weddings and staff intakes, which act
//! together, too.
//!
//! Separate from the desk, which only joins what it is told. Figures are printed; the bounds leave room for other seeds.

use std::collections::{BTreeMap, BTreeSet};

use harness::weir::{read, run};
use serde_json::Value;

/// Fewest members of what the desk shows.
const MEMBERS_MIN: usize = 5;

fn lines(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
}

/// The connected parts of who named whom.
fn parts(links: &[(String, Vec<String>)]) -> Vec<BTreeSet<String>> {
    let mut parts: Vec<BTreeSet<String>> = Vec::new();
    for (account, companions) in links {
        let mut part: BTreeSet<String> = companions.iter().chain([account]).cloned().collect();
        parts.retain(|other| {
            let touches = !other.is_disjoint(&part);
            if touches {
                part.extend(other.iter().cloned());
            }
            !touches
        });
        parts.push(part);
    }
    parts.retain(|part| part.len() >= MEMBERS_MIN);
    parts
}

#[test]
fn rings_in_lockstep_are_campaigns_and_classes_weddings_and_staff_intakes_are_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let town = ["simulate", "--accounts", "20000", "--hours", "96", "--seed", "7", "--base-rate", "0.04"];
    let files = ["--out", "e.ndjson", "--truth", "t.ndjson", "--exempt", "x.txt"];
    for arguments in [
        &[&town[..], &files[..]].concat()[..],
        &["score", "e.ndjson", "--exempt", "x.txt", "--out", "d.ndjson"],
    ] {
        let run = run(folder, arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    }
    let truth = read(folder, "t.ndjson");
    let text = |value: &Value| value.as_str().map(str::to_owned).expect("a text");
    let personas: BTreeMap<String, (String, bool)> = lines(&truth)
        .map(|line| (text(&line["account"]), (text(&line["persona"]), !line["onset_ts"].is_null())))
        .collect();
    let decisions = read(folder, "d.ndjson");
    let told: Vec<Value> =
        decisions.lines().filter(|line| line.contains("\"companions\":[")).flat_map(lines).collect();
    assert!(told.iter().all(|one| one["action"] == "review" && one["mode"] == "enforce"));
    let links: Vec<(String, Vec<String>)> = told
        .iter()
        .map(|one| {
            let named = one["companions"].as_array().expect("a list");
            (text(&one["account"]), named.iter().map(text).collect())
        })
        .collect();
    let parts = parts(&links);
    let of = |wanted: &str| {
        personas
            .iter()
            .filter(|(_, (persona, began))| persona == wanted && (*began || wanted == "new_cohort"))
            .count()
    };
    let persona = |account: &String| personas.get(account).map_or("", |(persona, _)| &**persona);
    let found = |wanted: &str| parts.iter().flatten().filter(|account| persona(account) == wanted).count();
    let others: BTreeSet<&String> =
        parts.iter().flatten().filter(|account| persona(account) != "lockstep_ring").collect();
    let false_sets =
        parts.iter().filter(|part| part.iter().all(|account| persona(account) != "lockstep_ring")).count();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    others.iter().for_each(|account| *kinds.entry(persona(account)).or_default() += 1);
    eprintln!(
        "measured on {} accounts: {} of {} members of rings that began are in {} campaigns, of which {false_sets} have no member of a \
         ring; of {} in a class, wedding or staff intake {} are in one; others in one: {kinds:?}; told {} times",
        personas.len(),
        found("lockstep_ring"),
        of("lockstep_ring"),
        parts.len(),
        of("new_cohort"),
        found("new_cohort"),
        told.len()
    );
    assert!(of("lockstep_ring") >= 20 && of("new_cohort") >= 30, "the town has both");
    assert!(
        found("lockstep_ring") * 10 >= of("lockstep_ring") * 8,
        "eight of ten members of rings are found"
    );
    assert_eq!(found("new_cohort"), 0, "a circle is no campaign");
    assert_eq!(false_sets, 0, "no campaign is without a ring");
}
