//! Answers that people give to cards: pressed where there are buttons, else typed.

use domain::delivery::PartKey;
use domain::message::{Address, Author, Incoming};
use domain::people::{Handle, Identity};
use domain::question::{
    Audience, CardCode, CardView, JUST_CLOSED, Opt, QuestionId, Typed, may_answer, typed,
};
use domain::time::Timestamp;
use store::{
    CentralStore, Draft, NewPart, PartKind, QuestionKind, QuestionRow, QuestionState, StoreError,
};
use tracing::info;

use super::ReceptionMessage;
use crate::host::Host;

/// An answer that somebody typed or clicked.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) id: QuestionId,
    pub(crate) index: usize,
    /// Where it was given.
    pub(crate) chat: Address,
    pub(crate) by: Author,
    /// The platform's id of the message, where it was typed.
    pub(crate) with: Option<String>,
}

/// Takes an answer, if the question is open, was put in this chat, and whoever answers may.
pub(crate) async fn answer(host: &Host, answer: Answer) -> Result<bool, StoreError> {
    let taken = host
        .central
        .write("an answer", move |central| {
            let Some(row) = central.question(answer.id)? else {
                return Ok(false);
            };
            let here = |it: &Address| {
                (&it.channel, &it.account, &it.chat)
                    == (&answer.chat.channel, &answer.chat.account, &answer.chat.chat)
            };
            if row.state != QuestionState::Open || !row.cards.iter().any(|it| here(&it.to)) {
                return Ok(false);
            }
            let Some(option) = row.question.options.get(answer.index).cloned() else {
                return Ok(false);
            };
            record(central, &row, &option, &answer)
        })
        .await?;
    if taken {
        host.peers.reception.cast(ReceptionMessage::Look);
    }
    Ok(taken)
}

/// What a text means for the cards of its chat, where the platform has no buttons.
pub(crate) fn typed_in(
    central: &CentralStore,
    message: &Incoming,
    now: Timestamp,
) -> Result<Typed, StoreError> {
    let handle = Handle::new(&message.from.channel, &message.sender.id);
    let (closed_since, own) = (before(now), handle.to_string());
    let mut cards: Vec<(QuestionRow, CardCode)> = Vec::new();
    for row in central.questions_in(&message.from, closed_since)? {
        let is_own = matches!(&row.state, QuestionState::Answered { by, .. } if *by == own);
        if !is_own && may(central, &row, &handle)? {
            let code = central.card_code(row.id)?;
            cards.push((row, code));
        }
    }
    let views: Vec<CardView<'_>> = cards
        .iter()
        .map(|(row, code)| CardView {
            id: row.id,
            code: *code,
            text: &row.question.text,
            options: &row.question.options,
            is_open: row.state == QuestionState::Open,
        })
        .collect();
    Ok(typed(&message.text, &views))
}

/// The earliest end of a card that somebody may still be answering.
fn before(now: Timestamp) -> Timestamp {
    let span = i64::try_from(JUST_CLOSED.as_millis()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(span))
}

/// Tells whoever typed an answer that could mean several cards how to name one.
pub(crate) async fn ask_which(
    host: &Host,
    message: &Incoming,
    hint: String,
) -> Result<(), StoreError> {
    let part = NewPart {
        key: which_key(message),
        to: message.from.clone(),
        reply_to: message.platform_id.clone(),
        kind: PartKind::Answer,
        content: Draft::Text(hint),
    };
    let now = host.clock.now();
    host.central.write("a hint", move |central| central.say(&part, now)).await?;
    host.peers.reception.cast(ReceptionMessage::Look);
    Ok(())
}

/// The part of [`ask_which`]: one per message, so that delivered again it is no answer either.
pub(crate) fn which_key(message: &Incoming) -> PartKey {
    let Address { channel, account, chat, .. } = &message.from;
    PartKey(format!("which.{channel}.{account}.{chat}.{}", message.platform_id))
}

/// Whether this person's answer to a question counts.
fn may(central: &CentralStore, row: &QuestionRow, handle: &Handle) -> Result<bool, StoreError> {
    // Only the owner of this host writes at the terminal.
    if handle.channel == channel::cli::NAME {
        return Ok(true);
    }
    let known = central.standing(handle)?;
    let who = Identity { handle: handle.clone(), person: known.as_ref().map(|it| it.0) };
    let led_to_it = match Handle::parse(&row.question.requester) {
        Some(handle) => Some(Identity { person: central.person_of(&handle)?, handle }),
        None => None,
    };
    let audience = match (&row.question.kind, &row.question.agent) {
        (QuestionKind::Agent, Some(agent)) => {
            Audience::Asker { agent, led_to_it: led_to_it.as_ref() }
        }
        (QuestionKind::Sender | QuestionKind::Change, Some(agent)) => Audience::AdminsOf { agent },
        (_, _) => Audience::HostAdmins,
    };
    Ok(may_answer(&audience, &who, known.as_ref().map(|it| &it.1)))
}

fn record(
    central: &mut CentralStore,
    row: &QuestionRow,
    option: &Opt,
    answer: &Answer,
) -> Result<bool, StoreError> {
    let handle = Handle::new(&answer.chat.channel, &answer.by.id);
    if !may(central, row, &handle)? {
        info!(question = %row.id, "somebody answered who may not");
        return Ok(false);
    }
    central.answer_question(row.id, &option.value, &handle.to_string(), answer.with.as_deref())
}
