//! Rules about the code itself. A rule that a compiler or clippy can check does not belong here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a file, its tests left out. A longer one has two subjects.
const FILE_LINES_MAX: usize = 400;

/// Production lines, comments counted, outside of `skills`, `tests` and the simulation, and in `skills`. They
/// only go down, but for what a new feature is allowed beforehand: a change that removes lines takes them off
/// here too. The aim is 40,000 and 5,000. The second contract of channels was allowed 3,000 and took 9,425, with
/// remote adapters (1,050), the ways to the door (800) and what strangers may cost: what is above 49,342 is to go again.
const CORE_LINES_MAX: usize = 55_767;
const SKILL_LINES_MAX: usize = 4_298;

/// Which crates of ours each crate may depend on. Dependencies point one way.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("schedule", &["domain"]),
    ("markdown", &["domain"]),
    ("store", &["domain", "schedule", "markdown"]),
    ("channel", &["domain", "markdown"]),
    ("sandbox", &["domain"]),
    ("vault", &["domain"]),
    ("operations", &["domain", "schedule", "store"]),
    ("engine", &["domain", "store", "channel", "sandbox", "vault", "schedule", "operations"]),
    ("actors", &["domain", "store", "channel", "sandbox", "vault", "engine", "markdown"]),
    (
        "nanoclaw",
        &[
            "domain",
            "store",
            "channel",
            "sandbox",
            "vault",
            "operations",
            "engine",
            "actors",
            "schedule",
        ],
    ),
    ("agent-runner", &["domain", "schedule", "store"]),
    (
        "simulation",
        &[
            "domain",
            "store",
            "channel",
            "sandbox",
            "vault",
            "schedule",
            "engine",
            "actors",
            "agent-runner",
        ],
    ),
];

/// The same for each add-on. The program may depend on them all.
const ADDON_MAY_USE: &[&str] = &["domain", "channel", "markdown"];

/// Who may name a dependency at all; the harness drives everything.
const OWNERS: &[(&str, &[&str])] = &[
    ("ractor", &["actors", "nanoclaw", "harness", "simulation"]),
    ("rusqlite", &["store", "simulation"]),
    ("rusqlite_migration", &["store"]),
    ("bollard", &["sandbox"]),
    ("reqwest", &["vault", "channel", "telegram", "discord"]),
    ("rmcp", &["agent-runner"]),
    ("jiff", &["schedule"]),
    ("cron", &["schedule"]),
    ("anyhow", &["nanoclaw"]),
];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Each workspace crate as cargo describes it.
fn packages() -> Vec<serde_json::Value> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Each workspace crate and what it depends on at run time.
fn graph() -> BTreeMap<String, Vec<String>> {
    let name = |it: &serde_json::Value| it["name"].as_str().unwrap().to_owned();
    let packages = packages();
    let normal = |it: &&serde_json::Value| it["kind"].is_null();
    packages
        .iter()
        .map(|package| {
            let uses = package["dependencies"].as_array().unwrap();
            (name(package), uses.iter().filter(normal).map(name).collect())
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let (graph, addons) = (graph(), addons());
    let mut complaints = Vec::new();
    let of_addons = addons.iter().map(|it| (it.as_str(), ADDON_MAY_USE));
    for (krate, allowed) in MAY_USE.iter().copied().chain(of_addons) {
        let uses = graph.get(krate).unwrap_or_else(|| panic!("there is no crate {krate}"));
        let may_link = |it: &String| krate == "nanoclaw" && addons.contains(it);
        let ours = uses.iter().filter(|it| graph.contains_key(*it) && !may_link(it));
        complaints.extend(
            ours.filter(|it| !allowed.contains(&it.as_str()))
                .map(|it| format!("{krate} must not depend on {it}")),
        );
    }
    for (dependency, owners) in OWNERS {
        for (krate, uses) in &graph {
            if uses.iter().any(|it| it == dependency) && !owners.contains(&krate.as_str()) {
                complaints.push(format!("only {owners:?} may depend on {dependency}, not {krate}"));
            }
        }
    }
    let pure = ["regex", "serde", "strum"].map(str::to_owned).to_vec();
    assert_eq!(graph.get("domain"), Some(&pure), "no IO, no clock, no async, linear in time");
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// The add-ons of this repository, by the names of their folders.
fn addons() -> Vec<String> {
    let folders = fs::read_dir(root().join("skills")).unwrap().map(|it| it.unwrap().path());
    let crates = folders.filter(|it| it.join("Cargo.toml").is_file());
    let name = |it: PathBuf| it.file_name()?.to_str()?.strip_prefix("add-").map(str::to_owned);
    crates.map(|it| name(it).unwrap()).collect()
}

#[test]
fn an_add_on_says_what_it_is_by_the_name_of_its_folder() {
    let (packages, addons) = (packages(), addons());
    assert!(!addons.is_empty());
    for addon in &addons {
        let package = packages.iter().find(|it| it["name"] == addon.as_str());
        let said =
            &package.unwrap_or_else(|| panic!("{addon} has another name"))["metadata"]["nanoclaw"];
        assert_eq!(said["name"], addon.as_str());
        assert!(said["kind"] == "channel" || said["kind"] == "provider", "{addon}: {said}");
    }
}

#[test]
fn every_file_has_one_subject_and_says_which() {
    let mut complaints = Vec::new();
    for path in sources(root()) {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let production = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = production.lines().count();
        if FILE_LINES_MAX < lines {
            complaints.push(format!("{name}: {lines} lines (at most {FILE_LINES_MAX})"));
        }
        if !text.starts_with("//!") {
            complaints.push(format!("{name}: does not begin with what it is for"));
        }
        complaints.extend(errors(&text).map(|it| format!("{name}: {it}")));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn production_code_does_not_grow() {
    let (mut core, mut skills) = (0, 0);
    for path in sources(root()) {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        if name.starts_with("tests/")
            || name.starts_with("src/simulation/")
            || name.contains("/tests/")
            || name.contains("tests.rs")
            || name.contains("_tests/")
            || name.ends_with("/testing.rs")
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let production = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        *(if name.starts_with("skills/") { &mut skills } else { &mut core }) +=
            production.lines().count();
    }
    assert!(core <= CORE_LINES_MAX, "{core} lines outside skills (at most {CORE_LINES_MAX})");
    assert!(skills <= SKILL_LINES_MAX, "{skills} lines in skills (at most {SKILL_LINES_MAX})");
}

/// Texts of errors are joined into sentences, so they are lower case and have no full stop.
fn errors(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let message = line.trim_start().strip_prefix("#[error(\"")?;
        let shouts = message.starts_with(char::is_uppercase) || message.ends_with(".\")]");
        shouts.then(|| format!("an error's text is lower case, without a full stop: {message}"))
    })
}

/// Words that the glossary bans, each with the forms that were in use.
const BANNED: &[&str] = &[
    "whoever",
    "anew",
    "knock",
    "knocks",
    "knocked",
    "bury",
    "buried",
    "mourn",
    "mourns",
    "mourned",
    "toll",
    "errand",
    "errands",
    "let pass",
    "lets pass",
    "by itself",
    "by themselves",
    "in its midst",
    "take up",
    "taken up",
    "is put to",
    "are put to",
    "in vain",
];

#[test]
fn texts_do_without_the_words_that_the_glossary_bans() {
    let out = Command::new("git").arg("ls-files").current_dir(root()).output().unwrap();
    let names = String::from_utf8(out.stdout).unwrap();
    assert!(names.contains("tests/tests/tidy.rs"), "this is no working copy of the repository");
    let is_text = |name: &&str| {
        let ending = name.rsplit('.').next().unwrap_or_default();
        ["rs", "sql", "md", "sh", "toml"].contains(&ending) && !name.ends_with("tidy.rs")
    };
    let mut complaints = Vec::new();
    for name in names.lines().filter(is_text) {
        // A file that was removed and not committed yet is still listed.
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        // Phrases go on behind the end of a line.
        let lines =
            text.lines().map(|line| line.trim_start().trim_matches(['/', '!', '-', '#', '\\']));
        let text =
            lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").to_lowercase();
        let is_word = |at: Option<char>| at.is_some_and(|it| it.is_alphanumeric() || it == '_');
        let stands_alone = |(at, word): (usize, &str)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            !is_word(before.chars().next_back()) && !is_word(after.chars().next())
        };
        let found = BANNED.iter().filter(|it| text.match_indices(**it).any(stands_alone));
        complaints.extend(found.map(|it| format!("{name}: \"{it}\"")));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_parts_of_a_platform_are_sent_in_one_place() {
    let sends = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.contains("sink.deliver(") && !path.ends_with("cli/tests.rs")
    };
    let places: Vec<PathBuf> = sources(root()).into_iter().filter(sends).collect();
    let elsewhere =
        |it: &&PathBuf| !it.ends_with("channel/attempts.rs") && !it.ends_with("tidy.rs");
    assert_eq!(places.iter().find(elsewhere), None, "only the outbox may send");
}

/// All Rust files of the project below a folder.
pub(crate) fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let ours = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // What the script made of add-ons, with links to folders of others.
        let is_choice = path.parent() == Some(root()) && name.starts_with("addons");
        !name.starts_with('.') && !name.starts_with("target") && !is_choice
    };
    let rust = |path: &PathBuf| path.extension().is_some_and(|it| it == "rs");
    dirs.iter()
        .filter(ours)
        .flat_map(|it| sources(it))
        .chain(files.into_iter().filter(rust))
        .collect()
}
