//! Reads a backup, which may have been forged, into a new folder.
//!
//! Invariants
//! - Nothing is written outside of the folder: paths have plain parts only, members are files and
//!   folders, and links are made last, when nothing is written any more.
//! - A link is made inside of a workspace or a home only: those themselves, and every folder that the
//!   host mounts or writes in, are folders.
//! - Nothing is believed that does not match the manifest, and a file that ends early is refused.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use tar::{Archive, Entry, EntryType};
use vault::seal::Key;

use super::paths::{make_link, may_hold_files, plain};
use super::sparse::Sparse;
use super::{FORMAT, HEAD, Head, LeftOut, MAC, MANIFEST, Mac, Manifest, Member, SPARSE, hex};

/// Longer than any path of a system that this runs on.
pub(super) const PATH_BYTES_MAX: u64 = 4_096;
/// For the head; the manifest has a line per file.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
const MANIFEST_BYTES_MAX: u64 = 512 * 1024 * 1024;
const SPARSE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Read at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it is no backup of nanoclaw")]
    NoBackup,
    #[error(
        "it was made by another version of nanoclaw (format {0} instead of {FORMAT}); install that version"
    )]
    Format(u32),
    #[error(
        "it was not made with this key, or was changed since: an attacker could make the host run \
         what they like"
    )]
    Forged,
    #[error("it has no key with it and none is here, so nobody can tell whether it was changed")]
    Unauthenticated,
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

/// What was unpacked, and is to be authenticated and completed.
#[derive(Debug)]
#[must_use]
pub(crate) struct Unpacked {
    to: PathBuf,
    pub(crate) head: Head,
    manifest: Manifest,
    text: Vec<u8>,
    hmac: String,
    folders: Vec<(PathBuf, u32, (u64, u64))>,
}

/// Unpacks `file` into `to`, an empty folder that only this user can read.
///
/// # Errors
/// When it is not what its own manifest says. What was unpacked until then is to be thrown away.
pub(crate) fn unpack(file: &Path, to: &Path) -> Result<Unpacked, Refused> {
    let mut archive = Archive::new(io::BufReader::new(File::open(file)?));
    let mut unpacking = Unpacking {
        to,
        head: None,
        seen: vec![],
        sparse: None,
        manifest: None,
        mac: None,
        folders: vec![],
    };
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
    /// Of the next member.
    sparse: Option<Sparse>,
    manifest: Option<Vec<u8>>,
    mac: Option<Vec<u8>>,
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
            if FORMAT != head.format {
                return Err(Refused::Format(head.format));
            }
            self.head = Some(head);
            return self.note(name, &bytes, entry);
        }
        if self.mac.is_some() || self.manifest.is_some() != (name == MAC) {
            return Err(strange());
        }
        match (name, entry.header().entry_type()) {
            (MANIFEST, EntryType::Regular) => {
                self.manifest = Some(bounded(entry, MANIFEST_BYTES_MAX)?);
            }
            (MAC, EntryType::Regular) => self.mac = Some(bounded(entry, HEAD_BYTES_MAX)?),
            (SPARSE, EntryType::Regular) if self.sparse.is_none() => {
                let bytes = bounded(entry, SPARSE_BYTES_MAX)?;
                self.sparse = Some(serde_json::from_slice(&bytes).map_err(|_| strange())?);
                self.note(name, &bytes, entry)?;
            }
            (_, EntryType::Regular) => self.file(name, entry)?,
            (_, EntryType::Directory) => self.folder(name, entry)?,
            _ => return Err(strange()),
        }
        Ok(())
    }

    fn note(&mut self, name: &str, bytes: &[u8], entry: &TarEntry<'_>) -> Result<(), Refused> {
        let digest = Sha256::digest(bytes);
        self.see(name, bytes.len() as u64, &digest, entry)
    }

    fn see(
        &mut self,
        name: &str,
        bytes: u64,
        digest: &[u8],
        entry: &TarEntry<'_>,
    ) -> Result<(), Refused> {
        let header = entry.header();
        self.seen.push(Member {
            path: name.to_owned(),
            bytes,
            sha256: hex(digest),
            mode: header.mode()?,
            uid: header.uid()?,
            gid: header.gid()?,
            changed: false,
        });
        Ok(())
    }

    fn file(&mut self, name: &str, entry: &mut TarEntry<'_>) -> Result<(), Refused> {
        let strange = || Refused::Strange(name.to_owned());
        let path = self.to.join(plain(name).filter(|it| may_hold_files(it)).ok_or_else(strange)?);
        let bytes = entry.size();
        let map = self.sparse.take().unwrap_or_else(|| Sparse::dense(bytes));
        if !map.is_dense() && !map.is_sound(bytes) {
            return Err(strange());
        }
        let free = crate::home::free_mib(self.to)?;
        if free < bytes / (1024 * 1024) {
            let (name, needs) = (name.to_owned(), bytes / 1_000_000);
            return Err(Refused::TooLarge { name, needs, free });
        }
        fs::create_dir_all(path.parent().unwrap_or(self.to))?;
        let mode = entry.header().mode()? & 0o777;
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        let (mut block, mut digest) = (vec![0; BLOCK_BYTES], Sha256::new());
        for segment in &map.segments {
            let mut done = 0;
            while done < segment.bytes {
                let most = usize::try_from(segment.bytes - done).unwrap_or(usize::MAX);
                let most = most.min(BLOCK_BYTES);
                let got = entry.read(&mut block[..most]).map_err(cut_off)?;
                if got == 0 {
                    return Err(Refused::CutOff);
                }
                digest.update(&block[..got]);
                file.write_all_at(&block[..got], segment.offset + done)?;
                done += got as u64;
            }
        }
        if !map.is_dense() {
            file.set_len(map.size)?;
        }
        if geteuid().is_root() {
            let (user, group) = owner(entry)?;
            fchown(&file, small(user), small(group))?;
        }
        file.set_permissions(Permissions::from_mode(mode))?;
        self.see(name, bytes, &digest.finalize(), entry)
    }

    fn folder(&mut self, name: &str, entry: &mut TarEntry<'_>) -> Result<(), Refused> {
        // The tar format ends names of folders with a slash; the manifest does not.
        let name = name.trim_end_matches('/');
        let path = self.to.join(plain(name).ok_or_else(|| Refused::Strange(name.to_owned()))?);
        fs::create_dir_all(&path)?;
        self.folders.push((path, entry.header().mode()? & 0o777, owner(entry)?));
        self.note(name, &[], entry)
    }

    fn finish(self) -> Result<Unpacked, Refused> {
        let head = self.head.ok_or(Refused::NoBackup)?;
        let (Some(text), Some(mac)) = (self.manifest, self.mac) else {
            return Err(Refused::CutOff);
        };
        let mac: Mac = serde_json::from_slice(&mac).map_err(|_| Refused::NoBackup)?;
        if hex(&Sha256::digest(&text)) != mac.sha256 {
            return Err(Refused::Changed(MANIFEST.to_owned()));
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| Refused::NoBackup)?;
        for (index, member) in manifest.members.iter().enumerate() {
            let seen =
                self.seen.get(index).map(|it| Member { changed: member.changed, ..it.clone() });
            if seen.as_ref() != Some(member) {
                return Err(Refused::Changed(member.path.clone()));
            }
        }
        if let Some(more) = self.seen.get(manifest.members.len()) {
            return Err(Refused::Strange(more.path.clone()));
        }
        let (to, folders, hmac) = (self.to.to_owned(), self.folders, mac.hmac);
        Ok(Unpacked { to, head, manifest, text, hmac, folders })
    }
}

impl Unpacked {
    /// Checks that its maker had the key.
    pub(crate) fn authenticate(&self, key: &Key) -> Result<(), Refused> {
        let code = unhex(&self.hmac).ok_or(Refused::Forged)?;
        if key.is_authentic(&self.text, &code) { Ok(()) } else { Err(Refused::Forged) }
    }

    /// Makes links and sets permissions. Nothing is written through either afterwards.
    pub(crate) fn complete(self) -> Result<(Head, (usize, Vec<LeftOut>)), Refused> {
        for link in &self.manifest.links {
            make_link(&self.to, link)?;
        }
        for (path, mode, (user, group)) in self.folders.iter().rev() {
            if geteuid().is_root() {
                chown(path, small(*user), small(*group))?;
            }
            fs::set_permissions(path, Permissions::from_mode(*mode | 0o700))?;
        }
        Ok((self.head, (self.manifest.left_out_count, self.manifest.left_out)))
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pair = |it: &[u8]| Some(digit(it[0])? * 16 + digit(*it.get(1)?)?);
    text.as_bytes().chunks(2).map(pair).collect()
}

fn owner(entry: &TarEntry<'_>) -> io::Result<(u64, u64)> {
    Ok((entry.header().uid()?, entry.header().gid()?))
}

fn small(id: u64) -> Option<u32> {
    u32::try_from(id).ok()
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
        let head = br#"{"format":2,"version":"1","created_at":0,"install":"i","with_key":false}"#;
        let mut header = Header::new_gnu();
        header.set_size(head.len() as u64);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
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
        for name in [
            "../evil",
            "agents/../../evil",
            "/evil",
            "evil",
            "agents//evil",
            "./agents/x/y",
            "run/x",
            "agents/x",
            "agents",
            "agents/Not A Name/x",
            "sessions/s1/home",
            "sessions/s1/link/x",
            "sessions/x/home/y",
        ] {
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
            assert!(matches!(forged(kind, "agents/x/y", 0), Refused::Strange(_)), "{kind:?}");
        }
        let huge = forged(regular, "agents/x/y", 1 << 60);
        assert!(matches!(huge, Refused::TooLarge { .. }), "{huge}");
        let long = forged(EntryType::GNULongName, "agents/x/y", 1 << 40);
        assert!(matches!(long, Refused::Strange(_)), "{long}");
        assert!(matches!(forged(regular, "agents/x/y", 10), Refused::CutOff));
    }
}
