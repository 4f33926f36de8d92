//! A messaging platform in memory. It outlives the host: what was posted is delivered again until
//! the cursor has moved behind it, and what was sent stays sent.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use channel::{
    Account, Adapter, Batch, Caps, ChannelError, Connection, Cursor, DeliverError, Event, Part,
    Registration, Sink, Source, Verdict,
};
use domain::message::{Address, Incoming};
use tokio::sync::Notify;

use crate::crash::Crash;

/// The name of the channel.
pub const NAME: &str = "fake";

/// What a platform can do to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFault {
    Unreachable,
    Throttled,
    /// It took effect, and the answer was lost.
    AnswerLost,
    Refused,
}

#[derive(Debug, Default)]
pub struct FakePlatform {
    inner: Mutex<Inner>,
    posted: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: Vec<Event>,
    verdicts: Vec<(String, Verdict)>,
    sent: Vec<Part>,
    faults: Vec<SendFault>,
    crash: Option<Arc<Crash>>,
}

impl FakePlatform {
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Somebody writes `text` in `chat`; `id` is the platform's.
    pub fn post(&self, chat: &str, id: &str, text: &str) {
        let message = Incoming {
            from: address(chat),
            platform_id: id.into(),
            sender_id: "fake:ann".into(),
            sender_name: "Ann".into(),
            text: text.into(),
            to_agent: None,
        };
        self.inner.lock().unwrap().events.push(Event::Message(message));
        self.posted.notify_waiters();
    }

    /// The next parts meet these, in order.
    pub fn fail_next_sends(&self, faults: &[SendFault]) {
        self.inner.lock().unwrap().faults.extend(faults);
    }

    /// Everything that became visible in any chat, in order.
    pub fn sent(&self) -> Vec<Part> {
        self.inner.lock().unwrap().sent.clone()
    }

    /// What became visible in one chat.
    pub fn texts(&self, chat: &str) -> Vec<String> {
        let of = |it: &Part| (it.to.chat == chat).then(|| it.text.clone());
        self.inner.lock().unwrap().sent.iter().filter_map(of).collect()
    }

    /// What senders were told about their messages: `(id, verdict)`.
    pub fn verdicts(&self) -> Vec<(String, Verdict)> {
        self.inner.lock().unwrap().verdicts.clone()
    }

    /// A registration for one life of the host. Leaked: registrations live as long as a program.
    pub(crate) fn registration(self: &Arc<Self>, crash: Arc<Crash>) -> &'static Registration {
        self.inner.lock().unwrap().crash = Some(crash);
        let adapter: &'static dyn Adapter = Box::leak(Box::new(FakeAdapter(Arc::clone(self))));
        let caps = Caps { text_chars_max: 4_000, owner_only: true };
        Box::leak(Box::new(Registration { name: NAME, caps, adapter }))
    }

    async fn pass(&self, name: &str) {
        let crash = self.inner.lock().unwrap().crash.clone();
        if let Some(crash) = crash {
            crash.pass(name).await;
        }
    }
}

/// A chat on this platform.
#[must_use]
pub fn address(chat: &str) -> Address {
    Address { channel: NAME.into(), account: "local".into(), chat: chat.into(), thread: None }
}

#[derive(Debug)]
struct FakeAdapter(Arc<FakePlatform>);

#[async_trait]
impl Adapter for FakeAdapter {
    async fn connect(&self, _account: &Account) -> Result<Connection, ChannelError> {
        let source = FakeSource { platform: Arc::clone(&self.0), unsettled: vec![] };
        Ok(Connection { source: Box::new(source), sink: Arc::new(FakeSink(Arc::clone(&self.0))) })
    }
}

#[derive(Debug)]
struct FakeSource {
    platform: Arc<FakePlatform>,
    unsettled: Vec<String>,
}

#[async_trait]
impl Source for FakeSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        let from: usize = after.0.parse().unwrap_or(0);
        loop {
            let posted = self.platform.posted.notified();
            tokio::pin!(posted);
            posted.as_mut().enable();
            let events: Vec<Event> = {
                let inner = self.platform.inner.lock().unwrap();
                inner.events.iter().skip(from).take(10).cloned().collect()
            };
            if events.is_empty() {
                posted.await;
                continue;
            }
            self.unsettled = events.iter().filter_map(id).collect();
            let cursor = Cursor((from + events.len()).to_string());
            return Ok(Batch { events, cursor });
        }
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        self.platform.pass("settle").await;
        let told = self.unsettled.drain(..).zip(verdicts.iter().cloned());
        self.platform.inner.lock().unwrap().verdicts.extend(told);
        Ok(())
    }
}

fn id(event: &Event) -> Option<String> {
    match event {
        Event::Message(message) => Some(message.platform_id.clone()),
        Event::Reachable(_) => None,
    }
}

#[derive(Debug)]
struct FakeSink(Arc<FakePlatform>);

#[async_trait]
impl Sink for FakeSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        self.0.pass("before deliver").await;
        let fault = {
            let mut inner = self.0.inner.lock().unwrap();
            let fault = if inner.faults.is_empty() { None } else { Some(inner.faults.remove(0)) };
            if fault.is_none_or(|it| it == SendFault::AnswerLost) {
                inner.sent.push(part.clone());
            }
            fault
        };
        self.0.pass("after deliver").await;
        match fault {
            None => Ok(format!("p-{}", part.key)),
            Some(SendFault::Unreachable) => Err(DeliverError::Unreachable("down".into())),
            Some(SendFault::Throttled) => {
                Err(DeliverError::Throttled { after: std::time::Duration::from_secs(2) })
            }
            Some(SendFault::AnswerLost) => Err(DeliverError::Unknown("lost".into())),
            Some(SendFault::Refused) => Err(DeliverError::Refused("no".into())),
        }
    }

    async fn working(&self, _chat: &Address) {}
}
