//! The link over a unix socket in a mounted folder, for engines that share the host's kernel.
//!
//! Invariants
//! - The socket is reachable only through its folder, which the caller keeps private and mounts
//!   into exactly one container: every client is that container.
//! - The folder is mounted, never the socket, so a restarted host can put a new socket in
//!   place while the container runs.
//! - Dropping the carrier removes nothing: a successor may already have put its socket there.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use async_trait::async_trait;
use tokio::net::UnixListener;

use crate::{Carrier, Stream, inside};

/// The container runs under another user than the host may. The folder above is what protects.
const SOCKET_MODE: u32 = 0o666;

/// Listens for one incarnation's runner. Makes the folder if need be, and replaces a socket that a former
/// host left. Must be called within a tokio runtime; the few file system calls it makes are on one local
/// folder.
pub fn open(folder: &Path) -> io::Result<UnixListener> {
    fs::create_dir_all(folder)?;
    let socket = folder.join(inside::SOCKET);
    match fs::remove_file(&socket) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    // A way to the socket that fits into a socket address, however deep the folder lies: through the open
    // folder, which is kept until the bind is done.
    let dir = fs::File::open(folder)?;
    let short = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), inside::SOCKET);
    let listener = UnixListener::bind(short)?;
    fs::set_permissions(&socket, fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

#[async_trait]
impl Carrier for UnixListener {
    async fn accept(&mut self) -> io::Result<Box<dyn Stream>> {
        let (stream, _) = UnixListener::accept(self).await?;
        Ok(Box::new(stream))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn a_stream_goes_both_ways() {
        let folder = tempfile::tempdir().unwrap();
        let mut carrier = open(&folder.path().join("link")).unwrap();
        let socket = folder.path().join("link").join(inside::SOCKET);
        let mut near = UnixStream::connect(&socket).await.unwrap();
        let mut far = Carrier::accept(&mut carrier).await.unwrap();
        near.write_all(b"ping").await.unwrap();
        let mut got = [0; 4];
        far.read_exact(&mut got).await.unwrap();
        far.write_all(&got).await.unwrap();
        near.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"ping");
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
    }

    #[tokio::test]
    async fn a_successor_takes_the_socket_over() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path()).unwrap();
        let mut second = open(folder.path()).unwrap();
        drop(first);
        let _near = UnixStream::connect(folder.path().join(inside::SOCKET)).await.unwrap();
        Carrier::accept(&mut second).await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_may_lie_deep() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(100)).join("y".repeat(100));
        open(&deep).unwrap();
        assert!(deep.join(inside::SOCKET).exists());
    }
}
