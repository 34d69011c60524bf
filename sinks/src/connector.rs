//! Connections of our own HTTP clients: to ClickHouse, and of the command line to a server; plain or over TLS.
//!
//! Separate, because whoever makes a client would otherwise choose its settings anew. Invariants: no delay by Nagle's algorithm,
//! which costs small requests 40 ms each; a certificate is verified against the system's roots and its name, always; without any
//! root nothing is trusted, and plain HTTP still works.

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// What makes connections to `http://` and `https://`.
pub type Connector = HttpsConnector<HttpConnector>;

/// A connector. It trusts the system's roots, or those in the file that `SSL_CERT_FILE` names.
#[must_use]
pub fn connector() -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.enforce_http(false);
    HttpsConnectorBuilder::new().with_tls_config(trust()).https_or_http().enable_http1().wrap_connector(tcp)
}

fn trust() -> ClientConfig {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's certificates cannot be read: what they sign is not trusted");
    }
    let mut roots = RootCertStore::empty();
    let (trusted, _) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(trusted, "certificates of the system");
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
