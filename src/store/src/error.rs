//! What can go wrong with a database, sorted by what the caller must do.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Refuse the work, tell its sender, try again later. Nothing was written.
    #[error("the disk is full, so nothing was stored; free some space")]
    Full { op: &'static str, source: Option<rusqlite::Error> },
    /// Install the program that wrote it; the file is fine.
    #[error(
        "{} was written by another version of nanoclaw; install that version, or move the file away",
        path.display()
    )]
    Newer { path: PathBuf },
    /// Take this file out of service; others are not affected.
    #[error("{} is damaged; restore it from a backup, or move it away", path.display())]
    Corrupt { path: PathBuf, source: rusqlite::Error },
    /// The same, found out by a statement, which does not know in which file.
    #[error(
        "{op} failed, since the database is damaged; see `nanoclaw doctor`, and restore it from a backup"
    )]
    Damaged { op: &'static str, source: rusqlite::Error },
    /// Check the path and its permissions.
    #[error("could not open the database {}", path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    /// Check who may write the folder that it lies in.
    #[error("could not set {} aside", path.display())]
    Quarantine { path: PathBuf, source: std::io::Error },
    /// Check who may write there.
    #[error("a copy could not be written")]
    Copy { source: std::io::Error },
    /// End: somebody else writes the file now.
    #[error("a later container of this session has taken over")]
    Superseded,
    /// Take another account of the platform, or give up the one that is there.
    #[error(
        "{channel}/{other} is the same account of {channel} already; give this one credentials of another \
         one, or remove that with `nanoclaw channels remove {channel} --name {other}`"
    )]
    SameAccount { channel: String, other: String },
    /// Try again: a write of somebody else ended the commit that both were part of.
    #[error("{op} was undone together with another write: {cause}")]
    Undone { op: &'static str, cause: String },
    /// Try again: nobody knows whether it was stored. Storing it again is harmless.
    #[error("nobody knows what became of {op}")]
    Lost { op: &'static str },
    /// Try again.
    #[error("{op} failed")]
    Query { op: &'static str, source: rusqlite::Error },
}

/// What says nothing about the statement: others use the database, or the machine is short of something.
fn passes(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
    )
}

impl StoreError {
    /// Whether trying again cannot help until somebody acts on the file.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::Newer { .. } | Self::Corrupt { .. } | Self::Damaged { .. } | Self::Superseded
        )
    }

    /// Whether another connection has the database locked.
    pub(crate) fn is_busy(&self) -> bool {
        let Self::Query { source, .. } = self else { return false };
        matches!(
            source.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        )
    }

    /// Whether trying the same again may help: nothing is wrong with what was to be stored.
    pub fn passes(&self) -> bool {
        if let Self::Query { source, .. } = self {
            return source.sqlite_error_code().is_some_and(passes);
        }
        matches!(
            self,
            Self::Full { .. } | Self::Undone { .. } | Self::Lost { .. } | Self::Open { .. }
        )
    }

    /// An error of the file system in the middle of making a copy.
    pub(crate) fn copying(source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full { op: "a copy", source: None };
        }
        Self::Copy { source }
    }

    pub(crate) fn query(op: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { op, source: Some(source) },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { op, source }
            }
            _ => Self::Query { op, source },
        }
    }

    /// What was to be done, where that is known better now.
    pub(crate) fn named(mut self, name: &'static str) -> Self {
        if let Self::Full { op, .. } | Self::Damaged { op, .. } | Self::Query { op, .. } = &mut self
        {
            *op = name;
        }
        self
    }

    pub(crate) fn open(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, source }
            }
            Some(ErrorCode::DiskFull) => Self::Full { op: "open a database", source: Some(source) },
            _ => Self::Open { path, source },
        }
    }

    /// The same, for others whom it hits too.
    pub(crate) fn shared(&self) -> Self {
        if let Self::Full { op, .. } = self {
            return Self::Full { op, source: None };
        }
        if let Self::Newer { path } = self {
            return Self::Newer { path: path.clone() };
        }
        Self::Undone { op: "a write", cause: self.to_string() }
    }

    /// A file that cannot be made, removed, or kept to this user.
    pub(crate) fn private(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |err| Self::Open { path, source: rusqlite::Error::ToSqlConversionFailure(err.into()) }
    }
}

/// Of a statement within a change, which has a name.
impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        Self::query("a statement")(source)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn what_passes_is_told_from_what_somebody_must_act_on() {
        let path = || PathBuf::from("central.db");
        let query = |code| StoreError::query("a write")(sqlite(code));
        // What happened, whether it passes, whether it stays.
        for (err, passes, stays) in [
            (query(rusqlite::ffi::SQLITE_FULL), true, false),
            (query(rusqlite::ffi::SQLITE_BUSY), true, false),
            (query(rusqlite::ffi::SQLITE_CONSTRAINT), false, false),
            (query(rusqlite::ffi::SQLITE_CORRUPT), false, true),
            (StoreError::open(&path())(sqlite(rusqlite::ffi::SQLITE_CANTOPEN)), true, false),
            (StoreError::Undone { op: "a write", cause: String::new() }, true, false),
            (StoreError::Lost { op: "a write" }, true, false),
            (StoreError::copying(io::ErrorKind::StorageFull.into()), true, false),
            (StoreError::copying(io::ErrorKind::PermissionDenied.into()), false, false),
            (StoreError::Newer { path: path() }, false, true),
            (StoreError::Superseded, false, true),
        ] {
            assert_eq!((err.passes(), err.is_permanent()), (passes, stays), "{err:?}");
        }
    }

    #[test]
    fn a_damaged_database_is_named_where_its_path_is_known() {
        let corrupt = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(11), None);
        let opened = StoreError::open(Path::new("/home/central.db"))(corrupt()).to_string();
        assert!(opened.starts_with("/home/central.db is damaged"), "{opened}");
        let read = StoreError::query("read the tasks")(corrupt());
        assert!(read.is_permanent() && !read.passes());
        assert!(read.to_string().starts_with("read the tasks failed"), "{read}");
    }
}
