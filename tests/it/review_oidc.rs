//! Signing in by a real provider of OpenID Connect, in a real browser, on the real binary.
//!
//! Separate from the doors with passwords. Invariant: provider and server never outlive their test.

use std::net::TcpListener;

use harness::browser::{self, Provider};
use harness::up::Up;

/// Ports that nobody listens on now.
fn free_ports() -> [u16; 2] {
    let bound = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("loopback has a free port"));
    bound.map(|bound| bound.local_addr().expect("it is bound").port())
}

#[test]
fn people_come_in_by_a_provider_with_the_role_it_says_and_an_answer_is_good_once_in_its_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    let [ours, theirs] = free_ports();
    let provider = Provider::start(theirs, &format!("http://127.0.0.1:{ours}/review/oidc/back"));
    let listen = format!("127.0.0.1:{ours}");
    let environment = [
        ("WEIR_HTTP_LISTEN", &*listen),
        ("WEIR_OIDC_ISSUER", &*provider.issuer),
        ("WEIR_OIDC_CLIENT_ID", "weir"),
        ("WEIR_OIDC_CLIENT_SECRET", "a secret of the tests, none at all"),
        ("WEIR_OIDC_SCOPES", "profile groups"),
        ("WEIR_OIDC_ROLES", "trust-lead=lead,trust-reviewer=reviewer"),
    ];
    let up = Up::start(&folder.path().join("data"), &environment);
    let told = browser::run("oidc.mjs", &[&browser::first_link(&up), &provider.issuer]);
    assert!(told.lines().filter(|line| line.starts_with("ok ")).count() >= 10, "{told}");
    let said = up.said();
    assert!(said.contains("a sign-in by the provider failed"), "{said}");
    assert!(!said.contains("a secret of the tests"), "no secret is logged");
    assert_eq!(up.stop().0, 0);
}
