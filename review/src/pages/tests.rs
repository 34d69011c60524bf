//! The pages as a browser asks for them, without a network: headers, doors, forms.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use tower::ServiceExt as _;

use super::*;
use crate::bare;
use crate::desk::Settings;
use crate::people::{Attempt, Role, SignedIn, secret, users};
use crate::strings::Language;

const PASSWORD: &str = "river holds the debris back";

struct Browser {
    _folder: tempfile::TempDir,
    desk: Arc<Desk>,
    router: Router,
    session: String,
}

impl Browser {
    fn new(settings: Settings) -> Browser {
        let folder = tempfile::tempdir().expect("a folder");
        let (desk, _) = bare::desk(folder.path(), settings);
        Browser::over(folder, desk)
    }

    fn over(folder: tempfile::TempDir, desk: Arc<Desk>) -> Browser {
        let router = router(Arc::clone(&desk));
        Browser { _folder: folder, desk, router, session: String::new() }
    }

    /// With the first administrator signed in.
    fn signed_in() -> Browser {
        Self::signed_in_with(Settings::default())
    }

    fn signed_in_with(settings: Settings) -> Browser {
        Browser::new(settings).entered()
    }

    fn entered(mut self) -> Browser {
        let browser = &mut self;
        let link = browser.desk.first_link().expect("works").expect("none yet");
        browser.desk.accept(link.rsplit('/').next().expect("a token"), ("Ada", PASSWORD)).expect("works");
        let address = "127.0.0.1".parse().expect("an address");
        let attempt = Attempt { name: "Ada", password: PASSWORD, code: "", address, agent: "" };
        match browser.desk.sign_in(&attempt).expect("works") {
            SignedIn::Yes(token) => browser.session = token,
            other => panic!("{other:?}"),
        }
        self
    }

    async fn send(&self, request: axum::http::request::Builder, body: &str) -> Response {
        let cookie = format!("weir={}", self.session);
        let mut request =
            request.header("cookie", cookie).body(Body::from(body.to_owned())).expect("a request");
        request.extensions_mut().insert(Peer("127.0.0.1".parse().expect("an address")));
        self.router.clone().oneshot(request).await.expect("infallible")
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Request::get(path).header("host", "localhost:8484"), "").await
    }

    async fn post(&self, path: &str, body: &str) -> Response {
        let request = Request::post(path)
            .header("host", "localhost:8484")
            .header("origin", "http://localhost:8484")
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, body).await
    }

    fn csrf(&self) -> String {
        format!("csrf={}", secret::form_token(&self.session))
    }
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn location(response: &Response) -> &str {
    response.headers().get("location").map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn every_answer_tells_the_browser_what_to_refuse() {
    let browser = Browser::signed_in();
    for path in
        ["/review/me", "/review/sign-in", "/review/nowhere", "/review/audit", "/review/static/none.css"]
    {
        let response = browser.get(path).await;
        let header = |name: &str| {
            response.headers().get(name).map_or("", |value| value.to_str().expect("text")).to_owned()
        };
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(header("strict-transport-security"), "", "{path}: only behind TLS");
    }
    let page = text(browser.get("/review/me").await).await;
    for word in ["<script>", " style=", "javascript:", " onclick", "http://", "https://"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[tokio::test]
async fn files_are_named_by_their_content_and_kept() {
    let browser = Browser::new(Settings::default());
    let page = text(browser.get("/review/sign-in").await).await;
    let start = page.find("/review/static/weir-").expect("the page names its style");
    let path = &page[start..start + page[start..].find('"').expect("it ends")];
    let response = browser.get(path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(response.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(response.headers()["content-type"], "text/css; charset=utf-8");
    assert!(text(response).await.contains("color-scheme"));
}

#[tokio::test]
async fn who_is_not_signed_in_comes_to_the_door_and_then_to_where_they_wanted() {
    let browser = Browser::new(Settings::default());
    let response = browser.get("/review/audit?actor=u_1").await;
    assert_eq!(
        (response.status(), location(&response)),
        (StatusCode::SEE_OTHER, "/review/sign-in?next=%2Freview%2Faudit%3Factor%3Du_1")
    );
    assert_eq!(
        browser.post("/review/people/invite", "name=x&role=admin").await.status(),
        StatusCode::UNAUTHORIZED
    );
    let link = browser.desk.first_link().expect("works").expect("none yet");
    assert!(text(browser.get(&link).await).await.contains("You are the first"));
    let short = browser.post(&link, "name=Ada&password=short&again=short").await;
    assert_eq!(short.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(short).await.contains("too short"));
    let form = format!("name=Ada&password={0}&again={0}", PASSWORD.replace(' ', "+"));
    let done = browser.post(&link, &form).await;
    assert_eq!((done.status(), location(&done)), (StatusCode::SEE_OTHER, "/review/"));
    assert_eq!(browser.post(&link, &form).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "it works once");
    let form = format!("name=ada&password={}&next=%2Freview%2Faudit", PASSWORD.replace(' ', "+"));
    let signed_in = browser.post("/review/sign-in", &form).await;
    assert_eq!((signed_in.status(), location(&signed_in)), (StatusCode::SEE_OTHER, "/review/audit"));
    let cookie = signed_in.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.ends_with("; Path=/review; HttpOnly; SameSite=Strict"), "{cookie}");
    let wrong = browser.post("/review/sign-in", "name=ada&password=wrong+wrong+wrong").await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(wrong).await.contains("Name, password or code is wrong"));
}

#[tokio::test]
async fn a_form_without_the_sessions_token_or_from_elsewhere_changes_nothing() {
    let browser = Browser::signed_in();
    let looks = |csrf: &str| format!("language=ar&theme=dark&{csrf}");
    for csrf in ["", "csrf=", "csrf=0000"] {
        assert_eq!(
            browser.post("/review/me/looks", &looks(csrf)).await.status(),
            StatusCode::FORBIDDEN,
            "{csrf}"
        );
    }
    for (name, value) in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("x", "neither is sent")]
    {
        let request = Request::post("/review/me/looks")
            .header("host", "localhost:8484")
            .header("content-type", "application/x-www-form-urlencoded")
            .header(name, value);
        let response = browser.send(request, &looks(&browser.csrf())).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{name}: {value}");
    }
    let other = Request::get("/review/me").header("host", "evil.example");
    assert_eq!(
        browser.send(other, "").await.status(),
        StatusCode::FORBIDDEN,
        "another name for this machine"
    );
    assert!(
        text(browser.get("/review/me").await)
            .await
            .contains("<html lang=\"en\" dir=\"ltr\" data-theme=\"auto\">")
    );
    let response = browser.post("/review/me/looks", &looks(&browser.csrf())).await;
    assert_eq!((response.status(), location(&response)), (StatusCode::SEE_OTHER, "/review/me"));
    assert!(
        text(browser.get("/review/me").await)
            .await
            .contains("<html lang=\"ar\" dir=\"rtl\" data-theme=\"dark\">")
    );
    let json =
        Request::post("/review/me/looks").header("host", "localhost").header("origin", "http://localhost");
    let json = browser.send(json.header("content-type", "application/json"), "{}").await;
    assert_eq!(json.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let large = format!("{}&x={}", browser.csrf(), "x".repeat(70_000));
    assert_eq!(browser.post("/review/me/looks", &large).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_role_opens_its_own_pages_alone() {
    let mut browser = Browser::signed_in();
    let invite = format!("name=Rita&role=reviewer&{}", browser.csrf());
    let page = text(browser.post("/review/people/invite", &invite).await).await;
    let start = page.find("/review/welcome/").expect("the link is shown");
    let link = page[start..start + 16 + 64].to_owned();
    let token = browser.desk.accept(&link[16..], ("", PASSWORD)).expect("works");
    assert!(matches!(token, users::Accepted::Done(_)));
    assert_eq!(browser.get("/review/people").await.status(), StatusCode::OK);
    assert_eq!(browser.get("/review/audit").await.status(), StatusCode::OK);
    // Leads see whose cases they want to.
    let rita = browser.desk.store.read(|db| users::by_name(db, "Rita")).expect("readable").expect("there").id;
    let queue = text(browser.get(&format!("/review/?assignee={rita}")).await).await;
    assert!(queue.contains(&format!("<option value=\"{rita}\" selected>Rita</option>")), "{queue}");
    let address = "127.0.0.1".parse().expect("an address");
    let attempt = Attempt { name: "Rita", password: PASSWORD, code: "", address, agent: "" };
    let SignedIn::Yes(token) = browser.desk.sign_in(&attempt).expect("works") else { panic!("no session") };
    browser.session = token;
    let queue = text(browser.get("/review/").await).await;
    assert!(queue.contains(">you</option>") && !queue.contains(">Ada</option>"), "{queue}");
    for path in ["/review/people", "/review/audit"] {
        let response = browser.get(path).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        let page = text(response).await;
        assert!(page.contains("Not with your role") && !page.contains("href=\"/review/people\""), "{path}");
    }
    let invite = format!("name=Eve&role=admin&{}", browser.csrf());
    assert_eq!(browser.post("/review/people/invite", &invite).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(browser.get("/review/me").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_people_type_is_shown_as_text() {
    let browser = Browser::signed_in();
    let page =
        text(browser.get("/review/audit?actor=%3Cscript%3Ealert(1)%3C%2Fscript%3E&subject=%22%3E").await)
            .await;
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "escaped");
    assert!(!page.contains("<script>alert"));
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_and_the_browser_stays_with_tls() {
    let settings = Settings { origin: "https://weir.example".to_owned(), ..Settings::default() };
    let browser = Browser::new(settings);
    let response = browser.send(Request::get("/review/sign-in").header("host", "10.0.0.7"), "").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
}

#[tokio::test]
async fn false_alarms_are_estimated_from_blind_labels_of_restricted_accounts_once_there_are_enough() {
    let browser = Browser::signed_in();
    let judge = |number: u32, (action, label, blind): (&str, &str, bool)| {
        let db = browser.desk.store.writer();
        let case = "INSERT INTO cases (id, account, cause, state, opened_at, due_at, action, heard, class, key, band, lot)
                    VALUES (?1, ?1, 0, 1, 1, 2, ?2, 0, 0, 0, 0, 0)";
        let id = format!("{action}-{blind}-{number}");
        db.execute(case, (&id, action)).expect("a case");
        let sql = "INSERT INTO labels VALUES (?1, ?1, ?1, 'u_1', 1, ?2, ?3)";
        db.execute(sql, (&id, label, blind)).expect("a label");
    };
    for number in 0..29 {
        judge(number, ("ban", "abusive", true));
        judge(number, ("warn", "benign", true));
        judge(number, ("ban", "benign", false));
    }
    let page = text(browser.get("/review/overview").await).await;
    assert!(
        page.contains("too few judged blind to say: 29 of at least 30"),
        "neither warnings nor open-eyed labels count"
    );
    for number in 29..36 {
        judge(number, ("rate_limit", if number < 32 { "benign" } else { "abusive" }, true));
    }
    let page = text(browser.get("/review/overview").await).await;
    assert!(
        page.contains("8.3\u{202f}%") && page.contains("of 36 restricted accounts judged blind"),
        "3 of 36"
    );
}

#[tokio::test]
async fn whose_role_needs_a_second_factor_does_nothing_before_it_is_set_up() {
    let settings = Settings { second_factor: vec![Role::Admin], ..Settings::default() };
    let browser = Browser::signed_in_with(settings);
    for path in ["/review/", "/review/overview", "/review/people", "/review/audit"] {
        let response = browser.get(path).await;
        assert_eq!(
            (response.status(), location(&response)),
            (StatusCode::SEE_OTHER, "/review/me/factor"),
            "{path}"
        );
    }
    let sent = format!("{}&name=Bea&role=admin", browser.csrf());
    let response = browser.post("/review/people/invite", &sent).await;
    assert_eq!(location(&response), "/review/me/factor", "nor by a form");
    assert_eq!(browser.get("/review/me/factor").await.status(), StatusCode::OK);
    let secret = [7_u8; crate::people::totp::SECRET_BYTES];
    let id = browser.desk.viewer(&browser.session, Language::English).expect("told").expect("signed in").id;
    users::set_totp(&browser.desk.store.writer(), &id, Some((&secret, &[]))).expect("set");
    assert_eq!(browser.get("/review/people").await.status(), StatusCode::OK);
    let others =
        Browser::signed_in_with(Settings { second_factor: vec![Role::Publisher], ..Settings::default() });
    assert_eq!(others.get("/review/people").await.status(), StatusCode::OK, "only the roles that are named");
}

#[tokio::test]
async fn a_campaign_is_shown_without_a_history_and_its_accounts_by_ids_that_are_not_their_pseudonyms() {
    let browser = Browser::signed_in();
    let account = |n: u8| format!("member_{n}_and_the_rest_of_its_pseudonym");
    let others: Vec<String> = (1..6).map(account).collect();
    let named = format!(r#","companions":{}"#, serde_json::to_string(&others).expect("strings"));
    let arrived = crate::desk::scene::decision("d1", &account(0), "review", &named);
    let entry = schema::desk::Entry { position: 1, at: browser.desk.now(), arrived };
    browser.desk.take("journal", &[entry], 1).expect("folded");
    let list = text(browser.get("/review/campaigns").await).await;
    let start = list.find("/review/campaigns/g_").expect("it is listed");
    let path = &list[start..start + list[start..].find('"').expect("it ends")];
    let page = text(browser.get(path).await).await;
    assert!(page.contains("The history does not answer now"), "{page}");
    assert_eq!(page.matches("/review/account/h_").count(), 6, "{page}");
    assert!(!page.contains("rest_of_its_pseudonym"), "{page}");
    let led = browser.get(&format!("/review/account/{}", account(3))).await;
    assert!(location(&led).starts_with("/review/account/h_"), "{}", location(&led));
    let shown = browser.get(location(&led)).await;
    assert_eq!(shown.status(), StatusCode::OK);
    assert!(!text(shown).await.contains("rest_of_its_pseudonym"));
    assert_eq!(browser.get("/review/campaigns/g_nowhere").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn with_a_history_that_does_not_answer_every_page_is_there_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let desk = bare::desk_away(folder.path(), Settings::default());
    let browser = Browser::over(folder, desk).entered();
    let overview = text(browser.get("/review/overview").await).await;
    assert!(overview.contains("Figures come back with it") && overview.contains("badge bad"), "{overview}");
    for (path, says) in [
        ("/review/", "Nothing waits"),
        ("/review/control", "No counts: the history does not answer"),
        ("/review/shadows", "The history does not answer now"),
        ("/review/shadows?kind=rule&name=busy&span=24h", "The history does not answer now"),
        ("/review/investigate", "Investigate"),
        ("/review/investigate?group=device", "this search has no answer"),
        ("/review/investigate?kind=device&key=d", "this search has no answer"),
        ("/review/investigate?kind=decision&key=d", "Look for"),
        ("/review/campaigns", "No campaign is known"),
        ("/review/quality", "No second review is done yet"),
    ] {
        let response = browser.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let page = text(response).await;
        assert!(page.contains(says), "{path}: {page}");
    }
    let led = browser.get("/review/investigate?kind=account&key=somebody").await;
    let account = text(browser.get(location(&led)).await).await;
    assert!(account.contains("The history does not answer now"), "{account}");
}

mod unseen;
