//! Whether a statement may be given out: required fields, known words, lengths, dates, and nobody named.
//!
//! Separate from making one, so that what is made is held against the published list and not against itself. Invariant: pure.

use std::sync::OnceLock;

use serde_json::{Map, Value};
use toml::Table;

/// Fewest hexadecimal digits, or digits of a number, in a row that may say who somebody is.
const RUN_MIN: usize = 7;

/// What is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field.
    pub field: String,
    /// What is wrong, for a person.
    pub detail: &'static str,
}

fn attributes() -> &'static Table {
    static ATTRIBUTES: OnceLock<Table> = OnceLock::new();
    let parse =
        || include_str!("attributes.toml").parse().expect("the file is compiled in, and a test reads it");
    ATTRIBUTES.get_or_init(parse)
}

fn names(key: &str) -> Vec<&'static str> {
    let list = attributes().get(key).and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_str).collect()
}

fn section(name: &str) -> &'static Table {
    attributes()
        .get(name)
        .and_then(toml::Value::as_table)
        .expect("the file is compiled in, and a test reads it")
}

/// Every fault of a statement; `identities`: texts that say who somebody is (account, device, prefix, peer…).
#[must_use]
pub fn faults(statement: &Value, identities: &[&str]) -> Vec<Fault> {
    let Some(fields) = statement.as_object() else {
        return vec![Fault { field: String::new(), detail: "no object" }];
    };
    let mut found = Vec::new();
    let mut fault = |field: &str, detail| found.push(Fault { field: field.to_owned(), detail });
    for field in names("required") {
        if is_empty(fields.get(field)) {
            fault(field, "is required");
        }
    }
    if names("one_of").iter().all(|field| is_empty(fields.get(*field))) {
        fault(
            "decision_account",
            "one of decision_visibility, _monetary, _provision and _account is required",
        );
    }
    for rule in attributes().get("required_if").and_then(toml::Value::as_array).into_iter().flatten() {
        let text = |key: &str| rule.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        if words_of(fields.get(text("other"))).contains(&text("value")) && is_empty(fields.get(text("field")))
        {
            fault(text("field"), "is required with what another field says");
        }
    }
    for (field, value) in fields {
        let known = section("words").get(field).and_then(toml::Value::as_array);
        let longest = section("text").get(field).and_then(toml::Value::as_integer);
        let is_date = names("dates").contains(&&**field);
        match (known, longest, is_date) {
            (Some(known), _, _) => {
                let known: Vec<&str> = known.iter().filter_map(toml::Value::as_str).collect();
                if words_of(Some(value)).iter().any(|word| !known.contains(word)) {
                    fault(field, "is no word of the database");
                }
            }
            (_, Some(longest), _) => {
                let text = value.as_str().unwrap_or_default();
                if text.is_empty() || text.chars().count() as i64 > longest {
                    fault(field, "is empty or too long");
                }
            }
            (_, _, true) if value.as_str().is_some_and(is_day) => {}
            (_, _, true) => fault(field, "is no date YYYY-MM-DD from 2020 to 2038-01-01"),
            _ => fault(field, "is no field of the database"),
        }
    }
    let puid = fields.get("puid").and_then(Value::as_str).unwrap_or_default();
    if !puid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        fault("puid", "has letters, digits, - and _ alone");
    }
    for end in names("dates").into_iter().filter(|name| name.starts_with("end_date")) {
        let (from, to) =
            (fields.get("application_date").and_then(Value::as_str), fields.get(end).and_then(Value::as_str));
        if to.is_some_and(|to| from.is_some_and(|from| to < from)) {
            fault(end, "is before the application date");
        }
    }
    found.extend(lint(fields, identities));
    found
}

/// Texts that say, or may say, who somebody is.
fn lint(fields: &Map<String, Value>, identities: &[&str]) -> Vec<Fault> {
    let mut found = Vec::new();
    for (field, value) in fields.iter().filter(|(field, _)| section("text").contains_key(*field)) {
        let text = value.as_str().unwrap_or_default();
        let named = identities.iter().any(|name| name.len() >= 3 && text.contains(name));
        // The id of the decision itself is what the database asks for.
        if named || field != "puid" && is_personal(text) {
            found.push(Fault { field: field.clone(), detail: "says, or may say, who somebody is" });
        }
    }
    found
}

/// Whether a text has something of the form of a mail address, a telephone number, a network address or an identifier.
fn is_personal(text: &str) -> bool {
    let trimmed = |c: char| !c.is_alphanumeric();
    let words = text.split_whitespace().map(|word| word.trim_matches(trimmed));
    let is_word = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let is_mail = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        let is_number =
            digits >= RUN_MIN && word.bytes().all(|byte| byte.is_ascii_digit() || b"+-()/.".contains(&byte));
        let is_address = word.parse::<std::net::IpAddr>().is_ok()
            || word.contains("::")
            || word.split('/').next().is_some_and(|net| net.parse::<std::net::IpAddr>().is_ok());
        let is_id =
            word.len() > RUN_MIN && digits >= 2 && word.rsplit(['_', ':']).next().is_some_and(is_hex_run);
        let is_entity = ["device:", "ip_prefix:", "number_range:", "asn:", "peer:"]
            .iter()
            .any(|kind| word.starts_with(kind));
        is_mail || is_number || is_address || is_id || is_entity
    };
    words.clone().any(is_word) || has_spaced_number(text)
}

fn is_hex_run(text: &str) -> bool {
    text.len() >= RUN_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A telephone number in groups: a plus sign and at least seven digits.
fn has_spaced_number(text: &str) -> bool {
    text.match_indices('+').any(|(at, _)| {
        let rest =
            text[at + 1..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')'));
        rest.filter(char::is_ascii_digit).count() >= RUN_MIN
    })
}

/// The words of a field: one, or those of a list.
fn words_of(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(list)) => list.iter().map(|one| one.as_str().unwrap_or_default()).collect(),
        Some(value) => vec![value.as_str().unwrap_or_default()],
        None => Vec::new(),
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Null) | None => true,
        Some(_) => false,
    }
}

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |at: usize, length: usize| {
        let part =
            parts.get(at).filter(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()));
        part.and_then(|part| part.parse::<u32>().ok()).unwrap_or(0)
    };
    parts.len() == 3
        && number(0, 4) >= 2020
        && (1..=12).contains(&number(1, 2))
        && (1..=31).contains(&number(2, 2))
        && text <= "2038-01-01"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_the_database_is_read_whole() {
        assert_eq!(names("required").len(), 11);
        assert_eq!(section("words").len(), 15);
        let words = |field: &str| section("words")[field].as_array().expect("a list").len();
        assert_eq!((words("category"), words("category_specification"), words("source_type")), (16, 69, 4));
        for field in names("one_of") {
            assert!(section("words").contains_key(field), "{field}");
        }
        assert_eq!(section("words")["territorial_scope"].as_array().map(Vec::len), Some(30));
    }

    #[test]
    fn what_may_say_who_somebody_is_is_found() {
        for text in [
            "write to eve@example.org",
            "call +49 170 1234567",
            "call 0049-170-1234567",
            "from 192.168.1.7",
            "from 2001:db8::1",
            "network 10.1.2.0/24",
            "account a_9f3c2d71e0",
            "on device:d17",
            "id 9f3c2d71e0aa",
        ] {
            assert!(is_personal(text), "{text}");
        }
        for text in [
            "84 new chats in 10 minutes",
            "new_chats_10m was 84",
            "a share of 0.97",
            "2,500 messages",
            "limited to 5 an hour",
            "answered_share_24h was 0.03",
            "messages_1m was 100",
        ] {
            assert!(!is_personal(text), "{text}");
        }
    }
}
