//! Asks the running host: one line there, one line back.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context;
use engine::protocol::{Request, Response, Status};
use store::layout::Layout;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::{Hint, fail};
use crate::{home, lock, term};

/// A host answers within milliseconds unless it is stuck.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const HUNG_UP: &str = "the host hung up";
const RESTART: &str = "restart it with `nanoclaw restart`";

pub(crate) fn no_host(layout: &Layout) -> anyhow::Error {
    if !layout.central().is_file() {
        return home::not_set_up(layout);
    }
    let home = layout.home().display();
    fail(format!("no host runs on {home}"), "start it with `nanoclaw start`")
}

/// Asks, and waits for the answer; `None` when no host runs, or it just ended: its socket outlives its lock.
/// What the host could not do is an error.
pub(crate) async fn ask(layout: &Layout, request: &Request) -> anyhow::Result<Option<Response>> {
    let asked = timeout(ANSWER_MAX, exchange(layout, request)).await;
    let answer = asked.unwrap_or_else(|_| Err(anyhow::anyhow!("the host does not answer")));
    match answer.hint(RESTART)? {
        Some(Response::Failed { why }) => Err(fail(why, "see `nanoclaw doctor`")),
        answer => Ok(answer),
    }
}

async fn exchange(layout: &Layout, request: &Request) -> anyhow::Result<Option<Response>> {
    let mut stream = match UnixStream::connect(layout.admin_socket()).await {
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        connected => connected.context(HUNG_UP)?,
    };
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    let mut answer = String::new();
    let talk = async {
        stream.write_all(&line).await?;
        BufReader::new(stream).read_line(&mut answer).await
    };
    match talk.await {
        Ok(0) | Err(_) if lock::holder(layout).is_none() => return Ok(None),
        Ok(0) => return Err(anyhow::anyhow!(HUNG_UP)),
        // It was gone before it had read all.
        Err(err) if matches!(err.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
            return Err(anyhow::anyhow!(HUNG_UP));
        }
        talked => talked.context(HUNG_UP)?,
    };
    serde_json::from_str(&answer).context("the host answers in another version's words").map(Some)
}

pub(crate) async fn status(layout: &Layout) -> anyhow::Result<Option<Box<Status>>> {
    match ask(layout, &Request::Status).await? {
        Some(Response::Status(status)) => Ok(Some(status)),
        Some(_) => Err(unexpected()),
        None => Ok(None),
    }
}

/// An answer to something else.
pub(crate) fn unexpected() -> anyhow::Error {
    fail("the host answers something else", RESTART)
}

/// Tells a running host that settings changed. It finds out later anyway, so trouble
/// is noted and no error.
pub(crate) async fn reload(layout: &Layout) {
    if let Err(err) = ask(layout, &Request::Reload).await {
        term::note(&format!("warning: the running host did not take it over: {err:#}"));
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_host_that_hangs_up_and_has_no_lock_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let lock = lock::take(&layout).unwrap();
        let socket = UnixListener::bind(layout.admin_socket()).unwrap();
        let hang_up = async || drop(socket.accept().await.unwrap());
        let (asked, ()) = tokio::join!(status(&layout), hang_up());
        assert_eq!(asked.unwrap_err().root_cause().to_string(), HUNG_UP);
        drop(lock);
        let (asked, ()) = tokio::join!(status(&layout), hang_up());
        assert!(asked.unwrap().is_none());
    }
}
