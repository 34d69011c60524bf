//! Lines against bad and odd input: one `check`, many data-only tests.
//!
//! Separate from the module, because only the public interface is of interest. Invariant: every input says exactly
//! which records and refusals it gives, in order.

#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers with it")]

use std::io::{self, Read, Write as _};

use ingest::{Line, Lines, Source};
use schema::RejectReason;
use schema::limits::LINE_BYTES_MAX;

/// Hands out at most `step` bytes at once, so that every boundary is met.
struct Slow(io::Cursor<Vec<u8>>, usize);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = buffer.len().min(self.1);
        self.0.read(&mut buffer[..end])
    }
}

fn collect(input: &[u8], step: usize) -> Vec<String> {
    let reader = Slow(io::Cursor::new(input.to_vec()), step);
    let mut lines = Lines::new(Source::from_reader("test", Box::new(reader)).unwrap());
    let mut told = Vec::new();
    while let Some(line) = lines.next() {
        told.push(match line.unwrap() {
            Line::Record { number, bytes } if bytes.len() <= 100 => {
                format!("{number}:{}", String::from_utf8_lossy(bytes))
            }
            Line::Record { number, bytes } => format!("{number}:{} bytes", bytes.len()),
            Line::Refused { number, refusal, .. } => format!("{number}!{}", refusal.reason),
        });
    }
    told
}

fn check(input: &[u8], expected: &[&str]) {
    for step in [1, 2, 3, 7, 4096, 1 << 20] {
        if input.len() / step < 300_000 {
            assert_eq!(collect(input, step), expected, "in steps of {step}");
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn an_empty_file_has_no_lines() {
    check(b"", &[]);
}

#[test]
fn blank_lines_are_passed_over_but_counted() {
    check(b"\n\r\n  \n{a}\n\n{b}\n", &["4:{a}", "6:{b}"]);
}

#[test]
fn crlf_and_a_last_line_without_newline_are_fine() {
    check(b"{a}\r\n{b}\r\n{c}", &["1:{a}", "2:{b}", "3:{c}"]);
}

#[test]
fn a_byte_order_mark_is_dropped_at_the_start_only() {
    check(b"\xef\xbb\xbf{a}\n\xef\xbb\xbf{b}", &["1:{a}", "2:\u{feff}{b}"]);
    check(b"\xef\xbb\xbf", &[]);
    check(b"\xef\xbb", &["1:\u{fffd}"]);
}

#[test]
fn an_over_long_line_is_refused_once_and_the_next_one_is_read() {
    let mut input = b"{a}\n".to_vec();
    input.extend(vec![b'x'; 3 * LINE_BYTES_MAX + 5]);
    input.extend(b"\n{b}\n");
    check(&input, &["1:{a}", "2!too_long", "3:{b}"]);
}

#[test]
fn an_over_long_line_may_be_the_last() {
    check(&vec![b'x'; 40 * LINE_BYTES_MAX], &["1!too_long"]);
}

#[test]
fn a_line_of_exactly_the_limit_is_read() {
    let mut input = vec![b'x'; LINE_BYTES_MAX];
    input.extend(b"\r\n{b}\n");
    check(&input, &["1:65536 bytes", "2:{b}"]);
    input.insert(0, b'x');
    check(&input, &["1!too_long", "2:{b}"]);
}

#[test]
fn gzip_and_zstandard_are_known_by_content_and_may_have_several_members() {
    let two = |pack: fn(&[u8]) -> Vec<u8>| [pack(b"{a}\n{b"), pack(b"}\n{c}")].concat();
    check(&two(gzip), &["1:{a}", "2:{b}", "3:{c}"]);
    check(&two(zstd), &["1:{a}", "2:{b}", "3:{c}"]);
}

#[test]
fn a_truncated_file_keeps_what_came_before() {
    for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
        let whole = pack(b"{a}\n{b}\n");
        let told = collect(&[whole.clone(), whole[..whole.len() - 3].to_vec()].concat(), 64);
        assert_eq!(told[..2], ["1:{a}", "2:{b}"]);
        assert!(told.last().unwrap().ends_with("!corrupt_input"), "{told:?}");
        assert_eq!(told.iter().filter(|line| line.contains('!')).count(), 1);
    }
}

#[test]
fn a_corrupt_file_is_one_refusal() {
    let mut bytes = gzip(&b"{a}\n".repeat(1000));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    bytes[middle + 1] ^= 0xff;
    let told = collect(&bytes, 4096);
    assert_eq!(told.iter().filter(|line| line.ends_with("!corrupt_input")).count(), 1, "{told:?}");
    assert_eq!(collect(b"\x1f\x8b garbage", 4096), ["1!corrupt_input"]);
    assert_eq!(collect(b"\x28\xb5\x2f\xfd garbage", 4096), ["1!corrupt_input"]);
}

#[test]
fn a_failing_device_is_an_error_not_a_refusal() {
    struct Broken(u8);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 > 1 {
                return Err(io::Error::other("bad sector"));
            }
            buffer[..4].copy_from_slice(b"{a}\n");
            Ok(4)
        }
    }
    let mut lines = Lines::new(Source::from_reader("disk", Box::new(Broken(0))).unwrap());
    assert!(matches!(lines.next(), Some(Ok(Line::Record { number: 1, .. }))));
    let error = lines.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "cannot read on in disk after byte 4: bad sector");
    assert!(lines.next().is_none());
}

#[test]
fn a_missing_file_and_a_directory_say_what_to_do() {
    let missing = Source::open("no/such/file").err().unwrap().to_string();
    assert!(missing.starts_with("cannot open no/such/file: "), "{missing}");
    assert!(Source::open(".").is_err());
}

#[test]
fn the_reason_is_a_closed_word() {
    assert_eq!(RejectReason::CorruptInput.word(), "corrupt_input");
}
