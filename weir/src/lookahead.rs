//! A glance at the line that is not yet decoded: whose it is, so that its memory can be asked for in time.
//!
//! Separate from decoding, which must be right: a glance may miss or be wrong, and only speed depends on it. Invariants:
//! looks at the first bytes alone; nothing that it finds is ever used as an event.

use schema::limits::ID_BYTES_MAX;

/// Bytes of a line in which both names are looked for.
const GLANCE_BYTES: usize = 192;

/// An id and an account.
pub type Names<'a> = Option<(&'a [u8], &'a [u8])>;

/// The names of the line that begins here, and of the line after it.
#[inline]
pub fn two(lines: &[u8]) -> (Names<'_>, Names<'_>) {
    let second = memchr::memchr(b'\n', lines).and_then(|end| lines.get(end + 1..));
    (names(lines), second.and_then(names))
}

/// The id and the account of the line that begins here, as gateways write them: `{"id":"` first, nothing escaped.
#[inline]
pub fn names(line: &[u8]) -> Names<'_> {
    let line = &line[..line.len().min(GLANCE_BYTES)];
    let (id, rest) = text(line.strip_prefix(b"{\"id\":\"")?)?;
    let mut rest = rest;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        rest = &rest[quote + 1..];
        if let Some(found) = rest.strip_prefix(b"account\":\"") {
            return Some((id, text(found)?.0));
        }
    }
    None
}

/// What stands before the next quote, and what after it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'"', &bytes[..bytes.len().min(ID_BYTES_MAX + 1)])?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::{names, two};

    #[test]
    fn it_finds_the_names_of_a_line_as_gateways_write_it_and_nothing_else() {
        let line = br#"{"id":"e1","ts":1762128000000,"kind":"message","account":"a_1","peer":"a_2"}"#;
        assert_eq!(names(line), Some((&b"e1"[..], &b"a_1"[..])));
        let both = [&line[..], b"\n", &line[..]].concat();
        assert_eq!(two(&both), (names(line), names(line)));
        assert_eq!(two(line), (names(line), None));
        for other in [&b""[..], b"{", br#"{"ts":1,"id":"e1"}"#, br#"{"id":"e1","ts":1}"#, br#"{"id":"e1"#] {
            assert_eq!(names(other), None);
        }
    }
}
