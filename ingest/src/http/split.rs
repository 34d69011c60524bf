//! A body into the texts of its events: lines, or the elements of one JSON array.
//!
//! Separate from decoding, which sees one event at a time. Invariants: a body is an array if its first visible byte is
//! `[`; an array that does not close is refused whole, and so is a body of too many texts, before they take memory; an element is handed on as it stands, right or wrong; nesting
//! never uses the call stack.

use schema::{Refusal, RejectReason};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The texts of the events and their numbers, from 1; blank lines are passed over. Refused if there are more than `most`.
pub(super) fn pieces(body: &[u8], most: usize) -> Result<Vec<(u64, &[u8])>, Refusal> {
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let visible = body.trim_ascii();
    match visible.first() {
        Some(b'[') => elements(visible, most),
        _ => {
            let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).zip(1..);
            let lines = lines.filter(|(line, _)| !line.is_empty()).map(|(line, number)| (number, line));
            let found: Vec<_> = lines.take(most + 1).collect();
            if found.len() > most { Err(too_many(most)) } else { Ok(found) }
        }
    }
}

/// The elements of an array that fills `text`.
fn elements(text: &[u8], most: usize) -> Result<Vec<(u64, &[u8])>, Refusal> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_usize, 1);
    let (mut in_string, mut escaped) = (false, false);
    for (place, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b',' if depth == 1 && found.len() + 1 >= most => return Err(too_many(most)),
            b',' if depth == 1 => {
                found.push((found.len() as u64 + 1, text[start..place].trim_ascii()));
                start = place + 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    if place + 1 != text.len() {
                        return Err(malformed(format!("byte {}: something follows the array", place + 2)));
                    }
                    let last = text[start..place].trim_ascii();
                    if !last.is_empty() || !found.is_empty() {
                        found.push((found.len() as u64 + 1, last));
                    }
                    return Ok(found);
                }
            }
            _ => {}
        }
    }
    Err(malformed("the array does not end; nothing of it was taken".to_owned()))
}

fn too_many(most: usize) -> Refusal {
    let detail = format!("more than {most} in one request, nothing of it was taken: send them in parts");
    Refusal::new(RejectReason::TooLong, detail)
}

fn malformed(detail: String) -> Refusal {
    Refusal::new(RejectReason::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(body: &str, expected: &[(u64, &str)]) {
        let found = pieces(body.as_bytes(), 100).unwrap();
        let found: Vec<(u64, &str)> =
            found.into_iter().map(|(n, text)| (n, std::str::from_utf8(text).unwrap())).collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_are_passed_over() {
        check("", &[]);
        check(" \r\n\n", &[]);
        check("\u{feff}{\"a\":1}\r\n\n{\"b\":2}", &[(1, "{\"a\":1}"), (3, "{\"b\":2}")]);
    }

    #[test]
    fn an_array_is_split_between_its_elements_only() {
        check(" [ ] ", &[]);
        check("[{\"a\":[1,2]}\n, {\"b\":\"],\\\"\"}]", &[(1, "{\"a\":[1,2]}"), (2, "{\"b\":\"],\\\"\"}")]);
        check("[1,,2]", &[(1, "1"), (2, ""), (3, "2")]);
        check("[1,]", &[(1, "1"), (2, "")]);
    }

    #[test]
    fn an_array_that_is_none_is_refused_whole() {
        for body in ["[", "[{\"a\":1}", "[1] 2", "[\"]", "[]]", "[1]\n[2]"] {
            assert_eq!(pieces(body.as_bytes(), 100).unwrap_err().reason, RejectReason::Malformed, "{body}");
        }
    }

    #[test]
    fn a_body_of_too_many_texts_is_refused_whole() {
        for (body, most, is_taken) in [
            ("1\n\n2", 2, true),
            ("1\n2\n3", 2, false),
            ("[1,2]", 2, true),
            ("[1,2,3]", 2, false),
            ("[]", 1, true),
        ] {
            let found = pieces(body.as_bytes(), most);
            assert_eq!(found.is_ok(), is_taken, "{body}");
            assert!(found.is_ok() || found.is_err_and(|refusal| refusal.reason == RejectReason::TooLong));
        }
    }

    proptest! {
        #[test]
        fn an_array_gives_what_lines_give(texts in proptest::collection::vec("[ -~]{0,12}", 1..8)) {
            let objects: Vec<String> =
                texts.iter().map(|text| serde_json::json!({"t": text, "l": [1, {"x": "]"}]}).to_string()).collect();
            let lines = objects.join("\n");
            let array = format!("[{}]", objects.join(" ,\n"));
            prop_assert_eq!(pieces(lines.as_bytes(), 100).unwrap(), pieces(array.as_bytes(), 100).unwrap());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut array = vec![b'['];
            array.extend_from_slice(&bytes);
            let _ = pieces(&bytes, 100);
            let _ = pieces(&array, 100);
        }
    }
}
