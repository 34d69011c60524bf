//! The body of a request: read within its limits, unpacked within its limits.
//!
//! Separate from what is in it. Invariants: no body can make the server hold more than its two limits; a slow sender is
//! left after a while; data that breaks in the middle is refused whole, since its sender can send it again.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use schema::limits::{HTTP_BODY_BYTES_MAX, HTTP_UNPACKED_BYTES_MAX};
use schema::{Refusal, RejectReason};
use zstd::stream::read::Decoder as ZstdDecoder;

use super::problem;

/// How long a body may take to arrive.
const ARRIVES: Duration = Duration::from_secs(30);

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// By `Content-Encoding`.
    pub(super) fn of(headers: &HeaderMap) -> Result<Packing, Box<Response>> {
        let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Packing::Plain) };
        match value.as_bytes() {
            b"" | b"identity" => Ok(Packing::Plain),
            b"gzip" => Ok(Packing::Gzip),
            b"zstd" => Ok(Packing::Zstd),
            _ => {
                let detail = "Content-Encoding may be gzip or zstd";
                Err(Box::new(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding", detail)))
            }
        }
    }
}

/// Whether the body is packed or long: not to be worked on between other requests.
pub(super) fn is_heavy(headers: &HeaderMap, bytes_max: usize) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    headers.contains_key(CONTENT_ENCODING) || length.is_none_or(|length| length > bytes_max)
}

/// All of it, as it was sent.
pub(super) async fn read(body: Body) -> Result<Bytes, Box<Response>> {
    match tokio::time::timeout(ARRIVES, axum::body::to_bytes(body, HTTP_BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let detail =
                format!("the body did not arrive or has more than {HTTP_BODY_BYTES_MAX} bytes: {error}");
            Err(Box::new(problem(StatusCode::PAYLOAD_TOO_LARGE, "body", &detail)))
        }
        Err(_) => Err(Box::new(problem(
            StatusCode::REQUEST_TIMEOUT,
            "slow_body",
            "the body took over 30 s to arrive",
        ))),
    }
}

/// Unpacks it.
pub(super) fn unpack(packing: Packing, packed: Bytes) -> Result<Bytes, Refusal> {
    let broken = |error: std::io::Error| {
        let detail = format!("the compressed body ends or breaks: {error}; nothing of it was taken");
        Refusal::new(RejectReason::CorruptInput, detail)
    };
    let mut bytes = Vec::new();
    let limit = HTTP_UNPACKED_BYTES_MAX as u64 + 1;
    match packing {
        Packing::Plain => return Ok(packed),
        Packing::Gzip => {
            MultiGzDecoder::new(&packed[..]).take(limit).read_to_end(&mut bytes).map_err(broken)?
        }
        Packing::Zstd => ZstdDecoder::new(&packed[..])
            .and_then(|decoder| decoder.take(limit).read_to_end(&mut bytes))
            .map_err(broken)?,
    };
    if bytes.len() > HTTP_UNPACKED_BYTES_MAX {
        let detail = format!("over {HTTP_UNPACKED_BYTES_MAX} bytes once unpacked: send it in parts");
        return Err(Refusal::new(RejectReason::TooLong, detail));
    }
    Ok(bytes.into())
}
