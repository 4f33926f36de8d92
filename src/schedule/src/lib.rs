//! When something is to happen: rules, time zones, and the slots that follow from them. Pure: no
//! clock, no disk, no state; the zones of the whole world are compiled in.
//!
//! # Slots
//! A slot is the instant at which a [`Rule`] is due, on a whole second. The slots of a rule in a
//! [`Zone`] are a function of these two alone; there is no "next run" that could be wrong.
//!
//! # When clocks are changed
//! One sentence decides everything: **a slot is due the first time that the local clock shows its
//! time or a later one.** So:
//! - A time that is left out in spring is due at the instant of the change: 02:30 at 03:00.
//! - A time that comes twice in autumn is due once, the first time. `*/30 * * * *` therefore pauses
//!   for the hour that is repeated; who wants elapsed time says `every 30m`.
//! - Times that become due at the same instant are one slot.
//!
//! `wall.rs` has that sentence. The whole is compared with Python's `croniter` and `zoneinfo` (`tests/python/`).

mod check;
mod cron;
mod due;
mod heartbeat;
mod rule;
mod slots;
mod wall;
mod words;
mod zone;

pub use crate::check::{Invalid, PREVIEW, check, local, stamp};
pub use crate::cron::Cron;
pub use crate::due::{CLOCK_STEP_MAX, Fire, Plan, SKIPPED_COUNT_MAX, Skipped, due};
pub use crate::heartbeat::{asked, heartbeat};
pub use crate::rule::{EveryDays, Rule};
pub use crate::slots::{latest_at_or_before, next_after, slots};
pub use crate::wall::within_until;
pub use crate::words::{NotUnderstood, understand};
pub use crate::zone::{UnknownZone, Zone};
