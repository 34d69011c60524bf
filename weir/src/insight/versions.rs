//! What versions say about themselves, for whoever puts them in force: models, lists and policies as a page compares them.
//!
//! Separate from explaining what decides now. Pure but for reading the files. Invariants: a version is read as the engine would read it,
//! with the same checks and keys; what is too large to be looked into while somebody waits is told to be so.

use std::collections::BTreeMap;

use models::{Body, Model};
use schema::ControlKind;
use schema::desk::{Described, ListCard, ListChange, ModelCard};
use scorer::blocklist::EntryKind;
use scorer::{Blocklist, Content, Needed};

use crate::error::Error;
use crate::files;
use crate::registry::Registry;

/// Largest list that is looked into, bytes: some 5 million entries.
const LIST_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Absent keys that a filter is asked for.
const PROBES: u64 = 200_000;
/// Sources that are told.
const SOURCES_MAX: usize = 8;

/// What a version that lies ready says about itself; `None`: it is not there.
pub fn described(registry: &Registry, needed: &Needed) -> Result<Option<Described>, Error> {
    let file = registry.file(needed)?;
    if std::fs::metadata(&file).is_err() {
        return Ok(None);
    }
    if needed.kind == ControlKind::Policy {
        return files::read_text(&file, schema::limits::POLICY_BYTES_MAX as u64)
            .map(|text| Some(Described::Policy(text)));
    }
    let bytes = size(&file)?;
    Ok(match registry.load(needed)?.content {
        Content::Model(found) => Some(Described::Model(Box::new(model(&found)))),
        Content::Blocklist(found) => Some(Described::Blocklist(Box::new(list(&found, bytes)))),
        Content::Exempt(found) => Some(Described::Exempt(found.len() as u64)),
        _ => None,
    })
}

/// How the entries of two versions of a list differ; `None`: one is not there.
pub fn list_change(registry: &Registry, from: &Needed, to: &Needed) -> Result<Option<ListChange>, Error> {
    let load = |needed: &Needed| {
        let file = registry.file(needed)?;
        if std::fs::metadata(&file).is_err() {
            return Ok(None);
        }
        size(&file)?;
        Ok::<_, Error>(match registry.load(needed)?.content {
            Content::Blocklist(list) => Some(list),
            _ => None,
        })
    };
    let (Some(from), Some(to)) = (load(from)?, load(to)?) else { return Ok(None) };
    Ok(Some(change(&from, &to)))
}

/// What the list of this name that was given at the start says about itself, if one was.
pub fn given_list(given: &[String], name: &str) -> Result<Option<Described>, Error> {
    for file in given {
        let bytes = size(file)?;
        let found = Blocklist::from_bytes(file, files::read(file, LIST_BYTES_MAX)?)?;
        if found.name() == name {
            return Ok(Some(Described::Blocklist(Box::new(list(&found, bytes)))));
        }
    }
    Ok(None)
}

/// The size of a file that may be looked into, bytes.
fn size(file: &str) -> Result<u64, Error> {
    let bytes = std::fs::metadata(file).map_err(|error| Error::file(file, error))?.len();
    if bytes > LIST_BYTES_MAX {
        let detail = "it is too large to be looked into from a page: `weir blocklist inspect` does it";
        return Err(Error::file(file, detail));
    }
    Ok(bytes)
}

/// A model's card.
pub fn model(model: &Model) -> ModelCard {
    let card = model.card();
    let (learner, trees, leaves, calibration) = match model.body() {
        Body::Trees(forest) => {
            let nodes = forest.trees().iter().flat_map(|tree| tree.nodes());
            let leaves = nodes.filter(|node| node.split.is_none()).count();
            let offset = forest.calibrate(0.0);
            let line = ((forest.calibrate(1.0) - offset) as f32, offset as f32);
            ("trees", forest.trees().len(), leaves, Some(line))
        }
        Body::Logistic(_) => ("logistic", 0, 0, None),
        Body::Bayes(_) => ("bayes", 0, 0, None),
    };
    ModelCard {
        name: model.name().to_owned(),
        version: model.version().to_owned(),
        learner: learner.to_owned(),
        trees: trees as u64,
        leaves: leaves as u64,
        columns: card.columns.clone(),
        is_simulated: card.trained_on == models::TrainedOn::Simulation,
        labels: card.labels,
        data: card.data.clone(),
        calibration,
        curve: model.curve().map_or(0, |curve| curve.points().len() as u64),
        metrics: card.metrics.clone(),
        reliability: card.reliability.clone(),
    }
}

/// A list's card.
fn list(list: &Blocklist, bytes: u64) -> ListCard {
    let mut kinds: BTreeMap<EntryKind, u64> = BTreeMap::new();
    let mut sources: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut by_human, mut ending) = (0, 0);
    for entry in list.entries() {
        *kinds.entry(entry.kind).or_default() += 1;
        *sources.entry(entry.source).or_default() += 1;
        by_human += u64::from(entry.by_human);
        ending += u64::from(entry.expires.is_some());
    }
    let mut sources: Vec<(String, u64)> =
        sources.into_iter().map(|(source, count)| (source.to_owned(), count)).collect();
    sources.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sources.truncate(SOURCES_MAX);
    let measured = list.measure_false_positives(PROBES);
    ListCard {
        name: list.name().to_owned(),
        version: list.version().to_owned(),
        entries: list.len() as u64,
        kinds: kinds.into_iter().map(|(kind, count)| (kind.word().to_owned(), count)).collect(),
        sources,
        by_human,
        ending,
        bytes,
        filter_bytes: list.bloom_bytes(),
        false_positives: [measured.rate, measured.low, measured.high],
    }
}

/// How the entries of two lists differ, whatever their notes and ends.
fn change(from: &Blocklist, to: &Blocklist) -> ListChange {
    let sorted = |list: &'_ Blocklist| {
        let mut keys: Vec<(EntryKind, String)> =
            list.entries().map(|entry| (entry.kind, entry.value.to_owned())).collect();
        keys.sort_unstable();
        keys
    };
    let (from, to) = (sorted(from), sorted(to));
    let kept = from.iter().filter(|key| to.binary_search(key).is_ok()).count() as u64;
    ListChange { added: to.len() as u64 - kept, removed: from.len() as u64 - kept, kept }
}

#[cfg(test)]
mod tests {
    use scorer::blocklist::parse_entries;

    use super::*;

    fn built(lines: &str) -> Blocklist {
        let text = format!("kind,value,source,human\n{lines}");
        Blocklist::build("rented", parse_entries("test", &text).expect("entries")).expect("a list").list
    }

    #[test]
    fn a_list_tells_its_entries_by_kind_and_source_and_what_changed() {
        let before = built("device,d1,feed,false\ndevice,d2,feed,false\naccount,a1,people,true\n");
        let after = built(
            "device,d2,other,false\nnumber_range,+4915,feed,false\naccount,a1,people,true\naccount,d1,x,true\n",
        );
        let card = list(&before, 1);
        assert_eq!((card.entries, card.by_human, card.ending), (3, 1, 0));
        assert_eq!(card.kinds, [("account".to_owned(), 1), ("device".to_owned(), 2)]);
        assert_eq!(card.sources, [("feed".to_owned(), 2), ("people".to_owned(), 1)]);
        assert!(card.false_positives[0] < 1e-3 && card.false_positives[2] > card.false_positives[1]);
        assert_eq!(change(&before, &after), ListChange { added: 2, removed: 1, kept: 2 });
        assert_eq!(change(&before, &before), ListChange { added: 0, removed: 0, kept: 3 });
    }

    #[test]
    fn a_model_tells_its_trees_columns_and_calibration() {
        let built_in = crate::setup::default_model().expect("readable").expect("there is one");
        let card = model(&built_in);
        assert_eq!((&*card.learner, &*card.version), ("trees", built_in.version()));
        assert!(card.trees > 1 && card.leaves > card.trees && card.columns.len() > 10);
        assert!(card.calibration.is_some() && !card.metrics.is_empty() && !card.reliability.is_empty());
    }
}
