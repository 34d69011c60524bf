//! Campaigns: accounts that act together, listed, and one of them with what its members share, and acted on as one.
//!
//! Separate from the queue: a campaign has many accounts and no case. Invariants: every view of one is in the audit chain; accounts are
//! shortened; without a history the page works, and says what is missing; the act is the one of `desk::bulk`, with its preview, its
//! second approver and its undo.

mod picture;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Extract};
use axum::response::{IntoResponse as _, Redirect};
use schema::Action;

use super::bulk::{Line, line};
use super::clauses::{Choice, choices};
use super::frame::{Frame, page};
use super::guard::Posted;
use super::queue::staff_span;
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::chart;
use crate::desk::Desk;
use crate::desk::bulk::{self, Proposal};
use crate::desk::campaign::{self, Campaign, Evidence, Member};
use crate::desk::company::{Company, STEPS};
use crate::people::{Right, Viewer};
use crate::strings::Strings;
use crate::when;

/// Campaigns on the list.
const LISTED: usize = 100;
/// Members on the page of one.
const SHOWN: usize = 100;
/// Shared things and targets in tables.
const ROWS: usize = 20;

/// A row of the list.
struct CampaignLine {
    id: String,
    name: String,
    members: String,
    limited: String,
    bar: String,
    grown: String,
    opened: String,
    /// When it should be acted on; empty: somebody is at it.
    due: String,
    is_late: bool,
    act: String,
    act_id: String,
}

#[derive(Template)]
#[template(path = "campaigns.html")]
struct ListPage {
    f: Frame,
    lines: Vec<CampaignLine>,
}

/// A member.
struct MemberLine {
    account: String,
    path: String,
    score: String,
    named_by: String,
    action: String,
    evidence: String,
    has_evidence: bool,
}

/// A shared thing or a target.
struct SharedLine {
    kind: String,
    key: String,
    count: String,
    who: String,
    between: String,
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignPage {
    f: Frame,
    line: CampaignLine,
    with_evidence: String,
    members: Vec<MemberLine>,
    more: String,
    picture: String,
    looked_at: String,
    shared: Vec<SharedLine>,
    targets: Vec<SharedLine>,
    timing: String,
    is_stale: bool,
    bulks: Vec<Line>,
    clauses: Vec<Choice>,
    may_work: bool,
}

fn campaign_line(desk: &Desk, t: &Strings, one: &Campaign) -> CampaignLine {
    let (now, habits) = (desk.now(), &desk.given.habits);
    let due_at = one.due_at(|ms| habits.stretched(ms));
    let due = due_at.map(|at| staff_span(t, (now.min(at), now.max(at)), habits.pace));
    let key = if due_at.is_some_and(|at| at < now) { "queue.late_by" } else { "queue.in" };
    let ago = |at: u64| t.fill("case.ago", &[when::span(t, now.saturating_sub(at))]);
    CampaignLine {
        id: one.id.clone(),
        name: one.id[..one.id.len().min(10)].to_owned(),
        members: when::count(one.members),
        limited: when::count(one.limited),
        bar: chart::bar(one.limited as f64 / one.members.max(1) as f64),
        grown: ago(one.grown_at),
        opened: ago(one.opened_at),
        is_late: due_at.is_some_and(|at| at < now),
        due: due.map_or(String::new(), |due| t.fill(key, &[due])),
        act: if one.act.1.is_empty() { String::new() } else { t.word("bulk", &one.act.1).to_owned() },
        act_id: one.act.0.clone(),
    }
}

/// `GET /review/campaigns`.
pub(super) async fn all(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer) -> Answered {
    let t = viewer.t;
    let lines = work(&desk, move |desk| {
        let found = desk.store.read(|db| campaign::latest(db, desk.now(), LISTED))?;
        Ok(found.iter().map(|one| campaign_line(desk, t, one)).collect())
    })
    .await?;
    Ok(page(&ListPage { f: Frame::new(&viewer, "/review/campaigns"), lines }))
}

/// `GET /review/campaigns/{id}`.
pub(super) async fn show(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Answered {
    let made = work(&desk, move |desk| {
        let now = desk.now();
        let (one, members, bulks) = desk
            .store
            .read(|db| {
                let Some(one) = campaign::load(db, &id, now)? else { return Ok(None) };
                Ok(Some((campaign::members(db, &one.id, now)?, bulk::latest(db, &one.id, 10)?, one)))
            })?
            .map(|(members, bulks, one)| (one, members, bulks))
            .ok_or(Wrong::NotFound)?;
        desk.audit(&viewer, "view_campaign", &one.id, "")?;
        let accounts: Vec<String> = members.iter().map(|member| member.account.clone()).collect();
        let company = desk.company(&accounts);
        let members = without_hidden(desk, &viewer, &one, members)?;
        let lines = members.iter().take(SHOWN).map(|member| member_line(desk, viewer.t, member));
        let lines = lines.collect::<Result<Vec<MemberLine>, Wrong>>()?;
        Ok(one_page(desk, &viewer, (&one, &members, lines), (&company, &bulks)))
    })
    .await?;
    Ok(page(&made))
}

/// Members without what an open blind case of theirs hides from those who work cases; and notes what is shown of the others.
fn without_hidden(
    desk: &Desk,
    viewer: &Viewer,
    one: &Campaign,
    mut members: Vec<Member>,
) -> Result<Vec<Member>, Wrong> {
    if !viewer.may(Right::Work) {
        return Ok(members);
    }
    let hidden = desk.store.read(|db| campaign::hidden(db, &one.id))?;
    for member in members.iter_mut().filter(|member| hidden.contains(&member.account)) {
        (member.score, member.action, member.evidence) = (None, None, Evidence::Hidden);
    }
    let seen = members.iter().take(SHOWN).filter(|member| member.evidence != Evidence::Hidden);
    let codes = |member: &Member| -> &[&str] {
        if member.score.is_some() { &["standing", "evidence", "score"] } else { &["standing", "evidence"] }
    };
    let seen: Vec<(&str, &[&str])> = seen.map(|member| (&*member.account, codes(member))).collect();
    desk.note_shown(&viewer.id, "", &seen)?;
    Ok(members)
}

fn one_page(
    desk: &Desk,
    viewer: &Viewer,
    (one, members, lines): (&Campaign, &[Member], Vec<MemberLine>),
    (company, bulks): (&Company, &[bulk::Bulk]),
) -> CampaignPage {
    let t = viewer.t;
    let is_hidden = |member: &&Member| member.evidence == Evidence::Hidden;
    let with_evidence =
        members.iter().filter(|member| !matches!(member.evidence, Evidence::None | Evidence::Hidden)).count();
    let limited: Vec<bool> = members
        .iter()
        .map(|member| member.action.is_some_and(|action| action >= Action::RateLimit))
        .collect();
    let more = members.len().saturating_sub(SHOWN);
    let mut line_of = campaign_line(desk, t, one);
    if members.iter().any(|member| is_hidden(&member)) {
        // How many there are tells nothing of those whose own is hidden.
        let known = limited.iter().filter(|limited| **limited).count();
        line_of.limited = when::count(known as u64);
    }
    CampaignPage {
        f: Frame::new(viewer, "/review/campaigns"),
        line: line_of,
        with_evidence: when::count(with_evidence as u64),
        members: lines,
        more: if more > 0 { t.fill("campaign.more", &[when::count(more as u64)]) } else { String::new() },
        picture: picture::picture(t, company, &limited),
        looked_at: t.fill("campaign.looked_at", &[when::count(company.members.len() as u64)]),
        shared: company.shared.iter().take(ROWS).map(|shared| shared_line(t, company, shared)).collect(),
        targets: company.targets.iter().take(ROWS).map(|target| target_line(t, company, target)).collect(),
        timing: timing(t, company),
        is_stale: company.is_stale,
        bulks: bulks.iter().map(|bulk| line(t, bulk)).collect(),
        clauses: choices(t, &desk.given.settings.clauses, None),
        may_work: viewer.may(Right::Work),
    }
}

fn member_line(desk: &Desk, t: &Strings, member: &Member) -> Result<MemberLine, Wrong> {
    let evidence = match &member.evidence {
        Evidence::None => t.say("campaign.evidence_none").to_owned(),
        Evidence::Hidden => t.say("campaign.hidden").to_owned(),
        Evidence::Behaviour(rule) => t.fill("campaign.evidence_behaviour", [rule]),
        Evidence::Reports => t.say("campaign.evidence_reports").to_owned(),
        Evidence::Human => t.say("campaign.evidence_human").to_owned(),
    };
    Ok(MemberLine {
        account: audit::short(&member.account),
        path: desk.account_path(&member.account)?,
        score: member.score.map_or(String::new(), |score| format!("{score:.2}")),
        named_by: when::count(member.named_by),
        action: member.action.map_or_else(
            || match member.evidence {
                Evidence::Hidden => String::new(),
                _ => t.say("case.free").to_owned(),
            },
            |action| t.word("action", action.word()).to_owned(),
        ),
        evidence,
        has_evidence: !matches!(member.evidence, Evidence::None | Evidence::Hidden),
    })
}

/// The first few of those who share something, as a list for whoever does not see the picture.
fn who(company: &Company, by: &[usize]) -> String {
    let names = by.iter().take(6).filter_map(|place| company.members.get(*place));
    let mut names: Vec<String> = names.map(|account| audit::short(account)).collect();
    if by.len() > names.len() {
        names.push(format!("+{}", by.len() - names.len()));
    }
    names.join(", ")
}

fn shared_line(t: &Strings, company: &Company, shared: &crate::desk::company::Shared) -> SharedLine {
    SharedLine {
        kind: t.word("entity", shared.kind.word()).to_owned(),
        key: audit::short(&shared.key),
        count: when::count(shared.by.len() as u64),
        who: who(company, &shared.by),
        between: String::new(),
    }
}

fn target_line(t: &Strings, company: &Company, target: &crate::desk::company::Target) -> SharedLine {
    let (from, to) = target.between;
    SharedLine {
        kind: when::moment(from),
        key: audit::short(&target.peer),
        count: when::count(target.by.len() as u64),
        who: who(company, &target.by),
        between: when::span(t, to.saturating_sub(from)),
    }
}

/// When chats with common targets were opened, as a chart; empty: there are none.
fn timing(t: &Strings, company: &Company) -> String {
    let (from, to) = company.between;
    if company.targets.is_empty() || to <= from {
        return String::new();
    }
    let name = t.say("campaign.timing").to_owned();
    let lines = [chart::Line { name, counts: company.opened.clone() }];
    let step = when::span(t, (to - from) / STEPS + 1);
    let title = t.fill("campaign.timing_label", &[step]);
    chart::svg(&title, &lines, (&when::moment(from), &when::moment(to)))
}

/// `POST /review/campaigns/{id}/act`: proposes one act on all members.
pub(super) async fn propose(
    Extract(desk): Extract<Arc<Desk>>,
    viewer: Viewer,
    Path(id): Path<String>,
    posted: Posted,
) -> Answered {
    let bulk = work(&desk, move |desk| {
        let what = Proposal {
            act: posted.text("act"),
            label: posted.text("label"),
            policy: posted.text("policy"),
            reason: posted.text("reason"),
        };
        let bulk = desk.propose_campaign(&viewer.id, &id, &what)?;
        desk.audit(&viewer, "bulk_proposed", &id, &bulk)?;
        Ok(bulk)
    })
    .await?;
    Ok(Redirect::to(&format!("/review/bulk/{bulk}")).into_response())
}
