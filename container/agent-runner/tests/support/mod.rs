//! A session as the host sees it, with a runner of this crate working on its files.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use agent_runner::{Config, Connect, RunnerError, Stream, run_until};
use async_trait::async_trait;
use domain::agent::Provider;
use domain::delivery::Verdict;
use domain::link::Header;
use domain::message::{
    Address, Admitted, Attachment, Author, Body, ChatInfo, FileKind, InboundKind, Incoming, Outcome,
};
use domain::outgoing::{Caps, Content, TextLimit};
use domain::time::{Clock, Timestamp};
use domain::{Incarnation, OutSeq, SessionId};
use store::layout::{Layout, SessionLayout};
use store::{
    Db, Fetched, Gate, NoGate, PartKind, Request, RunnerStore, SessionContext, SessionStore,
};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const START: Timestamp = Timestamp(1_795_376_000_000);

/// Follows tokio's clock, which tests pause.
#[derive(Debug)]
pub(crate) struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        START + self.0.elapsed()
    }
}

/// A link that is always down.
#[derive(Debug)]
pub(crate) struct NoLink;

#[async_trait]
impl Connect for NoLink {
    async fn open(&self, _: Header) -> io::Result<Box<dyn Stream>> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

pub(crate) struct Session {
    dir: tempfile::TempDir,
    pub(crate) paths: SessionLayout,
    pub(crate) host: SessionStore,
    clock: Arc<TestClock>,
    said: Vec<String>,
}

/// A runner at work. Dropping it is a crash of the container.
pub(crate) struct Runner {
    working: JoinSet<Result<(), RunnerError>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Runner {
    /// Asks it to finish and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<(), RunnerError> {
        drop(self.stop.take());
        self.ended().await
    }

    pub(crate) async fn ended(mut self) -> Result<(), RunnerError> {
        // Without this the wait for the end would be the order to end.
        let stop = self.stop.take();
        let ended = self.working.join_next().await.unwrap().unwrap();
        drop(stop);
        ended
    }
}

impl Session {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let paths = layout.session(SessionId(1));
        std::fs::create_dir_all(dir.path().join("workspace")).unwrap();
        let host = SessionStore::create(&layout, Timestamp(0)).unwrap();
        Self { dir, paths, host, clock: Arc::new(TestClock(Instant::now())), said: vec![] }
    }

    /// What a new container of this session would be told.
    pub(crate) fn config(&mut self, provider: Provider) -> Config {
        let incarnation = self.host.posting().launch(self.clock.now()).unwrap();
        let mut config = Config::new(incarnation, provider);
        config.inbound_dir = self.paths.inbound_dir();
        config.received_dir = self.paths.inbound_dir();
        config.outbound_dir = self.paths.outbound_dir();
        config.home = self.paths.home();
        config.workspace = self.dir.path().join("workspace");
        config.notifications = false;
        config
    }

    pub(crate) fn store(&self, incarnation: Incarnation, gate: Arc<dyn Gate>) -> Db<RunnerStore> {
        let (inbound, outbound) = (self.paths.inbound_dir(), self.paths.outbound_dir());
        RunnerStore::shared(inbound, outbound, incarnation, gate)
    }

    pub(crate) fn start(&self, config: Config, connect: Arc<dyn Connect>) -> Runner {
        self.start_gated(config, connect, Arc::new(NoGate))
    }

    pub(crate) fn start_gated(
        &self,
        config: Config,
        connect: Arc<dyn Connect>,
        gate: Arc<dyn Gate>,
    ) -> Runner {
        let store = self.store(config.incarnation, gate);
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let (stop, stopped) = oneshot::channel();
        let mut working = JoinSet::new();
        working.spawn(run_until(config, store, clock, connect, async {
            let _ = stopped.await;
        }));
        Runner { working, stop: Some(stop) }
    }

    /// A message of one person in a private chat. Its text is its platform id as well.
    pub(crate) fn say(&mut self, text: &str) {
        self.insert(InboundKind::Chat, incoming(text));
    }

    pub(crate) fn say_in(&mut self, thread: &str, text: &str) {
        let mut message = incoming(text);
        message.from.thread = Some(thread.into());
        self.insert(InboundKind::Chat, message);
    }

    pub(crate) fn command(&mut self, text: &str) {
        self.insert(InboundKind::Command, incoming(text));
    }

    /// A context message in the group, from anybody.
    pub(crate) fn add_context(&mut self, from: &str, text: &str) {
        self.insert(InboundKind::Context, in_group(from, text));
    }

    /// Lets the agent write to a chat of this title by this name.
    pub(crate) fn grant(&mut self, name: &str, title: &str) {
        let chat = Address {
            channel: "cli".to_owned(),
            account: "local".to_owned(),
            chat: name.to_owned(),
            thread: None,
        };
        let info = ChatInfo { title: title.to_owned(), is_group: true };
        let (agent, now) = (domain::AgentName::parse("andy").unwrap(), self.clock.now());
        let central = self.host.central();
        let chat = central.ensure_chat(&chat, &info, None, now).unwrap();
        central.add_destination(&agent, name, chat.id).unwrap();
        self.host.post().unwrap();
    }

    pub(crate) fn insert(&mut self, kind: InboundKind, message: Incoming) {
        self.host
            .posting()
            .insert(&[Admitted { message, kind, rule: None }], self.clock.now())
            .unwrap();
    }

    /// A picture or document that came with a message, and what came of fetching it.
    pub(crate) fn fetch(&mut self, content: Result<&[u8], &str>) {
        let (_, file) = self.host.snapshot().unwrap().file.unwrap();
        let how = match content {
            Ok(content) => {
                let path = format!("files/{}-{}", file.message, file.ordinal);
                let there = self.paths.inbound_dir().join(&path);
                std::fs::create_dir_all(there.parent().unwrap()).unwrap();
                std::fs::write(there, content).unwrap();
                let (name, mime) = (file.attachment.name.clone(), file.attachment.mime.clone());
                Fetched::Here { path, name, mime, bytes: content.len().try_into().unwrap() }
            }
            Err(why) => Fetched::Failed { why: why.to_owned() },
        };
        self.host.posting().fetched(&file, &how).unwrap();
    }

    /// Waits for something that the agent asks of the host.
    pub(crate) async fn wait_for_request(&mut self) -> Request {
        for _ in 0..2_400 {
            self.said();
            if let Some(seq) = self.host.snapshot().unwrap().request {
                return self.host.posting().request(seq).unwrap();
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the runner asked for nothing; it said {:?}", self.said);
    }

    pub(crate) fn answer(&mut self, request: OutSeq, ok: bool, text: &str) {
        self.host.posting().answer(request, ok, text).unwrap();
    }

    /// The container is gone: its messages wait for the next one.
    pub(crate) fn release(&mut self, gone: Incarnation) {
        let now = self.clock.now();
        for waiting in self.host.snapshot().unwrap().waiting {
            self.host.posting().release(waiting.message, gone, now, "andy", now).unwrap();
        }
    }

    /// What waits for the provider waits no longer.
    pub(crate) fn end_waits(&mut self) {
        let now = self.clock.now();
        for waiting in self.host.snapshot().unwrap().waiting {
            let day = Duration::from_secs(86_400);
            self.host.posting().last_chance(waiting.message, now + day, now).unwrap();
        }
    }

    /// Takes over what the runner wrote; `kind: text` of everything it ever said, in order.
    pub(crate) fn said(&mut self) -> Vec<String> {
        let now = self.clock.now();
        // A commit may be under way.
        if self.host.import(&session_context(), now).is_ok() {
            // What is given up may add others.
            loop {
                let parts = self.host.rows().open_parts().unwrap();
                if parts.is_empty() {
                    break;
                }
                for part in parts {
                    let claimed = self.host.claim_part(&part.key, now).unwrap();
                    if let Some(claimed) = claimed {
                        self.said.push(shown(claimed.kind, &claimed.to, &claimed.content));
                        let sent = Verdict::Sent { platform_id: part.key.0.clone() };
                        self.host.conclude(&part.key, &sent, now).unwrap();
                    }
                }
            }
        }
        self.said.clone()
    }

    /// Waits until the runner has said so many things.
    pub(crate) async fn wait_for_said(&mut self, count: usize) -> Vec<String> {
        for _ in 0..2_400 {
            let said = self.said();
            if count <= said.len() {
                return said;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the runner said no more than {:?}", self.said);
    }

    pub(crate) fn outcomes(&self) -> Vec<Option<Outcome>> {
        self.host.rows().outcomes().unwrap().into_iter().map(|it| it.1).collect()
    }
}

/// One chat that can show everything, and another one under the name `team`.
fn session_context() -> SessionContext {
    let caps = Caps {
        edits: true,
        reactions: true,
        file_bytes_max: u64::MAX,
        ..Caps::plain(TextLimit::chars(1_000_000))
    };
    let team = Address { chat: "t".into(), ..address() };
    SessionContext {
        caps: Arc::new(BTreeMap::from([("cli".to_owned(), caps)])),
        destinations: [("team".to_owned(), team)].into(),
        ..SessionContext::default()
    }
}

fn address() -> Address {
    Address { channel: "cli".into(), account: "local".into(), chat: "c".into(), thread: None }
}

pub(crate) fn incoming(text: &str) -> Incoming {
    Incoming {
        from: address(),
        platform_id: text.into(),
        body: Body::new(Author::new("u", "Ann"), text),
        ..Incoming::default()
    }
}

pub(crate) fn in_group(from: &str, text: &str) -> Incoming {
    let mut message = incoming(text);
    message.body.chat = ChatInfo { title: "Team".into(), is_group: true };
    message.body.sender.name = from.into();
    message
}

pub(crate) fn picture(name: &str) -> Attachment {
    Attachment {
        kind: FileKind::Image,
        name: name.into(),
        mime: "image/png".into(),
        bytes: None,
        source: "s".into(),
        is_quoted: false,
    }
}

/// What a reader sees, and where if that is not the chat of the message.
fn shown(kind: PartKind, to: &Address, content: &Content) -> String {
    let mut there = if to.chat == "c" { String::new() } else { format!(" to {}", to.chat) };
    if let Some(thread) = &to.thread {
        there.push_str(&format!(" in {thread}"));
    }
    let what = match content {
        Content::Text(text) => text.clone(),
        Content::File(file) => {
            let bytes = std::fs::read(&file.path).unwrap();
            let (name, caption) = (&file.name, &file.caption);
            format!("[file {name} of {} bytes] {caption}", bytes.len())
        }
        Content::Card(card) => format!("[card] {}", card.text),
        Content::Edit { target, card } => format!("[edit of {target}] {}", card.text),
        Content::Reaction { target, emoji } => format!("[reaction to {target}] {emoji}"),
        Content::Album(files) => format!("[{} files] {}", files.len(), content.text()),
        Content::Delete { target } => format!("[{target} is taken away]"),
    };
    format!("{}{there}: {what}", kind.as_str())
}
