//! The configuration of the servers: one commented default file, a file of the operator's, the environment.
//!
//! Separate from what it configures, which gets values. Invariants: every default stands in `weir.toml` and nowhere else;
//! the operator's file wins over it, the environment over both; what is unknown, of another type or out of range is
//! refused by name before anything starts; a secret is never printed.

mod clauses;
mod file;
mod kafka;
mod oidc;
mod secret;

pub use file::{Config, Engine, History, Keys, Review};
pub use kafka::{Kafka, fixed};
pub use oidc::Oidc;
pub use secret::Secret;

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::error::Error;
use crate::files;

/// The default file.
pub const DEFAULT: &str = include_str!("../weir.toml");
/// The format that this build reads.
const FORMAT: i64 = 1;
/// Largest configuration file, bytes.
const BYTES_MAX: u64 = 256 * 1024;
/// How overrides in the environment begin.
pub const PREFIX: &str = "WEIR_";

/// A configuration as it is in force, and how it differs from the default.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// `section.name = value` for everything that is not the default, secrets hidden.
    pub changed: Vec<String>,
}

/// Reads the operator's file, if there is one, and the overrides (`WEIR_…`, value), and checks everything.
pub fn load(file: Option<&str>, overrides: &[(String, String)]) -> Result<Loaded, Error> {
    let default: Table = DEFAULT.parse().expect("a test parses the file that is built in");
    let mut table = default.clone();
    if let Some(name) = file {
        let text = files::read_text(name, BYTES_MAX)?;
        let own: Table = text.parse().map_err(|error| Error::file(name, wrong(&text, &error)))?;
        merge(&mut table, own).map_err(|detail| Error::file(name, detail))?;
    }
    for (name, value) in overrides {
        set(&mut table, name, value).map_err(|detail| Error::Usage(format!("{name}: {detail}")))?;
    }
    let name = file.unwrap_or("the configuration");
    let changed = changed(&default, &table);
    let config: Config = table.try_into().map_err(|error| Error::file(name, error.to_string().trim_end()))?;
    config.check().map_err(|detail| Error::file(name, detail))?;
    Ok(Loaded { config, changed })
}

/// What is wrong with a file, and where; not the line itself, in which a secret may stand.
fn wrong(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

/// Lays the operator's values over the defaults.
fn merge(table: &mut Table, own: Table) -> Result<(), String> {
    for (section, value) in own {
        if section == "format" {
            if value.as_integer() != Some(FORMAT) {
                return Err(format!("format = {}: this build reads {FORMAT}", shown(false, &value)));
            }
            continue;
        }
        let Some(known) = table.get_mut(&section).and_then(Value::as_table_mut) else {
            return Err(format!("[{section}] is no section: weir check-config --print-default-config"));
        };
        let Value::Table(values) = value else {
            return Err(format!("{section} is a section: write [{section}]"));
        };
        for (name, value) in values {
            let Some(place) = known.get_mut(&name) else {
                return Err(format!(
                    "{section}.{name} is no setting: weir check-config --print-default-config"
                ));
            };
            *place = fitting(place, value)
                .ok_or_else(|| format!("{section}.{name}: must be of type {}", place.type_str()))?;
        }
    }
    Ok(())
}

/// The value, if it has the type of the one it replaces; a whole number may stand for a fraction.
fn fitting(place: &Value, value: Value) -> Option<Value> {
    match (place, value) {
        (Value::Float(_), Value::Integer(whole)) => Some(Value::Float(whole as f64)),
        (place, value) => place.same_type(&value).then_some(value),
    }
}

/// Sets one value from the environment.
fn set(table: &mut Table, name: &str, text: &str) -> Result<(), String> {
    let path = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
    let found = table.iter_mut().find_map(|(section, values)| {
        let rest = path.strip_prefix(section.as_str())?.strip_prefix('_')?;
        values.as_table_mut()?.get_mut(rest)
    });
    let place = found.ok_or("names no setting: weir check-config --print-default-config lists them")?;
    let parsed = match place {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
        }
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Datetime(_) | Value::Table(_) => None,
    };
    *place = parsed.ok_or_else(|| format!("must be of type {}", place.type_str()))?;
    Ok(())
}

/// What differs from the default, as text without secrets.
fn changed(default: &Table, table: &Table) -> Vec<String> {
    let mut lines = Vec::new();
    for (section, values) in table {
        for (name, value) in values.as_table().into_iter().flatten() {
            let was = default.get(section).and_then(|values| values.get(name));
            if was != Some(value) {
                lines.push(format!("{section}.{name} = {}", shown(is_secret(section, name), value)));
            }
        }
    }
    lines
}

/// Whether a value is one, or may hold one.
fn is_secret(section: &str, name: &str) -> bool {
    match section {
        "keys" => !name.ends_with("_file"),
        "kafka" => matches!(name, "sasl_password" | "settings"),
        "oidc" => name == "client_secret",
        _ => false,
    }
}

/// A value as text, unless it is a secret.
fn shown(hidden: bool, value: &Value) -> String {
    match value {
        _ if hidden => "(hidden)".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(parts) => {
            let mut text = String::from("[");
            for (index, part) in parts.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                let _ = write!(text, "{comma}{}", shown(false, part));
            }
            text + "]"
        }
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(when) => when.to_string(),
        Value::Table(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name} = {}", shown(false, value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
