//! A history that does not answer: for tests of what pages say then.
//!
//! Separate from the desk that is given it. Invariant: nothing is ever told.

use schema::event::EntityKind;
use schema::history::{
    Archived, Beside, Detected, Freshness, Group, Heard, History, HistoryError, Point, Scored, Series,
    Shadow, Shadowed, Span, Told, Top,
};
use schema::{Decision, Reject, RejectReason, Review, Row};

/// It does not answer.
pub(crate) struct Away;

fn away<T>() -> Told<T> {
    Err(HistoryError::Unavailable("no test answers".to_owned()))
}

impl History for Away {
    fn decisions(&self, _: &str, _: Span, _: usize) -> Told<Vec<Decision>> {
        away()
    }

    fn decision(&self, _: &str) -> Told<Option<Decision>> {
        away()
    }

    fn events(&self, _: &str, _: Span, _: usize) -> Told<Vec<Archived>> {
        away()
    }

    fn rows(&self, _: &str, _: Span, _: usize) -> Told<Vec<Row>> {
        away()
    }

    fn reviews(&self, _: &str, _: Span, _: usize) -> Told<Vec<Review>> {
        away()
    }

    fn heard(&self, _: &str, _: Span, _: usize) -> Told<Vec<Heard>> {
        away()
    }

    fn seen_on(&self, _: EntityKind, _: &str, _: Span, _: usize) -> Told<Vec<String>> {
        away()
    }

    fn rejects(&self, _: Option<RejectReason>, _: Span, _: usize) -> Told<Vec<Reject>> {
        away()
    }

    fn freshness(&self) -> Told<Vec<Freshness>> {
        away()
    }

    fn series(&self, _: Series, _: Span, _: u64) -> Told<Vec<Point>> {
        away()
    }

    fn detections(&self, _: Span, _: u64) -> Told<Vec<Detected>> {
        away()
    }

    fn scores(&self, _: Span) -> Told<Vec<Scored>> {
        away()
    }

    fn shadows(&self, _: Span, _: usize) -> Told<Vec<Shadowed>> {
        away()
    }

    fn beside(&self, _: &Shadow, _: Span) -> Told<Vec<Beside>> {
        away()
    }

    fn top(&self, _: Group, _: Span, _: usize) -> Told<Vec<Top>> {
        away()
    }
}
