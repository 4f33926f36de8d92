//! Writes members into a tar file, and what they were into its manifest. No file is held in memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::{DIGEST, Link, MANIFEST, Manifest, Member, hex};

pub(crate) struct Archive<W: Write> {
    tar: Builder<W>,
    manifest: Manifest,
    bytes: u64,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { tar: Builder::new(to), manifest: Manifest::default(), bytes: 0 }
    }

    /// Bytes of all members so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn add_bytes(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = header(EntryType::Regular, 0o600);
        header.set_size(bytes.len() as u64);
        self.add(Path::new(path), header, bytes)
    }

    /// Adds what an open file has now. One that shrinks meanwhile is filled up with zeros and noted.
    pub(crate) fn add_file(&mut self, path: &Path, file: File) -> io::Result<()> {
        let meta = file.metadata()?;
        let mut header = header(EntryType::Regular, meta.mode());
        header.set_size(meta.len());
        owner(&mut header, &meta);
        self.add(path, header, file)
    }

    pub(crate) fn add_folder(&mut self, path: &Path, meta: &std::fs::Metadata) -> io::Result<()> {
        let mut header = header(EntryType::Directory, meta.mode());
        header.set_size(0);
        owner(&mut header, meta);
        self.add(path, header, io::empty())
    }

    pub(crate) fn add_link(&mut self, path: &Path, target: &Path) {
        let text = |it: &Path| it.to_string_lossy().into_owned();
        self.manifest.links.push(Link { path: text(path), target: text(target) });
    }

    fn add(&mut self, path: &Path, mut header: Header, from: impl Read) -> io::Result<()> {
        let bytes = header.size()?;
        let mut from = Exactly { from, left: bytes, short: false, digest: Sha256::new() };
        self.tar.append_data(&mut header, path, &mut from)?;
        self.bytes += bytes;
        self.manifest.members.push(Member {
            path: path.to_string_lossy().into_owned(),
            bytes,
            sha256: hex(&from.digest.finalize()),
            changed: from.short,
        });
        Ok(())
    }

    /// Adds the manifest. Returns what was written to, and how many members changed while they were
    /// read.
    pub(crate) fn finish(mut self) -> io::Result<(W, usize)> {
        let changed = self.manifest.members.iter().filter(|it| it.changed).count();
        let text = serde_json::to_vec(&self.manifest).map_err(io::Error::other)?;
        let digest = hex(&Sha256::digest(&text));
        self.add_bytes(MANIFEST, &text)?;
        self.add_bytes(DIGEST, digest.as_bytes())?;
        Ok((self.tar.into_inner()?, changed))
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

fn owner(header: &mut Header, meta: &std::fs::Metadata) {
    header.set_uid(meta.uid().into());
    header.set_gid(meta.gid().into());
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
}

/// Gives exactly as many bytes as a header promised.
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
        let mut got = if self.short { 0 } else { self.from.read(&mut buffer[..most])? };
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
