//! Everything that the decision about a message looks at, read in one pass.

use domain::AgentName;
use domain::admission::{
    Admission, AdmissionView, AgentDecision, ChatView, Decision, Policy, WiringView, admit,
};
use domain::agent::AgentGroup;
use domain::command;
use domain::engage::Engage;
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
        let has_buttons = host.caps_of(&message.from.channel).buttons;
        Self { owner_only, has_buttons, now: host.clock.now() }
    }
}

impl AdmissionSnapshot {
    pub(super) fn read(
        central: &CentralStore,
        message: &Incoming,
        Viewpoint { owner_only, has_buttons, now }: Viewpoint,
    ) -> Result<Self, StoreError> {
        let handle = Handle::new(&message.from.channel, &message.body.sender.id);
        let chat = central.chat(&message.from)?;
        let wired = chat.as_ref().map(|it| central.wirings_of(it.id)).transpose()?;
        let wired = wired.unwrap_or_default();
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
        let is_code = message.body.text.len() <= ANSWER_BYTES_MAX;
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

    /// The chat, if all that the platform says of it now is stored.
    fn current_chat(&self, message: &Incoming, now: Timestamp) -> Option<ChatId> {
        let peer = self.peer(message);
        let is_current = |it: &&ChatRow| it.is_current(&message.body.chat, peer.as_deref(), now);
        self.chat.as_ref().filter(is_current).map(|it| it.id)
    }

    /// The chat, and the session that takes a message for an agent, if nothing has to be written first.
    pub(super) fn session(
        &self,
        message: &Incoming,
        decision: &AgentDecision,
        now: Timestamp,
    ) -> Option<(ChatId, SessionRow)> {
        let chat = self.current_chat(message, now)?;
        let (wired, row) = self.wired(decision)?;
        let row = row.filter(|_| !is_made_sticky(&wired.wiring, decision))?;
        Some((chat, row.clone()))
    }

    /// The same; made, and the chat connected, where that is new.
    pub(super) fn put_session(
        &self,
        central: &mut CentralStore,
        message: &Incoming,
        decision: &AgentDecision,
        now: Timestamp,
    ) -> Result<(ChatId, SessionRow), StoreError> {
        let chat = match self.current_chat(message, now) {
            Some(chat) => chat,
            None => {
                let peer = self.peer(message);
                central.ensure_chat(&message.from, &message.body.chat, peer.as_deref(), now)?.id
            }
        };
        let (agent, thread) = (&decision.agent, message.from.thread.as_deref());
        let (wiring, row) = match self.wired(decision) {
            Some((wired, row)) => (wired.wiring.clone(), row.cloned()),
            None => {
                let usual = Wiring::usual(chat, agent.clone(), message.body.chat.is_group);
                central.set_wiring(&usual)?;
                (usual, None)
            }
        };
        if is_made_sticky(&wiring, decision) {
            central.touch_engaged(chat, agent, thread, now)?;
        }
        let row = match row {
            Some(row) => row,
            None => {
                central.session_for(&session_key(wiring.session_mode, agent, chat, thread), now)?
            }
        };
        Ok((chat, row))
    }

    fn wired(&self, decision: &AgentDecision) -> Option<(&Wired, Option<&SessionRow>)> {
        let at = self.wired.iter().position(|it| it.wiring.agent == decision.agent)?;
        Some((&self.wired[at], self.sessions[at].as_ref()))
    }

    /// What the domain says about the message.
    pub(super) fn admission(&self, message: &Incoming, now: Timestamp) -> Admission {
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
                is_group: message.body.chat.is_group,
                policy: self.chat.as_ref().map_or(Policy::Ask, |it| it.policy),
                denied: self.chat.as_ref().is_some_and(|it| it.denied_at.is_some()),
                owner_only: self.owner_only,
            },
            handle: Some(&self.handle),
            standing: self.known.as_ref().map(|it| &it.1),
            denied_by: &self.denied_by,
            text: &message.body.text,
            // A command is for the agents of this chat.
            mentioned: message.mentioned || command::parse(&message.body.text).is_some(),
            in_thread: message.from.thread.is_some(),
            to_agent: message.to_agent.as_deref(),
            wirings: &wirings,
            agents: &self.agents,
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
        (!message.body.chat.is_group && !self.owner_only).then(|| message.body.sender.id.clone())
    }
}

/// A context message makes no conversation sticky.
fn is_made_sticky(wiring: &Wiring, decision: &AgentDecision) -> bool {
    wiring.engage == Engage::MentionSticky && matches!(decision.decision, Decision::Engage(_))
}
