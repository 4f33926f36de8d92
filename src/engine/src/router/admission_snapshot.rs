//! Everything that the decision about a message looks at, read in one pass.

use domain::AgentName;
use domain::admission::{
    Admission, AdmissionView, AgentDecision, ChatView, Decision, Policy, WiringView, admit,
};
use domain::agent::AgentGroup;
use domain::command;
use domain::engage::Engage;
use domain::message::{AuthorKind, Incoming};
use domain::people::{Access, Handle, PersonId, Standing, access};
use domain::question::Typed;
use domain::session_key::{ChatId, session_key};
use domain::time::Timestamp;
use store::{CentralStore, ChatRow, ReplyContext, SessionRow, Wired, Wiring};

use crate::Result;
use crate::approvals::{pair_key, typed_in, which_key};
use crate::host::Host;

/// The longest text that can be an answer by its label.
const ANSWER_BYTES_MAX: usize = 400;

#[derive(Debug)]
pub(super) struct AdmissionSnapshot {
    pub(super) handle: Handle,
    chat: Option<ChatRow>,
    wired: Vec<Wired>,
    /// When each of them was last engaged right here, where that counts.
    engaged: Vec<Option<Timestamp>>,
    /// Every agent, where the message may reach one that the chat is not wired to.
    pub(super) agents: Vec<AgentGroup>,
    known: Option<(PersonId, Standing)>,
    /// Of those to whom the sender is unknown.
    denied_by: Vec<AgentName>,
    /// What the text means for the cards of this chat.
    pub(super) typed: Typed,
    /// This very message was taken for an answer before, or its writer was asked which one it is.
    pub(super) has_answered: bool,
    /// The text may be a code: one is open, or this very message was one already.
    pub(super) pairing_open: bool,
    owner_only: bool,
    /// Its sender is no single person, and cannot be asked about.
    is_shared: bool,
    /// When it was read.
    pub(super) now: Timestamp,
}

impl AdmissionSnapshot {
    pub(super) fn read(
        host: &Host,
        central: &CentralStore,
        message: &Incoming,
        owner_only: bool,
    ) -> Result<Self> {
        let now = host.clock.now();
        // Where there are buttons they are the only answer.
        let body = &message.body;
        // Somebody's own words, and of one person.
        let is_own = body.forwarded_from.is_none() && body.change.is_none();
        let is_shared = body.sender.kind == AuthorKind::Shared;
        let is_typed = !host.caps_of(&message.from).buttons && is_own && !is_shared;
        let handle = Handle::new(&message.from.channel, &message.body.sender.id);
        let chat = central.chat(&message.from)?;
        let wired = chat.as_ref().map(|it| central.wirings_of(it.id)).transpose()?;
        let wired = wired.unwrap_or_default();
        // Several people write as one: whatever was granted to that account counts for none of them.
        let known = if is_shared { None } else { central.standing(&handle)? };
        let (mut engaged, mut denied_by) = (Vec::new(), Vec::new());
        for Wired { wiring, .. } in &wired {
            let (agent, thread) = (&wiring.agent, message.from.thread.as_deref());
            engaged.push(match wiring.engage {
                Engage::MentionSticky => central.engaged_at(wiring.chat, agent, thread)?,
                Engage::Mention | Engage::Pattern(_) => None,
            });
            let is_known = access(known.as_ref().map(|it| &it.1), agent).is_known();
            if !is_known && central.is_denied(&handle, agent)? {
                denied_by.push(agent.clone());
            }
        }
        let needs_agents = wired.is_empty() || message.to_agent.is_some();
        let agents = if needs_agents { central.agents()? } else { vec![] };
        let told = match message.body.text.len() <= ANSWER_BYTES_MAX {
            true => {
                let keys = [which_key(message), pair_key(message)];
                central.reply_context(&message.from, &message.platform_id, &keys, now)?
            }
            false => ReplyContext::default(),
        };
        Ok(Self {
            typed: match told.has_cards && is_typed {
                true => typed_in(central, message, now)?,
                false => Typed::Message,
            },
            has_answered: told.has_answered,
            pairing_open: told.has_pairing && !owner_only,
            handle,
            chat,
            wired,
            engaged,
            agents,
            known,
            denied_by,
            owner_only,
            is_shared,
            now,
        })
    }

    /// The chat, and the session that takes a message for an agent; made, and the chat connected, where
    /// that is new.
    pub(super) fn put_session(
        &self,
        central: &mut CentralStore,
        message: &Incoming,
        decision: &AgentDecision,
    ) -> Result<(ChatId, SessionRow)> {
        let (info, peer, now) = (&message.body.chat, self.peer(message), self.now);
        let is_current = |it: &&ChatRow| it.is_current(info, peer.as_deref(), now);
        let chat = match self.chat.as_ref().filter(is_current) {
            Some(chat) => chat.id,
            None => central.ensure_chat(&message.from, info, peer.as_deref(), now)?.id,
        };
        let (agent, thread) = (&decision.agent, message.from.thread.as_deref());
        let (engage, session_mode) = match self.wired.iter().find(|it| it.wiring.agent == *agent) {
            Some(Wired { wiring, .. }) => (wiring.engage.clone(), wiring.session_mode),
            None => {
                let usual = Wiring::usual(chat, agent.clone(), info.is_group);
                central.set_wiring(&usual)?;
                (usual.engage, usual.session_mode)
            }
        };
        // A context message makes no conversation sticky.
        let is_engaged = matches!(decision.decision, Decision::Engage(_));
        if is_engaged && engage == Engage::MentionSticky {
            central.touch_engaged(chat, agent, thread, now)?;
        }
        let key = session_key(session_mode, agent, chat, thread);
        Ok((chat, central.session_for(&key, now)?))
    }

    /// What the domain says about the message.
    pub(super) fn admission(&self, message: &Incoming) -> Admission {
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
            handle: Some(&self.handle).filter(|_| !self.is_shared),
            standing: self.known.as_ref().map(|it| &it.1),
            denied_by: &self.denied_by,
            text: &message.body.text,
            // A command is for the agents of this chat.
            mentioned: message.mentioned || self.is_command(message),
            is_change: message.body.change.is_some(),
            in_thread: message.from.thread.is_some(),
            to_agent: message.to_agent.as_deref(),
            wirings: &wirings,
            agents: &self.agents,
            now: self.now,
        })
    }

    fn is_command(&self, message: &Incoming) -> bool {
        let is_own = message.body.forwarded_from.is_none() && message.body.change.is_none();
        is_own && !self.wired.is_empty() && command::parse(&message.body.text).is_some()
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
