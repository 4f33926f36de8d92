//! The host's side of the platform in memory. Everything that becomes visible passes a crash point
//! before it happens and after it happened.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channel::{
    Account, Adapter, Batch, ChannelError, CommandInfo, Connection, Cursor, DeliverError, Event,
    ExposeSecret, FetchError, Gap, Me, Part, Pulse, Sink, Source, Verdict,
};
use domain::message::Address;
use domain::outgoing::{Content, FileOut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use super::state::State;
use super::{ALIVE_EVERY, FakePlatform, FetchFault, NAME, SendFault, WRONG_CREDENTIAL};
use crate::mutation::Mutation;

/// How often what hangs looks whether it still does.
const HANG_TICK: Duration = Duration::from_secs(1);
/// Events of one batch.
const BATCH_MAX: usize = 10;

#[derive(Debug)]
pub(super) struct FakeAdapter(pub(super) Arc<FakePlatform>);

#[async_trait]
impl Adapter for FakeAdapter {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        if self.0.is_locked && account.require(NAME, "token")?.expose_secret() == WRONG_CREDENTIAL {
            return Err(ChannelError::Unauthorized("it is another word".into()));
        }
        let mut state = self.0.state();
        self.0.check(&state, &account.name)?;
        state.connections_made += 1;
        state.connected_at.push(Instant::now());
        let may_miss = state.forgets && account.heard_until.is_some();
        let source = FakeSource {
            platform: Arc::clone(&self.0),
            account: account.name.clone(),
            unsettled: vec![],
            connections_broken: state.connections_broken,
            number: state.connections_made,
            pulse: account.pulse.clone(),
            gap: Some(if may_miss { Gap::Unknown } else { Gap::None }),
        };
        drop(state);
        let sink = FakeSink(Arc::clone(&self.0), account.name.clone());
        let (source, sink) = (Box::new(source), Arc::new(sink));
        Ok(Connection { me: Me::default(), caps: self.0.caps, source, sink })
    }
}

impl FakePlatform {
    /// Whether an account may be connected now.
    fn check(&self, state: &State, account: &str) -> Result<(), ChannelError> {
        if state.is_away {
            return Err(ChannelError::Unreachable("it is away".into()));
        }
        if state.revoked.as_deref() == Some(account) {
            return Err(ChannelError::Unauthorized("the word was changed".into()));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct FakeSource {
    platform: Arc<FakePlatform>,
    account: String,
    /// For each event of the batch that is not settled yet: whose it is.
    unsettled: Vec<Option<(String, Address)>>,
    /// When it connected.
    connections_broken: usize,
    number: usize,
    pulse: Pulse,
    /// Not stated yet.
    gap: Option<Gap>,
}

#[async_trait]
impl Source for FakeSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        let from: usize = after.0.parse().unwrap_or(0);
        loop {
            let happened = self.platform.happened.notified();
            tokio::pin!(happened);
            happened.as_mut().enable();
            let heard = {
                let mut state = self.platform.state();
                if self.number <= state.silent_below {
                    None
                } else {
                    self.platform.check(&state, &self.account)?;
                    let (events, next) = batch(&mut state, from, &self.account);
                    Some((events, next, state.connections_broken))
                }
            };
            let Some((events, next, broken)) = heard else { return std::future::pending().await };
            if self.connections_broken != broken {
                return Err(ChannelError::Unreachable("the connection broke".into()));
            }
            self.pulse.beat();
            if events.is_empty() {
                // However it ends, the next look is a sign of life.
                let _ = timeout(ALIVE_EVERY, happened).await;
                continue;
            }
            let cursor = Cursor(next.max(from).to_string());
            let mut events: Vec<Event> = events.into_iter().flatten().collect();
            if self.platform.state().breaks(Mutation::DropEvent) && 1 < events.len() {
                events.remove(0);
            }
            self.unsettled = events.iter().map(whose).collect();
            return Ok(Batch { events, cursor });
        }
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        self.platform.pass("settle").await;
        let mut state = self.platform.state();
        for (whose, verdict) in self.unsettled.drain(..).zip(verdicts) {
            if let Some((id, from)) = whose {
                let refused = Verdict::Refused("nothing was stored".into());
                let is_broken = state.breaks(Mutation::RefuseAll);
                let verdict = if is_broken { &refused } else { verdict };
                state.settle(id, &from, verdict, self.platform.caps.owner_only);
            }
        }
        Ok(())
    }
}

/// The next events of an account, and the place behind the last of them.
fn batch(state: &mut State, from: usize, account: &str) -> (Vec<Option<Event>>, usize) {
    let mut first = from;
    if std::mem::take(&mut state.redelivers) {
        state.note("the platform delivers from the start again");
        first = 0;
    } else if state.breaks(Mutation::AcknowledgeEarly) {
        first = from.max(state.handed_out);
    }
    let is_own = |event: &Option<Event>| {
        let whose = event.as_ref().and_then(whose);
        !state.separated || whose.is_none_or(|it| it.1.account == account)
    };
    let own = state.events.iter().enumerate().skip(first).filter(|it| is_own(it.1));
    let (places, mut events): (Vec<usize>, Vec<_>) =
        own.take(BATCH_MAX).map(|(at, event)| (at, event.clone())).unzip();
    let next = places.last().map_or(first, |it| it + 1);
    if 1 < events.len() && std::mem::take(&mut state.reorders) {
        state.note("the platform delivers in another order");
        let chat = |it: &Option<Event>| Some(whose(it.as_ref()?)?.1.chat);
        events.sort_by_key(|it| std::cmp::Reverse(chat(it)));
    }
    state.handed_out = state.handed_out.max(next);
    (events, next)
}

fn whose(event: &Event) -> Option<(String, Address)> {
    match event {
        Event::Message(message) => Some((message.platform_id.clone(), message.from.clone())),
        Event::Click(click) => Some((click.platform_id.clone(), click.from.clone())),
        Event::Moved { .. }
        | Event::Reachable { .. }
        | Event::Left(_)
        | Event::Renamed { .. }
        | Event::Undelivered { .. } => None,
    }
}

#[derive(Debug)]
struct FakeSink(Arc<FakePlatform>, String);

impl FakeSink {
    /// What the platform does with a part, and its answer, if there is one.
    fn take(&self, part: &Part) -> Result<Option<String>, DeliverError> {
        let read =
            |files: &[FileOut]| files.iter().map(|it| std::fs::read(&it.path).ok()).collect();
        let files = match &part.content {
            Content::File(file) => read(std::slice::from_ref(file)),
            Content::Album(files) => read(files),
            Content::Text(_)
            | Content::Card(_)
            | Content::Edit { .. }
            | Content::Delete { .. }
            | Content::Reaction { .. } => vec![],
        };
        let mut state = self.0.state();
        state.count(&part.to, &self.0.pace);
        let fault = (!state.send_faults.is_empty()).then(|| state.send_faults.remove(0));
        let throttled = |after| Err(DeliverError::Throttled { after, everywhere: false });
        match fault {
            Some(SendFault::Unreachable) => return Err(DeliverError::Unreachable("down".into())),
            Some(SendFault::Throttled) => return throttled(Duration::from_secs(2)),
            Some(SendFault::ThrottledFor(after)) => return throttled(after),
            Some(SendFault::AllThrottledFor(after)) => {
                return Err(DeliverError::Throttled { after, everywhere: true });
            }
            Some(SendFault::Refused) => return Err(DeliverError::Refused("no".into())),
            // There are no formats here that could be left out.
            Some(
                SendFault::AnswerLost
                | SendFault::Hangs
                | SendFault::BadFormat
                | SendFault::Takes(_),
            )
            | None => {}
        }
        state.note(format_args!("shown {} in {} for {}", part.key, part.to.chat, part.reply_to));
        let id = self.show(&mut state, part, files);
        let id = id.map_err(|why| DeliverError::Refused(why.into()))?;
        match fault {
            Some(SendFault::AnswerLost) => Err(DeliverError::Unknown("lost".into())),
            Some(SendFault::Hangs) => Ok(None),
            _ => Ok(Some(id)),
        }
    }
}

impl FakeSink {
    /// Shows a part, or does what is wrong with this platform on purpose.
    fn show(
        &self,
        state: &mut State,
        part: &Part,
        files: Vec<Option<Vec<u8>>>,
    ) -> Result<String, &'static str> {
        let caps = &self.0.caps;
        let mut part = part.clone();
        if state.separated {
            // Whatever account it was for, this one has it.
            part.to.account.clone_from(&self.1);
        }
        if state.breaks(Mutation::SendNothing) {
            return Ok(format!("p-{}", part.key));
        }
        if state.breaks(Mutation::SendTwice) {
            state.show(caps, &part, files.clone())?;
        }
        if state.breaks(Mutation::SendElsewhere) {
            part.to.chat = "elsewhere".into();
        }
        if state.breaks(Mutation::ForgetUncertain) {
            part.repeat = false;
        }
        if !state.breaks(Mutation::SwapParts) {
            return state.show(caps, &part, files);
        }
        match state.kept_back.take() {
            None => {
                let id = format!("p-{}", part.key);
                state.kept_back = Some(part);
                Ok(id)
            }
            Some(earlier) => {
                let id = state.show(caps, &part, files)?;
                state.show(caps, &earlier, vec![])?;
                Ok(id)
            }
        }
    }
}

#[async_trait]
impl Sink for FakeSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        self.0.pass("before deliver").await;
        let hangs = || self.0.state().hanging_chat.as_ref() == Some(&part.to.chat);
        while hangs() {
            // The sender gives up before that is over.
            sleep(HANG_TICK).await;
        }
        let slow = self.0.state().slow_send();
        if let Some(slow) = slow {
            sleep(slow).await;
        }
        let taken = self.take(part);
        self.0.pass("after deliver").await;
        match taken {
            Ok(Some(id)) => Ok(id),
            Ok(None) => std::future::pending().await,
            Err(err) => Err(err),
        }
    }

    async fn working(&self, chat: &Address) {
        let mut state = self.0.state();
        state.count(chat, &self.0.pace);
        state.typing += 1;
    }

    async fn answer(&self, press: &str, words: Option<&str>) {
        self.0.state().answered.push((press.to_owned(), words.map(str::to_owned)));
    }

    async fn publish_commands(&self, commands: &[CommandInfo]) {
        self.0.state().commands = commands.iter().map(|it| it.name.to_owned()).collect();
    }

    async fn draft(&self, chat: &Address, target: &str, text: &str) {
        self.0.pass("before draft").await;
        self.0.state().count(chat, &self.0.pace);
        if self.0.caps.edits {
            self.0.state().draft(target, text);
        }
        self.0.pass("after draft").await;
    }

    async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<(), FetchError> {
        self.0.pass("before fetch").await;
        let (fault, content) = {
            let mut state = self.0.state();
            let fault = (!state.fetch_faults.is_empty()).then(|| state.fetch_faults.remove(0));
            (fault, state.file(source))
        };
        match fault {
            Some(FetchFault::Unreachable) => return Err(FetchError::Unreachable("down".into())),
            Some(FetchFault::Gone) => return Err(FetchError::Gone("expired".into())),
            None => {}
        }
        let content = content.ok_or_else(|| FetchError::Gone("there is no such file".into()))?;
        if bytes_max < u64::try_from(content.len()).unwrap_or(u64::MAX) {
            return Err(FetchError::TooLarge { bytes_max });
        }
        into.write_all(&content).await.map_err(FetchError::Write)?;
        self.0.pass("after fetch").await;
        Ok(())
    }

    async fn open_direct(&self, handle: &str) -> Result<String, DeliverError> {
        self.0.pass("before open direct").await;
        let hangs = self.0.state().hanging.iter().any(|it| it == handle);
        if hangs {
            std::future::pending::<()>().await;
        }
        let opened = {
            let state = self.0.state();
            let is_closed = state.closed.iter().any(|it| it == handle);
            if is_closed { None } else { Some(state.direct(handle)) }
        };
        self.0.pass("after open direct").await;
        opened.ok_or_else(|| DeliverError::Refused("they take no private chats".into()))
    }
}
