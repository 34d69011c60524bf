//! Frames: a tag, a length, and records back to back.
//!
//! Separate, because the reader of a chunk finds the tables by their tags. Invariant: a frame of an unknown tag is refused, not
//! skipped: what is not understood must not be forgotten.

use super::{Error, Reader};

/// Which table a frame belongs to. Numbers are part of the format: only added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// The first frame of a layer: format, kind, and the engine's own values.
    Begin = 1,
    /// The last frame of a layer.
    End = 2,
    /// The feature store's own values.
    Store = 3,
    /// Accounts.
    Accounts = 4,
    /// Accounts that are gone.
    AccountsGone = 5,
    /// The relation engine's own values.
    Relations = 6,
    /// First contacts.
    Contacts = 7,
    /// Entities seen with one account.
    Once = 8,
    /// Shared entities.
    Shared = 9,
    /// Shared entities that are gone.
    SharedGone = 10,
    /// Where the ring of event ids stands.
    Ids = 11,
    /// Pages of event ids.
    IdPages = 12,
    /// The standing table's own values.
    Standing = 13,
    /// Standings.
    Standings = 14,
    /// Standings that are gone.
    StandingsGone = 15,
    /// What is known from blocklists.
    Hits = 16,
    /// What is no longer known from blocklists.
    HitsGone = 17,
    /// Accounts that were asked for since a blocklist changed.
    Asked = 18,
}

const TAGS: [Tag; 18] = [
    Tag::Begin,
    Tag::End,
    Tag::Store,
    Tag::Accounts,
    Tag::AccountsGone,
    Tag::Relations,
    Tag::Contacts,
    Tag::Once,
    Tag::Shared,
    Tag::SharedGone,
    Tag::Ids,
    Tag::IdPages,
    Tag::Standing,
    Tag::Standings,
    Tag::StandingsGone,
    Tag::Hits,
    Tag::HitsGone,
    Tag::Asked,
];

/// Bytes of a frame before its records.
pub const FRAME_BYTES: usize = 5;

/// One frame.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its table.
    pub tag: Tag,
    /// Its records.
    pub records: &'a [u8],
}

/// Opens a frame; the place to close it with.
#[must_use]
pub fn open_frame(out: &mut Vec<u8>, tag: Tag) -> usize {
    out.push(tag as u8);
    out.extend_from_slice(&[0; 4]);
    out.len()
}

/// Closes the frame opened at a place.
pub fn close_frame(out: &mut [u8], opened: usize) {
    let length = u32::try_from(out.len() - opened).expect("a frame is bounded by what one call may write");
    out[opened - 4..opened].copy_from_slice(&length.to_le_bytes());
}

/// Appends a frame of these records.
pub fn frame(out: &mut Vec<u8>, tag: Tag, records: &[u8]) {
    let opened = open_frame(out, tag);
    out.extend_from_slice(records);
    close_frame(out, opened);
}

/// The frames of a chunk, in order; the first that is damaged ends them.
pub fn frames(chunk: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, Error>> {
    let mut reader = Reader::new(chunk);
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed || reader.is_empty() {
            return None;
        }
        let next = next(&mut reader);
        failed = next.is_err();
        Some(next)
    })
}

fn next<'a>(reader: &mut Reader<'a>) -> Result<Frame<'a>, Error> {
    let number = usize::from(reader.u8()?);
    let tag = number.checked_sub(1).and_then(|at| TAGS.get(at));
    let tag = *tag.ok_or(Error::Damaged("a frame of an unknown kind"))?;
    let length = reader.u32()? as usize;
    Ok(Frame { tag, records: reader.take(length)? })
}

const _: () = {
    let mut at = 0;
    while at < TAGS.len() {
        assert!(TAGS[at] as usize == at + 1, "the list is in the order of the numbers");
        at += 1;
    }
};
