//! Logs of a role that runs: to standard error, for people at a terminal, as JSON lines elsewhere.
//!
//! Separate from what is logged. Invariant: an error is logged once, where it is handled; the message reads alone, the fields
//! can be asked for.

use tracing_subscriber::EnvFilter;

use crate::environment;

/// What is logged unless the environment says otherwise: librdkafka tells every lost connection twice.
const FILTER: &str = "info,librdkafka=error";

/// Starts logging; a second call changes nothing.
pub fn start() {
    let filter = EnvFilter::new(FILTER);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if environment::watched() {
        builder.with_ansi(environment::colours()).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    drop(started); // Fails only if logging was started before.
}
