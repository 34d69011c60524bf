//! Whether the brokers can be reached as the settings say, and if not, why: asked before anything else is.
//!
//! Separate, because a client that does its work only ever says that time ran out: the reasons come beside it. Invariants: an
//! answer within [`ANSWER`]; who is refused hears it in seconds, in the broker's or OpenSSL's own words, with what to do;
//! no value of a setting is in an error, since it may be a secret.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};

use crate::error::Error;

/// How long the brokers may take to answer in all.
const ANSWER: Duration = Duration::from_secs(20);
/// How long they are asked at once.
const SLICE: Duration = Duration::from_secs(1);
/// How long reasons are listened to after a slice.
const LISTEN: Duration = Duration::from_millis(50);
/// Slices after which a refusal is believed: until then another broker may let us in.
const REFUSED_SLICES: u32 = 3;

/// What the client said beside its answers.
#[derive(Default)]
struct Reasons(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    newest: Option<String>,
    /// The newest that trying again does not change.
    refused: Option<(RDKafkaErrorCode, String)>,
}

impl ClientContext for Reasons {
    fn error(&self, error: KafkaError, reason: &str) {
        let mut heard = self.0.lock().expect("nobody panics while holding it");
        heard.newest = Some(reason.to_owned());
        if let Some(code @ (RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)) =
            error.rdkafka_error_code()
        {
            heard.refused = Some((code, reason.to_owned()));
        }
    }
}

impl ProducerContext for Reasons {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Asks `brokers` (`host:port`, comma-separated) for anything. `settings`: librdkafka's properties.
///
/// # Errors
/// If a setting is wrong or asks for what this build cannot do; if the brokers refuse; if none answers in time.
pub fn reach(brokers: &str, settings: &[(String, String)]) -> Result<(), Error> {
    let features =
        ClientConfig::new().create_native_config().and_then(|config| config.get("builtin.features"));
    fits(&features.map_err(settings_error)?, settings)?;
    let mut config = ClientConfig::new();
    config.set("client.id", "weir").set("bootstrap.servers", brokers);
    for (key, value) in settings {
        config.set(key, value);
    }
    let client: BaseProducer<Reasons> =
        config.create_with_context(Reasons::default()).map_err(settings_error)?;
    let slices = u32::try_from(ANSWER.as_secs() / SLICE.as_secs()).expect("20");
    for slice in 1..=slices {
        if client.client().fetch_metadata(None, SLICE).is_ok() {
            return Ok(());
        }
        client.poll(LISTEN);
        let mut heard = client.context().0.lock().expect("nobody panics while holding it");
        if slice >= REFUSED_SLICES
            && let Some((code, reason)) = heard.refused.take()
        {
            return Err(Error::Broker(refusal(code, &reason)));
        }
    }
    let heard = client.context().0.lock().expect("nobody panics while holding it");
    let reason = heard.newest.as_deref().unwrap_or("they are silent");
    Err(Error::Broker(format!("no broker of {brokers} answers within {} s: {reason}", ANSWER.as_secs())))
}

fn refusal(code: RDKafkaErrorCode, reason: &str) -> String {
    let advice = if code == RDKafkaErrorCode::Authentication {
        "check the user, its password and the mechanism (kafka.sasl_… in the configuration)"
    } else {
        "check that these are the right brokers, that their listener speaks TLS, and kafka.ca_file in the configuration"
    };
    format!("the brokers do not let us in: {reason}. What to do: {advice}")
}

/// Whether a build of librdkafka with these `features` can do what the settings ask for.
fn fits(features: &str, settings: &[(String, String)]) -> Result<(), Error> {
    let newest = |names: &[&str]| {
        let found = settings.iter().rfind(|(key, _)| names.contains(&key.as_str()));
        found.map(|(_, value)| value.to_ascii_lowercase()).unwrap_or_default()
    };
    let protocol = newest(&["security.protocol"]);
    let mechanism = newest(&["sasl.mechanism", "sasl.mechanisms"]);
    let has = |feature: &str| features.split(',').any(|one| one.trim() == feature);
    let asked = if protocol.ends_with("ssl") && !has("ssl") {
        "TLS"
    } else if protocol.starts_with("sasl") && mechanism.starts_with("scram") && !has("sasl_scram") {
        "SCRAM"
    } else {
        return Ok(());
    };
    Err(Error::Settings(format!(
        "this weir was built without {asked}. Build it with `cargo build --release --locked -p weir --features tls`, which needs \
         OpenSSL's headers (libssl-dev on Debian), or with `--features tls-vendored`, which builds OpenSSL, too"
    )))
}

/// What is wrong with a setting, by its name: the value may be a secret.
pub(super) fn settings_error(error: KafkaError) -> Error {
    Error::Settings(match error {
        KafkaError::ClientConfig(_, what, name, _) if what.contains(&name) => what,
        KafkaError::ClientConfig(_, what, name, _) => format!("{name}: {what}"),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHOUT: &str = "gzip,snappy,sasl,regex,lz4,sasl_plain,plugins,zstd";
    const WITH: &str = "gzip,snappy,ssl,sasl,regex,lz4,sasl_plain,sasl_scram,plugins,zstd";

    fn set(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check(pairs: &[(&str, &str)], missing: Option<&str>) {
        let settings = set(pairs);
        assert!(fits(WITH, &settings).is_ok());
        let said = fits(WITHOUT, &settings).map_err(|error| error.to_string());
        match missing {
            None => assert_eq!(said, Ok(())),
            Some(what) => {
                let error = said.expect_err("this build cannot do it");
                assert!(error.contains(&format!("built without {what}")), "{error}");
                assert!(error.contains("--features tls"), "{error}");
            }
        }
    }

    #[test]
    fn a_build_without_tls_says_how_to_get_one() {
        check(&[], None);
        check(&[("security.protocol", "plaintext"), ("sasl.mechanism", "SCRAM-SHA-512")], None);
        check(&[("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN")], None);
        check(&[("security.protocol", "ssl")], Some("TLS"));
        check(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN")], Some("TLS"));
        check(
            &[("security.protocol", "sasl_plaintext"), ("sasl.mechanisms", "scram-sha-256")],
            Some("SCRAM"),
        );
        check(&[("security.protocol", "ssl"), ("security.protocol", "plaintext")], None);
    }

    #[test]
    fn a_setting_that_is_wrong_is_told_without_its_value() {
        for key in ["sasl.passwort", "linger.ms"] {
            let error = reach("127.0.0.1:1", &set(&[(key, "s3cr3t")])).expect_err("it is wrong").to_string();
            assert!(error.contains(key) && !error.contains("s3cr3t"), "{error}");
        }
    }
}
