//! An adapter driven as the host drives it: its source receives all the time, a batch is committed
//! or not as the check says, and every error that it returns is searched for the credential.

mod gap;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use channel::{
    Account, Batch, Caps, ChannelError, Connection, Cursor, DeliverError, Event, ExposeSecret, Gap,
    Part, Pulse, Sink, Source, Verdict,
};
use domain::message::{Address, Click, Incoming};
use domain::outgoing::{Card, Content};
use domain::time::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Double, Post, TestChat, Visible};

/// An adapter that takes longer than this against a double on the same machine hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

type Received = Result<Batch, ChannelError>;
/// The verdicts of a batch, and who waits for the end of `settle`.
type Settle = (Vec<Verdict>, oneshot::Sender<()>);

/// A connected adapter.
pub struct Driven<'a> {
    double: &'a dyn Double,
    sink: Arc<dyn Sink>,
    /// Behind everything that was committed.
    cursor: Cursor,
    received: mpsc::Receiver<Received>,
    /// What the source said about the gap before this connection; all of it.
    gaps: mpsc::UnboundedReceiver<Gap>,
    pulse: Pulse,
    settles: mpsc::Sender<Settle>,
    /// Received and not committed.
    held: Option<Batch>,
    parts: usize,
    pump: JoinSet<()>,
}

impl fmt::Debug for Driven<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driven").field("cursor", &self.cursor).field("held", &self.held).finish()
    }
}

impl<'a> Driven<'a> {
    /// Connects as a host does that never ran before.
    pub async fn connect(double: &'a dyn Double) -> Self {
        Self::connect_at(double, Cursor::default()).await
    }

    pub async fn connect_at(double: &'a dyn Double, cursor: Cursor) -> Self {
        Self::connect_after(double, cursor, None).await
    }

    /// Connects as a host does that heard the platform last at that time.
    pub async fn connect_after(
        double: &'a dyn Double,
        cursor: Cursor,
        heard_until: Option<Timestamp>,
    ) -> Self {
        let pulse = Pulse::default();
        let account = Account { pulse: pulse.clone(), heard_until, ..double.account() };
        let Connection { source, sink, .. } = match connect(double, &account).await {
            Ok(connection) => connection,
            Err(err) => panic!("it does not connect: {}", chain(&err)),
        };
        let (to_us, received) = mpsc::channel(4);
        let (settles, from_us) = mpsc::channel(1);
        let (to_gaps, gaps) = mpsc::unbounded_channel();
        let mut pump = JoinSet::new();
        pump.spawn(receive_all(source, cursor.clone(), (to_us, to_gaps), from_us));
        within("the double to be ready", double.ready()).await;
        let (held, parts) = (None, 0);
        Self { double, sink, cursor, received, gaps, pulse, settles, held, parts, pump }
    }

    /// Drops the connection as it is and makes another that goes on behind `cursor`.
    pub async fn reconnect(&mut self, cursor: Cursor) {
        self.disconnect().await;
        let parts = self.parts;
        *self = Self::connect_at(self.double, cursor).await;
        self.parts = parts;
    }

    /// Drops the receiving half, as a host that is stopped.
    pub async fn disconnect(&mut self) {
        self.held = None;
        self.pump.shutdown().await;
    }

    /// Behind everything that was committed.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.cursor.clone()
    }

    #[must_use]
    pub fn caps(&self) -> Caps {
        self.double.registration().caps
    }

    #[must_use]
    pub fn sink(&self) -> &dyn Sink {
        &*self.sink
    }

    /// The next batch, which is not committed.
    ///
    /// # Errors
    /// What the source says; it is gone then.
    pub async fn try_batch(&mut self) -> Result<Batch, ChannelError> {
        let next = within("the adapter to receive", self.received.recv()).await;
        let batch = next.unwrap_or_else(|| panic!("the source panicked, or its error was ignored"));
        match batch {
            Ok(batch) => {
                self.held = Some(batch.clone());
                Ok(batch)
            }
            Err(err) => {
                assert_no_secret(self.double, &err);
                Err(err)
            }
        }
    }

    pub async fn batch(&mut self) -> Batch {
        match self.try_batch().await {
            Ok(batch) => batch,
            Err(err) => panic!("it stopped receiving: {}", chain(&err)),
        }
    }

    /// Moves the cursor behind the batch and tells the source that all of it was stored.
    pub async fn commit(&mut self) {
        self.settle(|_| Verdict::Stored).await;
    }

    /// Moves the cursor behind the batch and tells the source a verdict for each of its events.
    pub async fn settle(&mut self, verdict: impl Fn(&Event) -> Verdict) {
        let Some(batch) = self.held.take() else { return };
        let verdicts = batch.events.iter().map(verdict).collect();
        self.cursor = batch.cursor;
        let (done, settled) = oneshot::channel();
        if self.settles.send((verdicts, done)).await.is_ok() {
            // An error of `settle` is what the next batch turns out to be.
            let _ = within("the adapter to settle", settled).await;
            for event in batch.events {
                if let Event::Message(message) = event {
                    within("a verdict to be told", self.double.told(&message.platform_id)).await;
                }
            }
        }
    }

    /// The next batch that says more than that a chat is reachable; not committed.
    pub async fn batch_with_events(&mut self) -> Vec<Event> {
        loop {
            let batch = self.batch().await;
            let events: Vec<Event> = batch.events.into_iter().filter(is_news).collect();
            if !events.is_empty() {
                return events;
            }
            self.commit().await;
        }
    }

    /// The next `n` events, each batch committed.
    pub async fn next_events(&mut self, n: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < n {
            events.extend(self.batch_with_events().await);
            self.commit().await;
        }
        assert_eq!(events.len(), n, "more arrived than was posted: {events:#?}");
        events
    }

    /// The next `n` events, which are messages, each batch committed.
    pub async fn messages(&mut self, n: usize) -> Vec<Incoming> {
        self.next_events(n).await.into_iter().map(message).collect()
    }

    pub async fn message(&mut self) -> Incoming {
        self.messages(1).await.remove(0)
    }

    pub async fn click(&mut self) -> Click {
        click(self.next_events(1).await.remove(0))
    }

    /// Somebody writes plain words; returns the platform's id.
    pub async fn post(&self, place: &TestChat, text: &str) -> String {
        self.double.post(Post::plain(self.double, place, text)).await
    }

    #[must_use]
    pub fn address(&self, place: &TestChat) -> Address {
        Address {
            channel: self.double.registration().name.into(),
            account: self.double.account().name,
            chat: place.chat.clone(),
            thread: place.thread.clone(),
        }
    }

    /// A part that was not sent before.
    pub fn part(&mut self, place: &TestChat, content: Content) -> Part {
        self.parts += 1;
        Part {
            to: self.address(place),
            key: format!("part-{}", self.parts),
            content,
            reply_to: String::new(),
            also: vec![],
            last: true,
            no_answer: false,
            repeat: false,
            in_group: place.is_group,
            silent: false,
            notify: None,
        }
    }

    /// # Errors
    /// What the sink says.
    pub async fn try_send(&self, part: &Part) -> Result<String, DeliverError> {
        let out = self.sink();
        let sent = within("the adapter to deliver", out.deliver(part)).await;
        sent.inspect_err(|err| assert_no_secret(self.double, err))
    }

    /// Sends a part that the platform takes; returns the platform's id of it.
    pub async fn send_part(&self, part: &Part) -> String {
        match self.try_send(part).await {
            Ok(id) => id,
            Err(err) => panic!("it does not deliver {:?}: {}", part.content, chain(&err)),
        }
    }

    pub async fn send(&mut self, place: &TestChat, content: Content) -> String {
        let part = self.part(place, content);
        self.send_part(&part).await
    }

    pub async fn send_text(&mut self, place: &TestChat, text: &str) -> String {
        self.send(place, Content::Text(text.into())).await
    }

    /// Replaces a message of ours.
    pub async fn edit(&mut self, place: &TestChat, target: &str, card: Card) -> String {
        self.send(place, Content::Edit { target: target.into(), card }).await
    }

    /// The message of the bot with this id.
    pub async fn visible(&self, id: &str) -> Visible {
        let all = self.double.visible().await;
        let found = all.iter().find(|it| it.id == id).cloned();
        found.unwrap_or_else(|| panic!("nothing visible has the id {id:?}: {all:#?}"))
    }
}

/// What the host's pump does, with the commit on the other side of a channel.
async fn receive_all(
    mut source: Box<dyn Source>,
    mut cursor: Cursor,
    (to_check, gaps): (mpsc::Sender<Received>, mpsc::UnboundedSender<Gap>),
    mut settles: mpsc::Receiver<Settle>,
) {
    let state_gap = |source: &mut dyn Source| {
        if let Some(gap) = source.gap() {
            let _ = gaps.send(gap);
        }
    };
    loop {
        state_gap(&mut *source);
        let received = source.receive(&cursor).await;
        let gap = source.gap();
        let next = received.as_ref().ok().map(|it| it.cursor.clone());
        if to_check.send(received).await.is_err() {
            return;
        }
        // A listener that hears of the gap has what filled it.
        if let Some(gap) = gap {
            let _ = gaps.send(gap);
        }
        let Some(next) = next else { return };
        let Some((verdicts, done)) = settles.recv().await else { return };
        if let Err(err) = source.settle(&verdicts).await {
            let _ = to_check.send(Err(err)).await;
            return;
        }
        cursor = next;
        let _ = done.send(());
    }
}

/// Connects without driving.
///
/// # Errors
/// What the adapter says.
pub async fn connect(double: &dyn Double, account: &Account) -> Result<Connection, ChannelError> {
    let connecting = double.registration().adapter.connect(account);
    let connected = within("the adapter to connect", connecting).await;
    connected.inspect_err(|err| assert_no_secret(double, err))
}

/// # Panics
/// When it takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {} s for {what}", PATIENCE.as_secs()),
    }
}

/// Looks until it holds; for what an adapter need not wait for.
///
/// # Panics
/// When it takes too long.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !holds().await {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Of an event that may come at any time and is not what a check waits for.
pub fn is_news(event: &Event) -> bool {
    match event {
        Event::Message(_)
        | Event::Click(_)
        | Event::Moved { .. }
        | Event::Renamed { .. }
        | Event::Undelivered { .. } => true,
        Event::Reachable { .. } | Event::Left(_) => false,
    }
}

#[must_use]
pub fn message(event: Event) -> Incoming {
    let Event::Message(message) = event else { panic!("not a message: {event:?}") };
    message
}

#[must_use]
pub fn click(event: Event) -> Click {
    let Event::Click(click) = event else { panic!("not a click: {event:?}") };
    click
}

/// An error and its causes.
#[must_use]
pub fn chain(err: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(err), |it| it.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// No text about a connection shows a credential, neither the right one nor the wrong one.
///
/// # Panics
/// When it does.
pub fn assert_shows_no_secret(double: &dyn Double, what: &str, text: &str) {
    for account in [double.account(), double.account_with_wrong_credential()] {
        for need in double.registration().needs {
            let Some(secret) = account.fields.get(need.name) else { continue };
            assert!(!text.contains(secret.expose_secret()), "{what} shows the credential");
        }
    }
}

fn assert_no_secret(double: &dyn Double, err: &dyn std::error::Error) {
    assert_shows_no_secret(double, "an error", &chain(err));
    assert_shows_no_secret(double, "an error's debug text", &format!("{err:?}"));
}
