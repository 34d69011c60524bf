//! Events as JSON: one object a message or NDJSON line, decoded without a copy.
//!
//! Separate from the wire shape, which Protobuf shares. Hand-written, because the records are flat and their keys are
//! known: see `benches/decode.rs` for the figures against serde. Invariants: the grammar is RFC 8259's, strictly; text
//! without escapes borrows; nesting never uses the call stack; whatever the bytes, the answer is a record or a refusal.
//!
//! Decided here: `null` reads as absent; unknown fields are skipped, whatever their value; a documented field given
//! twice is `malformed`; `5.0` is not an integer; anything but white space after the object is `malformed`.

mod cursor;
mod fast;
mod fault;
mod key;
mod skip;
mod stops;
mod value;

pub(crate) use cursor::Cursor;
pub(crate) use fault::Fault;
pub(crate) use value::Value;

use crate::event::Event;
use crate::limits::LINE_BYTES_MAX;
use crate::raw::{Field, RawEvent};
use crate::reject::{Refusal, RejectReason};

const _: () = assert!(Field::ALL.len() <= 64, "the fields seen so far are the bits of one word");

/// Decodes one line or message. White space around the object, a carriage return included, is no matter.
///
/// # Errors
/// The bytes are over 64 KiB, no UTF-8, no single JSON object, or a documented field has another type.
#[inline]
pub fn decode(line: &[u8]) -> Result<RawEvent<'_>, Refusal> {
    if line.len() > LINE_BYTES_MAX {
        let detail = format!("{} bytes; at most {LINE_BYTES_MAX}", line.len());
        return Err(Refusal::new(RejectReason::TooLong, detail));
    }
    let text = std::str::from_utf8(line).map_err(|error| {
        let detail = format!("byte {} is not UTF-8", error.valid_up_to() + 1);
        Refusal::new(RejectReason::NotUtf8, detail)
    })?;
    let stops = stops::Stops::new(line);
    // Made where it is returned: the record is too large to be moved for nothing.
    let mut read = Ok(RawEvent::default());
    if let Ok(raw) = &mut read
        && fast::record(text, &stops, raw).is_some()
    {
        return read;
    }
    strict(text, stops)
}

/// Reads any record, or says what is wrong with it.
#[cold]
fn strict(text: &str, stops: stops::Stops) -> Result<RawEvent<'_>, Refusal> {
    let mut raw = RawEvent::default();
    let mut cursor = Cursor::new(text, stops);
    let mut field = None;
    match record(&mut cursor, &mut raw, &mut field) {
        Ok(()) => Ok(raw),
        Err(fault) => Err(fault.refusal(&cursor, field)),
    }
}

/// Appends one event and a line feed: one NDJSON line.
pub fn encode(event: &Event<'_>, out: &mut Vec<u8>) {
    encode_raw(&RawEvent::from(event), out);
}

/// Appends one record and a line feed, its present fields in wire order.
pub fn encode_raw(raw: &RawEvent<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    raw.write(out);
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.extend_from_slice(b"}\n");
}

/// Reads the one object; `field` is the documented field being read when a fault stops it.
#[inline]
fn record<'a>(
    cursor: &mut Cursor<'a>,
    raw: &mut RawEvent<'a>,
    field: &mut Option<Field>,
) -> Result<(), Fault> {
    let mut seen = 0_u64;
    cursor.blank();
    cursor.expect(b'{', Fault::NotAnObject)?;
    cursor.blank();
    if !cursor.take(b'}') {
        loop {
            *field = cursor.key()?;
            cursor.blank();
            cursor.expect(b':', Fault::Syntax)?;
            cursor.blank();
            match *field {
                Some(named) => {
                    let bit = 1 << named as u32;
                    if seen & bit != 0 {
                        return Err(Fault::Twice);
                    }
                    seen |= bit;
                    if !cursor.null()? {
                        raw.read(named, cursor)?;
                    }
                }
                None => skip::value(cursor)?,
            }
            *field = None;
            cursor.blank();
            if !cursor.take(b',') {
                cursor.expect(b'}', Fault::Syntax)?;
                break;
            }
            cursor.blank();
        }
    }
    cursor.blank();
    if cursor.peek().is_some() { Err(Fault::Trailing) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A member as a gateway might write it, or nearly so.
    fn member() -> impl Strategy<Value = String> {
        let key =
            prop::sample::select(vec!["id", "ts", "count", "age_h", "typed", "at", "co_accounts", "x", ""]);
        let value = prop_oneof![
            "\"[a-z_é]{0,9}\"",
            "[0-9]{1,20}",
            "[0-9]{0,5}[.][0-9]{0,5}",
            "-?[0-9][.e]?[0-9]?",
            "true|false|null|tru|\"\\\\n\"|[\\[{ ]|,",
        ];
        (key, prop::sample::select(vec!["", " ", "  "]), value)
            .prop_map(|(key, space, value)| format!("\"{key}\":{space}{value}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn the_fast_way_reads_what_the_strict_way_reads(
            members in prop::collection::vec(member(), 0..5),
            comma in prop::sample::select(vec![",", ", ", " ,"]),
            end in prop::sample::select(vec!["}", "}\r", "}x", "", "} \n"]),
        ) {
            let line = format!("{{{}{end}", members.join(comma));
            let stops = stops::Stops::new(line.as_bytes());
            let mut raw = RawEvent::default();
            if fast::record(&line, &stops, &mut raw).is_some() {
                prop_assert_eq!(Ok(raw), strict(&line, stops), "{}", line);
            }
        }
    }
}
