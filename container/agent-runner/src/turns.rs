//! The turn loop: finds messages, claims them, hands them over, and stores what comes back.
//!
//! It looks at the database when it is woken and at every slow poll; both take the same path, and
//! so do the first message and one that follows during a turn. A message is released by the turn
//! that covers it, never by having been handed over. What a task sends may have a script, which runs
//! first; if that lets it rest, the provider never hears of it. What recordings say and PDFs contain is
//! found before a message is handed over; nothing else is claimed meanwhile, so that it is not overtaken.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use domain::MessageSeq;
use domain::agent::Provider;
use domain::inbound::Inbound;
use domain::message::Outcome;
use domain::texts::asides::NOTHING_SAID;
use domain::time::Clock;
use store::{Db, RunnerStore, TurnEnd};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::demo::Demo;
use crate::host_client::HostClient;
use crate::notifier::{Notifier, WakeupListener};
use crate::provider::{Event, FailureClass, ProviderFailure, TurnEnded};
use crate::script::{self, ScriptDecision};
use crate::{Config, Connect, RunnerError, claude, file_texts};

/// Enough to keep a provider from waiting on a commit, little enough to hold it back on a full disk.
const EVENTS_QUEUED_MAX: usize = 64;
/// Reads that find the database damaged before that is believed: the host may be mending it.
const DAMAGED_READS_MAX: u32 = 3;
/// Old rows are removed when nothing is to do, first after the start and then this often.
const PRUNE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the provider may take to finish once told to stop.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// Why a task said nothing, for its history.
const SCRIPT_RESTS: &str = "its script found nothing to do";
const NOTHING_TO_SAY: &str = "the agent had nothing to say";

/// Runs until the host asks to stop or `stop` returns, whichever comes first. Then the provider
/// gets a few seconds to finish; nothing is left half stored.
pub async fn run_until(
    config: Config,
    store: Db<RunnerStore>,
    clock: Arc<dyn Clock>,
    connect: Arc<dyn Connect>,
    stop: impl Future<Output = ()>,
) -> Result<(), RunnerError> {
    let notifier = Arc::<Notifier>::default();
    let wakeups = notifier.wakeups();
    let host_client = HostClient::new(store, clock, Arc::clone(&notifier), config);
    let provider = start_provider(&host_client, &connect);

    let mut background = JoinSet::new();
    if host_client.config.notifications {
        background.spawn(Arc::clone(&notifier).serve(Arc::clone(&connect)));
    }
    let turns = Turns {
        host_client,
        connect,
        wakeups,
        provider,
        damaged_reads: 0,
        unsure: vec![],
        pruned: None,
        scripts: JoinSet::new(),
        readings: JoinSet::new(),
        task: None,
    };
    let ring_stop = async {
        stop.await;
        notifier.stop();
        pending().await
    };
    tokio::select! {
        biased;
        ended = turns.run() => ended,
        () = ring_stop => Ok(()),
    }
}

/// A provider at work, and the two queues to it.
struct Working {
    messages: mpsc::UnboundedSender<Vec<Inbound>>,
    events: mpsc::Receiver<Event>,
    task: JoinSet<Result<(), RunnerError>>,
}

fn start_provider(host_client: &Arc<HostClient>, connect: &Arc<dyn Connect>) -> Working {
    let (host_client, connect) = (Arc::clone(host_client), Arc::clone(connect));
    let (messages, to_provider) = mpsc::unbounded_channel();
    let (from_provider, events) = mpsc::channel(EVENTS_QUEUED_MAX);
    let mut task = JoinSet::new();
    task.spawn(async move {
        match host_client.config.provider {
            Provider::Demo => {
                Box::pin(Demo::new(host_client, from_provider).run(to_provider)).await
            }
            Provider::Claude => {
                Box::pin(claude::run(host_client, connect, to_provider, from_provider)).await
            }
        }
    });
    Working { messages, events, task }
}

struct Turns {
    host_client: Arc<HostClient>,
    connect: Arc<dyn Connect>,
    wakeups: WakeupListener,
    provider: Working,
    damaged_reads: u32,
    /// Messages whose last claim failed; it may have taken effect all the same.
    unsure: Vec<MessageSeq>,
    pruned: Option<Instant>,
    /// The script of the task at hand, if it runs.
    scripts: JoinSet<(Inbound, ScriptDecision)>,
    /// Messages of which the files are being read, if there are any.
    readings: JoinSet<Vec<Inbound>>,
    /// The last message that a task sent.
    task: Option<MessageSeq>,
}

impl Turns {
    async fn run(mut self) -> Result<(), RunnerError> {
        let host_client = Arc::clone(&self.host_client);
        loop {
            self.look().await?;
            let next_poll = Instant::now() + self.host_client.config.poll_interval;
            loop {
                tokio::select! {
                    biased;
                    () = host_client.notifier.stopped() => return self.finish().await,
                    event = self.provider.events.recv() => {
                        let Some(event) = event else { return Err(self.provider_ended().await) };
                        // Something may have waited for that: what goes alone. Other events do not
                        // need a look, so they do not put the next one off.
                        let is_end = matches!(event, Event::TurnEnded(_));
                        self.take(event).await?;
                        if is_end {
                            break;
                        }
                    }
                    Some(ran) = self.scripts.join_next() => {
                        self.script_ended(ran).await?;
                        break;
                    }
                    Some(read) = self.readings.join_next() => {
                        // After an error the claim stays, as with a script.
                        let messages = read.map_err(RunnerError::Files)?;
                        let _ = self.provider.messages.send(messages);
                        break;
                    }
                    () = self.wakeups.next() => break,
                    () = sleep_until(next_poll) => break,
                }
            }
        }
    }

    /// Claims what waits, all in one commit, and only then hands it over.
    async fn look(&mut self) -> Result<(), RunnerError> {
        if !self.readings.is_empty() {
            return Ok(());
        }
        let (now, unsure) = (self.host_client.clock.now(), self.unsure.clone());
        let due = match self.host_client.store.read(move |store| store.due(now, &unsure)).await {
            Ok(due) => due,
            Err(err) => {
                self.damaged_reads = if err.is_permanent() { self.damaged_reads + 1 } else { 0 };
                if DAMAGED_READS_MAX <= self.damaged_reads {
                    return Err(RunnerError::Store(err));
                }
                tracing::warn!(error = %err, "could not read the messages; will look again");
                return Ok(());
            }
        };
        self.damaged_reads = 0;
        if due.is_empty() {
            let is_prune_due = self.pruned.is_none_or(|it| PRUNE_EVERY <= it.elapsed());
            if is_prune_due && self.host_client.prune().await {
                self.pruned = Some(Instant::now());
            }
            return Ok(());
        }
        self.unsure = due.iter().map(|it| it.seq).collect();
        if let Err(err) = self.host_client.claim(&due).await {
            tracing::warn!(error = %err, "could not claim the messages; will look again");
            return Ok(());
        }
        self.unsure.clear();
        tracing::info!(count = due.len(), last = due.last().map(|it| it.seq.0), "took messages");
        self.hand_over(due);
        Ok(())
    }

    /// To the provider; what a task sends, to its script first. It is always alone.
    fn hand_over(&mut self, due: Vec<Inbound>) {
        if let [message] = due.as_slice()
            && let Some(task_run) = &message.task
        {
            self.task = Some(message.seq);
            if let Some(script) = task_run.script.clone() {
                tracing::info!(message = message.seq.0, "running a task's script");
                let (message, config) = (message.clone(), self.host_client.config.clone());
                let file = config.home.join(format!(".task-script-{}.sh", message.seq));
                let run = async move { script::run(&script, &file, &config).await };
                self.scripts.spawn(async move { (message, run.await) });
                return;
            }
        }
        if file_texts::has_any(&due) {
            let host_client = Arc::clone(&self.host_client);
            self.readings.spawn(async move { file_texts::find(due, &host_client).await });
            return;
        }
        // A provider that has ended is noticed by its closed event queue.
        let _ = self.provider.messages.send(due);
    }

    async fn script_ended(
        &mut self,
        ran: Result<(Inbound, ScriptDecision), JoinError>,
    ) -> Result<(), RunnerError> {
        // After an error the claim stays; the host takes it back when this program has ended.
        let (mut message, decision) = ran.map_err(RunnerError::Script)?;
        self.host_client.notifier.progress();
        let (outcome, reason) = match decision {
            ScriptDecision::Wake(found) => {
                if let Some(task_run) = &mut message.task {
                    task_run.found = found;
                }
                let _ = self.provider.messages.send(vec![message]);
                return Ok(());
            }
            ScriptDecision::Rest => (Outcome::Silent, SCRIPT_RESTS.to_owned()),
            ScriptDecision::Failed(why) => (Outcome::Failed, why),
        };
        tracing::info!(outcome = outcome.as_str(), reason, "a task's script ended its turn");
        let end = TurnEnd { messages: vec![message.seq], outcome, reason, text: None, cost: None };
        self.host_client.end_turn(end, vec![]).await
    }

    async fn take(&mut self, event: Event) -> Result<(), RunnerError> {
        self.host_client.notifier.progress();
        match event {
            Event::Keep(keep) => self.host_client.keep(keep).await,
            Event::Tool(news) => {
                self.host_client.note_tool(news).await;
                Ok(())
            }
            Event::Unsolicited { to, text } => self.host_client.send_unsolicited(to, text).await,
            Event::TurnEnded(ended) => self.end(ended).await,
        }
    }

    async fn end(&mut self, ended: TurnEnded) -> Result<(), RunnerError> {
        if let Err(ProviderFailure { class: FailureClass::Passing(class), until, .. }) =
            ended.result
        {
            tracing::warn!(class = class.as_str(), "a turn waits for the provider");
            self.host_client.wait(class, until, ended.keep).await?;
            self.renew().await;
            return Ok(());
        }
        let is_task = self.task.is_some_and(|it| ended.covers == [it]);
        let (outcome, reason, text) = match ended.result {
            // Nobody asked, so nobody waits for an answer.
            Ok(text) if text.trim().is_empty() && is_task => {
                (Outcome::Silent, NOTHING_TO_SAY, None)
            }
            Ok(text) if text.trim().is_empty() => {
                (Outcome::Answered, "", Some(NOTHING_SAID.to_owned()))
            }
            Ok(text) => (Outcome::Answered, "", Some(text)),
            Err(failure) => {
                tracing::warn!(class = failure.class.as_str(), "a turn failed");
                (Outcome::Failed, failure.class.as_str(), Some(failure.user_text))
            }
        };
        let (messages, cost) = (ended.covers, ended.cost);
        tracing::info!(count = messages.len(), outcome = outcome.as_str(), reason, "a turn ended");
        let end = TurnEnd { messages, outcome, reason: reason.to_owned(), text, cost };
        self.host_client.end_turn(end, ended.keep).await
    }

    /// Begins with another provider, so that nothing that was let go of is worked on. What the old
    /// one still had to say concerns messages that will be offered again.
    async fn renew(&mut self) {
        self.readings.shutdown().await;
        let working = start_provider(&self.host_client, &self.connect);
        // Waits until the old one is gone, with all that it started.
        std::mem::replace(&mut self.provider, working).task.shutdown().await;
        self.host_client.notifier.background(false);
    }

    /// Lets the provider finish within its grace; dropping it kills what is left.
    async fn finish(mut self) -> Result<(), RunnerError> {
        tracing::info!("finishing");
        // It is run again by the next container.
        self.scripts.shutdown().await;
        self.readings.shutdown().await;
        let deadline = Instant::now() + STOP_GRACE;
        loop {
            // The closed queue is what tells the provider, a new one too.
            let (closed, _) = mpsc::unbounded_channel();
            self.provider.messages = closed;
            tokio::select! {
                biased;
                () = sleep_until(deadline) => {
                    tracing::info!("the provider was still busy; its messages will be offered again");
                    return Ok(());
                }
                event = self.provider.events.recv() => match event {
                    Some(event) => self.take(event).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn provider_ended(&mut self) -> RunnerError {
        match self.provider.task.join_next().await {
            Some(Ok(Err(err))) => return err,
            Some(Err(err)) => tracing::error!(error = %err, "the provider panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
        RunnerError::ProviderGone
    }
}
