//! The order of the queue, sentence by sentence.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use schema::desk::Arrived;
use tempfile::TempDir;

use super::*;
use crate::desk::scene::{World, appeal, decision, report, review};
use crate::desk::{Desk, Habits};

struct Scene {
    world: Arc<World>,
    desk: Arc<Desk>,
    _folder: TempDir,
}

fn scene(arrivals: &[Arrived]) -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let habits =
        Habits { audits_per_10_000: 0, seconds_per_10_000: 0, bans_per_10_000: 0, ..Habits::default() };
    let (world, desk) = World::desk(folder.path(), habits);
    arrivals.iter().for_each(|arrived| world.arrive(arrived.clone()));
    Scene { world, desk, _folder: folder }
}

impl Scene {
    fn now(&self) -> u64 {
        self.world.now.load(Ordering::Relaxed)
    }

    fn next(&self, actor: &str, is_lead: bool) -> Option<Case> {
        let seeker = Seeker { actor, is_lead, now: self.now(), slots_a_lot: 10 };
        self.desk.store.read(|db| next(db, &seeker, &Filter::default(), &[])).expect("readable")
    }

    fn act(&self, case: &Case, actor: &str, act: &str, more: &str) {
        let id = format!("r{}", self.world.position.load(Ordering::Relaxed));
        self.world.arrive(review(&id, (&case.id, &case.account), (actor, act), more));
    }

    /// Works everything that is there, and says in which order.
    fn order(&self) -> Vec<String> {
        let mut order = Vec::new();
        while let Some(case) = self.next("x", false) {
            self.act(&case, "x", "claim", "");
            self.act(&case, "x", "verdict", r#","verdict":"lift""#);
            order.push(case.account);
        }
        order
    }
}

#[test]
fn urgent_reports_come_first_then_appeals_and_bans_in_force_then_the_rest_by_priority() {
    let scene = scene(&[
        decision("d1", "certain", "review", r#","score":0.999"#),
        decision("d2", "uncertain", "review", r#","score":0.5"#),
        decision("d3", "banned", "ban", r#","score":0.99"#),
    ]);
    scene.world.pass(1_000);
    scene.world.arrive(appeal("e1", "appealed", "d"));
    scene.world.arrive(report("e2", "urgent", "p", r#","reason":"child_safety""#));
    assert_eq!(scene.order(), ["urgent", "banned", "appealed", "uncertain", "certain"]);
}

#[test]
fn every_tenth_slot_is_drawn_at_random_over_the_bands_and_never_before_an_urgent_case() {
    let arrivals: Vec<Arrived> = (0..300)
        .map(|n| {
            let score = f64::from(n % 5) * 0.2 + 0.1;
            decision(&format!("d{n}"), &format!("a{n}"), "review", &format!(r#","score":{score}"#))
        })
        .collect();
    let scene = scene(&arrivals);
    let mut bands = Vec::new();
    for slot in 0..100 {
        let case = scene.next("x", false).expect("there is one");
        let best = scene.desk.store.read(|db| {
            let seeker = Seeker { actor: "x", is_lead: false, now: scene.now(), slots_a_lot: 10 };
            first(db, (&seeker, &Filter::default(), &[]), "escalated = 0", "class, key, id")
        });
        let best = best.expect("readable").expect("there is one");
        if slot % 10 == 9 {
            bands.push(super::super::rank::band(case.score));
        } else {
            assert_eq!(case.id, best.id, "slot {slot}");
        }
        scene.act(&case, "x", "claim", "");
        scene.act(&case, "x", "verdict", r#","verdict":"lift""#);
    }
    let seen: BTreeSet<i64> = bands.iter().copied().collect();
    assert_eq!(seen.len(), 5, "all bands that there are were drawn from: {bands:?}");
    for _ in 0..9 {
        let case = scene.next("x", false).expect("there is one");
        scene.act(&case, "x", "claim", "");
        scene.act(&case, "x", "verdict", r#","verdict":"lift""#);
    }
    scene.world.arrive(report("e", "urgent", "p", r#","reason":"threat""#));
    assert_eq!(scene.next("x", false).expect("there is one").account, "urgent");
}

#[test]
fn nobody_is_offered_what_another_holds_what_is_closed_to_them_or_what_they_passed_over() {
    let scene = scene(&[
        decision("d1", "a", "review", r#","score":0.5"#),
        decision("d2", "b", "review", r#","score":0.6"#),
    ]);
    let first = scene.next("x", false).expect("there is one");
    assert_eq!(first.account, "a");
    scene.act(&first, "x", "claim", "");
    assert_eq!(scene.next("y", false).expect("there is one").account, "b");
    assert_eq!(scene.next("x", false).expect("there is one").account, "a", "their own");
    scene.act(&first, "x", "skip", "");
    assert_eq!(scene.next("x", false).expect("there is one").account, "b");
    assert_eq!(scene.next("y", false).expect("there is one").account, "a", "only they passed it over");
    scene.act(&first, "y", "escalate", r#","reason":"hard""#);
    assert_eq!(scene.next("y", false).expect("there is one").account, "b");
    assert_eq!(scene.next("z", true).expect("there is one").account, "a", "a lead's, and first");
    scene.world.arrive(report("e1", "c", "p", r#","reason":"threat""#));
    assert_eq!(scene.next("z", true).expect("there is one").account, "c", "but for a threat");
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat_and_filters_narrow_them() {
    let arrivals: Vec<Arrived> = (0..60)
        .map(|n| {
            let action = if n % 3 == 0 { "ban" } else { "review" };
            let score = f64::from(n) / 60.0;
            decision(&format!("d{n}"), &format!("a{n}"), action, &format!(r#","score":{score}"#))
        })
        .collect();
    let scene = scene(&arrivals);
    let page_of = |filter: &Filter, after: Option<&Place>, most| {
        scene.desk.store.read(|db| page(db, (filter, scene.now()), after, most)).expect("readable")
    };
    let all = page_of(&Filter::default(), None, 100);
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let part = page_of(&Filter::default(), after.as_ref(), 7);
        let Some(last) = part.last() else { break };
        after = Place::parse(&last.place.text());
        paged.extend(part.into_iter().map(|listed| listed.case.id));
    }
    assert_eq!(paged, all.iter().map(|listed| listed.case.id.clone()).collect::<Vec<_>>());
    assert_eq!(paged.len(), 60);
    let bans = page_of(&Filter { cause: Some(Cause::Ban), ..Filter::default() }, None, 100);
    assert_eq!(bans.len(), 20);
    assert_eq!(page_of(&Filter { rule: "other".to_owned(), ..Filter::default() }, None, 100), []);
    assert_eq!(page_of(&Filter { assignee: "-".to_owned(), ..Filter::default() }, None, 100).len(), 60);
    assert_eq!(page_of(&Filter { is_overdue: true, ..Filter::default() }, None, 100), []);
    scene.world.pass(25 * 60 * 60 * 1_000);
    assert_eq!(page_of(&Filter { is_overdue: true, ..Filter::default() }, None, 100).len(), 20);
    let found = scene.desk.store.read(|db| waiting(db, scene.now())).expect("readable");
    assert_eq!((found.open, found.overdue, found.escalated), ([0, 20, 40], [0, 20, 0], 0));
}

#[test]
fn the_next_case_is_found_by_an_index_and_without_sorting() {
    let scene = scene(&[decision("d1", "a", "review", "")]);
    let plan = |order: &str, condition: &str| -> String {
        let seeker = Seeker { actor: "x", is_lead: false, now: scene.now(), slots_a_lot: 10 };
        let mut clause = Clause::of(&Filter::default(), seeker.now);
        clause.free_for(&seeker, &[]);
        let sql = format!(
            "EXPLAIN QUERY PLAN {JOINED} WHERE {} AND {condition} ORDER BY {order} LIMIT 1",
            clause.text
        );
        scene
            .desk
            .store
            .read(|db| {
                let mut query = db.prepare(&sql)?;
                let rows = query.query_map(params_from_iter(clause.values), |row| row.get::<_, String>(3))?;
                Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?.join("\n"))
            })
            .expect("readable")
    };
    for (order, condition) in
        [("class, key, id", "escalated = 0"), ("lot, id", "escalated = 0 AND class = 2 AND band = 3")]
    {
        let plan = plan(order, condition);
        assert!(plan.contains("INDEX queue") || plan.contains("INDEX lots"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn an_appeal_is_found_also_within_a_graver_case_and_disputes_are_counted_where_they_are_asked_for() {
    let urgent = |id: &str, account: &str| report(id, account, "p", r#","reason":"threat""#);
    let scene = scene(&[
        urgent("e1", "first_urgent"),
        appeal("g1", "first_urgent", "d"),
        appeal("g2", "then_urgent", "d"),
        urgent("e2", "then_urgent"),
        urgent("e3", "urgent_alone"),
        appeal("g3", "appeal_alone", "d"),
        decision("d1", "disputed", "review", ""),
    ]);
    let sql = "UPDATE cases SET cause = ?1, escalated = 1 WHERE account = 'disputed'";
    scene.desk.store.writer().execute(sql, [Cause::Dispute as i64]).expect("written");
    let of = |cause: Cause| Filter { cause: Some(cause), ..Filter::default() };
    let listed = |cause: Cause| {
        let found =
            scene.desk.store.read(|db| page(db, (&of(cause), scene.now()), None, 9)).expect("readable");
        found.into_iter().map(|listed| listed.case.account).collect::<BTreeSet<String>>()
    };
    let appealed = ["appeal_alone", "first_urgent", "then_urgent"].map(str::to_owned);
    assert_eq!(listed(Cause::Appeal), BTreeSet::from(appealed));
    let count =
        |cause: Cause| scene.desk.store.read(|db| counted(db, (&of(cause), scene.now()))).expect("readable");
    assert_eq!((listed(Cause::Dispute).len(), count(Cause::Dispute)), (1, (1, 0)), "and worked one by one");
    assert_eq!(count(Cause::Appeal), (3, 0));
}
