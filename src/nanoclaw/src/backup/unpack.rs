//! Reads a backup, which may have been forged, into a new folder.
//!
//! Invariants
//! - Nothing is written outside of the folder: paths have plain parts only, members are files and
//!   folders, and links are made last, when nothing is written any more.
//! - Nothing is believed that does not match the manifest, and a file that ends early is refused.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown, fchown, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use tar::{Archive, Entry, EntryType};

use super::{DIGEST, FORMAT, HEAD, Head, Link, MANIFEST, Manifest, Member, hex};

/// Longer than any path of a system that this runs on.
const PATH_BYTES_MAX: u64 = 4_096;
/// For the head; the manifest has a line per file.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
const MANIFEST_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Read at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it is no backup of nanoclaw")]
    NoBackup,
    #[error("it was made by a newer version of nanoclaw; install that version")]
    Newer,
    #[error("it is not complete; it was cut off")]
    CutOff,
    #[error("`{0}` is not what the manifest says; the file is damaged or was changed")]
    Changed(String),
    #[error("it contains `{0}`, which no backup of nanoclaw has")]
    Strange(String),
    #[error("`{name}` needs {needs} MB, and {free} MB are free")]
    TooLarge { name: String, needs: u64, free: u64 },
    #[error("it could not be read or unpacked")]
    Io(#[from] io::Error),
}

/// Unpacks `file` into `to`, an empty folder.
///
/// # Errors
/// When it is not exactly what was written. What was unpacked until then is to be thrown away.
pub(crate) fn unpack(file: &Path, to: &Path) -> Result<Head, Refused> {
    let mut archive = Archive::new(io::BufReader::new(File::open(file)?));
    let mut unpacking =
        Unpacking { to, head: None, seen: vec![], manifest: None, digest: None, folders: vec![] };
    let mut long_name = None;
    // Raw, so that an entry that only names the next one is bounded here too.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry.map_err(cut_off)?;
        if entry.header().entry_type() == EntryType::GNULongName {
            let mut name = bounded(&mut entry, PATH_BYTES_MAX)?;
            name.retain(|it| *it != 0);
            long_name = Some(String::from_utf8_lossy(&name).into_owned());
            continue;
        }
        let name = match long_name.take() {
            Some(name) => name,
            None => String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
        };
        unpacking.member(&name, &mut entry)?;
    }
    unpacking.finish()
}

fn cut_off(err: io::Error) -> Refused {
    let kind = err.kind();
    if kind == io::ErrorKind::UnexpectedEof {
        Refused::CutOff
    } else if matches!(kind, io::ErrorKind::Other | io::ErrorKind::InvalidData) {
        Refused::NoBackup
    } else {
        Refused::Io(err)
    }
}

type TarEntry<'a> = Entry<'a, io::BufReader<File>>;

fn bounded(entry: &mut TarEntry<'_>, most: u64) -> Result<Vec<u8>, Refused> {
    if most < entry.size() {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        return Err(Refused::Strange(name));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(cut_off)?;
    if (bytes.len() as u64) < entry.size() { Err(Refused::CutOff) } else { Ok(bytes) }
}

struct Unpacking<'a> {
    to: &'a Path,
    head: Option<Head>,
    seen: Vec<Member>,
    manifest: Option<Vec<u8>>,
    digest: Option<Vec<u8>>,
    /// Their permissions are set last, since some may not be written to.
    folders: Vec<(PathBuf, u32, (u64, u64))>,
}

impl Unpacking<'_> {
    fn member(&mut self, name: &str, entry: &mut TarEntry<'_>) -> Result<(), Refused> {
        let strange = || Refused::Strange(name.to_owned());
        if self.head.is_none() {
            if name != HEAD || entry.header().entry_type() != EntryType::Regular {
                return Err(Refused::NoBackup);
            }
            let bytes = bounded(entry, HEAD_BYTES_MAX)?;
            let head: Head = serde_json::from_slice(&bytes).map_err(|_| Refused::NoBackup)?;
            if FORMAT < head.format {
                return Err(Refused::Newer);
            }
            self.head = Some(head);
            self.note(name, &bytes);
            return Ok(());
        }
        if self.digest.is_some() || self.manifest.is_some() != (name == DIGEST) {
            return Err(strange());
        }
        match (name, entry.header().entry_type()) {
            (MANIFEST, EntryType::Regular) => {
                self.manifest = Some(bounded(entry, MANIFEST_BYTES_MAX)?);
            }
            (DIGEST, EntryType::Regular) => self.digest = Some(bounded(entry, HEAD_BYTES_MAX)?),
            (_, EntryType::Regular) => self.file(name, entry)?,
            (_, EntryType::Directory) => self.folder(name, entry)?,
            _ => return Err(strange()),
        }
        Ok(())
    }

    fn note(&mut self, name: &str, bytes: &[u8]) {
        self.seen.push(Member {
            path: name.to_owned(),
            bytes: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
            changed: false,
        });
    }

    fn file(&mut self, name: &str, entry: &mut TarEntry<'_>) -> Result<(), Refused> {
        let path = self.to.join(plain(name).ok_or_else(|| Refused::Strange(name.to_owned()))?);
        let bytes = entry.size();
        let free = crate::home::free_mib(self.to)?;
        if free < bytes / (1024 * 1024) {
            let (name, needs) = (name.to_owned(), bytes / 1_000_000);
            return Err(Refused::TooLarge { name, needs, free });
        }
        fs::create_dir_all(path.parent().unwrap_or(self.to))?;
        let mode = entry.header().mode()? & 0o777;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        let (mut block, mut digest, mut left) = (vec![0; BLOCK_BYTES], Sha256::new(), bytes);
        while 0 < left {
            let got = entry.read(&mut block).map_err(cut_off)?;
            if got == 0 {
                return Err(Refused::CutOff);
            }
            digest.update(&block[..got]);
            file.write_all(&block[..got])?;
            left = left.saturating_sub(got as u64);
        }
        if geteuid().is_root() {
            let (user, group) = owner(entry)?;
            fchown(&file, small(user), small(group))?;
        }
        file.set_permissions(Permissions::from_mode(mode))?;
        let sha256 = hex(&digest.finalize());
        self.seen.push(Member { path: name.to_owned(), bytes, sha256, changed: false });
        Ok(())
    }

    fn folder(&mut self, name: &str, entry: &mut TarEntry<'_>) -> Result<(), Refused> {
        // The tar format ends names of folders with a slash; the manifest does not.
        let name = name.trim_end_matches('/');
        let path = self.to.join(plain(name).ok_or_else(|| Refused::Strange(name.to_owned()))?);
        fs::create_dir_all(&path)?;
        self.folders.push((path, entry.header().mode()? & 0o777, owner(entry)?));
        self.note(name, &[]);
        Ok(())
    }

    fn finish(self) -> Result<Head, Refused> {
        let head = self.head.ok_or(Refused::NoBackup)?;
        let (Some(manifest), Some(digest)) = (self.manifest, self.digest) else {
            return Err(Refused::CutOff);
        };
        if hex(&Sha256::digest(&manifest)).as_bytes() != digest {
            return Err(Refused::Changed(MANIFEST.to_owned()));
        }
        let manifest: Manifest =
            serde_json::from_slice(&manifest).map_err(|_| Refused::NoBackup)?;
        let same = |a: &Member, b: &Member| a.bytes == b.bytes && a.sha256 == b.sha256;
        for (index, member) in manifest.members.iter().enumerate() {
            match self.seen.get(index) {
                Some(seen) if seen.path == member.path && same(seen, member) => {}
                _ => return Err(Refused::Changed(member.path.clone())),
            }
        }
        if let Some(more) = self.seen.get(manifest.members.len()) {
            return Err(Refused::Strange(more.path.clone()));
        }
        for link in &manifest.links {
            make_link(self.to, link)?;
        }
        for (path, mode, (user, group)) in self.folders.iter().rev() {
            if geteuid().is_root() {
                chown(path, small(*user), small(*group))?;
            }
            fs::set_permissions(path, Permissions::from_mode(*mode | 0o700))?;
        }
        Ok(head)
    }
}

fn owner(entry: &TarEntry<'_>) -> io::Result<(u64, u64)> {
    Ok((entry.header().uid()?, entry.header().gid()?))
}

fn small(id: u64) -> Option<u32> {
    u32::try_from(id).ok()
}

/// A relative path of plain parts, below one of the places that a backup has.
fn plain(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let is_plain = path.components().all(|it| matches!(it, Component::Normal(_)))
        && !name.contains('\0')
        && !name.split('/').any(|it| matches!(it, "" | "." | ".."));
    let place = path.components().next()?.as_os_str();
    let known = [super::CENTRAL, super::KEY, "agents", "sessions"].iter().any(|it| place == *it);
    (is_plain && known).then_some(path)
}

/// Makes a link where the agent had one. Nothing is ever written through it here.
fn make_link(to: &Path, link: &Link) -> Result<(), Refused> {
    let strange = || Refused::Strange(link.path.clone());
    let path = plain(&link.path).ok_or_else(strange)?;
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
    use tar::{Builder, Header};

    use super::*;

    /// A tar with a head and one strange entry.
    fn forged(kind: EntryType, name: &str, size: u64) -> Refused {
        let folder = tempfile::tempdir().unwrap();
        let (file, to) = (folder.path().join("a.tar"), folder.path().join("to"));
        fs::create_dir(&to).unwrap();
        let mut tar = Builder::new(File::create(&file).unwrap());
        let head = br#"{"format":1,"version":"1","created_at":0,"install":"i","with_key":false}"#;
        let mut header = Header::new_gnu();
        header.set_size(head.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, HEAD, &head[..]).unwrap();
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        // Past the builder's own checks.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..4].copy_from_slice(b"/etc");
        header.set_size(size);
        header.set_mode(0o4777);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        tar.append(&header, io::empty()).unwrap();
        tar.into_inner().unwrap();
        let refused = unpack(&file, &to).unwrap_err();
        assert!(!folder.path().join("evil").exists());
        refused
    }

    #[test]
    fn a_forged_file_writes_nothing_elsewhere() {
        let regular = EntryType::Regular;
        for name in
            ["../evil", "agents/../../evil", "/evil", "evil", "agents//evil", "./agents/x", "run/x"]
        {
            assert!(matches!(forged(regular, name, 0), Refused::Strange(_)), "{name}");
        }
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Fifo,
            EntryType::Char,
            EntryType::GNUSparse,
            EntryType::XHeader,
        ] {
            assert!(matches!(forged(kind, "agents/x", 0), Refused::Strange(_)), "{kind:?}");
        }
        let huge = forged(regular, "agents/x", 1 << 60);
        assert!(matches!(huge, Refused::TooLarge { .. }), "{huge}");
        let long = forged(EntryType::GNULongName, "agents/x", 1 << 40);
        assert!(matches!(long, Refused::Strange(_)), "{long}");
        assert!(matches!(forged(regular, "agents/x", 10), Refused::CutOff));
    }

    #[test]
    fn a_link_is_made_in_a_real_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("agents")).unwrap();
        let link = |path: &str| Link { path: path.into(), target: "/tmp".into() };
        make_link(folder.path(), &link("agents/a")).unwrap();
        for path in ["agents/a/b", "agents/none/b", "../x", "x"] {
            assert!(make_link(folder.path(), &link(path)).is_err(), "{path}");
        }
    }
}
