//! Checkpoints in a bucket of a server that speaks like Amazon S3.
//!
//! Separate, because it is built only with the feature `cloud`:
//! `cargo test --workspace --locked --features cloud --test it -- bucket`. Invariant: what is found is what was written, whole.

use harness::s3::Server;
use sinks::checkpoint::{Chain, Checkpoints, Moment, Place, Role, Settings};

const PLACE: Place =
    Place { role: Role::Accounts, partition: 3, partitions: 8, catalog: 0xabcd, topics: None };
/// So small that a checkpoint has several parts.
const SETTINGS: Settings =
    Settings { chains_kept: 1, deltas_share_max: 1.0, deltas_max: 3, part_bytes: 20_000 };

async fn write(chain: &mut Chain, next_offset: u64, seed: u8) {
    let (feed, writing) = chain.begin(chain.wants_full(), Moment { next_offset, at_ms: next_offset * 10 });
    for n in 0..8 {
        while !feed.is_ready() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert!(feed.push(vec![seed + n; 9_000]));
    }
    assert!(feed.end());
    let written = writing.await.expect("it does not panic");
    chain.wrote(&written);
    written.expect("the bucket takes it");
}

/// The newest one's offset, and the first byte of each chunk, newest layer first.
async fn newest(checkpoints: &Checkpoints) -> (u64, Vec<u8>) {
    let found = checkpoints.find(&PLACE).await.expect("the store answers");
    assert!(found.refused.is_empty());
    let candidate = found.candidates.first().expect("one was written");
    let mut chunks = checkpoints.read(candidate);
    let mut seeds = Vec::new();
    while let Some(chunk) = chunks.next().await.expect("it is whole") {
        assert_eq!(chunk.len(), 9_000);
        seeds.push(chunk[0]);
    }
    (candidate.moment().next_offset, seeds)
}

#[tokio::test]
async fn what_is_written_into_a_bucket_is_found_whole_and_old_chains_go() {
    let server = Server::start();
    server.make_bucket("weir");
    let open = || Checkpoints::open_any("s3://weir/state/of", &server.options(), SETTINGS).expect("a bucket");
    let mut first = Chain::new(open(), PLACE, 1);
    write(&mut first, 100, 10).await;
    write(&mut first, 200, 20).await;
    let layers =
        |seeds: &[u8]| seeds.iter().flat_map(|seed| (0..8).map(move |n| seed + n)).collect::<Vec<u8>>();
    assert_eq!(newest(&open()).await, (200, layers(&[20, 10])));
    let mut second = Chain::new(open(), PLACE, 2);
    write(&mut second, 300, 30).await;
    assert_eq!(newest(&open()).await, (300, layers(&[30])));
    let elsewhere = Checkpoints::open_any("s3://weir/other", &server.options(), SETTINGS).expect("a bucket");
    assert!(elsewhere.find(&PLACE).await.expect("the store answers").candidates.is_empty());
    let missing =
        Checkpoints::open_any("s3://nobodys/x", &server.options(), SETTINGS).expect("not asked yet");
    assert!(missing.find(&PLACE).await.is_err(), "a bucket that is not there is told");
}

#[test]
fn buckets_of_all_three_kinds_are_opened_and_a_setting_that_is_missing_is_told() {
    let options = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let azure = options(&[("AZURE_STORAGE_ACCOUNT_NAME", "weir"), ("AZURE_STORAGE_ACCOUNT_KEY", "bm9uZQ==")]);
    Checkpoints::open_any("az://container/x", &azure, SETTINGS).expect("a container");
    let google = options(&[("GOOGLE_SKIP_SIGNATURE", "true")]);
    Checkpoints::open_any("gs://bucket/x", &google, SETTINGS).expect("a bucket");
    let error = Checkpoints::open_any("az://container/x", &[], SETTINGS).expect_err("no account");
    assert!(error.to_string().contains("az://container/x"), "{error}");
}
