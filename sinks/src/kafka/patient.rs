//! Topics whose records do not expire while they wait in the client.
//!
//! Separate, because it is the only unsafe code of this crate: `message.timeout.ms` is a property of a topic, and rdkafka sets it for
//! all topics of a client at once. It is needed because of what librdkafka does with a record that waited too long in its queue: it
//! lets the record go, has its producer's number changed, and sends what lies behind it under the new number, which no broker can
//! tell from a producer that never had the record (`enable.gapless.guarantee` is only asked about records that a broker refused). Whoever reads
//! relations, facts and proposals passes over what is not above the highest origin that was heard, and would pass over the lost one
//! when it is written again. A record that does not expire leaves no gap: a broker takes a producer's records by number, one after the other.
//! That such a record may be written late, by a worker that had been frozen, does no harm: its origin was heard. Invariant: the
//! handles are given back before the client is.

use std::ffi::{CStr, CString};
use std::os::raw::c_char;
use std::ptr::NonNull;

use rdkafka::bindings as native;
use rdkafka::bindings::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK;
use rdkafka::client::{Client, ClientContext};

use crate::error::Error;

/// Never.
const TIMEOUT: (&CStr, &CStr) = (c"message.timeout.ms", c"0");
/// Longest text of librdkafka's about a property.
const TEXT_BYTES: usize = 256;

/// Such topics of one client. To be dropped before the client.
pub(super) struct Patient(Vec<NonNull<native::rd_kafka_topic_t>>);

// SAFETY: librdkafka's topic handles may be used from any thread.
unsafe impl Send for Patient {}

impl Patient {
    /// Makes them known to a client that has written to none of them yet.
    ///
    /// # Errors
    /// If the client does not take them.
    pub fn declare<C: ClientContext>(client: &Client<C>, names: &[&str]) -> Result<Self, Error> {
        let mut declared = Self(Vec::new());
        for name in names {
            let text = CString::new(*name).map_err(|error| Error::Settings(format!("{name:?}: {error}")))?;
            declared.0.push(topic(client, &text).map_err(Error::Settings)?);
        }
        Ok(declared)
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        for topic in self.0.drain(..) {
            // SAFETY: it is ours, given back once, and its client is alive.
            unsafe { native::rd_kafka_topic_destroy(topic.as_ptr()) };
        }
    }
}

/// A topic with the client's own settings, but for how long a record may wait.
fn topic<C: ClientContext>(
    client: &Client<C>,
    name: &CStr,
) -> Result<NonNull<native::rd_kafka_topic_t>, String> {
    let mut text = [0 as c_char; TEXT_BYTES];
    // SAFETY: the client is alive; every text ends in a zero byte, and librdkafka writes one into `text` within its length. The
    // settings are a copy of ours: given back if they are refused, else the topic's, also if that is not made.
    unsafe {
        let settings = native::rd_kafka_default_topic_conf_dup(client.native_ptr());
        let set = native::rd_kafka_topic_conf_set(
            settings,
            TIMEOUT.0.as_ptr(),
            TIMEOUT.1.as_ptr(),
            text.as_mut_ptr(),
            TEXT_BYTES,
        );
        if set != RD_KAFKA_CONF_OK {
            native::rd_kafka_topic_conf_destroy(settings);
            return Err(CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned());
        }
        let made = native::rd_kafka_topic_new(client.native_ptr(), name.as_ptr(), settings);
        NonNull::new(made).ok_or_else(|| {
            let why = CStr::from_ptr(native::rd_kafka_err2str(native::rd_kafka_last_error()));
            format!("{}: {}", name.to_string_lossy(), why.to_string_lossy())
        })
    }
}
