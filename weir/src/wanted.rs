//! What operators want, as bytes: a control record, read and checked.
//!
//! Separate from the two who write it down: the control writer on Kafka and the server of a journal, which take the same.
//! Invariant: what passes here can be carried out, but for its file.

use schema::{Control, Refusal, RejectReason};

/// Reads and checks a control record.
pub fn control(value: &[u8]) -> Result<Control, Refusal> {
    let control: Control = serde_json::from_slice(value)
        .map_err(|error| Refusal::new(RejectReason::Malformed, format!("no control record: {error}")))?;
    control.check()?;
    Ok(control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_record_that_says_nothing_is_refused() {
        let record = |version: &str| {
            format!(
                r#"{{"id":"c","at":1,"by":"r","kind":"kill","name":"enforcement","version":"{version}"}}"#
            )
        };
        let reason = |text: &str| control(text.as_bytes()).map_err(|refusal| refusal.reason).err();
        assert_eq!(reason(&record("on")), None);
        assert_eq!(reason(&record("perhaps")), Some(RejectReason::UnknownWord));
        assert_eq!(reason("{"), Some(RejectReason::Malformed));
        assert_eq!(reason(r#"{"id":"c"}"#), Some(RejectReason::Malformed));
    }
}
