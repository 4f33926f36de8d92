//! A private copy of the bytes of the outbound database.
//!
//! SQLite never opens the agent's file: beside it the agent could put a write-ahead log, whose index is
//! shared memory that it could cut off under the reader, or a journal that names other files. So the
//! bytes are copied under SQLite's own shared lock, which keeps an honest writer from changing the file
//! meanwhile (<https://sqlite.org/lockingv3.html>). Nothing that lies beside the file is opened, but for
//! a look at whether a journal waits to be rolled back.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use domain::plain::chain;
use domain::session::Mailbox;
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::beneath::open_beneath;
use crate::layout::OUTBOUND;

/// Far more than a month of answers and names of tools, after which the runner prunes. What a look at a
/// changed file costs at most, in time, follows from it.
pub(super) const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// A larger copy lies on the disk. In memory it would be there twice, once for each thread that ever looked:
/// the allocator keeps what is freed in pieces up to this size.
const HELD_BYTES_MAX: u64 = 1024 * 1024;
/// The header of a database (<https://sqlite.org/fileformat.html>, 1.3).
const HEAD_BYTES: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// `read and write version` 1: a rollback journal.
const ROLLBACK_MODE: [u8; 2] = [1, 1];
/// Attempts at the lock; the next look tries again.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(3);

/// Tells two states of the file apart without reading it. An honest commit changes the counter in its
/// header, a replaced file is another inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: (u64, u64),
    pub(super) bytes: u64,
    changed_at: (i64, i64),
    head: [u8; HEAD_BYTES],
}

#[derive(Debug)]
pub(super) enum Found {
    /// The runner has not made it yet.
    Nothing,
    /// It is as `known` says.
    Same,
    Copied(Stamp, Copied),
    /// Its writer holds it locked.
    Locked,
}

#[derive(Debug)]
pub(super) enum Copied {
    Held(Vec<u8>),
    /// Of the host's own; it is gone as soon as this is dropped.
    Filed(NamedTempFile),
}

/// Copies the file unless it still is as `known` says.
pub(super) fn look(folder: &Path, known: Option<&Stamp>) -> Result<Found, Mailbox> {
    let file = match open_beneath(folder, OUTBOUND) {
        Ok(file) => file,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(err) => return Err(refused(OUTBOUND, &err)),
    };
    let failed = |err: io::Error| refused(OUTBOUND, &err);
    let Some(stamp) = stamp(&file).map_err(failed)? else { return Ok(Found::Nothing) };
    if known == Some(&stamp) && !has_journal(folder)? {
        return Ok(Found::Same);
    }
    check(&stamp)?;
    for attempt in 0..TRIES {
        if attempt != 0 {
            pause();
        }
        if lock::shared(&file).map_err(failed)?
            && let Some((stamp, copied)) = copy(&file).map_err(failed)?
        {
            check(&stamp)?;
            // A writer that lives holds its lock, and waits with the file itself until we are done.
            if has_journal(folder)? && !lock::is_reserved(&file).map_err(failed)? {
                return Err(Mailbox::NeedsRunner);
            }
            return Ok(Found::Copied(stamp, copied));
        }
    }
    Ok(Found::Locked)
}

/// Whether the file can be a database that the runner made.
fn check(stamp: &Stamp) -> Result<(), Mailbox> {
    if FILE_BYTES_MAX < stamp.bytes {
        let (bytes, max) = (stamp.bytes, FILE_BYTES_MAX >> 20);
        return Err(Mailbox::Damaged(format!("{OUTBOUND} has {bytes} bytes, more than {max} MiB")));
    }
    if !stamp.head.starts_with(MAGIC) {
        return Err(Mailbox::Damaged(format!("{OUTBOUND} is no database")));
    }
    if stamp.head[18..20] != ROLLBACK_MODE {
        return Err(Mailbox::Damaged(format!("{OUTBOUND} asks for a write-ahead log")));
    }
    Ok(())
}

/// `None` while the first page is not there yet.
fn stamp(file: &File) -> io::Result<Option<Stamp>> {
    let meta = file.metadata()?;
    let mut head = [0; HEAD_BYTES];
    match file.read_exact_at(&mut head, 0) {
        Ok(()) => {}
        Err(err) if err.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(err) => return Err(err),
    }
    let inode = (meta.dev(), meta.ino());
    let changed_at = (meta.ctime(), meta.ctime_nsec());
    Ok(Some(Stamp { inode, bytes: meta.len(), changed_at, head }))
}

/// `None` when the file changed meanwhile, which only a writer does that keeps to no lock, or whose
/// locks do not reach us: those of a virtual machine.
fn copy(mut file: &File) -> io::Result<Option<(Stamp, Copied)>> {
    let Some(before) = stamp(file)?.filter(|it| it.bytes <= FILE_BYTES_MAX) else {
        return Ok(None);
    };
    let (mut head, mut bytes) = ([0; HEAD_BYTES], Vec::new());
    file.rewind()?;
    let mut from = file.take(before.bytes);
    let copied = if before.bytes <= HELD_BYTES_MAX {
        from.read_to_end(&mut bytes)?;
        head.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
        Copied::Held(bytes)
    } else {
        let mut copy = NamedTempFile::new()?;
        io::copy(&mut from, &mut copy)?;
        copy.as_file().read_at(&mut head, 0)?;
        Copied::Filed(copy)
    };
    let is_whole = from.limit() == 0 && stamp(file)? == Some(before) && head == before.head;
    Ok(is_whole.then_some((before, copied)))
}

/// Whether a journal lies beside the file that its writer did not finish.
fn has_journal(folder: &Path) -> Result<bool, Mailbox> {
    let name = format!("{OUTBOUND}-journal");
    let mut first = [0];
    match open_beneath(folder, &name).and_then(|it| it.read_at(&mut first, 0)) {
        // A finished one may stay, with zeros at its beginning.
        Ok(length) => Ok(length != 0 && first != [0]),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
        Err(err) => Err(refused(&name, &err)),
    }
}

fn refused(name: &str, err: &io::Error) -> Mailbox {
    // The host lacks something; that says nothing about the file.
    let lacking =
        [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::INTR, Errno::NOLCK, Errno::NOSPC];
    if Errno::from_io_error(err).is_some_and(|it| lacking.contains(&it)) {
        tracing::warn!(why = chain(err), "what a runner wrote is left for later");
        return Mailbox::Busy;
    }
    Mailbox::Damaged(format!("{name} cannot be read as a plain file: {err}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "runs on the blocking pool, and for milliseconds only"
)]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// SQLite's locks on single bytes. They belong to the open file, so that neither another thread's reader
/// nor a close elsewhere takes them away.
#[cfg(target_os = "linux")]
mod lock {
    use std::fs::File;
    use std::io;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc::{self, flock};

    const PENDING: i64 = 0x4000_0000;
    const RESERVED: i64 = PENDING + 1;
    const SHARED: (i64, i64) = (PENDING + 2, 510);

    fn on((start, length): (i64, i64), kind: i32) -> flock {
        let short = |it: i32| libc::c_short::try_from(it).unwrap_or_default();
        let (l_type, l_whence) = (short(kind), short(libc::SEEK_SET));
        flock { l_type, l_whence, l_start: start, l_len: length, l_pid: 0 }
    }

    fn set(file: &File, range: (i64, i64), kind: i32) -> io::Result<bool> {
        match fcntl(file, FcntlArg::F_OFD_SETLK(&on(range, kind))) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(err) => Err(err.into()),
        }
    }

    /// Takes the shared lock until the file is closed; `false` when a writer keeps us from it.
    pub(super) fn shared(file: &File) -> io::Result<bool> {
        if !set(file, (PENDING, 1), libc::F_RDLCK)? {
            return Ok(false);
        }
        let taken = set(file, SHARED, libc::F_RDLCK);
        set(file, (PENDING, 1), libc::F_UNLCK)?;
        taken
    }

    /// Whether a writer is in mid-transaction.
    pub(super) fn is_reserved(file: &File) -> io::Result<bool> {
        let mut probe = on((RESERVED, 1), libc::F_WRLCK);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut probe))?;
        Ok(i32::from(probe.l_type) != libc::F_UNLCK)
    }
}

/// Elsewhere containers run in a virtual machine, whose locks do not reach the host.
#[cfg(not(target_os = "linux"))]
mod lock {
    use std::fs::File;
    use std::io;

    pub(super) fn shared(_file: &File) -> io::Result<bool> {
        Ok(true)
    }

    /// Nobody can tell.
    pub(super) fn is_reserved(_file: &File) -> io::Result<bool> {
        Ok(false)
    }
}
