//! What of whom lies where.

use std::fs;
use std::path::{Path, PathBuf};

use store::CentralStore;

use super::multi_user::MultiUser;

/// A word that was said in one domain only, and the agent that this domain belongs to. The refused
/// unknown user's belongs to nobody.
const WORDS: [(&str, &str); 5] = [
    ("word-private", "andy"),
    ("word-family", "family"),
    ("word-work", "work"),
    ("word-ops", "ops"),
    ("word-mallory", "nobody"),
];

/// Every file of every agent and session holds the words of its own domain alone, and each word is
/// found where it belongs, so that the search is known to work.
pub(super) fn check_isolation(multi_user: &MultiUser) {
    let layout = multi_user.rig.layout();
    let central = CentralStore::open(&layout.central()).unwrap();
    let sessions = central.sessions().unwrap();
    let mut found: Vec<&str> = Vec::new();
    for agent in central.agents().unwrap() {
        let name = agent.name.as_str();
        let of_agent = sessions.iter().filter(|it| it.agent == agent.name);
        let mut folders: Vec<PathBuf> =
            of_agent.map(|it| layout.session(it.id).root().to_owned()).collect();
        folders.push(layout.workspace(&agent.name));
        for file in folders.iter().flat_map(|it| files(it)) {
            let bytes = fs::read(&file).unwrap_or_default();
            for (word, owner) in WORDS {
                let has = bytes.windows(word.len()).any(|it| it == word.as_bytes());
                let is_own = owner != "nobody" && name.contains(owner);
                assert!(!has || is_own, "{} of {name} holds {word}", file.display());
                if has {
                    found.push(word);
                }
            }
        }
    }
    for (word, owner) in WORDS {
        assert_eq!(found.contains(&word), owner != "nobody", "{word} in {found:?}");
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|it| it.unwrap().path());
    let (dirs, mut all): (Vec<_>, Vec<_>) = paths.partition(|it| it.is_dir() && !it.is_symlink());
    // A socket or a pipe is no file.
    all.retain(|it| fs::symlink_metadata(it).is_ok_and(|it| it.is_file()));
    all.extend(dirs.iter().flat_map(|it| files(it)));
    all
}
