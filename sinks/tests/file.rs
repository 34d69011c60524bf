//! Files: compression, closed pipes, full devices.
//!
//! Separate from the module, because only the public interface is of interest. Invariant: what was written is what a
//! reader finds.

use std::io::{self, Read, Write};

use schema::{Refusal, Reject, RejectReason};
use sinks::{Error, File};

fn reject(offset: u64) -> Reject {
    Reject::new(Refusal::new(RejectReason::Malformed, "no object"), "test", offset, 7, b"{")
}

struct Failing(io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn plain_and_compressed_files_hold_the_same_lines() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, unpack: fn(Vec<u8>) -> Vec<u8>| {
        let path = folder.path().join(name);
        let mut file = File::create(path.to_str().unwrap()).unwrap();
        for offset in 1..=3 {
            file.write(&reject(offset)).unwrap();
        }
        assert_eq!(file.finish().unwrap(), 3);
        String::from_utf8(unpack(std::fs::read(path).unwrap())).unwrap()
    };
    let plain = read("a.ndjson", |bytes| bytes);
    assert_eq!(plain.lines().count(), 3);
    assert!(plain.ends_with("\"raw_b64\":\"ew==\"}\n"), "{plain}");
    assert_eq!(plain, read("a.ndjson.zst", |bytes| zstd::decode_all(&bytes[..]).unwrap()));
    let gunzip = |bytes: Vec<u8>| {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut out).unwrap();
        out
    };
    assert_eq!(plain, read("a.ndjson.gz", gunzip));
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut file = File::to_writer("-", Box::new(Failing(io::ErrorKind::BrokenPipe))).unwrap();
    file.write(&reject(1)).unwrap();
    file.flush().unwrap();
    assert!(file.is_closed());
    file.write(&reject(2)).unwrap();
    file.finish().unwrap();
}

#[test]
fn a_full_device_is_named() {
    let mut file = File::to_writer("out.ndjson", Box::new(Failing(io::ErrorKind::StorageFull))).unwrap();
    file.write(&reject(1)).unwrap();
    let error = file.finish().unwrap_err();
    assert!(matches!(error, Error::Write { .. }));
    assert!(error.to_string().starts_with("cannot write on to out.ndjson after 1 records: "), "{error}");
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let error = File::create("no/such/folder/out.ndjson").err().unwrap();
    assert!(error.to_string().starts_with("cannot create no/such/folder/out.ndjson: "), "{error}");
}
