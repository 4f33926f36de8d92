//! The sending half of a remote.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::message::Address;
use domain::outgoing::{Card, Content, Dialect, FileOut};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, copy};

use super::link::Link;
use super::wire::{FailureKind, Named, RemoteFailure};
use crate::http::Failure;
use crate::{CommandInfo, DeliverError, FetchError, Part, Sink};

const DRAFT_MAX: Duration = Duration::from_secs(10);
/// For calls whose deadlines the host sets, which depend on sizes: an end if it sets none.
const CALL_MAX: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
pub(super) struct RemoteSink {
    link: Arc<Link>,
    dialect: Dialect,
    /// What the host puts before the ids of its people.
    people: String,
    /// Where files come in.
    dir: PathBuf,
    /// How many have come.
    files: AtomicU64,
}

impl RemoteSink {
    pub(super) fn new(link: Arc<Link>, dialect: Dialect, dir: PathBuf, people: String) -> Self {
        Self { link, dialect, people, dir, files: AtomicU64::default() }
    }
}

#[async_trait]
impl Sink for RemoteSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let mut part = part.clone();
        render(&mut part, self.dialect);
        part.notify = part.notify.and_then(|it| Some(it.strip_prefix(&self.people)?.to_owned()));
        // Fails for the path of a file that is not UTF-8.
        let part = serde_json::to_value(part).map_err(|err| DeliverError::Refused(err.into()))?;
        let sent = self.link.ask(("deliver", CALL_MAX), json!({ "part": part })).await;
        sent.map(|Named { id }| id).map_err(|it| Failure::from(it).into())
    }

    async fn working(&self, chat: &Address) {
        self.link.tell("working", json!({ "chat": chat }));
    }

    async fn draft(&self, chat: &Address, target: &str, text: &str) {
        let text = markdown::render(text, self.dialect);
        let body = json!({ "chat": chat, "target": target, "text": text });
        // Waited for, so that it is not shown over what is sent next.
        let _ = self.link.ask::<Value>(("draft", DRAFT_MAX), body).await;
    }

    async fn answer(&self, press: &str, words: Option<&str>) {
        self.link.tell("answer", json!({ "press": press, "words": words }));
    }

    async fn publish_commands(&self, commands: &[CommandInfo]) {
        self.link.tell("publish_commands", json!({ "commands": commands }));
    }

    /// The remote writes into a file that the host has open already: whatever it puts in its place is not read.
    async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<(), FetchError> {
        let path = self.dir.join(self.files.fetch_add(1, Ordering::SeqCst).to_string());
        let made = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let (file, _removed) = (made.map_err(FetchError::Write)?, Removed(&path));
        let body =
            json!({ "source": source, "bytes_max": bytes_max, "into": path.to_string_lossy() });
        match self.link.ask::<Value>(("fetch", CALL_MAX), body).await {
            Ok(_) => {}
            Err(RemoteFailure { kind: FailureKind::TooLarge, .. }) => {
                return Err(FetchError::TooLarge { bytes_max });
            }
            Err(failure) => return Err(Failure::from(failure).into()),
        }
        let about = file.metadata().map_err(FetchError::Write)?;
        if about.nlink() == 0 {
            let why = "the remote put another file in the place of the one that it was given";
            return Err(FetchError::Gone(why.into()));
        }
        if bytes_max < about.len() {
            return Err(FetchError::TooLarge { bytes_max });
        }
        let mut from = tokio::fs::File::from_std(file).take(bytes_max);
        copy(&mut from, into).await.map_err(FetchError::Write)?;
        into.flush().await.map_err(FetchError::Write)
    }

    async fn open_direct(&self, handle: &str) -> Result<String, DeliverError> {
        let Some(handle) = handle.strip_prefix(&self.people) else {
            return Err(DeliverError::Refused("this person is of another account".into()));
        };
        let opened = self.link.ask(("open_direct", CALL_MAX), json!({ "handle": handle })).await;
        opened.map(|Named { id }| id).map_err(|it| Failure::from(it).into())
    }
}

/// Removes a file when it is dropped.
struct Removed<'a>(&'a Path);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0);
    }
}

/// Writes its text as the platform takes it, with the mark of a repeat. An edit repeats nothing.
pub(super) fn render(part: &mut Part, dialect: Dialect) {
    let note = part.note();
    let (note, text) = match &mut part.content {
        Content::Text(text)
        | Content::File(FileOut { caption: text, .. })
        | Content::Card(Card { text, .. }) => (note, text),
        Content::Album(files) => match files.first_mut() {
            Some(first) => (note, &mut first.caption),
            None => return,
        },
        Content::Edit { card, .. } => ("", &mut card.text),
        Content::Reaction { .. } | Content::Delete { .. } => return,
    };
    *text = markdown::render(format!("{note}{text}").trim_end(), dialect);
}
