//! Accounts that were drawn for a blind audit, and for how many others a row of theirs stands.
//!
//! Separate from labels, which say what an account is and not why somebody looked. Invariants: a row stands for others only if nobody would
//! have looked at its account for another reason; a row of a day on which its account was not drawn stands for nobody.

use std::collections::BTreeMap;

use models::labels::{Said, Voice};
use schema::{AUDIT, Decision, Row, RowWhy};

/// A day is drawn with the first record of the next one.
const DAY_MS: u64 = 86_400_000;

/// What was drawn, and what was decided about the same accounts otherwise.
#[derive(Debug, Default)]
pub struct Drawn {
    /// First instant of the day and when it was told (ms since the Unix epoch), with the probability of being drawn.
    days: BTreeMap<String, Vec<(u64, u64, f32)>>,
    /// When something else was first decided about an account, ms since the Unix epoch.
    decided: BTreeMap<String, u64>,
}

impl Drawn {
    /// Notes a decision.
    pub fn decided(&mut self, decision: &Decision) {
        let (account, at) = (&decision.account, decision.issued);
        match decision.probability(AUDIT) {
            Some(probability) => {
                let from = (at / DAY_MS).saturating_sub(1) * DAY_MS;
                self.days.entry(account.clone()).or_default().push((from, at, probability));
            }
            None => {
                let first = self.decided.entry(account.clone()).or_insert(at);
                *first = at.min(*first);
            }
        }
    }

    /// The probability with which the row has this label; `None`: it is of a day on which its account was not drawn, and nobody knows.
    #[must_use]
    pub fn probability(&self, row: &Row, said: Option<&Said>) -> Option<f32> {
        // The row of the draw itself says so.
        let is_told = row.why == RowWhy::Audit;
        let Some(said) = said.filter(|said| said.voice >= Voice::Verdict && !is_told) else {
            return Some(1.0);
        };
        let Some(days) = self.days.get(&row.account) else { return Some(1.0) };
        let was_looked_at = self.decided.get(&row.account).is_some_and(|first| *first <= said.at);
        if was_looked_at || days.iter().all(|(_, told, _)| *told > said.at) {
            return Some(1.0);
        }
        let of_day =
            days.iter().find(|(from, told, _)| (*from..=*told).contains(&row.at) && *told <= said.at);
        of_day.map(|(_, _, probability)| *probability)
    }
}

#[cfg(test)]
mod tests {
    use super::super::slices::tests::bare as row;
    use super::*;

    fn decision(at: u64, reason: &str) -> Decision {
        let text = format!(
            r#"{{"id":"d","account":"a","seq":1,"action":"review","scope":"all","issued":{at},"expires":null,"event":"e",
            "reasons":[{{"code":"{reason}","value":0.25}}],"source":"rule","rule":"r","mode":"enforce",
            "versions":{{"policy":"p","model":"m","features":"f","blocklists":""}}}}"#
        );
        serde_json::from_str(&text).expect("a decision")
    }

    fn said(at: u64, voice: Voice) -> Said {
        Said { at, label: schema::Label::Benign, voice, weight: 1.0, saw_score: Some(false) }
    }

    #[test]
    fn a_row_stands_for_others_only_if_chance_alone_drew_its_account_that_day() {
        let mut drawn = Drawn::default();
        let label = said(5 * DAY_MS, Voice::Review);
        assert_eq!(drawn.probability(&row(DAY_MS + 1, RowWhy::Sample), Some(&label)), Some(1.0));
        drawn.decided(&decision(2 * DAY_MS + 7, AUDIT));
        let found = |drawn: &Drawn, at, why| drawn.probability(&row(at, why), Some(&label));
        assert_eq!(found(&drawn, DAY_MS + 1, RowWhy::Sample), Some(0.25));
        assert_eq!(found(&drawn, 2 * DAY_MS + 7, RowWhy::Audit), Some(1.0), "its own weight says it");
        assert_eq!(found(&drawn, DAY_MS - 1, RowWhy::Sample), None);
        assert_eq!(found(&drawn, 3 * DAY_MS, RowWhy::Sample), None);
        for other in
            [said(5 * DAY_MS, Voice::Truth), said(5 * DAY_MS, Voice::Reports), said(9, Voice::Review)]
        {
            assert_eq!(drawn.probability(&row(1, RowWhy::Sample), Some(&other)), Some(1.0), "{other:?}");
        }
        // Whoever is looked at for another reason before the label would have it anyway.
        drawn.decided(&decision(4 * DAY_MS, "bulk"));
        assert_eq!(found(&drawn, DAY_MS - 1, RowWhy::Sample), Some(1.0));
    }
}
