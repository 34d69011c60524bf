//! The frame around every page: language, navigation, who is signed in.
//!
//! Separate from the pages. Invariants: a page shows links only to what its viewer may open; what is shown is escaped by the template.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};

use super::{files, wrong::Wrong};
use crate::people::{Right, Viewer};
use crate::strings::{Language, Strings};

/// What the layout needs.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The texts.
    pub(crate) t: &'static Strings,
    /// Who is signed in.
    pub(crate) viewer: Option<Viewer>,
    /// The path in the navigation that is open, such as `/review/audit`; empty: none.
    pub(crate) here: &'static str,
}

/// A link of the navigation.
pub(crate) struct Link {
    /// Where it leads.
    pub(crate) path: &'static str,
    /// The key of its text.
    pub(crate) key: &'static str,
    /// Whether it is open.
    pub(crate) is_here: bool,
}

/// A row a page that stands in the navigation.
const LINKS: &[(&str, &str, Right)] = &[
    ("/review/", "nav.queue", Right::See),
    ("/review/overview", "nav.overview", Right::See),
    ("/review/campaigns", "nav.campaigns", Right::Investigate),
    ("/review/investigate", "nav.investigate", Right::Investigate),
    ("/review/control", "nav.control", Right::See),
    ("/review/quality", "nav.quality", Right::Lead),
    ("/review/people", "nav.people", Right::People),
    ("/review/audit", "nav.audit", Right::Audit),
];

impl Frame {
    /// The frame of a page for whoever is signed in.
    pub(crate) fn new(viewer: &Viewer, here: &'static str) -> Self {
        Self { t: viewer.t, viewer: Some(viewer.clone()), here }
    }

    /// The frame of a page for anybody.
    pub(crate) fn open(t: &'static Strings) -> Self {
        Self { t, viewer: None, here: "" }
    }

    /// The language's code.
    pub(crate) fn code(&self) -> &'static str {
        self.t.language.code()
    }

    /// The language's direction.
    pub(crate) fn direction(&self) -> &'static str {
        self.t.language.direction()
    }

    /// The theme: `light`, `dark` or `auto`.
    pub(crate) fn theme(&self) -> &str {
        match self.viewer.as_ref().map(|viewer| &*viewer.theme) {
            Some("light") => "light",
            Some("dark") => "dark",
            _ => "auto",
        }
    }

    /// The path of a static file.
    pub(crate) fn file(&self, name: &str) -> String {
        files::path(name)
    }

    /// What each form of this page carries.
    pub(crate) fn csrf(&self) -> &str {
        self.viewer.as_ref().map_or("", |viewer| &viewer.csrf)
    }

    /// Links to what the viewer may open.
    pub(crate) fn links(&self) -> Vec<Link> {
        let Some(viewer) = &self.viewer else { return Vec::new() };
        let allowed = LINKS.iter().filter(|(_, _, right)| viewer.may(*right));
        allowed.map(|(path, key, _)| Link { path, key, is_here: *path == self.here }).collect()
    }

    /// The languages that can be chosen.
    pub(crate) fn languages(&self) -> [Language; 2] {
        Language::ALL
    }
}

#[derive(Template)]
#[template(path = "wrong.html")]
struct WrongPage {
    f: Frame,
    title: String,
    text: String,
    signs_in: bool,
}

/// A page that says what is wrong and what to do.
pub(super) fn wrong_page(wrong: Wrong, viewer: Option<Viewer>, t: &'static Strings) -> Response {
    let t = viewer.as_ref().map_or(t, |viewer| viewer.t);
    let (title, text) = wrong.texts();
    let text = match wrong {
        Wrong::Wait(seconds) => t.fill(text, [seconds.to_string()]),
        _ => t.say(text).to_owned(),
    };
    let f = Frame { t, viewer, here: "" };
    let page = WrongPage { f, title: t.say(title).to_owned(), text, signs_in: wrong == Wrong::SignedOut };
    let mut response = self::page(&page);
    *response.status_mut() = wrong.status();
    if let Wrong::Wait(seconds) = wrong {
        response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
    }
    response
}

/// A page, or what is said when it cannot be made.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Wrong::Broken.status().into_response()
        }
    }
}
