//! Many records of one partition at a time, out of librdkafka's batch call, which rdkafka does not wrap.
//!
//! Separate, because it is unsafe code: it saves the 1.1 µs a record that polling one by one costs.
//! Invariants: the queue holds its client alive; a batch borrows its queue, and gives every message back when it is dropped;
//! what a message lends lives no longer than the batch.

use std::ffi::{CStr, CString};
use std::os::raw::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::bindings::rd_kafka_resp_err_t::{RD_KAFKA_RESP_ERR__PARTITION_EOF, RD_KAFKA_RESP_ERR_NO_ERROR};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use schema::{CONTENT_TYPE_HEADER, SIGNATURE_HEADER};

use super::admission::Record;
use super::context::Context;

/// Most records in one batch.
const BATCH_RECORDS_MAX: usize = 1_024;

/// The records of one partition, apart from those of all others.
pub struct PartitionQueue {
    queue: NonNull<native::rd_kafka_queue_t>,
    room: Vec<*mut native::rd_kafka_message_t>,
    headers: [CString; 2],
    /// Dropped after the queue: a queue must not outlive its client.
    _client: Arc<BaseConsumer<Context>>,
}

// SAFETY: librdkafka's queues may be used from any thread; `room` holds pointers only while a `Batch` borrows it mutably,
// and is otherwise empty.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Takes the partition's records out of the consumer's common queue. Must be called before the partition is assigned.
    pub(super) fn split(client: &Arc<BaseConsumer<Context>>, topic: &str, partition: i32) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        let name = |header: &str| CString::new(header).expect("the contract's headers have no zero byte");
        // SAFETY: the client is alive, the name ends in a zero byte; the queue is ours and destroyed once, in `drop`.
        let queue = unsafe {
            let queue =
                native::rd_kafka_queue_get_partition(client.client().native_ptr(), topic.as_ptr(), partition);
            let queue = NonNull::new(queue)?;
            native::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            queue
        };
        Some(Self {
            queue,
            room: Vec::with_capacity(BATCH_RECORDS_MAX),
            headers: [name(CONTENT_TYPE_HEADER), name(SIGNATURE_HEADER)],
            _client: Arc::clone(client),
        })
    }

    /// What is there now; if nothing is, one record as soon as it comes, within `wait`.
    pub fn take(&mut self, wait: Duration) -> Batch<'_> {
        let mut taken = self.consume(BATCH_RECORDS_MAX, 0);
        if taken == 0 && !wait.is_zero() {
            // The batch call waits until it has all it was asked for: one record is answered at once.
            taken = self.consume(1, i32::try_from(wait.as_millis()).unwrap_or(i32::MAX));
        }
        // SAFETY: the call wrote `taken` pointers to the start of `room`, within its capacity.
        unsafe { self.room.set_len(taken) };
        Batch { messages: &mut self.room, headers: &self.headers }
    }

    fn consume(&mut self, records_max: usize, wait_ms: i32) -> usize {
        debug_assert!(self.room.is_empty() && self.room.capacity() >= records_max);
        // SAFETY: `room` has space for `records_max` pointers, and the queue is alive.
        let taken = unsafe {
            native::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                wait_ms,
                self.room.as_mut_ptr(),
                records_max,
            )
        };
        usize::try_from(taken).unwrap_or(0)
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: it is ours, no batch borrows it any more, and the client is still alive.
        unsafe { native::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

/// Records that were taken, in the order of the log.
pub struct Batch<'q> {
    messages: &'q mut Vec<*mut native::rd_kafka_message_t>,
    headers: &'q [CString; 2],
}

impl Batch<'_> {
    /// Records, and errors of the partition, in order.
    pub fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        // SAFETY: each pointer is a message of ours until the batch is dropped.
        self.messages.iter().map(|message| Message { message: unsafe { &**message }, headers: self.headers })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The value of the record `ahead` places on, for a glance at what comes next.
    #[must_use]
    #[inline]
    pub fn glance(&self, place: usize) -> Option<&[u8]> {
        // SAFETY: as in `iter`.
        let message = self.messages.get(place).map(|message| unsafe { &**message })?;
        bytes(message.payload, message.len)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: each was given to us once, and nothing lent by it lives longer than the batch.
            unsafe { native::rd_kafka_message_destroy(message) };
        }
    }
}

/// One record, lent by its batch.
#[derive(Clone, Copy)]
pub struct Message<'b> {
    message: &'b native::rd_kafka_message_t,
    headers: &'b [CString; 2],
}

impl<'b> Message<'b> {
    /// What went wrong with the partition; then it is no record.
    #[must_use]
    #[inline]
    pub fn fault(&self) -> Option<String> {
        if self.message.err == RD_KAFKA_RESP_ERR_NO_ERROR { None } else { Some(self.describe()) }
    }

    /// Whether it is no record but the word that there are no more now; only [`super::Consumer::alone`] hears it.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF
    }

    /// Its place in the partition.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.message.offset.unsigned_abs() // A record's offset is never negative.
    }

    /// Its value; empty if it has none.
    #[must_use]
    pub fn value(&self) -> &'b [u8] {
        bytes(self.message.payload, self.message.len).unwrap_or_default()
    }

    /// Bytes of its value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.message.len
    }

    /// The record.
    #[must_use]
    #[inline]
    pub fn record(&self) -> Record<'b> {
        let [content_type, signature] = self.header_values();
        Record {
            key: bytes(self.message.key, self.message.key_len),
            value: bytes(self.message.payload, self.message.len),
            at: self.log_append_time(),
            content_type,
            signature,
        }
    }

    /// When the broker took it, if the topic keeps that.
    #[inline]
    fn log_append_time(&self) -> Option<u64> {
        let mut kind = native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, `kind` is ours.
        let at = unsafe { native::rd_kafka_message_timestamp(self.message, &raw mut kind) };
        let kept = kind == native::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
        u64::try_from(at).ok().filter(|_| kept)
    }

    /// The last header of each name that weir reads.
    #[inline]
    fn header_values(&self) -> [Option<&'b [u8]>; 2] {
        let mut list = ptr::null_mut();
        // SAFETY: the message is alive; the list belongs to it and lives as long.
        let found = unsafe { native::rd_kafka_message_headers(self.message, &raw mut list) };
        if found != RD_KAFKA_RESP_ERR_NO_ERROR {
            return [None, None];
        }
        self.headers.each_ref().map(|name| header(list, name))
    }

    #[cold]
    fn describe(&self) -> String {
        // SAFETY: the answer is a constant text of librdkafka; the payload of an error is its description.
        let name = unsafe { CStr::from_ptr(native::rd_kafka_err2str(self.message.err)) };
        let detail = bytes::<'b>(self.message.payload, self.message.len).unwrap_or_default();
        format!("{}: {}", name.to_string_lossy(), String::from_utf8_lossy(detail))
    }
}

fn header<'b>(list: *mut native::rd_kafka_headers_t, name: &CStr) -> Option<&'b [u8]> {
    let (mut value, mut length) = (ptr::null::<c_void>(), 0);
    // SAFETY: the list belongs to a message that lives for 'b; both answers are ours.
    let found =
        unsafe { native::rd_kafka_header_get_last(list, name.as_ptr(), &raw mut value, &raw mut length) };
    if found == RD_KAFKA_RESP_ERR_NO_ERROR { bytes(value.cast_mut(), length) } else { None }
}

/// What librdkafka points at; a null pointer is an absent value.
#[inline]
fn bytes<'b>(start: *mut c_void, length: usize) -> Option<&'b [u8]> {
    // SAFETY: only called with a message's own pointers and lengths, whose memory lives as long as the batch.
    NonNull::new(start)
        .map(|start| unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<u8>(), length) })
}
