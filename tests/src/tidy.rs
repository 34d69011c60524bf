//! Rules of style that a compiler does not check, over the text and the syntax of one file.
//!
//! Separate from the run over the workspace, so that each rule can be shown a file that breaks it. Invariant: a finding
//! names the place and the rule, and reads alone.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::workspace::Source;

/// Longest file, lines.
pub const FILE_LINES_MAX: usize = 400;
/// Longest function body, lines that are neither blank nor comment.
pub const FUNCTION_LINES_MAX: usize = 70;

const NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc", "xtask"];
const WORDS: &[(&str, &str)] = &[
    (concat!("to", "do!("), "finish it or leave it out"),
    (concat!("unimplement", "ed!("), "finish it or leave it out"),
    (concat!("#[al", "low("), "use #[expect(.., reason = ..)]"),
    (concat!("#![al", "low("), "use #[expect(.., reason = ..)]"),
];
const CLOCKS: &[&str] = &[concat!("SystemTime", "::now"), concat!("Instant", "::now")];
const ENVIRONMENTS: &[&str] = &[concat!("env", "::var"), concat!("env", "::vars")];
const IMPURE: &[&str] = &[
    concat!("std::", "fs"),
    concat!("Tcp", "Stream"),
    concat!("Tcp", "Listener"),
    concat!("Udp", "Socket"),
    concat!("std::", "thread"),
    concat!("std::", "process"),
    concat!("std::", "io"),
    concat!("std::", "env"),
    concat!("thread_", "rng"),
    concat!("from_", "entropy"),
    concat!("rand::", "random"),
    concat!("std::collections::Hash", "Map"),
    concat!("Random", "State"),
];

/// What may stand where.
#[derive(Debug, Clone, Copy)]
pub struct Exceptions {
    /// Files, outside of `schema`, that may derive serde's traits: a crate's own file format.
    pub serialisable: &'static [&'static str],
    /// Files that may read a clock.
    pub clock: &'static [&'static str],
    /// Files that may read the environment.
    pub environment: &'static [&'static str],
    /// Crates without I/O, clock, threads, environment and ambient randomness.
    pub pure: &'static [&'static str],
}

/// Every finding about one file.
#[must_use]
pub fn findings(source: &Source, exceptions: &Exceptions) -> Vec<String> {
    let mut findings = names(source);
    let lines: Vec<&str> = source.text.lines().collect();
    if !source.text.starts_with("//! ") {
        findings.push(format!("{}: does not open with `//! ` and what it is", source.path));
    }
    if lines.len() > FILE_LINES_MAX {
        findings.push(format!("{}: {} lines; at most {FILE_LINES_MAX}", source.path, lines.len()));
    }
    for (number, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for cause in line_findings(&source.path, code, exceptions) {
            findings.push(format!("{}:{}: {cause}", source.path, number + 1));
        }
    }
    match syn::parse_file(&source.text) {
        Ok(file) => {
            let serialisable = source.path.starts_with("schema/")
                || in_crate_tests(&source.path)
                || exceptions.serialisable.contains(&source.path.as_str());
            let mut visitor = Visitor { path: &source.path, lines: &lines, serialisable, findings };
            visitor.visit_file(&file);
            visitor.findings
        }
        Err(error) => {
            findings.push(format!("{}: not Rust: {error}", source.path));
            findings
        }
    }
}

/// Whether the file is no part of a shipped crate.
fn in_crate_tests(path: &str) -> bool {
    ["/tests/", "/benches/", "/examples/"].iter().any(|folder| path.contains(folder))
        || path.starts_with("tests/")
}

fn names(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for part in source.path.split('/') {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        if stem == "mod" {
            findings.push(format!("{}: a module `foo` is `foo.rs` beside `foo/`", source.path));
        }
        if NAMES.contains(&stem) || stem.ends_with("_v2") || stem.starts_with("new_") {
            findings.push(format!("{}: `{stem}` does not say what it is", source.path));
        }
    }
    findings
}

fn line_findings(path: &str, code: &str, exceptions: &Exceptions) -> Vec<String> {
    let mut causes = Vec::new();
    for (word, cause) in WORDS {
        if code.contains(word) {
            causes.push(format!("`{word}`: {cause}"));
        }
    }
    let shipped = !in_crate_tests(path);
    let mut only = |words: &[&str], files: &[&str], cause: &str| {
        if let Some(word) = words.iter().find(|word| code.contains(**word))
            && shipped
            && !files.contains(&path)
        {
            causes.push(format!("`{word}`: {cause}"));
        }
    };
    only(CLOCKS, exceptions.clock, "time is an argument");
    only(ENVIRONMENTS, exceptions.environment, "configuration is an argument");
    let pure = exceptions.pure.iter().any(|name| path.starts_with(&format!("{name}/src/")));
    if pure {
        only(IMPURE, &[], "this crate is pure");
    }
    causes
}

struct Visitor<'a> {
    path: &'a str,
    lines: &'a [&'a str],
    serialisable: bool,
    findings: Vec<String>,
}

impl Visitor<'_> {
    fn function(&mut self, name: &syn::Ident, block: &syn::Block) {
        let (first, last) = (block.span().start().line, block.span().end().line);
        // The lines of the braces themselves do not count.
        let body = self.lines.get(first..last.saturating_sub(1)).unwrap_or_default();
        let counts = |line: &&&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let length = body.iter().filter(counts).count();
        if length > FUNCTION_LINES_MAX {
            let path = self.path;
            self.findings
                .push(format!("{path}:{first}: `{name}` has {length} lines; at most {FUNCTION_LINES_MAX}"));
        }
    }

    fn derives(&mut self, attributes: &[syn::Attribute], name: &syn::Ident) {
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
            let syn::Meta::List(list) = &attribute.meta else { continue };
            let tokens = list.tokens.to_string();
            if !self.serialisable && (tokens.contains("Serialize") || tokens.contains("Deserialize")) {
                let (path, line) = (self.path, name.span().start().line);
                self.findings.push(format!("{path}:{line}: `{name}` is serialisable outside of schema"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.derives(&item.attrs, &item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.derives(&item.attrs, &item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let public = matches!(item.vis, syn::Visibility::Public(_));
        if public && ends_in_glob(&item.tree) {
            let (path, line) = (self.path, item.span().start().line);
            self.findings.push(format!("{path}:{line}: a re-export names what it exports"));
        }
        visit::visit_item_use(self, item);
    }
}

fn ends_in_glob(tree: &syn::UseTree) -> bool {
    match tree {
        syn::UseTree::Glob(_) => true,
        syn::UseTree::Path(path) => ends_in_glob(&path.tree),
        syn::UseTree::Group(group) => group.items.iter().any(ends_in_glob),
        syn::UseTree::Name(_) | syn::UseTree::Rename(_) => false,
    }
}
