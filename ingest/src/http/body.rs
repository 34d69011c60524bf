//! The body of a request: read within its limits, unpacked within its limits.
//!
//! Separate from what is in it. Invariants: no body can make the server hold more than its two limits, nor all that arrive together
//! more than a third; only what has arrived counts, so that a slow sender keeps nobody out, and is left after a while; data that breaks in the middle is refused whole, since its sender can send it again.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use schema::{Refusal, RejectReason};
use tokio::sync::{Semaphore, SemaphorePermit};
use zstd::stream::read::Decoder as ZstdDecoder;

use super::problem::{busy, problem};

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

/// A body as it was sent, and its share of what may wait.
pub(super) struct Arrived<'w> {
    pub(super) bytes: Bytes,
    _share: Option<SemaphorePermit<'w>>,
}

/// All of it, of at most `bytes_max`; `waiting`: how many bytes all bodies together may still take.
pub(super) async fn read(
    body: Body,
    bytes_max: usize,
    waiting: &Semaphore,
) -> Result<Arrived<'_>, Box<Response>> {
    let slow = |_| {
        let detail = "the body took over 30 s to arrive";
        Box::new(problem(StatusCode::REQUEST_TIMEOUT, "slow_body", detail))
    };
    tokio::time::timeout(ARRIVES, arrive(body, bytes_max, waiting)).await.map_err(slow)?
}

async fn arrive(body: Body, bytes_max: usize, waiting: &Semaphore) -> Result<Arrived<'_>, Box<Response>> {
    let too_large = |detail: &str| Box::new(problem(StatusCode::PAYLOAD_TOO_LARGE, "body", detail));
    let mut share: Option<SemaphorePermit<'_>> = None;
    let mut bytes = BytesMut::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| too_large(&format!("the body did not arrive: {error}")))?;
        if bytes.len() + piece.len() > bytes_max {
            return Err(too_large(&format!("the body has more than {bytes_max} bytes: send it in parts")));
        }
        let more = u32::try_from(piece.len()).ok().and_then(|more| waiting.try_acquire_many(more).ok());
        let Some(more) = more else { return Err(busy()) };
        match &mut share {
            None => share = Some(more),
            Some(share) => share.merge(more),
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Arrived { bytes: bytes.freeze(), _share: share })
}

/// Unpacks it, to at most `bytes_max`.
pub(super) fn unpack(packing: Packing, packed: Bytes, bytes_max: usize) -> Result<Bytes, Refusal> {
    let broken = |error: std::io::Error| {
        let detail = format!("the compressed body ends or breaks: {error}; nothing of it was taken");
        Refusal::new(RejectReason::CorruptInput, detail)
    };
    let mut bytes = Vec::new();
    let limit = bytes_max as u64 + 1;
    match packing {
        Packing::Plain => return Ok(packed),
        Packing::Gzip => {
            MultiGzDecoder::new(&packed[..]).take(limit).read_to_end(&mut bytes).map_err(broken)?
        }
        Packing::Zstd => ZstdDecoder::new(&packed[..])
            .and_then(|decoder| decoder.take(limit).read_to_end(&mut bytes))
            .map_err(broken)?,
    };
    if bytes.len() > bytes_max {
        let detail = format!("over {bytes_max} bytes once unpacked: send it in parts");
        return Err(Refusal::new(RejectReason::TooLong, detail));
    }
    Ok(bytes.into())
}
