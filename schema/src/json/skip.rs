//! Passing over a value that nobody asked for, checking its grammar on the way.
//!
//! Separate, because it must neither recurse nor allocate. Invariant: open brackets are bits of one word, so nesting is
//! bounded by 64 and costs no stack.

use super::{Cursor, Fault};

const DEPTH_MAX: u32 = 64;

/// Passes over one value of any type.
pub(crate) fn value(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let (mut depth, mut objects) = (0_u32, 0_u64);
    loop {
        // A value is next.
        match cursor.peek() {
            Some(open @ (b'{' | b'[')) => {
                if depth == DEPTH_MAX {
                    return Err(Fault::Deep);
                }
                cursor.advance(1);
                cursor.blank();
                let close = if open == b'{' { b'}' } else { b']' };
                if !cursor.take(close) {
                    objects = objects << 1 | u64::from(open == b'{');
                    depth += 1;
                    if open == b'{' {
                        key(cursor)?;
                    }
                    continue;
                }
            }
            _ => scalar(cursor)?,
        }
        // A value was read: close what ends here, or go on to the next one.
        loop {
            if depth == 0 {
                return Ok(());
            }
            cursor.blank();
            let in_object = objects & 1 == 1;
            if cursor.take(b',') {
                cursor.blank();
                if in_object {
                    key(cursor)?;
                }
                break;
            }
            cursor.expect(if in_object { b'}' } else { b']' }, Fault::Syntax)?;
            objects >>= 1;
            depth -= 1;
        }
    }
}

fn key(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    string(cursor)?;
    cursor.blank();
    cursor.expect(b':', Fault::Syntax)?;
    cursor.blank();
    Ok(())
}

fn scalar(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    match cursor.peek() {
        None => Err(Fault::Truncated),
        Some(b'"') => string(cursor),
        Some(b'-' | b'0'..=b'9') => number(cursor),
        Some(_) if cursor.take_word("true") || cursor.take_word("false") || cursor.take_word("null") => {
            Ok(())
        }
        Some(_) => Err(Fault::Syntax),
    }
}

/// A string; its escapes are checked by form alone, since nobody reads them.
fn string(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    cursor.expect(b'"', Fault::Syntax)?;
    loop {
        cursor.skip_plain();
        match cursor.peek() {
            None => return Err(Fault::Truncated),
            Some(b'"') => {
                cursor.advance(1);
                return Ok(());
            }
            Some(b'\\') => {
                cursor.advance(1);
                let letter = cursor.peek().ok_or(Fault::Truncated)?;
                cursor.advance(1);
                match letter {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => drop(cursor.hex4()?),
                    _ => return Err(Fault::Escape),
                }
            }
            Some(_) => return Err(Fault::Control),
        }
    }
}

/// A number by RFC 8259's grammar.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    cursor.take(b'-');
    if !cursor.take(b'0') {
        digits(cursor)?;
    }
    if cursor.take(b'.') {
        digits(cursor)?;
    }
    if cursor.take(b'e') || cursor.take(b'E') {
        let _signed = cursor.take(b'+') || cursor.take(b'-');
        digits(cursor)?;
    }
    match cursor.peek() {
        Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'a'..=b'z' | b'A'..=b'Z') => Err(Fault::Number),
        _ => Ok(()),
    }
}

fn digits(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let count = cursor.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
    cursor.advance(count);
    match count {
        0 if cursor.peek().is_none() => Err(Fault::Truncated),
        0 => Err(Fault::Number),
        _ => Ok(()),
    }
}
