//! Learning while serving: what it moves, what it never moves, and what may be published.
//!
//! Separate to keep the learner readable.

use super::*;
use crate::tree::{Node, Split};
use crate::{Card, Catalog, TrainedOn};

/// Two trees of one column each: below and from 10 on.
fn model(name: &str) -> Model {
    let stump = |column| {
        let split = Some(Split { column, threshold: 10.0, left: 1, right: 2 });
        let leaf = |value| Node { split: None, value };
        Tree::new(vec![Node { split, value: 0.0 }, leaf(-1.0), leaf(1.0)], 2).expect("a tree")
    };
    let forest = Forest::new(vec![stump(0), stump(1)], 2, (2.0, -1.0)).expect("a forest");
    let columns = vec!["a".to_owned(), "b".to_owned()];
    let card = Card {
        name: name.to_owned(),
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

fn online() -> Online {
    Online::new(model("m"), OnlineSettings::default()).expect("it has trees")
}

const LOW: [f32; 2] = [1.0, 1.0];
const HIGH: [f32; 2] = [20.0, 20.0];

#[test]
fn it_begins_as_the_model_and_learns_where_labels_are() {
    let mut online = online();
    assert_eq!(online.probability(&LOW), sigmoid(online.base().log_odds_of_row(&LOW)));
    let (low, high) = (online.probability(&LOW), online.probability(&HIGH));
    for _ in 0..50 {
        online.learn(&LOW, true, 1.0);
    }
    assert!(online.probability(&LOW) > 10.0 * low, "{} from {low}", online.probability(&LOW));
    assert_eq!(online.probability(&HIGH), high, "other leaves stay");
    assert!(online.probability(&[1.0, 20.0]) > sigmoid(-1.0), "a row that shares one leaf moves a little");
}

#[test]
fn no_row_moves_further_than_the_bound_whatever_it_is_told() {
    let mut online = online();
    let before = online.base().log_odds_of_row(&LOW);
    for _ in 0..10_000 {
        online.learn(&LOW, true, f64::INFINITY);
    }
    let moved = libm::log(online.probability(&LOW) / (1.0 - online.probability(&LOW))) - before;
    assert!(moved <= OnlineSettings::default().shift_max + 1e-6 && moved > 3.0, "{moved}");
    // Labels that say otherwise bring it back.
    for _ in 0..10_000 {
        online.learn(&LOW, false, f64::INFINITY);
    }
    assert!(online.probability(&LOW) < 0.1, "{}", online.probability(&LOW));
}

#[test]
fn an_unknown_value_learns_as_the_trees_see_it() {
    let mut online = online();
    online.learn(&[f32::NAN, 1.0], true, 1.0);
    assert_eq!(online.probability(&[f32::NAN, 1.0]), online.probability(&LOW));
}

#[test]
fn what_is_published_gives_the_learners_answer_and_fits_no_other_model() {
    let mut online = online();
    for step in 0..40 {
        online.learn(if step % 3 == 0 { &HIGH } else { &LOW }, step % 2 == 0, 1.5);
    }
    let weights = online.weights();
    let weights = Weights::from_bytes(&weights.to_bytes()).expect("its own file");
    let served = weights.applied(online.base()).expect("its own model");
    for row in [LOW, HIGH, [1.0, 20.0], [f32::NAN, 30.0]] {
        let (served, learned) = (sigmoid(served.log_odds_of_row(&row)), online.probability(&row));
        assert!((served - learned).abs() < 1e-5, "{served} {learned}");
    }
    assert_ne!(served.version(), online.base().version());
    let other = weights.applied(&model("other")).expect_err("refused").to_string();
    assert!(other.contains("do not fit"), "{other}");
    let wrong = Weights { leaves: vec![(0, 0, 1.0)], ..weights };
    assert!(wrong.applied(online.base()).is_err(), "node 0 is no leaf");
}

#[test]
fn a_memory_goes_on_to_the_bit_and_one_of_another_forest_is_refused() {
    let (mut whole, mut half) = (online(), online());
    let rows = [(LOW, true), (HIGH, true), (LOW, false), ([1.0, 20.0], true)];
    rows.iter().for_each(|(row, label)| whole.learn(row, *label, 1.0));
    rows[..2].iter().for_each(|(row, label)| half.learn(row, *label, 1.0));
    let (gradients, squares) = half.memory();
    let (gradients, squares) = (gradients.to_vec(), squares.to_vec());
    let mut again = online();
    again.remember(gradients.clone(), squares.clone()).expect("its own");
    rows[2..].iter().for_each(|(row, label)| again.learn(row, *label, 1.0));
    assert_eq!(again.weights(), whole.weights());
    assert!(again.remember(vec![0.0; 2], vec![0.0; 2]).is_err());
    assert!(again.remember(gradients, vec![f64::NAN; squares.len()]).is_err());
}

#[test]
fn a_bad_file_of_weights_is_refused() {
    for text in
        ["", "{}", r#"{"format":2,"base":"x","leaves":[]}"#, r#"{"format":1,"base":"x","leaves":[[0,1]]}"#]
    {
        assert!(Weights::from_bytes(text.as_bytes()).is_err(), "{text}");
    }
    // The same leaf twice would move it twice.
    let twice = r#"{"format":1,"base":"x","leaves":[[0,1,6],[0,1,6]]}"#;
    assert!(Weights::from_bytes(twice.as_bytes()).is_err());
}

#[test]
fn no_server_takes_weights_that_move_a_row_further_than_a_learner_may() {
    let base = model("m");
    let applied = |leaves: &[(u32, u32, f32)]| {
        let weights = Weights { base: base.version().to_owned(), leaves: leaves.to_vec() };
        let weights = Weights::from_bytes(&weights.to_bytes()).expect("a file of weights");
        weights.applied(&base).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(applied(&[(0, 1, 5.0), (0, 2, -5.0), (1, 1, -5.0), (1, 2, 4.0)]), Ok(()));
    for leaves in [&[(0, 1, 1_000.0)][..], &[(0, 2, -10.5)], &[(0, 1, 5.0), (0, 2, -6.0), (1, 1, -5.0)]] {
        let error = applied(leaves).expect_err("refused");
        assert!(error.contains("at most 10"), "{error}");
    }
    // The learner itself never writes such a file.
    let mut online = online();
    (0..10_000).for_each(|_| online.learn(&LOW, true, f64::INFINITY));
    assert!(online.weights().applied(&base).is_ok());
    let far = OnlineSettings { shift_max: SHIFT_MAX + 1.0, ..OnlineSettings::default() };
    assert!(Online::new(base, far).is_err());
}

#[test]
fn a_weight_that_is_no_number_above_0_teaches_nothing() {
    let mut online = online();
    for weight in [f64::NAN, -1.0, 0.0, f64::NEG_INFINITY] {
        online.learn(&LOW, true, weight);
    }
    assert!(online.weights().leaves.is_empty());
}

#[test]
fn reports_alone_teach_nothing_and_beside_humans_only_a_share() {
    let heard = |humans: [f64; 2], report: [f64; 2]| {
        let mut guard = Guard::new(GuardSettings::default());
        assert!(!guard.hear_reports(report), "a brigade speaks to nobody");
        guard.hear_human(humans);
        (0..100).filter(|_| guard.hear_reports(report)).count()
    };
    assert_eq!(heard([100.0, 100.0], [0.3, 0.3]), 16, "a twentieth of 100, by 0.3 each");
    assert_eq!(heard([100.0, 100.0], [0.3, 2.0]), 2, "rows that stand for many make reports heavier");
    assert_eq!(heard([100.0, 2_000.0], [0.3, 0.3]), 16, "humans' rows make no room for more labels");
}

#[test]
fn nothing_is_published_that_held_out_rows_do_not_prefer() {
    let mut guard = Guard::new(GuardSettings::default());
    let mut better = online();
    let judge = |guard: &Guard, online: &Online| {
        guard.judge(|row| sigmoid(online.base().log_odds_of_row(row)), |row| online.probability(row))
    };
    for step in 0..30 {
        better.learn(&LOW, true, 1.0);
        guard.hold(LOW.to_vec(), step >= 21, 1.0);
        if step < 29 {
            continue;
        }
        // 9 abusive rows are too few to tell.
        assert!(!judge(&guard, &better).passes);
        guard.hold(LOW.to_vec(), true, 1.0);
        assert!(judge(&guard, &better).passes, "{:?}", judge(&guard, &better));
    }
    // Poison: labels against what held-out accounts show.
    let mut poisoned = online();
    for _ in 0..60 {
        poisoned.learn(&HIGH, false, 1.0);
        guard.hold(HIGH.to_vec(), true, 1.0);
    }
    let judged = judge(&guard, &poisoned);
    assert!(!judged.passes && judged.loss_after > judged.loss_before, "{judged:?}");
}

#[test]
fn an_account_is_held_out_or_learned_from_for_good() {
    let held = (0..10_000).filter(|number| Guard::holds_out(&format!("a_{number}"))).count();
    assert!((1_800..2_200).contains(&held), "{held}");
}
