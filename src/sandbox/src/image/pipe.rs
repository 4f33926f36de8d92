//! From a blocking writer to a stream for the engine.
//!
//! Invariant: no file is held in memory; half a megabyte is under way at most, however large the
//! CLI is.

use std::io::{self, BufWriter, Write};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;

use super::ImageError;
use super::command::blocking;

/// The engine's own writes are of this order; smaller pieces cost a wake-up each.
const PIECE: usize = 128 * 1024;
const PIECES_MAX: usize = 4;

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
    use futures_util::TryStreamExt;
    use futures_util::future::join;

    use super::*;

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
