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
use super::{MAC, MANIFEST, Manifest, SPARSE};
use crate::error::fail;
use crate::term;

/// What one workspace or home may have of the whole, as a divisor, so that no agent can fill the backup.
const TREE_SHARE: u64 = 4;
/// What folders and links of one tree may take of the memory: a restore holds them in it.
const TREE_MEMORY_MAX: usize = 64 * 1024 * 1024;
/// What one of them takes beside its name.
const NODE_BYTES: usize = 64;
/// What links of all trees may take of the manifest, of which a restore reads 512 MiB.
const LINKS_MAX: usize = 384 * 1024 * 1024;
/// A tar file consists of these; each member begins with one.
const BLOCK_BYTES: u64 = 512;
/// A longer name is a member of its own.
const SHORT_NAME_BYTES: usize = 100;
/// Bytes between two words about how far it is.
const PROGRESS_BYTES: u64 = 64 * 1024 * 1024;

pub(super) struct Archive<'a> {
    tar: Builder<DigestingWriter<'a>>,
    manifest: Manifest,
    /// More is an error.
    bytes_max: u64,
    /// Of all members so far, with their headers.
    pub(super) bytes: u64,
    links_bytes: usize,
    /// Files that became shorter while they were read; their ends are zeros.
    pub(super) changed: usize,
    /// What the present tree has used of the disk and of the memory of a restore.
    pub(super) tree: (u64, usize),
}

impl<'a> Archive<'a> {
    pub(super) fn new(to: &'a mut dyn Write, bytes_max: u64) -> Self {
        let tar = Builder::new(DigestingWriter { to, digest: Sha256::new() });
        let manifest = Manifest::default();
        Self { tar, manifest, bytes_max, bytes: 0, links_bytes: 0, changed: 0, tree: (0, 0) }
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
        let holes = if map.data() == map.size { vec![] } else { serde_json::to_vec(&map)? };
        let mut stored = member_bytes(path, map.data());
        if !holes.is_empty() {
            stored = stored.saturating_add(member_bytes(Path::new(SPARSE), holes.len() as u64));
        }
        if self.has_room(path, stored, 0) {
            if !holes.is_empty() {
                self.add_bytes(SPARSE, &holes)?;
            }
            self.add_data(path, file, meta, &map)?;
        }
        Ok(())
    }

    /// Returns whether there was room for it.
    pub(super) fn add_folder(&mut self, path: &Path, meta: &Metadata) -> anyhow::Result<bool> {
        let names = path.as_os_str().len() + NODE_BYTES;
        let has_room = self.has_room(path, member_bytes(path, 0), names);
        if has_room {
            self.add(path, header(EntryType::Directory, Some(meta)), 0, io::empty())?;
        }
        Ok(has_room)
    }

    pub(super) fn add_link(&mut self, path: &Path, target: &str) -> anyhow::Result<()> {
        let link = (path.to_string_lossy().into_owned(), target.to_owned());
        // As JSON, which makes six bytes of a control character.
        let bytes = serde_json::to_vec(&link)?.len() + 1;
        if LINKS_MAX < self.links_bytes + bytes {
            self.leave_out(path, "the backup holds too many links");
        } else if self.has_room(path, bytes as u64, bytes + NODE_BYTES) {
            self.links_bytes += bytes;
            self.manifest.links.push(link);
        }
        Ok(())
    }

    /// Whether the present tree may take so many more bytes of the file, and of the memory of a restore; if
    /// not, that is noted.
    fn has_room(&mut self, path: &Path, stored: u64, memory: usize) -> bool {
        let bytes = self.tree.0.saturating_add(stored);
        let memory = self.tree.1 + memory;
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
        self.manifest.leave_out(&path.to_string_lossy(), why);
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
        let after = before.saturating_add(member_bytes(path, bytes));
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

    /// Adds the manifest, and authenticates everything. Returns what the manifest says, and all bytes.
    pub(super) fn finish(mut self, key: &Key) -> anyhow::Result<(Manifest, u64)> {
        let text = serde_json::to_vec(&self.manifest)?;
        self.add_bytes(MANIFEST, &text)?;
        let digest = self.tar.get_ref().digest.clone().finalize();
        self.add_bytes(MAC, &[&digest[..], &key.authenticate(&digest)[..]].concat())?;
        self.tar.into_inner()?;
        Ok((self.manifest, self.bytes))
    }
}

/// What a member takes of the file: with its header, padding, and the member that holds a long name.
fn member_bytes(path: &Path, bytes: u64) -> u64 {
    let padded = |it: u64| it.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES);
    let name = path.as_os_str().len();
    let long = if SHORT_NAME_BYTES < name { BLOCK_BYTES + padded(name as u64 + 1) } else { 0 };
    padded(bytes).saturating_add(BLOCK_BYTES + long)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_count_as_what_they_take_of_the_manifest() {
        let mut sink = io::sink();
        let mut archive = Archive::new(&mut sink, 1 << 40);
        let (path, target) = (Path::new("agents/a/link"), "\u{1}".repeat(4_095));
        archive.tree.1 = TREE_MEMORY_MAX - 5 * target.len();
        archive.add_link(path, &target).unwrap();
        assert_eq!((archive.manifest.links.len(), archive.manifest.left_out_count), (0, 1));
        // In the next tree.
        (archive.tree, archive.links_bytes) = ((0, 0), LINKS_MAX - 6 * target.len() - 100);
        archive.add_link(path, &target).unwrap();
        archive.add_link(path, &target).unwrap();
        assert_eq!((archive.manifest.links.len(), archive.manifest.left_out_count), (1, 2));
    }
}
