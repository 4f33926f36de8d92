//! The life of a session's container: one call at a time, each in a task that reports back.

use std::fs;
use std::sync::Arc;

use domain::Incarnation;
use domain::plain::chain;
use domain::session::StopReason;
use domain::trouble::Trouble;
use engine::container::{self, StartError};
use engine::container_slots::Count;
use engine::disk;
use engine::host::Wake;
use sandbox::{Observed, SandboxError};
use store::SessionRows;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::SessionMessage;
use super::link::Link;
use super::seen::{ASK_AGAIN, Seen};
use super::state::SessionActor;

/// Why an incarnation ended that a person stopped.
const STOPPED: &str = "somebody stopped it";

/// What a call to the engine came to.
#[derive(Debug)]
pub enum Report {
    Inspected {
        found: Result<Observed, SandboxError>,
        /// What it is to be made like, if that could be read.
        wanted: Option<String>,
    },
    /// `Err` when the container cannot run; its text is the reason.
    Started(Result<Link, StartError>),
    /// Why it went, if it went badly.
    Gone(Result<Option<String>, SandboxError>),
    WatchEnded(Incarnation),
    /// Its folders take more than so many GiB.
    Overfull(Incarnation, u32),
}

impl SessionActor {
    /// Asks the engine when nobody knows.
    pub(super) fn observe(&mut self) {
        if !self.container.ask_in(self.is_closed()).is_zero() {
            return;
        }
        let (host, row) = (Arc::clone(self.host()), self.args.row.clone());
        self.call(async move {
            let found = host.sandbox.inspect(row.id).await;
            let wanted = container::fingerprint(&host, &row.agent).await.ok();
            Report::Inspected { found, wanted }
        });
    }

    pub(super) fn start(&mut self) {
        let (host, row) = (Arc::clone(self.host()), self.args.row.clone());
        let (store, wakeups) = (self.store.clone(), Arc::clone(&self.wakeups));
        let was_full = std::mem::take(&mut self.full);
        self.call(async move {
            // Idle containers learn at once that another session needs their slot.
            let look = || host.wake(Wake::Everything);
            let slot = host.container_slots.take(row.id, &row.agent, look).await;
            if host.stops.is_closed(row.id, &row.agent) {
                return Report::Started(Err(StartError::Stopped));
            }
            let now = host.clock.now();
            let incarnation = match store.write("a launch", move |it| it.launch(now)).await {
                Ok(incarnation) => incarnation,
                Err(err) => return Report::Started(Err(err.into())),
            };
            let started: Result<Link, StartError> = async {
                if was_full && let Some(gib) = disk::overfull(&host, &row).await {
                    return Err(StartError::DiskFull { gib });
                }
                // As it is now: what was stopped or given up while this waited for a slot is gone.
                store.renew().await?;
                let spec = container::spec(&host, &row, incarnation).await?;
                let link = Link::open(&host, &row, incarnation, wakeups).await?;
                if host.stops.is_closed(row.id, &row.agent) {
                    return Err(StartError::Stopped);
                }
                // Whether it runs after an error is not known before the engine was asked again.
                slot.keep();
                host.sandbox.start(&spec).await?;
                Ok(link)
            }
            .await;
            if let Err(err) = &started {
                let (bad, trouble) = (!err.is_outage(), err.trouble());
                let (why, now) = (chain(err), host.clock.now());
                let record_exit = move |rows: &SessionRows<'_>| {
                    rows.record_exit(incarnation, bad, &why, Some(&trouble), now)
                };
                // Left open, the next look records the exit.
                let _ = store.write("the end of a launch", record_exit).await;
                if matches!(err, StartError::Stopped) {
                    // Nothing was started that could use it.
                    let link = host.layout.session(row.id).link(incarnation);
                    let _ = store::on_disk(&*host.gate, move || fs::remove_dir_all(link)).await;
                }
            }
            Report::Started(started)
        });
    }

    pub(super) fn stop(&mut self, reason: StopReason) {
        let Seen::Running { incarnation, .. } = self.container else { return };
        let tool = self.tool.as_ref().map(|it| it.name.clone());
        let (why, trouble) = match reason {
            StopReason::Asked => (STOPPED, None),
            StopReason::Silent => ("it gave no sign of life", Some(Trouble::Silent { tool })),
            StopReason::Deaf => ("it did not pick up messages", Some(Trouble::Deaf)),
            StopReason::Damaged => ("what it wrote is damaged", Some(Trouble::Damaged)),
            StopReason::Overdue => ("a message was not finished in time", None),
            StopReason::Outdated => ("the agent's settings changed", None),
            StopReason::Idle => ("it had nothing to do", None),
            StopReason::MakeRoom => ("another session needed its container slot", None),
        };
        info!(%incarnation, why, "stopping the container");
        // Counted before anybody else looks, so that one goes for one that waits.
        let leaving = (reason == StopReason::MakeRoom).then(|| self.host().container_slots.leave());
        let at_once = reason == StopReason::Asked;
        self.end(incarnation, (why.to_owned(), trouble), at_once, leaving);
    }

    /// What is left of an incarnation that a person stopped.
    pub(super) fn record_stop(&mut self, incarnation: Incarnation) {
        self.end(incarnation, (STOPPED.to_owned(), None), true, None);
    }

    pub(super) fn record_exit(&mut self, incarnation: Incarnation) {
        let (why, trouble) = if let Seen::Exited { why, trouble, .. } = &self.container {
            (why.clone(), trouble.clone())
        } else {
            ("it was gone without a trace".to_owned(), Trouble::Ended)
        };
        self.end(incarnation, (why, Some(trouble)), false, None);
    }

    /// Removes what is left of an incarnation, `at_once` without a grace, and writes down how it ended:
    /// badly, if there was trouble. `leaving` is held until it is gone.
    fn end(
        &mut self,
        incarnation: Incarnation,
        (why, trouble): (String, Option<Trouble>),
        at_once: bool,
        leaving: Option<Count>,
    ) {
        (self.link, self.tool, self.background) = (None, None, None);
        self.watch.abort_all();
        let (host, id) = (Arc::clone(self.host()), self.id());
        let store = self.store.clone();
        self.call(async move {
            let (bad, sandbox) = (trouble.is_some(), &host.sandbox);
            let tail = if bad { sandbox.tail(id).await.unwrap_or_default() } else { String::new() };
            let gone = if at_once { sandbox.kill(id).await } else { sandbox.stop(id).await };
            let why = if tail.is_empty() { why } else { format!("{why}; {tail}") };
            let gone = gone.map(|()| bad.then(|| why.clone()));
            if gone.is_ok() {
                let now = host.clock.now();
                let record_exit = move |rows: &SessionRows<'_>| {
                    rows.record_exit(incarnation, bad, &why, trouble.as_ref(), now)
                };
                // Left open, a later look records the exit: the disk may be full for long.
                if store.write("the end of a launch", record_exit).await.is_err() {
                    sleep(ASK_AGAIN).await;
                }
                let link = host.layout.session(id).link(incarnation);
                let _ = store::on_disk(&*host.gate, move || fs::remove_dir_all(link)).await;
            }
            drop(leaving);
            Report::Gone(gone)
        });
    }

    /// Beside the mailbox and not in it, since a start takes long and a person is waiting for the
    /// acknowledgement of the next message.
    fn call(&mut self, call: impl Future<Output = Report> + Send + 'static) {
        self.container = Seen::Busy;
        let myself = self.myself.clone();
        self.calls.spawn(async move {
            // Fails only when the actor is gone, and then nobody waits.
            let _ = myself.cast(SessionMessage::Sandbox(call.await));
        });
    }

    pub(super) async fn take_report(&mut self, report: Report) {
        self.is_look_due = false; // The look that follows is for all that came so far.
        match report {
            Report::Inspected { found: Ok(observed), wanted } => {
                self.take_observed(observed, wanted).await
            }
            Report::Started(Ok(link)) => self.take_started(link),
            Report::Started(Err(err)) => {
                warn!(why = chain(&err), "the container did not start");
                self.why = Some(chain(&err));
                // One of its folders may be gone.
                self.folders_made = false;
                self.full = matches!(err, StartError::DiskFull { .. });
                self.container = if err.is_outage() { self.unreachable() } else { Seen::Unread };
            }
            Report::Gone(Ok(why)) => {
                if let Some(why) = why {
                    warn!(why, "the container ended badly");
                    self.why = Some(why);
                }
                self.host().container_slots.release(self.id());
                self.container = Seen::Absent;
            }
            Report::Inspected { found: Err(err), .. } | Report::Gone(Err(err)) => {
                self.lose_sight(&err)
            }
            Report::Overfull(incarnation, gib) if self.container.runs(incarnation) => {
                self.full = true;
                let why = format!("its folders take more than {gib} GiB");
                warn!(%incarnation, why, "stopping the container");
                self.end(incarnation, (why, Some(Trouble::DiskFull { gib })), true, None);
            }
            Report::WatchEnded(incarnation) if self.container.runs(incarnation) => {
                self.container = Seen::Unread;
            }
            Report::Overfull(..) | Report::WatchEnded(_) => {}
        }
    }

    fn lose_sight(&mut self, err: &SandboxError) {
        warn!(why = chain(err), "the container engine is no help right now");
        self.why = Some(chain(err));
        self.container = self.unreachable();
    }

    fn unreachable(&mut self) -> Seen {
        let asked = Instant::now();
        Seen::Unreachable { since: *self.lost_since.get_or_insert(asked), asked }
    }

    async fn take_observed(&mut self, observed: Observed, wanted: Option<String>) {
        self.lost_since = None;
        self.container = match observed {
            Observed::Absent => {
                self.host().container_slots.release(self.id());
                Seen::Absent
            }
            Observed::Running { incarnation, fingerprint } => {
                if self.link.as_ref().is_none_or(|it| it.incarnation != incarnation) {
                    info!(%incarnation, "found a running container again");
                    self.adopt(incarnation).await;
                }
                let current = wanted.is_none_or(|it| it == fingerprint);
                Seen::Running { incarnation, current }
            }
            Observed::Exited { incarnation, code, out_of_memory } => {
                let (why, trouble) = if out_of_memory {
                    let agent = container::settings_of(self.host(), &self.args.row.agent).await;
                    let limits = agent.ok().flatten().map(|it| it.0.resources);
                    let mib = limits.unwrap_or_default().memory_mib;
                    ("it ran out of memory".to_owned(), Trouble::OutOfMemory { mib })
                } else {
                    (format!("it exited with code {code}"), Trouble::Ended)
                };
                Seen::Exited { incarnation, why, trouble }
            }
        };
    }

    async fn adopt(&mut self, incarnation: Incarnation) {
        // Before anything that takes time: others start meanwhile.
        self.host().container_slots.adopt(self.id(), &self.args.row.agent);
        let wakeups = Arc::clone(&self.wakeups);
        match Link::open(self.host(), &self.args.row, incarnation, wakeups).await {
            Ok(link) => self.link = Some(link),
            // Slow polling on both sides does without; the next sweep tries again.
            Err(err) => warn!(why = chain(&err), "the link could not be opened again"),
        }
        self.last_sign = Instant::now();
        self.watch(incarnation);
    }

    fn take_started(&mut self, link: Link) {
        let incarnation = link.incarnation;
        info!(%incarnation, "the container runs");
        self.why = None;
        self.link = Some(link);
        (self.last_event, self.last_sign) = (Instant::now(), Instant::now());
        self.container = Seen::Running { incarnation, current: true };
        self.watch(incarnation);
    }

    /// Reports the death of a container at once instead of with the next sweep.
    fn watch(&mut self, incarnation: Incarnation) {
        self.watch.abort_all();
        let (host, id, myself) = (Arc::clone(self.host()), self.id(), self.myself.clone());
        self.watch.spawn(async move {
            if host.sandbox.exited(id).await.is_err() {
                sleep(ASK_AGAIN).await;
            }
            let _ = myself.cast(SessionMessage::Sandbox(Report::WatchEnded(incarnation)));
        });
        let (host, row, myself) =
            (Arc::clone(self.host()), self.args.row.clone(), self.myself.clone());
        self.watch.spawn(async move {
            let gib = disk::until_overfull(&host, &row).await;
            let report = Report::Overfull(incarnation, gib);
            let _ = myself.cast(SessionMessage::Sandbox(report));
        });
    }
}
