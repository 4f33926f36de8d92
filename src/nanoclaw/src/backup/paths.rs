//! Which paths a backup may have, and where it may make links: a forged one must not place anything, nor
//! have the host mount or write anything, outside of the folder that it is unpacked into.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};

use domain::{AgentName, SessionId};

use super::Link;
use super::unpack::Refused;

/// A relative path of plain parts, below one of the places that a backup has.
pub(super) fn plain(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let is_plain = path.components().all(|it| matches!(it, Component::Normal(_)))
        && !name.contains('\0')
        && !name.split('/').any(|it| matches!(it, "" | "." | ".."));
    let mut parts = path.components().map(|it| it.as_os_str().to_str().unwrap_or_default());
    let known = match (parts.next()?, parts.next(), parts.next()) {
        (super::CENTRAL | super::KEY, None, None) | ("agents", None, None) => true,
        ("agents", Some(agent), _) => AgentName::parse(agent).is_ok(),
        ("sessions", Some(session), Some("in" | "out" | "sending" | "home")) => {
            SessionId::parse(session).is_some_and(|it| it.to_string() == session)
        }
        _ => false,
    };
    (is_plain && known).then_some(path)
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
fn may_hold_links(path: &Path) -> bool {
    let of_session = path.components().nth(2).is_some_and(|it| it.as_os_str() == "home");
    is_inside(path) && (path.starts_with("agents") || of_session)
}

/// Makes a link where the agent had one. Nothing is ever written through it here.
pub(super) fn make_link(to: &Path, link: &Link) -> Result<(), Refused> {
    let strange = || Refused::Strange(link.path.clone());
    let path = plain(&link.path).filter(|it| may_hold_links(it)).ok_or_else(strange)?;
    let mut at = to.to_owned();
    for part in path.parent().ok_or_else(strange)?.components() {
        at.push(part);
        if !fs::symlink_metadata(&at).is_ok_and(|it| it.is_dir()) {
            return Err(strange());
        }
    }
    Ok(symlink(&link.target, to.join(path))?)
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
        let link = |path: &str| Link { path: path.into(), target: "/tmp".into() };
        for path in ["agents/a/link", "sessions/s1/home/link"] {
            make_link(folder.path(), &link(path)).unwrap();
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
            assert!(make_link(folder.path(), &link(path)).is_err(), "{path}");
        }
    }
}
