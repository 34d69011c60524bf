//! What is known of an account, as a page shows it: for a case, and for the account by itself.
//!
//! Separate from both pages, which share it. Invariant: of a blind screen, what automation and others thought is empty.

use schema::desk::{FeatureNote, RuleNote};

use super::super::clauses::{Choice, choices};
use super::super::queue as list;
use super::counters::{Counter, counters};
use super::parts::{self, Bar, HistoryLine, LinkedLine, Reason, ReportLine, Restricted};
use super::timeline;
use crate::desk::Desk;
use crate::desk::case::Case;
use crate::desk::clause::{self, Clause};
use crate::desk::rank;
use crate::desk::sheet::Sheet;
use crate::people::Viewer;
use crate::when;

/// The parts of the screen.
pub(in crate::pages) struct Screen {
    // Why.
    pub(in crate::pages) headline: String,
    /// The clause of the policy that it is about, if that is known.
    pub(in crate::pages) clause: Option<Choice>,
    pub(in crate::pages) reasons: Vec<Reason>,
    pub(in crate::pages) rule_text: String,
    pub(in crate::pages) counterfactual: String,
    pub(in crate::pages) score: String,
    pub(in crate::pages) bars: Vec<Bar>,
    // What is known.
    pub(in crate::pages) country: String,
    pub(in crate::pages) age: String,
    pub(in crate::pages) tier: String,
    pub(in crate::pages) in_force: Vec<Restricted>,
    pub(in crate::pages) chart: String,
    pub(in crate::pages) chart_rows: Vec<(String, u64)>,
    pub(in crate::pages) is_cut: bool,
    pub(in crate::pages) counters: Vec<Counter>,
    pub(in crate::pages) row_age: String,
    pub(in crate::pages) reports: Vec<ReportLine>,
    /// What all of them weigh together.
    pub(in crate::pages) heard: String,
    pub(in crate::pages) linked: Vec<LinkedLine>,
    pub(in crate::pages) history: Vec<HistoryLine>,
    pub(in crate::pages) is_stale: bool,
    pub(in crate::pages) is_blind: bool,
}

/// What explains a sheet.
pub(in crate::pages) struct Notes {
    /// The catalogue.
    pub(in crate::pages) features: Vec<FeatureNote>,
    /// The policy's rules.
    pub(in crate::pages) rules: Vec<RuleNote>,
    /// The clauses of the operator's policy.
    pub(in crate::pages) clauses: Vec<Clause>,
}

impl Notes {
    /// What explains sheets now.
    pub(in crate::pages) fn of(desk: &Desk) -> Self {
        let insight = &desk.given.insight;
        let clauses = desk.given.settings.clauses.clone();
        Self { features: insight.features().to_vec(), rules: insight.rules(), clauses }
    }
}

impl Screen {
    /// Of a sheet, and the case that it was gathered for.
    pub(in crate::pages) fn of(
        viewer: &Viewer,
        sheet: &Sheet,
        case: Option<&Case>,
        notes: &Notes,
        (now, is_blind): (u64, bool),
    ) -> Self {
        let t = viewer.t;
        let judged = sheet.judged.as_ref();
        let rule = judged.and_then(|decision| decision.rule.as_deref()).or(case.map(|case| &*case.rule));
        let rule = notes.rules.iter().find(|note| Some(&*note.name) == rule && !is_blind);
        let explained = sheet.explained.as_ref();
        let score =
            explained.map(|explained| f64::from(explained.score)).or(case.and_then(|case| case.score));
        let shows = |value: String| if is_blind { String::new() } else { value };
        let long = |hours: f32| when::span(t, (f64::from(hours) * 3_600_000.0) as u64);
        let row = sheet.row.as_ref();
        let clause = case.filter(|_| !is_blind).and_then(|case| clause::of_case(&notes.clauses, case, false));
        Self {
            headline: shows(case.map_or(String::new(), |case| parts::headline(t, judged, case))),
            clause: clause.and_then(|one| choices(t, std::slice::from_ref(one), None).pop()),
            reasons: judged.map_or(Vec::new(), |decision| parts::reasons(t, decision, &notes.features)),
            rule_text: rule
                .map_or(String::new(), |note| format!("{}: {} → {}", note.name, note.when, note.wants)),
            counterfactual: shows(parts::counterfactual(t, sheet, &notes.features)),
            score: shows(score.map_or(String::new(), |score| format!("{score:.3}"))),
            bars: explained.map_or(Vec::new(), |explained| parts::bars(t, explained, &notes.features)),
            country: sheet.country.clone(),
            age: sheet.age_h.map_or(String::new(), long),
            tier: t.word("tier", &sheet.tier).to_owned(),
            in_force: sheet.in_force.iter().map(|one| parts::restricted(t, one, now)).collect(),
            chart: timeline::chart(t, &sheet.marks, &sheet.decisions),
            chart_rows: timeline::totals(t, &sheet.marks),
            is_cut: sheet.is_cut,
            counters: row.map_or(Vec::new(), |row| counters(t, row, &notes.features, is_blind)),
            row_age: row.map_or(String::new(), |row| list::staff_span(t, (row.at, now), 1.0)),
            reports: parts::reports(t, &sheet.heard, now),
            linked: sheet.linked.iter().map(|linked| parts::linked(t, linked)).collect(),
            history: parts::history(t, sheet, (&viewer.id, &notes.clauses)),
            heard: format!("{:.2}", rank::weights(&sheet.heard, now).iter().sum::<f64>()),
            is_stale: sheet.is_stale,
            is_blind,
        }
    }
}
