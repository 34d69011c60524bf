//! A TLS end before a server of the tests, with a certificate of its own.
//!
//! Separate from the servers, which know no TLS. Invariants: key and certificate are made anew and go with it; it ends with the
//! tests whatever happens, since its standard input closes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::workspace;

const PASSWORD: &str = "of-the-tests";

/// The end.
pub struct Proxy {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Proxy {
    /// Before a port of loopback.
    ///
    /// # Panics
    /// If Java or its keytool is missing.
    #[must_use]
    pub fn start(target: u16) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = folder.path().join("keys.p12");
        let keytool = |arguments: &[&str]| {
            let mut command = Command::new("keytool");
            command.args(arguments).arg("-keystore").arg(&store);
            command.args(["-storepass", PASSWORD, "-storetype", "PKCS12", "-alias", "server"]);
            let output = command.output().expect("keytool comes with Java");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            output.stdout
        };
        let names = ["-dname", "CN=tests of weir", "-ext", "SAN=ip:127.0.0.1,dns:localhost"];
        keytool(
            &[&["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "2"], &names[..]]
                .concat(),
        );
        let root = keytool(&["-exportcert", "-rfc"]);
        std::fs::write(folder.path().join("root.pem"), root).expect("a temporary folder can be written");
        let mut child = Command::new("java")
            .arg(workspace::file("tests/servers/Tls.java"))
            .arg(&store)
            .args([PASSWORD, &target.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Java runs the broker, too");
        let mut said = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
        output.read_line(&mut said).expect("its output can be read");
        let port = said.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
        Self { child, port: port.unwrap_or_else(|| panic!("no TLS end: {said}")), folder }
    }

    /// `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The file with the certificate that is to be trusted.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        Path::new(self.folder.path()).join("root.pem")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
