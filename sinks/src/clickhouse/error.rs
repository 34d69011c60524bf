//! What ClickHouse answers when it does not do what it was asked.
//!
//! Separate, because the reaction is chosen here and nowhere else. Invariant: `Stop` only where trying again cannot
//! help: a wrong name, password, table or column; whatever is not known to be such is tried again, since the records are
//! still in the log.

use std::time::Duration;

use crate::error::Error;

const WHAT: &str = "ClickHouse";

/// That it must be looked at by a person.
pub(super) fn stop(cause: impl Into<String>) -> Error {
    Error::Stop { what: WHAT, cause: cause.into() }
}

/// The answer to a question, if it comes in time: a server that is frozen answers nothing and closes nothing.
pub(super) async fn within<T>(
    time: Duration,
    answer: impl Future<Output = clickhouse::error::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(time, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            Err(Error::Retry { what: WHAT, cause: format!("it did not answer within {} s", time.as_secs()) })
        }
    }
}

/// Codes of ClickHouse's exceptions that time does not heal: unknown identifier, table, database, column, type, setting;
/// syntax; arguments; wrong password; access denied.
const LASTING: [u32; 15] = [10, 16, 36, 42, 43, 46, 47, 50, 60, 62, 81, 115, 192, 497, 516];

impl From<clickhouse::error::Error> for Error {
    fn from(error: clickhouse::error::Error) -> Self {
        use clickhouse::error::Error as Cause;
        let (what, cause) = (WHAT, shown(&error));
        match error {
            Cause::BadResponse(answer) if code(&answer).is_some_and(|code| LASTING.contains(&code)) => {
                Error::Stop { what, cause }
            }
            Cause::InvalidParams(_) | Cause::Unsupported(_) | Cause::SchemaMismatch(_) => {
                Error::Stop { what, cause }
            }
            _ => Error::Retry { what, cause },
        }
    }
}

/// The number in `Code: 60. DB::Exception: …`.
fn code(answer: &str) -> Option<u32> {
    let rest = &answer[answer.find("Code: ")? + "Code: ".len()..];
    rest.split('.').next()?.parse().ok()
}

/// The error and its causes, at most 500 bytes of them.
fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text.truncate(text.floor_char_boundary(500));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(answer: &str) -> Error {
        clickhouse::error::Error::BadResponse(answer.to_owned()).into()
    }

    #[test]
    fn a_missing_table_stops_and_a_full_server_is_tried_again() {
        let missing = "Code: 60. DB::Exception: Table weir.events does not exist. (UNKNOWN_TABLE)";
        assert!(matches!(bad(missing), Error::Stop { .. }));
        let full = "Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS)";
        assert!(matches!(bad(full), Error::Retry { .. }));
        assert!(matches!(bad("502 Bad Gateway"), Error::Retry { .. }));
        assert!(matches!(clickhouse::error::Error::TimedOut.into(), Error::Retry { .. }));
    }
}
