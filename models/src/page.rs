//! What the HTML reports have in common: head, style, tiles, and text that cannot be markup.
//!
//! Separate from the reports. Invariants: no script, nothing loaded from elsewhere, light and dark; every text from a file is escaped.

use std::fmt::Write as _;

/// The style of every page: light and dark, nothing loaded from elsewhere.
const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6570;--line:#d8dde3;--page:#fff;--card:#f5f7f9;--bad:#c2410c;--good:#0f766e;--weak:#94a3b8}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#98a2ad;--line:#343b44;--page:#14171b;--card:#1d2127;--bad:#fb923c;--good:#2dd4bf;--weak:#64748b}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:0 auto;max-width:1080px;padding:24px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:32px 0 8px}p{margin:4px 0;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin-top:20px}
.tile{background:var(--card);border-radius:8px;padding:12px 14px}.tile b{display:block;font-size:26px;line-height:1.25}
.tile span{color:var(--soft);font-size:13px;display:block}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:4px 8px;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:500}
th:first-child,td:first-child{text-align:left}tr.turn td{border-top:2px solid var(--soft)}
.scroll{overflow-x:auto}svg{max-width:100%;height:auto;display:block}
svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}svg .line{stroke:var(--line)}
svg .bad{fill:var(--bad)}svg .good{fill:var(--good)}svg .weak{fill:var(--weak)}svg .whisker{stroke:var(--ink)}
.pair{display:flex;flex-wrap:wrap;gap:16px}
";

/// A whole page: the title of its window, its own, and what `body` writes.
pub(crate) fn whole(titles: (&str, &str), body: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = begin(&mut out, titles).and_then(|()| body(&mut out));
    out.push_str("</body></html>\n");
    out
}

fn begin(out: &mut String, (window, title): (&str, &str)) -> std::fmt::Result {
    let (window, title) = (escape(window), escape(title));
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{window}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    )
}

/// Figures to be seen first: value, what it is, and a remark.
pub(crate) fn tiles(
    out: &mut String,
    shown: impl IntoIterator<Item = (String, String, String)>,
) -> std::fmt::Result {
    out.push_str("<div class=\"tiles\">\n");
    for (value, what, more) in shown {
        writeln!(out, "<div class=\"tile\"><b>{value}</b>{what}<span>{more}</span></div>")?;
    }
    out.push_str("</div>\n");
    Ok(())
}

/// Text that cannot be markup.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
