//! What is sent to the engine: a build context, which is the Dockerfile and what it copies as a tar; and
//! how it goes from a blocking writer to a stream.
//!
//! Invariants
//! - The same files give the same bytes (no times, no owners), so that the engine's layer cache finds
//!   them again.
//! - No file is held in memory; half a megabyte is under way at most, however large the CLI is.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tar::{Builder, Header, HeaderMode};
use tokio::sync::mpsc;

use super::ImageError;
use super::command::blocking;

/// The engine's own writes are of this order; smaller pieces cost a wake-up each.
const PIECE: usize = 128 * 1024;
const PIECES_MAX: usize = 4;

#[derive(Clone, Debug)]
pub struct Context {
    dockerfile: String,
    entries: Vec<(String, PathBuf)>,
}

impl Context {
    pub fn new(dockerfile: &str) -> Self {
        Self { dockerfile: dockerfile.to_owned(), entries: Vec::new() }
    }

    /// Adds a program under `name`; or a folder and all below it, but for links and what no build reads
    /// (`target`, `.git`).
    pub fn add(mut self, name: &str, path: &Path) -> Self {
        self.entries.push((name.to_owned(), path.to_owned()));
        self
    }

    /// Writes the tar. Blocks.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut tar = Builder::new(out);
        tar.mode(HeaderMode::Deterministic);
        tar.sparse(false);
        let mut header = Header::new_gnu();
        header.set_size(self.dockerfile.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "Dockerfile", self.dockerfile.as_bytes())?;
        for (name, path) in &self.entries {
            append_path(&mut tar, name, path)?;
        }
        tar.into_inner()?.flush()
    }
}

fn append_path(tar: &mut Builder<&mut dyn Write>, name: &str, path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return tar.append_path_with_name(path, name);
    }
    let mut entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (child, kind) = (entry.file_name(), entry.file_type()?);
        if child != "target" && child != ".git" && (kind.is_dir() || kind.is_file()) {
            append_path(tar, &format!("{name}/{}", child.to_string_lossy()), &entry.path())?;
        }
    }
    Ok(())
}

type Piece = io::Result<Bytes>;

/// A stream of what `write` writes on the blocking pool, and its end; both are to be polled. An error
/// comes out of both, so that the engine never takes a part for the whole.
pub(super) fn pipe<F>(
    write: F,
) -> (impl Stream<Item = Piece> + Send + 'static, impl Future<Output = Result<(), ImageError>>)
where
    F: FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(PIECES_MAX);
    let writing = blocking("read the files of the image", move || {
        let mut out = BufWriter::with_capacity(PIECE, Sender(sender.clone()));
        let result = write(&mut out).and_then(|()| out.flush());
        if let Err(err) = &result {
            let told = io::Error::new(err.kind(), err.to_string());
            // Nobody reads any more when the engine hung up; it says why itself.
            drop(sender.blocking_send(Err(told)));
        }
        result
    });
    (stream::poll_fn(move |cx| receiver.poll_recv(cx)), writing)
}

struct Sender(mpsc::Sender<Piece>);

impl Write for Sender {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(piece)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures_util::TryStreamExt;
    use futures_util::future::join;

    use super::*;

    #[test]
    fn a_context_is_reproducible_and_leaves_build_output_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("src/deep")).unwrap();
        fs::create_dir_all(dir.path().join("src/target")).unwrap();
        fs::write(dir.path().join("src/target/x"), "big").unwrap();
        fs::write(dir.path().join("src/deep/lib.rs"), "a").unwrap();
        let context = Context::new("FROM x\n").add("src", &dir.path().join("src"));
        let (mut one, mut two) = (Vec::new(), Vec::new());
        context.write(&mut one).unwrap();
        fs::write(dir.path().join("src/deep/lib.rs"), "a").unwrap();
        context.write(&mut two).unwrap();
        assert_eq!(one, two);
        let mut tar = tar::Archive::new(one.as_slice());
        let names = tar.entries().unwrap().map(|it| it.unwrap().path().unwrap().into_owned());
        let expected = ["Dockerfile", "src/deep/lib.rs"].map(PathBuf::from);
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let (pieces, writing) = pipe(|out| out.write_all(&vec![7; 3 * PIECE + 1]));
        let (got, written) = join(pieces.try_collect::<Vec<Bytes>>(), writing).await;
        assert_eq!(got.unwrap().iter().map(Bytes::len).sum::<usize>(), 3 * PIECE + 1);
        written.unwrap();
    }

    #[tokio::test]
    async fn a_failed_writer_fails_the_stream() {
        let (pieces, writing) = pipe(|_| Err(io::Error::other("disk")));
        let (got, written) = join(pieces.try_collect::<Vec<_>>(), writing).await;
        assert!(got.is_err() && written.is_err());
    }
}
