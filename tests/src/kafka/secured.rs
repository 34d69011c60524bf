//! A broker that lets nobody in but over TLS and with a password: keys by Java's keytool, users by Kafka's own format tool.
//!
//! Separate from open brokers, which most tests use. The harness itself goes in by a plain listener beside, whose address no
//! worker is told. Invariant: keys and password are made for this one broker and die with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Cluster, server};

/// Opens the key stores; they hold nothing that anybody else trusts.
const STORE_PASSWORD: &str = "weir-tests";

/// The broker.
pub struct Secured {
    /// The broker, and its plain listener.
    pub cluster: Cluster,
    /// `host:port` of the listener that speaks SASL_SSL with SCRAM-SHA-512.
    pub address: String,
    /// The certificate (PEM) of who vouches for the broker.
    pub ca_file: PathBuf,
    /// The certificate of somebody else.
    pub wrong_ca_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Secured {
    /// Starts it with one user.
    ///
    /// # Panics
    /// If Java or its keytool is missing, or the broker does not start.
    #[must_use]
    pub fn start(user: &str, password: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("weir-keys-").tempdir().expect("a temporary folder");
        let store = folder.path().join("broker.p12");
        let ca_file = authority(&store, &folder.path().join("ca.pem"));
        let wrong_ca_file = authority(&folder.path().join("other.p12"), &folder.path().join("other-ca.pem"));
        sign_the_brokers_key(&store);
        let port = server::free_ports(1)[0];
        let store = store.display().to_string();
        let listeners = format!(
            "PLAINTEXT://127.0.0.1:{{port}},SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{{controller}}"
        );
        let advertised = format!("PLAINTEXT://127.0.0.1:{{port}},SASL_SSL://localhost:{port}");
        let settings = [
            ("listeners", listeners.as_str()),
            ("advertised.listeners", &advertised),
            ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL"),
            ("sasl.enabled.mechanisms", "SCRAM-SHA-512"),
            (
                "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            ),
            ("ssl.keystore.type", "PKCS12"),
            ("ssl.keystore.location", &store),
            ("ssl.keystore.password", STORE_PASSWORD),
        ];
        let scram = format!("SCRAM-SHA-512=[name={user},password={password}]");
        let cluster = Cluster::formatted(1, &settings, &["--add-scram", &scram]);
        let address = format!("localhost:{port}");
        Self { cluster, address, ca_file, wrong_ca_file, _folder: folder }
    }
}

/// Makes somebody who vouches for others, and gives the certificate.
fn authority(store: &Path, certificate: &Path) -> PathBuf {
    let own = ["-genkeypair", "-alias", "ca", "-dname", "CN=weir-tests", "-ext", "bc:c", "-validity", "30"];
    keytool(store, &[&own[..], &EC].concat());
    let file = certificate.display().to_string();
    keytool(store, &["-exportcert", "-rfc", "-alias", "ca", "-file", &file]);
    certificate.to_owned()
}

const EC: [&str; 4] = ["-keyalg", "EC", "-groupname", "secp256r1"];

/// Makes the broker's key, and leaves it alone in the store.
fn sign_the_brokers_key(store: &Path) {
    let own = ["-genkeypair", "-alias", "broker", "-signer", "ca", "-dname", "CN=broker", "-validity", "30"];
    keytool(store, &[&own[..], &EC, &["-ext", "san=dns:localhost"]].concat());
    keytool(store, &["-delete", "-alias", "ca"]);
}

fn keytool(store: &Path, arguments: &[&str]) {
    let answer = Command::new("keytool")
        .args(arguments)
        .args(["-storetype", "PKCS12", "-storepass", STORE_PASSWORD, "-keystore"])
        .arg(store)
        .output()
        .unwrap_or_else(|error| panic!("keytool comes with Java and makes the tests' keys: {error}"));
    assert!(answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stdout));
}
