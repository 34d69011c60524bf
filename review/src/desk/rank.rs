//! In which order cases come: how grave, how credibly reported, how uncertain; and the lots of the random slots.
//!
//! Separate and pure, so that each sentence of the order has a test. Invariants: the same case has the same place on every replay;
//! reports by a crowd that looks alike count less than twice one report; a certain case is no reason to look, an uncertain one is.

use std::collections::BTreeSet;

use schema::history::Heard;
use schema::{Action, Contact, Feedback, ReportReason};
use xxhash_rust::xxh3::xxh3_64;

/// How long a report speaks, ms of log time: as long as the features that count it.
pub const REPORT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Score bands: five of a fifth each, and one for what has no score.
pub const BANDS: i64 = 6;

/// The highest priority.
pub const PRIORITY_MAX: f64 = 3.0;

/// Where a case of class 2 stands: higher comes first, 0 to [`PRIORITY_MAX`].
pub fn priority(harm: f64, heard: f64, score: Option<f64>) -> f64 {
    harm + (heard / 3.0).min(1.0) + uncertainty(score)
}

/// How grave it is, 0 to 1: by what automation did or wants, and by what was reported.
pub fn harm(action: Option<Action>, reported: Option<ReportReason>) -> f64 {
    let by_action: f64 = match action {
        Some(Action::Ban) => 0.6,
        Some(Action::RateLimit) => 0.4,
        Some(Action::Challenge | Action::Review) => 0.3,
        Some(Action::Warn) => 0.1,
        Some(Action::Lift) | None => 0.0,
    };
    by_action.max(reported.map_or(0.0, gravity))
}

/// How grave what a report says would be, 0 to 1.
pub fn gravity(reason: ReportReason) -> f64 {
    match reason {
        ReportReason::ChildSafety => 1.0,
        ReportReason::Threat => 0.9,
        ReportReason::Scam => 0.7,
        ReportReason::Impersonation | ReportReason::Harassment => 0.6,
        ReportReason::Spam => 0.3,
        ReportReason::Other => 0.2,
    }
}

/// How little the model knows, 0 to 1; without a score, half.
pub fn uncertainty(score: Option<f64>) -> f64 {
    score.map_or(0.5, |score| 1.0 - 2.0 * (score - 0.5).abs().min(0.5))
}

/// The score's band, 0 to 5.
pub fn band(score: Option<f64>) -> i64 {
    score.map_or(BANDS - 1, |score| ((score * 5.0) as i64).clamp(0, BANDS - 2))
}

/// A case's lot among those of its band: the lowest is drawn first.
pub fn lot(case: &str) -> i64 {
    (xxh3_64(case.as_bytes()) >> 1) as i64
}

/// Whether something is among a sample of so many in ten thousand. `salt` keeps samples apart.
pub fn is_sampled(id: &str, salt: &str, per_10_000: u32) -> bool {
    xxh3_64(format!("{salt}:{id}").as_bytes()) % 10_000 < u64::from(per_10_000)
}

/// What a report is worth by itself, 0 to 1: who wrote first, and how old its author is. As the feature `feedback_24h` has it.
pub fn credit(feedback: &Feedback<'_>) -> f64 {
    let contact = match feedback.contact {
        Some(Contact::Account) => 1.0,
        Some(Contact::Author) => 0.15,
        Some(Contact::None) => 0.02,
        None => 0.25,
    };
    let age = match feedback.peer_age_h {
        None => 0.7,
        Some(age_h) if age_h < 24.0 => 0.1,
        Some(age_h) if age_h < 168.0 => 0.3,
        Some(age_h) if age_h < 720.0 => 0.7,
        Some(_) => 1.0,
    };
    contact * age
}

/// A report as it lies in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// What it is worth by itself.
    pub credit: f64,
    /// The author's device; empty: unknown.
    pub device: String,
    /// The author's network prefix; empty: unknown.
    pub prefix: String,
    /// The author's number range; empty: unknown.
    pub range: String,
}

/// What reports are worth together: the n-th of a crowd that looks alike counts 1/n².
pub fn heard(voices: &[Voice]) -> f64 {
    (0..voices.len()).map(|at| worth(voices, at)).sum()
}

/// What the one at a place is worth beside those before it.
fn worth(voices: &[Voice], at: usize) -> f64 {
    let same = |a: &String, b: &String| !a.is_empty() && a == b;
    let alike = |a: &Voice, b: &Voice| {
        same(&a.device, &b.device) || same(&a.prefix, &b.prefix) || same(&a.range, &b.range)
    };
    let before = voices[..at].iter().filter(|other| alike(&voices[at], other)).count() as f64;
    voices[at].credit / ((1.0 + before) * (1.0 + before))
}

/// What each of these weighs, as [`heard`] adds them up: of a crowd that looks alike whoever came first counts whole. Blocks weigh nothing, and of
/// one author the newest report alone counts; what is older than [`REPORT_MS`] at `now` (log time, ms) weighs nothing.
pub fn weights(all: &[Heard], now: u64) -> Vec<f64> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let voice = |heard: &Heard| {
        let feedback = Feedback {
            peer: &heard.author,
            contact: heard.contact,
            peer_age_h: heard.author_age_h,
            peer_device: None,
            peer_prefix: None,
            peer_range: None,
        };
        Voice {
            credit: credit(&feedback),
            device: text(&heard.author_device),
            prefix: text(&heard.author_prefix),
            range: text(&heard.author_range),
        }
    };
    // The newest stands first.
    let mut authors = BTreeSet::new();
    let speaks = |one: &Heard| one.reason.is_some() && now.saturating_sub(one.at) < REPORT_MS;
    let mut counted: Vec<usize> =
        (0..all.len()).filter(|&at| speaks(&all[at]) && authors.insert(&all[at].author)).collect();
    counted.reverse();
    let voices: Vec<Voice> = counted.iter().map(|&at| voice(&all[at])).collect();
    let mut weights = vec![0.0; all.len()];
    for (place, at) in counted.into_iter().enumerate() {
        weights[at] = worth(&voices, place);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(credit: f64, device: &str) -> Voice {
        Voice { credit, device: device.to_owned(), prefix: String::new(), range: String::new() }
    }

    #[test]
    fn the_graver_the_more_credibly_reported_and_the_less_certain_comes_first() {
        assert!(priority(0.6, 0.0, Some(0.9)) > priority(0.3, 0.0, Some(0.9)));
        assert!(priority(0.3, 2.0, Some(0.9)) > priority(0.3, 1.0, Some(0.9)));
        assert!(priority(0.3, 0.0, Some(0.5)) > priority(0.3, 0.0, Some(0.99)));
        assert!(priority(0.3, 0.0, Some(0.5)) > priority(0.3, 0.0, Some(0.01)));
        assert!(harm(Some(Action::Review), Some(ReportReason::Scam)) > harm(Some(Action::Ban), None));
    }

    #[test]
    fn a_brigade_cannot_steer() {
        let one = heard(&[voice(1.0, "")]);
        let crowd: Vec<Voice> = (0..200).map(|_| voice(1.0, "d")).collect();
        assert!(heard(&crowd) < 1.65 * one, "{}", heard(&crowd));
        let strangers: Vec<Voice> = (0..20).map(|_| voice(0.02 * 0.1, "")).collect();
        assert!(heard(&strangers) < 0.05);
        // However many there are, reports alone move a case by at most 1 of 3.
        let many: Vec<Voice> = (0..1_000).map(|number| voice(1.0, &number.to_string())).collect();
        assert!(priority(0.0, heard(&many), Some(1.0)) <= 1.0);
    }

    #[test]
    fn who_was_written_to_first_and_is_long_there_is_believed() {
        let feedback = |contact, peer_age_h| Feedback {
            peer: "p",
            contact,
            peer_age_h,
            peer_device: None,
            peer_prefix: None,
            peer_range: None,
        };
        assert!((credit(&feedback(Some(Contact::Account), Some(9_000.0))) - 1.0).abs() < 1e-9);
        assert!(credit(&feedback(Some(Contact::None), Some(2.0))) < 0.01);
        assert!(credit(&feedback(None, None)) < credit(&feedback(Some(Contact::Account), None)));
    }

    #[test]
    fn what_is_shown_of_each_adds_up_to_what_counts_and_the_first_of_a_crowd_weighs_most() {
        let one = |at: u64, contact, device: Option<&str>| Heard {
            at,
            event: String::new(),
            author: format!("p{at}"),
            reason: Some(ReportReason::Spam),
            contact: Some(contact),
            author_age_h: Some(9_000.0),
            author_device: device.map(str::to_owned),
            author_prefix: None,
            author_range: None,
            alike: 0,
        };
        // Newest first, as a history tells them.
        let all = [
            one(3, Contact::Account, Some("d")),
            one(2, Contact::None, None),
            one(1, Contact::Account, Some("d")),
        ];
        let found = weights(&all, 9);
        assert!(
            (found[2] - 1.0).abs() < 1e-9 && (found[0] - 0.25).abs() < 1e-9 && (found[1] - 0.02).abs() < 1e-9,
            "{found:?}"
        );
        let voices = [voice(1.0, "d"), voice(0.02, ""), voice(1.0, "d")];
        assert!((found.iter().sum::<f64>() - heard(&voices)).abs() < 1e-9);
        // A block is no report, and who reported twice is one voice.
        let block = Heard { reason: None, ..one(4, Contact::Account, None) };
        let twice = Heard { author: "p3".to_owned(), ..one(5, Contact::Account, None) };
        let found = weights(&[twice, block, all[0].clone()], 9);
        assert!((found[0] - 1.0).abs() < 1e-9 && found[1..] == [0.0, 0.0], "{found:?}");
        // After a week a report speaks no more, and those of its crowd that do weigh as if it had not been.
        let found = weights(&all, 1 + REPORT_MS);
        assert!((found[0] - 1.0).abs() < 1e-9 && found[2] == 0.0, "{found:?}");
    }

    #[test]
    fn bands_cover_every_score_and_lots_are_fixed() {
        let scores = [Some(0.0), Some(0.199), Some(0.2), Some(0.999), Some(1.0), None];
        assert_eq!(scores.map(band), [0, 0, 1, 4, 4, 5]);
        assert_eq!(lot("k_1"), lot("k_1"));
        assert!(lot("k_1") >= 0 && lot("k_1") != lot("k_2"));
        let share = (0..20_000).filter(|n| is_sampled(&n.to_string(), "audit", 1_000)).count();
        assert!((1_800..2_200).contains(&share), "{share}");
    }
}
