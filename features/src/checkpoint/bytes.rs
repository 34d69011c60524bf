//! Numbers, texts and words as bytes, and back within bounds.
//!
//! Separate, because every table's records are made of these. Invariant: reading past the end, or a text that is too long or
//! not UTF-8, is an error and never a panic.

use super::Error;

/// Appends at most 65,535 bytes with their length.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    out.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a text with its length.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Appends words, of which those that are 0 cost a bit: a mask of 32, then its words, and so on.
#[derive(Debug)]
pub struct WordsOut<'a> {
    out: &'a mut Vec<u8>,
    /// Where the open mask lies, and how many of its words have come.
    at: usize,
    mask: u32,
    came: u32,
}

impl<'a> WordsOut<'a> {
    /// Words will be appended here.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, at: 0, mask: 0, came: 0 }
    }

    /// Appends words.
    pub fn put(&mut self, words: &[u32]) {
        for word in words {
            if self.came == 0 {
                self.at = self.out.len();
                self.out.extend_from_slice(&[0; 4]);
            }
            if *word != 0 {
                self.mask |= 1 << self.came;
                self.out.extend_from_slice(&word.to_le_bytes());
            }
            self.came = (self.came + 1) % 32;
            if self.came == 0 {
                self.close();
            }
        }
    }

    /// Closes the last mask.
    pub fn finish(mut self) {
        if self.came > 0 {
            self.close();
        }
    }

    fn close(&mut self) {
        self.out[self.at..self.at + 4].copy_from_slice(&self.mask.to_le_bytes());
        self.mask = 0;
    }
}

/// Reads what [`WordsOut`] wrote.
#[derive(Debug)]
pub struct WordsIn<'r, 'a> {
    reader: &'r mut Reader<'a>,
    mask: u32,
    came: u32,
}

impl<'r, 'a> WordsIn<'r, 'a> {
    /// Words will be read from here.
    pub fn new(reader: &'r mut Reader<'a>) -> Self {
        Self { reader, mask: 0, came: 0 }
    }

    /// Reads over words that are 0.
    ///
    /// # Errors
    /// If the bytes end early.
    #[inline]
    pub fn fill(&mut self, mut words: &mut [u32]) -> Result<(), Error> {
        while !words.is_empty() {
            if self.came == 0 {
                self.mask = self.reader.u32()?;
            }
            let count = words.len().min(32 - self.came as usize);
            let (now, rest) = words.split_at_mut(count);
            let mut set = (u64::from(self.mask) & ((1 << count) - 1)) as u32;
            let bytes = self.reader.take(set.count_ones() as usize * 4)?;
            for word in bytes.chunks_exact(4) {
                now[set.trailing_zeros() as usize] = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                set &= set - 1;
            }
            self.mask = (u64::from(self.mask) >> count) as u32;
            self.came = (self.came + count as u32) % 32;
            words = rest;
        }
        Ok(())
    }

    /// Passes over words.
    ///
    /// # Errors
    /// If the bytes end early.
    pub fn skip(&mut self, words: usize) -> Result<(), Error> {
        let mut scratch = [0; 32];
        for from in (0..words).step_by(32) {
            self.fill(&mut scratch[..(words - from).min(32)])?;
        }
        Ok(())
    }

    /// That no more words follow.
    ///
    /// # Errors
    /// If more do.
    pub fn finish(self) -> Result<(), Error> {
        if self.mask == 0 || self.came == 0 {
            Ok(())
        } else {
            Err(Error::Damaged("a word outside of its block"))
        }
    }
}

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Error::Damaged("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        Ok(self.take(N)?.try_into().expect("as many were taken"))
    }

    /// The next byte.
    ///
    /// # Errors
    /// If there is none.
    pub fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    /// The next byte, 0 or 1.
    ///
    /// # Errors
    /// If there is none, or another.
    pub fn bool(&mut self) -> Result<bool, Error> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::Damaged("neither yes nor no")),
        }
    }

    /// The next 2 bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn u16(&mut self) -> Result<u16, Error> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// The next 4 bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next 8 bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The next 16 bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn u128(&mut self) -> Result<u128, Error> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    /// The next bytes with their length, at most `most`.
    ///
    /// # Errors
    /// If there are fewer, or they are more than `most`.
    pub fn bytes(&mut self, most: usize) -> Result<&'a [u8], Error> {
        let count = usize::from(self.u16()?);
        if count > most {
            return Err(Error::Damaged("a text is too long"));
        }
        self.take(count)
    }

    /// The next text with its length, at most `most` bytes.
    ///
    /// # Errors
    /// If there are fewer bytes, they are more than `most`, or no UTF-8.
    pub fn text(&mut self, most: usize) -> Result<&'a str, Error> {
        std::str::from_utf8(self.bytes(most)?).map_err(|_| Error::Damaged("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_come_back_in_any_pieces_and_truncated_ones_are_refused(
            pieces in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0), any::<u32>()], 0..80), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let words = pieces.concat();
            let mut out = Vec::new();
            let mut to = WordsOut::new(&mut out);
            pieces.iter().for_each(|piece| to.put(piece));
            to.finish();
            let mut read = vec![0; words.len()];
            let mut reader = Reader::new(&out);
            let mut from = WordsIn::new(&mut reader);
            let (first, second) = read.split_at_mut(cut.index(words.len() + 1));
            prop_assert_eq!((from.fill(first), from.fill(second)), (Ok(()), Ok(())));
            prop_assert_eq!(from.finish(), Ok(()));
            prop_assert!(reader.is_empty() && read == words);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(WordsIn::new(&mut reader).skip(words.len()), Ok(()));
            prop_assert!(reader.is_empty());
            if !out.is_empty() {
                let mut reader = Reader::new(&out[..cut.index(out.len())]);
                prop_assert!(WordsIn::new(&mut reader).fill(&mut read).is_err());
            }
        }
    }
}
