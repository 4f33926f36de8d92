//! Files with holes: only their data is stored. A file of an agent may claim terabytes and take no
//! room at all; the backup takes as much as the file does.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Smaller files are stored as they are.
const SMALL_BYTES: u64 = 64 * 1024;
/// A file with more pieces is one that somebody made in order to be a nuisance.
const SEGMENTS_MAX: usize = 10_000;
/// Not every file system takes longer files, and one that cannot be restored is of no use.
const SIZE_MAX: u64 = 1 << 40;
/// A block, as `stat` counts.
const BLOCK_BYTES: u64 = 512;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sparse {
    pub(super) size: u64,
    /// Offset and bytes of each piece, in order.
    pub(super) segments: Vec<(u64, u64)>,
}

impl Sparse {
    pub(super) fn dense(size: u64) -> Self {
        Self { size, segments: vec![(0, size)] }
    }

    /// Bytes without the holes.
    pub(super) fn data(&self) -> u64 {
        self.segments.iter().map(|it| it.1).sum()
    }

    /// Whether it can be what [`map`] made, for a member of so many bytes.
    pub(super) fn is_sound(&self, stored: u64) -> bool {
        let mut end = 0;
        for (offset, bytes) in &self.segments {
            match offset.checked_add(*bytes) {
                Some(after) if end <= *offset => end = after,
                Some(_) | None => return false,
            }
        }
        self.segments.len() <= SEGMENTS_MAX
            && end <= self.size
            && self.size <= SIZE_MAX
            && self.data() == stored
    }
}

/// Finds the data of an open file, or says why the file is left out.
pub(super) fn map(file: &File, meta: &Metadata) -> Result<Sparse, &'static str> {
    let size = meta.len();
    let allocated = meta.blocks().saturating_mul(BLOCK_BYTES);
    if size <= SMALL_BYTES || size <= allocated {
        return Ok(Sparse::dense(size));
    }
    if SIZE_MAX < size {
        return Err("it claims to be larger than a file can be");
    }
    let mut map = Sparse { size, segments: Vec::new() };
    let mut at = 0;
    while at < size {
        let from = match seek(file, SeekFrom::Data(at)) {
            Ok(from) => from,
            // Nothing but a hole up to the end.
            Err(Errno::NXIO) => break,
            Err(_) => return Err("its holes cannot be found"),
        };
        let to = seek(file, SeekFrom::Hole(from)).map_err(|_| "its holes cannot be found")?;
        let (from, to) = (from.min(size), to.min(size));
        if from < to {
            map.segments.push((from, to - from));
        }
        if SEGMENTS_MAX < map.segments.len() {
            return Err("it has too many holes");
        }
        at = to.max(from + 1);
    }
    // A file system that does not know its holes says that all is data.
    if map.data() == size && SMALL_BYTES.saturating_add(allocated.saturating_mul(2)) < size {
        return Err("it is mostly holes, which its file system does not tell");
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_huge_file_of_holes_is_as_small_as_its_data() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(3 << 38).unwrap();
        file.write_all_at(b"first", 0).unwrap();
        file.write_all_at(b"later", 1 << 35).unwrap();
        let map = map(&file, &file.metadata().unwrap()).unwrap();
        assert!(map.data() < 1 << 20 && map.size == 3 << 38, "{map:?}");
        assert!(map.is_sound(map.data()) && !map.is_sound(map.data() + 1));
        file.set_len(1 << 42).unwrap();
        assert!(super::map(&file, &file.metadata().unwrap()).is_err());
    }

    #[test]
    fn a_forged_map_is_unsound() {
        let sound = |size, segments: &[(u64, u64)], stored| {
            Sparse { size, segments: segments.to_vec() }.is_sound(stored)
        };
        assert!(sound(10, &[(0, 2), (4, 6)], 8) && sound(10, &[], 0));
        assert!(!sound(10, &[(4, 6), (0, 2)], 8));
        assert!(!sound(10, &[(0, 5), (4, 6)], 11));
        assert!(!sound(10, &[(4, 7)], 7));
        assert!(!sound(10, &[(u64::MAX, 2)], 2));
        assert!(!sound(u64::MAX, &[], 0));
    }
}
