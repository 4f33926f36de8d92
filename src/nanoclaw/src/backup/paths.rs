//! Which paths a backup may have, and where it may make links: a forged one must not place anything, nor
//! have the host mount or write anything, outside of the folder that it is unpacked into.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use domain::{AgentName, SessionId};

use super::unpack::Refused;

/// A relative path of plain parts, below one of the places that a backup has.
pub(super) fn plain(name: &str) -> Option<&Path> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_plain = !name.contains('\0') && !parts.iter().any(|it| matches!(*it, "" | "." | ".."));
    let is_known = match parts.as_slice() {
        [super::CENTRAL | super::KEY | "agents"] => true,
        ["agents", agent, ..] => AgentName::parse(agent).is_ok(),
        ["sessions", session, "in" | "out" | "sending" | "home", ..] => {
            SessionId::parse(session).is_some_and(|it| it.to_string() == *session)
        }
        _ => false,
    };
    (is_plain && is_known).then_some(Path::new(name))
}

/// Whether a path lies inside of a folder that the host itself makes, and is none.
fn is_inside(path: &Path) -> bool {
    let folders = if path.starts_with("agents") { 2 } else { 3 };
    folders < path.components().count()
}

pub(super) fn may_hold_files(path: &Path) -> bool {
    path == Path::new(super::CENTRAL) || path == Path::new(super::KEY) || is_inside(path)
}

/// Where an agent may have links of its own.
pub(super) fn may_hold_links(path: &Path) -> bool {
    let of_session = path.components().nth(2).is_some_and(|it| it.as_os_str() == "home");
    is_inside(path) && (path.starts_with("agents") || of_session)
}

/// Makes a link where the agent had one. Nothing is ever written through it here.
pub(super) fn make_link(to: &Path, name: &str, target: &str) -> Result<(), Refused> {
    let strange = || Refused::Strange(name.to_owned());
    let path = plain(name).filter(|it| may_hold_links(it)).ok_or_else(strange)?;
    let mut at = to.to_owned();
    for part in path.parent().ok_or_else(strange)?.components() {
        at.push(part);
        if !fs::symlink_metadata(&at).is_ok_and(|it| it.is_dir()) {
            return Err(strange());
        }
    }
    Ok(symlink(target, to.join(path))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_in_a_real_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("agents/a")).unwrap();
        fs::create_dir_all(folder.path().join("sessions/s1/home")).unwrap();
        fs::create_dir_all(folder.path().join("sessions/s1/out/files")).unwrap();
        for path in ["agents/a/link", "sessions/s1/home/link"] {
            make_link(folder.path(), path, "/tmp").unwrap();
        }
        for path in [
            "agents/a/link/b",
            "agents/a/none/b",
            "agents/b",
            "agents",
            "sessions",
            "sessions/s1",
            "sessions/s2",
            "sessions/s1/out",
            "sessions/s1/out/files/x",
            "sessions/s1/in",
            "sessions/s1/sending",
            "central.db",
            "../x",
            "x",
        ] {
            assert!(make_link(folder.path(), path, "/tmp").is_err(), "{path}");
        }
    }
}
