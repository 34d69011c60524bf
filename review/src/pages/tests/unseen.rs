//! What a page sends by itself, and what was fetched and not shown: no use of a session, and no view.
//!
//! Separate to keep the tests of pages readable.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::desk::case::Case;
use crate::desk::scene::{appeal, decision, report};
use crate::people::sessions::IDLE_MS;

const AHEAD: &str = "x-weir-ahead";

fn browser() -> (Browser, Arc<AtomicU64>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (desk, clock) = bare::desk(folder.path(), Settings::default());
    (Browser::over(folder, desk).entered(), clock)
}

/// Lets things arrive.
fn fill(browser: &Browser, arrivals: Vec<schema::desk::Arrived>) {
    let entries = arrivals.into_iter().zip(1..);
    let entries: Vec<schema::desk::Entry> = entries
        .map(|(arrived, position)| schema::desk::Entry { position, at: browser.desk.now(), arrived })
        .collect();
    browser.desk.take("journal", &entries, entries.len() as u64).expect("folded");
}

/// The id of the first case.
fn first(browser: &Browser) -> String {
    let id = |db: &rusqlite::Connection| {
        Ok(db.query_row("SELECT id FROM cases ORDER BY opened_at, account", [], |row| row.get(0))?)
    };
    browser.desk.store.read(id).expect("readable")
}

/// Views of cases in the audit chain, and the codes of what was shown.
fn noted(browser: &Browser) -> (usize, Vec<String>) {
    let chain = browser.desk.audited(&crate::audit::Asked::default(), 100).expect("readable");
    let views = chain.iter().filter(|sealed| sealed.entry.what == "view_case").count();
    let codes = browser.desk.store.read(|db| {
        let mut query = db.prepare("SELECT codes FROM shown ORDER BY account")?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
    });
    (views, codes.expect("readable"))
}

#[tokio::test]
async fn what_a_page_fetches_by_itself_does_not_put_off_the_end_of_a_session() {
    for (path, header, lives) in [
        ("/review/exposure", "x", false),
        ("/review/overview/parts", "x", false),
        ("/review/bulk/b/progress", "x", false),
        ("/review/", AHEAD, false),
        ("/review/", "x", true),
    ] {
        let (browser, clock) = browser();
        for _ in 0..3 {
            clock.fetch_add(IDLE_MS / 3, Ordering::Relaxed);
            let request = Request::get(path).header("host", "localhost:8484").header(header, "1");
            browser.send(request, "").await;
        }
        let status = browser.get("/review/").await.status();
        assert_eq!(status == StatusCode::OK, lives, "{path} {header}: {status}");
    }
}

#[tokio::test]
async fn what_is_fetched_ahead_is_a_view_when_it_is_shown_and_once() {
    let (browser, clock) = browser();
    fill(&browser, vec![decision("d1", "a", "review", r#","score":0.7"#)]);
    let id = first(&browser);
    let path = format!("/review/case/{id}");
    let request = Request::get(&path).header("host", "localhost:8484").header(AHEAD, "1");
    assert_eq!(browser.send(request, "").await.status(), StatusCode::OK);
    assert_eq!(noted(&browser), (0, vec![]));
    let viewer = browser.desk.viewer(&browser.session, Language::English).expect("told").expect("signed in");
    let case =
        |id: &str| browser.desk.store.read(|db| Case::load(db, id)).expect("readable").expect("it is there");
    let shows = || browser.desk.show_ahead(&viewer, &case(&id)).expect("told");
    let other = Case { id: "k_other".to_owned(), ..case(&id) };
    assert!(!browser.desk.show_ahead(&viewer, &other).expect("told"), "another was fetched");
    assert!(!shows(), "and is forgotten: it is fetched again");
    let fetch = || {
        let request = Request::get(&path).header("host", "localhost:8484").header(AHEAD, "1");
        browser.send(request, "")
    };
    // What it shows is old, or another by now: reports came in.
    fetch().await;
    clock.fetch_add(31_000, Ordering::Relaxed);
    assert!(!shows());
    fetch().await;
    let more = schema::desk::Entry {
        position: 2,
        at: browser.desk.now(),
        arrived: report("e2", "a", "p", r#","reason":"threat""#),
    };
    browser.desk.take("journal", &[more], 2).expect("folded");
    assert!(!shows());
    fetch().await;
    assert!(shows());
    let (views, codes) = noted(&browser);
    assert_eq!(views, 1);
    assert!(codes[0].contains("score") && codes[0].contains("rule"), "{codes:?}");
    browser.get(&path).await;
    assert_eq!(noted(&browser).0, 2);
}

#[tokio::test]
async fn the_queue_notes_what_its_lines_tell_and_names_an_appeal_within_an_urgent_case() {
    let (browser, _clock) = browser();
    fill(
        &browser,
        vec![
            report("e", "a", "p", r#","reason":"threat""#),
            appeal("g", "a", "d"),
            decision("d1", "b", "review", ""),
        ],
    );
    let id = first(&browser);
    let list = text(browser.get("/review/?cause=appeal").await).await;
    assert_eq!(list.matches("data-row").count(), 1, "{list}");
    assert!(list.contains("badge warn\">Appealed"), "{list}");
    assert!(text(browser.get(&format!("/review/case/{id}")).await).await.contains("badge warn\">Appealed"));
    let told = |account: &str| {
        let sql = "SELECT codes FROM shown WHERE account = ?1 AND codes LIKE '%rule%'";
        let found = |db: &rusqlite::Connection| Ok(db.prepare(sql)?.exists([account])?);
        browser.desk.store.read(found).expect("readable")
    };
    assert!(!told("b"));
    browser.get("/review/").await;
    assert!(told("b") && !told("a"), "nothing was decided about a");
}

#[tokio::test]
async fn a_campaign_hides_of_a_member_what_its_open_blind_case_hides() {
    let (browser, _clock) = browser();
    let named = r#","companions":["b","c","d","e"]"#;
    let limit = r#","score":0.91,"limit":{"max":1,"per_s":60}"#;
    let of_b = decision("b1", "b", "rate_limit", limit);
    fill(
        &browser,
        vec![decision("d0", "a", "review", named), of_b, decision("c1", "c", "rate_limit", limit)],
    );
    let blind =
        "INSERT INTO cases (id, account, cause, state, opened_at, due_at, heard, class, key, band, lot)
        VALUES ('k_blind', 'b', ?1, 0, 1, 2, 0, 2, 0, 0, 0)";
    let list = text(browser.get("/review/campaigns").await).await;
    let start = list.find("/review/campaigns/g_").expect("it is listed");
    let path = list[start..start + list[start..].find('"').expect("it ends")].to_owned();
    let limited = |page: &str| {
        let rest = page.split_once("<dt>Limited or banned</dt><dd>").expect("the figure").1;
        rest.split('<').next().unwrap_or_default().to_owned()
    };
    let open = text(browser.get(&path).await).await;
    assert_eq!((limited(&open), open.matches("its behaviour (busy)").count()), ("2".to_owned(), 2), "{open}");
    browser.desk.store.writer().execute("DELETE FROM shown", []).expect("written");
    browser.desk.store.writer().execute(blind, [crate::desk::cause::Cause::Second as i64]).expect("written");
    let masked = text(browser.get(&path).await).await;
    assert_eq!(
        (limited(&masked), masked.matches("its behaviour (busy)").count()),
        ("1".to_owned(), 1),
        "{masked}"
    );
    let told = |db: &rusqlite::Connection| {
        let mut query = db.prepare("SELECT account FROM shown ORDER BY account")?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
    };
    assert_eq!(
        browser.desk.store.read(told).expect("readable"),
        ["a", "c", "d", "e"],
        "nothing was told of b"
    );
}
