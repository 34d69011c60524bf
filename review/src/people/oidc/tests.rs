//! The flow against providers that tell of themselves and give no tokens.

use serde_json::json;

use super::*;

const NOW: u64 = 1_800_000_000_000;

/// A provider that tells of itself and gives no tokens.
struct Mute;

impl Fetch for Mute {
    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        if url.ends_with("/keys") {
            return Ok(br#"{"keys":[]}"#.to_vec());
        }
        assert_eq!(url, "https://id.example/.well-known/openid-configuration");
        let told = json!({"issuer": "https://id.example", "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/keys"});
        Ok(told.to_string().into_bytes())
    }

    fn post(&self, _: &str, _: &str, _: Option<&str>) -> Result<Vec<u8>, String> {
        Ok(br#"{"error":"invalid_grant"}"#.to_vec())
    }
}

fn provider(issuer: &str) -> Provider {
    let settings =
        Settings { issuer: issuer.to_owned(), client_id: "weir".to_owned(), ..Settings::default() };
    Provider::new(settings, Arc::new(Mute))
}

fn state(begun: &Begun) -> String {
    let query = begun.url.split_once('?').expect("a query").1;
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.into_iter().find(|(name, _)| name == "state").expect("a state").1.into_owned()
}

fn finish(provider: &Provider, (state, browser): (&str, &str), now: u64) -> Closed {
    let returned = Returned { state, code: "c", error: "", issuer: "", browser };
    provider.finish(now, &returned).expect_err("it gives no tokens")
}

#[test]
fn a_state_is_good_once_in_the_browser_that_began_and_for_ten_minutes() {
    let provider = provider("https://id.example");
    let begin = || {
        provider.begin(NOW, "https://weir.example/review/oidc/back", ("/review/", None)).expect("it tells")
    };
    let begun = begin();
    assert!(
        begun.url.starts_with("https://id.example/auth?response_type=code&client_id=weir&"),
        "{}",
        begun.url
    );
    assert!(begun.url.contains("&code_challenge_method=S256") && !begun.url.contains(&begun.browser));
    let asked = Closed::Refused("invalid_grant".to_owned());
    assert_eq!(
        finish(&provider, (&state(&begun), &begun.browser), NOW + 1),
        asked,
        "it came as far as the code"
    );
    assert_eq!(finish(&provider, (&state(&begun), &begun.browser), NOW + 1), Closed::NoDoor, "a second time");
    let (one, other) = (begin(), begin());
    assert_eq!(
        finish(&provider, (&state(&one), &other.browser), NOW + 1),
        Closed::NoDoor,
        "in another browser"
    );
    assert_eq!(finish(&provider, (&state(&other), &other.browser), NOW + DOOR_MS), Closed::NoDoor, "late");
    assert_eq!(finish(&provider, ("", ""), NOW), Closed::NoDoor);
}

#[test]
fn sign_ins_that_nobody_ends_do_not_add_up() {
    let provider = provider("https://id.example");
    for n in 0..DOORS_MAX as u64 + 5 {
        provider.begin(NOW + n, "https://weir.example/review/oidc/back", ("", None)).expect("it tells");
    }
    assert_eq!(lock(&provider.doors).len(), DOORS_MAX);
}

#[test]
fn a_provider_that_calls_itself_otherwise_is_not_asked() {
    struct Other;
    impl Fetch for Other {
        fn get(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(br#"{"issuer":"https://evil.example"}"#.to_vec())
        }
        fn post(&self, _: &str, _: &str, _: Option<&str>) -> Result<Vec<u8>, String> {
            Err("asked".to_owned())
        }
    }
    let settings = Settings { issuer: "https://id.example".to_owned(), ..Settings::default() };
    let closed = Provider::new(settings, Arc::new(Other)).begin(NOW, "b", ("", None)).err().expect("closed");
    assert!(matches!(closed, Closed::Provider(_)), "{closed}");
}

#[test]
fn a_claim_is_found_by_its_name_or_its_way() {
    let claims = json!({"groups": ["a", "b"], "realm_access": {"roles": ["lead"]}, "a.b": "whole", "n": 7});
    let claims = claims.as_object().expect("an object");
    assert_eq!(texts(claims, "groups"), ["a", "b"]);
    assert_eq!(texts(claims, "realm_access.roles"), ["lead"]);
    assert_eq!(texts(claims, "a.b"), ["whole"]);
    assert!(texts(claims, "n").is_empty() && texts(claims, "").is_empty() && texts(claims, "x.y").is_empty());
}

#[test]
fn a_provider_that_does_not_answer_is_left_alone_for_a_while() {
    struct Away(std::sync::atomic::AtomicU32);
    impl Fetch for Away {
        fn get(&self, _: &str) -> Result<Vec<u8>, String> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err("no route".to_owned())
        }
        fn post(&self, _: &str, _: &str, _: Option<&str>) -> Result<Vec<u8>, String> {
            Err("no route".to_owned())
        }
    }
    let away = Arc::new(Away(std::sync::atomic::AtomicU32::new(0)));
    let provider = Provider::new(Settings::default(), Arc::clone(&away) as Arc<dyn Fetch>);
    let begin = |now| provider.begin(now, "b", ("", None)).err().expect("closed");
    for now in [NOW, NOW + 1, NOW + REST_MS - 1, NOW + REST_MS] {
        assert!(matches!(begin(now), Closed::Provider(_)));
    }
    assert_eq!(away.0.load(std::sync::atomic::Ordering::Relaxed), 2);
}
