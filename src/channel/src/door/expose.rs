//! How programs elsewhere reach the door, and what the command line hears of the door that runs.
//!
//! The running door keeps a [`Note`] beside its sockets. It holds nothing that must not be lost: the next door writes
//! its own.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::mem::take;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use domain::plain::chain;
use reqwest::{Certificate, StatusCode};
use ring::hmac;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::acme::Acme;
use super::lock;
use crate::ChannelError;
use crate::http::{Failure, client, send};
use crate::signature::hex;

/// In the folder of the sockets.
const NOTE: &str = "door.json";
/// No channel has this name.
const CHECK: &str = "/in/_/";
const CHECK_WITHIN: Duration = Duration::from_secs(10);
const NONCE_MAX: usize = 64;

/// What stands between the door and programs elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Nothing, or what this host knows nothing of.
    #[default]
    None,
    /// The user's own reverse proxy, which ends TLS.
    Proxy,
    /// The door ends TLS itself, with a certificate that it has made.
    Acme(Acme),
    /// A program that runs as long as the door; in its arguments `{address}` and `{port}` are the door's.
    Tunnel(Vec<String>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What was bound; empty when nothing is.
    pub address: String,
    /// What leads to it from outside.
    pub url: Option<String>,
    /// What is wrong with the certificate or the tunnel.
    pub trouble: Option<String>,
    /// `channel/account` of each path that was opened, also under former settings, until its account goes.
    pub paths: BTreeSet<String>,
    /// Only this door answers a check with it.
    key: String,
}

impl Note {
    /// Of the door that runs, or ran last.
    pub fn read(run_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(run_dir.join(NOTE)).ok()?).ok()
    }

    /// Where a sender elsewhere reaches an account that has a path.
    pub fn url_of(&self, channel: &str, account: &str) -> Option<String> {
        let at = format!("{channel}/{account}");
        self.paths.contains(&at).then(|| Some(format!("{}/in/{at}", self.url.as_ref()?)))?
    }

    /// The answer to a check; `None` for any other path.
    pub(super) fn answer(&self, path: &str) -> Option<String> {
        let nonce = path.strip_prefix(CHECK)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_bytes());
        let fits = (1..=NONCE_MAX).contains(&nonce.len());
        fits.then(|| hex(hmac::sign(&key, nonce.as_bytes()).as_ref()))
    }

    /// Asks, at this address, for what only the door of this note can answer. A certificate of `ca` is believed, too.
    ///
    /// # Errors
    /// With what came instead.
    pub async fn check(&self, url: &str, ca: Option<&Path>) -> Result<(), ChannelError> {
        let path = format!("{CHECK}{}", random()?);
        let mut builder = client().timeout(CHECK_WITHIN);
        for certificate in ca.map(certificates).transpose()?.unwrap_or_default() {
            builder = builder.add_root_certificate(certificate);
        }
        let http = builder.build().map_err(Failure::from)?;
        let answer = send(http.get(format!("{url}{path}"))).await?;
        let said = self.answer(&path).unwrap_or_default();
        if answer.status == StatusCode::OK && answer.body() == said.as_bytes() {
            return Ok(());
        }
        let why = format!("something else answers there, with status {}", answer.status.as_u16());
        Err(ChannelError::Misconfigured(why.into()))
    }
}

/// What Caddy and nginx are to be told, so that they pass on to the door what comes to this address.
pub fn snippets(url: &str, listen: &str) -> String {
    let (scheme, host) = url.split_once("://").unwrap_or(("https", url));
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let text = include_str!("proxy.txt").replace("NAME", name).replace("ADDRESS", listen);
    if scheme == "https" {
        let port = if port.is_empty() { "443" } else { port };
        return text.replace("HOST", host).replace("PORT", &format!("{port} ssl"));
    }
    let is_plain = |it: &&str| !it.contains("ssl_certificate");
    let text: Vec<&str> = text.lines().filter(is_plain).collect();
    let port = if port.is_empty() { "80" } else { port };
    text.join("\n").replace("HOST", url).replace("PORT", port) + "\n"
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, ChannelError> {
    let wrong = |why: String| {
        ChannelError::Misconfigured(format!("cannot use {}: {why}", file.display()).into())
    };
    let bytes = fs::read(file).map_err(|err| wrong(err.to_string()))?;
    Certificate::from_pem_bundle(&bytes).map_err(|err| wrong(chain(&err)))
}

fn random() -> Result<String, ChannelError> {
    let mut bytes = [0; 16];
    let failed = |_no_detail| ChannelError::Unreachable("the system gives no random number".into());
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(hex(&bytes))
}

/// The note and where it is written to.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<(Note, Option<PathBuf>)>);

impl Notes {
    /// Begins a new one in this folder.
    pub(super) fn begin(&self, run_dir: Option<PathBuf>, url: Option<String>) {
        let mut kept = lock(&self.0);
        let (key, paths) = (random().unwrap_or_default(), take(&mut kept.0.paths));
        *kept = (Note { url, key, paths, ..Note::default() }, run_dir);
        write(&kept);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Note)) {
        let mut kept = lock(&self.0);
        let before = kept.0.clone();
        change(&mut kept.0);
        if kept.0 != before {
            write(&kept);
        }
    }

    pub(super) fn get(&self) -> Note {
        lock(&self.0).0.clone()
    }
}

fn write((note, run_dir): &(Note, Option<PathBuf>)) {
    let Some(run_dir) = run_dir else { return };
    let written = serde_json::to_vec(note).map_err(io::Error::from);
    if let Err(err) = written.and_then(|it| write_whole(&run_dir.join(NOTE), &it, false)) {
        warn!(why = chain(&err), "the command line does not hear of the webhook door");
    }
}

/// For this user alone; a reader sees all of it or what was there. What `is_kept` is on the disk then.
pub(super) fn write_whole(path: &Path, bytes: &[u8], is_kept: bool) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    if is_kept {
        file.sync_all()?;
    }
    fs::rename(new, path)
}
