//! Carries out what was decided: lets people in, connects chats, makes changes, brings answers to
//! the agents that wait for them. Each step changes nothing when it is done again.

use std::sync::Arc;

use channel::Verdict;
use domain::approval::{ALLOW, ChatChoice, News, Request, told};
use domain::delivery::PartKey;
use domain::message::{Address, Incoming};
use domain::people::{Handle, access};
use domain::question::QuestionId;
use domain::session_key::ChatId;
use domain::time::Timestamp;
use store::{
    CentralStore, Draft, NewPart, PartKind, QuestionKind, QuestionRow, QuestionState, StoreError,
};
use tokio::time::sleep;
use tracing::{info, warn};

use super::beside::Call;
use super::requests::carry_out;
use super::{ApprovalState, SOON, wiring};
use crate::host::Host;
use crate::router::RouterMessage;
use crate::sessions::SessionsMessage;
use crate::sessions::child::chain;

/// Who decided what somebody did at the command line instead of answering.
const BY_COMMAND: &str = "the command line";

/// How what follows from an answer ended.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    ok: bool,
    /// What the agent that asked is told. Kept, so that a session that cannot take it now does not
    /// cause a change twice.
    answer: Option<(bool, String)>,
    /// Messages that waited when it began. If more joined since, all is done once more.
    pending: usize,
    news: Option<News>,
}

impl ApprovalState {
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
        let (id, now) = (row.id, self.now());
        let answer =
            move |it: &mut CentralStore| it.answer_question(id, &value, BY_COMMAND, None, now);
        self.host.central.write("an answer", answer).await
    }

    /// Takes an answered question a step further. Returns whether that changed anything, and else when
    /// to look again.
    pub(super) async fn settle(
        &mut self,
        row: QuestionRow,
    ) -> Result<(bool, Option<Timestamp>), StoreError> {
        let is_done = match self.follows.get(&row.id) {
            Some(Call::Underway) => return Ok((false, None)),
            Some(Call::Ended(ended)) => {
                self.follows.forget(&row.id);
                match ended.answer {
                    _ if ended.ok => {
                        self.close(row, ended.pending, ended.news).await.map(|()| true)?
                    }
                    Some(answer) => self.answer(row, ended.pending, answer),
                    None => self.begin_to_settle(row).await?,
                }
            }
            None => self.begin_to_settle(row).await?,
        };
        Ok((is_done, (!is_done).then(|| self.now() + SOON)))
    }

    /// Does what an answer means for the central database; what goes beyond runs beside the mailbox.
    /// Returns whether that was all.
    async fn begin_to_settle(&mut self, row: QuestionRow) -> Result<bool, StoreError> {
        let value = match &row.state {
            QuestionState::Answered { value, by: _ } => Some(value.clone()),
            QuestionState::Expired => None,
            QuestionState::Open => return Ok(false),
        };
        let id = row.id;
        // A message that joins meanwhile must not be left behind: then all is done once more.
        let pending =
            self.host.central.read(move |central| central.pending_messages(id)).await?.len();
        let news = match row.question.kind {
            QuestionKind::Sender => self.settle_sender(&row, value.as_deref()).await?,
            QuestionKind::Chat => self.settle_chat(&row, value.as_deref()).await?,
            QuestionKind::Change => {
                let answer = self.settle_change(&row, value.as_deref()).await?;
                return Ok(self.answer(row, pending, answer));
            }
            QuestionKind::Agent => {
                let late = || (false, "nobody answered in time".to_owned());
                return Ok(self.answer(row, pending, value.map_or_else(late, |it| (true, it))));
            }
        };
        if news == News::Approved && pending != 0 {
            let then = Followed { ok: false, answer: None, pending, news: Some(news) };
            return Ok(self.follow(id, then, replay(Arc::clone(&self.host), id)));
        }
        self.close(row, pending, Some(news)).await.map(|()| true)
    }

    fn answer(&mut self, row: QuestionRow, pending: usize, answer: (bool, String)) -> bool {
        let then = Followed { ok: false, answer: Some(answer.clone()), pending, news: None };
        self.follow(row.id, then, bring_answer(Arc::clone(&self.host), row, answer))
    }

    /// Always `false`: the look after its end goes on.
    fn follow(
        &mut self,
        id: QuestionId,
        then: Followed,
        call: impl Future<Output = Result<bool, StoreError>> + Send + 'static,
    ) -> bool {
        let call = async move {
            let ok = call.await.unwrap_or_else(|err| {
                warn!(question = %id, why = chain(&err), "what follows from an answer waits");
                false
            });
            if !ok {
                sleep(SOON).await;
            }
            Followed { ok, ..then }
        };
        self.follows.start(id, (&mut self.calls, &self.myself), call);
        false
    }

    /// Closes the cards of a question of which everything is done, and says how it ended.
    async fn close(
        &self,
        row: QuestionRow,
        pending: usize,
        news: Option<News>,
    ) -> Result<(), StoreError> {
        let (value, by) = match &row.state {
            QuestionState::Answered { value, by } => (Some(value.clone()), by.clone()),
            QuestionState::Expired | QuestionState::Open => (None, String::new()),
        };
        let id = row.id;
        let mut say = self.closing_parts(&row, value.as_deref(), &by).await?;
        if let Some(news) = news {
            say.extend(self.tell_requester(&row, news).await?);
        }
        let now = self.now();
        let settle = move |it: &mut CentralStore| it.settle_question(id, pending, &say, now);
        if self.host.central.write("the end of a question", settle).await? {
            info!(question = %id, "settled");
        }
        Ok(())
    }

    async fn settle_sender(
        &self,
        row: &QuestionRow,
        value: Option<&str>,
    ) -> Result<News, StoreError> {
        let question = &row.question;
        let (Some(agent), Some(handle)) =
            (question.agent.clone(), Handle::parse(&question.requester))
        else {
            return Ok(News::Expired);
        };
        let (name, now) = (question.requester_name.clone(), self.now());
        match value {
            Some(ALLOW) => {
                let admit = move |central: &mut CentralStore| {
                    let person = central.add_person(&handle, &name, now)?;
                    central.add_member(person, &agent)
                };
                self.host.central.write("a member", admit).await?;
                Ok(News::Approved)
            }
            Some(_) => {
                let deny = move |central: &mut CentralStore| central.deny(&handle, &name, &agent);
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
    ) -> Result<News, StoreError> {
        let Some(chat) = row.question.chat else {
            return Ok(News::Expired);
        };
        match value.map(ChatChoice::parse) {
            Some(Some(choice @ (ChatChoice::Connect(_) | ChatChoice::New(_)))) => {
                self.connect(row, chat, choice).await?;
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
    ) -> Result<(), StoreError> {
        let (requester, name) =
            (Handle::parse(&row.question.requester), row.question.requester_name.clone());
        let now = self.now();
        self.host
            .central
            .write("a connected chat", move |central| {
                let Some(agent) = wiring::wire(central, chat, &choice)? else {
                    return Ok(());
                };
                if let Some(handle) = requester {
                    let person = central.add_person(&handle, &name, now)?;
                    central.add_member(person, &agent)?;
                }
                Ok(())
            })
            .await
    }

    async fn settle_change(
        &self,
        row: &QuestionRow,
        value: Option<&str>,
    ) -> Result<(bool, String), StoreError> {
        let asked = match row.question.session {
            Some((id, seq)) => {
                let found = self.host.central.read(move |central| central.session(id)).await?;
                found.map(|session| (session, seq))
            }
            None => None,
        };
        Ok(match (value, asked) {
            (Some(ALLOW), Some((session, seq))) => {
                carry_out(&self.host, &session, seq, &row.question.payload).await?
            }
            (Some(_), _) => (false, "it was refused".to_owned()),
            (None, _) => (false, "nobody allowed it in time, or nobody can be asked".to_owned()),
        })
    }

    /// Tells the requester the result. A user who was let in hears from the agent itself.
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
        let (place, pending): (Option<Address>, Vec<Incoming>) = (
            self.place_of(row).await?,
            self.host.central.read(move |central| central.pending_messages(id)).await?,
        );
        Ok(place.map(|to| NewPart {
            key: PartKey(format!("q{id}.told")),
            to,
            reply_to: pending.last().map(|it| it.platform_id.clone()).unwrap_or_default(),
            kind: PartKind::Notice,
            content: Draft::Text(told(request, news)),
        }))
    }
}

/// Routes the messages that waited, as if they came now. They are stored once, whatever happens.
/// `false` when one of them could not be stored; its sender was told that it waits.
async fn replay(host: Arc<Host>, id: QuestionId) -> Result<bool, StoreError> {
    let pending = host.central.read(move |central| central.pending_messages(id)).await?;
    let events: Vec<_> = pending.into_iter().map(channel::Event::Message).collect();
    let ask = |reply| RouterMessage::Route { events, owner_only: false, cursor: None, reply };
    let routed = host.peers.router.call(ask).await;
    let refused = |it: &Verdict| matches!(it, Verdict::Refused(_));
    Ok(routed.is_some_and(|it| !it.verdicts.iter().any(refused)))
}

/// Gives the answer to the session that waits for it. `false` when it cannot take it now.
async fn bring_answer(
    host: Arc<Host>,
    row: QuestionRow,
    (ok, text): (bool, String),
) -> Result<bool, StoreError> {
    let Some((session, seq)) = row.question.session else {
        return Ok(true);
    };
    let found = host.central.read(move |central| central.session(session)).await?;
    let Some(row) = found else {
        return Ok(true);
    };
    let id = row.id;
    let answer = move |it: &mut CentralStore| it.rows(id).answer(seq, ok, &text);
    host.central.write("an answer", answer).await?;
    host.peers.sessions.cast(SessionsMessage::Woken { row, from: None });
    Ok(true)
}
