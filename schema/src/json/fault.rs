//! Why reading stopped.
//!
//! Separate and one byte wide, so that the reading functions return in registers; the text is made only when needed.

use super::Cursor;
use crate::limits::CO_ACCOUNTS_MAX;
use crate::raw::Field;
use crate::reject::{Refusal, RejectReason};

/// What the bytes under the cursor are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NotAnObject,
    Syntax,
    Truncated,
    Control,
    Escape,
    Surrogate,
    Number,
    Deep,
    Twice,
    Trailing,
    NotText,
    NotInteger,
    NotNumber,
    NotFlag,
    NotList,
    NotLimit,
    NotOrigin,
    PartMissing,
    Integer64,
    Integer32,
    ListTooLong,
}

impl Fault {
    /// The refusal, with the column (bytes, from 1) and the field.
    #[cold]
    pub(crate) fn refusal(self, cursor: &Cursor<'_>, field: Option<Field>) -> Refusal {
        let (reason, cause) = self.describe();
        let column = cursor.position() + 1;
        let detail = match (field, self) {
            (Some(field), _) => format!("{}: {cause}, column {column}", field.name()),
            (None, Fault::NotAnObject) if cursor.peek().is_none() => {
                "no JSON object: the record is empty".into()
            }
            (None, _) => format!("{cause}, column {column}"),
        };
        Refusal::new(reason, detail)
    }

    fn describe(self) -> (RejectReason, String) {
        use RejectReason::{ListTooLong, Malformed, MissingField, OutOfRange, WrongType};
        let (reason, cause) = match self {
            Fault::NotAnObject => (Malformed, "not a JSON object"),
            Fault::Syntax => (Malformed, "not JSON"),
            Fault::Truncated => (Malformed, "the record ends within a value"),
            Fault::Control => (Malformed, "a raw control character in a string"),
            Fault::Escape => (Malformed, "an unknown escape in a string"),
            Fault::Surrogate => (Malformed, "half of a surrogate pair in a string"),
            Fault::Number => (Malformed, "not a JSON number"),
            Fault::Deep => (Malformed, "nested deeper than 64"),
            Fault::Twice => (Malformed, "given twice"),
            Fault::Trailing => (Malformed, "text after the object"),
            Fault::NotText => (WrongType, "expected a string"),
            Fault::NotInteger => (WrongType, "expected an integer"),
            Fault::NotNumber => (WrongType, "expected a number"),
            Fault::NotFlag => (WrongType, "expected true or false"),
            Fault::NotList => (WrongType, "expected a list of strings"),
            Fault::NotLimit => (WrongType, "expected an object of the integers max and per_s"),
            Fault::NotOrigin => (WrongType, "expected an object of the integers partition, offset and n"),
            Fault::PartMissing => (MissingField, "a part of the object is absent"),
            Fault::Integer64 => (OutOfRange, "not between 0 and 18446744073709551615"),
            Fault::Integer32 => (OutOfRange, "not between 0 and 4294967295"),
            Fault::ListTooLong => return (ListTooLong, format!("at most {CO_ACCOUNTS_MAX} items")),
        };
        (reason, cause.to_owned())
    }
}
