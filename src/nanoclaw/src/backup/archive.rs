//! Writes members into a tar file. No file is held in memory.
//!
//! Agents own most of what is read here. A file that shrinks, fails, is huge or is full of holes costs
//! that file at most; only a full disk, or more than the whole may take, ends the backup.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use vault::seal::Key;

use super::sparse::{self, Sparse};
use super::{LeftOut, MAC, MANIFEST, Manifest, SPARSE};
use crate::error::fail;
use crate::term;

/// Of these the manifest tells the names; of more their number.
const LEFT_OUT_NAMED_MAX: usize = 1_000;
/// What one workspace or home may have of the whole, as a divisor, so that no agent can fill the backup.
const TREE_SHARE: u64 = 4;
/// What folders and links of one tree may take of the memory: a restore holds them in it.
const TREE_MEMORY_MAX: usize = 64 * 1024 * 1024;
/// What one of them takes beside its name.
const NODE_BYTES: usize = 64;
const HEADER_BYTES: u64 = 512;
/// Bytes between two words about how far it is.
const PROGRESS_BYTES: u64 = 64 * 1024 * 1024;

pub(super) struct Archive<'a> {
    tar: Builder<DigestingWriter<'a>>,
    manifest: Manifest,
    /// More is an error.
    bytes_max: u64,
    /// Of all members so far.
    pub(super) bytes: u64,
    /// Files that became shorter while they were read; their ends are zeros.
    pub(super) changed: usize,
    /// What the present tree has used of the disk and of the memory of a restore.
    pub(super) tree: (u64, usize),
}

impl<'a> Archive<'a> {
    pub(super) fn new(to: &'a mut dyn Write, bytes_max: u64) -> Self {
        let tar = Builder::new(DigestingWriter { to, digest: Sha256::new() });
        let manifest = Manifest::default();
        Self { tar, manifest, bytes_max, bytes: 0, changed: 0, tree: (0, 0) }
    }

    pub(super) fn add_bytes(&mut self, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        self.add(Path::new(path), header(EntryType::Regular, None), bytes.len() as u64, bytes)
    }

    /// Adds what an open file of an agent has now: its data, and where the holes are.
    pub(super) fn add_untrusted(
        &mut self,
        path: &Path,
        file: &File,
        meta: &Metadata,
    ) -> anyhow::Result<()> {
        let map = match sparse::map(file, meta) {
            Ok(map) => map,
            Err(why) => {
                self.leave_out(path, why);
                return Ok(());
            }
        };
        if !self.has_room(path, map.data(), 0) {
            return Ok(());
        }
        if map.data() != map.size {
            self.add_bytes(SPARSE, &serde_json::to_vec(&map)?)?;
        }
        self.add_data(path, file, meta, &map)
    }

    pub(super) fn add_folder(&mut self, path: &Path, meta: &Metadata) -> anyhow::Result<()> {
        self.add(path, header(EntryType::Directory, Some(meta)), 0, io::empty())
    }

    pub(super) fn add_link(&mut self, path: &Path, target: &str) {
        self.manifest.links.push((path.to_string_lossy().into_owned(), target.to_owned()));
    }

    /// Whether the present tree may have this much more data, and names of so many bytes that are held in
    /// memory; if not, that is noted.
    pub(super) fn has_room(&mut self, path: &Path, bytes: u64, names: usize) -> bool {
        let bytes = self.tree.0.saturating_add(bytes).saturating_add(HEADER_BYTES);
        let memory = self.tree.1 + if names == 0 { 0 } else { names + NODE_BYTES };
        if self.bytes_max / TREE_SHARE < bytes {
            self.leave_out(path, "its folder holds more than one agent may put into a backup");
        } else if TREE_MEMORY_MAX < memory {
            self.leave_out(path, "its folder holds too many files");
        } else {
            self.tree = (bytes, memory);
            return true;
        }
        false
    }

    pub(super) fn leave_out(&mut self, path: &Path, why: &str) {
        self.manifest.left_out_count += 1;
        if self.manifest.left_out.len() < LEFT_OUT_NAMED_MAX {
            let path = path.to_string_lossy().into_owned();
            self.manifest.left_out.push(LeftOut { path, why: why.to_owned() });
        }
    }

    /// Adds the parts of an open file that `map` names.
    pub(super) fn add_data(
        &mut self,
        path: &Path,
        file: &File,
        meta: &Metadata,
        map: &Sparse,
    ) -> anyhow::Result<()> {
        let mut data = Data { file, segments: &map.segments, done: 0, is_short: false };
        let header = header(EntryType::Regular, Some(meta));
        self.add(path, header, map.data(), &mut data)?;
        self.changed += usize::from(data.is_short);
        Ok(())
    }

    fn add(
        &mut self,
        path: &Path,
        mut header: Header,
        bytes: u64,
        from: impl Read,
    ) -> anyhow::Result<()> {
        let before = self.bytes;
        let after = before.saturating_add(bytes);
        if self.bytes_max < after {
            return Err(fail(
                format!("the backup would be larger than {} MB", self.bytes_max / 1_000_000),
                "make room on that disk, remove what agents do not need (`du -sh` in `agents` and \
                 `sessions` of the data directory), or allow more with `--max-gb`",
            ));
        }
        header.set_size(bytes);
        self.tar.append_data(&mut header, path, from)?;
        self.bytes = after;
        if before / PROGRESS_BYTES < after / PROGRESS_BYTES {
            term::rewrite(&format!("{} MB", after / 1_000_000));
        }
        Ok(())
    }

    /// Adds the manifest, and authenticates everything. Returns what the manifest says.
    pub(super) fn finish(mut self, key: &Key) -> anyhow::Result<Manifest> {
        let text = serde_json::to_vec(&self.manifest)?;
        self.add_bytes(MANIFEST, &text)?;
        let digest = self.tar.get_ref().digest.clone().finalize();
        self.add_bytes(MAC, &[&digest[..], &key.authenticate(&digest)[..]].concat())?;
        self.tar.into_inner()?;
        Ok(self.manifest)
    }
}

/// Of a file or folder that is there, or of one that only the backup has.
fn header(kind: EntryType, meta: Option<&Metadata>) -> Header {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(meta.map_or(0o600, MetadataExt::mode) & 0o777);
    header.set_uid(meta.map_or(user.as_raw(), MetadataExt::uid).into());
    header.set_gid(meta.map_or(group.as_raw(), MetadataExt::gid).into());
    header.set_mtime(meta.map_or(0, |it| u64::try_from(it.mtime()).unwrap_or(0)));
    header
}

struct DigestingWriter<'a> {
    to: &'a mut dyn Write,
    digest: Sha256,
}

impl Write for DigestingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The data of a file without its holes: exactly as many bytes as its header promises, zeros where it
/// became shorter or cannot be read.
struct Data<'a> {
    file: &'a File,
    segments: &'a [(u64, u64)],
    /// Bytes of the first segment that were read.
    done: u64,
    is_short: bool,
}

impl Read for Data<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty()
            && let Some(((offset, bytes), rest)) = self.segments.split_first()
        {
            let left = usize::try_from(bytes - self.done).unwrap_or(usize::MAX);
            if left == 0 {
                (self.segments, self.done) = (rest, 0);
                continue;
            }
            let most = left.min(buffer.len());
            let buffer = &mut buffer[..most];
            let read = self.file.read_at(buffer, offset + self.done).unwrap_or(0);
            self.is_short |= read == 0;
            if self.is_short {
                buffer.fill(0);
            }
            let got = if self.is_short { most } else { read };
            self.done += got as u64;
            return Ok(got);
        }
        Ok(0)
    }
}
