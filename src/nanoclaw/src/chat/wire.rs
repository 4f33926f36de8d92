//! One connection to the host's chat socket.

use std::io;
use std::path::Path;

use channel::cli::frames::{FromClient, ToClient};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

#[derive(Debug)]
pub(super) struct Wire {
    lines: Lines<BufReader<OwnedReadHalf>>,
    out: OwnedWriteHalf,
}

impl Wire {
    /// Connects and says which chat this is.
    pub(super) async fn open(socket: &Path, chat: &str) -> io::Result<Self> {
        let (reading, out) = UnixStream::connect(socket).await?.into_split();
        let mut wire = Self { lines: BufReader::new(reading).lines(), out };
        wire.send(&FromClient::Hello { chat: chat.to_owned() }).await?;
        Ok(wire)
    }

    pub(super) async fn send(&mut self, line: &FromClient) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.out.write_all(&bytes).await
    }

    /// The next line; loses nothing when dropped before it came. A line of another version that is
    /// not known here is passed over.
    pub(super) async fn next(&mut self) -> io::Result<ToClient> {
        loop {
            let Some(line) = self.lines.next_line().await? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            if let Ok(line) = serde_json::from_str(&line) {
                return Ok(line);
            }
        }
    }
}
