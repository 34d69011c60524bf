//! Health: how whatever feeds the desk fares, each with a word for whether it is well.
//!
//! Separate from the figures of traffic. Pure. Invariants: what is not known in this process says so and is no fault; a time of the log is
//! told at the wall's pace, so that a demonstration, whose log runs faster, does not look late.

use schema::desk::Vitals;
use schema::history::{Freshness, Kept};

use super::when;
use crate::strings::Strings;

const MINUTE_MS: u64 = 60 * 1000;
/// Records behind from which it is late, and from which it is bad.
const BEHIND: (u64, u64) = (20_000, 500_000);
/// Age of the newest record, ms of the wall.
const QUIET: (u64, u64) = (15 * MINUTE_MS, 60 * MINUTE_MS);
/// Age of the newest checkpoint, ms.
const UNSAVED: (u64, u64) = (10 * MINUTE_MS, 60 * MINUTE_MS);

/// Something with how well it is.
pub(super) struct Vital {
    pub(super) label: &'static str,
    pub(super) value: String,
    /// `good`, `warn` or `bad`; empty: nothing is said.
    pub(super) tone: &'static str,
}

/// What the history says of itself.
pub(super) enum Archive {
    /// None is kept.
    None,
    /// It does not answer.
    Away,
    /// How far it has come.
    Told(Vec<Freshness>),
}

/// All of it. `now`: log time, ms; `pace`: how many times faster than the wall's that clock runs.
pub(super) fn vitals(
    t: &'static Strings,
    found: &Vitals,
    history: &Archive,
    (now, pace): (u64, f64),
) -> Vec<Vital> {
    let elsewhere =
        |label| Vital { label: t.say(label), value: t.say("health.elsewhere").to_owned(), tone: "" };
    let graded = |label, value: String, (at, (late, bad)): (u64, (u64, u64))| {
        let tone = if at >= bad {
            "bad"
        } else if at >= late {
            "warn"
        } else {
            "good"
        };
        Vital { label: t.say(label), value, tone }
    };
    let records = |label, behind: Option<u64>| match behind {
        Some(behind) => graded(label, t.fill("health.records", [when::count(behind)]), (behind, BEHIND)),
        None => elsewhere(label),
    };
    let ago = |label, at: Option<u64>| match at {
        Some(at) => {
            let ms = (now.saturating_sub(at) as f64 / pace) as u64;
            graded(label, t.fill("case.ago", [when::span(t, ms)]), (ms, QUIET))
        }
        None => Vital { label: t.say(label), value: t.say("overview.nothing_yet").to_owned(), tone: "" },
    };
    let mut all = Vec::new();
    if let Some(fault) = &found.fault {
        all.push(Vital { label: t.say("health.fault"), value: fault.clone(), tone: "bad" });
    }
    all.push(ago("health.newest", found.newest_at));
    all.extend(found.position.map(|position| Vital {
        label: t.say("health.position"),
        value: when::count(position),
        tone: "",
    }));
    all.push(records("health.engine", found.engine_behind));
    all.push(match found.checkpoint_age_s {
        Some(age_s) => {
            let value = t.fill("case.ago", [when::span(t, age_s * 1_000)]);
            graded("health.checkpoint", value, (age_s * 1_000, UNSAVED))
        }
        None => elsewhere("health.checkpoint"),
    });
    match history {
        Archive::None => all.push(Vital {
            label: t.say("health.history"),
            value: t.say("health.no_history").to_owned(),
            tone: "",
        }),
        Archive::Away => all.push(Vital {
            label: t.say("health.history"),
            value: t.say("overview.history_down").to_owned(),
            tone: "bad",
        }),
        Archive::Told(freshness) => {
            let events = freshness.iter().find(|one| one.kept == Kept::Events);
            all.extend(found.history_behind.map(|behind| records("health.history", Some(behind))));
            all.push(ago("health.archived", events.and_then(|events| events.newest)));
        }
    }
    all.push(Vital { label: t.say("health.build"), value: found.build.clone(), tone: "" });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Language;

    #[test]
    fn what_is_well_late_or_broken_says_so_and_what_is_unknown_here_is_no_fault() {
        let t = Language::English.strings();
        let found = Vitals {
            build: "1.2.3".to_owned(),
            engine_behind: Some(3),
            newest_at: Some(0),
            checkpoint_age_s: Some(7_200),
            fault: Some("the engine is stuck or dead".to_owned()),
            ..Vitals::default()
        };
        // An hour of the log, six seconds of the wall.
        let told = |pace: f64| {
            let all = vitals(t, &found, &Archive::Away, (60 * MINUTE_MS, pace));
            all.into_iter()
                .map(|one| format!("{}: {} {}", one.label, one.value, one.tone))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(600.0),
            [
                "What is wrong: the engine is stuck or dead bad",
                "Newest record of the log: 6 s ago good",
                "Engine behind the log: 3 records good",
                "Newest checkpoint: 2 h ago bad",
                "History behind the log: does not answer bad",
                "Build: 1.2.3 ",
            ]
        );
        assert_eq!(told(1.0)[1], "Newest record of the log: 1 h ago bad");
        let unknown = vitals(t, &Vitals::default(), &Archive::None, (1, 1.0));
        assert!(unknown.iter().all(|one| one.tone.is_empty()));
    }
}
