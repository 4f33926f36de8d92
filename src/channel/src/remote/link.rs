//! The lines between the host and one remote: requests out, answers in, all of it bounded.
//!
//! Invariants
//! - A request ends once: with its answer, at its deadline, or with the connection. One that was not written whole
//!   is unreachable; of one that was, and has no answer, nobody knows.
//! - A line that breaks the protocol ends the connection, and only that.
//! - No secret field is in an error or a log.
//! - The program goes with the connection, and everything that it started.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::plain::{cut, one_line};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::program::{Ends, Way};
use super::wire::{FailureKind, FromRemote, RemoteFailure, parse, unquoted};
use crate::door::Pace;
use crate::{Account, ChannelError, ExposeSecret, Need, SecretString};

const LINE_BYTES_MAX: u64 = 1 << 20;
/// Lines that wait for a remote to read them.
const QUEUE_MAX: usize = 256;
/// A remote that takes none of a line for so long is not going to.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Lines that answer nothing which may come at once, and the time after which one more may.
const UNASKED_MAX: u32 = 60;
const UNASKED_EVERY: Duration = Duration::from_secs(1);
/// How long parts that are on their way may take once the host stops receiving; it waits for them no longer.
const LEAVE_WITHIN: Duration = Duration::from_secs(8);
/// Of what a remote says in an error.
const WORDS_MAX: usize = 300;
/// In the place of a secret.
const HIDDEN: &str = "***";
const CLOSED: &str = "it closed the connection";

type Answer = Result<Value, RemoteFailure>;
/// The number of a request that waits for an answer, and a line.
type Lines = mpsc::Sender<(Option<u64>, Vec<u8>)>;

/// A connection; its program ends with it.
#[derive(Debug)]
pub(super) struct Link {
    shared: Arc<Shared>,
    lines: Lines,
    _running: JoinSet<()>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: &'static str,
    account: Account,
    needs: &'static [Need],
    state: Mutex<LinkState>,
}

#[derive(Debug, Default)]
struct LinkState {
    last_id: u64,
    waiting: HashMap<u64, Asker>,
    /// Why nothing is asked any more.
    over: Option<String>,
    last_words: String,
    /// Fields that were put since the account was read, by their names.
    renewed: BTreeMap<&'static str, SecretString>,
}

#[derive(Debug)]
struct Asker {
    reply: oneshot::Sender<Answer>,
    is_written: bool,
}

/// A request that waits for its answer; nobody waits any more when it is dropped.
#[derive(Debug)]
pub(super) struct Call {
    id: u64,
    kind: &'static str,
    reply: oneshot::Receiver<Answer>,
    shared: Arc<Shared>,
}

impl Link {
    /// What it lives for is over when `gone` is dropped, but for what is on its way. `lock` is held until it ended.
    pub(super) async fn open(
        way: Way,
        (name, needs): (&'static str, &'static [Need]),
        (account, home): (Account, PathBuf),
        gone: oneshot::Receiver<()>,
        lock: Option<File>,
    ) -> Result<Self, ChannelError> {
        let state = Mutex::default();
        let shared = Arc::new(Shared { name, account, needs, state });
        let mut ends = way.open(&shared, home).await?;
        let (lines, queue) = mpsc::channel(QUEUE_MAX);
        let (mut running, to) = (JoinSet::new(), (Arc::clone(&shared), lines.clone()));
        running.spawn(async move {
            let (shared, lines) = to;
            let Ends { reading, writing, program } = &mut ends;
            let mut why = tokio::select! {
                why = read(reading, &shared, &lines) => why,
                why = write(writing, &shared, queue) => why,
                () = leave(gone, &shared) => "the host connects again".to_owned(),
            };
            if why == CLOSED
                && let Some(program) = program
            {
                why = program.ending(&shared).await;
            }
            drop((ends, lock));
            shared.end(&why);
        });
        Ok(Self { shared, lines, _running: running })
    }

    /// Asks for something.
    pub(super) fn call(&self, kind: &'static str, body: Value) -> Result<Call, RemoteFailure> {
        let (reply, answer) = oneshot::channel();
        let unreachable = |why: &str| RemoteFailure::new(FailureKind::Unreachable, why);
        let mut state = self.shared.lock();
        if let Some(why) = &state.over {
            return Err(unreachable(why));
        }
        state.last_id += 1;
        let id = state.last_id;
        state.waiting.insert(id, Asker { reply, is_written: false });
        drop(state);
        let call = Call { id, kind, reply: answer, shared: Arc::clone(&self.shared) };
        match self.lines.try_send((Some(id), line(kind, Some(id), body))) {
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(unreachable("too many requests wait for it"))
            }
            // Where nobody writes any more, the end of the connection is near, and says why.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(call),
        }
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        (kind, within): (&'static str, Duration),
        body: Value,
    ) -> Result<T, RemoteFailure> {
        self.call(kind, body)?.answer(within).await
    }

    /// Says something that needs no answer, unless too much waits already.
    pub(super) fn tell(&self, kind: &'static str, body: Value) {
        let _ = self.lines.try_send((None, line(kind, None, body)));
    }
}

impl Call {
    /// May be dropped and called again.
    pub(super) async fn answer<T: DeserializeOwned>(
        &mut self,
        within: Duration,
    ) -> Result<T, RemoteFailure> {
        let Ok(Ok(answer)) = timeout(within, &mut self.reply).await else {
            let why = format!("it did not answer `{}` within {} s", self.kind, within.as_secs());
            let asker = self.shared.lock().waiting.remove(&self.id);
            return Err(RemoteFailure::new(unanswered(asker.as_ref()), why));
        };
        parse(self.kind, answer?)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.shared.lock().waiting.remove(&self.id);
    }
}

fn unanswered(asker: Option<&Asker>) -> FailureKind {
    let is_written = asker.is_none_or(|it| it.is_written);
    if is_written { FailureKind::Unknown } else { FailureKind::Unreachable }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the remote says, fit for an error or a log.
    pub(super) fn tame(&self, words: &str) -> String {
        let secret = |it: &&Need| it.is_secret;
        let fields = self.needs.iter().filter(secret);
        let fields = fields.filter_map(|it| self.account.fields.get(it.name));
        let hide = |text: String, secret: &SecretString| match secret.expose_secret() {
            // No text grows by it. What is shorter is no secret.
            secret if secret.len() < HIDDEN.len() => text,
            secret => text.replace(secret, HIDDEN),
        };
        let known = fields.fold(words.to_owned(), hide);
        cut(&one_line(&self.lock().renewed.values().fold(known, hide)), WORDS_MAX)
    }

    pub(super) fn heard(&self, words: String) {
        if !words.is_empty() {
            self.lock().last_words = words;
        }
    }

    pub(super) fn last_words(&self) -> String {
        self.lock().last_words.clone()
    }

    /// Notes whether a line may have been written by now. Returns whether somebody waits for what comes of it.
    fn mark(&self, id: Option<u64>, is_written: bool) -> bool {
        let Some(id) = id else { return true };
        let mut state = self.lock();
        let asker = state.waiting.get_mut(&id);
        asker.map(|it| it.is_written = is_written).is_some()
    }

    /// Returns whether somebody waited for it.
    fn answered(&self, id: u64, answer: Answer) -> Result<bool, String> {
        let mut state = self.lock();
        if id == 0 || state.last_id < id {
            return Err(format!("it answers a request {id} that nobody made"));
        }
        Ok(state.waiting.remove(&id).is_some_and(|it| it.reply.send(answer).is_ok()))
    }

    fn end(&self, why: &str) {
        let mut state = self.lock();
        state.over = Some(why.to_owned());
        for (_, asker) in state.waiting.drain() {
            let failure = RemoteFailure::new(unanswered(Some(&asker)), why);
            let _ = asker.reply.send(Err(failure));
        }
    }

    /// Returns whether somebody waited for the line; an error is why there are to be no more.
    async fn take(&self, line: &[u8], lines: &Lines) -> Result<bool, String> {
        let line = serde_json::from_slice(line);
        let wrong = |err| format!("a line of it is not of the protocol: {}", unquoted(&err));
        match line.map_err(wrong)? {
            FromRemote::Ok { id, value } => return self.answered(id, Ok(value)),
            FromRemote::Error { id, mut error } => {
                error.why = self.tame(&error.why);
                return self.answered(id, Err(error));
            }
            FromRemote::Pulse {} => self.account.pulse.beat(),
            FromRemote::PutField { name, value } => {
                let stored = self.put(&name, value.into()).await;
                let body = json!({ "name": name, "error": stored.err() });
                let _ = lines.try_send((None, self::line("field", None, body)));
            }
        }
        Ok(false)
    }

    /// Keeps a secret that was renewed, and nothing else: the rest is what the user told the host to run.
    async fn put(&self, name: &str, value: SecretString) -> Result<(), String> {
        let need = self.needs.iter().find(|need| need.name == name && need.is_secret);
        let need = need.ok_or("the channel has no such secret")?;
        (need.check)(value.expose_secret())?;
        self.lock().renewed.insert(need.name, value.clone());
        self.account.fields.put(name, &value).await.map_err(|err| err.to_string())
    }
}

/// Returns why there is nothing more to read.
async fn read(from: impl AsyncRead + Unpin, shared: &Shared, lines: &Lines) -> String {
    let (mut from, mut line) = (BufReader::new(from), Vec::new());
    let pace = Pace::new(UNASKED_MAX, UNASKED_EVERY);
    loop {
        line.clear();
        let read = (&mut from).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await;
        if !line.ends_with(b"\n") {
            let is_long = read.is_ok() && u64::try_from(line.len()) == Ok(LINE_BYTES_MAX);
            return if is_long { "a line of it is longer than 1 MiB" } else { CLOSED }.to_owned();
        }
        match shared.take(&line, lines).await {
            Err(why) => return why,
            Ok(false) if pace.count(()).is_err() => {
                return "it says too much that nobody asked for".to_owned();
            }
            Ok(_) => {}
        }
    }
}

/// Returns why nothing more can be written.
async fn write(
    mut to: impl AsyncWrite + Unpin,
    shared: &Shared,
    mut queue: mpsc::Receiver<(Option<u64>, Vec<u8>)>,
) -> String {
    while let Some((id, line)) = queue.recv().await {
        if !shared.mark(id, true) {
            continue;
        }
        let written = timeout(WRITE_MAX, to.write_all(&line)).await;
        if let Ok(Ok(())) = written {
            continue;
        }
        // Nobody acts on half a line.
        shared.mark(id, false);
        if written.is_err() {
            return format!("it read nothing for {} s", WRITE_MAX.as_secs());
        }
        // Its output may say why.
        sleep(WRITE_MAX).await;
        return "it reads nothing any more".to_owned();
    }
    std::future::pending().await
}

/// Returns when nobody is there any more who would receive, and nothing is on its way.
async fn leave(gone: oneshot::Receiver<()>, shared: &Shared) {
    let _ = gone.await;
    let sent = async {
        while !shared.lock().waiting.is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = timeout(LEAVE_WITHIN, sent).await;
}

fn line(kind: &str, id: Option<u64>, mut body: Value) -> Vec<u8> {
    body["type"] = kind.into();
    if let Some(id) = id {
        body["id"] = id.into();
    }
    let mut line = body.to_string().into_bytes();
    line.push(b'\n');
    line
}
