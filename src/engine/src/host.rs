//! What everything in one host shares: its directory, its clock, the services around it, and its actors,
//! as far as services have to do with them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use channel::door::{self, Door, Settings};
use channel::{Cause, DeliverError, Keeper, NoKeeper, Registration, SecretString};
use domain::message::Address;
use domain::outgoing::{Caps, CapsBook};
use domain::plain::chain;
use domain::restart::RESTARTS_MAX;
use domain::session::Limits;
use domain::time::{Clock, Timestamp};
use sandbox::Sandbox;
use store::layout::Layout;
use store::{CentralStore, Db, SessionRow, StoreError};
use tokio::sync::Notify;
use tracing::warn;
use vault::Egress;

use crate::container_slots::ContainerSlots;
use crate::stops::StopGate;

/// Settings in the central database that more than one place reads.
pub mod settings {
    /// The tag of the image that this install built.
    pub const IMAGE: &str = "image";
    /// Names this install in labels of containers.
    pub const INSTALL: &str = "install";
    /// How long things are kept; see `domain::retention`.
    pub const RETENTION: &str = "retention";
    /// When the central database was last pruned, in milliseconds since 1970.
    pub const PRUNED_AT: &str = "pruned_at";
}

/// The account of a channel that needs no credential.
pub const LOCAL: &str = "local";

/// Built once at start-up; cheap to clone as an `Arc`.
#[derive(Debug)]
pub struct Host {
    pub layout: Layout,
    pub clock: Arc<dyn Clock>,
    pub started_at: Timestamp,
    pub central: Db<CentralStore>,
    /// Stands at every durable write of the sessions too.
    pub gate: Arc<dyn store::Gate>,
    pub sandbox: Arc<dyn Sandbox>,
    pub egress: Arc<dyn Egress>,
    pub registrations: Vec<&'static Registration>,
    pub caps: Arc<ConnectedCaps>,
    pub credentials: Arc<dyn Credentials>,
    pub container_slots: ContainerSlots,
    pub stops: StopGate,
    pub policy: Policy,
    /// Who owns the folders that a container writes; `None` leaves them to the host's own user.
    pub container_user: Option<(u32, u32)>,
    pub actors: Arc<dyn Actors>,
    pub hints: Hints,
    /// Where webhooks of all accounts come in.
    pub door: Door,
}

impl Host {
    pub fn wake(&self, wake: Wake) {
        self.actors.wake(wake);
    }

    /// Has the tasks looked at: one may be due, or was changed.
    pub fn wake_tasks(&self) {
        self.hints.tasks.notify_one();
    }

    /// Has open questions and dead letters looked at.
    pub fn wake_approvals(&self) {
        self.hints.approvals.notify_one();
    }

    /// Has webhooks come in where the settings say.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn set_door(&self) -> Result<(), StoreError> {
        let stored = self.central.read(|it| it.setting(door::SETTING)).await?;
        let folders = Some((self.layout.run(), self.layout.door()));
        let settings = Settings::from_setting(stored.as_deref()).unwrap_or_else(|err| {
            warn!(why = chain(&err), "the webhook door is as usual");
            Settings::default()
        });
        let settings = Settings { folders, ..settings };
        self.door.set(settings).await;
        Ok(())
    }

    pub fn registration(&self, channel: &str) -> Option<&'static Registration> {
        self.registrations.iter().copied().find(|it| it.name == channel)
    }

    /// What can be done in a chat; plain text only where its platform is not linked in.
    pub fn caps_of(&self, chat: &Address) -> Caps {
        self.caps.of(chat)
    }
}

/// What can be done in each chat: what the connection of its account said last, else what its channel says.
#[derive(Debug)]
pub struct ConnectedCaps {
    registrations: Vec<&'static Registration>,
    /// By channel and account.
    connected: Mutex<BTreeMap<(String, String), Caps>>,
}

impl ConnectedCaps {
    /// With what was stored of connections before.
    pub fn new(
        registrations: &[&'static Registration],
        stored: Vec<((String, String), Caps)>,
    ) -> Arc<Self> {
        let connected = Mutex::new(stored.into_iter().collect());
        Arc::new(Self { registrations: registrations.to_vec(), connected })
    }

    pub fn connected(&self, channel: &str, account: &str, caps: Caps) {
        let mut all = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((channel.to_owned(), account.to_owned()), caps);
    }

    /// What an account can do in general.
    pub fn of_account(&self, channel: &str, account: &str) -> Caps {
        let Some(registration) = self.registration(channel) else { return Caps::default() };
        let all = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let said = all.get(&(channel.to_owned(), account.to_owned())).copied();
        said.unwrap_or(registration.caps)
    }

    fn registration(&self, channel: &str) -> Option<&'static Registration> {
        self.registrations.iter().copied().find(|it| it.name == channel)
    }
}

impl CapsBook for ConnectedCaps {
    fn of(&self, chat: &Address) -> Caps {
        let caps = self.of_account(&chat.channel, &chat.account);
        self.registration(&chat.channel).map_or(caps, |it| it.adapter.caps_in(caps, chat))
    }
}

/// For what is looked at beside all actors; of hints that come during a look, one counts.
#[derive(Debug, Default)]
pub struct Hints {
    pub(crate) tasks: Notify,
    pub(crate) approvals: Notify,
}

#[async_trait]
pub trait Actors: fmt::Debug + Send + Sync {
    fn wake(&self, wake: Wake);

    /// Asks the platform of an account for the private chat with a handle; `None` when the account is not
    /// connected, or takes too long.
    async fn open_direct(
        &self,
        account: Address,
        handle: String,
    ) -> Option<Result<String, DeliverError>>;
}

/// A hint to look at what is stored. One that is lost costs time, at most until the next sweep.
#[derive(Clone, Debug)]
pub enum Wake {
    /// Something of the session has changed; with the chat of what came in, for what shows that work goes
    /// on.
    Session(SessionRow, Option<Address>),
    /// The turn of the session was ended from outside: its container is not what it was.
    TurnEnded(SessionRow),
    /// All sessions that may have something to do.
    Sessions,
    /// A part was added or is due, or a stop ended.
    Outbox,
    /// Something of any kind may be due now.
    Everything,
    /// Something will be due at this instant.
    DueAt(Timestamp),
}

/// What is stored of accounts; the vault and the central database.
#[async_trait]
pub trait Credentials: fmt::Debug + Send + Sync {
    /// What an account was given, for these addresses of its platform.
    ///
    /// # Errors
    /// When something is stored and cannot be opened.
    async fn of_account(
        &self,
        channel: &'static str,
        name: &str,
        urls: &BTreeMap<String, String>,
    ) -> Result<Opened, Cause>;
}

/// The fields of an account by their names, and who keeps what its adapter stores.
#[derive(Debug)]
pub struct Opened {
    pub values: BTreeMap<String, SecretString>,
    pub keeper: Arc<dyn Keeper>,
}

impl Opened {
    /// With nothing behind them.
    pub fn fixed(values: BTreeMap<String, SecretString>) -> Self {
        Self { values, keeper: Arc::new(NoKeeper) }
    }
}

/// Limits and periods.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub session: Limits,
    pub restarts_max: u32,
    pub sweep_period: Duration,
    /// The longest that a platform may take to accept one part without files.
    pub deliver_max: Duration,
    /// The largest file that is taken from a platform, and how long an empty one may take.
    pub file_bytes_max: u64,
    pub fetch_max: Duration,
    /// Bytes per second of the slowest line over which files come and go.
    pub file_rate: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            session: Limits::default(),
            restarts_max: RESTARTS_MAX,
            sweep_period: Duration::from_secs(60),
            deliver_max: Duration::from_secs(60),
            file_bytes_max: 50 * 1024 * 1024,
            fetch_max: Duration::from_secs(120),
            file_rate: 30_000,
        }
    }
}
