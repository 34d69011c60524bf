//! The model file: golden bytes, exact round trips, refusals that say what to do, and no bytes that make it panic.
//!
//! Separate from the units because it is the file's contract.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers as well")]

use models::bayes::{Bayes, Parabola};
use models::evaluate::{Profile, Shape};
use models::forest::Forest;
use models::logistic::{Logistic, Term};
use models::tree::{Node, Split, Tree};
use models::{Body, Card, Catalog, Curve, Error, Model, TrainedOn};
use proptest::prelude::*;

const GOLDEN: &[u8] = include_bytes!("golden/trees.weir-model.json");

fn catalog() -> Catalog {
    let names = ["age_h", "messages_1h", "new_chats_10m"];
    Catalog { hash: 0xfeed_0000_0000_0001, names: names.map(str::to_owned).to_vec(), closed: Vec::new() }
}

fn card() -> Card {
    Card {
        name: "golden".to_owned(),
        trained_on: TrainedOn::Simulation,
        labels: 1000,
        seed: 7,
        data: "00000000000000ff".to_owned(),
        columns: vec!["new_chats_10m".to_owned(), "age_h".to_owned()],
        metrics: vec![("auc".to_owned(), 0.9876)],
        reliability: vec![[0.05, 0.04, 900.0]],
    }
}

fn leaf(value: f32) -> Node {
    Node { split: None, value }
}

fn trees(numbers: [f32; 5]) -> Model {
    let [threshold, root, low, high, slope] = numbers;
    let split = |column, left, right| Some(Split { column, threshold, left, right });
    let nodes = vec![
        Node { split: split(0, 1, 2), value: root },
        leaf(low),
        Node { split: split(1, 3, 4), value: high },
        leaf(high),
        leaf(-0.1),
    ];
    let tree = Tree::new(nodes, 2).unwrap();
    let forest = Forest::new(vec![tree.clone(), tree], 2, (slope, -0.3)).unwrap();
    Model::new(card(), Body::Trees(forest), &catalog()).unwrap()
}

/// Tests may have their own catalogue, because a golden file outlives the features of a build.
fn read(bytes: &[u8]) -> Result<Model, Error> {
    Model::from_bytes_for(bytes, &catalog())
}

/// The file with one text for another and a checksum that fits.
fn altered(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(GOLDEN.to_vec()).unwrap();
    assert!(text.contains(from), "{from}");
    summed(&text.replace(from, to))
}

/// A file with a checksum that fits.
fn summed(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let at = br#"{"format":1,"checksum":""#.len();
    bytes[at..at + 32].fill(b'0');
    let sum = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes));
    bytes[at..at + 32].copy_from_slice(sum.as_bytes());
    bytes
}

#[test]
fn the_golden_file_is_written_and_read() {
    let model = trees([2.5, 0.25, -1.5, 2.0, 0.9]);
    assert_eq!(String::from_utf8(model.to_bytes()).unwrap(), String::from_utf8(GOLDEN.to_vec()).unwrap());
    let again = read(GOLDEN).unwrap();
    assert_eq!(again.to_bytes(), GOLDEN);
    assert_eq!((again.name(), again.card().trained_on), ("golden", TrainedOn::Simulation));
    assert_eq!(again.version(), model.version());
    let vector = [3.0, f32::NAN, 3.0];
    assert_eq!(again.probability(&vector).to_bits(), model.probability(&vector).to_bits());
}

#[test]
fn a_model_of_another_catalogue_is_refused_by_name() {
    let other = Catalog { hash: 2, ..catalog() };
    let text = Model::from_bytes_for(GOLDEN, &other).unwrap_err().to_string();
    assert_eq!(
        text,
        "model golden was trained on feature schema feed000000000001, this build has 0000000000000002: \
         retrain with `weir train`"
    );
}

#[test]
fn an_unknown_column_is_refused_by_name() {
    let error = read(&altered("\"age_h\"]", "\"age_q\"]")).unwrap_err();
    assert_eq!(error, Error::UnknownColumn { name: "golden".to_owned(), column: "age_q".to_owned() });
}

#[test]
fn a_column_that_is_closed_to_models_is_refused_by_name() {
    let closed = features::CATALOG.iter().find(|feature| !feature.model).expect("strikes are closed").name;
    let open = Catalog { closed: Vec::new(), ..Catalog::of_this_build() };
    let card = Card { columns: vec![closed.to_owned()], ..card() };
    let terms = vec![Term { mean: 0.0, deviation: 1.0, weight: 1.0 }];
    let body = Body::Logistic(Logistic { bias: 0.0, terms });
    let bytes = Model::new(card, body, &open).unwrap().to_bytes();
    let error = Model::from_bytes(&bytes).unwrap_err();
    assert_eq!(error, Error::ClosedColumn { name: "golden".to_owned(), column: closed.to_owned() });
    assert!(error.to_string().contains(closed));
}

#[test]
fn what_is_no_model_at_all_is_not_called_damaged() {
    let other = br#"{"format":1,"name":"a policy"}"#;
    for bytes in
        [&b""[..], b"[1, 2, 3]", b"\x7fELF", b"{}", b"name = \"policy\"\n", b"{\"id\":\"e_1\"}", other]
    {
        let error = read(bytes).unwrap_err();
        assert_eq!(error, Error::NoModel, "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(Error::NoModel.to_string(), "this is no weir model: make one with `weir train`");
    assert!(matches!(read(&GOLDEN[..GOLDEN.len() / 2]).unwrap_err(), Error::Damaged(_)));
}

#[test]
fn a_later_format_and_a_wrong_checksum_are_refused() {
    let later = String::from_utf8(GOLDEN.to_vec()).unwrap().replace("{\"format\":1", "{\"format\":4");
    assert_eq!(read(later.as_bytes()).unwrap_err(), Error::Format { found: 4, read: 3 });
    let mut damaged = GOLDEN.to_vec();
    *damaged.iter_mut().rev().find(|byte| byte.is_ascii_digit()).unwrap() ^= 1;
    assert!(read(&damaged).unwrap_err().to_string().contains("checksum"));
}

#[test]
fn what_format_3_brought_survives_the_round_trip_and_nothing_else_is_a_profile() {
    let shape = |values: &[f32]| Shape::of(&values.iter().map(|value| (*value, 2.0)).collect::<Vec<_>>());
    let columns = vec![shape(&[1.0, 1.0, 2.5, f32::NAN]), shape(&[0.1; 7])];
    let profile = Profile { columns, score: shape(&[0.25, 0.5, 0.75]) };
    let bare = trees([2.5, 0.25, -1.5, 2.0, 0.9]);
    let model = bare.clone().with_profile(Some(profile.clone()));
    let text = String::from_utf8(model.to_bytes()).unwrap();
    assert!(text.starts_with("{\"format\":3,"));
    let again = read(text.as_bytes()).unwrap();
    assert_eq!((again.profile(), again.version()), (Some(&profile), model.version()));
    let drift = again.profile().unwrap().columns[0].drift("c", &[(1.0, 1.0), (f32::NAN, 1.0)]);
    assert!((drift.unknown_before, drift.unknown_now) == (0.25, 0.5) && drift.psi > 0.1, "{drift:?}");
    assert_eq!(again.with_profile(None).to_bytes(), bare.to_bytes());
    // Edges that fall, shares that are none, a shape too few, and a format that has none.
    let profile_of =
        |text: &str| text.split("\"profile\":").nth(1).unwrap().trim_end_matches("}\n").to_owned();
    let whole = profile_of(&text);
    for wrong in [
        r#"{"columns":[[[2.0,1.0],[0.25,0.25,0.25,0.25]],[[],[0.0,1.0]]],"score":[[],[0.0,1.0]]}"#,
        r#"{"columns":[[[],[0.5,0.25]],[[],[0.0,1.0]]],"score":[[],[0.0,1.0]]}"#,
        r#"{"columns":[[[],[0.0,1.0]]],"score":[[],[0.0,1.0]]}"#,
        r#"{"columns":[[[],[0.0,1e300]],[[],[0.0,1.0]]],"score":[[],[0.0,1.0]]}"#,
    ] {
        let error = read(&summed(&text.replace(&whole, wrong))).unwrap_err();
        assert!(matches!(error, Error::Damaged(_)), "{wrong}: {error}");
    }
    let error = read(&summed(&text.replace("{\"format\":3", "{\"format\":2"))).unwrap_err();
    assert!(error.to_string().contains("do not go together"), "{error}");
}

#[test]
fn what_format_2_brought_survives_the_round_trip_and_needs_it() {
    let points = vec![[-4.5, -6.0], [0.1, -0.5], [2.0, 3.25]];
    let curved = trees([2.5, 0.25, -1.5, 2.0, 0.9]).with_curve(Some(Curve::new(points).unwrap()));
    let bytes = curved.to_bytes();
    assert!(bytes.starts_with(b"{\"format\":2,"));
    let again = read(&bytes).unwrap();
    assert_eq!((again.to_bytes(), again.version()), (bytes.clone(), curved.version()));
    let vector = [3.0, f32::NAN, 3.0];
    assert_eq!(again.log_odds(&vector).to_bits(), curved.log_odds(&vector).to_bits());
    assert_ne!(again.log_odds(&vector), read(GOLDEN).unwrap().log_odds(&vector));
    // The curve moves the score, its reasons and its counterfactuals alike.
    let parts: f64 = curved.explain(&vector, 3).iter().map(|part| f64::from(part.contribution)).sum();
    assert!((parts + curved.base() - curved.log_odds(&vector)).abs() < 1e-5);
    let term = Term { mean: 0.5, deviation: 2.0, weight: -0.25 };
    let bayes = Bayes { bias: 0.1, parabolas: vec![Parabola { term, square: 0.75 }; 2] };
    let model = Model::new(card(), Body::Bayes(bayes.clone()), &catalog()).unwrap();
    assert!(model.to_bytes().starts_with(b"{\"format\":2,"));
    assert!(matches!(read(&model.to_bytes()).unwrap().body(), Body::Bayes(again) if *again == bayes));
    for (from, to) in
        [("{\"format\":1", "{\"format\":2"), ("]}}}\n", "]}},\"curve\":[[0.0,0.0],[1.0,1.0]]}\n")]
    {
        let error = read(&altered(from, to)).unwrap_err();
        assert!(error.to_string().contains("do not go together"), "{error}");
    }
}

#[test]
fn hostile_numbers_with_a_good_checksum_are_refused() {
    let cases = [
        ("\"right\":[2,0,4,0,0]", "\"right\":[2,0,9,0,0]"),
        ("\"right\":[2,0,4,0,0]", "\"right\":[0,0,4,0,0]"),
        ("\"right\":[2,0,4,0,0]", "\"right\":[1,0,4,0,0]"),
        ("\"right\":[2,0,4,0,0]", "\"right\":[2,0,4,0]"),
        ("\"column\":[0,-1,1,-1,-1]", "\"column\":[7,-1,1,-1,-1]"),
        ("\"column\":[0,-1,1,-1,-1]", "\"column\":[-2,-1,1,-1,-1]"),
        ("\"column\":[0,-1,1,-1,-1]", "\"column\":[70000,-1,1,-1,-1]"),
        ("\"threshold\":[2.5", "\"threshold\":[1e39"),
        ("\"threshold\":[2.5", "\"threshold\":[null"),
        ("\"trained_on\":\"simulation\"", "\"trained_on\":\"rumour\""),
        ("\"slope\":", "\"slope\":-"),
        ("\"trees\":{", "\"forest\":{"),
        ("\"columns\":[\"new_chats_10m\",\"age_h\"]", "\"columns\":[\"new_chats_10m\"]"),
    ];
    for (from, to) in cases {
        let error = read(&altered(from, to)).expect_err(to);
        assert!(matches!(error, Error::Damaged(_) | Error::Forest(_)), "{to}: {error}");
    }
    let none = altered("\"columns\":[\"new_chats_10m\",\"age_h\"]", "\"columns\":[]");
    assert!(read(&none).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(at in 0..GOLDEN.len(), byte in any::<u8>(), cut in 0..GOLDEN.len()) {
        let mut bytes = GOLDEN.to_vec();
        bytes[at] = byte;
        let _ = read(&bytes);
        prop_assert!(read(&bytes[..cut]).is_err());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(place) = text.find("\"name\"") {
            // With a checksum that fits, the damage reaches the checks behind it.
            let _ = read(&altered_bytes(text.into_bytes(), place));
        }
    }

    #[test]
    fn every_finite_number_survives_the_round_trip(bits in any::<[u32; 5]>(), weights in any::<[u32; 4]>()) {
        let finite = |bits: u32| Some(f32::from_bits(bits)).filter(|v| v.is_finite()).unwrap_or(0.1);
        let mut numbers = bits.map(finite);
        numbers[4] = numbers[4].abs().max(f32::MIN_POSITIVE);
        let model = trees(numbers);
        let again = read(&model.to_bytes()).unwrap();
        prop_assert_eq!(again.to_bytes(), model.to_bytes());
        let vector = [finite(bits[0]).abs(), 0.0, numbers[0]];
        prop_assert_eq!(again.log_odds(&vector).to_bits(), model.log_odds(&vector).to_bits());
        let [bias, mean, weight, other] = weights.map(finite);
        let deviation = other.abs().max(f32::MIN_POSITIVE);
        let logistic = Logistic { bias, terms: vec![Term { mean, deviation, weight }; 2] };
        let model = Model::new(card(), Body::Logistic(logistic.clone()), &catalog()).unwrap();
        match read(&model.to_bytes()).unwrap().body() {
            Body::Logistic(again) => prop_assert_eq!(again, &logistic),
            Body::Trees(_) | Body::Bayes(_) => prop_assert!(false, "the kind changed"),
        }
    }
}

fn altered_bytes(mut bytes: Vec<u8>, from: usize) -> Vec<u8> {
    let at = br#"{"format":1,"checksum":""#.len();
    if from < at + 32 {
        return bytes;
    }
    bytes[at..at + 32].fill(b'0');
    let sum = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes));
    bytes[at..at + 32].copy_from_slice(sum.as_bytes());
    bytes
}
