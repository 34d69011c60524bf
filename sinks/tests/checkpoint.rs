//! Checkpoints in a directory: what was written is found, what is damaged or foreign is refused, and the one before it is there.
//!
//! Separate from the module, because only the public interface and the files are of interest. Invariant: whatever happens to
//! the files, what is read whole is what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sinks::checkpoint::{
    Candidate, Chain, Checkpoints, Feed, Moment, Place, Role, Settings, Topics, Written,
};

const PLACE: Place =
    Place { role: Role::Accounts, partition: 3, partitions: 8, catalog: 0xabcd, topics: None };
/// So small that nearly every chunk is a part.
const SETTINGS: Settings = Settings { chains_kept: 2, deltas_share_max: 1.0, deltas_max: 3, part_bytes: 150 };

type Layer = Vec<Vec<u8>>;

fn open(directory: &Path) -> Checkpoints {
    Checkpoints::open(directory.to_str().expect("UTF-8"), SETTINGS).expect("a directory")
}

fn layer(seed: u8, chunks: usize) -> Layer {
    (0..chunks).map(|n| vec![seed.wrapping_add(n as u8); 90]).collect()
}

async fn give(feed: &Feed, chunk: &[u8]) {
    while !feed.is_ready() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(feed.push(chunk.to_vec()), "it is ready");
}

async fn write(chain: &mut Chain, next_offset: u64, layer: &Layer) -> Result<Written, sinks::Error> {
    let (feed, writing) = chain.begin(chain.wants_full(), Moment { next_offset, at_ms: next_offset * 10 });
    for chunk in layer {
        give(&feed, chunk).await;
    }
    assert!(feed.end());
    let written = writing.await.expect("it does not panic");
    chain.wrote(&written);
    written
}

async fn read(checkpoints: &Checkpoints, candidate: &Candidate) -> Result<Layer, sinks::Error> {
    let mut chunks = checkpoints.read(candidate);
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await? {
        all.push(chunk.to_vec());
    }
    Ok(all)
}

/// The newest that can be read whole: its offset and chunks.
async fn newest(checkpoints: &Checkpoints) -> Option<(u64, Layer)> {
    for candidate in checkpoints.find(&PLACE).await.expect("the store answers").candidates {
        if let Ok(chunks) = read(checkpoints, &candidate).await {
            return Some((candidate.moment().next_offset, chunks));
        }
    }
    None
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// A chain at 100, 200 and 300 in a directory; its layers, newest first as they are read.
async fn three(directory: &Path) -> [Layer; 3] {
    let mut chain = Chain::new(open(directory), PLACE, 7);
    let layers = [layer(1, 5), layer(40, 2), layer(80, 3)];
    for (layer, next_offset) in layers.iter().zip([100, 200, 300]) {
        write(&mut chain, next_offset, layer).await.expect("written");
    }
    layers
}

#[tokio::test]
async fn what_was_written_comes_back_newest_layer_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let [full, first, second] = three(directory.path()).await;
    let checkpoints = open(directory.path());
    let found = checkpoints.find(&PLACE).await.expect("the store answers");
    assert_eq!(found.refused, []);
    let moments: Vec<Moment> = found.candidates.iter().map(Candidate::moment).collect();
    let at = |next_offset| Moment { next_offset, at_ms: next_offset * 10 };
    assert_eq!(moments, [at(300), at(200), at(100)]);
    let all = [second, first.clone(), full.clone()].concat();
    assert_eq!(read(&checkpoints, &found.candidates[0]).await.expect("whole"), all);
    assert_eq!(
        read(&checkpoints, &found.candidates[1]).await.expect("whole"),
        [first, full.clone()].concat()
    );
    let candidate = found.candidates[2].clone();
    assert!(candidate.bytes() > 450 && candidate.name().ends_with("/000000"), "{}", candidate.name());
    let mut blocking = checkpoints.read(&candidate);
    let read = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        while let Some(chunk) = blocking.next_blocking().expect("whole") {
            all.push(chunk.to_vec());
        }
        all
    });
    assert_eq!(read.await.expect("it does not panic"), full);
}

#[tokio::test]
async fn without_its_end_a_checkpoint_does_not_exist() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut chain = Chain::new(open(directory.path()), PLACE, 7);
    for next_offset in [100, 200, 300] {
        // Everything was given, and the end never came: a crash looks the same.
        let (feed, writing) = chain.begin(chain.wants_full(), Moment { next_offset, at_ms: 0 });
        for chunk in layer(9, 4) {
            give(&feed, &chunk).await;
        }
        drop(feed);
        let written = writing.await.expect("it does not panic");
        assert!(written.as_ref().expect_err("given up").to_string().contains("before its end"));
        chain.wrote(&written);
        let before = newest(&open(directory.path())).await.map(|(at, _)| at);
        assert_eq!(before, (next_offset > 100).then_some(next_offset - 50));
        write(&mut chain, next_offset + 50, &layer(1, 1)).await.expect("the next is written");
    }
    let found = open(directory.path()).find(&PLACE).await.expect("the store answers");
    assert_eq!((found.candidates.len(), found.refused.len()), (3, 0));
}

#[tokio::test]
async fn whatever_byte_changes_or_file_is_missing_the_one_before_is_used() {
    let directory = tempfile::tempdir().expect("a directory");
    let [full, first, second] = three(directory.path()).await;
    let checkpoints = open(directory.path());
    let states = [
        (300, [second, first.clone(), full.clone()].concat()),
        (200, [first, full.clone()].concat()),
        (100, full),
    ];
    let mut refused = 0;
    for path in files(directory.path()) {
        let bytes = fs::read(&path).expect("it is there");
        let number = path.components().rev().nth(1).expect("a folder").as_os_str().to_string_lossy();
        let before = states.get(3 - number.parse::<usize>().expect("a number"));
        let mut damaged: Vec<Option<Vec<u8>>> = (0..bytes.len())
            .step_by(7)
            .map(|at| {
                let mut other = bytes.clone();
                other[at] ^= 1 << (at % 8);
                Some(other)
            })
            .collect();
        damaged.extend([None, Some(Vec::new()), Some(bytes[..bytes.len() / 2].to_vec())]);
        for damaged in damaged {
            match damaged {
                Some(damaged) => fs::write(&path, damaged).expect("writable"),
                None => fs::remove_file(&path).expect("removable"),
            }
            assert_eq!(newest(&checkpoints).await.as_ref(), before, "{}", path.display());
            refused += 1;
        }
        fs::write(&path, bytes).expect("writable");
    }
    assert!(refused > 200, "{refused}");
    assert_eq!(newest(&checkpoints).await.as_ref(), states.first());
}

#[tokio::test]
async fn what_is_foreign_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    three(directory.path()).await;
    let checkpoints = open(directory.path());
    let says = async |place: Place| {
        let found = checkpoints.find(&place).await.expect("the store answers");
        assert_eq!((found.candidates.len(), found.refused.len()), (0, 3));
        assert!(
            found.refused[1].reason.contains("missing or refused")
                || found.refused[1].reason == found.refused[0].reason
        );
        found.refused[0].reason.clone()
    };
    let reason = says(Place { partitions: 9, ..PLACE }).await;
    assert!(reason.contains("for 8 partitions and there are 9"), "{reason}");
    let reason = says(Place { catalog: 1, ..PLACE }).await;
    assert!(reason.contains("catalogue 000000000000abcd") && reason.contains("0000000000000001"), "{reason}");
    let move_to = |role: &str, partition: &str| {
        let to = directory.path().join(role);
        fs::create_dir_all(&to).expect("writable");
        fs::rename(directory.path().join("accounts/00003"), to.join(partition)).expect("writable");
    };
    move_to("accounts", "00004");
    let reason = says(Place { partition: 4, ..PLACE }).await;
    assert!(reason.contains("of partition 3, not of 4"), "{reason}");
    assert_eq!(newest(&checkpoints).await, None);
    fs::create_dir_all(directory.path().join("relations")).expect("writable");
    fs::rename(directory.path().join("accounts/00004"), directory.path().join("relations/00003"))
        .expect("writable");
    let reason = says(Place { role: Role::Relations, ..PLACE }).await;
    assert!(reason.contains("of accounts, not of relations"), "{reason}");
}

#[tokio::test]
async fn of_a_topic_that_was_made_anew_nothing_is_taken() {
    let directory = tempfile::tempdir().expect("a directory");
    let checkpoints = open(directory.path());
    let of = |own, other| Place { topics: Some(Topics { own, other }), ..PLACE };
    let mut chain = Chain::new(checkpoints.clone(), of(7, Some(8)), 1);
    let (feed, writing) = chain.begin(true, Moment { next_offset: 10, at_ms: 10 });
    assert!(feed.push(vec![1, 2, 3]) && feed.end());
    writing.await.expect("no panic").expect("written");
    for place in [of(7, Some(8)), PLACE] {
        let found = checkpoints.find(&place).await.expect("the store answers");
        assert_eq!((found.candidates.len(), found.refused.len()), (1, 0), "{place:?}");
    }
    for place in [of(9, Some(8)), of(7, Some(9)), of(7, None)] {
        let found = checkpoints.find(&place).await.expect("the store answers");
        assert_eq!((found.candidates.len(), found.of_another_log), (0, 1), "{place:?}");
        let reason = &found.refused[0].reason;
        assert!(reason.contains("deleted and made anew") && reason.contains("0007+0"), "{reason}");
    }
    // One that an older weir wrote says nothing of topics.
    three(directory.path()).await;
    let found = checkpoints.find(&of(9, None)).await.expect("the store answers");
    assert_eq!((found.candidates.len(), found.of_another_log), (3, 1));
}

#[tokio::test]
async fn another_format_is_refused_by_its_number() {
    let directory = tempfile::tempdir().expect("a directory");
    three(directory.path()).await;
    for path in files(directory.path()).into_iter().filter(|path| path.ends_with("manifest.json")) {
        let text = fs::read_to_string(&path).expect("text").replace("\"format\":1", "\"format\":2");
        let body = text.lines().next().expect("a line");
        let sum = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
        fs::write(&path, format!("{body}\n{sum:016x}\n")).expect("writable");
    }
    let found = open(directory.path()).find(&PLACE).await.expect("the store answers");
    assert!(
        found.refused.iter().all(|refused| refused.reason == "it has format 2; this weir reads format 1")
    );
    assert_eq!((found.candidates.len(), found.refused.len()), (0, 3));
}

#[tokio::test]
async fn a_full_one_is_due_after_enough_deltas_and_old_chains_go() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut chain = Chain::new(open(directory.path()), PLACE, 7);
    let mut fulls = Vec::new();
    for n in 1..=12 {
        // Small deltas: 3 of them by count. Large ones: until they are as large as the full one.
        let chunks = if chain.wants_full() {
            6
        } else if n < 6 {
            1
        } else {
            5
        };
        let written = write(&mut chain, n * 100, &layer(n as u8, chunks)).await.expect("written");
        if written.full {
            fulls.push(n);
        }
    }
    assert_eq!(fulls, [1, 5, 8, 11]);
    let found = open(directory.path()).find(&PLACE).await.expect("the store answers");
    let offsets: Vec<u64> = found.candidates.iter().map(|candidate| candidate.moment().next_offset).collect();
    assert_eq!(offsets, [1200, 1100, 1000, 900, 800], "two chains are kept");
    assert!(
        files(directory.path()).iter().all(|path| !path.to_string_lossy().contains("-00000000000000000500/"))
    );
    // A process whose clock is behind prunes neither its own chain nor a newer one.
    let mut behind = Chain::new(open(directory.path()), PLACE, 3);
    write(&mut behind, 1300, &layer(99, 1)).await.expect("written");
    assert_eq!(newest(&open(directory.path())).await, Some((1300, layer(99, 1))));
    let found = open(directory.path()).find(&PLACE).await.expect("the store answers");
    assert_eq!(found.candidates.len(), 6);
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_told_and_the_engine_is_not_held_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let checkpoints = open(directory.path());
    fs::write(directory.path().join("accounts"), "a file where a folder is wanted").expect("writable");
    let mut chain = Chain::new(checkpoints.clone(), PLACE, 7);
    let (feed, writing) = chain.begin(true, Moment { next_offset: 1, at_ms: 0 });
    // This thread does not yield, so nothing is taken away: the feed fills and says so.
    let taken = (0..100).filter(|_| feed.push(vec![1; 200])).count();
    assert!((1..10).contains(&taken) && !feed.is_ready(), "{taken}");
    let written = writing.await.expect("it does not panic");
    assert!(written.as_ref().expect_err("no room").to_string().contains("accounts/00003/"));
    assert!(feed.is_closed() && !feed.push(vec![1]));
    chain.wrote(&written);
    fs::remove_file(directory.path().join("accounts")).expect("removable");
    assert!(chain.wants_full(), "the first one failed");
    write(&mut chain, 2, &layer(5, 2)).await.expect("written");
    assert_eq!(newest(&checkpoints).await, Some((2, layer(5, 2))));
}

#[test]
fn a_store_of_an_unknown_kind_is_refused_by_name() {
    let refused = Checkpoints::open("ftp://somewhere/x", SETTINGS).expect_err("not understood");
    assert!(refused.to_string().contains("ftp:// is not understood"), "{refused}");
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}/a/b", directory.path().display());
    Checkpoints::open_any(&url, &[], SETTINGS).expect("it is made");
    if cfg!(not(feature = "cloud")) {
        let refused = Checkpoints::open_any("s3://bucket/x", &[], SETTINGS).expect_err("not built in");
        assert!(refused.to_string().contains("--features cloud"), "{refused}");
    }
    assert!(directory.path().join("a/b").is_dir());
}
