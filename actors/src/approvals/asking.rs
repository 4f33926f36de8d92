//! Puts questions to people: who may decide, where they can be reached, what they see.

use std::sync::Arc;

use channel::Registration;
use domain::approval::{
    APPROVAL_LIFE, Approver, AskedOne, Candidate, Kind, News, OpenView, Request, approvers, told,
};
use domain::delivery::PartKey;
use domain::message::Address;
use domain::outgoing::Card;
use domain::people::{Handle, PersonId};
use domain::plain::chain;
use domain::question::{QuestionId, buttons, numbered};
use domain::task::FireKey;
use store::{
    CentralStore, Draft, NewPart, PartKind, Question, QuestionKind, QuestionRow, RoleRow,
    StoreError,
};
use tokio::time::Instant;
use tracing::info;

use super::ApprovalState;
use super::beside::Call;
use super::settling::overtaken;
use crate::channel::{ChannelMessage, OPEN_MAX};
use crate::channels::{ChannelsMessage, LOCAL};
use crate::host::Host;

/// Channel, account and handle of somebody who is to be written to in private.
pub(super) type Direct = (String, String, String);

/// What is known about the private chat of somebody.
pub(super) enum Private {
    At(Address),
    /// The platform is being asked; the actor looks again when it has answered.
    Asking,
    Nowhere,
}

/// What is known about an open question.
pub(super) struct Known {
    pub(super) view: OpenView,
    /// Where it came up.
    pub(super) place: Option<Address>,
    /// See [`overtaken`].
    pub(super) overtaken: Option<String>,
}

/// The part that shows a question to the `n`th of those who are asked.
fn card_key(id: QuestionId, n: usize) -> String {
    format!("q{id}.{n}")
}

fn nobody_key(id: QuestionId) -> String {
    format!("q{id}.nobody")
}

/// Where a question came up.
pub(super) fn place_of(
    central: &CentralStore,
    question: &Question,
) -> Result<Option<Address>, StoreError> {
    let found = question.chat.map(|it| central.chat_by_id(it)).transpose()?.flatten();
    Ok(found.map(|it| Address { thread: question.thread.clone(), ..it.address }))
}

impl ApprovalState {
    pub(super) async fn known(&self, row: &QuestionRow) -> Result<Known, StoreError> {
        let (id, question) = (row.id, row.question.clone());
        let (candidates, told_nobody, place, overtaken) = self
            .host
            .central
            .read(move |central| {
                let candidates = central.approver_candidates(question.agent.as_ref())?;
                let told_nobody = central.has_said(&PartKey(nobody_key(id)))?;
                let place = place_of(central, &question)?;
                Ok((candidates, told_nobody, place, overtaken(central, &question)?))
            })
            .await?;
        let question = &row.question;
        let candidates: Vec<Candidate> =
            candidates.iter().flat_map(|it| self.candidate(it)).collect();
        let channel = place.as_ref().map_or("", |it| &it.channel);
        let mut approvers = approvers(&candidates, question.agent.as_ref(), channel);
        let is_asked = |person| row.cards.iter().any(|it| it.person == Some(person));
        approvers.sort_by_key(|it| !is_asked(it.person));
        let asked = row
            .cards
            .iter()
            .filter_map(|it| Some(AskedOne { person: it.person?, at: it.asked_at, lost: it.lost }));
        let (kind, life) = match question.kind {
            QuestionKind::Agent => (Kind::Question, question.expires_at.since(question.asked_at)),
            QuestionKind::Sender | QuestionKind::Chat | QuestionKind::Change => {
                (Kind::Approval, APPROVAL_LIFE)
            }
        };
        let (opened_at, asked) = (question.asked_at, asked.collect());
        let view = OpenView { kind, opened_at, life, asked, approvers, told_nobody };
        Ok(Known { view, place, overtaken })
    }

    pub(super) fn candidate(&self, (row, handles): &(RoleRow, Vec<Handle>)) -> Vec<Candidate> {
        let is_lost =
            |channel: &str| self.unreachable.iter().any(|it| it.0 == row.person && it.1 == channel);
        let candidate = |channel: &str| Candidate {
            person: row.person,
            role: row.role.clone(),
            order: row.order,
            channel: channel.to_owned(),
            reachable: self.host.registration(channel).is_some() && !is_lost(channel),
        };
        handles.iter().map(|it| candidate(&it.channel)).collect()
    }

    /// Asks one more person, in private. Returns whether the next look may see something else.
    pub(super) async fn ask(
        &mut self,
        row: &QuestionRow,
        approver: &Approver,
    ) -> Result<bool, StoreError> {
        match self.private_chat(approver).await? {
            Private::At(to) => self.put(row, Some(approver.person), (to, String::new())).await?,
            Private::Asking => return Ok(false),
            Private::Nowhere => {
                let who = (approver.person, approver.channel.clone(), Instant::now());
                self.unreachable.push(who);
            }
        }
        Ok(true)
    }

    /// Puts what an agent asks where it was led to ask. Returns whether that is new.
    pub(super) async fn ask_in_chat(
        &self,
        row: &QuestionRow,
        place: Option<Address>,
    ) -> Result<bool, StoreError> {
        let is_asked = row.question.kind != QuestionKind::Agent || !row.cards.is_empty();
        let (Some(to), Some((session, seq))) = (place.filter(|_| !is_asked), row.question.session)
        else {
            return Ok(false);
        };
        let cause = move |it: &mut CentralStore| Ok(it.rows(session).request(seq).ok());
        let cause = self.host.central.read(cause).await?.map(|it| it.cause);
        // No platform knows the message of a task.
        let known = cause.filter(|it| !it.starts_with(FireKey::PREFIX)).unwrap_or_default();
        self.put(row, None, (to, known)).await.map(|()| true)
    }

    async fn put(
        &self,
        row: &QuestionRow,
        person: Option<PersonId>,
        (to, reply_to): (Address, String),
    ) -> Result<(), StoreError> {
        let (text, options) = (&row.question.text, row.shown_options().iter().enumerate());
        let has_buttons = self.host.registration(&to.channel).is_some_and(|it| it.caps.buttons);
        let content = if has_buttons {
            Draft::Card(Card { text: text.clone(), buttons: buttons(row.id, options) })
        } else {
            let id = row.id;
            let code = self.host.central.write("a code", move |it| it.card_code(id)).await?;
            Draft::Text(numbered(text, options, code))
        };
        let key = card_key(row.id, row.cards.len());
        let part = NewPart { reply_to, ..NewPart::new(key, to, PartKind::Interim, content) };
        let (id, now) = (row.id, self.now());
        let put = move |it: &mut CentralStore| it.put(id, person, &part, now);
        self.host.central.write("a card", put).await
    }

    /// The chat in which nobody but this person reads.
    pub(super) async fn private_chat(&mut self, to: &Approver) -> Result<Private, StoreError> {
        let (person, channel) = (to.person, to.channel.clone());
        let (handles, known, accounts) = self
            .host
            .central
            .read(move |central| {
                let handles = central.handles_of(person)?;
                let mine: Vec<_> = handles.into_iter().filter(|it| it.channel == channel).collect();
                let mut known = None;
                for handle in &mine {
                    known = known.or(central.direct_chat(&channel, &handle.id)?);
                }
                Ok((mine, known, central.accounts()?))
            })
            .await?;
        if let Some(chat) = known {
            return Ok(Private::At(chat.address));
        }
        let named = accounts.into_iter().filter(|it| it.channel == to.channel).map(|it| it.name);
        let mut names: Vec<String> = named.collect();
        let needs_none = |it: &&Registration| it.caps.credential.is_none();
        names.extend(self.host.registration(&to.channel).filter(needs_none).map(|_| LOCAL.into()));
        let mut asked = Vec::new();
        for account in names {
            for handle in &handles {
                let direct = (to.channel.clone(), account.clone(), handle.id.clone());
                match self.open_direct(&direct) {
                    Call::Underway => return Ok(Private::Asking),
                    Call::Ended(Some(chat)) => {
                        self.directs.forget(&direct);
                        let channel = to.channel.clone();
                        return Ok(Private::At(Address { channel, account, chat, thread: None }));
                    }
                    Call::Ended(None) => asked.push(direct),
                }
            }
        }
        asked.iter().for_each(|it| self.directs.forget(it));
        Ok(Private::Nowhere)
    }

    fn open_direct(&mut self, direct: &Direct) -> Call<Option<String>> {
        let known = self.directs.get(direct);
        known.unwrap_or_else(|| {
            let call = open_direct(Arc::clone(&self.host), direct.clone());
            self.directs.start(direct.clone(), (&mut self.calls, &self.myself), call);
            Call::Underway
        })
    }

    /// Nobody can be asked: tells the requester.
    pub(super) async fn tell_nobody(
        &self,
        row: &QuestionRow,
        place: Option<Address>,
    ) -> Result<(), StoreError> {
        let Some(to) = place else { return Ok(()) };
        let request = match row.question.kind {
            QuestionKind::Chat => Request::Chat,
            QuestionKind::Sender | QuestionKind::Change | QuestionKind::Agent => Request::Sender,
        };
        let text = told(request, News::NobodyReachable).to_owned();
        let part = NewPart::new(nobody_key(row.id), to, PartKind::Notice, Draft::Text(text));
        let now = self.now();
        self.host.central.write("a notice", move |it| it.say(&part, now)).await
    }
}

async fn open_direct(host: Arc<Host>, (channel, account, handle): Direct) -> Option<String> {
    let to = Address { channel, account, ..Address::default() };
    let ask = |reply| ChannelsMessage::To(to, ChannelMessage::OpenDirect { handle, reply });
    match host.peers.channels.call_within(OPEN_MAX, ask).await? {
        Ok(chat) => Some(chat),
        Err(err) => {
            info!(why = chain(&err), "an approver cannot be reached there");
            None
        }
    }
}
