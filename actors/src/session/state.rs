//! The loop of a session: look, decide, perform, and again until nothing is left.

use std::sync::Arc;
use std::time::Duration;

use domain::SessionId;
use domain::link::Tool;
use domain::message::Address;
use domain::session::{Effect, Mailbox, View, decide, next_look};
use domain::time::Timestamp;
use engine::folders;
use engine::protocol::SessionStatus;
use ractor::{ActorRef, RpcReplyPort};
use store::{PendingFile, SessionDb, SessionRows, Snapshot, Unimported};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::link::Link;
use super::seen::Seen;
use super::showing::Shown;
use super::wakeups::{Pace, Wakeups};
use super::{Result, SessionArgs, SessionError, SessionMessage};
use crate::actor::{SOON, Timer};
use crate::peers::LiveHost;

/// Rounds of one look; `decide` comes to rest within fewer.
const ROUNDS_MAX: usize = 16;

#[derive(Debug)]
pub struct SessionActor {
    pub(super) args: SessionArgs,
    pub(super) myself: ActorRef<SessionMessage>,
    pub(super) store: SessionDb,
    pub(super) container: Seen,
    pub(super) link: Option<Link>,
    pub(super) wakeups: Arc<Wakeups>,
    /// What runs beside the mailbox; aborted when the actor is gone.
    pub(super) calls: JoinSet<()>,
    pub(super) watch: JoinSet<()>,
    /// A file is being fetched, a request passed on.
    pub(super) fetching: bool,
    pub(super) forwarding: bool,
    pub(super) request_pace: Pace,
    next_file: Option<PendingFile>,
    /// What the last look found new, until it is imported.
    pub(super) news: Unimported,
    pub(super) shown: Shown,
    /// Where the last message came from; a hint for what shows that work goes on.
    pub(super) last_from: Option<Address>,
    /// The last time that anything happened, and that the provider gave a sign.
    pub(super) last_event: Instant,
    pub(super) last_sign: Instant,
    /// What the provider runs right now, as it says; a hint.
    pub(super) tool: Option<Tool>,
    /// Since when work goes on after its turn, as the provider says; a hint.
    pub(super) background: Option<Instant>,
    timer: Option<Timer<SessionMessage>>,
    pub(super) lost_since: Option<Instant>,
    /// A look for what woke it is on its way.
    pub(super) is_look_due: bool,
    pub(super) folders_made: bool,
    /// What is the matter, for `status` only.
    pub(super) why: Option<String>,
    /// Its folders took more than they may; to be looked at before the next start.
    pub(super) full: bool,
}

impl SessionActor {
    pub(super) fn new(args: SessionArgs, myself: ActorRef<SessionMessage>) -> Self {
        let host = &args.host;
        let (central, gate) = (host.central.clone(), Arc::clone(&host.gate));
        let store = SessionDb::new(central, gate, &host.layout, args.row.id);
        let now = Instant::now();
        Self {
            args,
            wakeups: Wakeups::new(myself.clone()),
            myself,
            store,
            container: Seen::Unread,
            link: None,
            fetching: false,
            forwarding: false,
            request_pace: Pace::default(),
            next_file: None,
            news: Unimported::default(),
            shown: Shown::default(),
            last_from: None,
            calls: JoinSet::new(),
            watch: JoinSet::new(),
            last_event: now,
            last_sign: now,
            tool: None,
            background: None,
            timer: None,
            lost_since: None,
            is_look_due: false,
            folders_made: false,
            why: None,
            full: false,
        }
    }

    pub(super) fn id(&self) -> SessionId {
        self.args.row.id
    }

    pub(super) fn host(&self) -> &Arc<LiveHost> {
        &self.args.host
    }

    pub(super) fn now(&self) -> Timestamp {
        self.args.host.clock.now()
    }

    /// Whether nothing may happen here right now; see [`engine::stops::StopGate::is_closed`].
    pub(super) fn is_closed(&self) -> bool {
        self.host().stops.is_closed(self.id(), &self.args.row.agent)
    }

    pub(super) async fn take(&mut self, message: SessionMessage) -> Result {
        while let Some(ended) = self.calls.try_join_next() {
            ended.map_err(SessionError::Call)?;
        }
        match message {
            SessionMessage::Woken { from } => {
                self.last_event = Instant::now();
                self.last_from = from.or(self.last_from.take());
                self.lost_since = None;
                self.container.hurry();
                // One look for all that came meanwhile; an engine that is away has to be asked first.
                if !std::mem::replace(&mut self.is_look_due, true) {
                    match self.container.ask_in(false) {
                        Duration::ZERO | Duration::MAX => {
                            drop(self.myself.cast(SessionMessage::Look))
                        }
                        wait => drop(self.myself.send_after(wait, || SessionMessage::Look)),
                    }
                }
                return Ok(());
            }
            SessionMessage::Sweep => self.container.distrust(),
            SessionMessage::Prune => self.prune().await?,
            SessionMessage::Status(reply) => return self.report(reply).await,
            SessionMessage::Look => self.is_look_due = false,
            SessionMessage::Wakeup => {
                if !self.take_wakeups().await? {
                    return Ok(());
                }
            }
            SessionMessage::Sandbox(report) => self.take_report(report).await,
            SessionMessage::Fetched(fetched) => self.take_fetched(*fetched).await?,
            SessionMessage::RequestForwarded => {
                self.forwarding = false;
                self.notify_runner();
            }
        }
        self.reconcile().await
    }

    pub(super) async fn make_folders(&mut self) -> Result {
        if !self.folders_made {
            let (host, row) = (Arc::clone(self.host()), self.args.row.clone());
            let make = move || folders::make(&host.layout, row.id, &row.agent, host.container_user);
            store::on_disk(&*self.host().gate, make).await?;
            self.folders_made = true;
        }
        Ok(())
    }

    async fn reconcile(&mut self) -> Result {
        self.make_folders().await?;
        for _ in 0..ROUNDS_MAX {
            let view = self.view().await?;
            let now = self.now();
            let effects = decide(&view, &self.host().policy.session, now);
            let mut changed = false;
            for effect in effects {
                debug!(?effect, "performing");
                changed |= self.perform(effect).await?;
            }
            if !changed {
                // For what nothing else may cause.
                self.look_in(next_look(&view, &self.host().policy.session, now));
                return Ok(());
            }
        }
        self.look_again_soon();
        Ok(())
    }

    async fn view(&mut self) -> Result<View> {
        self.observe();
        let (snapshot, posted) = self.store.look(self.container.reader()).await?;
        self.wakeups.reading_took(snapshot.read_for);
        if posted {
            self.notify_runner();
        }
        // Said once, in the log and for `nanoclaw status`.
        if let Mailbox::Damaged(why) = &snapshot.mailbox
            && self.why.as_ref() != Some(why)
        {
            warn!(why, "what the container wrote is damaged");
            self.why = Some(why.clone());
        }
        let stop_phase = self.stop_phase(&snapshot.stop_state);
        let Snapshot { news, mailbox, mut waiting, undelivered, launches, .. } = snapshot;
        for message in &mut waiting {
            // Where nothing can be changed in place there is nothing to show.
            message.status |= !self.host().caps_of(&message.chat).edits;
        }
        self.news = news;
        let file = snapshot.file.filter(|_| !self.fetching);
        self.next_file = file.clone().map(|it| it.1);
        Ok(View {
            news: self.news.is_news(),
            mailbox,
            undelivered,
            waiting,
            container: self.container.as_container(self.last_sign.elapsed()),
            launches,
            file: file.map(|it| it.0),
            request: snapshot.request.filter(|_| !self.forwarding),
            stopped_incarnation: snapshot.stopped_incarnation,
            stop_phase,
            asking: snapshot.asking,
            background_for: self.background.map(|it| it.elapsed()),
            tool_max: self.tool.as_ref().map_or(Duration::ZERO, |it| it.max),
            contended: self.host().container_slots.contended(&self.args.row.agent),
            quiet_for: match self.fetching || self.forwarding {
                true => Duration::ZERO,
                false => self.last_event.elapsed(),
            },
        })
    }

    /// One outside call or one commit per arm; a condition here belongs in `decide`. Returns
    /// whether the next look may see something else.
    async fn perform(&mut self, effect: Effect) -> Result<bool> {
        let now = self.now();
        match effect {
            Effect::Import => {
                let report = self.import().await?;
                self.last_event = Instant::now();
                self.last_sign = self.last_event;
                for (message, outcome) in &report.ended {
                    info!(%message, outcome = outcome.as_str(), "a message reached its end");
                }
                if report.has_ended_task {
                    // Another slot of a task may have waited for its end.
                    self.host().wake_tasks();
                }
            }
            Effect::Fetch => match self.next_file.take() {
                Some(file) => self.fetch(file),
                None => return Ok(false),
            },
            Effect::ForwardRequest(seq) => self.forward_request(seq),
            Effect::Status(message) => self.perform_status(message).await?,
            Effect::Start => self.start(),
            Effect::Stop(reason) => self.stop(reason),
            Effect::RecordExit(incarnation) => self.record_exit(incarnation),
            Effect::RecordStop(incarnation) => self.record_stop(incarnation),
            Effect::Quarantine => return self.quarantine().await,
            Effect::ApplyStop => self.apply_stop().await?,
            Effect::NotifyRunner => {
                self.notify_runner();
                return Ok(false);
            }
            Effect::Release { message, by, at } => {
                let agent = self.args.row.agent.clone();
                let release =
                    move |it: &SessionRows<'_>| it.release(message, by, at, agent.as_str(), now);
                self.store.write("a release", release).await?;
            }
            Effect::Fail { message, why } => {
                let agent = self.args.row.agent.clone();
                let fail = move |it: &SessionRows<'_>| it.fail(message, why, agent.as_str(), now);
                self.store.write("a failure", fail).await?;
                self.host().wake_tasks();
            }
            Effect::LastChance(message, until) => {
                let note = move |it: &SessionRows<'_>| it.last_chance(message, until, now);
                self.store.write("a last chance", note).await?;
            }
            Effect::Tell(message) => {
                self.store.write("a notice", move |it| it.tell(message, now)).await?;
            }
            Effect::Rest => return self.rest().await.map(|()| false),
        }
        Ok(true)
    }

    async fn rest(&mut self) -> Result {
        let id = self.id();
        // A listing from before its container went may have counted it again.
        self.host().container_slots.release(id);
        if self.store.write("asleep", |it| it.fall_asleep()).await? {
            // The parent starts it again if something came since.
            self.myself.stop(None);
        } else {
            let _ = self.myself.cast(SessionMessage::Look);
        }
        Ok(())
    }

    pub(super) fn notify_runner(&self) {
        if let Some(link) = &self.link {
            link.notify_runner();
        }
    }

    pub(super) fn look_again_soon(&mut self) {
        self.look_in(Some(SOON));
    }

    fn look_in(&mut self, wait: Option<Duration>) {
        self.timer = wait.map(|it| Timer(self.myself.send_after(it, || SessionMessage::Look)));
    }

    async fn report(&mut self, reply: RpcReplyPort<SessionStatus>) -> Result {
        let read = |it: &SessionRows<'_>| Ok((it.counts()?.waiting, it.open_parts()?.len()));
        let (waiting, undelivered) = self.store.read(read).await?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let _ = reply.send(SessionStatus {
            id: self.id().to_string(),
            agent: self.args.row.agent.to_string(),
            chat: self.args.row.shares(),
            container: <&str>::from(self.container.as_container(Duration::ZERO)).into(),
            linked: self.link.as_ref().is_some_and(Link::is_connected),
            waiting: count(waiting),
            undelivered: count(undelivered),
            why: self.why.clone(),
        });
        Ok(())
    }
}
