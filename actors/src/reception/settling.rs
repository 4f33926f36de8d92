//! Carries out what was decided: lets people in, connects chats, makes changes, brings answers to
//! the agents that wait for them. Each step changes nothing when it is done again.

use channel::Verdict;
use domain::AgentName;
use domain::agent::AgentGroup;
use domain::approval::{
    ALLOW, ChatChoice, Closed, News, Request, closed_card, closed_notice, told,
};
use domain::delivery::PartKey;
use domain::message::{Address, Incoming};
use domain::naming::agent_name_for;
use domain::outgoing::Card;
use domain::people::{Handle, access};
use domain::session_key::ChatId;
use domain::time::Timestamp;
use store::{
    CentralStore, Draft, NewPart, PartKind, QuestionKind, QuestionRow, QuestionState, StoreError,
    Target, Wiring,
};
use tracing::info;

use super::ReceptionState;
use super::requests::carry_out;
use crate::router::RouterMessage;
use crate::sessions::SessionsMessage;

/// Who decided what somebody did at the command line instead of answering.
const BY_COMMAND: &str = "the command line";

impl ReceptionState {
    /// What was asked for may have been done meanwhile by other means: then that is the answer.
    pub(super) async fn take_overtaken(&self, row: &QuestionRow) -> Result<bool, StoreError> {
        let question = row.question.clone();
        let found = self
            .host
            .central
            .read(move |central| {
                let value = match (question.kind, question.chat, &question.agent) {
                    (QuestionKind::Chat, Some(chat), _) => {
                        let first = central.wirings_of(chat)?.into_iter().next();
                        first.map(|it| ChatChoice::Connect(it.wiring.agent).value())
                    }
                    (QuestionKind::Sender, _, Some(agent)) => {
                        let handle = Handle::parse(&question.requester);
                        let known = match &handle {
                            Some(handle) => central.standing(handle)?,
                            None => None,
                        };
                        access(known.as_ref().map(|it| &it.1), agent)
                            .is_known()
                            .then(|| ALLOW.to_owned())
                    }
                    (_, _, _) => None,
                };
                Ok(value)
            })
            .await?;
        let Some(value) = found else {
            return Ok(false);
        };
        let id = row.id;
        let answer = move |it: &mut CentralStore| it.answer_question(id, &value, BY_COMMAND, None);
        self.host.central.write("an answer", answer).await
    }

    /// Returns whether everything was done; else it is tried again later.
    pub(super) async fn settle(&mut self, row: QuestionRow) -> Result<bool, StoreError> {
        let (value, by) = match &row.state {
            QuestionState::Answered { value, by } => (Some(value.clone()), by.clone()),
            QuestionState::Expired => (None, String::new()),
            QuestionState::Open => return Ok(false),
        };
        let id = row.id;
        // Whoever joins while this goes on must not be left behind: then all is done once more.
        let held = self.host.central.read(move |central| central.held(id)).await?.len();
        let news = match row.question.kind {
            QuestionKind::Sender => Some(self.settle_sender(&row, value.as_deref(), &by).await?),
            QuestionKind::Chat => Some(self.settle_chat(&row, value.as_deref(), &by).await?),
            QuestionKind::Change => {
                if !self.settle_change(&row, value.as_deref()).await? {
                    return Ok(false);
                }
                None
            }
            QuestionKind::Agent => {
                let (ok, text) = match &value {
                    Some(value) => (true, value.clone()),
                    None => (false, "nobody answered in time".to_owned()),
                };
                if !self.bring_answer(&row, ok, text).await? {
                    return Ok(false);
                }
                None
            }
        };
        if news == Some(News::Approved) && !self.replay(&row).await? {
            return Ok(false);
        }
        let mut say = self.closing_parts(&row, value.as_deref(), &by).await?;
        if let Some(news) = news {
            say.extend(self.tell_requester(&row, news).await?);
        }
        let now = self.now();
        let settle = move |it: &mut CentralStore| it.settle_question(id, held, &say, now);
        if self.host.central.write("the end of a question", settle).await? {
            info!(question = %id, "settled");
        }
        Ok(true)
    }

    async fn settle_sender(
        &self,
        row: &QuestionRow,
        value: Option<&str>,
        by: &str,
    ) -> Result<News, StoreError> {
        let question = &row.question;
        let (Some(agent), Some(handle)) =
            (question.agent.clone(), Handle::parse(&question.requester))
        else {
            return Ok(News::Expired);
        };
        let (name, by, now) = (question.requester_name.clone(), by.to_owned(), self.now());
        match value {
            Some(ALLOW) => {
                let admit = move |central: &mut CentralStore| {
                    let person = central.add_person(&handle, &name, now)?;
                    central.add_member(person, &agent, &by, now)
                };
                self.host.central.write("a member", admit).await?;
                Ok(News::Approved)
            }
            Some(_) => {
                let deny = move |central: &mut CentralStore| {
                    central.deny(&handle, &name, &agent, &by, now)
                };
                self.host.central.write("a denial", deny).await?;
                Ok(News::Denied)
            }
            None => Ok(News::Expired),
        }
    }

    async fn settle_chat(
        &self,
        row: &QuestionRow,
        value: Option<&str>,
        by: &str,
    ) -> Result<News, StoreError> {
        let Some(chat) = row.question.chat else {
            return Ok(News::Expired);
        };
        match value.map(ChatChoice::parse) {
            Some(Some(choice @ (ChatChoice::Connect(_) | ChatChoice::New(_)))) => {
                self.connect(row, chat, choice, by).await?;
                Ok(News::Approved)
            }
            Some(Some(ChatChoice::Refuse) | None) => {
                let now = self.now();
                let deny = move |central: &mut CentralStore| central.deny_chat(chat, now);
                self.host.central.write("a denial", deny).await?;
                Ok(News::Denied)
            }
            None => Ok(News::Expired),
        }
    }

    /// Connects a chat, makes the agent if it is new, and lets in who brought the chat.
    async fn connect(
        &self,
        row: &QuestionRow,
        chat: ChatId,
        choice: ChatChoice,
        by: &str,
    ) -> Result<(), StoreError> {
        let (requester, name) =
            (Handle::parse(&row.question.requester), row.question.requester_name.clone());
        let (by, now) = (by.to_owned(), self.now());
        self.host
            .central
            .write("a connected chat", move |central| {
                let Some(agent) = wire(central, chat, &choice, now)? else {
                    return Ok(());
                };
                if let Some(handle) = requester {
                    let person = central.add_person(&handle, &name, now)?;
                    central.add_member(person, &agent, &by, now)?;
                }
                Ok(())
            })
            .await
    }

    /// Routes the messages that waited, as if they came now. They are stored once, whatever happens.
    /// `false` when one of them could not be stored; its sender was told that it waits.
    async fn replay(&self, row: &QuestionRow) -> Result<bool, StoreError> {
        let id = row.id;
        let held = self.host.central.read(move |central| central.held(id)).await?;
        if held.is_empty() {
            return Ok(true);
        }
        let events: Vec<_> = held.into_iter().map(channel::Event::Message).collect();
        let ask = |reply| RouterMessage::Route { events, owner_only: false, reply };
        let verdicts = self.host.peers.router.call(ask).await;
        Ok(verdicts.is_some_and(|it| !it.iter().any(|it| matches!(it, Verdict::Refused(_)))))
    }

    async fn settle_change(
        &self,
        row: &QuestionRow,
        value: Option<&str>,
    ) -> Result<bool, StoreError> {
        let session = match row.question.session {
            Some((id, _)) => self.host.central.read(move |central| central.session(id)).await?,
            None => None,
        };
        let (ok, text) = match (value, session) {
            (Some(ALLOW), Some(session)) => {
                carry_out(&self.host, &session, &row.question.payload).await?
            }
            (Some(_), _) => (false, "it was refused".to_owned()),
            (None, _) => (false, "nobody allowed it in time, or nobody can be asked".to_owned()),
        };
        self.bring_answer(row, ok, text).await
    }

    /// Gives the answer to the session that waits for it. `false` when it cannot take it now.
    async fn bring_answer(
        &self,
        row: &QuestionRow,
        ok: bool,
        text: String,
    ) -> Result<bool, StoreError> {
        let Some((session, seq)) = row.question.session else {
            return Ok(true);
        };
        let found = self.host.central.read(move |central| central.session(session)).await?;
        let Some(row) = found else {
            return Ok(true);
        };
        let ask = |reply| SessionsMessage::Answer { row, seq, ok, text, reply };
        Ok(matches!(self.host.peers.sessions.call(ask).await, Some(Ok(()))))
    }

    /// Shows in every chat that was asked how it ended, and takes the buttons away.
    async fn closing_parts(
        &self,
        row: &QuestionRow,
        value: Option<&str>,
        by: &str,
    ) -> Result<Vec<NewPart>, StoreError> {
        let by = self.name_of(by).await?;
        let how = match value {
            Some(value) => {
                let chosen = row.question.options.iter().find(|it| it.value == value);
                let label = chosen.map_or(value, |it| &it.label);
                Closed::Answered { matter: row.matter(), value, label, by: &by }
            }
            None => Closed::Expired,
        };
        let question = &row.question.text;
        let part = |(n, card): (usize, &store::CardRow)| {
            let edits = self.host.registration(&card.to.channel).is_some_and(|it| it.caps.edits);
            let content = if edits {
                let card_text = Card { text: closed_card(question, how), buttons: vec![] };
                Draft::Edit(Target::Part(card.part.clone()), card_text)
            } else {
                Draft::Text(closed_notice(question, how))
            };
            NewPart {
                key: PartKey(format!("q{}.{n}.end", row.id)),
                to: card.to.clone(),
                reply_to: String::new(),
                kind: PartKind::Interim,
                content,
            }
        };
        Ok(row.cards.iter().enumerate().filter(|it| !it.1.lost).map(part).collect())
    }

    async fn name_of(&self, by: &str) -> Result<String, StoreError> {
        let Some(handle) = Handle::parse(by) else {
            return Ok(by.to_owned());
        };
        let found = self
            .host
            .central
            .read(move |central| match central.person_of(&handle)? {
                Some(person) => central.person(person),
                None => Ok(None),
            })
            .await?;
        Ok(found.map_or_else(|| by.to_owned(), |it| it.name))
    }

    /// Tells whoever knocked how it ended. Who is let in hears the agent itself.
    async fn tell_requester(
        &self,
        row: &QuestionRow,
        news: News,
    ) -> Result<Option<NewPart>, StoreError> {
        if news == News::Approved {
            return Ok(None);
        }
        let request = match row.question.kind {
            QuestionKind::Chat => Request::Chat,
            QuestionKind::Sender | QuestionKind::Change | QuestionKind::Agent => Request::Sender,
        };
        let id = row.id;
        let (place, held): (Option<Address>, Vec<Incoming>) = (
            self.place_of(row).await?,
            self.host.central.read(move |central| central.held(id)).await?,
        );
        Ok(place.map(|to| NewPart {
            key: PartKey(format!("q{id}.told")),
            to,
            reply_to: held.last().map(|it| it.platform_id.clone()).unwrap_or_default(),
            kind: PartKind::Notice,
            content: Draft::Text(told(request, news)),
        }))
    }
}

/// Wires a chat as somebody chose, once; returns the agent. One that was to be new is never an agent
/// that others use, or that was removed: by now its name may be taken, and it gets another one.
fn wire(
    central: &mut CentralStore,
    chat: ChatId,
    choice: &ChatChoice,
    now: Timestamp,
) -> Result<Option<AgentName>, StoreError> {
    let Some(found) = central.chat_by_id(chat)? else {
        return Ok(None);
    };
    let wired: Vec<AgentName> =
        central.wirings_of(chat)?.into_iter().map(|it| it.wiring.agent).collect();
    match choice {
        ChatChoice::Refuse => Ok(None),
        ChatChoice::Connect(agent) => {
            if !wired.contains(agent) {
                central.add_agent(&AgentGroup::new(agent.clone()), now)?;
                let wiring = Wiring::usual(chat, agent.clone(), found.is_group);
                central.set_wiring(&wiring, now)?;
            }
            Ok(Some(agent.clone()))
        }
        ChatChoice::New(wanted) => {
            if !wired.is_empty() {
                // Done before, as far as it got; or somebody wired the chat to another agent.
                let is_ours = |it: &AgentName| it.as_str().starts_with(wanted.as_str());
                return Ok(wired.into_iter().find(is_ours));
            }
            let taken = central.agent_names_taken()?;
            let name = match taken.contains(wanted) {
                true => agent_name_for(wanted.as_str(), &taken),
                false => wanted.clone(),
            };
            let wiring = Wiring::usual(chat, name.clone(), found.is_group);
            central.add_wired_agent(&AgentGroup::new(name.clone()), &wiring, now)?;
            Ok(Some(name))
        }
    }
}
