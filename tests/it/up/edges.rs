//! What a sender can do to others: hold places, turns and memory, or write under names that are not accounts'.
//!
//! Separate from what is said in answer to good requests. Invariant: one sender's silence or excess costs nobody else the service.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::clock::{self, now_ms};
use harness::up::Up;
use serde_json::json;

use super::{NDJSON, session};

/// Opens a connection and says this.
fn say(up: &Up, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&up.address).expect("the server listens");
    stream.write_all(text.as_bytes()).expect("it is taken");
    stream
}

fn zipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[test]
fn who_is_silent_or_slow_or_sends_too_much_keeps_nobody_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let bounds = [("WEIR_HTTP_CONNECTIONS_MAX", "40"), ("WEIR_HTTP_IDLE_MS", "4000")];
    let up = Up::start(folder.path(), &bounds);
    // More bodies that do not arrive than there are turns.
    let head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n{";
    let slow: Vec<TcpStream> = (0..20).map(|_| say(&up, head)).collect();
    let watch = clock::now();
    let taken = up.client().call("POST", "/v1/events", NDJSON, session("e1").as_bytes()).expect("it answers");
    assert_eq!(taken.status, 200);
    assert!(watch.elapsed() < Duration::from_secs(3), "{:?}", watch.elapsed());
    // Four kilobytes that are two million events.
    let many = zipped(&"x\n".repeat(2_000_000));
    let packed = format!("{NDJSON}Content-Encoding: gzip\r\n");
    let refused = up.client().call("POST", "/v1/events", &packed, &many).expect("it answers");
    assert_eq!((refused.status, &refused.json()["error"]), (413, &"too_long".into()));
    // A check is one event, packed or not.
    let bomb = zipped(&" ".repeat(8 << 20));
    let refused =
        up.client().call("POST", "/v1/check?deadline_ms=10000", &packed, &bomb).expect("it answers");
    assert_eq!((refused.status, &refused.json()["error"]), (413, &"too_long".into()));
    // All places taken by connections that say nothing: they are let go, and whoever waits is served.
    let silent: Vec<TcpStream> = (0..40).map(|_| say(&up, "GET /healthz HT")).collect();
    drop(slow);
    let watch = clock::now();
    let mut waiting = say(&up, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    waiting.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).expect("it answers");
    eprintln!("served after {:?} behind {} silent connections", watch.elapsed(), silent.len());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(silent);
    assert_eq!(up.stop().0, 0);
}

#[test]
fn under_a_name_of_weirs_own_nothing_comes_in_from_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    let up = Up::start(folder.path(), &[]);
    let message = |account: &str, peer: &str| json!({"id": format!("{account}-{peer}"), "ts": now_ms(), "kind": "message", "account": account, "chat": "direct", "peer": peer});
    let lines = [
        message("device:box", "p"),
        message("number_range:49", "p"),
        message("!enforcement", "p"),
        message("!control-0", "p"),
        message("a", "device:box"),
        message("a", "device"),
        message("a:device", "devices:1"),
    ];
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let answer = up.client().call("POST", "/v1/events", NDJSON, lines.join("\n").as_bytes());
    let answer = answer.expect("it answers").json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&2.into(), &5.into()), "{answer}");
    let reasons = answer["rejects"].as_array().expect("a list");
    assert!(reasons.iter().all(|reject| reject["reason"] == "forged_internal"), "{answer}");
    assert_eq!(up.stop().0, 0);
}
