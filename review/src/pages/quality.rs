//! Quality: how far humans agree, what they overturn, and what they disagree about.
//!
//! Separate from the figures (`desk::quality`). Invariants: for leads; a figure that rests on little says so; nobody is ranked by speed.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as Extract;
use schema::Label;

use super::frame::{Frame, page};
use super::wrong::{Answered, Wrong, work};
use crate::audit;
use crate::desk::Desk;
use crate::desk::quality::{Agreement, Overturned, Quality, Segment, coming, quality};
use crate::people::Viewer;
use crate::strings::Strings;
use crate::when;

/// Pairs below which a kappa says little.
const PAIRS_MIN: u64 = 30;

/// Agreement of one group.
struct AgreementLine {
    name: String,
    pairs: String,
    agreed: String,
    kappa: String,
    is_thin: bool,
}

/// What was overturned of one rule.
struct OverturnedLine {
    name: String,
    judged: String,
    share: String,
    between: String,
}

/// What was overturned, by each segment.
struct Overturns {
    title: &'static str,
    by: Vec<(&'static str, Vec<OverturnedLine>)>,
}

impl Overturns {
    /// Whether nothing was judged, by no segment.
    fn is_empty(&self) -> bool {
        self.by.iter().all(|(_, lines)| lines.is_empty())
    }
}

/// A pair that disagrees.
struct Dispute {
    account: String,
    path: String,
    first: String,
    second: String,
    third: String,
    rule: String,
    at: String,
}

#[derive(Template)]
#[template(path = "quality.html")]
struct QualityPage {
    f: Frame,
    all: Option<AgreementLine>,
    coming: String,
    groups: Vec<(&'static str, Vec<AgreementLine>)>,
    overturns: Vec<Overturns>,
    golden: Vec<OverturnedLine>,
    disputed: Vec<OverturnedLine>,
    disputes: Vec<Dispute>,
}

/// `GET /review/quality`.
pub(super) async fn show(Extract(desk): Extract<Arc<Desk>>, viewer: Viewer) -> Answered {
    let t = viewer.t;
    let (found, paths, coming) = work(&desk, move |desk| {
        let (found, coming) = desk.store.read(|db| Ok((quality(db)?, coming(db)?)))?;
        let share = f64::from(desk.given.habits.seconds_per_10_000) / 10_000.0;
        let counts = [coming.decided, coming.seconds, coming.audits].map(when::count);
        let [decided, seconds, audits] = counts;
        let coming = t.fill("quality.coming", [decided, when::percent(share), seconds, audits]);
        let paths = found.disagreements.iter().map(|pair| Ok(desk.account_path(&pair.account)?));
        let paths = paths.collect::<Result<Vec<String>, Wrong>>()?;
        Ok((found, paths, coming))
    })
    .await?;
    Ok(page(&QualityPage { coming, ..made(&viewer, &found, paths) }))
}

fn made(viewer: &Viewer, found: &Quality, paths: Vec<String>) -> QualityPage {
    let t = viewer.t;
    let lines = |groups: &[(String, Agreement)], shorten: bool| {
        groups.iter().take(20).map(|(name, one)| line(name, one, shorten)).collect()
    };
    let overturns = |title: &'static str, segments: &[Vec<(String, Overturned)>; 5]| Overturns {
        title,
        by: Segment::ALL.iter().zip(segments).map(|(segment, all)| segmented(t, *segment, all)).collect(),
    };
    let golden = |(actor, one): &(String, Overturned)| overturn(t, &audit::short(actor), one);
    let dispute = |(pair, path): (&crate::desk::quality::Pair, String)| Dispute {
        account: audit::short(&pair.account),
        path,
        first: said(t, &pair.actors.0, pair.labels.0),
        second: said(t, &pair.actors.1, pair.labels.1),
        third: pair.third.map_or_else(String::new, |label| t.word("outcome", label.word()).to_owned()),
        rule: pair.rule.clone(),
        at: when::moment(pair.at),
    };
    QualityPage {
        f: Frame::new(viewer, "/review/quality"),
        all: found.all.as_ref().map(|all| line("", all, false)),
        coming: String::new(),
        groups: vec![
            ("quality.by_actor", lines(&found.by_actor, true)),
            ("quality.by_rule", lines(&found.by_rule, false)),
            ("quality.by_model", lines(&found.by_model, false)),
        ],
        overturns: vec![
            overturns("quality.audits", &found.audits),
            overturns("quality.appeals", &found.appeals),
        ],
        golden: found.golden.iter().take(50).map(golden).collect(),
        disputed: found.disputed.iter().take(50).map(golden).collect(),
        disputes: found.disagreements.iter().zip(paths).map(dispute).collect(),
    }
}

/// One segment's lines, with its keys in words.
fn segmented(
    t: &Strings,
    segment: Segment,
    all: &[(String, Overturned)],
) -> (&'static str, Vec<OverturnedLine>) {
    let (title, kind) = match segment {
        Segment::Rule => ("quality.by_rule", "rule"),
        Segment::Reason => ("quality.by_reason", "reason"),
        Segment::Model => ("quality.by_model", "model"),
        Segment::Country => ("quality.by_country", "country"),
        Segment::Age => ("quality.by_age", "age_band"),
    };
    let name = |key: &String| match (segment, &**key) {
        (Segment::Rule, "") => t.say("quality.no_rule").to_owned(),
        (_, "") => t.say("case.unknown").to_owned(),
        (_, key) => t.word(kind, key).to_owned(),
    };
    (title, all.iter().take(12).map(|(key, one)| overturn(t, &name(key), one)).collect())
}

fn line(name: &str, one: &Agreement, shorten: bool) -> AgreementLine {
    AgreementLine {
        name: if shorten { audit::short(name) } else { name.to_owned() },
        pairs: when::count(one.pairs),
        agreed: when::percent(one.agreed),
        kappa: one.kappa.map_or_else(|| "–".to_owned(), |kappa| format!("{kappa:.2}")),
        is_thin: one.pairs < PAIRS_MIN,
    }
}

fn overturn(t: &Strings, name: &str, one: &Overturned) -> OverturnedLine {
    let share = one.share();
    OverturnedLine {
        name: name.to_owned(),
        judged: when::count(one.judged),
        share: share.map_or(String::new(), |(share, ..)| when::percent(share)),
        between: share.map_or(String::new(), |(_, low, high)| {
            t.fill("quality.between", &[when::percent(low), when::percent(high)])
        }),
    }
}

fn said(t: &Strings, actor: &str, label: Label) -> String {
    format!("{}: {}", audit::short(actor), t.word("outcome", label.word()))
}
