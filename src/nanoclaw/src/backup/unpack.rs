//! Reads a backup, which may have been forged, into a new folder.
//!
//! Invariants
//! - Nothing is written outside of the folder: paths have plain parts only, members are files and
//!   folders, and links are made last, when nothing is written any more.
//! - A link is made inside of a workspace or a home only: those themselves, and every folder that the
//!   host mounts or writes in, are folders.
//! - Nothing is believed that does not match the digest, and a file that ends early is refused.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tar::{Archive, Entries, Entry, EntryType};
use vault::seal::Key;

use super::sparse::Sparse;
use super::{
    FORMAT, HEAD, Head, MAC, MAC_BYTES, MANIFEST, Manifest, PATH_BYTES_MAX, PATH_TOO_LONG, SPARSE,
    make_link, may_hold_files, plain,
};

const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// An earlier version left out only what is longer.
const NAME_BYTES_MAX: u64 = 4_096;
/// It has a line per link.
const MANIFEST_BYTES_MAX: u64 = 512 * 1024 * 1024;
const SPARSE_BYTES_MAX: u64 = 2 * 1024 * 1024;
const BLOCK_BYTES: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
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
    #[error("it is damaged or was changed since it was made")]
    Changed,
    #[error("it contains `{0}`, which no backup of nanoclaw has")]
    Strange(String),
    #[error("`{name}` needs {needs} MB, and {free} MB are free")]
    TooLarge { name: String, needs: u64, free: u64 },
    #[error("it could not be read or unpacked")]
    Io(#[from] io::Error),
}

/// A folder with its permissions, user and group. These are set last, since some folders may not be
/// written to.
type Folder = (PathBuf, u32, (Option<u32>, Option<u32>));

/// What was unpacked, and is to be authenticated and completed.
#[derive(Debug)]
pub(super) struct Unpacked {
    to: PathBuf,
    head: Head,
    manifest: Manifest,
    digest: [u8; 32],
    hmac: Vec<u8>,
    folders: Vec<Folder>,
}

/// Unpacks `file` into `to`, an empty folder that only this user can read.
/// Fails when it is not what its own end says. What was unpacked until then is to be thrown away.
pub(super) fn unpack(file: &Path, to: &Path) -> Result<Unpacked, Refused> {
    let file = File::open(file)?;
    let left = file.metadata()?.len().saturating_sub(MAC_BYTES);
    let file = DigestingReader { from: BufReader::new(file), left, digest: Sha256::new() };
    let mut archive = Archive::new(file);
    let mut entries = archive.entries()?.raw(true);
    let first = next(&mut entries)?.filter(|(name, kind, _)| is(HEAD, name, *kind));
    let head: Head = parsed(&mut first.ok_or(Refused::NoBackup)?.2, HEAD_BYTES_MAX)?;
    if FORMAT != head.format {
        return Err(Refused::Format(head.format));
    }
    let (mut folders, mut sparse, mut left_out) = (vec![], None, Manifest::default());
    let mut manifest: Manifest = loop {
        let (name, kind, mut entry) = next(&mut entries)?.ok_or(Refused::CutOff)?;
        let is_file = kind == EntryType::Regular;
        if !is_file && kind != EntryType::Directory {
            return Err(Refused::Strange(name));
        }
        if is_file && name == MANIFEST {
            break parsed(&mut entry, MANIFEST_BYTES_MAX)?;
        }
        if is_file && name == SPARSE && sparse.is_none() {
            sparse = Some(parsed(&mut entry, SPARSE_BYTES_MAX)?);
        } else if PATH_BYTES_MAX <= name.len() {
            sparse = None;
            left_out.leave_out(&name, PATH_TOO_LONG);
        } else if is_file {
            write_file(to, &name, &mut entry, sparse.take())?;
        } else {
            folders.push(make_folder(to, &name, &entry)?);
        }
    };
    let mac = match next(&mut entries)?.ok_or(Refused::CutOff)? {
        (name, kind, mut entry) if is(MAC, &name, kind) => bounded(&mut entry, HEAD_BYTES_MAX)?,
        (name, ..) => return Err(Refused::Strange(name)),
    };
    if let Some((name, ..)) = next(&mut entries)? {
        return Err(Refused::Strange(name));
    }
    manifest.left_out_count += left_out.left_out_count;
    manifest.left_out.extend(left_out.left_out);
    let digest = archive.into_inner().digest.finalize().into();
    let hmac = mac.strip_prefix(&digest).ok_or(Refused::Changed)?.to_owned();
    Ok(Unpacked { to: to.to_owned(), head, manifest, digest, hmac, folders })
}

struct DigestingReader {
    from: BufReader<File>,
    /// Bytes to digest that were not read yet.
    left: u64,
    digest: Sha256,
}

impl Read for DigestingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.from.read(buffer)?;
        let digested = usize::try_from(self.left).unwrap_or(usize::MAX).min(got);
        self.digest.update(&buffer[..digested]);
        self.left -= digested as u64;
        Ok(got)
    }
}

fn cut_off(err: io::Error) -> Refused {
    let kind = err.kind();
    if kind == io::ErrorKind::UnexpectedEof {
        return Refused::CutOff;
    }
    // As `tar` names a header that is none.
    let is_none = matches!(kind, io::ErrorKind::Other | io::ErrorKind::InvalidData);
    if is_none { Refused::NoBackup } else { Refused::Io(err) }
}

type TarEntry<'a> = Entry<'a, DigestingReader>;

fn is(member: &str, name: &str, kind: EntryType) -> bool {
    name == member && kind == EntryType::Regular
}

/// The next member, with its name and kind. Entries are raw, so that one that only names the next one is
/// bounded here too.
fn next<'a>(
    entries: &mut Entries<'a, DigestingReader>,
) -> Result<Option<(String, EntryType, TarEntry<'a>)>, Refused> {
    let mut long_name = None;
    for entry in entries {
        let mut entry = entry.map_err(cut_off)?;
        let kind = entry.header().entry_type();
        if kind != EntryType::GNULongName {
            let name = long_name.unwrap_or_else(|| entry.path_bytes().into_owned());
            return Ok(Some((String::from_utf8_lossy(&name).into_owned(), kind, entry)));
        }
        let mut name = bounded(&mut entry, NAME_BYTES_MAX)?;
        name.retain(|it| *it != 0);
        long_name = Some(name);
    }
    Ok(None)
}

fn bounded(entry: &mut TarEntry<'_>, most: u64) -> Result<Vec<u8>, Refused> {
    if most < entry.size() {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        return Err(Refused::Strange(name));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(cut_off)?;
    if (bytes.len() as u64) < entry.size() { Err(Refused::CutOff) } else { Ok(bytes) }
}

fn parsed<T: DeserializeOwned>(entry: &mut TarEntry<'_>, most: u64) -> Result<T, Refused> {
    serde_json::from_slice(&bounded(entry, most)?).map_err(|_| Refused::Changed)
}

fn write_file(
    to: &Path,
    name: &str,
    entry: &mut TarEntry<'_>,
    map: Option<Sparse>,
) -> Result<(), Refused> {
    let strange = || Refused::Strange(name.to_owned());
    let path = to.join(plain(name).filter(|it| may_hold_files(it)).ok_or_else(strange)?);
    let bytes = entry.size();
    if map.as_ref().is_some_and(|it| !it.is_sound(bytes)) {
        return Err(strange());
    }
    let map = map.unwrap_or_else(|| Sparse::dense(bytes));
    let free = crate::home::free_mib(to)?;
    if free < bytes / (1024 * 1024) {
        let (name, needs) = (name.to_owned(), bytes / 1_000_000);
        return Err(Refused::TooLarge { name, needs, free });
    }
    fs::create_dir_all(path.parent().unwrap_or(to))?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path)?;
    let mut block = vec![0; BLOCK_BYTES];
    for (offset, bytes) in map.segments {
        let mut done = 0;
        while done < bytes {
            let most = usize::try_from(bytes - done).unwrap_or(usize::MAX).min(BLOCK_BYTES);
            entry.read_exact(&mut block[..most]).map_err(cut_off)?;
            file.write_all_at(&block[..most], offset + done)?;
            done += most as u64;
        }
    }
    file.set_len(map.size)?;
    if geteuid().is_root() {
        let (user, group) = owner(entry)?;
        fchown(&file, user, group)?;
    }
    file.set_permissions(Permissions::from_mode(entry.header().mode()? & 0o777))?;
    Ok(())
}

fn make_folder(to: &Path, name: &str, entry: &TarEntry<'_>) -> Result<Folder, Refused> {
    // The tar format ends names of folders with a slash.
    let name = name.trim_end_matches('/');
    let path = to.join(plain(name).ok_or_else(|| Refused::Strange(name.to_owned()))?);
    fs::create_dir_all(&path)?;
    Ok((path, entry.header().mode()? & 0o777, owner(entry)?))
}

impl Unpacked {
    /// Checks that its maker had the key.
    pub(super) fn authenticate(&self, key: &Key) -> Result<(), Refused> {
        if key.is_authentic(&self.digest, &self.hmac) { Ok(()) } else { Err(Refused::Forged) }
    }

    /// Makes links and sets permissions. Nothing is written through either afterwards.
    pub(super) fn complete(mut self) -> Result<(Head, Manifest), Refused> {
        for (name, target) in std::mem::take(&mut self.manifest.links) {
            if PATH_BYTES_MAX <= name.len() {
                self.manifest.leave_out(&name, PATH_TOO_LONG);
            } else {
                make_link(&self.to, &name, &target)?;
            }
        }
        for (path, mode, (user, group)) in self.folders.iter().rev() {
            if geteuid().is_root() {
                chown(path, *user, *group)?;
            }
            fs::set_permissions(path, Permissions::from_mode(*mode | 0o700))?;
        }
        Ok((self.head, self.manifest))
    }
}

fn owner(entry: &TarEntry<'_>) -> io::Result<(Option<u32>, Option<u32>)> {
    let header = entry.header();
    Ok((u32::try_from(header.uid()?).ok(), u32::try_from(header.gid()?).ok()))
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
        let head = br#"{"format":3,"version":"1","created_at":0,"install":"i","with_key":false}"#;
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
    fn a_path_that_fits_nowhere_is_left_out_of_what_an_earlier_version_made() {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("a.tar"), folder.path().join("to"));
        fs::create_dir(&to).unwrap();
        let mut file = File::create(&path).unwrap();
        let mut tar = super::super::archive::Archive::new(&mut file, 1 << 40);
        tar.add_bytes(HEAD, br#"{"format":3,"version":"1","created_at":0}"#).unwrap();
        let deep = format!("agents/a{}", format!("/{}", "d".repeat(255)).repeat(15));
        tar.add_bytes(&deep, b"x").unwrap();
        tar.add_link(Path::new(&deep), "x").unwrap();
        tar.finish(&Key::generate()).unwrap();
        let (_, left_out) = unpack(&path, &to).unwrap().complete().unwrap();
        let why = left_out.left_out[0].why.as_str();
        assert_eq!((left_out.left_out_count, why), (2, PATH_TOO_LONG));
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
