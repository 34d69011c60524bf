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
    refused("[review]\norigin = \"http://weir.example\"\n", &[], "review.origin");
    refused("[review]\norigin = \"https://weir.example/x\"\n", &[], "review.origin");
    refused("[review]\nlookup_url = \"https://staff.example\"\n", &[], "review.lookup_url");
    refused("[review]\naudit_share = 2\n", &[], "review.audit_share = 2");
    refused("[review]\nbudgets = [\"many-reporters\"]\n", &[], "write RULE=NUMBER");
    refused("[review]\nclauses = [\"Two words\"]\n", &[], "review.clauses");
    refused("[review]\nclauses = [{ id = \"a\", link = \"http://x\" }]\n", &[], "a: give a link https://");
    refused("[review]\nclauses = [{ id = \"a\", texts = \"x\" }]\n", &[], "review.clauses");
    refused("", &[("WEIR_HTTP_APPENDS_MAX", "few")], "WEIR_HTTP_APPENDS_MAX: must be of type integer");
    refused("", &[("WEIR_HTTP_LISSTEN", "x")], "WEIR_HTTP_LISSTEN: names no setting");
}

#[test]
fn a_clause_is_an_id_or_has_words_of_the_operators_own() {
    let text = "[review]\nclauses = [\"bulk\", { id = \"fraud\", title = \"§ 4\", text = \"No.\", covers = [\"scam\"] }]\n";
    let loaded = with_file(text, &[]).unwrap();
    let found = loaded.config.review.clauses();
    assert_eq!((&*found[0].id, &*found[0].title, &*found[1].title), ("bulk", "", "§ 4"));
    assert_eq!(found[1].covers, ["scam"]);
    assert!(loaded.changed[0].contains("{ covers = [\"scam\"], id = \"fraud\""), "{:?}", loaded.changed);
    let by_default = with_file("", &[]).unwrap().config.review.clauses();
    let ids = |clauses: &[review::Clause]| clauses.iter().map(|clause| clause.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&by_default), ids(&review::Settings::default().clauses), "as the desk has them by itself");
}

#[test]
fn a_secret_is_never_shown() {
    let secret = "s3cr3t-s3cr3t-s3cr3t";
    for wrong in [format!("\n[keys]\ningest = \"{secret}\n"), format!("\n[keys]\ningest = {secret}\n")] {
        let error = with_file(&wrong, &[]).expect_err("it is no TOML");
        assert!(error.contains("line 3: ") && !error.contains(secret), "{error}");
    }
    let loaded = with_file("", &[("WEIR_KEYS_ADMIN", secret)]).unwrap();
    assert_eq!(loaded.config.keys.admin().unwrap()[0].reveal(), secret);
    assert_eq!(loaded.changed, ["keys.admin = (hidden)"]);
    assert!(!format!("{loaded:?}").contains(secret));
    let weak = with_file("", &[("WEIR_KEYS_READ", "short-key")]).unwrap();
    let error = weak.config.keys.read().unwrap_err().to_string();
    assert!(error.contains("keys.read") && !error.contains("short-key"), "{error}");
}

#[test]
fn who_names_a_key_and_gives_none_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let path = path.to_str().unwrap();
    for empty in ["", "\n", " , \n"] {
        std::fs::write(path, empty).unwrap();
        let loaded = load(None, &over(&[("WEIR_KEYS_ADMIN_FILE", path)])).unwrap();
        let error = loaded.config.keys.admin().unwrap_err().to_string();
        assert!(error.contains(path) && error.contains("holds no key"), "{error}");
    }
    for empty in [",", " ", "\n"] {
        let loaded = load(None, &over(&[("WEIR_KEYS_READ", empty)])).unwrap();
        let error = loaded.config.keys.read().unwrap_err().to_string();
        assert!(error.contains("keys.read") && error.contains("holds no key"), "{error}");
    }
    let loaded = load(None, &over(&[("WEIR_KEYS_READ", ""), ("WEIR_KEYS_READ_FILE", "")])).unwrap();
    assert_eq!(loaded.config.keys.read().unwrap().len(), 0, "nothing is named");
}

#[test]
fn keys_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    std::fs::write(&path, "0123456789abcdef\n\nfedcba9876543210\n").unwrap();
    let loaded = load(None, &over(&[("WEIR_KEYS_INGEST_FILE", path.to_str().unwrap())])).unwrap();
    assert_eq!(loaded.config.keys.ingest().unwrap().len(), 2);
}

#[test]
fn what_leads_to_kafka_becomes_properties_of_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kafka.password");
    std::fs::write(&path, "s3cr3t-of-kafka\n").unwrap();
    let text = "[kafka]\nbrokers = \"k:9093\"\nsecurity_protocol = \"sasl_ssl\"\nsasl_username = \"weir\"\n\
                ca_file = \"/ca.pem\"\nsettings = [\"linger.ms=5\"]\n";
    let overrides = [("WEIR_KAFKA_SASL_PASSWORD_FILE", path.to_str().unwrap())];
    let loaded = with_file(text, &overrides).unwrap();
    let expected = [
        ("security.protocol", "sasl_ssl"),
        ("ssl.ca.location", "/ca.pem"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", "weir"),
        ("sasl.password", "s3cr3t-of-kafka"),
        ("linger.ms", "5"),
    ];
    assert_eq!(loaded.config.kafka.properties().unwrap(), over(&expected));
    assert!(load(None, &[]).unwrap().config.kafka.properties().unwrap().is_empty());
}

#[test]
fn a_password_of_kafka_is_never_shown() {
    let pairs = [
        ("WEIR_KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
        ("WEIR_KAFKA_SASL_USERNAME", "weir"),
        ("WEIR_KAFKA_SASL_PASSWORD", "s3cr3t-of-kafka"),
        ("WEIR_KAFKA_SETTINGS", "ssl.key.password=s3cr3t-of-key"),
    ];
    let loaded = with_file("", &pairs).unwrap();
    assert!(loaded.changed.contains(&"kafka.sasl_password = (hidden)".to_owned()), "{:?}", loaded.changed);
    assert!(loaded.changed.contains(&"kafka.settings = (hidden)".to_owned()), "{:?}", loaded.changed);
    assert!(!format!("{loaded:?}").contains("s3cr3t"));
    assert_eq!(loaded.config.kafka.properties().unwrap().len(), 5);
}

#[test]
fn a_credential_that_nobody_would_use_is_refused() {
    let kafka = |rest: &str| format!("[kafka]\n{rest}\n");
    refused(
        &kafka("security_protocol = \"tls\""),
        &[],
        "give one of plaintext, ssl, sasl_plaintext, sasl_ssl",
    );
    refused(&kafka("sasl_mechanism = \"GSSAPI\""), &[], "give one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512");
    refused(&kafka("sasl_username = \"weir\""), &[], "are not used with kafka.security_protocol");
    refused(&kafka("ca_file = \"/ca.pem\""), &[], "are not used with kafka.security_protocol");
    refused(&kafka("security_protocol = \"sasl_ssl\""), &[], "needs kafka.sasl_username");
    refused(&kafka("settings = [\"sasl.password=x\"]"), &[], "there is kafka.sasl_password_file");
    refused(&kafka("settings = [\"linger.ms\"]"), &[], "each is \"KEY=VALUE\"");
    let both = "security_protocol = \"sasl_ssl\"\nsasl_username = \"u\"\nsasl_password = \"p\"";
    refused(&kafka(both), &[("WEIR_KAFKA_SASL_PASSWORD_FILE", "/p")], "give one of them");
    let half = "security_protocol = \"ssl\"\nkey_file = \"/key.pem\"";
    refused(&kafka(half), &[], "belong together");
}
