//! The audit chain, for auditors: who saw and did what.
//!
//! Separate from the chain. Invariants: nothing here changes it but the entry that says it was looked at; a page is bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State as Extract};

use super::frame::{Frame, page};
use super::guard::encoded;
use super::when;
use super::wrong::{Answered, work};
use crate::audit::{Asked, Head, Sealed};
use crate::desk::Desk;
use crate::people::{Viewer, secret, users};

/// Entries on a page.
const PAGE: usize = 100;

struct Line {
    n: u64,
    at: String,
    stamp: String,
    actor: String,
    what: String,
    subject: String,
    detail: String,
    seal: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    f: Frame,
    asked: Asked,
    lines: Vec<Line>,
    head: Option<Head>,
    next: Option<String>,
}

/// `GET /review/audit`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answered {
    let text = |name: &str| query.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let below = query.get("below").and_then(|below| below.parse().ok());
    let asked = Asked { actor: text("actor"), subject: text("subject"), what: text("what"), below };
    let (wanted, who) = (asked.clone(), viewer.clone());
    let (lines, head) = work(&desk, move |desk| {
        desk.audit(&who, "view_audit", "", "")?;
        let names: BTreeMap<String, String> =
            desk.store.read(users::all)?.into_iter().map(|user| (user.id, user.name)).collect();
        let lines = desk.audited(&wanted, PAGE)?.into_iter().map(|sealed| line(sealed, &names));
        Ok((lines.collect::<Vec<_>>(), desk.audit_head()?))
    })
    .await?;
    let next = (lines.len() == PAGE).then(|| {
        let last = lines.last().map_or(0, |line| line.n);
        let parts = [("actor", &asked.actor), ("subject", &asked.subject), ("what", &asked.what)];
        let parts = parts.iter().map(|(name, value)| format!("{name}={}&", encoded(value)));
        format!("/review/audit?{}below={last}", parts.collect::<String>())
    });
    Ok(page(&AuditPage { f: Frame::new(&viewer, "/review/audit"), asked, lines, head, next }))
}

fn line(sealed: Sealed, names: &BTreeMap<String, String>) -> Line {
    let name = |id: &str| names.get(id).map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"));
    Line {
        n: sealed.n,
        at: when::moment(sealed.entry.at),
        stamp: when::stamp(sealed.entry.at),
        actor: if sealed.entry.actor.is_empty() { "–".to_owned() } else { name(&sealed.entry.actor) },
        what: sealed.entry.what,
        subject: name(&sealed.entry.subject),
        detail: sealed.entry.detail,
        seal: secret::hex(&sealed.hash)[..8].to_owned(),
    }
}
