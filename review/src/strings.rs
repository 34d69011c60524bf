//! Every text that a page shows, one file a language.
//!
//! Separate from the pages, so that a translator reads one file. Invariants: all languages have the same keys with the same places to
//! fill, and no key that a page or a template names is missing (tests); a key that is missing all the same is shown as it is.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English, left to right.
    English,
    /// Arabic, right to left.
    Arabic,
}

impl Language {
    /// All of them, the default first.
    pub const ALL: [Language; 2] = [Language::English, Language::Arabic];

    /// Its code as HTML and HTTP know it (BCP 47).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Arabic => "ar",
        }
    }

    /// Its direction as HTML knows it: `ltr` or `rtl`.
    #[must_use]
    pub fn direction(self) -> &'static str {
        match self {
            Language::English => "ltr",
            Language::Arabic => "rtl",
        }
    }

    /// Its own name for itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Arabic => "العربية",
        }
    }

    /// The language of a code such as `ar` or `ar-EG`; `None`: not spoken here.
    #[must_use]
    pub fn of(code: &str) -> Option<Language> {
        let main = code.split('-').next().unwrap_or_default();
        Language::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(main))
    }

    /// The first language of an `Accept-Language` header that is spoken here, else English.
    #[must_use]
    pub fn accepted(header: &str) -> Language {
        let codes = header.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
        codes.take(16).find_map(Language::of).unwrap_or(Language::English)
    }

    /// Its texts.
    #[must_use]
    pub fn strings(self) -> &'static Strings {
        static ENGLISH: OnceLock<Strings> = OnceLock::new();
        static ARABIC: OnceLock<Strings> = OnceLock::new();
        let (cell, text) = match self {
            Language::English => (&ENGLISH, include_str!("../strings/en.toml")),
            Language::Arabic => (&ARABIC, include_str!("../strings/ar.toml")),
        };
        cell.get_or_init(|| Strings::parse(self, text))
    }
}

/// The texts of one language.
#[derive(Debug)]
pub struct Strings {
    /// Which.
    pub language: Language,
    texts: BTreeMap<String, String>,
}

impl Strings {
    /// A text by its key, such as `queue.title`; a key that is missing is shown as it is.
    #[must_use]
    pub fn say<'a>(&'a self, key: &'a str) -> &'a str {
        self.texts.get(key).map_or(key, String::as_str)
    }

    /// A text by its key, if there is one.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str)
    }

    /// A text whose places `{0}`, `{1}` … are filled in order.
    #[must_use]
    pub fn fill<T: AsRef<str>>(&self, key: &str, values: impl AsRef<[T]>) -> String {
        let mut text = self.say(key).to_owned();
        for (place, value) in values.as_ref().iter().enumerate() {
            text = text.replace(&format!("{{{place}}}"), value.as_ref());
        }
        text
    }

    /// A word of the contract, such as an action or a reason: `word.<kind>.<word>` if there is such a text, else the word itself.
    #[must_use]
    pub fn word<'a>(&'a self, kind: &str, word: &'a str) -> &'a str {
        self.texts.get(&format!("word.{kind}.{word}")).map_or(word, String::as_str)
    }

    fn parse(language: Language, text: &str) -> Strings {
        let table: toml::Table = text.parse().expect("the file is compiled in, and a test reads it");
        let mut texts = BTreeMap::new();
        flatten("", &table, &mut texts);
        Strings { language, texts }
    }
}

fn flatten(prefix: &str, table: &toml::Table, texts: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, texts),
            other => drop(texts.insert(key, other.as_str().unwrap_or_default().to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The places of a text that are filled.
    fn places(text: &str) -> BTreeSet<&str> {
        let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
        parts.map(|(place, _)| place).collect()
    }

    #[test]
    fn all_languages_have_the_same_keys_with_the_same_places_and_no_empty_text() {
        let english = Language::English.strings();
        for language in Language::ALL {
            let strings = language.strings();
            let missing: Vec<_> =
                english.texts.keys().filter(|key| !strings.texts.contains_key(*key)).collect();
            let more: Vec<_> = strings.texts.keys().filter(|key| !english.texts.contains_key(*key)).collect();
            assert!(
                missing.is_empty() && more.is_empty(),
                "{language:?}: missing {missing:?}, not in English {more:?}"
            );
            for (key, text) in &strings.texts {
                assert!(!text.trim().is_empty(), "{language:?}: {key} is empty");
                assert_eq!(places(text), places(english.say(key)), "{language:?}: {key}");
            }
        }
    }

    /// Every `say("key")` and `fill("key"` of sources and templates.
    fn named(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of the crate") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                named(&path, found);
                continue;
            }
            if path.ends_with("strings.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            for call in ["say(\"", "fill(\"", "Asked(\"", "Conflict(\""] {
                let calls = text.split(call).skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(calls.filter(|key| key.contains('.')).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_key_that_a_page_names_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = BTreeSet::new();
        named(&root.join("src"), &mut found);
        named(&root.join("templates"), &mut found);
        assert!(found.len() > 50, "only {} keys were found", found.len());
        let english = Language::English.strings();
        let missing: Vec<_> = found.iter().filter(|key| !english.texts.contains_key(*key)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_first_language_that_is_spoken_here_is_chosen() {
        assert_eq!(Language::accepted("fr-FR, ar-EG;q=0.8, en;q=0.5"), Language::Arabic);
        assert_eq!(Language::accepted("fr"), Language::English);
        assert_eq!(Language::accepted(""), Language::English);
        assert_eq!(Language::of("EN-us"), Some(Language::English));
    }

    #[test]
    fn places_are_filled_and_what_is_missing_shows_its_key() {
        let strings = Strings::parse(Language::English, "[a]\nb = \"{1} of {0}\"");
        assert_eq!(strings.fill("a.b", ["9", "2"]), "2 of 9");
        assert_eq!(strings.say("a.c"), "a.c");
        assert_eq!(strings.word("action", "ban"), "ban");
    }
}
