//! Adapters that are programs of their own, in any language: one JSON object per line, over their standard input
//! and output or a unix socket. `remote.md` beside this file is what their authors read.
//!
//! The contract is the same: the host commits a batch and asks behind its cursor, so that a program which dies
//! loses nothing; a part that it took and did not answer for may have been sent. Texts are rendered here.

mod link;
mod program;
mod sink;
mod wire;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::message::{Address, Author, TEXT_BYTES_MAX};
use domain::outgoing::{Pace, Rate, TextLimit};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use self::link::{Call, Link};
use self::program::Way;
use self::sink::RemoteSink;
use self::wire::{Received, VERSION, Welcome};
use crate::{
    Account, Adapter, Batch, Caps, ChannelError, Connection, Cursor, Event, ExposeSecret, Gap, Me,
    Need, REPEAT_NOTE, Registration, Source, Verdict,
};

const CONNECT_MAX: Duration = Duration::from_secs(30);
const CHECK_MAX: Duration = Duration::from_secs(10);
/// How long a remote waits for something to happen before it says that nothing did.
const POLL: Duration = Duration::from_secs(25);
/// What it may need besides.
const POLL_SPARE: Duration = Duration::from_secs(30);
/// How long the former program of an account is waited for.
const FORMER_MAX: Duration = Duration::from_secs(10);
/// The least that texts can be cut to.
const TEXT_MIN: usize = 100;
/// Tokens of a rate; the host remembers when each of them was spent, of every chat.
const COUNT_MAX: u32 = 10_000;
/// More than any platform takes.
const ALBUM_MAX: usize = 100;
const FILE_BYTES_MAX: u64 = 1 << 40;
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A channel whose adapter is a program. A crate registers one of its own with
/// `inventory::submit! { RemoteAdapter { .. }.registration() }` in a constant.
#[derive(Debug)]
pub struct RemoteAdapter {
    /// The channel's name.
    pub name: &'static str,
    /// What an account has to be given; the program gets all of it.
    pub needs: &'static [Need],
    /// The command line of the program, split into words as a shell does, and run without one. `None`: the account
    /// has the field `command` or `socket`.
    pub command: Option<&'static str>,
}

const COMMAND: &str = "command";
const SOCKET: &str = "socket";

const REMOTE: RemoteAdapter = RemoteAdapter {
    name: "remote",
    needs: &[
        optional(
            COMMAND,
            "the command line of the program that speaks to the platform (or leave it out, and give a socket)",
            is_command,
        ),
        optional(SOCKET, "the path of a unix socket where such a program listens", is_path),
        Need { is_optional: true, ..Need::secret("token", "a secret that the program gets") },
        optional("options", "anything else that the program wants to be told", |_| Ok(())),
    ],
    command: None,
};

inventory::submit! { REMOTE.registration() }

type Check = fn(&str) -> Result<(), &'static str>;

const fn optional(name: &'static str, what: &'static str, check: Check) -> Need {
    Need { name, what, is_secret: false, is_optional: true, check }
}

fn is_command(text: &str) -> Result<(), &'static str> {
    match shlex::split(text) {
        Some(words) if !words.is_empty() => Ok(()),
        Some(_) | None => Err("it has no words, or a quote that is not closed"),
    }
}

fn is_path(text: &str) -> Result<(), &'static str> {
    if Path::new(text).is_absolute() { Ok(()) } else { Err("it does not begin with `/`") }
}

impl RemoteAdapter {
    pub const fn registration(&'static self) -> Registration {
        let caps = Caps::plain(TextLimit::chars(1_000));
        Registration { name: self.name, needs: self.needs, caps, adapter: self }
    }

    fn way(&self, account: &Account) -> Result<Way, ChannelError> {
        let given = |name| account.fields.get(name).map(ExposeSecret::expose_secret);
        let (command, socket) = match self.command {
            Some(command) => (Some(command), None),
            None => (given(COMMAND), given(SOCKET)),
        };
        match (command, socket) {
            (Some(command), None) => {
                let wrong = || format!("this is no command line: {command}");
                Ok(Way::Program(shlex::split(command).ok_or_else(|| misconfigured(wrong()))?))
            }
            (None, Some(path)) => Ok(Way::Socket(path.into())),
            (None, None) | (Some(_), Some(_)) => {
                let why = "it needs either a command or a socket: \
                           `nanoclaw channels add remote --set command=…` or `--set socket=…`";
                Err(misconfigured(why.into()))
            }
        }
    }

    /// Starts the remote and has it say who it is.
    async fn open(
        &self,
        account: &Account,
        (kind, within): (&'static str, Duration),
        lock: Option<File>,
    ) -> Result<(Link, oneshot::Sender<()>, Welcome), ChannelError> {
        for need in self.needs.iter().filter(|it| !it.is_optional) {
            account.require(self.name, need.name)?;
        }
        let (way, (alive, gone)) = (self.way(account)?, oneshot::channel());
        let folder = |made: io::Result<PathBuf>| made.and_then(fs::canonicalize);
        let kept = folder(account.shelf.kept_dir()).map_err(unreachable)?;
        let ratchet = folder(account.shelf.ratchet_dir()).map_err(unreachable)?;
        let told = self.needs.iter().map(|it| it.name).filter(|it| ![COMMAND, SOCKET].contains(it));
        let fields = told.filter_map(|it| Some((it, account.fields.get(it)?.expose_secret())));
        let hello = json!({
            "version": VERSION,
            "account": account.name,
            "fields": fields.collect::<BTreeMap<_, _>>(),
            "urls": account.urls,
            "kept_dir": kept.to_string_lossy(),
            "ratchet_dir": ratchet.to_string_lossy(),
            "heard_until": account.heard_until,
        });
        let (of, at) = ((self.name, self.needs), (account.clone(), kept));
        let link = Link::open(way, of, at, gone, lock).await?;
        let mut call = link.call(kind, hello)?;
        let mut said: Value = call.answer(within).await?;
        let theirs = said.as_object_mut().and_then(|it| it.remove("version")).unwrap_or_default();
        if theirs != VERSION {
            let why =
                format!("it speaks version {theirs} of the protocol, and this host {VERSION}");
            return Err(misconfigured(why));
        }
        let welcome = wire::parse(kind, said)?;
        Ok((link, alive, welcome))
    }
}

fn misconfigured(why: String) -> ChannelError {
    ChannelError::Misconfigured(why.into())
}

fn unreachable(err: io::Error) -> ChannelError {
    ChannelError::Unreachable(err.into())
}

#[async_trait]
impl Adapter for RemoteAdapter {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let dir = account.run_dir.join(format!("{}.{}", self.name, account.name));
        let lock = Some(own(&dir).await.map_err(unreachable)?);
        let (link, alive, Welcome { me, caps, .. }) =
            self.open(account, ("connect", CONNECT_MAX), lock).await?;
        let caps = judged(caps)?;
        let link = Arc::new(link);
        // Behind one command are the people of one platform; of two accounts of `remote` nobody knows that.
        let people =
            if self.command.is_some() { String::new() } else { format!("{}/", account.name) };
        let source = RemoteSource {
            link: Arc::clone(&link),
            of: (self.name, account.clone()),
            people: people.clone(),
            poll: caps.alive_every.map_or(POLL, |it| it.min(POLL)),
            asked: None,
            gap: None,
            is_stated: false,
            _alive: alive,
        };
        let sink = RemoteSink::new(link, caps.dialect, dir, people);
        Ok(Connection { me, caps, source: Box::new(source), sink: Arc::new(sink) })
    }

    async fn check(&self, account: &Account) -> Result<Me, ChannelError> {
        let (_link, _alive, welcome) = self.open(account, ("check", CHECK_MAX), None).await?;
        judged(welcome.caps)?;
        Ok(welcome.me)
    }
}

/// Makes the folder through which files come, and empties it. Whose lock it is that is returned has it alone: no two
/// programs work for one account.
async fn own(dir: &Path) -> io::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let lock = File::open(dir)?;
    let taken = timeout(FORMER_MAX, async {
        while lock.try_lock().is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let busy = |_| io::Error::other("the program that it had before is not done yet");
    taken.await.map_err(busy)?;
    for left in fs::read_dir(dir)? {
        let _ = fs::remove_file(left?.path());
    }
    Ok(lock)
}

/// What a remote says that it can do, with room for the mark of a repeat. Whose host it is, no remote says.
fn judged(said: Caps) -> Result<Caps, ChannelError> {
    let (TextLimit { max, unit }, Pace { direct, group, account }) = (said.text, said.pace);
    let is_time = |it: &Duration| (SECOND..=DAY).contains(it);
    let is_rate = |it: &Rate| (1..=COUNT_MAX).contains(&it.count) && is_time(&it.per);
    for (is_possible, what) in [
        ((TEXT_MIN..=TEXT_BYTES_MAX).contains(&max), format!("texts of {max}")),
        ([direct, group, account].iter().flatten().all(is_rate), format!("{:?}", said.pace)),
        (said.alive_every.iter().all(is_time), format!("alive_every: {:?}", said.alive_every)),
        (said.album_max <= ALBUM_MAX, format!("albums of {}", said.album_max)),
        (said.file_bytes_max <= FILE_BYTES_MAX, format!("files of {} bytes", said.file_bytes_max)),
    ] {
        if !is_possible {
            let why = format!("its capabilities are out of bounds: {what}");
            return Err(misconfigured(why));
        }
    }
    let text = TextLimit { max: max - REPEAT_NOTE.len(), unit };
    let caption_max = said.caption_max.min(max).saturating_sub(REPEAT_NOTE.len());
    Ok(Caps { text, caption_max, owner_only: false, ..said })
}

#[derive(Debug)]
struct RemoteSource {
    link: Arc<Link>,
    /// The channel and the account that its events are of, whatever they say.
    of: (&'static str, Account),
    /// Stands before the ids of people, so that no remote speaks for those of another.
    people: String,
    poll: Duration,
    /// Asked for what lies behind this, and not answered yet.
    asked: Option<(Cursor, Call)>,
    gap: Option<Gap>,
    is_stated: bool,
    /// The link ends soon after it is dropped.
    _alive: oneshot::Sender<()>,
}

#[async_trait]
impl Source for RemoteSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        loop {
            let call = match self.asked.take() {
                Some((cursor, call)) if cursor == *after => call,
                Some(_) | None => {
                    let body = json!({ "after": after, "wait": self.poll.as_secs() });
                    self.link.call("receive", body)?
                }
            };
            let (_, call) = self.asked.insert((after.clone(), call));
            let received = call.answer(self.poll + POLL_SPARE).await;
            self.asked = None;
            let Received { mut events, cursor, gap } = received?;
            self.of.1.pulse.beat();
            let of = (self.of.0, self.of.1.name.as_str(), self.people.as_str());
            events.iter_mut().for_each(|it| claim(it, of));
            if !self.is_stated {
                (self.gap, self.is_stated) = (Some(gap.unwrap_or(Gap::Unknown)), true);
            }
            let cursor = cursor.unwrap_or_else(|| after.clone());
            if !events.is_empty() || self.gap.is_some() || cursor != *after {
                return Ok(Batch { events, cursor });
            }
        }
    }

    fn gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        self.link.tell("settle", json!({ "verdicts": verdicts }));
        Ok(())
    }
}

/// A remote speaks for its own account alone, and names no agent.
fn claim(event: &mut Event, (channel, account, people): (&str, &str, &str)) {
    let own = |address: &mut Address| {
        (address.channel, address.account) = (channel.into(), account.into());
    };
    let known = |person: &mut Author| person.id.insert_str(0, people);
    match event {
        Event::Message(message) => {
            message.to_agent = None;
            known(&mut message.body.sender);
            own(&mut message.from);
        }
        Event::Click(click) => {
            known(&mut click.sender);
            own(&mut click.from);
        }
        Event::Moved { from, to } => [from, to].into_iter().for_each(own),
        Event::Reachable { chat, by, .. } => {
            by.iter_mut().for_each(known);
            own(chat);
        }
        Event::Left(chat) | Event::Renamed { chat, .. } | Event::Undelivered { chat, .. } => {
            own(chat)
        }
    }
}

#[cfg(test)]
mod tests;
