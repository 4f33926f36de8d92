//! The folders of a session: made, and handed to the users of its container.
//!
//! The runner's user owns all of them. What only the runner may open is closed to its group; what
//! it shares with the agent passes the group on to whatever is made below.
//!
//! Invariant: an agent can replace anything below its workspace and its home by a link at any
//! moment, while this runs. So a file there is made without following a link, and owner and mode
//! are changed on the open file, never by its path.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, fchown};
use std::path::Path;

use domain::{AgentName, Incarnation, SessionId};
use rustix::fs::{CWD, Mode, OFlags, openat};
use sandbox::Mounts;
use store::layout::Layout;

/// Only the runner's user.
const CLOSED: u32 = 0o700;
/// The runner's user and the agent's, who is in the same group.
const SHARED: u32 = 0o2770;
const SHARED_FILE: u32 = 0o660;
/// Shown read-only to the agent, who is neither its owner nor in the host's group.
const SHOWN: u32 = 0o755;

/// User and group of the runner; `None` leaves everything to the host's own.
pub type Owner = Option<(u32, u32)>;

/// Makes what is missing. Doing it again changes nothing.
/// Fails when the disk fails, or a link lies in the place of a folder.
pub fn make(
    layout: &Layout,
    session: SessionId,
    agent: &AgentName,
    owner: Owner,
) -> io::Result<()> {
    let paths = layout.session(session);
    for dir in [paths.inbound_dir(), paths.outbound_dir(), paths.links()] {
        folder(&dir, CLOSED, owner)?;
    }
    folder(&paths.files_in(), SHOWN, None)?;
    folder(&paths.home(), SHARED, owner)?;
    let workspace = folder(&layout.workspace(agent), SHARED, owner)?;
    seed_memory(&workspace, agent, owner)
}

pub fn mounts(
    layout: &Layout,
    session: SessionId,
    agent: &AgentName,
    incarnation: Incarnation,
) -> Mounts {
    let paths = layout.session(session);
    Mounts {
        inbound: paths.inbound_dir(),
        outbound: paths.outbound_dir(),
        files: paths.files_in(),
        workspace: layout.workspace(agent),
        home: paths.home(),
        link: paths.link(incarnation),
    }
}

/// Makes the folder of one incarnation's link.
pub fn make_link(dir: &Path, owner: Owner) -> io::Result<()> {
    folder(dir, CLOSED, owner).map(drop)
}

/// Makes a folder of which only the host can write the parent.
fn folder(dir: &Path, mode: u32, owner: Owner) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o755).create(dir)?;
    let plain = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = File::from(openat(CWD, dir, plain, Mode::empty())?);
    hand_over(&opened, mode, owner)?;
    Ok(opened)
}

/// The mode last: a change of the owner takes the set-group bit away.
pub fn hand_over(file: &File, mode: u32, owner: Owner) -> io::Result<()> {
    if let Some((uid, gid)) = owner {
        fchown(file, Some(uid), Some(gid))?;
    }
    file.set_permissions(Permissions::from_mode(mode))
}

/// Gives a new workspace the memory file that the agent is told to keep.
fn seed_memory(workspace: &File, agent: &AgentName, owner: Owner) -> io::Result<()> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = match openat(workspace, "CLAUDE.md", new, Mode::RUSR | Mode::WUSR) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::EXIST) => return Ok(()),
        Err(err) => return Err(err.into()),
    };
    let text = format!(
        "# Memory of {agent}\n\n\
         This file is read at the start of every conversation. Keep here what should be known next \
         time: facts about the people, decisions, where things are. Keep it short.\n"
    );
    file.write_all(text.as_bytes())?;
    hand_over(&file, SHARED_FILE, owner)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use rustix::fs::{RenameFlags, renameat_with};

    use super::*;

    fn agent() -> AgentName {
        AgentName::parse("andy").unwrap()
    }

    /// Somebody to hand files to: another user where the tests may do that.
    fn owner() -> (u32, u32) {
        let own = fs::metadata("/proc/self").unwrap();
        if own.uid() == 0 { (1000, 1000) } else { (own.uid(), own.gid()) }
    }

    #[test]
    fn a_folder_belongs_to_the_runner_and_has_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a").join("home");
        for _ in 0..2 {
            folder(&path, SHARED, Some(owner())).unwrap();
            let seen = fs::metadata(&path).unwrap();
            assert_eq!((seen.uid(), seen.gid()), owner());
            assert_eq!(seen.mode() & 0o7777, SHARED);
        }
    }

    #[test]
    fn a_folder_that_is_a_link_is_refused_and_its_target_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("of-the-host");
        fs::create_dir(&target).unwrap();
        let before = fs::metadata(&target).unwrap();
        symlink(&target, dir.path().join("workspace")).unwrap();
        folder(&dir.path().join("workspace"), SHARED, Some(owner())).unwrap_err();
        let after = fs::metadata(&target).unwrap();
        assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
    }

    #[test]
    fn a_memory_that_is_a_link_is_neither_written_nor_given_away() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = folder(&dir.path().join("workspace"), SHARED, None).unwrap();
        let victim = dir.path().join("of-the-host");
        for target in [&victim, &dir.path().join("not-there")] {
            fs::write(&victim, "secret").unwrap();
            let before = fs::metadata(&victim).unwrap();
            let memory = dir.path().join("workspace").join("CLAUDE.md");
            symlink(target, &memory).unwrap();
            seed_memory(&workspace, &agent(), Some(owner())).unwrap();
            let after = fs::metadata(&victim).unwrap();
            assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
            assert_eq!(fs::read_to_string(&victim).unwrap(), "secret");
            assert!(!dir.path().join("not-there").exists());
            fs::remove_file(memory).unwrap();
        }
    }

    /// The attack that gave any file of the host away: while the host makes the memory, the agent
    /// swaps it for a link.
    #[test]
    fn a_memory_that_is_swapped_for_a_link_meanwhile_gives_nothing_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("workspace");
        let workspace = folder(&path, SHARED, None).unwrap();
        let victim = dir.path().join("of-the-host");
        fs::write(&victim, "secret").unwrap();
        let before = fs::metadata(&victim).unwrap();
        let (memory, link) = (path.join("CLAUDE.md"), path.join("link"));
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let exchange = RenameFlags::EXCHANGE;
                    let _ = renameat_with(CWD, &link, CWD, &memory, exchange);
                }
            });
            for _ in 0..5_000 {
                let _ = fs::remove_file(&memory);
                let _ = fs::remove_file(&link);
                symlink(&victim, &link).unwrap();
                seed_memory(&workspace, &agent(), Some(owner())).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let after = fs::metadata(&victim).unwrap();
        assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "secret");
    }
}
