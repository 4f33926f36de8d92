//! An account of ours on a platform, as its adapter is given it: the fields that it declared, what it stored
//! itself, and where to show that the platform is alive.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use async_trait::async_trait;
use domain::continuity::Gap;
use domain::time::{Clock, SystemClock, Timestamp};
pub use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use crate::door::Door;
use crate::spool::Spool;
use crate::{Cause, ChannelError};

#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    /// Where the running host keeps its sockets.
    pub run_dir: PathBuf,
    pub fields: Fields,
    pub shelf: Shelf,
    /// Where the platform is instead of its usual place: a local server, a test's double. Each
    /// adapter documents its names.
    pub urls: BTreeMap<String, String>,
    /// Takes the platform's signs of life.
    pub pulse: Pulse,
    /// The last sign of life before this connection; `None` when there never was one.
    pub heard_until: Option<Timestamp>,
    /// Where its platform's webhooks come in.
    pub door: Door,
    /// Where what came in waits.
    pub spool: Arc<dyn Spool>,
}

impl Account {
    /// With no fields, and nothing that keeps what its adapter stores.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            run_dir: PathBuf::new(),
            fields: Fields::fixed([]),
            shelf: Shelf::new(Arc::new(NoKeeper), Path::new("")),
            urls: BTreeMap::new(),
            pulse: Pulse::default(),
            heard_until: None,
            door: Door::default(),
            spool: crate::spool::testing::memory(),
        }
    }

    /// What became of the time before this connection on a platform that keeps what happens for so long.
    pub fn gap(&self, kept: Duration) -> Gap {
        let silence = self.heard_until.map(|it| self.pulse.now().since(it));
        if silence.is_some_and(|it| kept < it) { Gap::Unknown } else { Gap::None }
    }

    /// Fails with [`ChannelError::Unauthorized`] with what to do when it is not stored.
    pub fn require(&self, channel: &str, field: &str) -> Result<&SecretString, ChannelError> {
        self.fields.get(field).ok_or_else(|| {
            let name = &self.name;
            let why = format!(
                "its {field} is not stored; add it with `nanoclaw channels add {channel} --name {name}`"
            );
            ChannelError::Unauthorized(why.into())
        })
    }
}

/// Who we are on a platform; both are empty where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Me {
    /// Another credential with the same id is of the same account: it goes on where the former stopped.
    pub id: String,
    pub name: String,
}

impl fmt::Display for Me {
    /// `@bot (id 7)`; nothing where the platform does not say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), self.id.as_str()) {
            (name, "") => f.write_str(name),
            ("", id) => write!(f, "id {id}"),
            (name, id) => write!(f, "{name} (id {id})"),
        }
    }
}

/// Something that an account has to be given.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Its name on the command line and for [`Fields::get`].
    pub name: &'static str,
    /// What it is and where it is found, for the prompt that asks for it.
    pub what: &'static str,
    /// It is kept sealed and never shown.
    pub is_secret: bool,
    pub is_optional: bool,
    /// Whether a text can be it at all; the error says what is expected.
    pub check: fn(&str) -> Result<(), &'static str>,
}

impl Need {
    pub const fn secret(name: &'static str, what: &'static str) -> Self {
        Self { name, what, is_secret: true, is_optional: false, check: is_token }
    }
}

/// A token or key: visible ASCII characters, as any of them can stand in a header.
pub fn is_token(text: &str) -> Result<(), &'static str> {
    let is_fine = text.bytes().all(|it| it.is_ascii_graphic());
    if is_fine {
        Ok(())
    } else {
        Err("it has a space, a line break or a character that no token has")
    }
}

/// What an account was given, by the names of its [`Need`]s.
#[derive(Clone, Debug)]
pub struct Fields {
    values: BTreeMap<String, SecretString>,
    keeper: Arc<dyn Keeper>,
}

impl Fields {
    pub fn new(values: BTreeMap<String, SecretString>, keeper: Arc<dyn Keeper>) -> Self {
        Self { values, keeper }
    }

    /// With nothing behind them that could keep another value.
    pub fn fixed<const N: usize>(values: [(&str, &str); N]) -> Self {
        let values = values.map(|(name, value)| (name.to_owned(), value.into()));
        Self::new(values.into(), Arc::new(NoKeeper))
    }

    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.values.get(name)
    }

    /// Replaces a value for good: a token that the platform renewed. It is sealed and committed when this
    /// returns. This copy keeps the former value.
    ///
    /// # Errors
    /// When it cannot be stored: the former one stays.
    pub async fn put(&self, name: &str, value: &SecretString) -> Result<(), Cause> {
        self.keeper.put_field(name, value).await
    }
}

/// What an adapter keeps between connections, for one account.
#[derive(Clone, Debug)]
pub struct Shelf {
    keeper: Arc<dyn Keeper>,
    /// Holds the two folders.
    dir: PathBuf,
}

impl Shelf {
    pub fn new(keeper: Arc<dyn Keeper>, dir: &Path) -> Self {
        Self { keeper, dir: dir.to_owned() }
    }

    /// `None` when there is none of that name.
    pub async fn get(&self, key: &str) -> Result<Option<String>, Cause> {
        self.keeper.get(key).await
    }

    /// Stores a value, or removes it; committed when this returns.
    pub async fn put(&self, key: &str, value: Option<&str>) -> Result<(), Cause> {
        self.keeper.put(key, value).await
    }

    /// A folder that is part of backups; made if need be, for the host's user alone.
    pub fn kept_dir(&self) -> io::Result<PathBuf> {
        made(self.dir.join("kept"))
    }

    /// A folder that no backup holds: keys that must not go back in time. After a restore the account has
    /// to be linked again.
    pub fn ratchet_dir(&self) -> io::Result<PathBuf> {
        made(self.dir.join("ratchet"))
    }
}

fn made(dir: PathBuf) -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    Ok(dir)
}

/// Stores what belongs to one account; the host.
#[async_trait]
pub trait Keeper: fmt::Debug + Send + Sync {
    async fn put_field(&self, name: &str, value: &SecretString) -> Result<(), Cause>;
    async fn get(&self, key: &str) -> Result<Option<String>, Cause>;
    async fn put(&self, key: &str, value: Option<&str>) -> Result<(), Cause>;
}

/// Keeps nothing and says so.
#[derive(Debug)]
pub struct NoKeeper;

#[async_trait]
impl Keeper for NoKeeper {
    async fn put_field(&self, name: &str, _value: &SecretString) -> Result<(), Cause> {
        Err(format!("nothing keeps the {name} of this account").into())
    }

    async fn get(&self, _key: &str) -> Result<Option<String>, Cause> {
        Ok(None)
    }

    async fn put(&self, key: &str, _value: Option<&str>) -> Result<(), Cause> {
        Err(format!("nothing keeps `{key}` for this account").into())
    }
}

/// Given to an adapter with its account. It beats whenever the platform showed that it is there and
/// hears us, above all while nothing happens: an empty answer to a poll, a heartbeat. Batches and
/// what was sent the host counts itself.
#[derive(Clone, Debug)]
pub struct Pulse {
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Option<Sign>>>,
}

/// When the platform gave a sign, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    pub at: Timestamp,
    pub when: Instant,
}

impl Pulse {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Arc::default() }
    }

    pub fn beat(&self) {
        let sign = Sign { at: self.clock.now(), when: Instant::now() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(sign);
    }

    /// The last sign; `None` when there was none yet.
    pub fn last(&self) -> Option<Sign> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_gap_is_covered_as_long_as_the_platform_keeps_what_happens() {
        let gap = |heard_until| {
            let mut account = Account::new("work");
            let now = account.pulse.now();
            account.heard_until = heard_until;
            account.heard_until = account.heard_until.map(|it: Timestamp| Timestamp(now.0 - it.0));
            account.gap(Duration::from_secs(60))
        };
        assert_eq!([None, Some(Timestamp(0)), Some(Timestamp(59_000))].map(gap), [Gap::None; 3]);
        assert_eq!(gap(Some(Timestamp(61_000))), Gap::Unknown);
    }

    #[test]
    fn a_field_that_is_missing_is_asked_for_by_the_name_of_its_account() {
        let err = Account::new("work").require("telegram", "token").unwrap_err();
        let why = err.source().unwrap().to_string();
        assert!(why.contains("`nanoclaw channels add telegram --name work`"), "{why}");
        assert!(why.contains("its token"), "{why}");
    }
}
