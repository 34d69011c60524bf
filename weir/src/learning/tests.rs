//! Labels that come, are outvoted, and are taken back; and what reports may weigh beside humans.
//!
//! Separate to keep the learner readable.

use models::forest::Forest;
use models::tree::{Node, Split};
use models::{Body, Card, Catalog, Model, TrainedOn, Tree};

use super::*;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const START_MS: u64 = 20_000 * DAY_MS;
/// Rows that the model takes for benign, each on a leaf of its own.
const LOW: [f32; 2] = [1.0, 1.0];
const ODD: [f32; 2] = [1.0, 20.0];

/// Two trees of one column each: below and from 10 on.
fn model() -> Model {
    let stump = |column, value: f32| {
        let split = Some(Split { column, threshold: 10.0, left: 1, right: 2 });
        let leaf = |value| Node { split: None, value };
        Tree::new(vec![Node { split, value: 0.0 }, leaf(-1.0), leaf(value)], 2).expect("a tree")
    };
    let forest = Forest::new(vec![stump(0, 4.0), stump(1, -1.0)], 2, (2.0, 0.0)).expect("a forest");
    let columns = vec!["a".to_owned(), "b".to_owned()];
    let card = Card {
        name: "m".to_owned(),
        trained_on: TrainedOn::Labels,
        labels: 1,
        seed: 0,
        data: String::new(),
        columns: columns.clone(),
        metrics: Vec::new(),
        reliability: Vec::new(),
    };
    Model::new(card, Body::Trees(forest), &Catalog::of_table(&columns)).expect("it fits")
}

/// A row of each of so many accounts, a minute apart and labelled by a human a minute later.
fn said(count: u64, from: u64, values: [f32; 2], is_abusive: bool) -> Vec<Labelled> {
    let row = |number| Labelled {
        account: format!("a_{from}_{number}"),
        at: from + number * MINUTE_MS,
        delay_ms: MINUTE_MS,
        is_abusive,
        weight: 1.0,
        label_weight: 1.0,
        by_reports: false,
        values: values.to_vec(),
    };
    (0..count).map(row).collect()
}

/// What is learned from all that is stored, by a state that may have been before.
fn taught(rows: &[Labelled], state: &mut State, from: u64) -> Learned {
    run_stored(&model(), rows, Wanted::default(), (state, from)).expect("it has trees")
}

fn rolled_back(learned: &Learned) -> usize {
    learned.steps.iter().filter(|step| step.act == Act::RolledBack).count()
}

#[test]
fn what_held_out_accounts_no_longer_prefer_is_taken_back_and_all_that_is_stored_teaches_anew() {
    let mut rows = said(300, START_MS, LOW, true);
    let mut state = State::default();
    let first = taught(&rows, &mut state, 0);
    assert!(first.published.is_some() && rolled_back(&first) == 0);
    state.in_force = Some("1".to_owned());
    // A day later only held-out accounts are spoken of, and what was learned about such rows is wrong for them.
    let later = said(4_000, START_MS + DAY_MS, LOW, false);
    rows.extend(later.into_iter().filter(|row| Guard::holds_out(&row.account)));
    let plain = run(&model(), &rows, Wanted::default(), &mut state.clone()).expect("it has trees");
    assert_eq!((rolled_back(&plain), plain.published.is_none()), (1, true));
    let second = taught(&rows, &mut state, 0);
    assert!(rolled_back(&second) >= 1 && second.labels[0] == first.labels[0], "{:?}", second.labels);
    // Whoever begins with what is stored stands in the same place; what is in force is no matter of that.
    let mut fresh = State::default();
    let anew = taught(&rows, &mut fresh, 0);
    assert_eq!(second.published, anew.published);
    assert_eq!((state.learned_to, state.in_force.as_deref()), (fresh.learned_to, Some("1")));
    // It does not begin anew for ever.
    assert_eq!((taught(&rows, &mut state, 0).labels[0], state.known), (0, fresh.known));
}

#[test]
fn labels_that_were_taken_back_or_changed_teach_no_longer() {
    let good = said(300, START_MS, LOW, true);
    let wrong = said(300, START_MS + DAY_MS, ODD, true);
    let both = [good.clone(), wrong.clone()].concat();
    let begin = || {
        let mut state = State::default();
        let published = taught(&good, &mut state, 0).published.expect("the held-out accounts prefer it");
        let misled = taught(&both, &mut state, 0).published.expect("those of the wrong labels prefer it");
        assert_ne!(published, misled);
        (state, published)
    };
    let (mut state, published) = begin();
    assert_eq!(taught(&both, &mut state, 0).labels, [0; 3], "nothing is learned twice");
    // Undone, all of them; then the one that had counted most is told otherwise.
    assert_eq!(taught(&good, &mut state, 0).published, Some(published));
    let (mut state, published) = begin();
    let changed: Vec<Labelled> =
        wrong.iter().map(|row| Labelled { is_abusive: false, ..row.clone() }).collect();
    let all = [good.clone(), changed].concat();
    let found = taught(&all, &mut state, 0);
    assert_eq!(found.published, taught(&all, &mut State::default(), 0).published);
    assert!(found.labels[0] > 200 && found.published.is_some_and(|weights| weights.base == published.base));
}

#[test]
fn what_the_window_has_left_is_not_forgotten() {
    let rows = [said(300, START_MS, LOW, true), said(300, START_MS + DAY_MS, LOW, true)].concat();
    let mut state = State::default();
    let published = taught(&rows, &mut state, 0).published;
    let late: Vec<Labelled> = rows.iter().filter(|row| row.at >= START_MS + HOUR_MS).cloned().collect();
    let found = taught(&late, &mut state, START_MS + HOUR_MS);
    assert_eq!((found.labels, found.published), ([0; 3], published));
    // What another reading gives in another order is the same.
    let reversed: Vec<Labelled> = late.iter().rev().cloned().collect();
    assert_eq!(taught(&reversed, &mut state, START_MS + HOUR_MS).labels, [0; 3]);
}

#[test]
fn a_state_that_was_written_knows_what_it_learned_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().join("state.json").display().to_string();
    let (good, wrong) = (said(300, START_MS, LOW, true), said(300, START_MS + DAY_MS, ODD, true));
    let mut state = State::default();
    let published = taught(&good, &mut state, 0).published;
    taught(&[good.clone(), wrong].concat(), &mut state, 0);
    state.write(&name).expect("writable");
    let mut state = State::open(&name).expect("readable");
    assert_eq!(taught(&good, &mut state, 0).published, published);
}

#[test]
fn reports_weigh_a_twentieth_of_humans_by_what_they_teach() {
    let humans = said(1_000, START_MS, LOW, true);
    let reports = |weight: f64| -> Vec<Labelled> {
        let rows = said(1_000, START_MS + DAY_MS, ODD, true).into_iter();
        rows.map(|row| Labelled { weight, label_weight: 0.3, by_reports: true, ..row }).collect()
    };
    let weigh = |rows: &[Labelled]| -> f64 {
        let rows = rows.iter().filter(|row| !Guard::holds_out(&row.account));
        rows.map(|row| row.weight * row.label_weight).sum()
    };
    for weight in [1.0, 20.0] {
        let said = [humans.clone(), reports(weight)].concat();
        let found = taught(&said, &mut State::default(), 0);
        let by_reports =
            found.labels[0] - humans.iter().filter(|row| !Guard::holds_out(&row.account)).count() as u64;
        let share = by_reports as f64 * weight * 0.3 / weigh(&humans);
        assert!(share <= 0.05 && share > 0.04 && found.labels[2] > 0, "{share} of humans' at {weight}");
    }
}
