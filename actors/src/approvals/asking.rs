//! Puts questions to people: who may decide, where they can be reached, what they see.

use std::sync::{Arc, OnceLock};

use channel::Registration;
use domain::approval::{
    APPROVAL_LIFE, Approver, AskedOne, Candidate, Kind, News, OpenView, approvers,
};
use domain::delivery::PartKey;
use domain::message::Address;
use domain::outgoing::Card;
use domain::people::{Handle, PersonId};
use domain::plain::chain;
use domain::question::{QuestionId, buttons};
use domain::task::FireKey;
use domain::texts::access::told;
use domain::texts::questions::numbered;
use store::{
    CentralStore, Draft, NewPart, PartKind, Question, QuestionKind, QuestionRow, RoleRow,
    StoreError,
};
use tokio::time::Instant;
use tracing::info;

use super::settling::overtaken;
use super::{ApprovalMessage, ApprovalState};
use crate::channel::{ChannelMessage, OPEN_MAX};
use crate::channels::{ChannelsMessage, LOCAL};
use crate::host::Host;

/// Channel, account and handle of somebody who is to be written to in private.
pub(super) type Direct = (String, String, String);

/// The chat that a platform named, if it has one; empty and shared until it has answered.
pub(super) type Answered = Arc<OnceLock<Option<String>>>;

/// Platforms that are asked at a time; more wait for one to answer.
const CALLS_MAX: usize = 64;

/// What is known about the private chat of somebody.
pub(super) enum Private {
    At(Address),
    /// The platform is being asked; the actor looks again when it has answered.
    Asking,
    Nowhere,
}

fn nobody_key(id: QuestionId) -> String {
    format!("q{id}.nobody")
}

/// What the requester of a question of this kind is told.
pub(super) fn news(kind: QuestionKind, news: News) -> Draft {
    Draft::Text(told(news, kind == QuestionKind::Chat))
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
    /// What is known about an open question, where it came up, and whether it is [`overtaken`].
    pub(super) async fn known(
        &self,
        row: &QuestionRow,
    ) -> Result<(OpenView, Option<Address>, Option<String>), StoreError> {
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
        Ok((view, place, overtaken))
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
            Private::Nowhere => {}
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
        let has_buttons = self.host.caps_of(&to.channel).buttons;
        let (row, now) = (row.clone(), self.now());
        let put = move |central: &mut CentralStore| {
            let (text, options) = (&row.question.text, row.shown_options().iter().enumerate());
            let content = match has_buttons {
                true => Draft::Card(Card { text: text.clone(), buttons: buttons(row.id, options) }),
                false => Draft::Text(numbered(text, options, central.card_code(row.id)?)),
            };
            // One for each of those who are asked.
            let key = format!("q{}.{}", row.id, row.cards.len());
            let part = NewPart::new(key, to, PartKind::Interim, content).replying_to(reply_to);
            central.put(row.id, person, &part, now)
        };
        self.host.central.write("a card", put).await
    }

    /// The chat in which nobody but this person reads; notes where there is none.
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
                    None => return Ok(Private::Asking),
                    Some(Some(chat)) => {
                        self.directs.remove(&direct);
                        let channel = to.channel.clone();
                        return Ok(Private::At(Address { channel, account, chat, thread: None }));
                    }
                    Some(None) => asked.push(direct),
                }
            }
        }
        self.directs.retain(|it, _| !asked.contains(it));
        self.unreachable.push((to.person, to.channel.clone(), Instant::now()));
        Ok(Private::Nowhere)
    }

    /// What the platform answered. Until then it is being asked, and the actor looks again after that.
    fn open_direct(&mut self, direct: &Direct) -> Option<Option<String>> {
        let known = self.directs.get(direct);
        // Before its answer is read: one that was cut off has none, and is made once more.
        let is_over = known.is_none_or(|it| Arc::strong_count(it) == 1);
        if let Some(answer) = known.and_then(|it| it.get()) {
            return Some(answer.clone());
        }
        let underway = self.directs.values().filter(|it| 1 < Arc::strong_count(it)).count();
        if is_over && underway < CALLS_MAX {
            let (host, myself, to) = (Arc::clone(&self.host), self.myself.clone(), direct.clone());
            let answered = Answered::default();
            let answer = Arc::clone(&answered);
            self.directs.insert(direct.clone(), answered);
            self.calls.spawn(async move {
                let _ = answer.set(open_direct(host, to).await);
                drop(answer);
                let _ = myself.cast(ApprovalMessage::Look);
            });
        }
        None
    }

    /// Nobody can be asked: tells the requester.
    pub(super) async fn tell_nobody(
        &self,
        row: &QuestionRow,
        place: Option<Address>,
    ) -> Result<(), StoreError> {
        let Some(to) = place else { return Ok(()) };
        let content = news(row.question.kind, News::NobodyReachable);
        let part = NewPart::new(nobody_key(row.id), to, PartKind::Notice, content);
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
