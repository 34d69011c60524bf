//! The window of event ids into a checkpoint and back.
//!
//! Separate from the window, which only marks pages of its ring. The table of hashes is made anew from the ring. Invariant: a page
//! is read once, from the newest layer that tells it.

use super::{DuplicateWindow, PAGE_IDS};
use crate::checkpoint::{Error, Frame, Part, Reader, Tag, Tracker, WordsIn, WordsOut, frame};

fn export(ring: &[u64], page: u32, out: &mut Vec<u8>) {
    let from = page as usize * PAGE_IDS;
    out.extend_from_slice(&page.to_le_bytes());
    let mut words = WordsOut::new(out);
    for hash in &ring[from..ring.len().min(from + PAGE_IDS)] {
        words.put(&[*hash as u32, (*hash >> 32) as u32]);
    }
    words.finish();
}

impl DuplicateWindow {
    #[cold]
    pub(super) fn spill(&mut self, page: u32) {
        let Self { ring, tracker, .. } = self;
        tracker.spill(|out| export(ring, page, out));
    }

    fn pages(&self) -> usize {
        self.ring.len().div_ceil(PAGE_IDS)
    }
}

impl Part for DuplicateWindow {
    fn begin(&mut self, full: bool) {
        let mut values = Vec::new();
        values.extend_from_slice(&(self.ring.len() as u64).to_le_bytes());
        values.extend_from_slice(&(self.next as u64).to_le_bytes());
        self.values = Some(values);
        self.tracker.begin(full, self.pages() as u32, &[]);
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        if let Some(values) = self.values.take() {
            frame(out, Tag::Ids, &values);
        }
        let Self { ring, tracker, .. } = self;
        let tags = (Tag::IdPages, Tag::IdPages);
        tracker.write(tags, bytes_max, out, |page, out| export(ring, page, out))
    }

    fn abandon(&mut self) {
        self.values = None;
        self.tracker.abandon(|_| true);
    }

    fn needs_full(&self) -> bool {
        self.tracker.needs_full()
    }
}

/// A window that is being read from layers, newest first.
#[derive(Debug)]
pub struct DuplicateRestore {
    window: DuplicateWindow,
    read: Vec<bool>,
    has_values: bool,
}

impl DuplicateRestore {
    /// Nothing is read yet; the window holds this many ids.
    #[must_use]
    pub fn new(ids: usize) -> Self {
        let window = DuplicateWindow::new(ids);
        Self { read: vec![false; window.pages()], window, has_values: false }
    }

    /// Reads a frame; false if it is of another table.
    ///
    /// # Errors
    /// If it is damaged, or the window had another size.
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<bool, Error> {
        let mut reader = Reader::new(frame.records);
        let ring = &mut self.window.ring;
        match frame.tag {
            Tag::Ids if self.has_values => {}
            Tag::Ids => {
                let (was, is) = (reader.u64()?, ring.len() as u64);
                if was != is {
                    return Err(Error::Bounds { what: "the window of event ids", was, is });
                }
                let next = reader.u64()? as usize;
                if next >= ring.len() {
                    return Err(Error::Damaged("a ring that does not close"));
                }
                self.window.next = next;
                self.has_values = true;
            }
            Tag::IdPages => {
                while !reader.is_empty() {
                    let page = reader.u32()? as usize;
                    let from = page.saturating_mul(PAGE_IDS).min(ring.len());
                    let to = ring.len().min(from + PAGE_IDS);
                    let mut words = [0; PAGE_IDS * 2];
                    let words = &mut words[..(to - from) * 2];
                    WordsIn::new(&mut reader).fill(words)?;
                    let read = self.read.get_mut(page).ok_or(Error::Damaged("a page outside of its ring"))?;
                    if std::mem::replace(read, true) {
                        continue;
                    }
                    for (hash, words) in ring[from..to].iter_mut().zip(words.chunks_exact(2)) {
                        *hash = u64::from(words[0]) | u64::from(words[1]) << 32;
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The window as it was when the newest layer began.
    ///
    /// # Errors
    /// If something of it is missing, or an id is there twice.
    pub fn finish(self) -> Result<DuplicateWindow, Error> {
        let Self { mut window, read, has_values } = self;
        if !has_values || read.contains(&false) {
            return Err(Error::Damaged("event ids are missing"));
        }
        for at in 0..window.ring.len() {
            let hash = window.ring[at];
            if hash != 0 && !window.insert(hash) {
                return Err(Error::Damaged("an event id is there twice"));
            }
        }
        window.tracker = Tracker::restored();
        Ok(window)
    }
}
