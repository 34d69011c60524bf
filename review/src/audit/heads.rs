//! Heads of the chain as records of the log of reviews, and out of it.
//!
//! Separate from the chain, which knows no log. A head is a note about an account of weir's own, so that whoever reads reviews with an
//! older weir passes it over. Invariants: the same head is the same record, however often it is written; heads of other chains are told
//! apart by the first entry's hash.

use schema::{Act, Review};

use super::Head;

/// The account under which heads lie.
pub const HEADS_ACCOUNT: &str = "!audit";
/// Digits of the first entry's hash that name a chain.
const CHAIN_DIGITS: usize = 16;

/// A head as a record; `chain`: the hash of its first entry, hexadecimal; `at`: log time, ms.
#[must_use]
pub fn head_review(chain: &str, head: &Head, at: u64) -> Review {
    Review {
        id: format!("h_{}_{}", head.n, &head.hash[..CHAIN_DIGITS.min(head.hash.len())]),
        case: case(chain),
        account: HEADS_ACCOUNT.to_owned(),
        at,
        actor: "weir".to_owned(),
        act: Act::Note,
        verdict: None,
        decision: None,
        scope: None,
        limit: None,
        expires: None,
        policy: None,
        reason: Some(head.line()),
        label: None,
        shown: Vec::new(),
        undoes: None,
        batch: None,
    }
}

/// The head of a chain in a record; `None`: it is of another chain, or none.
#[must_use]
pub fn head_of(chain: &str, review: &Review) -> Option<Head> {
    let is_ours = review.account == HEADS_ACCOUNT && review.act == Act::Note && review.case == case(chain);
    Head::parse(review.reason.as_deref().filter(|_| is_ours)?)
}

fn case(chain: &str) -> String {
    format!("audit_{}", &chain[..CHAIN_DIGITS.min(chain.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_from_its_record_and_not_from_another_chains() {
        let (ours, other) = ("a".repeat(64), "b".repeat(64));
        let head = Head { n: 812, hash: "0123456789abcdef".repeat(4), at: 1_762_128_000_500 };
        let review = head_review(&ours, &head, 1_762_128_000_000);
        assert!(review.check().is_ok());
        assert_eq!(head_of(&ours, &review), Some(head.clone()));
        assert_eq!(head_of(&other, &review), None);
        assert_eq!(head_of(&ours, &Review { account: "a_1".to_owned(), ..review.clone() }), None);
        assert_eq!(head_review(&ours, &head, 1_762_128_000_000), review);
    }
}
