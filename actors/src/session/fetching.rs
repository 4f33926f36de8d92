//! Fetches files that came with messages, one at a time, each in a task that reports back.
//!
//! The file is written beside its final name and moved there once it is whole; the row says so only
//! after that. A file that a crash left half written is fetched again.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use channel::FetchError;
use domain::SessionId;
use domain::delivery::deadline;
use domain::file_type::sniff;
use domain::naming::safe_file_name;
use domain::plain::chain;
use domain::time::{Timestamp, backoff};
use engine::folders::{Owner, hand_over};
use store::layout::FILES;
use store::{Fetched, PendingFile};
use tracing::info;

use super::state::SessionActor;
use super::{Result, SessionMessage};
use crate::channel::ChannelMessage;
use crate::channels::{ChannelsMessage, Fetch};
use crate::peers::LiveHost;

/// Tries before the agent is told that a file could not be had.
const TRIES_MAX: u32 = 5;
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Bytes at the beginning that say what a file is.
const HEAD_BYTES: u64 = 512;

pub type FetchResult = (PendingFile, Result<Fetched, FetchError>);

impl SessionActor {
    pub(super) fn fetch(&mut self, file: PendingFile) {
        self.fetching = true;
        let (host, myself) = (Arc::clone(self.host()), self.myself.clone());
        let id = self.id();
        self.calls.spawn(async move {
            let how = get(&host, id, &file).await;
            let _ = myself.cast(SessionMessage::Fetched(Box::new((file, how))));
        });
    }

    pub(super) async fn take_fetched(&mut self, (file, how): FetchResult) -> Result {
        self.fetching = false;
        let how = how.unwrap_or_else(|err| after_failure(&file, &err, self.now()));
        let path = match &how {
            Fetched::Here { path, .. } => {
                Some(self.host().layout.session(self.id()).inbound_dir().join(path))
            }
            Fetched::Later { .. } | Fetched::Failed { .. } => None,
        };
        let is_wanted = self.store.write("a file", move |it| it.fetched(&file, &how)).await?;
        // Its message was deleted meanwhile. What a crash leaves here is found by the next pruning.
        if let Some(path) = path.filter(|_| !is_wanted) {
            store::on_disk(&*self.host().gate, move || fs::remove_file(path)).await.ok();
        }
        Ok(())
    }
}

fn after_failure(file: &PendingFile, err: &FetchError, now: Timestamp) -> Fetched {
    let passes = matches!(err, FetchError::Unreachable(_) | FetchError::Write(_));
    if passes && file.tries + 1 < TRIES_MAX {
        return Fetched::Later { at: now + backoff(BACKOFF_BASE, BACKOFF_MAX, file.tries + 1) };
    }
    info!(message = %file.message, why = chain(err), "a file could not be fetched");
    Fetched::Failed { why: err.to_string() }
}

async fn get(
    host: &LiveHost,
    session: SessionId,
    file: &PendingFile,
) -> Result<Fetched, FetchError> {
    let paths = host.layout.session(session);
    let folder = paths.files_in();
    let of_message = folder.join(file.message.to_string());
    fs::create_dir_all(&of_message).map_err(FetchError::Write)?;
    let half = of_message.join(format!(".{}", file.ordinal));
    let (owner, this) = (host.container_user, file.clone());
    let about = file.clone();
    let same = host.central.read(move |it| it.rows(session).same_file(&about)).await;
    let linked = match same.ok().flatten() {
        Some(path) => link(&paths.inbound_dir().join(path), &half),
        None => false,
    };
    if !linked {
        download(host, file, &half).await?;
    }
    let settle = move || settle(&half, &of_message, &this, owner);
    store::on_disk(&*host.gate, settle).await.map_err(FetchError::Write)
}

/// What is quoted by many is fetched once, and lies there once. Whether it is.
fn link(old: &Path, half: &Path) -> bool {
    let _ = fs::remove_file(half);
    fs::hard_link(old, half).is_ok()
}

async fn download(host: &LiveHost, file: &PendingFile, half: &Path) -> Result<(), FetchError> {
    let bytes_max = host.policy.file_bytes_max;
    if file.attachment.bytes.is_some_and(|it| bytes_max < it) {
        return Err(FetchError::TooLarge { bytes_max });
    }
    let (bytes, policy) = (file.attachment.bytes.unwrap_or(bytes_max), &host.policy);
    let within = deadline(policy.fetch_max, bytes, policy.file_rate);
    let source = file.attachment.source.clone();
    let fetch = Fetch { source, into: half.to_owned(), bytes_max, within };
    let from = file.from.clone();
    let ask = |reply| ChannelsMessage::To(from, ChannelMessage::Fetch { fetch, reply });
    let gone = || FetchError::Unreachable("the channel is not connected".into());
    host.peers.channels.call_within(within, ask).await.ok_or_else(gone)?.map(drop)
}

/// Gives a fetched file its name and lets the container read it.
fn settle(half: &Path, folder: &Path, file: &PendingFile, owner: Owner) -> io::Result<Fetched> {
    let mut head = Vec::new();
    let opened = fs::File::open(half)?;
    let bytes = opened.metadata()?.len();
    (&opened).take(HEAD_BYTES).read_to_end(&mut head)?;
    let mime = sniff(&head).unwrap_or(&file.attachment.mime).to_owned();
    let number = usize::try_from(file.ordinal).unwrap_or(0) + 1;
    let shown = safe_file_name(&file.attachment.name, file.attachment.kind, &mime, number);
    // Two files of a message may have the same name, or the first one a number like ours.
    let has_number = shown.split_once('-').is_some_and(|it| it.0.parse::<u32>().is_ok());
    let is_plain = number == 1 && !has_number;
    let name = if is_plain { shown } else { format!("{number}-{shown}") };
    let path = folder.join(&name);
    hand_over(&opened, 0o444, owner)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    fs::rename(half, &path)?;
    let path = format!("{FILES}/{}/{name}", file.message);
    Ok(Fetched::Here { path, name, mime, bytes })
}
