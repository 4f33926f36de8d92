//! What the actors of one host share: its directory, its clock and the services around it.

use std::sync::Arc;
use std::time::Duration;

use domain::restart::RestartLimits;
use domain::session::Limits;
use domain::time::{Clock, Timestamp};
use sandbox::Sandbox;
use store::layout::Layout;
use store::{CentralStore, Db, Gate, Journal};
use vault::Egress;

use crate::channels::ChannelsMessage;
use crate::places::Places;
use crate::router::RouterMessage;
use crate::sessions::SessionsMessage;
use crate::slot::Slot;
use crate::sweep::SweepMessage;

/// Settings in the central database that more than one place reads.
pub mod settings {
    /// The tag of the image that this install built.
    pub const IMAGE: &str = "image";
    /// Names this install in labels of containers.
    pub const INSTALL: &str = "install";
}

/// Built once at start-up; cheap to clone as an `Arc`.
#[derive(Debug)]
pub struct Host {
    pub layout: Layout,
    pub clock: Arc<dyn Clock>,
    pub started_at: Timestamp,
    pub central: Db<CentralStore>,
    /// Stands at every durable write of the sessions too.
    pub gate: Arc<dyn Gate>,
    pub journal: Journal,
    pub sandbox: Arc<dyn Sandbox>,
    pub egress: Arc<dyn Egress>,
    pub places: Places,
    pub policy: Policy,
    /// Who owns the folders that a container writes; `None` leaves them to the host's own user.
    pub container_user: Option<(u32, u32)>,
    pub peers: Peers,
}

/// Limits and periods.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub session: Limits,
    pub restarts: RestartLimits,
    pub sweep_period: Duration,
    /// The longest that a platform may take to accept one part.
    pub deliver_max: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            session: Limits::default(),
            restarts: RestartLimits {
                restarts_max: 5,
                window: Duration::from_secs(60),
                backoff_base: Duration::from_millis(100),
                backoff_max: Duration::from_secs(10),
            },
            sweep_period: Duration::from_secs(60),
            deliver_max: Duration::from_secs(60),
        }
    }
}

/// Where the actors find each other, across restarts.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    pub sessions: Slot<SessionsMessage>,
    pub channels: Slot<ChannelsMessage>,
    pub router: Slot<RouterMessage>,
    pub sweep: Slot<SweepMessage>,
}
