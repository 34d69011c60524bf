//! The section `[kafka]`: where the brokers are, and how weir proves to them who it is.
//!
//! Separate from the other sections, because it becomes properties of librdkafka. Invariants: no defaults here (they stand in
//! `weir.toml`); a credential without the protocol that would use it is refused, so that nobody believes to be safe; neither
//! password nor further properties, which may hold one, are ever printed.

use serde::Deserialize;

use super::Secret;
use crate::error::Error;
use crate::files;

/// Largest file of a password, bytes.
const PASSWORD_FILE_BYTES_MAX: u64 = 4_096;

const PROTOCOLS: [&str; 4] = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// Properties that have a setting of their own: one place for each.
const OWN: [(&str, &str); 8] = [
    ("bootstrap.servers", "brokers"),
    ("metadata.broker.list", "brokers"),
    ("security.protocol", "security_protocol"),
    ("sasl.mechanism", "sasl_mechanism"),
    ("sasl.mechanisms", "sasl_mechanism"),
    ("sasl.username", "sasl_username"),
    ("sasl.password", "sasl_password_file"),
    ("ssl.ca.location", "ca_file"),
];

/// Properties that weir chooses, whoever asks, and what rests on them.
const FIXED: [(&str, &str); 22] = [
    ("partitioner", PLACE),
    ("enable.idempotence", ONCE),
    ("enable.gapless.guarantee", ONCE),
    ("transactional.id", ONCE),
    ("acks", WRITTEN),
    ("request.required.acks", WRITTEN),
    ("retries", WRITTEN),
    ("message.send.max.retries", WRITTEN),
    ("max.in.flight", ONCE),
    ("max.in.flight.requests.per.connection", ONCE),
    ("queuing.strategy", ONCE),
    ("delivery.report.only.error", WRITTEN),
    ("group.id", "a role's group is its own: give --group"),
    ("group.protocol", OWNED),
    ("partition.assignment.strategy", OWNED),
    ("enable.auto.commit", FINISHED),
    ("auto.commit.enable", FINISHED),
    ("enable.auto.offset.store", FINISHED),
    ("auto.offset.reset", "a record that is gone is told, never passed over in silence"),
    ("isolation.level", "what was never committed is no event"),
    ("enable.partition.eof", "who reads a topic to its end asks for it"),
    (
        "allow.auto.create.topics",
        "a topic that brokers make by themselves is not as it must be: `weir topics create`",
    ),
];
const PLACE: &str = "records lie where Kafka's Java client would put them, or they are refused and facts miss their partition";
const ONCE: &str = "of relations and facts none is written twice, or before one that came earlier";
const WRITTEN: &str = "an offset is committed after everything that follows from it is known to be written";
const OWNED: &str = "partitions change hands one by one, each after its owner has finished";
const FINISHED: &str = "an offset is committed after its record is finished, and by nobody else";

/// What rests on a property that weir chooses itself; `None`: it may be set.
pub fn fixed(property: &str) -> Option<&'static str> {
    FIXED.iter().find(|(key, _)| *key == property.trim()).map(|(_, why)| *why)
}

/// Apache Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// `host:port`, comma-separated; empty: the command line says.
    pub brokers: String,
    security_protocol: String,
    sasl_mechanism: String,
    sasl_username: String,
    sasl_password: Secret,
    sasl_password_file: String,
    ca_file: String,
    certificate_file: String,
    key_file: String,
    settings: Vec<Secret>,
}

impl Kafka {
    /// librdkafka's properties that these values stand for.
    ///
    /// # Errors
    /// If the file of the password cannot be read, or holds none.
    pub fn properties(&self) -> Result<Vec<(String, String)>, Error> {
        let mut properties = Vec::new();
        let mut set = |key: &str, value: &str| {
            if !value.is_empty() {
                properties.push((key.to_owned(), value.to_owned()));
            }
        };
        if self.security_protocol != "plaintext" {
            set("security.protocol", &self.security_protocol);
        }
        set("ssl.ca.location", &self.ca_file);
        set("ssl.certificate.location", &self.certificate_file);
        set("ssl.key.location", &self.key_file);
        if self.is_sasl() {
            set("sasl.mechanisms", &self.sasl_mechanism);
            set("sasl.username", &self.sasl_username);
            set("sasl.password", self.password()?.reveal());
        }
        for property in &self.settings {
            let (key, value) = property.reveal().split_once('=').expect("`check` looked at it");
            set(key.trim(), value);
        }
        Ok(properties)
    }

    /// The first line of the text or the file: an end of line belongs to no password.
    fn password(&self) -> Result<Secret, Error> {
        let file = &self.sasl_password_file;
        let filed =
            if file.is_empty() { None } else { Some(files::read_text(file, PASSWORD_FILE_BYTES_MAX)?) };
        let text = filed.as_deref().unwrap_or(self.sasl_password.reveal());
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() {
            let name = if file.is_empty() { "kafka.sasl_password" } else { file };
            return Err(Error::file(name, "its first line must be Kafka's password"));
        }
        Ok(Secret::new(password.to_owned()))
    }

    fn is_sasl(&self) -> bool {
        self.security_protocol.starts_with("sasl_")
    }

    fn is_tls(&self) -> bool {
        self.security_protocol.ends_with("ssl")
    }

    /// What is wrong, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        one_of("kafka.security_protocol", &self.security_protocol, &PROTOCOLS)?;
        one_of("kafka.sasl_mechanism", &self.sasl_mechanism, &MECHANISMS)?;
        let has_password = !self.sasl_password.reveal().is_empty();
        if has_password && !self.sasl_password_file.is_empty() {
            return Err("kafka.sasl_password and kafka.sasl_password_file: give one of them".to_owned());
        }
        let has_password = has_password || !self.sasl_password_file.is_empty();
        let protocol = &self.security_protocol;
        if self.is_sasl() && (self.sasl_username.is_empty() || !has_password) {
            return Err(format!(
                "kafka.security_protocol = {protocol:?} needs kafka.sasl_username and kafka.sasl_password_file"
            ));
        }
        if !self.is_sasl() && (has_password || !self.sasl_username.is_empty()) {
            return Err(format!(
                "kafka.sasl_username and its password are not used with kafka.security_protocol = {protocol:?}: \
                 give \"sasl_ssl\", or leave them out"
            ));
        }
        let files = [&self.ca_file, &self.certificate_file, &self.key_file];
        if !self.is_tls() && files.iter().any(|file| !file.is_empty()) {
            return Err(format!(
                "kafka.ca_file, certificate_file and key_file are not used with kafka.security_protocol = \
                 {protocol:?}: give \"ssl\" or \"sasl_ssl\", or leave them out"
            ));
        }
        if self.certificate_file.is_empty() != self.key_file.is_empty() {
            return Err("kafka.certificate_file and kafka.key_file belong together".to_owned());
        }
        self.settings.iter().try_for_each(check_property)
    }
}

/// The text of a property is not told: it may be a secret.
fn check_property(property: &Secret) -> Result<(), String> {
    let Some((key, _)) = property.reveal().split_once('=') else {
        return Err("kafka.settings: each is \"KEY=VALUE\", a property of librdkafka".to_owned());
    };
    if let Some(why) = fixed(key) {
        return Err(format!("kafka.settings: {} is weir's own: {why}", key.trim()));
    }
    match OWN.iter().find(|(own, _)| *own == key.trim()) {
        Some((own, name)) => Err(format!("kafka.settings: for {own} there is kafka.{name}")),
        None => Ok(()),
    }
}

fn one_of(name: &str, value: &str, allowed: &[&str]) -> Result<(), String> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(format!("{name} = {value:?}: give one of {}", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_on_which_an_invariant_rests_is_refused_and_its_value_not_told() {
        for (property, why) in FIXED {
            let said = check_property(&Secret::new(format!(" {property} = s3cr3t"))).expect_err("refused");
            assert!(said.contains(property) && said.contains(why) && !said.contains("s3cr3t"), "{said}");
        }
        for property in ["session.timeout.ms", "fetch.wait.max.ms", "compression.type", "linger.ms"] {
            assert_eq!(check_property(&Secret::new(format!("{property}=1"))), Ok(()));
        }
    }
}
