//! Records on their way into the journal: one block of bytes and where each record lies in it.
//!
//! Separate, because whoever fills a batch knows nothing of SQLite. Invariant: a batch never grows beyond what 32-bit
//! places can address; its users bound it far below.

use std::ops::Range;

/// What a record of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Topic {
    /// An event as it was sent.
    Events = 0,
    /// A decision.
    Decisions = 1,
    /// A refused record.
    Rejects = 2,
    /// An act of a reviewer.
    Reviews = 3,
    /// A version that is wanted, keyed by the control's id.
    Control = 4,
    /// A feature row, for the history.
    Rows = 5,
}

impl Topic {
    /// All of them, by number.
    pub const ALL: [Topic; 6] =
        [Self::Events, Self::Decisions, Self::Rejects, Self::Reviews, Self::Control, Self::Rows];

    /// The topic of a number in the file.
    pub(crate) fn from_number(number: i64) -> Option<Topic> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// Records to be appended together, in order.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    events: u64,
}

#[derive(Debug)]
struct Item {
    topic: Topic,
    key: Range<u32>,
    body: Range<u32>,
}

impl Batch {
    /// An empty batch with room for this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), items: Vec::new(), events: 0 }
    }

    /// Adds a record with these bytes.
    pub fn push(&mut self, topic: Topic, key: &[u8], body: &[u8]) {
        self.push_with(topic, key, |bytes| bytes.extend_from_slice(body));
    }

    /// Adds a record whose bytes are appended by `write`.
    pub fn push_with(&mut self, topic: Topic, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.place();
        self.bytes.extend_from_slice(key);
        let middle = self.place();
        write(&mut self.bytes);
        let end = self.place();
        self.items.push(Item { topic, key: start..middle, body: middle..end });
        self.events += u64::from(topic == Topic::Events);
    }

    fn place(&self) -> u32 {
        u32::try_from(self.bytes.len()).expect("requests and batches are bounded far below 4 GiB")
    }

    /// Records in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Events in it.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Bytes of keys and bodies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Topic, key and body of each record, in order.
    pub fn records(&self) -> impl Iterator<Item = (Topic, &[u8], &[u8])> {
        let slice = |range: &Range<u32>| &self.bytes[range.start as usize..range.end as usize];
        self.items.iter().map(move |item| (item.topic, slice(&item.key), slice(&item.body)))
    }
}
