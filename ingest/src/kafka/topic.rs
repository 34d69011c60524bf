//! Which topic a name stands for now: one that was deleted and made anew has another id.
//!
//! Separate, because librdkafka tells it and rdkafka does not wrap it: unsafe code. Invariants: everything that librdkafka gave is given
//! back, whatever it says; an answer within [`ANSWER`].

use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
use rdkafka::client::{Client, ClientContext};

use crate::error::Error;

/// How long the brokers may take.
const ANSWER: Duration = Duration::from_secs(20);

/// What is to be given back, and how.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    /// What librdkafka made, unless it did not.
    fn of(made: *mut T, give_back: unsafe extern "C" fn(*mut T), what: &str) -> Result<Self, Error> {
        let made = NonNull::new(made).map(|made| Self(made, give_back));
        made.ok_or_else(|| Error::Broker(format!("the client gives no {what}")))
    }

    fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it is ours and given back once.
        unsafe { self.1(self.0.as_ptr()) };
    }
}

/// The id of a topic, as the brokers have it.
///
/// # Errors
/// If the brokers do not answer, or know no such topic.
pub(super) fn id<C: ClientContext>(client: &Client<C>, topic: &str) -> Result<u128, Error> {
    let failed = |why: &str| Error::Broker(format!("cannot ask which topic {topic} is: {why}"));
    let name = CString::new(topic).map_err(|error| failed(&error.to_string()))?;
    let client = client.native_ptr();
    let wait_ms = i32::try_from(ANSWER.as_millis()).expect("20,000");
    // SAFETY: the client is alive for the whole call; every pointer is either owned by an `Owned`, which outlives its use, or lent
    // by the event, which is dropped last; texts end in a zero byte.
    unsafe {
        let queue = native::rd_kafka_queue_new(client);
        let queue = Owned::of(queue, native::rd_kafka_queue_destroy, "queue")?;
        let options = native::rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        let options = Owned::of(options, native::rd_kafka_AdminOptions_destroy, "options")?;
        native::rd_kafka_AdminOptions_set_request_timeout(options.get(), wait_ms, ptr::null_mut(), 0);
        let mut names: [*const c_char; 1] = [name.as_ptr()];
        let asked = native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let asked = Owned::of(asked, native::rd_kafka_TopicCollection_destroy, "collection")?;
        native::rd_kafka_DescribeTopics(client, asked.get(), options.get(), queue.get());
        let event = native::rd_kafka_queue_poll(queue.get(), wait_ms + 1_000);
        let event = Owned::of(event, native::rd_kafka_event_destroy, "answer in time")?;
        if native::rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(failed(&text(native::rd_kafka_event_error_string(event.get()))));
        }
        let result = native::rd_kafka_event_DescribeTopics_result(event.get());
        let mut count = 0;
        let topics = match NonNull::new(result.cast_mut()) {
            Some(result) => native::rd_kafka_DescribeTopics_result_topics(result.as_ptr(), &raw mut count),
            None => ptr::null_mut(),
        };
        if topics.is_null() || count != 1 {
            return Err(failed("another answer than was asked for"));
        }
        let described = *topics;
        let error = native::rd_kafka_TopicDescription_error(described);
        if !error.is_null() && native::rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(failed(&text(native::rd_kafka_error_string(error))));
        }
        let id = native::rd_kafka_TopicDescription_topic_id(described);
        let most = native::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
        let least = native::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
        Ok(u128::from(most) << 64 | u128::from(least))
    }
}

/// A text that librdkafka lends.
///
/// # Safety
/// It is null, or ends in a zero byte and lives until this returns.
unsafe fn text(lent: *const c_char) -> String {
    if lent.is_null() {
        return "no reason is given".to_owned();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(lent) }.to_string_lossy().into_owned()
}
