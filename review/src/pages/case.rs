//! A case on one screen: why it is there, what is known, and what can be done about it.
//!
//! Separate from gathering what is known (`desk::sheet`). Invariants: every view is in the audit chain; a blind case shows nothing of
//! what automation or others thought until one's own label is stored; a page that is fetched ahead claims nothing, and is noted as seen
//! when it is shown.

mod counters;
mod doing;
mod parts;
mod screen;
mod timeline;

pub(super) use doing::{act, beat, release, undo};
pub(super) use parts::feature;
pub(super) use screen::{Notes, Screen};

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::http::HeaderMap;
use schema::Label;

use super::clauses::{Choice, choices};
use super::exposure::AtDesk;
use super::frame::{Frame, page};
use super::guard::{AHEAD, fields};
use super::queue as list;
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::Desk;
use crate::desk::acts::WHYS;
use crate::desk::case::{Case, State};
use crate::desk::cause::Cause;
use crate::desk::queue::{Filter, Seeker};
use crate::desk::seen::Screened;
use crate::desk::sheet::Sheet;
use crate::desk::{campaign, clause};
use crate::people::{Right, Viewer};
use crate::strings::Strings;

/// Everything on the screen.
#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    f: Frame,
    id: String,
    account: String,
    account_id: String,
    cause: &'static str,
    tone: &'static str,
    has_appeal: bool,
    is_open: bool,
    outcome: String,
    holder: String,
    is_mine: bool,
    is_held: bool,
    is_excluded: bool,
    may_work: bool,
    escalated: bool,
    due: String,
    is_overdue: bool,
    s: Screen,
    // What can be done.
    clauses: Vec<Choice>,
    whys: [&'static str; 6],
    chosen: String,
    benign: String,
    at_desk: AtDesk,
    campaign: String,
    can_confirm: bool,
    once: String,
    query: String,
    next: String,
    next_path: String,
    done: Option<Done>,
    outcomes: Vec<(&'static str, String)>,
}

/// What can be done, by the word of its act.
const OUTCOMES: [&str; 8] = ["confirm", "lift", "change", "ban", "exempt", "label", "escalate", "skip"];

/// What was done a moment ago, to be taken back.
struct Done {
    text: String,
    case: String,
    act: String,
}

/// What a page is made from.
struct Found {
    case: Case,
    sheet: Sheet,
    notes: Notes,
    next: Option<String>,
    is_blind: bool,
    once: String,
    account_id: String,
    clauses: Vec<Choice>,
    benign: String,
    at_desk: AtDesk,
    campaign: Option<String>,
    now: u64,
    pace: f64,
}

/// `GET /review/case/{id}`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Answered {
    let asked = fields(asked.unwrap_or_default().as_bytes())?;
    let text = |name: &str| asked.get(name).and_then(|values| values.first()).cloned().unwrap_or_default();
    let query = text("q");
    let done = (!text("done").is_empty()).then(|| Done {
        text: done_text(viewer.t, &text("what")),
        case: text("of"),
        act: text("done"),
    });
    let (who, narrowed) = (viewer.clone(), query.clone());
    let is_ahead = headers.contains_key(AHEAD);
    let found = work(&desk, move |desk| gather(desk, &who, (&id, &narrowed, is_ahead))).await?;
    Ok(page(&made(&viewer, found, (query, done))))
}

fn done_text(t: &Strings, what: &str) -> String {
    t.fill("case.done", [t.word("outcome", what)])
}

fn gather(desk: &Desk, viewer: &Viewer, (id, query, is_ahead): (&str, &str, bool)) -> Result<Found, Wrong> {
    let case = desk.store.read(|db| Case::load(db, id))?.ok_or(Wrong::NotFound)?;
    let is_blind = case.cause.is_blind() && !desk.has_labelled(&case.id, &viewer.id)?;
    let mut sheet = desk.sheet(&case.account, Some(&case), is_blind)?;
    if !is_blind {
        desk.linked(&case.account, &mut sheet)?;
    }
    let screen = Screened {
        case: case.id.clone(),
        account: case.account.clone(),
        codes: shown(&sheet, Some(&case), is_blind),
        beside: beside(&sheet),
    };
    if is_ahead {
        // Nobody sees it yet: whoever comes to it says so.
        let in_force = (!is_blind).then_some(&*sheet.in_force);
        desk.keep_ahead(&viewer.id, screen, (&case, in_force));
    } else {
        desk.note_screen(viewer, &screen)?;
    }
    let (now, may_work) = (desk.now(), viewer.may(Right::Work));
    let seeker = desk.seeker(&viewer.id, viewer.may(Right::Lead));
    let filter = list::filter(&fields(query.as_bytes())?);
    // Offered already, so that it can be fetched ahead and nobody else is sent there meanwhile.
    let next = if may_work { after(desk, &case, (&seeker, &filter))? } else { None };
    let clauses = &desk.given.settings.clauses;
    Ok(Found {
        notes: Notes::of(desk),
        next: next.map(|next| next.id),
        once: desk.once(),
        account_id: desk.handle(&case.account)?,
        benign: clause::covering(clauses, Label::Benign.word()).map_or(String::new(), |one| one.id.clone()),
        clauses: choices(viewer.t, clauses, clause::of_case(clauses, &case, is_blind)),
        at_desk: AtDesk::of(desk, viewer)?,
        // Company is what automation thought.
        campaign: if is_blind { None } else { desk.store.read(|db| campaign::of(db, &case.account))? },
        pace: desk.given.habits.pace,
        case,
        sheet,
        is_blind,
        now,
    })
}

/// Whether somebody may look at a case and not work it.
fn is_closed_to(case: &Case, viewer: &Viewer) -> bool {
    case.excludes(&viewer.id) || case.cause.is_for_leads() && !viewer.may(Right::Lead)
}

/// The case after this one, but for what the viewer has in hand: that will be done by then.
fn after(desk: &Desk, case: &Case, (seeker, filter): (&Seeker<'_>, &Filter)) -> Result<Option<Case>, Wrong> {
    let mut but = vec![case.id.clone()];
    while but.len() < 8 {
        match desk.offer(seeker, filter, &but)? {
            Some(found) if found.holder(seeker.now) == Some(seeker.actor) => but.push(found.id),
            found => return Ok(found),
        }
    }
    Ok(None)
}

/// What is on the screen, as codes for the record.
pub(super) fn shown(sheet: &Sheet, case: Option<&Case>, is_blind: bool) -> Vec<&'static str> {
    let mut codes = Vec::new();
    let mut add = |is: bool, code: &'static str| {
        if is {
            codes.push(code);
        }
    };
    let has_score = case.is_some_and(|case| case.score.is_some()) || sheet.explained.is_some();
    add(!is_blind && has_score, "score");
    add(!is_blind && sheet.explained.is_some(), "bars");
    add(!is_blind && sheet.judged.is_some(), "rule");
    add(!is_blind && !sheet.in_force.is_empty(), "standing");
    add(!sheet.decisions.is_empty(), "decisions");
    add(!sheet.said.is_empty(), "reviews");
    add(!sheet.heard.is_empty(), "reports");
    add(!sheet.marks.is_empty(), "timeline");
    add(sheet.row.is_some(), "counters");
    add(!sheet.linked.is_empty(), "linked");
    codes
}

/// Other accounts, of which the screen shows what is in force.
pub(super) fn beside(sheet: &Sheet) -> Vec<String> {
    let told = sheet.linked.iter().filter(|one| !one.is_hidden && !one.in_force.is_empty());
    told.map(|one| one.account.clone()).collect()
}

fn made(viewer: &Viewer, found: Found, (query, done): (String, Option<Done>)) -> CasePage {
    let t = viewer.t;
    let Found {
        case,
        sheet,
        notes,
        next,
        is_blind,
        once,
        account_id,
        clauses,
        benign,
        at_desk,
        campaign,
        now,
        pace,
    } = found;
    let is_overdue = case.due_at < now;
    let due = if is_overdue { (case.due_at, now) } else { (now, case.due_at) };
    let holder = case.holder(now).unwrap_or_default();
    let next_path =
        next.as_ref().map(|next| format!("/review/case/{next}?q={}", super::guard::encoded(&query)));
    CasePage {
        f: Frame::new(viewer, "/review/"),
        s: Screen::of(viewer, &sheet, Some(&case), &notes, (now, is_blind)),
        account: audit::short(&case.account),
        account_id,
        cause: case.cause.word(),
        tone: list::tone(case.cause),
        has_appeal: case.appealed && case.cause != Cause::Appeal,
        is_open: case.state == State::Open,
        outcome: match case.state {
            State::Open => String::new(),
            State::Decided => t.word("outcome", &case.outcome).to_owned(),
            State::Unreviewed => t.say("case.unreviewed").to_owned(),
        },
        is_mine: holder == viewer.id,
        is_held: !holder.is_empty() && holder != viewer.id,
        holder: audit::short(holder),
        is_excluded: is_closed_to(&case, viewer),
        may_work: viewer.may(Right::Work),
        escalated: case.escalated,
        due: list::staff_span(t, due, pace),
        is_overdue,
        can_confirm: sheet.in_force.iter().any(|one| one.decision == case.decision),
        chosen: clauses.iter().find(|one| one.is_chosen).map_or(String::new(), |one| one.id.clone()),
        clauses,
        benign,
        whys: WHYS,
        at_desk,
        campaign: campaign.unwrap_or_default(),
        outcomes: OUTCOMES.iter().map(|what| (*what, done_text(t, what))).collect(),
        id: case.id,
        once,
        query,
        next: next.unwrap_or_default(),
        next_path: next_path.unwrap_or_default(),
        done,
    }
}
