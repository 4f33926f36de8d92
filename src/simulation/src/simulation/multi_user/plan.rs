//! A plan of what several users do.

use std::collections::BTreeSet;
use std::time::Duration;

use channel::Verdict;

use super::people::{Chat, Person};
use crate::host::World;
use crate::platform::TestMessage;
use crate::simulation::Fault;

/// The codes that are open from the start.
pub(super) const ANN_CODE: &str = "123456";
pub(super) const FAY_CODE: &str = "654321";
pub(super) const WRONG_CODE: &str = "000000";
/// The chat that agents may write to by name, and the name.
pub(super) const PLAZA: (&str, Chat) = ("plaza", Chat::Yard);
/// What agents ask may be answered so.
pub(super) const DRINKS: [&str; 2] = ["Tea", "Coffee"];
/// What an agent asks to change about itself, and to what.
pub(super) const PIDS: u32 = 77;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiUser {
    /// Text alone: no buttons, threads, mentions or edits.
    pub plain: bool,
    /// Ann owns the host from the start; else her code makes her its owner.
    pub ann_is_owner: bool,
    /// The admin of hub, who is asked before the owner.
    pub zoe_is_admin: bool,
    /// By time, but for those that wait for a decision.
    pub posts: Vec<Post>,
    pub decisions: Vec<ApproverDecision>,
    /// By time.
    pub faults: Vec<(Duration, Fault)>,
    /// At which point each life of the host ends; when they are used up, it lives.
    pub host_crashes: Vec<u64>,
    /// At which point the runner of the first container dies; 0 for never.
    pub runner_crash: u64,
    pub notifications: bool,
    /// See [`crate::simulation::Plan::jitter`].
    pub jitter: u64,
    /// The day and more in which questions expire passes by the hour; else the clock is set.
    pub real_day: bool,
    /// Messages whose senders were told that they could not be stored. Known afterwards alone.
    pub turned_away: BTreeSet<String>,
}

/// A message that somebody writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Since the start, or since somebody decided about `upon`.
    pub at: Duration,
    /// Written around the moment in which this is decided. Such posts are the last of the list.
    pub upon: Option<Subject>,
    /// The platform's; no id is a part of another one.
    pub id: String,
    pub chat: Chat,
    pub thread: Option<&'static str>,
    pub by: Person,
    pub called: Called,
    pub word: Word,
}

/// Whom a message in a group calls. In private everybody who is connected is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    Nobody,
    /// The bot, and so all agents of the chat. Not on a plain platform.
    All,
    One(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Say,
    Report,
    Wait(u32),
    Draft(u32),
    /// With so many files.
    Files(u32),
    Ask,
    Admin(&'static str),
    /// To [`PLAZA`].
    Send,
    Context,
    Stop,
    Status,
    /// Six digits and nothing else.
    Code(&'static str),
}

/// What somebody has to decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// May they talk to this agent?
    Sender(Person, &'static str),
    /// Whose is this chat?
    Chat(Chat),
    /// Changes that agents ask for.
    Change,
    /// What agents ask.
    Agent,
}

/// How somebody answers whatever comes up about a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApproverDecision {
    pub about: Subject,
    /// The value of the option; `None` is no answer at all.
    pub value: Option<&'static str>,
    /// After the first card is there.
    pub after: Duration,
    /// Another button is pressed right afterwards.
    pub twice: bool,
    /// Somebody who may not presses another button right before.
    pub unknown_first: bool,
}

impl ApproverDecision {
    pub fn new(about: Subject, value: Option<&'static str>, after_ms: u64) -> Self {
        let after = Duration::from_millis(after_ms);
        Self { about, value, after, twice: false, unknown_first: false }
    }
}

impl MultiUser {
    /// `None` where nobody ever decides.
    pub(super) fn decided(&self, about: Subject) -> Option<&'static str> {
        self.decision(about).and_then(|it| it.value)
    }

    pub(super) fn decision(&self, about: Subject) -> Option<&ApproverDecision> {
        self.decisions.iter().find(|it| it.about == about)
    }

    /// With what a full disk did to it.
    pub(super) fn as_seen(&self, world: &World) -> Self {
        let verdicts = world.platform.verdicts().into_iter();
        let refused = verdicts.filter(|it| matches!(it.1, Verdict::Refused(_)));
        let turned_away =
            if self.disk_fills() { refused.map(|it| it.0).collect() } else { BTreeSet::new() };
        Self { turned_away, ..self.clone() }
    }

    pub(super) fn disk_fills(&self) -> bool {
        self.faults.iter().any(|it| matches!(it.1, Fault::DiskFull(_)))
    }

    /// Whether a runner may die, so that what it did in its turn is done again.
    pub(super) fn runners_die(&self) -> bool {
        let kills = |fault: &Fault| match fault {
            Fault::KillContainers
            | Fault::BadStart
            | Fault::RunnerCrash(_)
            | Fault::Lose(_)
            | Fault::Zombie
            | Fault::UncertainCommit(_)
            | Fault::Reads(..) => true,
            Fault::EngineDown
            | Fault::EngineBack
            | Fault::Send(_)
            | Fault::Fetch(_)
            | Fault::Disconnect
            | Fault::ClockJump(_)
            | Fault::Redeliver
            | Fault::SlowEngine
            | Fault::Reorder
            | Fault::BreakLinks
            | Fault::Notification(_)
            | Fault::DiskFull(_) => false,
        };
        self.runner_crash != 0 || self.faults.iter().any(|it| kills(&it.1))
    }
}

impl Post {
    /// What is written.
    pub(super) fn text(&self) -> String {
        let id = &self.id;
        let said = match self.word {
            Word::Say => format!("say {id}"),
            Word::Report => format!("report {id}"),
            Word::Wait(secs) => format!("wait {secs} {id}"),
            Word::Draft(words) => format!("draft {id}{}", " word".repeat(words as usize)),
            Word::Files(_) => "files".to_owned(),
            Word::Ask => format!("ask drink {id}? {} | {}", DRINKS[0], DRINKS[1]),
            Word::Admin(agent) => format!("admin agents set {agent} --pids {PIDS}"),
            Word::Send => format!("send {} note {id}", PLAZA.0),
            Word::Context => "context".to_owned(),
            Word::Stop => "/stop".to_owned(),
            Word::Status => "/status".to_owned(),
            Word::Code(code) => code.to_owned(),
        };
        match self.called {
            Called::One(agent) => format!("@{agent} {said}"),
            Called::Nobody | Called::All => said,
        }
    }

    /// The files that come with it: each of another size, with other bytes.
    pub(super) fn files(&self) -> Vec<Vec<u8>> {
        let Word::Files(count) = self.word else { return Vec::new() };
        let seed: usize = self.id.bytes().map(usize::from).sum();
        let file = |n: u32| {
            let bytes = 100 + seed * 7 + n as usize;
            (0..bytes).map(|at| u8::try_from((at * 31 + seed) % 251).unwrap_or(0)).collect()
        };
        (0..count).map(file).collect()
    }

    pub(super) fn message(&self) -> TestMessage {
        let mut message = TestMessage::new(self.chat.name(), &self.id, &self.text());
        message = message.by(&self.by.id(), self.by.name());
        if self.chat.is_group() {
            message = message.in_group(self.chat.name());
        }
        if let Some(thread) = self.thread {
            message = message.in_thread(thread);
        }
        if self.called == Called::All {
            message = message.mention();
        }
        for (n, content) in self.files().into_iter().enumerate() {
            message = message.file(&format!("file-{n}.bin"), "application/octet-stream", content);
        }
        message
    }

    pub(super) fn is_command(&self) -> bool {
        matches!(self.word, Word::Stop | Word::Status)
    }
}
