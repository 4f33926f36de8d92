//! Opens streams to the host, and carries model requests from a port on loopback through them. Each
//! one is a connection of its own whose first line says what it is for; who speaks is known to the host from
//! the socket. What goes through is not looked at; the host decides and puts the credential in.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::link::Header;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes,
};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The CLI needs a handful; more wait to be accepted.
const CONNECTIONS_MAX: usize = 32;
const COPY_BYTES: usize = 16 * 1024;
const OPEN_RETRY: Duration = Duration::from_millis(250);
/// How long the rest of a request is read after it was refused, so that the answer arrives.
const LINGER: Duration = Duration::from_secs(1);

/// The words that the CLI expects of the API. A 502 is tried again by the CLI a few times.
const REFUSAL_BODY: &str = r#"{"type":"error","error":{"type":"api_error","message":"the host of this container cannot be reached"}}"#;

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

#[async_trait]
pub trait Connect: fmt::Debug + Send + Sync {
    async fn open(&self, header: Header) -> io::Result<Box<dyn Stream>>;
}

/// The link over a unix socket in a folder that only this container sees.
#[derive(Debug)]
pub struct LinkSocket(pub PathBuf);

#[async_trait]
impl Connect for LinkSocket {
    async fn open(&self, header: Header) -> io::Result<Box<dyn Stream>> {
        let mut stream = UnixStream::connect(&self.0).await?;
        stream.write_all(format!("{}\n", header.as_str()).as_bytes()).await?;
        Ok(Box::new(stream))
    }
}

/// Takes a free port. Loopback only, whatever the container is attached to.
pub(crate) async fn listen() -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Serves each connection, at most `max` at a time.
pub(crate) async fn serve_each<F>(listener: TcpListener, max: usize, each: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut serving = JoinSet::new();
    loop {
        while serving.try_join_next().is_some() {}
        if max <= serving.len() {
            serving.join_next().await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, _)) => drop(serving.spawn(each(stream))),
            Err(err) => {
                tracing::warn!(error = %err, "could not take a connection");
                sleep(OPEN_RETRY).await;
            }
        }
    }
}

pub(crate) async fn serve(listener: TcpListener, connect: Arc<dyn Connect>, patience: Duration) {
    let each = move |stream| carry(stream, Arc::clone(&connect), patience);
    serve_each(listener, CONNECTIONS_MAX, each).await;
}

async fn carry(mut near: TcpStream, connect: Arc<dyn Connect>, patience: Duration) {
    let carried = match timeout(patience, open(&*connect)).await {
        Ok(mut far) => copy_bidirectional_with_sizes(&mut near, &mut far, COPY_BYTES, COPY_BYTES)
            .await
            .map(drop),
        Err(_) => {
            tracing::warn!("a model request was refused: the link is down");
            refuse(&mut near).await
        }
    };
    if let Err(err) = carried {
        tracing::debug!(error = %err, "a model stream broke");
    }
}

async fn open(connect: &dyn Connect) -> Box<dyn Stream> {
    loop {
        match connect.open(Header::Model).await {
            Ok(stream) => return stream,
            Err(err) => tracing::debug!(error = %err, "the link is down"),
        }
        sleep(OPEN_RETRY).await;
    }
}

async fn refuse(near: &mut TcpStream) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{REFUSAL_BODY}",
        REFUSAL_BODY.len()
    );
    near.write_all(answer.as_bytes()).await?;
    near.shutdown().await?;
    // A connection that is closed with unread bytes is reset, which would swallow the answer.
    let mut rest = [0; 4096];
    let drain = async { while near.read(&mut rest).await.is_ok_and(|count| 0 < count) {} };
    let _ = timeout(LINGER, drain).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    /// A link that is down.
    #[derive(Debug)]
    struct Down;

    #[async_trait]
    impl Connect for Down {
        async fn open(&self, _: Header) -> io::Result<Box<dyn Stream>> {
            Err(io::ErrorKind::ConnectionRefused.into())
        }
    }

    /// A link whose other end says something and no more, but keeps listening.
    #[derive(Debug, Default)]
    struct Host(std::sync::Mutex<Option<DuplexStream>>);

    #[async_trait]
    impl Connect for Host {
        async fn open(&self, header: Header) -> io::Result<Box<dyn Stream>> {
            assert_eq!(header, Header::Model);
            let (here, mut there) = tokio::io::duplex(1024);
            there.write_all(b"data").await?;
            there.shutdown().await?;
            *self.0.lock().unwrap() = Some(there);
            Ok(Box::new(here))
        }
    }

    async fn ask(connect: Arc<dyn Connect>, bytes: usize) -> String {
        let (loopback, port) = listen().await.unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(serve(loopback, connect, Duration::from_millis(300)));
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(&vec![b'x'; bytes]).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_link_that_is_down_is_an_answer_and_not_silence() {
        // More than the system takes in advance, as a request with images is.
        let answer = ask(Arc::new(Down), 16_000_000).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.ends_with(REFUSAL_BODY), "{answer}");
    }

    #[tokio::test]
    async fn bytes_pass_as_they_are() {
        let host = Arc::new(Host::default());
        assert_eq!(ask(Arc::clone(&host) as _, 3).await, "data");
        let mut heard = [0; 3];
        let mut far = host.0.lock().unwrap().take().unwrap();
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"xxx");
    }
}
