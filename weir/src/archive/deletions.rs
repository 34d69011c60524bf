//! Deleted accounts: their records are removed from the archive, beside the loop that fills it.
//!
//! Separate from the loop, which never waits for it. Invariant: one that fails is tried again, for ever.

use std::time::Duration;

use schema::limits::ARCHIVE_DELETIONS_MAX;
use sinks::clickhouse::Writer;

use crate::clock::now_ms;

/// How long after its deletion something of an account may still come out of the log.
const LATE_MS: u64 = 60 * 60 * 1000;

/// Carries out deletions now and then, for ever.
pub async fn carry_out_deletions(writer: Writer, every: Duration) {
    loop {
        match writer.carry_out_deletions(now_ms(), LATE_MS).await {
            Ok(0) => {}
            Ok(accounts) => {
                tracing::info!(accounts, "deleted accounts were removed from the archive");
                if accounts >= ARCHIVE_DELETIONS_MAX {
                    continue;
                }
            }
            Err(error) => tracing::warn!(%error, "deletions were not carried out; they are tried again"),
        }
        tokio::time::sleep(every).await;
    }
}
