//! The configuration: what wins over what, what is refused by name, and that no secret is shown.

use super::*;

fn over(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with_file(text: &str, overrides: &[(&str, &str)]) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    std::fs::write(&path, text).unwrap();
    load(path.to_str(), &over(overrides)).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, overrides: &[(&str, &str)], says: &str) {
    let error = with_file(text, overrides).expect_err("it is wrong");
    assert!(error.contains(says), "{error}");
}

#[test]
fn the_default_file_is_a_whole_configuration() {
    let loaded = load(None, &[]).unwrap();
    assert!(loaded.changed.is_empty(), "{:?}", loaded.changed);
    assert!(loaded.config.http.listen.ip().is_loopback());
}

#[test]
fn the_file_wins_over_the_default_and_the_environment_over_the_file() {
    let text = "format = 1\n[http]\nlisten = \"127.0.0.1:1\"\n[engine]\naccounts_max = 5\n";
    let loaded = with_file(text, &[("WEIR_HTTP_LISTEN", "127.0.0.1:2")]).unwrap();
    assert_eq!(loaded.config.http.listen.port(), 2);
    assert_eq!(loaded.changed, ["engine.accounts_max = 5", "http.listen = \"127.0.0.1:2\""]);
    let listed = with_file("", &[("WEIR_ENGINE_BLOCKLISTS", "a, b")]).unwrap();
    assert_eq!(listed.config.engine.blocklists, ["a", "b"]);
}

#[test]
fn what_is_wrong_is_named() {
    refused("[http]\nlisten = 5\n", &[], "http.listen: must be of type string");
    refused("[http]\nlissten = \"x\"\n", &[], "http.lissten is no setting");
    refused("[htp]\n", &[], "[htp] is no section");
    refused("format = 7\n", &[], "format = 7: this build reads 1");
    refused("[http]\nlisten = \"nowhere\"\n", &[], "socket address");
    refused("[http\n", &[], "line 1");
    refused("[http]\nappends_max = 0\n", &[], "http.appends_max = 0: give between 1 and 256");
    refused("", &[("WEIR_HTTP_APPENDS_MAX", "few")], "WEIR_HTTP_APPENDS_MAX: must be of type integer");
    refused("", &[("WEIR_HTTP_LISSTEN", "x")], "WEIR_HTTP_LISSTEN: names no setting");
}

#[test]
fn a_secret_is_never_shown() {
    let secret = "s3cr3t-s3cr3t-s3cr3t";
    let loaded = with_file("", &[("WEIR_KEYS_ADMIN", secret)]).unwrap();
    assert_eq!(loaded.config.keys.admin().unwrap()[0].reveal(), secret);
    assert_eq!(loaded.changed, ["keys.admin = (hidden)"]);
    assert!(!format!("{loaded:?}").contains(secret));
    let weak = with_file("", &[("WEIR_KEYS_READ", "short-key")]).unwrap();
    let error = weak.config.keys.read().unwrap_err().to_string();
    assert!(error.contains("keys.read") && !error.contains("short-key"), "{error}");
}

#[test]
fn keys_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    std::fs::write(&path, "0123456789abcdef\n\nfedcba9876543210\n").unwrap();
    let loaded = load(None, &over(&[("WEIR_KEYS_INGEST_FILE", path.to_str().unwrap())])).unwrap();
    assert_eq!(loaded.config.keys.ingest().unwrap().len(), 2);
}
