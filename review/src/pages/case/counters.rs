//! What was counted about an account, in the words and units of its features.
//!
//! Separate from the other parts, which tell decisions and people. Pure. Invariant: a blind screen has no counter of what was done to the
//! account before.

use std::collections::BTreeMap;

use schema::Row;
use schema::desk::FeatureNote;

use super::parts::{WINDOWS, feature, split, value};
use crate::strings::Strings;

/// A counter over its windows.
pub(in crate::pages) struct Counter {
    pub(in crate::pages) name: String,
    pub(in crate::pages) values: Vec<String>,
}

/// Counters with their windows; those that are zero or unknown everywhere are left out, and of a blind screen those that tell what
/// was done to the account before.
pub(super) fn counters(t: &Strings, row: &Row, notes: &[FeatureNote], is_blind: bool) -> Vec<Counter> {
    let mut order: Vec<&str> = Vec::new();
    let mut found: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for (note, value) in notes.iter().zip(&row.values) {
        let (stem, window) = split(&note.name);
        let Some(known) = value.filter(|value| *value != 0.0) else { continue };
        if is_blind && !note.model {
            continue;
        }
        if !order.contains(&stem) {
            order.push(stem);
        }
        let text = self::value(t, Some(note), Some(known));
        found.entry(stem).or_default().insert(window, text);
    }
    let counter = |stem: &str| {
        let cells = &found[stem];
        let name = feature(t, stem);
        let cell = |window: &&str| cells.get(*window).cloned().unwrap_or_default();
        let mut values: Vec<String> = WINDOWS.iter().map(cell).collect();
        values.insert(0, cells.get("").cloned().unwrap_or_default());
        Counter { name, values }
    };
    order.into_iter().map(counter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Language;

    #[test]
    fn a_blind_screen_does_not_count_what_was_done_to_the_account() {
        let note = |name: &str, model| FeatureNote {
            name: name.to_owned(),
            unit: "count".to_owned(),
            family: "volume".to_owned(),
            meaning: String::new(),
            model,
        };
        let notes = [note("messages_1h", true), note("refused_1h", false), note("new_chats_1h", true)];
        let row = r#"{"event":"e","account":"a","at":1,"partition":0,"offset":1,"why":"sample","weight":1,"catalog":"c",
            "values":[5,41,0],"model":"","decisions":[]}"#;
        let row: Row = serde_json::from_str(row).expect("a row");
        let t = Language::English.strings();
        let shown = |is_blind| {
            let shown = counters(t, &row, &notes, is_blind);
            shown.into_iter().map(|counter| counter.values.concat()).collect::<Vec<_>>()
        };
        assert_eq!(shown(false), ["5", "41"], "what is zero says nothing");
        assert_eq!(shown(true), ["5"]);
    }
}
