//! ClickHouse's `RowBinary`: values one after the other, without names.
//!
//! Separate from the tables, and our own, because rows are written straight from borrowed records and sent again as they
//! are when an insert fails. Invariant: the order of calls is the order of the columns, which the insert names.

/// A buffer of rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    count: u64,
}

impl Rows {
    /// Rows in it.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Bytes in it.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Its bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Ends a row.
    pub(super) fn end(&mut self) {
        self.count += 1;
    }

    fn length(&mut self, mut length: usize) {
        while length > 0x7f {
            self.bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        self.bytes.push(length as u8);
    }

    /// `String` or `LowCardinality(String)`.
    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// The same; unknown is empty, since no identifier and no word is.
    pub(super) fn known_text(&mut self, text: Option<&str>) {
        self.text(text.unwrap_or(""));
    }

    /// `UInt8`, or `Bool`.
    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// `UInt32`.
    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `UInt64`, or `DateTime64(3)` of ms since the Unix epoch, which are under 2^63.
    pub(super) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `Float32`.
    pub(super) fn f32(&mut self, value: f32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `Nullable(T)`: `write` is called for what is known.
    pub(super) fn nullable<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.u8(u8::from(value.is_none()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// `Array(T)`.
    pub(super) fn array<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.length(values.len());
        for value in values {
            write(self, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_format_says() {
        let mut rows = Rows::default();
        rows.text(&"x".repeat(200));
        rows.nullable(None, Rows::u32);
        rows.nullable(Some(1), Rows::u32);
        rows.array(&["a"], |rows, text| rows.text(text));
        rows.end();
        assert_eq!((rows.count(), rows.bytes()), (1, 202 + 1 + 5 + 3));
        let bytes = rows.into_bytes();
        assert_eq!(bytes[..2], [0xc8, 0x01], "200 as a varint");
        assert_eq!(bytes[202..], [1, 0, 1, 0, 0, 0, 1, 1, b'a']);
    }
}
