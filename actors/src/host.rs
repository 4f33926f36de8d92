//! What the actors of one host share: its directory, its clock and the services around it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use channel::{Cause, Registration, SecretString};
use domain::outgoing::Caps;
use domain::restart::RESTARTS_MAX;
use domain::session::Limits;
use domain::time::{Clock, Timestamp};
use sandbox::Sandbox;
use store::layout::Layout;
use store::{Announce, CentralStore, Db};
use vault::Egress;

use crate::actor_handle::{ActorHandle, Hint};
use crate::approvals::ApprovalMessage;
use crate::channels::ChannelsMessage;
use crate::container_slots::ContainerSlots;
use crate::router::RouterMessage;
use crate::sessions::SessionsMessage;
use crate::stops::StopGate;
use crate::sweep::SweepMessage;

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
    /// The adapters of this program.
    pub registrations: Vec<&'static Registration>,
    pub credentials: Arc<dyn Credentials>,
    pub container_slots: ContainerSlots,
    /// Whom somebody stopped.
    pub stops: StopGate,
    pub policy: Policy,
    /// Who owns the folders that a container writes; `None` leaves them to the host's own user.
    pub container_user: Option<(u32, u32)>,
    pub peers: Peers,
}

impl Host {
    pub fn registration(&self, channel: &str) -> Option<&'static Registration> {
        self.registrations.iter().copied().find(|it| it.name == channel)
    }

    /// What a platform can do; plain text only where it is not linked in.
    pub fn caps_of(&self, channel: &str) -> Caps {
        self.registration(channel).map(|it| it.caps).unwrap_or_default()
    }

    /// The same, of each.
    pub fn caps(&self) -> BTreeMap<String, Caps> {
        self.registrations.iter().map(|it| (it.name.to_owned(), it.caps)).collect()
    }
}

/// Opens the credentials of accounts; the vault.
#[async_trait]
pub trait Credentials: fmt::Debug + Send + Sync {
    /// `None` when none is stored.
    ///
    /// # Errors
    /// When one is stored and cannot be opened.
    async fn of_account(&self, channel: &str, name: &str) -> Result<Option<SecretString>, Cause>;
}

/// Limits and periods.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub session: Limits,
    pub restarts_max: u32,
    pub sweep_period: Duration,
    /// The longest that a platform may take to accept one part.
    pub deliver_max: Duration,
    /// The largest file that is taken from a platform, and how long that may take.
    pub file_bytes_max: u64,
    pub fetch_max: Duration,
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
        }
    }
}

/// Where the actors find each other, across restarts.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    pub sessions: ActorHandle<SessionsMessage>,
    pub channels: ActorHandle<ChannelsMessage>,
    pub router: ActorHandle<RouterMessage>,
    pub approvals: ActorHandle<ApprovalMessage>,
    pub sweep: ActorHandle<SweepMessage>,
    /// See [`Self::outbox_changed`].
    pub(crate) outbox: Hint,
    stopping: Arc<AtomicBool>,
}

impl Peers {
    /// From now on nothing that ends is started again.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked for the end. A root that ends without it has given up, and its process
    /// must end with an error.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Has the channels look at their lanes: a part was added or is due, or a stop ended.
    pub fn outbox_changed(&self) {
        if let Some(channels) = self.channels.get() {
            self.outbox.send(|| channels.cast(ChannelsMessage::Parts).is_ok());
        }
    }

    /// The central database, whose every change of the outbox the channels hear of.
    pub fn central(&self, path: PathBuf, gate: Arc<dyn store::Gate>) -> Db<CentralStore> {
        let peers = self.clone();
        let announce: Announce = Arc::new(move || peers.outbox_changed());
        Db::new(gate, move || Ok(CentralStore::open(&path)?.announcing(Arc::clone(&announce))))
    }
}
