//! Puts questions to people: who may decide, where they can be reached, what they see.

use std::sync::Arc;
use std::time::Duration;

use channel::Registration;
use domain::approval::{APPROVAL_LIFE, Approver, AskedOne, Candidate, Kind, OpenView, approvers};
use domain::approval::{News, Request, told};
use domain::delivery::PartKey;
use domain::message::Address;
use domain::outgoing::Card;
use domain::question::{QuestionId, buttons, numbered};
use domain::task::FireKey;
use domain::time::Timestamp;
use store::{
    ApproverRow, CentralStore, Draft, NewPart, PartKind, QuestionKind, QuestionRow, StoreError,
};
use tokio::time::Instant;
use tracing::info;

use super::ApprovalState;
use super::beside::Call;
use crate::channel::OPEN_MAX;
use crate::channels::{ChannelsMessage, LOCAL};
use crate::host::Host;
use crate::sessions::child::chain;

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
pub(super) struct Open {
    kind: Kind,
    opened_at: Timestamp,
    life: Duration,
    asked: Vec<AskedOne>,
    approvers: Vec<Approver>,
    told_nobody: bool,
}

impl Open {
    pub(super) fn open(&self) -> OpenView<'_> {
        OpenView {
            kind: self.kind,
            opened_at: self.opened_at,
            life: self.life,
            settled: false,
            asked: &self.asked,
            approvers: &self.approvers,
            told_nobody: self.told_nobody,
        }
    }
}

/// The part that shows a question to the `n`th of those who are asked.
fn card_key(id: QuestionId, n: usize) -> PartKey {
    PartKey(format!("q{id}.{n}"))
}

pub(super) fn nobody_key(id: QuestionId) -> PartKey {
    PartKey(format!("q{id}.nobody"))
}

impl ApprovalState {
    pub(super) async fn view(&self, row: &QuestionRow) -> Result<Open, StoreError> {
        let question = &row.question;
        let asked = |person| row.cards.iter().find(|it| it.person == Some(person));
        let (id, agent) = (row.id, question.agent.clone());
        let (candidates, told_nobody) = self
            .host
            .central
            .read(move |central| {
                let candidates = central.approver_candidates(agent.as_ref())?;
                Ok((candidates, central.has_said(&nobody_key(id))?))
            })
            .await?;
        let channel = self.channel_of(row).await?;
        let candidates: Vec<Candidate> =
            candidates.iter().flat_map(|it| self.candidate(it)).collect();
        let asked_ones = row
            .cards
            .iter()
            .filter_map(|it| Some(AskedOne { person: it.person?, at: it.asked_at, lost: it.lost }));
        let kind = match question.kind {
            QuestionKind::Agent => Kind::Question,
            QuestionKind::Sender | QuestionKind::Chat | QuestionKind::Change => Kind::Approval,
        };
        let mut order = approvers(&candidates, question.agent.as_ref(), &channel).order;
        order.sort_by_key(|it| asked(it.person).is_none());
        Ok(Open {
            kind,
            opened_at: question.asked_at,
            life: match kind {
                Kind::Approval => APPROVAL_LIFE,
                Kind::Question => question.expires_at.since(question.asked_at),
            },
            asked: asked_ones.collect(),
            approvers: order,
            told_nobody,
        })
    }

    pub(super) fn candidate(&self, row: &ApproverRow) -> Vec<Candidate> {
        let of = |channel: &str| {
            let known = self.host.registration(channel).is_some();
            let lost = |it: &&(domain::people::PersonId, String, Instant)| {
                it.0 == row.person && it.1 == channel
            };
            known && !self.unreachable.iter().any(|it| lost(&it))
        };
        let candidate = |channel: &String| Candidate {
            person: row.person,
            role: row.role.clone(),
            order: row.order,
            channel: channel.clone(),
            reachable: of(channel),
        };
        row.handles.iter().map(|it| candidate(&it.channel)).collect()
    }

    async fn channel_of(&self, row: &QuestionRow) -> Result<String, StoreError> {
        Ok(self.place_of(row).await?.map_or_else(String::new, |it| it.channel))
    }

    /// Where a question came up.
    pub(super) async fn place_of(&self, row: &QuestionRow) -> Result<Option<Address>, StoreError> {
        let Some(chat) = row.question.chat else {
            return Ok(None);
        };
        let thread = row.question.thread.clone();
        let found = self.host.central.read(move |central| central.chat_by_id(chat)).await?;
        Ok(found.map(|it| Address { thread, ..it.address }))
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
    pub(super) async fn ask_in_chat(&mut self, row: &QuestionRow) -> Result<bool, StoreError> {
        if row.question.kind != QuestionKind::Agent || !row.cards.is_empty() {
            return Ok(false);
        }
        let Some(to) = self.place_of(row).await? else {
            return Ok(false);
        };
        let Some((session, seq)) = row.question.session else { return Ok(false) };
        let cause = move |it: &mut CentralStore| Ok(it.rows(session).request(seq).ok());
        let cause = self.host.central.read(cause).await?.map(|it| it.cause);
        // No platform knows the message of a task.
        let known = cause.filter(|it| !it.starts_with(FireKey::PREFIX)).unwrap_or_default();
        self.put(row, None, (to, known)).await.map(|()| true)
    }

    async fn put(
        &self,
        row: &QuestionRow,
        person: Option<domain::people::PersonId>,
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
        let part = NewPart { key, to, reply_to, kind: PartKind::Interim, content };
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
                    known = known.or(central.direct_chat(&channel, None, &handle.id)?);
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

    /// Nobody can be asked: tells the requester, and ends an agent's request.
    pub(super) async fn tell_nobody(&self, row: &QuestionRow) -> Result<(), StoreError> {
        let request = match row.question.kind {
            QuestionKind::Sender | QuestionKind::Agent => Request::Sender,
            QuestionKind::Chat => Request::Chat,
            QuestionKind::Change => {
                let id = row.id;
                let expire = move |central: &mut CentralStore| central.expire_question(id);
                return self.host.central.write("an expiry", expire).await.map(drop);
            }
        };
        let Some(to) = self.place_of(row).await? else {
            return Ok(());
        };
        let part = NewPart {
            key: nobody_key(row.id),
            to,
            reply_to: String::new(),
            kind: PartKind::Notice,
            content: Draft::Text(told(request, News::NobodyReachable)),
        };
        let now = self.now();
        self.host.central.write("a notice", move |it| it.say(&part, now)).await
    }
}

async fn open_direct(host: Arc<Host>, (channel, account, handle): Direct) -> Option<String> {
    let ask = |reply| ChannelsMessage::OpenDirect { channel, account, handle, reply };
    match host.peers.channels.call_within(OPEN_MAX, ask).await? {
        Ok(chat) => Some(chat),
        Err(err) => {
            info!(why = chain(&err), "an approver cannot be reached there");
            None
        }
    }
}
