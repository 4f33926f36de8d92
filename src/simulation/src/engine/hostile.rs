//! A runner in hostile hands: it works for a while, then writes what it likes into the folders that are
//! mounted writable and over its link, and ends, goes on, or falls silent. What it writes carries
//! [`MARK`], so that a law can tell whether anything of it is shown elsewhere.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_runner::Connect;
use domain::Incarnation;
use domain::link::Header;
use rustix::fs::{CWD, Mode, mkfifoat};
use sandbox::Mounts;
use store::RunnerStore;
use store::layout::{FILES, OUTBOUND};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use super::link::MemoryConnect;
use crate::rng::Rng;

mod rows;

/// In everything that it writes.
pub const MARK: &str = "HOSTILE";
/// Longest wait for a host that reads no more of the link.
const LINK_WITHIN: Duration = Duration::from_secs(5);
/// Shorter than the silence after which a container is stopped.
const SIGN_EVERY: Duration = Duration::from_secs(20 * 60);

/// What it has to work with.
pub(super) struct Hostile {
    pub(super) mounts: Mounts,
    pub(super) incarnation: Incarnation,
    pub(super) rng: Rng,
    pub(super) link: MemoryConnect,
}

impl Hostile {
    /// Returns the exit code. `honest` is the runner as it should be.
    pub(super) async fn run<F: Future<Output = i64>>(mut self, honest: impl Fn() -> F) -> i64 {
        self.clear_traps();
        // It may have messages in hand when it turns.
        let honest_for = Duration::from_millis(self.rng.below(3_000));
        if let Ok(code) = timeout(honest_for, honest()).await {
            return code;
        }
        for _ in 0..=self.rng.below(6) {
            // Whatever fails, the next one is tried.
            let _ = self.trick().await;
            let _ = self.write_link(b"look\n").await;
            sleep(Duration::from_millis(self.rng.below(2_500))).await;
        }
        match self.rng.below(12) {
            0..5 => {
                self.clear_traps();
                honest().await
            }
            5..10 => i64::try_from(self.rng.below(2)).unwrap_or(0),
            10 => std::future::pending().await,
            _ => loop {
                // Alive, at work, and never done.
                let _ = self.write_link(b"progress\n").await;
                sleep(SIGN_EVERY).await;
            },
        }
    }

    async fn trick(&mut self) -> io::Result<()> {
        let path = self.outbound();
        match self.rng.below(16) {
            0..5 => self.write_rows(),
            5 => self.put(|it, rng| fs::write(it, noise(rng, 8_192)))?,
            6 => self.flip_bytes()?,
            7 => {
                let length = self.rng.below(40_000);
                self.put(|it, _| fs::write(it, []))?;
                fs::File::options().write(true).open(&path)?.set_len(length)?;
            }
            8 => {
                let targets = [self.mounts.inbound.join("inbound.db"), "/dev/zero".into(), path];
                let to = pick(&mut self.rng, &targets);
                self.put(|it, _| symlink(to, it))?;
            }
            9 => self.put(|it, _| mkfifoat(CWD, it, Mode::RWXU).map_err(io::Error::from))?,
            10 => self.put(|it, _| fs::create_dir_all(it.join("more")))?,
            11 => self.put(|it, _| UnixListener::bind(it).map(drop))?,
            12 => self.put(|_, _| Ok(()))?,
            13 => {
                let beside = ["-journal", "-wal", "-shm"];
                let name = format!("{OUTBOUND}{}", pick(&mut self.rng, &beside));
                fs::write(self.mounts.outbound.join(name), noise(&mut self.rng, 2_048))?;
            }
            14 => self.put_files()?,
            _ => self.flood_link().await?,
        }
        Ok(())
    }

    fn outbound(&self) -> PathBuf {
        self.mounts.outbound.join(OUTBOUND)
    }

    /// Something else takes the place of the database.
    fn put(&mut self, make: impl FnOnce(&Path, &mut Rng) -> io::Result<()>) -> io::Result<()> {
        let path = self.outbound();
        remove(&path);
        make(&path, &mut self.rng)
    }

    /// In a new file: a change in place within one tick of the file system's clock may go unseen, and
    /// then a seed would not replay.
    fn flip_bytes(&mut self) -> io::Result<()> {
        let path = self.outbound();
        if !fs::symlink_metadata(&path)?.is_file() {
            return Ok(());
        }
        let mut bytes = fs::read(&path)?;
        let length = u64::try_from(bytes.len()).unwrap_or(0).max(1);
        for _ in 0..=self.rng.below(40) {
            let at = usize::try_from(self.rng.below(length)).unwrap_or(0);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = noise(&mut self.rng, 1)[0];
            }
        }
        remove(&path);
        fs::write(path, bytes)
    }

    /// Rows that no runner writes, into a database that is one.
    fn write_rows(&mut self) {
        self.clear_traps();
        let (inbound, outbound) = (&self.mounts.inbound, &self.mounts.outbound);
        if RunnerStore::open(inbound, outbound, self.incarnation).is_err() {
            remove(&self.outbound());
            if RunnerStore::open(inbound, outbound, self.incarnation).is_err() {
                return;
            }
        }
        let sql = rows::random(&mut self.rng, self.incarnation);
        // A statement that cannot be run is left out.
        let _ = rows::forge(&self.outbound(), &sql);
    }

    /// Files to be sent: its own, and links to what is not its own.
    fn put_files(&mut self) -> io::Result<()> {
        let files = self.mounts.outbound.join(FILES);
        fs::create_dir_all(&files)?;
        fs::write(files.join("own"), format!("{MARK} own"))?;
        let secret = self.mounts.inbound.join("inbound.db");
        for (name, to) in
            [("link", secret), ("folder", "/".into()), ("endless", "/dev/zero".into())]
        {
            let path = files.join(name);
            remove(&path);
            symlink(to, path)?;
        }
        let pipe = files.join("pipe");
        remove(&pipe);
        mkfifoat(CWD, &pipe, Mode::RWXU).map_err(io::Error::from)
    }

    async fn flood_link(&mut self) -> io::Result<()> {
        let streams = 1 + self.rng.below(6);
        for _ in 0..streams {
            let piece = match self.rng.below(7) {
                0 => "look\n".repeat(3_000).into_bytes(),
                1 => noise(&mut self.rng, 60_000),
                2 => vec![b'x'; 200_000],
                3 => format!("draft 2 \"{MARK}\"\nprogress\n").repeat(200).into_bytes(),
                4 => b"tool 999999999999 x\nbackground\n".to_vec(),
                5 => b"background-ended\ntool\nstop\n".to_vec(),
                _ => vec![],
            };
            self.write_link(&piece).await?;
        }
        Ok(())
    }

    async fn write_link(&self, piece: &[u8]) -> io::Result<()> {
        let all = async {
            let mut stream = self.link.open(Header::Notify).await?;
            stream.write_all(piece).await?;
            stream.flush().await
        };
        timeout(LINK_WITHIN, all).await.unwrap_or(Ok(()))
    }

    /// What lies about stays outside of the container: this double has no mounts of its own, and would
    /// write through a link, and wait at a pipe for ever.
    fn clear_traps(&self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let path = self.mounts.outbound.join(format!("{OUTBOUND}{suffix}"));
            if fs::symlink_metadata(&path).is_ok_and(|it| !it.is_file()) {
                remove(&path);
            }
        }
    }
}

fn pick<T: Clone>(rng: &mut Rng, from: &[T]) -> T {
    let index = rng.below(u64::try_from(from.len()).unwrap_or(1));
    from[usize::try_from(index).unwrap_or(0)].clone()
}

fn noise(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| u8::try_from(rng.below(256)).unwrap_or(0)).collect()
}

/// Whatever it is.
fn remove(path: &Path) {
    if fs::remove_file(path).is_err() {
        let _ = fs::remove_dir_all(path);
    }
}
