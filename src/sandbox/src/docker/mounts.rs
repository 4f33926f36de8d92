//! The real folders behind what a container is to be shown.
//!
//! A data directory may come out of a forged backup, with a link in the place of a session's or an
//! agent's folder. The engine would follow it, and show whatever folder of the host it names.

use std::io;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::{Mounts, SandboxError};

/// The same folders without any link on the way. Only the host writes above them, so that nobody
/// can put a link there later.
pub(super) async fn resolved(root: PathBuf, mut mounts: Mounts) -> Result<Mounts, SandboxError> {
    let resolving = spawn_blocking(move || {
        let Mounts { inbound, outbound, files, workspace, home, link } = &mut mounts;
        for path in [inbound, outbound, files, workspace, home, link] {
            *path = folder(&root, path)?;
        }
        Ok(mounts)
    });
    resolving.await.map_err(|err| failed(io::Error::other(err)))?
}

fn failed(err: io::Error) -> SandboxError {
    SandboxError::Failed { op: "look at the folders of the container", source: Box::new(err) }
}

/// The data directory itself may lie behind a link; nothing below it does.
fn folder(root: &Path, source: &Path) -> Result<PathBuf, SandboxError> {
    let weak = |why: &str| SandboxError::Weak(format!("{} {why}", source.display()));
    let real_root = root.canonicalize().map_err(failed)?;
    let below = source
        .strip_prefix(root)
        .or_else(|_| source.strip_prefix(&real_root))
        .map_err(|_| weak("lies outside of the data directory"))?;
    let real = source.canonicalize().map_err(failed)?;
    if real != real_root.join(below) {
        return Err(weak("is a link or lies behind one; put the folder itself there"));
    }
    if !real.is_dir() {
        return Err(weak("is no folder"));
    }
    Ok(real)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_behind_links_and_outside_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("of-the-host");
        fs::create_dir_all(outside.join("in")).unwrap();
        let root = dir.path().join("data");
        fs::create_dir_all(root.join("sessions/s1/in")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        symlink(&outside, root.join("sessions/s2")).unwrap();
        symlink(root.join("sessions/s1"), root.join("sessions/s3")).unwrap();
        symlink(&root, dir.path().join("link")).unwrap();

        let plain = folder(&root, &root.join("sessions/s1/in")).unwrap();
        assert_eq!(plain, root.canonicalize().unwrap().join("sessions/s1/in"));
        let behind = dir.path().join("link");
        assert_eq!(folder(&behind, &behind.join("sessions/s1/in")).unwrap(), plain);
        for weak in [
            root.join("sessions/s2/in"),
            root.join("sessions/s2"),
            root.join("sessions/s3/in"),
            root.join("sessions/../../of-the-host/in"),
            root.join("file"),
            outside.join("in"),
        ] {
            let refused = folder(&root, &weak);
            assert!(matches!(refused, Err(SandboxError::Weak(_))), "{weak:?}: {refused:?}");
        }
        let missing = folder(&root, &root.join("nowhere"));
        assert!(matches!(missing, Err(SandboxError::Failed { .. })), "{missing:?}");
    }
}
