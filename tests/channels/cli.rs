//! The terminal's adapter against terminals, over its socket.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use channel::cli::frames::{FromClient, ToClient};
use channel::cli::{NAME, SOCKET};
use channel::{Account, Registration};
use harness::conformance::{Double, Fault, Habits, Post, TestChat, TestChats, Visible};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CHAT: &str = "a-terminal";
/// A terminal that finds no host looks again this often.
const LOOK_EVERY: Duration = Duration::from_millis(2);

async fn make() -> Box<dyn Double> {
    Box::new(Terminal::new())
}

harness::conformance_tests!(make);

/// A terminal that outlives the host: it sends again what it was not told to be stored.
#[derive(Debug)]
struct Terminal {
    dir: TempDir,
    state: watch::Sender<State>,
    lines: AtomicUsize,
    _talking: JoinSet<()>,
}

#[derive(Debug, Default)]
struct State {
    outbox: Vec<Line>,
    shown: Vec<Visible>,
    typing: usize,
    hang_up: bool,
    /// The next part is shown and the host does not hear of it.
    lose_answer: bool,
}

#[derive(Clone, Debug)]
struct Line {
    /// Empty for what is never answered.
    id: String,
    bytes: Vec<u8>,
    is_done: bool,
}

impl Terminal {
    fn new() -> Self {
        let (dir, state) = (tempfile::tempdir().unwrap(), watch::Sender::default());
        let mut talking = JoinSet::new();
        talking.spawn(talk(dir.path().join(SOCKET), state.clone()));
        Self { dir, state, lines: AtomicUsize::new(0), _talking: talking }
    }

    fn say(&self, text: &str) -> String {
        let id = format!("line-{}", self.lines.fetch_add(1, Ordering::SeqCst));
        let frame = FromClient::Message { id: id.clone(), text: text.into(), agent: None };
        self.put(id.clone(), bytes(&frame));
        id
    }

    fn put(&self, id: String, bytes: Vec<u8>) {
        self.state.send_modify(|it| it.outbox.push(Line { id, bytes, is_done: false }));
    }
}

fn bytes(frame: &FromClient) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(frame).unwrap();
    bytes.push(b'\n');
    bytes
}

async fn talk(socket: PathBuf, state: watch::Sender<State>) {
    loop {
        if let Ok(stream) = UnixStream::connect(&socket).await {
            // However it ended, the next connection tells what this one did not.
            let _ = connected(stream, &state).await;
            state.send_modify(|it| it.hang_up = false);
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn connected(stream: UnixStream, state: &watch::Sender<State>) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut news = state.subscribe();
    writing.write_all(&bytes(&FromClient::Hello { chat: CHAT.into() })).await?;
    let mut next = 0;
    loop {
        let todo = {
            let state = news.borrow_and_update();
            if state.hang_up {
                return Ok(());
            }
            state.outbox[next..].to_vec()
        };
        next += todo.len();
        for line in todo.iter().filter(|it| !it.is_done) {
            writing.write_all(&line.bytes).await?;
            if line.id.is_empty() {
                state.send_modify(|it| it.done(""));
            }
        }
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                let mut answer = None;
                state.send_modify(|it| answer = it.hear(serde_json::from_str(&line).unwrap()));
                if let Some(answer) = answer {
                    writing.write_all(&bytes(&answer)).await?;
                }
            }
            changed = news.changed() => changed.map_err(std::io::Error::other)?,
        }
    }
}

impl State {
    fn done(&mut self, id: &str) {
        self.outbox.iter_mut().filter(|it| it.id == id).for_each(|it| it.is_done = true);
    }

    /// Takes a line of the host; returns what to answer.
    fn hear(&mut self, line: ToClient) -> Option<FromClient> {
        match line {
            ToClient::Stored { id } => self.done(&id),
            ToClient::Refused { id: Some(id), why } => {
                self.done(&id);
                // What this double asks in `ready` is nobody's message.
                if !why.contains("is empty") {
                    self.show(String::new(), why);
                }
            }
            ToClient::Refused { id: None, .. } => {}
            ToClient::Working => self.typing += 1,
            ToClient::Part { key, text, .. } => {
                // As `nanoclaw chat`: a key that was shown is not shown again.
                if !self.shown.iter().any(|it| it.id == key) {
                    self.show(key.clone(), text);
                }
                let is_lost = std::mem::take(&mut self.lose_answer);
                return (!is_lost).then_some(FromClient::Shown { key });
            }
        }
        None
    }

    fn show(&mut self, id: String, text: String) {
        let path = text.split("(a file: ").nth(1).map(|it| PathBuf::from(it.trim_end_matches(')')));
        let file = |file: PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read(file).unwrap())
        };
        let place = place();
        let files = path.map(file).into_iter().collect();
        let (buttons, reactions) = (vec![], vec![]);
        self.shown.push(Visible { place, id, text, files, buttons, reactions, edits: 0 });
    }
}

fn place() -> TestChat {
    TestChat { chat: CHAT.into(), thread: None, is_group: false }
}

#[async_trait]
impl Double for Terminal {
    fn registration(&self) -> &'static Registration {
        channel::registration(NAME).unwrap()
    }

    fn account(&self) -> Account {
        Account { run_dir: self.dir.path().to_owned(), ..Account::new("local") }
    }

    /// A terminal has no credential.
    fn account_with_wrong_credential(&self) -> Account {
        self.account()
    }

    /// There are no groups; see `habits`.
    fn places(&self) -> TestChats {
        TestChats { direct: place(), group: place(), thread: None }
    }

    async fn post(&self, post: Post) -> String {
        self.say(&post.text)
    }

    async fn click(&self, _place: &TestChat, _message: &str, _data: &str, _by: &str) {
        panic!("a terminal has no buttons");
    }

    async fn visible(&self) -> Vec<Visible> {
        self.state.borrow().shown.clone()
    }

    async fn typing_count(&self) -> usize {
        self.state.borrow().typing
    }

    async fn fault(&self, fault: Fault) {
        match fault {
            Fault::AnswerLost => self.state.send_modify(|it| it.lose_answer = true),
            Fault::Disconnect => self.state.send_modify(|it| it.hang_up = true),
            Fault::Garbage => self.put(String::new(), b"{\"type\":\"nobody knows\"}\n".to_vec()),
            Fault::Throttle(_) | Fault::ServerError | Fault::Forbidden | Fault::BadFormat => {
                panic!("{fault:?} cannot happen on a terminal");
            }
        }
    }

    fn people(&self) -> [(String, String); 2] {
        let owner = ("owner".to_owned(), "owner".to_owned());
        [owner.clone(), owner]
    }

    fn habits(&self) -> Habits {
        Habits {
            groups: false,
            mentions: false,
            quotes: false,
            files_in: false,
            file_names: false,
            opens_direct: false,
            backfills: true,
            ends_waits: true,
        }
    }

    /// An empty message is refused at once, and after the line before it, which says hello.
    async fn ready(&self) {
        let asked = self.say("");
        self.told(&asked).await;
    }

    async fn told(&self, message: &str) {
        let mut news = self.state.subscribe();
        let is_told = |it: &Line| it.id == message && it.is_done;
        news.wait_for(|it| it.outbox.iter().any(is_told)).await.unwrap();
    }

    fn can_happen(&self, fault: Fault) -> bool {
        match fault {
            Fault::AnswerLost | Fault::Disconnect | Fault::Garbage => true,
            Fault::Throttle(_) | Fault::ServerError | Fault::Forbidden | Fault::BadFormat => false,
        }
    }
}
