//! What is chosen, and who is refused: without building anything.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::repository::{Clone, MANIFEST, smoke};

fn clone() -> (TempDir, Clone) {
    let base = tempfile::tempdir().unwrap();
    let clone = Clone::new(&fs::canonicalize(base.path()).unwrap());
    (base, clone)
}

/// Changes a file of an add-on.
fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(folder.join(file), text.replace(from, to)).unwrap();
}

#[test]
fn adding_and_removing_changes_no_tracked_file() {
    let (_base, clone) = clone();
    for (args, names) in [
        (["add", "telegram"], vec!["telegram"]),
        (["add", "telegram"], vec!["telegram"]),
        (["add", "discord"], vec!["discord", "telegram"]),
        (["remove", "telegram"], vec!["discord"]),
        (["add", "webhook"], vec!["discord", "webhook"]),
        (["remove", "discord"], vec!["webhook"]),
        (["remove", "webhook"], vec![]),
    ] {
        clone.fine(&[args[0], args[1], "--only-source"]);
        let (chosen, text) = clone.chosen();
        assert_eq!(chosen, names, "{args:?}");
        for name in ["discord", "telegram", "webhook"] {
            let is_linked = text.contains(&format!("use addon_{name} as _;"));
            assert_eq!(is_linked, names.contains(&name), "{args:?}: {name}");
        }
        let listed = clone.fine(&["addons"]);
        let (inside, others) = listed.split_once("others").unwrap();
        for name in ["discord", "telegram", "webhook"] {
            let is_in = |text: &str| text.contains(&format!("\n  {name}"));
            let is_chosen = names.contains(&name);
            assert_eq!((is_in(inside), is_in(others)), (is_chosen, !is_chosen), "{listed}");
        }
    }
}

#[test]
fn versions_are_those_of_the_repository_whatever_is_chosen_in_between() {
    let (_base, clone) = clone();
    let versions = |text: &str| {
        let packages = text.split("\n[[package]]\n").map(str::trim);
        let ours = packages.filter(|it| it.starts_with("name = \"twilight-gateway\""));
        ours.map(str::to_owned).collect::<Vec<_>>()
    };
    let locked = versions(&fs::read_to_string(clone.path.join("Cargo.lock")).unwrap());
    assert_eq!(locked.len(), 1);
    for args in [["add", "telegram"], ["add", "discord"], ["remove", "telegram"]] {
        clone.fine(&[args[0], args[1], "--only-source"]);
        assert_eq!(versions(&clone.chosen().1), locked, "{args:?}");
    }
}

#[test]
fn names_that_are_not_there_are_refused_with_those_that_are() {
    let (base, clone) = clone();
    clone.fine(&["add", "telegram", "--only-source"]);
    for name in ["smoke", "default", "", "tele.gram", "*"] {
        clone.refused(&["add", name], "there is no add-on");
        clone.refused(&["add", name], "choose one of: discord telegram webhook");
    }
    fs::create_dir(base.path().join("smoke")).unwrap();
    clone.refused(&["add", "smoke"], "./folder");
    clone.refused(&["add", "./nowhere"], "there is no folder ./nowhere");
    for name in ["discord", "smoke", "", "../chosen/telegram"] {
        clone.refused(&["remove", name], "is not in the program");
    }
    clone.refused(&["add", "discord", "--quickly"], "unknown option: --quickly");
}

#[test]
fn folders_that_are_no_add_on_are_refused_with_what_is_missing() {
    let (base, clone) = clone();
    let kind = ("Cargo.toml", "kind = \"channel\"");
    let name = ("Cargo.toml", "name = \"smoke\"");
    let contract = ("Cargo.toml", "channel = { version = \"0.1\", registry = \"nanoclaw\" }");
    let no_contract =
        "it needs the dependency channel = { version = \"0.1\", registry = \"nanoclaw\" }";
    for (at, ((file, from), to, why)) in [
        (kind, "kind = \"theme\"", "has no kind = \"channel\" or \"provider\""),
        (kind, "", "has no kind"),
        (("Cargo.toml", "[package.metadata.nanoclaw]"), "[package.metadata.other]", "has no kind"),
        (("Cargo.toml", "[package]"), "[pack", "cargo cannot read its Cargo.toml"),
        (name, "name = \"Smoke Signals\"", "its name `Smoke Signals`"),
        (name, "", "its name ``"),
        (name, "name = \"telegram\"", "the name of a part of this repository: `telegram`"),
        (name, "name = \"cli\"", "the name of a part of this repository: `cli`"),
        (contract, "", no_contract),
        // Of other people, on crates.io.
        (contract, "channel = \"0.3\"", no_contract),
        (
            contract,
            "channel = { version = \"7\", registry = \"nanoclaw\" }",
            "no versions on which",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = base.path().join(format!("addon {at}"));
        smoke(&folder);
        edit(&folder, file, from, to);
        clone.refused(&["add", &format!("./addon {at}"), "--only-source"], why);
    }
    let folder = base.path().join("bare");
    smoke(&folder);
    fs::remove_file(folder.join("SKILL.md")).unwrap();
    clone.refused(&["add", "./bare"], "it has no SKILL.md");
    fs::remove_file(folder.join("Cargo.toml")).unwrap();
    clone.refused(&["add", "./bare"], "it has no Cargo.toml");
}

#[test]
fn two_add_ons_do_not_have_one_name() {
    let (base, clone) = clone();
    smoke(&base.path().join("first"));
    smoke(&base.path().join("second"));
    clone.fine(&["add", "./first", "--only-source"]);
    clone.fine(&["add", "./first/../first", "--only-source"]);
    clone.refused(&["add", "./second"], "there is an add-on `smoke` already");
    clone.fine(&["remove", "smoke", "--only-source"]);
    clone.fine(&["add", "./second", "--only-source"]);
    edit(&base.path().join("second"), "Cargo.toml", "name = \"smoke\"", "name = \"fog\"");
    clone.refused(&["add", "telegram"], "calls itself `fog` now");
}

#[test]
fn a_folder_that_is_gone_is_named_with_what_to_do() {
    let (base, clone) = clone();
    for name in ["smoke", "fog"] {
        smoke(&base.path().join(name));
        edit(&base.path().join(name), "Cargo.toml", "\"smoke\"", &format!("\"{name}\""));
        edit(&base.path().join(name), "Cargo.toml", "smoke-signals", name);
        clone.fine(&["add", &format!("./{name}"), "--only-source"]);
    }
    for name in ["smoke", "fog"] {
        fs::rename(base.path().join(name), base.path().join(format!("{name}.moved"))).unwrap();
    }
    clone.refused(&["add", "telegram"], "./nanoclaw.sh remove fog");
    assert!(clone.fine(&["addons"]).contains("is gone: ./nanoclaw.sh remove smoke"));
    // The other one is gone too.
    assert!(!clone.run(&["remove", "fog", "--only-source"]).status.success());
    assert_eq!(clone.chosen().0, ["smoke"]);
    clone.fine(&["remove", "smoke", "--only-source"]);
    assert_eq!(clone.chosen().0, [""; 0]);
}

#[test]
fn a_provider_is_linked_into_the_runner() {
    let (base, clone) = clone();
    let folder = base.path().join("oracle");
    smoke(&folder);
    edit(&folder, "Cargo.toml", "\"channel\"", "\"provider\"");
    clone.refused(&["add", "./oracle"], "it needs the dependency agent-runner = {");
    edit(&folder, "Cargo.toml", "channel = {", "agent-runner = {");
    clone.fine(&["add", "./oracle", "--only-source"]);
    let read = |name| fs::read_to_string(clone.path.join("addons").join(name)).unwrap();
    assert!(read("runner.rs").contains("use addon_smoke as _;"));
    assert!(!read("nanoclaw.rs").contains("addon_smoke"));
}

#[test]
fn what_was_chosen_in_a_tracked_file_is_taken_over() {
    let (_base, clone) = clone();
    let default = |names: &str| format!("default = [{names}]");
    clone.publish(&[MANIFEST, "nanoclaw.sh"]);
    edit(&clone.path, MANIFEST, &default(""), &default("\"discord\", \"telegram\""));
    // With the script of the newest version, as the README says.
    clone.git(&["fetch", "--quiet"]);
    clone.git(&["checkout", "@{upstream}", "--", "nanoclaw.sh"]);
    let said = clone.fine(&["update", "--only-source"]);
    assert!(said.contains("is kept in addons/ from now on"), "{said}");
    let (chosen, text) = clone.chosen();
    assert_eq!(chosen, ["discord", "telegram"]);
    assert!(text.contains("use addon_discord as _;"));
    assert!(fs::read_to_string(clone.path.join(MANIFEST)).unwrap().contains(&default("")));
    assert_eq!(clone.git(&["rev-parse", "HEAD"]), clone.git(&["rev-parse", "@{upstream}"]));
}
