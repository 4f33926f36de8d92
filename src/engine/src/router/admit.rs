//! What becomes of one message: an answer, a code, something for agents, or nothing. All of it is part of
//! the commit that stores it.

use channel::Verdict;
use domain::admission::{Admission, AgentDecision, Decision, Why};
use domain::command::{self, Command};
use domain::message::{
    Address, Admitted, Author, AuthorKind, Body, ChatInfo, InboundKind, Incoming, refusal,
};
use domain::people::Access;
use domain::question::Typed;
use domain::session_key::ChatId;
use domain::task::FireKey;
use domain::texts::{self, greeting, notices};
use domain::trace::Rule;
use store::{CentralStore, Draft, NewPart, PartKind, Put, SessionRow};

use super::admission_snapshot::AdmissionSnapshot;
use super::orders::Order;
use super::{Step, changes, commands};
use crate::Result;
use crate::approvals::{self, Answer};
use crate::host::Host;

const DAY_MS: i64 = 24 * 3_600 * 1_000;

pub(super) fn admit(
    host: &Host,
    central: &mut CentralStore,
    message: &Incoming,
    owner_only: bool,
) -> Result<Step> {
    // By such an id a session knows that it has the slot of a task already.
    if message.platform_id.starts_with(FireKey::PREFIX) {
        let why = texts::access::reserved_id(FireKey::PREFIX);
        return Ok(Step::new(Verdict::Refused(why)));
    }
    // Two bots that answer each other never end.
    if message.body.sender.kind == AuthorKind::Bot {
        return Ok(Step::new(Verdict::Ignored));
    }
    if let Some(change) = &message.body.change {
        return changes::take(host, central, (message, change), owner_only);
    }
    let snapshot = AdmissionSnapshot::read(host, central, message, owner_only)?;
    let now = snapshot.now;
    let is_mute = host.caps_of(&message.from).mute;
    if snapshot.pairing_open && !is_mute && approvals::pair(central, message, now)? {
        return Ok(Step::about_approvals(Verdict::Stored));
    }
    if snapshot.has_answered {
        return Ok(Step::new(Verdict::Ignored));
    }
    match &snapshot.typed {
        Typed::Message => {}
        Typed::Unclear(hint) => {
            approvals::ask_which(central, message, hint, now)?;
            return Ok(Step::new(Verdict::Stored));
        }
        &Typed::Answer(id, index) => {
            let (chat, by) = (&message.from, &message.body.sender);
            let answer = Answer { id, index, chat, by, with: Some(message) };
            if approvals::answer(host, central, &answer, now)? {
                return Ok(Step::about_approvals(Verdict::Ignored));
            }
        }
    }
    let admission = snapshot.admission(message);
    let is_quiet = owner_only || is_mute;
    if is_own_word(message) && command::is_greeting(&message.body.text) && !is_quiet {
        return greet(host, central, message, &snapshot, admission);
    }
    let is_more = !message.files.is_empty() || message.body.unread.is_some();
    if !is_more && let Some(why) = refusal(&message.body.text) {
        if !is_engaged(&admission) {
            return Ok(Step::new(Verdict::Ignored));
        }
        tell(host, central, message, &why)?;
        return Ok(Step::new(Verdict::Refused(why)));
    }
    follow(host, central, message, &snapshot, admission)
}

/// Somebody let the bot into a group.
pub(super) fn joined(
    host: &Host,
    central: &mut CentralStore,
    (chat, by, title): (&Address, &Author, Option<&str>),
    owner_only: bool,
) -> Result<Step> {
    let known = central.chat(chat)?;
    if known.as_ref().is_some_and(|it| !it.is_group) {
        return Ok(Step::new(Verdict::Ignored));
    }
    let title = title.map(str::to_owned).or(known.map(|it| it.title)).unwrap_or_default();
    let mut body = Body::new(by.clone(), "/start");
    body.chat = ChatInfo { title, is_group: true };
    let message = Incoming { from: chat.clone(), body, mentioned: true, ..Incoming::default() };
    admit(host, central, &message, owner_only)
}

/// A greeting is no task: who may write here is greeted, who has to be asked about is.
fn greet(
    host: &Host,
    central: &mut CentralStore,
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    admission: Admission,
) -> Result<Step> {
    let is_group = message.body.chat.is_group;
    let text = match is_engaged(&admission) {
        true => greeting::hello(is_group),
        // Who pairs is known soon, and who does not writes something else; nobody is asked before that. The
        // answer is the same whether a code is open or not.
        false if admission.ask.is_some() && snapshot.person().is_none() && !is_group => {
            tell(host, central, message, greeting::SEND_THE_CODE)?;
            return Ok(Step::new(Verdict::Stored));
        }
        false => return follow(host, central, message, snapshot, admission),
    };
    let Address { channel, account, chat, .. } = &message.from;
    // Joining has no id; once a day is enough.
    let id = match message.platform_id.as_str() {
        "" => format!("on.{}", snapshot.now.0 / DAY_MS),
        id => id.to_owned(),
    };
    let key = format!("hello.{channel}.{account}.{chat}.{id}");
    let content = Draft::Text(text.to_owned());
    let part = NewPart::new(key, message.from.clone(), PartKind::Answer, content);
    central.say(&part.replying_to(message.platform_id.clone()), snapshot.now)?;
    Ok(Step::new(Verdict::Stored))
}

/// What was passed on, its sender did not say: it is no command and no answer.
fn is_own_word(message: &Incoming) -> bool {
    message.body.forwarded_from.is_none() && message.body.change.is_none()
}

pub(super) fn follow(
    host: &Host,
    central: &mut CentralStore,
    message: &Incoming,
    snapshot: &AdmissionSnapshot,
    admission: Admission,
) -> Result<Step> {
    if let Some(why) = admission.refuse {
        return Ok(Step::new(Verdict::Refused(why)));
    }
    let mut step = Step { from: message.from.clone(), ..Step::new(Verdict::Ignored) };
    let (mut dropped, now) = (admission.dropped, snapshot.now);
    if let Some(ask) = &admission.ask {
        step.asks = true;
        let peer = snapshot.peer(message);
        let is_told = !host.caps_of(&message.from).mute;
        let about = (message, peer, is_told);
        match approvals::request_access(central, about, ask, &snapshot.agents, now)? {
            Put::New(_) | Put::Joined(_) => step.verdict = Verdict::Stored,
            // Counted with the refusal.
            Put::Full => dropped = None,
        }
    }
    if dropped == Some(Why::UnknownAsk) && message.body.sender.kind == AuthorKind::Shared {
        tell(host, central, message, greeting::SHARED)?;
    }
    if let Some(why) = dropped {
        central.record_drop(&message.from, &message.body.sender, why.as_str(), now)?;
    }
    let mut is_full = false;
    for decision in admission.decisions.iter().filter(|it| it.takes()) {
        let (chat, row) = snapshot.put_session(central, message, decision)?;
        let taker = Taker { message, snapshot, decision, chat, row };
        is_full |= taker.take(host, central, &mut step)?;
        if decision.decision != Decision::Accumulate {
            step.verdict = Verdict::Stored;
        }
    }
    if is_full {
        // Where another session stored it, it is stored once, however often it comes.
        step.verdict = Verdict::Refused(notices::queue_full());
        if host.caps_of(&message.from).mute {
            // Its sender may be gone, and its chat cannot be told: the owners are, once a day.
            central.record_drop(&message.from, &message.body.sender, "queue-full", now)?;
            let Address { channel, account, chat, .. } = &message.from;
            let key = format!("full.{chat}.{}", now.0 / DAY_MS);
            let text = notices::events_lost(channel, chat);
            central.tell_owners(channel, account, (&key, &text), now)?;
        }
    }
    Ok(step)
}

struct Taker<'a> {
    message: &'a Incoming,
    snapshot: &'a AdmissionSnapshot,
    decision: &'a AgentDecision,
    chat: ChatId,
    row: SessionRow,
}

impl Taker<'_> {
    /// Stores the message, or does what it tells the host. Doing it again changes nothing. Returns whether
    /// the session has no room for it any more.
    fn take(self, host: &Host, central: &mut CentralStore, step: &mut Step) -> Result<bool> {
        let is_context = self.decision.decision == Decision::Accumulate;
        let is_own = is_own_word(self.message);
        let command = command::parse(&self.message.body.text).filter(|_| !is_context && is_own);
        let access = self.snapshot.access(&self.decision.agent);
        let is_direct = !self.message.body.chat.is_group;
        let (message, person, now) = (self.message, self.snapshot.person(), self.snapshot.now);
        let is_unknown = access == Access::Unknown;
        let denied = match command {
            // Who has no role ends nobody else's work.
            Some(Command::Stop) if is_unknown => {
                let handle = self.snapshot.handle.to_string();
                let is_theirs = central.rows(self.row.id).is_all_of(&handle)?;
                (!is_theirs).then(|| texts::commands::NOTHING_OF_YOURS.to_owned())
            }
            command => command.and_then(|it| it.denied(access, is_direct)),
        };
        let text = match (command, denied) {
            (_, Some(why)) => why,
            (Some(Command::Stop), _) => return Ok(step.order(self.row, Order::Stop)),
            (Some(Command::Panic), _) => return Ok(step.order(self.row, Order::Panic)),
            (Some(Command::Resume), _) => return Ok(step.order(self.row, Order::Resume(access))),
            (Some(Command::Tasks), _) => {
                commands::tasks(central, message, self.snapshot, (self.chat, &self.row), step)?
            }
            (Some(command @ Command::Timezone), _) => {
                commands::set(central, message, person, command, commands::zone, now)?
            }
            (Some(command @ Command::Quiet), _) => {
                commands::set(central, message, person, command, commands::quiet, now)?
            }
            (Some(Command::Status), _) => status(central, &self.row)?,
            (Some(Command::Help), _) => texts::commands::help(access, is_direct),
            (Some(Command::New | Command::Compact | Command::Context | Command::Cost), _) => {
                return self.insert(host, central, InboundKind::Command, access, step);
            }
            (None, _) => {
                let kind = if is_context { InboundKind::Context } else { InboundKind::Chat };
                return self.insert(host, central, kind, access, step);
            }
        };
        if is_unknown {
            // Seldom enough that nobody's answers wait behind these.
            tell(host, central, message, &text)?;
            return Ok(false);
        }
        central.rows(self.row.id).answer_command(message, &text, now)?;
        step.woken.push(self.row);
        Ok(false)
    }

    fn insert(
        self,
        host: &Host,
        central: &mut CentralStore,
        kind: InboundKind,
        access: Access,
        step: &mut Step,
    ) -> Result<bool> {
        let rule = rule(self.decision, access);
        let admitted = [Admitted { message: self.message.clone(), kind, rule }];
        let inserted = central.rows(self.row.id).insert(&admitted, self.snapshot.now)?;
        let is_full = 0 < inserted.refused;
        if is_full {
            tell(host, central, self.message, &notices::queue_full())?;
        }
        step.woken.push(self.row);
        Ok(is_full)
    }
}

/// What the decision was, for people who ask why.
fn rule(decision: &AgentDecision, access: Access) -> Option<Rule> {
    let word = match decision.decision {
        Decision::Engage(by) => by.as_str(),
        Decision::Accumulate => "context",
        Decision::Ignore(_) => return None,
    };
    Some(Rule { word: word.to_owned(), detail: access.as_str().to_owned() })
}

fn status(central: &mut CentralStore, row: &SessionRow) -> Result<String> {
    let counts = central.rows(row.id).counts()?;
    let container = if counts.has_container { "running" } else { "absent" };
    let working = usize::from(counts.has_container && 0 < counts.waiting);
    let messages = (working, counts.waiting - working);
    Ok(notices::status(row.agent.as_str(), container, messages, counts.unsent))
}

/// Tells the sender of a message why it goes nowhere, by the host's outbox. Where a sender waits for the
/// answer of the protocol, that is enough.
pub(super) fn tell(
    host: &Host,
    central: &mut CentralStore,
    message: &Incoming,
    why: &str,
) -> Result<()> {
    let caps = host.caps_of(&message.from);
    if !caps.owner_only && !caps.mute {
        central.add_refusal(message, why, host.clock.now())?;
    }
    Ok(())
}

pub(super) fn is_engaged(admission: &Admission) -> bool {
    admission.decisions.iter().any(|it| matches!(it.decision, Decision::Engage(_)))
}
