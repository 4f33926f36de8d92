//! The connection of an account: made, watched, replaced, and made again after a wait.
//!
//! One task at a time stands for it: it waits, connects, and then receives until that fails. What it reports
//! carries the number of its line, so that it is not taken for a word of its successor.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use channel::{Account, ChannelError, CommandInfo, Connection, Fields, Me, Pulse, Shelf};
use domain::command::Command;
use domain::continuity::{self, LineEffect, LineView};
use domain::outgoing::Caps;
use domain::plain::chain;
use domain::texts::commands::summary;
use domain::texts::notices;
use domain::time::{Timestamp, backoff, jittered};
use engine::host::{LOCAL, Opened};
use engine::protocol::{CONNECTING, ChannelStatus};
use engine::spool::AccountSpool;
use store::{AccountRow, CentralStore, StoreError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use super::pacing::Pacing;
use super::pump::Pump;
use super::{ChannelActor, ChannelMessage, HINT_MAX};
use crate::channels::AccountKey;
use crate::peers::LiveHost;

/// An outage that is longer is told the owners, elsewhere.
const OUT_FOR: Duration = Duration::from_secs(10 * 60);
/// Of an adapter that sets itself no deadline; others give up long before.
const CONNECT_MAX: Duration = Duration::from_secs(120);
const RECONNECT_BASE: Duration = Duration::from_millis(500);
const RECONNECT_MAX: Duration = Duration::from_secs(60);
/// What only a person can mend is tried again seldom: somebody may have mended it over there.
const RECONNECT_UNWANTED: Duration = Duration::from_secs(15 * 60);
/// How often a connection is looked at. After a sleep of the machine it takes that long at most
/// until it is replaced.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What owners hear of an account, after the word for why, of which each is told once.
type Told = (&'static str, String);

#[derive(Debug)]
pub(super) struct Line {
    pub(super) pulse: Pulse,
    pub(super) task: JoinSet<()>,
    pub(super) number: u64,
    /// Events are with the router.
    storing: Arc<AtomicBool>,
    /// When the last sign of life was stored; `None` until the gap is stated.
    pub(super) kept: Option<Instant>,
    /// The last look, by both clocks.
    looked: (Instant, Timestamp),
    failures: u32,
    /// Since when it is out of reach.
    down_since: Option<Instant>,
}

impl Line {
    pub(super) fn new(host: &LiveHost) -> Self {
        Self {
            pulse: Pulse::new(Arc::clone(&host.clock)),
            task: JoinSet::new(),
            number: 0,
            storing: Arc::default(),
            kept: None,
            looked: (Instant::now(), host.clock.now()),
            failures: 0,
            down_since: None,
        }
    }

    fn slept(&self, now: Timestamp) -> Duration {
        now.since(self.looked.1).saturating_sub(self.looked.0.elapsed())
    }

    /// The sign of life with which a gap begins, if the line ends now. One of after a sleep says
    /// nothing about the time before.
    fn last_words(&self, now: Timestamp) -> Option<Timestamp> {
        self.kept?;
        self.pulse.last().map(|it| it.at).filter(|_| !continuity::was_asleep(self.slept(now)))
    }
}

impl ChannelActor {
    /// Ends the connection and makes another after a wait; `told` is what the owners hear of why.
    pub(super) fn connect(&mut self, after: Duration, told: Option<Told>) {
        let ended = self.line.last_words(self.args.host.clock.now());
        self.sink = None;
        let line = &mut self.line;
        let mut former = mem::take(&mut line.task);
        former.abort_all();
        (line.kept, line.storing) = (None, Arc::default());
        line.number += 1;
        let (number, pulse) = (line.number, line.pulse.clone());
        let (host, adapter) = (Arc::clone(&self.args.host), self.args.registration.adapter);
        let (key, myself) = (self.args.account.clone(), self.myself.clone());
        line.task.spawn(async move {
            // What it listened on is free then.
            former.shutdown().await;
            if let Some(at) = ended {
                keep(&host, &key, at).await;
            }
            // After the sign of life, which names the trouble that is told once.
            if let Some(told) = told {
                tell_owners(&host, &key, told).await;
            }
            sleep(after).await;
            let connected = async {
                let connect = async || {
                    let (start, account) = account(&host, &key, pulse.clone()).await?;
                    let connecting = timeout(CONNECT_MAX, adapter.connect(&account)).await;
                    let connected = connecting.unwrap_or_else(|_| {
                        let why = format!("it did not connect within {} s", CONNECT_MAX.as_secs());
                        Err(ChannelError::Unreachable(why.into()))
                    });
                    connected.map(|it| (it, start))
                };
                let mut connection = connect().await?;
                if meet(&host, &key, &connection.0.me).await? {
                    // What it was given to go on with, and what it kept, was of the former one.
                    drop(connection);
                    connection = connect().await?;
                }
                Ok(connection)
            };
            let connected = connected.await;
            let _ = myself.cast(ChannelMessage::Connected(number, connected));
        });
    }

    /// Takes over what the account was given, if that is something else.
    pub(super) fn renew(&mut self, key: AccountKey) {
        if self.args.account != key {
            self.args.account = key;
            self.lanes.pacing = Pacing::default();
            self.line.failures = 0;
            self.trouble = Some(CONNECTING.into());
            self.connect(Duration::ZERO, None);
        } else if self.trouble.is_some() && self.sink.is_none() {
            self.connect(Duration::ZERO, None);
        }
    }

    pub(super) fn receive(&mut self, (connection, start): (Connection, i64)) {
        info!(channel = self.args.registration.name, "connected");
        let line = &mut self.line;
        line.pulse.beat();
        (line.failures, line.down_since, self.trouble) = (0, None, None);
        let key = &self.args.account;
        self.args.host.caps.connected(key.channel, &key.name, connection.caps);
        self.met = Some((connection.me, self.args.host.clock.now()));
        let (sink, channel) = (connection.sink, key.channel);
        self.sink = Some(Arc::clone(&sink));
        let (host, key) = (Arc::clone(&self.args.host), key.clone());
        let caps = connection.caps;
        self.sending.spawn(async move {
            note_caps(&host, &key, caps).await;
            if timeout(HINT_MAX, sink.publish_commands(&commands())).await.is_err() {
                debug!(channel, "the commands were not published in time");
            }
        });
        let _ = self.myself.cast(ChannelMessage::Parts);
        let pump = Pump {
            args: self.args.clone(),
            source: connection.source,
            start,
            caps: connection.caps,
            pulse: line.pulse.clone(),
            storing: Arc::clone(&line.storing),
            stated: (self.myself.clone(), line.number),
        };
        let (myself, number) = (self.myself.clone(), line.number);
        line.task.spawn(async move {
            let Err(err) = pump.receive().await;
            let _ = myself.cast(ChannelMessage::Lost(number, err));
        });
    }

    pub(super) fn reconnect(&mut self, err: &ChannelError) {
        warn!(channel = self.args.registration.name, why = chain(err), "not connected");
        self.trouble = Some(chain(err));
        self.line.failures = self.line.failures.saturating_add(1);
        match err {
            ChannelError::Unreachable(_) => {
                let wait = backoff(RECONNECT_BASE, RECONNECT_MAX, self.line.failures);
                // Another one for each host, account and failure.
                let seed = (self.args.host.started_at, &self.args.account.name, self.line.failures);
                let wait = jittered(wait, seed);
                let down = self.line.down_since.get_or_insert_with(Instant::now).elapsed();
                let told = (OUT_FOR <= down).then(|| {
                    let key = &self.args.account;
                    ("out", notices::out(key.channel, &key.name, OUT_FOR, &chain(err)))
                });
                self.connect(wait, told);
            }
            ChannelError::Unauthorized(_) | ChannelError::Misconfigured(_) => {
                let key = &self.args.account;
                let told = ("locked-out", notices::locked_out(key.channel, &key.name, &chain(err)));
                self.connect(RECONNECT_UNWANTED, Some(told));
            }
        }
    }

    pub(super) fn look(&mut self) {
        let (caps, now) = (self.caps(), self.args.host.clock.now());
        if caps.alive_every.is_none() && self.sink.is_some() {
            // There is no other side: it hears as long as it listens.
            self.line.pulse.beat();
        }
        let line = &self.line;
        let view = LineView {
            connected: self.sink.is_some(),
            alive_every: caps.alive_every,
            silent_for: line.pulse.last().map_or(Duration::ZERO, |it| it.when.elapsed()),
            storing: line.storing.load(Ordering::SeqCst),
            slept: line.slept(now),
            kept_ago: line.kept.map(|it| it.elapsed()),
        };
        match continuity::decide(&view) {
            LineEffect::Rest => {}
            LineEffect::Keep => self.keep_pulse(),
            LineEffect::ReplaceSilent => {
                let why = format!("nothing was heard for {} s", view.silent_for.as_secs());
                self.reconnect(&ChannelError::Unreachable(why.into()));
            }
            LineEffect::ReplaceAfterSleep => {
                info!(channel = self.args.registration.name, "the machine was asleep");
                self.trouble.get_or_insert_with(|| "it is connecting again after a sleep".into());
                self.line.failures = 0;
                self.connect(Duration::ZERO, None);
            }
        }
        self.line.looked = (Instant::now(), now);
    }

    /// As the connection said.
    fn caps(&self) -> Caps {
        let key = &self.args.account;
        self.args.host.caps.of_account(key.channel, &key.name)
    }

    fn keep_pulse(&mut self) {
        let Some(sign) = self.line.pulse.last() else { return };
        self.line.kept = Some(Instant::now());
        let (host, key) = (Arc::clone(&self.args.host), self.args.account.clone());
        self.sending.spawn(async move { keep(&host, &key, sign.at).await });
    }

    pub(super) fn status(&self) -> ChannelStatus {
        let silent = self.line.pulse.last().map(|it| it.when.elapsed());
        let alive_every = self.caps().alive_every;
        ChannelStatus {
            name: self.args.registration.name.into(),
            account: self.args.account.name.clone(),
            connected: self.trouble.is_none(),
            why: self.trouble.clone(),
            silent_seconds: silent.map(|it| it.as_secs()),
            quiet: silent.is_some_and(|it| continuity::is_quiet(it, alive_every)),
            hears_only_when_meant: self.sink.is_some() && !self.caps().hears_all,
            me: self.met.as_ref().map(|it| it.0.to_string()).filter(|it| !it.is_empty()),
            since: self.met.as_ref().map(|it| it.1.0).filter(|_| self.sink.is_some()),
            fields_of: self.args.account.renewed_at.0,
        }
    }
}

/// What people can say to the host, for a platform's menu.
fn commands() -> Vec<CommandInfo> {
    let info = |it: Command| CommandInfo { name: it.as_str(), about: summary(it) };
    Command::ALL.into_iter().map(info).collect()
}

/// An account, and how often it had started over when its fields were read or before.
async fn account(
    host: &LiveHost,
    key: &AccountKey,
    pulse: Pulse,
) -> Result<(i64, Account), ChannelError> {
    let unreachable = |err: StoreError| ChannelError::Unreachable(err.into());
    let (channel, name) = key.names();
    let read = host.central.read(move |it| it.cursor(channel, &name)).await;
    let start = read.map_err(unreachable)?.unwrap_or_default().1;
    let opened = host.credentials.of_account(key.channel, &key.name, &key.urls).await;
    let Opened { values, keeper } = opened.map_err(ChannelError::Unauthorized)?;
    let (channel, name) = key.names();
    let heard = host.central.read(move |it| it.heard(channel, &name)).await;
    let account = Account {
        name: key.name.clone(),
        run_dir: host.layout.run(),
        fields: Fields::new(values, Arc::clone(&keeper)),
        shelf: Shelf::new(keeper, &host.layout.account(key.channel, &key.name)),
        urls: key.urls.clone(),
        pulse,
        heard_until: heard.map_err(unreachable)?,
        door: host.door.of(key.channel, &key.name),
        spool: Arc::new(AccountSpool {
            central: host.central.clone(),
            clock: Arc::clone(&host.clock),
            channel: key.channel,
            account: key.name.clone(),
        }),
    };
    Ok((start, account))
}

/// Stores who the account is there, before anything is read of it. `true` for another one than before, which
/// has other events.
async fn meet(host: &LiveHost, key: &AccountKey, me: &Me) -> Result<bool, ChannelError> {
    let unreachable = |err: StoreError| ChannelError::Unreachable(err.into());
    let (channel, name) = key.names();
    let known = host.central.read(move |it| it.account(channel, &name)).await;
    let is_known = |it: &AccountRow| it.me_id == me.id && it.me_name == me.name;
    if me.id.is_empty() || known.map_err(unreachable)?.as_ref().is_none_or(is_known) {
        return Ok(false);
    }
    let ((channel, name), me) = (key.names(), me.clone());
    let meet = move |it: &mut CentralStore| it.meet_account(channel, &name, &me.id, &me.name);
    let met = host.central.write("who an account is", meet).await;
    let is_other = met.map_err(|err| match matches!(err, StoreError::SameAccount { .. }) {
        true => ChannelError::Misconfigured(err.into()),
        false => unreachable(err),
    })?;
    if is_other {
        warn!(channel, account = key.name, "it is another account of the platform than before");
    }
    Ok(is_other)
}

/// In another channel, since this one is closed. The row makes it once.
async fn tell_owners(host: &LiveHost, key: &AccountKey, (why, text): Told) {
    let (channel, name, now) = (key.channel, key.name.clone(), host.clock.now());
    let say = move |it: &mut CentralStore| it.say_locked_out(channel, &name, (why, &text), now);
    if let Err(err) = host.central.write("a notice", say).await {
        warn!(why = chain(&err), "the owner was not told");
    }
}

/// Stores what the account can do, for the time after a restart and before it connects; where that changed.
async fn note_caps(host: &LiveHost, key: &AccountKey, caps: Caps) {
    let known = ((key.channel.to_owned(), key.name.clone()), caps);
    let stored = host.central.read(|it| it.caps_of_accounts()).await;
    if key.name == LOCAL || stored.is_ok_and(|it| it.contains(&known)) {
        return;
    }
    let (channel, name) = key.names();
    let note = move |it: &mut CentralStore| it.set_caps(channel, &name, &caps);
    if let Err(err) = host.central.write("what an account can do", note).await {
        warn!(why = chain(&err), "what an account can do was not stored");
    }
}

/// Stores a sign of life. One that is not stored makes the next gap look longer, and no more.
async fn keep(host: &LiveHost, key: &AccountKey, at: Timestamp) {
    let (channel, name, now) = (key.channel, key.name.clone(), host.clock.now());
    let keep = move |it: &mut CentralStore| it.set_heard(channel, &name, at, now);
    if let Err(err) = host.central.write("a sign of life", keep).await {
        warn!(why = chain(&err), "a sign of life was not stored");
    }
}
