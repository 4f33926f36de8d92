//! Puts questions to people: who may decide, where they can be reached, what they see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use channel::Registration;
use domain::approval::{
    APPROVAL_LIFE, Approver, AskedOne, Candidate, ESCALATE_AFTER, News, OpenView, approvers,
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
use store::{CentralStore, Draft, NewPart, PartKind, Question, QuestionKind, QuestionRow, RoleRow};
use tokio::time::Instant;
use tracing::info;

use super::Approvals;
use super::settling::overtaken;
use crate::Result;
use crate::host::{Host, LOCAL};

/// Somebody, and the channel on which they are to be written to in private.
pub(super) type Direct = (PersonId, String);

/// The private chats that platforms are asked for, and those that they do not have.
pub(super) type Directs = Arc<Mutex<BTreeMap<Direct, Private>>>;

/// Platforms that are asked at a time; more wait for one to answer.
const CALLS_MAX: usize = 64;

/// What is known about the private chat of somebody.
#[derive(Clone, Debug)]
pub(super) enum Private {
    At(Address),
    /// The platform is being asked; the next look comes when it has answered.
    Asking,
    /// Since it said so; it is asked again after a while.
    Nowhere(Instant),
}

fn nobody_key(id: QuestionId) -> String {
    format!("q{id}.nobody")
}

/// What the requester of a question of this kind is told.
pub(super) fn news(kind: QuestionKind, news: News) -> Draft {
    Draft::Text(told(news, kind == QuestionKind::Chat))
}

pub(super) fn place_of(central: &CentralStore, question: &Question) -> Result<Option<Address>> {
    let found = question.chat.map(|it| central.chat_by_id(it)).transpose()?.flatten();
    Ok(found.map(|it| Address { thread: question.thread.clone(), ..it.address }))
}

impl Approvals {
    pub(super) fn forget_unreachable(&self) {
        let is_recent = |since: &Instant| since.elapsed() < ESCALATE_AFTER;
        locked(&self.directs).retain(|_, it| !matches!(it, Private::Nowhere(at) if !is_recent(at)));
    }

    /// What is known about an open question, where it came up, and whether it is [`overtaken`].
    pub(super) async fn known(
        &self,
        row: &QuestionRow,
    ) -> Result<(OpenView, Option<Address>, Option<String>)> {
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
        // Where nothing can be said, nobody waits for it.
        let is_silent = place.as_ref().is_none_or(|it| self.host.caps_of(it).mute);
        let told_nobody = told_nobody || (is_silent && question.session.is_none());
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
        let (in_person, life) = match question.kind {
            QuestionKind::Agent => (false, question.expires_at.since(question.asked_at)),
            QuestionKind::Sender | QuestionKind::Chat | QuestionKind::Change => {
                (true, APPROVAL_LIFE)
            }
        };
        let (opened_at, asked) = (question.asked_at, asked.collect());
        let view = OpenView { in_person, opened_at, life, asked, approvers, told_nobody };
        Ok((view, place, overtaken))
    }

    pub(super) fn candidate(&self, (row, handles): &(RoleRow, Vec<Handle>)) -> Vec<Candidate> {
        let directs = locked(&self.directs);
        let is_lost = |channel: &str| {
            let known = directs.get(&(row.person, channel.to_owned()));
            matches!(known, Some(Private::Nowhere(_)))
        };
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
    pub(super) async fn ask(&mut self, row: &QuestionRow, approver: &Approver) -> Result<bool> {
        match self.private_chat(approver).await? {
            Private::At(to) => self.put(row, Some(approver.person), (to, String::new())).await?,
            Private::Asking => return Ok(false),
            Private::Nowhere(_) => {}
        }
        Ok(true)
    }

    /// Puts what an agent asks where it was led to ask. Returns whether that is new.
    pub(super) async fn ask_in_chat(
        &self,
        row: &QuestionRow,
        place: Option<Address>,
    ) -> Result<bool> {
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
    ) -> Result<()> {
        let has_buttons = self.host.caps_of(&to).buttons;
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
    pub(super) async fn private_chat(&mut self, to: &Approver) -> Result<Private> {
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
        let needs_none = |it: &&Registration| !it.needs_account();
        names.extend(self.host.registration(&to.channel).filter(needs_none).map(|_| LOCAL.into()));
        let accounts = names.into_iter().flat_map(|name| {
            let channel = to.channel.clone();
            let account = Address { channel, account: name, ..Address::default() };
            handles.iter().map(move |it| (account.clone(), it.id.clone()))
        });
        Ok(self.open_direct(to, accounts.collect()))
    }

    /// What the platform answered. Until then it is being asked, and the next look comes after that.
    fn open_direct(&mut self, to: &Approver, accounts: Vec<(Address, String)>) -> Private {
        let direct = (to.person, to.channel.clone());
        let mut directs = locked(&self.directs);
        match directs.get(&direct).cloned() {
            Some(found @ Private::At(_)) => {
                directs.remove(&direct);
                return found;
            }
            Some(known) => return known,
            None => {}
        }
        let is_asking = |it: &&Private| matches!(it, Private::Asking);
        if directs.values().filter(is_asking).count() < CALLS_MAX {
            directs.insert(direct.clone(), Private::Asking);
            let (host, shared) = (Arc::clone(&self.host), Arc::clone(&self.directs));
            self.calls.spawn(async move {
                let found = first_direct(&host, accounts).await;
                let found = found.map_or_else(|| Private::Nowhere(Instant::now()), Private::At);
                locked(&shared).insert(direct, found);
                host.wake_approvals();
            });
        }
        Private::Asking
    }

    pub(super) async fn tell_nobody(
        &self,
        row: &QuestionRow,
        place: Option<Address>,
    ) -> Result<()> {
        let Some(to) = place else { return Ok(()) };
        let content = news(row.question.kind, News::NobodyReachable);
        let part = NewPart::new(nobody_key(row.id), to, PartKind::Notice, content);
        let now = self.now();
        self.host.central.write("a notice", move |it| it.say(&part, now)).await.map(drop)
    }
}

/// The private chat that one of these accounts has with a handle.
async fn first_direct(host: &Host, accounts: Vec<(Address, String)>) -> Option<Address> {
    for (account, handle) in accounts {
        match host.actors.open_direct(account.clone(), handle).await {
            Some(Ok(chat)) => return Some(Address { chat, ..account }),
            Some(Err(err)) => info!(why = chain(&err), "an approver cannot be reached there"),
            None => {}
        }
    }
    None
}

fn locked<T>(directs: &Mutex<T>) -> MutexGuard<'_, T> {
    directs.lock().unwrap_or_else(PoisonError::into_inner)
}
