//! Tables as they are written, and what is wrong with them.
//!
//! Separate because of its length.

use std::path::Path;

use super::*;

const TABLE: &str = "who,sent,got,kind,when,list,bad\na,4,2,plain,7,0,1\nb,,1,html,8,0,0\na,6,0,plain,9,0,yes\nc,1,1,html,9,1,0\n";

fn table(wanted: DataFile) -> Result<Table, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    std::fs::write(&file, TABLE).unwrap();
    within(&wanted, &file, (For::Labels, Bounds::default()))
}

fn within(wanted: &DataFile, file: &Path, (what_for, bounds): (For, Bounds)) -> Result<Table, Error> {
    let wanted = DataFile { file: file.to_string_lossy().into_owned(), ..wanted.clone() };
    read_within(&wanted, what_for, bounds)
}

fn wanted() -> DataFile {
    DataFile {
        label: "bad".to_owned(),
        positive: vec!["1".to_owned(), "yes".to_owned()],
        categories: vec!["kind".to_owned()],
        derive: BTreeMap::from([("share".to_owned(), "sent / got".to_owned())]),
        only: BTreeMap::from([("list".to_owned(), vec!["0".to_owned()])]),
        group: Some("who".to_owned()),
        time: Some("when".to_owned()),
        ..DataFile::default()
    }
}

#[test]
fn a_table_becomes_rows_with_everything_in_its_place() {
    let found = table(wanted()).unwrap();
    assert_eq!(found.data.names, ["sent", "got", "kind", "share"]);
    assert_eq!(found.data.labels, [true, false, true]);
    assert_eq!(found.times, [7.0, 8.0, 9.0]);
    assert_eq!(found.data.rows.row(0).to_vec(), [4.0, 2.0, 1.0, 2.0]);
    let second = found.data.rows.row(1);
    assert!(second[0].is_nan() && second[2] == 0.0 && second[3].is_nan());
    assert!(found.data.rows[(2, 3)].is_nan(), "nothing is divided by 0");
    assert_eq!(found.data.groups[0], found.data.groups[2]);
    assert_ne!(found.data.groups[0], found.data.groups[1]);
    let filled = DataFile { fill: BTreeMap::from([("sent".to_owned(), 0.5)]), ..wanted() };
    assert_eq!(table(filled).unwrap().data.rows[(1, 0)], 0.5);
    let weighed = table(DataFile { weight: Some("when * when".to_owned()), ..wanted() }).unwrap();
    assert_eq!(weighed.data.weights, [49.0, 64.0, 81.0]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let text = |wanted: DataFile| table(wanted).err().unwrap().to_string();
    assert!(
        text(DataFile { label: "worse".to_owned(), ..wanted() }).contains("there is no column \"worse\"")
    );
    let no_category = DataFile { categories: Vec::new(), ..wanted() };
    assert!(text(no_category).contains("line 2: column 4: \"plain\" is no number"));
    let formula = BTreeMap::from([("x".to_owned(), "sent over got".to_owned())]);
    assert!(text(DataFile { derive: formula, ..wanted() }).contains("derive.x"));
    let never = DataFile { positive: vec!["maybe".to_owned()], ..wanted() };
    assert!(text(never).contains("rows of both labels"));
}
#[test]
fn a_table_beyond_the_bounds_is_refused_before_it_fills_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    std::fs::write(&file, TABLE).unwrap();
    let text = |bounds: Bounds| {
        within(&wanted(), &file, (For::Labels, bounds)).err().map_or(String::new(), |error| error.to_string())
    };
    // Of four rows, one is left out by data.only.
    let rows = |rows_max| Bounds { rows_max, ..Bounds::default() };
    assert_eq!(text(rows(3)), "");
    let found = text(rows(2));
    assert!(found.contains("line 4: more than 2 rows") && found.contains("--sample"), "{found}");
    let bytes = |bytes_max| Bounds { bytes_max, ..Bounds::default() };
    assert_eq!(text(bytes(3 * 4 * 4)), "");
    assert!(text(bytes(3 * 4 * 4 - 1)).contains("MiB of numbers"));
    // A quote that nobody closes.
    let endless = format!("{TABLE}a,4,2,\"plain,7,0,1\n{}", "b,1,1,html,8,0,0\n".repeat(20_000));
    std::fs::write(&file, endless).unwrap();
    let found = text(Bounds { record_bytes_max: 100_000, ..Bounds::default() });
    assert!(found.contains("a record is longer than 100000 bytes"), "{found}");
}

#[test]
fn where_labels_are_not_looked_at_none_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    std::fs::write(&file, "sent,got,weight,label_weight,label\n4,2,3,,\n1,,2,0.5,abusive\n").unwrap();
    let wanted = DataFile {
        columns: vec!["sent".to_owned(), "got".to_owned()],
        weight: Some("weight * label_weight".to_owned()),
        label: "label".to_owned(),
        ..DataFile::default()
    };
    let found = within(&wanted, &file, (For::Shape, Bounds::default())).unwrap();
    assert_eq!((found.data.weights, found.data.labels), (vec![3.0, 1.0], vec![false; 2]));
    let error = within(&wanted, &file, (For::Labels, Bounds::default())).err().unwrap().to_string();
    assert!(error.contains("line 2: the label \"label\" is empty"), "{error}");
}
