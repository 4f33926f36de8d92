//! Everything that the decision about a message looks at, read in one pass.

use domain::AgentName;
use domain::admission::{
    Admission, AdmissionView, AgentDecision, AgentView, ChatView, Decision, MessageView, Policy,
    SenderView, WiringView, admit,
};
use domain::agent::AgentGroup;
use domain::command;
use domain::engage::{Engage, trigger_of};
use domain::message::Incoming;
use domain::people::{Access, Handle, PersonId, Standing, access};
use domain::question::Typed;
use domain::session_key::{ChatId, session_key};
use domain::time::Timestamp;
use store::{CentralStore, ChatRow, SessionRow, StoreError, Wired, Wiring};

use crate::approvals::{pair_key, typed_in, which_key};
use crate::host::Host;

/// The longest text that can be an answer by its label.
const ANSWER_BYTES_MAX: usize = 400;

#[derive(Debug)]
pub(super) struct AdmissionSnapshot {
    pub(super) handle: Handle,
    pub(super) chat: Option<ChatRow>,
    pub(super) wired: Vec<Wired>,
    /// When each of them was last engaged right here.
    engaged: Vec<Option<Timestamp>>,
    /// The session of each of them, as far as there is one.
    pub(super) sessions: Vec<Option<SessionRow>>,
    pub(super) agents: Vec<AgentGroup>,
    known: Option<(PersonId, Standing)>,
    denied_by: Vec<AgentName>,
    /// What the text means for the cards of this chat.
    pub(super) typed: Typed,
    /// This very message was taken for an answer before, or its writer was asked which one it is.
    pub(super) has_answered: bool,
    /// The text may be a code: one is open, or this very message was one already.
    pub(super) pairing_open: bool,
    owner_only: bool,
}

/// From where a message is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Viewpoint {
    pub(super) owner_only: bool,
    pub(super) has_buttons: bool,
    pub(super) now: Timestamp,
}

impl Viewpoint {
    pub(super) fn new(host: &Host, message: &Incoming, owner_only: bool) -> Self {
        let found = host.registration(&message.from.channel);
        let has_buttons = found.is_some_and(|it| it.caps.buttons);
        Self { owner_only, has_buttons, now: host.clock.now() }
    }
}

impl AdmissionSnapshot {
    pub(super) fn read(
        central: &CentralStore,
        message: &Incoming,
        Viewpoint { owner_only, has_buttons, now }: Viewpoint,
    ) -> Result<Self, StoreError> {
        let handle = Handle::new(&message.from.channel, &message.sender.id);
        let chat = central.chat(&message.from)?;
        let wired = match &chat {
            Some(chat) => central.wirings_of(chat.id)?,
            None => Vec::new(),
        };
        let thread = message.from.thread.as_deref();
        let (mut engaged, mut sessions, mut denied_by) = (Vec::new(), Vec::new(), Vec::new());
        for wired in &wired {
            let (chat, agent) = (wired.wiring.chat, &wired.wiring.agent);
            engaged.push(central.engaged_at(chat, agent, thread)?);
            let key = session_key(wired.wiring.session_mode, agent, chat, thread);
            sessions.push(central.session_of(&key)?);
            if central.is_denied(&handle, agent)? {
                denied_by.push(agent.clone());
            }
        }
        let agents = central.agents()?;
        let is_code = message.text.len() <= ANSWER_BYTES_MAX;
        Ok(Self {
            known: central.standing(&handle)?,
            // Where there are buttons they are the only answer.
            typed: match is_code && !has_buttons {
                true => typed_in(central, message, now)?,
                false => Typed::Message,
            },
            has_answered: is_code
                && (central.has_answered(&message.from, &message.platform_id)?
                    || central.has_said(&which_key(message))?),
            pairing_open: is_code
                && !owner_only
                && (!central.open_pairings(now)?.is_empty()
                    || central.has_said(&pair_key(message))?),
            handle,
            chat,
            wired,
            engaged,
            sessions,
            agents,
            denied_by,
            owner_only,
        })
    }

    /// The row of the chat, if it says all that the platform says now.
    pub(super) fn current_chat(&self, message: &Incoming, now: Timestamp) -> Option<&ChatRow> {
        let peer = self.peer(message);
        self.chat.as_ref().filter(|it| it.is_current(&message.chat, peer.as_deref(), now))
    }

    /// The row of the chat, with what the platform says of it now.
    pub(super) fn put_chat(
        &self,
        central: &mut CentralStore,
        message: &Incoming,
        now: Timestamp,
    ) -> Result<ChatRow, StoreError> {
        match self.current_chat(message, now) {
            Some(chat) => Ok(chat.clone()),
            None => {
                let peer = self.peer(message);
                central.ensure_chat(&message.from, &message.chat, peer.as_deref(), now)
            }
        }
    }

    /// The session that takes a message for an agent, if nothing has to be written for it first.
    pub(super) fn session(&self, decision: &AgentDecision) -> Option<&SessionRow> {
        let (wired, row) = self.wired(decision)?;
        row.filter(|_| !is_made_sticky(&wired.wiring, decision))
    }

    /// The session that takes a message for an agent; made, and the chat connected, where that is new.
    pub(super) fn put_session(
        &self,
        central: &mut CentralStore,
        message: &Incoming,
        chat: ChatId,
        decision: &AgentDecision,
        now: Timestamp,
    ) -> Result<SessionRow, StoreError> {
        let (agent, thread) = (&decision.agent, message.from.thread.as_deref());
        let (wiring, row) = match self.wired(decision) {
            Some((wired, row)) => (wired.wiring.clone(), row.cloned()),
            None => {
                let usual = Wiring::usual(chat, agent.clone(), message.chat.is_group);
                central.set_wiring(&usual)?;
                (usual, None)
            }
        };
        if is_made_sticky(&wiring, decision) {
            central.touch_engaged(chat, agent, thread, now)?;
        }
        match row {
            Some(row) => Ok(row),
            None => {
                central.session_for(&session_key(wiring.session_mode, agent, chat, thread), now)
            }
        }
    }

    fn wired(&self, decision: &AgentDecision) -> Option<(&Wired, Option<&SessionRow>)> {
        let at = self.wired.iter().position(|it| it.wiring.agent == decision.agent)?;
        Some((&self.wired[at], self.sessions[at].as_ref()))
    }

    /// What the domain says about the message.
    pub(super) fn admission(&self, message: &Incoming, now: Timestamp) -> Admission {
        let triggers: Vec<String> =
            self.agents.iter().map(|it| trigger_of(&it.name, it.trigger.as_deref())).collect();
        let agents: Vec<AgentView<'_>> = self
            .agents
            .iter()
            .zip(&triggers)
            .map(|(agent, trigger)| AgentView { name: &agent.name, trigger })
            .collect();
        let wirings: Vec<WiringView<'_>> = self
            .wired
            .iter()
            .zip(&self.engaged)
            .map(|(wired, engaged)| WiringView {
                agent: &wired.wiring.agent,
                trigger: &wired.trigger,
                engage: &wired.wiring.engage,
                scope: wired.wiring.scope,
                ignored: wired.wiring.ignored,
                priority: wired.wiring.priority,
                sticky_since: *engaged,
            })
            .collect();
        admit(&AdmissionView {
            chat: ChatView {
                is_group: message.chat.is_group,
                policy: self.chat.as_ref().map_or(Policy::Ask, |it| it.policy),
                denied: self.chat.as_ref().is_some_and(|it| it.denied_at.is_some()),
                owner_only: self.owner_only,
            },
            sender: SenderView {
                handle: Some(&self.handle),
                standing: self.known.as_ref().map(|it| &it.1),
                denied_by: &self.denied_by,
            },
            message: MessageView {
                text: &message.text,
                // A command is for the agents of this chat.
                mentioned: message.mentioned || command::parse(&message.text).is_some(),
                in_thread: message.from.thread.is_some(),
                to_agent: message.to_agent.as_deref(),
            },
            wirings: &wirings,
            agents: &agents,
            now,
        })
    }

    /// Who the sender is, if they are somebody here.
    pub(super) fn person(&self) -> Option<PersonId> {
        self.known.as_ref().map(|it| it.0)
    }

    /// What the sender is to an agent.
    pub(super) fn access(&self, agent: &AgentName) -> Access {
        if self.owner_only {
            return Access::Owner;
        }
        access(self.known.as_ref().map(|it| &it.1), agent)
    }

    /// Whom a private chat is with.
    pub(super) fn peer(&self, message: &Incoming) -> Option<String> {
        (!message.chat.is_group && !self.owner_only).then(|| message.sender.id.clone())
    }
}

/// A context message makes no conversation sticky.
fn is_made_sticky(wiring: &Wiring, decision: &AgentDecision) -> bool {
    wiring.engage == Engage::MentionSticky && matches!(decision.decision, Decision::Engage(_))
}
