//! Style, scripts and pictures: what the browser keeps.
//!
//! Separate from pages. Invariants: each file is in the binary and is named by its content, so that a browser may keep it for ever and
//! never shows an old one.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use super::wrong::{Answered, Wrong};
use crate::people::secret;

struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A row a file.
const FILES: &[File] = &[
    File { name: "weir.css", kind: STYLE, bytes: include_bytes!("../../static/weir.css") },
    File { name: "desk.css", kind: STYLE, bytes: include_bytes!("../../static/desk.css") },
    File { name: "keys.js", kind: SCRIPT, bytes: include_bytes!("../../static/keys.js") },
    File { name: "case.js", kind: SCRIPT, bytes: include_bytes!("../../static/case.js") },
    File { name: "present.js", kind: SCRIPT, bytes: include_bytes!("../../static/present.js") },
    File { name: "icon.svg", kind: "image/svg+xml", bytes: include_bytes!("../../static/icon.svg") },
    File { name: "fresh.js", kind: SCRIPT, bytes: include_bytes!("../../static/fresh.js") },
];

/// Names with their content's hash, in the order of `FILES`.
fn names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let name = |file: &File| {
            let text = String::from_utf8_lossy(file.bytes);
            let (stem, ending) = file.name.rsplit_once('.').expect("every name has an ending");
            format!("{stem}-{}.{ending}", &secret::hex(&secret::hash(&text))[..16])
        };
        FILES.iter().map(name).collect()
    })
}

/// The path of a file, such as `weir.css`; one that there is not is not found by the browser either.
pub(super) fn path(name: &str) -> String {
    let found = FILES.iter().position(|file| file.name == name);
    let named = found.map_or(name, |at| &names()[at]);
    format!("/review/static/{named}")
}

/// `GET /review/static/{file}`.
pub(super) async fn serve(Path(name): Path<String>) -> Answered {
    let at = names().iter().position(|known| *known == name).ok_or(Wrong::NotFound)?;
    let headers = [(CONTENT_TYPE, FILES[at].kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    let response: Response = (headers, FILES[at].bytes).into_response();
    Ok(response)
}
