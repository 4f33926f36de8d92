//! Writes members into a tar file, and what they were into its manifest. No file is held in memory.
//!
//! Agents own most of what is read here. A file that shrinks, fails, is huge or is full of holes costs
//! that file at most; only a full disk, or more than [`Limits::total`], ends the whole.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use vault::seal::Key;

use super::sparse::{self, Sparse};
use super::{LeftOut, Link, MAC, MANIFEST, Mac, Manifest, Member, SPARSE, hex};

/// Of these the manifest tells the names; of more their number.
const LEFT_OUT_NAMED_MAX: usize = 1_000;
/// Members of one tree, and bytes of their names: the manifest is held in memory.
const TREE_MEMBERS_MAX: u64 = 1_000_000;
const TREE_NAMES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes between two words about how far it is.
const PROGRESS_BYTES: u64 = 64 * 1024 * 1024;

/// How much may be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// More is an error.
    pub(crate) total: u64,
    /// What is more of one workspace or home is left out, so that no agent can fill the backup.
    pub(crate) tree: u64,
}

/// The backup would be larger than it may be.
#[derive(Debug, thiserror::Error)]
#[error("the backup would be larger than {} MB", .0 / 1_000_000)]
pub(crate) struct TooLarge(u64);

pub(crate) struct Archive<W: Write> {
    tar: Builder<W>,
    manifest: Manifest,
    limits: Limits,
    bytes: u64,
    told: u64,
    tree: Tree,
    progress: fn(u64),
}

/// What the present tree has used.
#[derive(Clone, Copy, Debug, Default)]
struct Tree {
    bytes: u64,
    members: u64,
    names: u64,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(to: W, limits: Limits, progress: fn(u64)) -> Self {
        let (manifest, tree) = (Manifest::default(), Tree::default());
        Self { tar: Builder::new(to), manifest, limits, bytes: 0, told: 0, tree, progress }
    }

    /// Bytes of all members so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn begin_tree(&mut self) {
        self.tree = Tree::default();
    }

    pub(crate) fn add_bytes(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = header(EntryType::Regular, 0o600);
        header.set_size(bytes.len() as u64);
        self.add(Path::new(path), header, bytes)
    }

    /// Adds a file of the host's own as a whole.
    pub(crate) fn add_file(&mut self, path: &Path, file: &File) -> io::Result<()> {
        let meta = file.metadata()?;
        self.add_data(path, file, &meta, &Sparse::dense(meta.len()))
    }

    /// Adds what an open file of an agent has now: its data, and where the holes are.
    pub(crate) fn add_untrusted(&mut self, path: &Path, file: &File) -> io::Result<()> {
        let Ok(meta) = file.metadata() else {
            self.leave_out(path, "it cannot be read");
            return Ok(());
        };
        let map = match sparse::map(file, &meta) {
            Ok(map) => map,
            Err(why) => {
                self.leave_out(path, why);
                return Ok(());
            }
        };
        if !self.has_room(path, map.data()) {
            return Ok(());
        }
        if !map.is_dense() {
            self.add_bytes(SPARSE, &serde_json::to_vec(&map).map_err(io::Error::other)?)?;
        }
        self.add_data(path, file, &meta, &map)
    }

    pub(crate) fn add_folder(&mut self, path: &Path, meta: &Metadata) -> io::Result<()> {
        let mut header = header(EntryType::Directory, meta.mode());
        header.set_size(0);
        owner(&mut header, meta);
        self.add(path, header, io::empty())
    }

    pub(crate) fn add_link(&mut self, path: &Path, target: &Path) {
        let text = |it: &Path| it.to_string_lossy().into_owned();
        self.manifest.links.push(Link { path: text(path), target: text(target) });
    }

    /// Whether the present tree may have this much more; if not, that is noted.
    pub(crate) fn has_room(&mut self, path: &Path, bytes: u64) -> bool {
        let mut tree = self.tree;
        tree.bytes = tree.bytes.saturating_add(bytes);
        tree.members += 1;
        tree.names += path.as_os_str().len() as u64;
        let why = if self.limits.tree < tree.bytes {
            "its folder holds more than one agent may put into a backup"
        } else if TREE_MEMBERS_MAX < tree.members || TREE_NAMES_MAX < tree.names {
            "its folder holds too many files"
        } else {
            self.tree = tree;
            return true;
        };
        self.leave_out(path, why);
        false
    }

    /// Notes what is not in the backup.
    pub(crate) fn leave_out(&mut self, path: &Path, why: &str) {
        self.manifest.left_out_count += 1;
        if self.manifest.left_out.len() < LEFT_OUT_NAMED_MAX {
            let path = path.to_string_lossy().into_owned();
            self.manifest.left_out.push(LeftOut { path, why: why.to_owned() });
        }
    }

    fn add_data(
        &mut self,
        path: &Path,
        file: &File,
        meta: &Metadata,
        map: &Sparse,
    ) -> io::Result<()> {
        let mut header = header(EntryType::Regular, meta.mode());
        header.set_size(map.data());
        owner(&mut header, meta);
        self.add(path, header, Data { file, map, at: (0, 0) })
    }

    fn add(&mut self, path: &Path, mut header: Header, from: impl Read) -> io::Result<()> {
        let bytes = header.size()?;
        if self.limits.total < self.bytes.saturating_add(bytes) {
            return Err(io::Error::other(TooLarge(self.limits.total)));
        }
        let mut from = Exactly { from, left: bytes, short: false, digest: Sha256::new() };
        let (mode, uid, gid) = (header.mode()?, header.uid()?, header.gid()?);
        self.tar.append_data(&mut header, path, &mut from)?;
        self.bytes += bytes;
        self.manifest.members.push(Member {
            path: path.to_string_lossy().into_owned(),
            bytes,
            sha256: hex(&from.digest.finalize()),
            mode,
            uid,
            gid,
            changed: from.short,
        });
        if PROGRESS_BYTES < self.bytes - self.told {
            self.told = self.bytes;
            (self.progress)(self.bytes);
        }
        Ok(())
    }

    /// Adds the manifest, authenticated. Returns what was written to, and what it says.
    pub(crate) fn finish(mut self, key: &Key) -> io::Result<(W, Manifest)> {
        let manifest = std::mem::take(&mut self.manifest);
        let text = serde_json::to_vec(&manifest).map_err(io::Error::other)?;
        self.add_bytes(MANIFEST, &text)?;
        let mac = Mac { sha256: hex(&Sha256::digest(&text)), hmac: hex(&key.authenticate(&text)) };
        self.add_bytes(MAC, &serde_json::to_vec(&mac).map_err(io::Error::other)?)?;
        Ok((self.tar.into_inner()?, manifest))
    }
}

fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode & 0o777);
    header.set_mtime(0);
    // Every field must hold a number; what was a file gets its owner below.
    header.set_uid(rustix::process::geteuid().as_raw().into());
    header.set_gid(rustix::process::getegid().as_raw().into());
    header
}

fn owner(header: &mut Header, meta: &Metadata) {
    header.set_uid(meta.uid().into());
    header.set_gid(meta.gid().into());
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
}

/// The data of a file without its holes.
struct Data<'a> {
    file: &'a File,
    map: &'a Sparse,
    /// Segment, and bytes of it that were read.
    at: (usize, u64),
}

impl Read for Data<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(segment) = self.map.segments.get(self.at.0) else { return Ok(0) };
            let left = segment.bytes - self.at.1;
            if left == 0 {
                self.at = (self.at.0 + 1, 0);
                continue;
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let got = self.file.read_at(&mut buffer[..most], segment.offset + self.at.1)?;
            self.at.1 += got as u64;
            return Ok(got);
        }
    }
}

/// Gives exactly as many bytes as a header promised: zeros, where a file became shorter or cannot be
/// read.
struct Exactly<R> {
    from: R,
    left: u64,
    short: bool,
    digest: Sha256,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let mut got = if self.short { 0 } else { self.from.read(&mut buffer[..most]).unwrap_or(0) };
        if got == 0 {
            self.short = true;
            buffer[..most].fill(0);
            got = most;
        }
        self.left -= got as u64;
        self.digest.update(&buffer[..got]);
        Ok(got)
    }
}
