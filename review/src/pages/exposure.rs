//! How long somebody has been at the desk, as they see it themselves.
//!
//! Separate from the pages that show it, and from counting (`desk::exposure`). Invariant: everybody sees their own time and nobody
//! another's.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as Extract;

use super::frame::page;
use super::when;
use super::wrong::{Answered, Wrong, work};
use crate::desk::Desk;
use crate::people::Viewer;
use crate::strings::Strings;

/// A line, and the advice to rest if it is time.
#[derive(Template)]
#[template(path = "exposure.html")]
pub(super) struct AtDesk {
    t: &'static Strings,
    /// Today.
    today: String,
    /// Since the last break; empty: there is one now.
    since: String,
    /// Minutes after which a break is advised, if that is now; empty: it is not.
    rest: String,
}

impl AtDesk {
    /// Of whoever looks.
    pub(super) fn of(desk: &Desk, viewer: &Viewer) -> Result<Self, Wrong> {
        let t = viewer.t;
        let (found, rest_min) = (desk.exposure(&viewer.id)?, u64::from(desk.given.settings.rest_min));
        let long = |minutes: u64| match minutes {
            0..60 => when::span(t, minutes * 60_000),
            _ => format!(
                "{} {}",
                t.fill("time.hours", [(minutes / 60).to_string()]),
                t.fill("time.minutes", [(minutes % 60).to_string()])
            ),
        };
        let is_due = rest_min > 0 && found.since_break_min >= rest_min;
        Ok(Self {
            t,
            today: long(found.today_min),
            since: if found.since_break_min == 0 { String::new() } else { long(found.since_break_min) },
            rest: if is_due { found.since_break_min.to_string() } else { String::new() },
        })
    }
}

/// `GET /review/exposure`: the line by itself, for the page that is open.
pub(super) async fn show(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer) -> Answered {
    Ok(page(&work(&desk, move |desk| AtDesk::of(desk, &viewer)).await?))
}
