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
        let folder = host.layout.session(self.id()).files_in();
        self.calls.spawn(async move {
            let how = get(&host, &file, &folder).await;
            let _ = myself.cast(SessionMessage::Fetched(Box::new((file, how))));
        });
    }

    pub(super) async fn take_fetched(&mut self, (file, how): FetchResult) -> Result {
        self.fetching = false;
        let how = how.unwrap_or_else(|err| after_failure(&file, &err, self.now()));
        self.store.write("a file", move |it| it.fetched(&file, &how)).await?;
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

async fn get(host: &LiveHost, file: &PendingFile, folder: &Path) -> Result<Fetched, FetchError> {
    let of_message = folder.join(file.message.to_string());
    fs::create_dir_all(&of_message).map_err(FetchError::Write)?;
    let half = of_message.join(format!(".{}", file.ordinal));
    let bytes_max = host.policy.file_bytes_max;
    if file.attachment.bytes.is_some_and(|it| bytes_max < it) {
        return Err(FetchError::TooLarge { bytes_max });
    }
    let (bytes, policy) = (file.attachment.bytes.unwrap_or(bytes_max), &host.policy);
    let within = deadline(policy.fetch_max, bytes, policy.file_rate);
    let source = file.attachment.source.clone();
    let fetch = Fetch { source, into: half.clone(), bytes_max, within };
    let from = file.from.clone();
    let ask = |reply| ChannelsMessage::To(from, ChannelMessage::Fetch { fetch, reply });
    let gone = || FetchError::Unreachable("the channel is not connected".into());
    host.peers.channels.call_within(within, ask).await.ok_or_else(gone)??;
    let (owner, file) = (host.container_user, file.clone());
    let settle = move || settle(&half, &of_message, &file, owner);
    store::on_disk(&*host.gate, settle).await.map_err(FetchError::Write)
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
    // Two files of a message may have the same name.
    let name = if file.ordinal == 0 { shown } else { format!("{number}-{shown}") };
    let path = folder.join(&name);
    hand_over(&opened, 0o444, owner)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    fs::rename(half, &path)?;
    let path = format!("{FILES}/{}/{name}", file.message);
    Ok(Fetched::Here { path, name, mime, bytes })
}
