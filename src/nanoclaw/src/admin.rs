//! Asks the running host: one line there, one line back.

use std::io;
use std::time::Duration;

use actors::admin::protocol::{OrderedPart, Request, Response, Status};
use store::layout::Layout;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::{Hinted, fail};
use crate::term;

/// A host answers within milliseconds unless it is stuck.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Why the host gave no answer, sorted by what to do.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// There is no host.
    NotRunning,
    /// There is one, and it does not answer as it should.
    Trouble(anyhow::Error),
}

impl From<io::Error> for Unanswered {
    fn from(err: io::Error) -> Self {
        if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
            return Self::NotRunning;
        }
        Self::Trouble(anyhow::Error::new(err).context("the host hung up"))
    }
}

impl Unanswered {
    pub(crate) fn into_error(self, layout: &Layout) -> anyhow::Error {
        match self {
            Self::NotRunning => no_host(layout),
            Self::Trouble(err) if err.downcast_ref::<Hinted>().is_some() => err,
            Self::Trouble(err) => fail(format!("{err:#}"), "restart it with `nanoclaw restart`"),
        }
    }
}

pub(crate) fn no_host(layout: &Layout) -> anyhow::Error {
    let home = layout.home().display();
    fail(format!("no host runs on {home}"), "start it with `nanoclaw start`")
}

/// Asks, and waits for the answer.
pub(crate) async fn ask(layout: &Layout, request: &Request) -> Result<Response, Unanswered> {
    let asked = timeout(ANSWER_MAX, exchange(layout, request)).await;
    asked.unwrap_or_else(|_| Err(Unanswered::Trouble(anyhow::anyhow!("the host does not answer"))))
}

async fn exchange(layout: &Layout, request: &Request) -> Result<Response, Unanswered> {
    let mut stream = UnixStream::connect(layout.admin_socket()).await?;
    let mut line = serde_json::to_vec(request).map_err(|err| Unanswered::Trouble(err.into()))?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = String::new();
    if BufReader::new(stream).read_line(&mut answer).await? == 0 {
        return Err(Unanswered::Trouble(anyhow::anyhow!("the host hung up")));
    }
    serde_json::from_str(&answer).map_err(|err| {
        let err = anyhow::Error::new(err).context("the host answers in another version's words");
        Unanswered::Trouble(err)
    })
}

pub(crate) async fn status(layout: &Layout) -> Result<Box<Status>, Unanswered> {
    match ask(layout, &Request::Status).await? {
        Response::Status(status) => Ok(status),
        Response::Failed { why } => Err(Unanswered::Trouble(anyhow::Error::msg(why))),
        Response::Done | Response::Stopped(_) | Response::Resumed(_) | Response::Outbox { .. } => {
            Err(unexpected())
        }
    }
}

/// Lets the running host do something to parts.
pub(crate) async fn outbox(
    layout: &Layout,
    order: &str,
    keys: &[String],
) -> Result<Vec<OrderedPart>, Unanswered> {
    let request = Request::Outbox { order: order.to_owned(), keys: keys.to_vec() };
    match ask(layout, &request).await? {
        Response::Outbox { parts } => Ok(parts),
        Response::Failed { why } => Err(Unanswered::Trouble(anyhow::Error::msg(why))),
        Response::Done | Response::Status(_) | Response::Stopped(_) | Response::Resumed(_) => {
            Err(unexpected())
        }
    }
}

/// An answer to something else.
pub(crate) fn unexpected() -> Unanswered {
    Unanswered::Trouble(anyhow::anyhow!("the host answers something else"))
}

/// Tells a running host that settings changed. It finds out later anyway, so trouble
/// is noted and no error.
pub(crate) async fn reload(layout: &Layout) {
    match ask(layout, &Request::Reload).await {
        Ok(
            Response::Done
            | Response::Status(_)
            | Response::Stopped(_)
            | Response::Resumed(_)
            | Response::Outbox { .. },
        )
        | Err(Unanswered::NotRunning) => {}
        Ok(Response::Failed { why }) => {
            term::note(&format!("warning: the running host did not take it over: {why}"));
        }
        Err(Unanswered::Trouble(err)) => {
            term::note(&format!("warning: the running host was not told: {err:#}"));
        }
    }
}
