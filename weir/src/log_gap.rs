//! Where a partition is read on from: where it was left, if the log still has that.
//!
//! Separate, because workers and the archive ask the same, and each says what it means for it. Invariant: what is gone is told, with
//! the offsets.

use ingest::kafka::Assignment;

/// The offset `left`, or as the error the log's oldest, if what was left there is gone from it, or never was in it: then `lost` is
/// logged. `log`: oldest and next offset.
pub fn place(of: &Assignment, left: u64, (oldest, next): (u64, u64), lost: &str) -> Result<u64, u64> {
    if (oldest..=next).contains(&left) {
        return Ok(left);
    }
    tracing::error!(topic = of.topic, partition = of.partition, left, oldest, next, "{lost}");
    Err(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_has_is_read_on_and_else_its_oldest() {
        let of = Assignment { topic: "t".to_owned(), partition: 0 };
        let place = |left| place(&of, left, (5, 9), "gone");
        assert_eq!([4, 5, 9, 10].map(place), [Err(5), Ok(5), Ok(9), Err(5)]);
    }
}
