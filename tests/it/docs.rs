//! What documents and deployment files say, held against the built binary and the sources.
//!
//! Separate from the tests of behaviour: here nothing runs but `--help`. Invariants: every file under `deploy/` that claims to be
//! YAML or JSON parses; every `weir …` line names commands and options that exist; every log line and metric that is shown is
//! in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use harness::weir;
use harness::workspace::{file, sources};
use yaml_rust2::{Yaml, YamlLoader};

/// Files below a folder of the repository, by path.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![file(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry of a folder").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ends_in(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}

fn documents() -> Vec<PathBuf> {
    let mut found = vec![file("README.md"), file("ARCHITECTURE.md"), file("BENCHMARKS.md")];
    found.extend(files("docs").into_iter().filter(|path| ends_in(path, "md")));
    found
}

/// The words of every `weir …` in a document: lines of code blocks, and code within a sentence.
fn commands_of_document(text: &str) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.replace("\\\n", " ").lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push(line.split(" # ").next().unwrap_or_default().to_owned());
        } else {
            lines.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    let parts = lines.iter().flat_map(|line| line.split('|'));
    parts.filter_map(command_of).collect()
}

/// The words after `weir`, if the text calls it.
fn command_of(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    let rest = ["weir ", "cargo run --release -- ", "/usr/local/bin/weir "]
        .iter()
        .find_map(|start| text.strip_prefix(start))?;
    Some(rest.split_whitespace().map(|word| word.trim_matches(',').to_owned()).collect())
}

/// The lists under `command` and `args`: what containers of weir are started with.
fn commands_of_yaml(yaml: &Yaml, found: &mut Vec<Vec<String>>) {
    match yaml {
        Yaml::Hash(entries) => {
            for (key, value) in entries {
                if let (Some("command" | "args"), Yaml::Array(words)) = (key.as_str(), value) {
                    found.push(words.iter().filter_map(Yaml::as_str).map(str::to_owned).collect());
                }
                commands_of_yaml(value, found);
            }
        }
        Yaml::Array(values) => values.iter().for_each(|value| commands_of_yaml(value, found)),
        _ => {}
    }
}

/// What `--help` says about a command, asked once.
#[derive(Default)]
struct Help(BTreeMap<String, Option<String>>);

impl Help {
    fn of(&mut self, path: &[&str]) -> Option<String> {
        let ask = || {
            let run = weir::run(&file("."), &[path, &["--help"]].concat());
            (run.code == 0).then_some(run.stdout)
        };
        self.0.entry(path.join(" ")).or_insert_with(ask).clone()
    }

    /// What is wrong with a command line, if anything is.
    fn fault(&mut self, words: &[String]) -> Option<String> {
        let mut path = Vec::new();
        let mut known = self.of(&path)?;
        for word in words {
            if let Some(option) = word.strip_prefix("--").filter(|option| !option.is_empty()) {
                let option = option.split('=').next().unwrap_or_default();
                let is_told = known.lines().any(|line| defines(line, option));
                if !is_told {
                    return Some(format!("weir {} has no --{option}", path.join(" ")));
                }
            } else if has_command(&known, word) || path.is_empty() {
                path.push(word.as_str());
                let Some(help) = self.of(&path) else {
                    return Some(format!("there is no weir {}", path.join(" ")));
                };
                known = help;
            }
        }
        None
    }
}

/// Whether a line of a help text defines an option; examples only use them.
fn defines(line: &str, option: &str) -> bool {
    let line = line.trim_start();
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    line.starts_with('-') && words.filter_map(|word| word.strip_prefix("--")).next() == Some(option)
}

/// Whether a help text lists a command of that name.
fn has_command(help: &str, word: &str) -> bool {
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    listed.filter_map(|line| line.split_whitespace().next()).any(|name| name == word)
}

#[test]
fn every_file_of_the_deployment_parses() {
    let mut parsed = 0;
    for path in files("deploy") {
        let text = text(&path);
        if ends_in(&path, "yaml") {
            let read = YamlLoader::load_from_str(&text);
            let documents = read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(documents.iter().all(|one| one.as_hash().is_some()), "{}", path.display());
            parsed += documents.len();
        } else if ends_in(&path, "json") {
            let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
            assert!(read.is_ok(), "{}: {read:?}", path.display());
            parsed += 1;
        }
    }
    assert!(parsed >= 8, "only {parsed} documents");
}

#[test]
fn every_command_that_is_named_exists_with_its_options() {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for path in documents() {
        let commands = commands_of_document(&text(&path));
        found.extend(commands.into_iter().map(|words| (path.display().to_string(), words)));
    }
    for path in files("deploy") {
        let mut commands = Vec::new();
        let text = text(&path);
        if ends_in(&path, "yaml") {
            let documents = YamlLoader::load_from_str(&text).expect("another test says why not");
            documents.iter().for_each(|one| commands_of_yaml(one, &mut commands));
        } else if ends_in(&path, "service") {
            let starts = text.lines().filter_map(|line| line.strip_prefix("ExecStart="));
            commands.extend(starts.filter_map(command_of));
        }
        found.extend(commands.into_iter().map(|words| (path.display().to_string(), words)));
    }
    assert!(found.len() > 40, "only {} commands were found", found.len());
    let mut help = Help::default();
    // `weir COMMAND --help` stands for any.
    let named = found.iter().filter(|(_, words)| words.first().is_some_and(|word| word != "COMMAND"));
    let faults: Vec<String> =
        named.filter_map(|(place, words)| Some(format!("{place}: {}", help.fault(words)?))).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let check = |line: &str| help.fault(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let wrong =
        ["nonsense", "score --nonsense", "topics nonsense --partitions 3", "control kill --nonsense on"];
    assert_eq!(wrong.map(check).iter().filter(|fault| fault.is_none()).count(), 0);
}

#[test]
fn every_log_line_of_the_runbook_is_in_the_code() {
    // A text of several lines in the source is one in the log.
    let squeeze = |text: &str| text.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let code: String = sources()
        .iter()
        .filter(|source| !source.path.starts_with("tests/"))
        .map(|source| squeeze(&source.text))
        .collect();
    let runbook = squeeze(&text(&file("docs/runbook.md")));
    let shown: Vec<&str> =
        runbook.split("Log: `").skip(1).filter_map(|after| after.split('`').next()).collect();
    assert!(shown.len() >= 8, "{shown:?}");
    let missing: Vec<&&str> = shown.iter().filter(|line| !code.contains(&format!("\"{line}\""))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Names that begin with `weir_` in a text.
fn metrics_of(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c| !is_part(c)).filter_map(|word| word.strip_prefix("weir_")).collect()
}

#[test]
fn every_metric_of_the_board_and_the_runbook_is_declared() {
    let declared = text(&file("weir/src/telemetry/metrics.rs"));
    let is_declared = |name: &str| {
        let endings = ["", "_total", "_bucket", "_sum", "_count"];
        let stems = endings.iter().filter_map(|ending| name.strip_suffix(ending));
        let units = ["", "_seconds", "_bytes", "_records", "_ratio"];
        let names = stems.flat_map(|stem| units.iter().filter_map(move |unit| stem.strip_suffix(unit)));
        names.into_iter().any(|name| declared.contains(&format!("\"{name}\",")))
    };
    let places =
        [("deploy/grafana/weir.json", 15), ("deploy/prometheus/weir.rules.yaml", 5), ("docs/runbook.md", 4)];
    for (place, names_min) in places {
        let text = text(&file(place));
        let shown = metrics_of(&text);
        assert!(shown.len() >= names_min, "{place}: {shown:?}");
        let missing: Vec<&&str> = shown.iter().filter(|name| !is_declared(name)).collect();
        assert!(missing.is_empty(), "{place}: {missing:?}");
    }
    assert!(!is_declared("nonsense_total"));
}

#[test]
fn every_alarm_names_a_section_of_the_runbook() {
    let runbook = text(&file("docs/runbook.md"));
    let sections: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let rules = text(&file("deploy/prometheus/weir.rules.yaml"));
    let named: Vec<&str> =
        rules.split("docs/runbook.md: ").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(named.len(), rules.matches("- alert: ").count());
    let missing: Vec<&&str> = named.iter().filter(|name| !sections.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_cluster_tables_are_those_of_the_code() {
    let layout = sinks::clickhouse::Layout::Cluster("main".to_owned());
    let wanted = sinks::clickhouse::statements(&layout, sinks::Retention::default()).join(";\n\n") + ";\n";
    let shown = text(&file("docs/clickhouse-cluster.sql"));
    let shown = shown.split("-- ----\n").nth(1).expect("the line below which the code speaks");
    assert!(shown == wanted, "docs/clickhouse-cluster.sql must be, below its line:\n{wanted}");
}
