//! From a blocking writer to a stream for the engine.
//!
//! Invariant: no file is held in memory; half a megabyte is under way at most, however large the
//! CLI is.

use std::io::{self, BufWriter, Write};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::ImageError;

/// The engine's own writes are of this order; smaller pieces cost a wake-up each.
const PIECE: usize = 128 * 1024;
const PIECES_MAX: usize = 4;

type Piece = io::Result<Bytes>;

/// Runs `write` on the blocking pool. What it writes comes out of the stream; so does its error, so
/// that the engine never takes a part for the whole.
pub(super) fn pipe<F>(write: F) -> (impl Stream<Item = Piece> + Send + 'static, Writing)
where
    F: FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let running = spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PIECE, Sender(sender.clone()));
        let result = write(&mut out).and_then(|()| out.flush());
        if let Err(err) = &result {
            let told = io::Error::new(err.kind(), err.to_string());
            // Nobody reads any more when the engine hung up; it says why itself.
            drop(sender.blocking_send(Err(told)));
        }
        result
    });
    let pieces =
        stream::unfold(
            receiver,
            |mut receiver| async move { Some((receiver.recv().await?, receiver)) },
        );
    (pieces, Writing(running))
}

/// The writer's end of a [`pipe`].
#[derive(Debug)]
pub(super) struct Writing(JoinHandle<io::Result<()>>);

impl Writing {
    pub(super) async fn finish(self) -> Result<(), ImageError> {
        let io = ImageError::io::<io::Error>("read the files of the image");
        self.0.await.map_err(ImageError::io("read the files of the image"))?.map_err(io)
    }
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

    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let (pieces, writing) = pipe(|out| out.write_all(&vec![7; 3 * PIECE + 1]));
        let got: Vec<Bytes> = pieces.try_collect().await.unwrap();
        assert_eq!(got.iter().map(Bytes::len).sum::<usize>(), 3 * PIECE + 1);
        writing.finish().await.unwrap();
    }

    #[tokio::test]
    async fn a_failed_writer_fails_the_stream() {
        let (pieces, writing) = pipe(|_| Err(io::Error::other("disk")));
        assert!(pieces.try_collect::<Vec<_>>().await.is_err());
        assert!(writing.finish().await.is_err());
    }
}
