//! The workspace: where it is, what it consists of, who depends on whom.
//!
//! Separate from the rules about it. Paths are relative to the root, with `/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId};

/// One source file.
#[derive(Debug)]
pub struct Source {
    /// Path from the root.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the tests lie in the workspace")
}

/// A file of the repository.
#[must_use]
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// Every `.rs` file of the repository, by path.
#[must_use]
pub fn sources() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("an entry of a folder").path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).expect("a source file is text");
                let path = path.strip_prefix(&root).expect("it was found under the root");
                sources.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Who depends on whom, by `cargo metadata`.
#[derive(Debug)]
pub struct Graph(Metadata);

impl Graph {
    /// The graph with all features on.
    #[must_use]
    pub fn load() -> Self {
        let mut command = MetadataCommand::new();
        command.manifest_path(file("Cargo.toml")).features(CargoOpt::AllFeatures);
        Self(command.other_options(["--offline".to_owned()]).exec().expect("the dependencies were fetched"))
    }

    /// Each member and the members that it needs to be built and run, tests and benches left out.
    #[must_use]
    pub fn arrows(&self) -> BTreeMap<String, BTreeSet<String>> {
        let members = self.0.workspace_packages();
        let names: BTreeSet<&str> = members.iter().map(|package| package.name.as_str()).collect();
        let targets = |package: &cargo_metadata::Package| {
            let needed = package.dependencies.iter().filter(|dep| dep.kind != DependencyKind::Development);
            needed.map(|dep| dep.name.clone()).filter(|name| names.contains(name.as_str())).collect()
        };
        members.iter().map(|package| (package.name.to_string(), targets(package))).collect()
    }

    /// Every crate that is not ours, for all platforms and for tests, too: its name, and its licence as it says it.
    #[must_use]
    pub fn licences(&self) -> BTreeMap<String, Option<String>> {
        let members: BTreeSet<&PackageId> = self.0.workspace_members.iter().collect();
        let foreign = self.0.packages.iter().filter(|package| !members.contains(&package.id));
        foreign.map(|package| (package.name.to_string(), package.license.clone())).collect()
    }

    /// Names of all crates that end up in a build of `member`, itself left out.
    #[must_use]
    pub fn linked_into(&self, member: &str) -> BTreeSet<String> {
        let resolve = self.0.resolve.as_ref().expect("metadata was asked with dependencies");
        let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
        let start = self.0.workspace_packages().into_iter().find(|package| package.name.as_str() == member);
        let mut open = vec![&start.expect("a member of the workspace").id];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            for dep in &nodes[id].deps {
                let linked = dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
                if linked && seen.insert(&dep.pkg) {
                    open.push(&dep.pkg);
                }
            }
        }
        self.0.packages.iter().filter(|p| seen.contains(&p.id)).map(|p| p.name.to_string()).collect()
    }
}
