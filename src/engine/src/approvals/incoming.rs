//! What routing brings: requests of unknown users and new chats, codes, and answers to cards, pressed where
//! there are buttons, else typed. Each is part of the commit that decides on its message.

use domain::AgentName;
use domain::admission::Ask;
use domain::agent::AgentGroup;
use domain::approval::{
    APPROVAL_LIFE, News, asked_by, chat_options, second_option, second_options, sender_options,
};
use domain::delivery::PartKey;
use domain::message::{Address, Author, AuthorKind, Incoming};
use domain::naming::agent_name_for;
use domain::outgoing::{Caps, Card};
use domain::pairing::{self, Attempt, Code};
use domain::people::{Handle, Identity};
use domain::question::{
    CardCode, CardView, JUST_CLOSED, QuestionId, Typed, buttons, may_answer, typed,
};
use domain::texts::{self, greeting, questions::numbered};
use domain::time::Timestamp;
use store::{
    CardRow, CentralStore, Draft, NewPart, PairingId, PairingRow, PartKind, Put, Question,
    QuestionKind, QuestionRow, QuestionState, Target,
};
use tracing::info;

use super::asking::news;
use crate::Result;
use crate::host::Host;

/// Asks those who may decide: whether the sender of a message may talk to an agent, or which of
/// `agents` a new chat belongs to. `is_told`: the sender can be told so.
pub(crate) fn request_access(
    central: &mut CentralStore,
    (message, peer, is_told): (&Incoming, Option<String>, bool),
    ask: &Ask,
    agents: &[AgentGroup],
    now: Timestamp,
) -> Result<Put> {
    let body = &message.body;
    let handle = Handle::new(&message.from.channel, &body.sender.id);
    let (kind, agent, options, text) = match ask {
        Ask::Sender { agent } => {
            let text = texts::approval::unknown_sender(agent, message);
            (QuestionKind::Sender, Some(agent.clone()), sender_options(), text)
        }
        Ask::Chat => {
            let title = &body.chat.title;
            let title = if title.is_empty() { &body.sender.name } else { title };
            // An agent that was removed would bring its memory along.
            let taken = central.agent_names_taken()?;
            let agents: Vec<AgentName> = agents.iter().map(|it| it.name.clone()).collect();
            let options = chat_options(&agents, &agent_name_for(title, &taken));
            (QuestionKind::Chat, None, options, texts::approval::unknown_chat(message))
        }
    };
    let question = Question {
        kind,
        agent,
        // That of the message, made with the request where it is new.
        chat: None,
        thread: message.from.thread.clone(),
        session: None,
        requester: handle.to_string(),
        requester_name: body.sender.name.clone(),
        text,
        options,
        payload: String::new(),
        asked_at: now,
        expires_at: now + APPROVAL_LIFE,
    };
    let say = |id: QuestionId| {
        let (key, to) = (format!("q{id}.asked"), message.from.clone());
        let part = NewPart::new(key, to, PartKind::Interim, news(kind, News::Asked));
        part.replying_to(message.platform_id.clone())
    };
    central.request_access(&question, message, peer.as_deref(), is_told.then_some(say))
}

/// Takes a message that is a code. Returns whether it was one; then it is for nobody else.
pub(crate) fn pair(central: &mut CentralStore, message: &Incoming, now: Timestamp) -> Result<bool> {
    if central.has_said(&pair_key(message))? {
        return Ok(true);
    }
    let handle = Handle::new(&message.from.channel, &message.body.sender.id);
    let code = |row: PairingRow| Some((row.id.0, Code::parse(&row.pairing.code)?));
    let open = central.open_pairings(now)?;
    let open: Vec<(i64, Code)> = open.into_iter().filter_map(code).collect();
    let guesses = central.guesses(&handle, now)?;
    let attempt = pairing::attempt(&open, guesses, &message.body.text);
    let mut text = texts::pairing::answer(attempt).unwrap_or_default().to_owned();
    match attempt {
        Attempt::NotACode => return Ok(false),
        Attempt::Wrong { .. } => central.count_wrong(&handle, now)?,
        Attempt::Busy => return central.add_refusal(message, &text, now).map(|_| true),
        // The code stays good for who it is for.
        Attempt::Paired { .. } if message.body.sender.kind == AuthorKind::Shared => {
            greeting::SHARED.clone_into(&mut text);
        }
        Attempt::Paired { id } => {
            central.use_pairing(PairingId(id), message, now)?;
            // No platform of ours tells where somebody lives.
            let zone = central.zone_for(central.person_of(&handle)?)?;
            text = format!("{text} {}", texts::pairing::zone(zone.name()));
        }
    }
    let (key, content) = (pair_key(message).0, Draft::Text(text));
    let part = NewPart::new(key, message.from.clone(), PartKind::Answer, content);
    central.say(&part.replying_to(message.platform_id.clone()), now)?;
    Ok(true)
}

/// The part that answers a code: one per message, however often it is delivered.
pub(crate) fn pair_key(message: &Incoming) -> PartKey {
    let (channel, chat, id) = (&message.from.channel, &message.from.chat, &message.platform_id);
    PartKey(format!("pair.{channel}.{chat}.{id}"))
}

pub(crate) struct Answer<'a> {
    pub(crate) id: QuestionId,
    pub(crate) index: usize,
    /// Where it was given.
    pub(crate) chat: &'a Address,
    pub(crate) by: &'a Author,
    /// The message, where it was typed.
    pub(crate) with: Option<&'a Incoming>,
}

/// Records an answer if the question is open, was asked here, and the user may answer. One that
/// would share an agent is taken only where a second card asked about it; the first one has it asked.
pub(crate) fn answer(
    host: &Host,
    central: &mut CentralStore,
    answer: &Answer<'_>,
    now: Timestamp,
) -> Result<bool> {
    let Some(row) = central.question(answer.id)? else { return Ok(false) };
    let here = |card: &&CardRow| card.to.is_same_chat(answer.chat);
    let Some(card) = row.cards.iter().find(here) else { return Ok(false) };
    let handle = Handle::new(&answer.chat.channel, &answer.by.id);
    let options = &row.question.options;
    // Nobody knows which of several people answered.
    if answer.by.kind == AuthorKind::Shared {
        return Ok(false);
    }
    if row.state != QuestionState::Open || options.len() <= answer.index {
        return Ok(false);
    }
    if !may(central, &row, &handle)? {
        info!(question = %row.id, "somebody answered who may not");
        return Ok(false);
    }
    let is_access = matches!(row.question.kind, QuestionKind::Sender | QuestionKind::Chat);
    if let Some(wanted) = second_option(options, answer.index).filter(|_| is_access) {
        let caps = host.caps_of(answer.chat);
        let part = second_card(central, &row, card, (wanted, answer), caps)?;
        central.put_second(row.id, wanted, &part, now)?;
        return Ok(true);
    }
    let is_second = is_access && asked_by(options, answer.index).is_some();
    if is_second && central.second_of(row.id)? != Some(answer.index) {
        return Ok(false);
    }
    let (value, with) = (&options[answer.index].value, answer.with);
    let with = with.map(|it| it.platform_id.as_str());
    central.answer_question(row.id, value, &handle.to_string(), with, now)
}

/// Asks whether an agent is really to be shared, in the place of the first card where that is
/// possible.
fn second_card(
    central: &CentralStore,
    row: &QuestionRow,
    card: &CardRow,
    (wanted, answer): (usize, &Answer<'_>),
    caps: Caps,
) -> Result<NewPart> {
    let chat = row.question.chat.map(|it| central.chat_by_id(it)).transpose()?.flatten();
    let title = chat.map(|it| it.title).unwrap_or_default();
    let text = row.share_text(&title, wanted).unwrap_or_default();
    let options = second_options(&row.question.options, wanted);
    let content = if caps.buttons {
        let card_text = Card { text, buttons: buttons(row.id, options) };
        match caps.edits {
            true => Draft::Edit(Target::Part(card.part.clone()), card_text),
            false => Draft::Card(card_text),
        }
    } else {
        Draft::Text(numbered(&text, options, central.card_code(row.id)?))
    };
    let key = match answer.with {
        Some(message) => which_key(message).0,
        None => format!("{}.ask{wanted}", card.part.0),
    };
    Ok(NewPart::new(key, card.to.clone(), PartKind::Interim, content))
}

/// What a text means for the cards of its chat, where the platform has no buttons.
pub(crate) fn typed_in(
    central: &CentralStore,
    message: &Incoming,
    now: Timestamp,
) -> Result<Typed> {
    let handle = Handle::new(&message.from.channel, &message.body.sender.id);
    // A card that closed just now may still be answered by somebody.
    let (closed_since, own) = (now - JUST_CLOSED, handle.to_string());
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
    Ok(typed(&message.body.text, &views))
}

/// Tells a user whose typed answer could mean several cards how to name one.
pub(crate) fn ask_which(
    central: &mut CentralStore,
    message: &Incoming,
    hint: &str,
    now: Timestamp,
) -> Result<()> {
    let (key, content) = (which_key(message).0, Draft::Text(hint.to_owned()));
    let part = NewPart::new(key, message.from.clone(), PartKind::Answer, content);
    central.say(&part.replying_to(message.platform_id.clone()), now).map(drop)
}

/// The part that answers a typed message which decides nothing: one per message, so that delivered
/// again it decides nothing either.
pub(crate) fn which_key(message: &Incoming) -> PartKey {
    let Address { channel, account, chat, .. } = &message.from;
    PartKey(format!("which.{channel}.{account}.{chat}.{}", message.platform_id))
}

/// Whether this person's answer to a question counts.
fn may(central: &CentralStore, row: &QuestionRow, handle: &Handle) -> Result<bool> {
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
    let (agent, led_to_it) = match (&row.question.kind, row.question.agent.as_ref()) {
        (QuestionKind::Agent, Some(agent)) => (Some(agent), led_to_it.as_ref()),
        (QuestionKind::Sender | QuestionKind::Change, Some(agent)) => (Some(agent), None),
        (_, _) => (None, None),
    };
    Ok(may_answer(agent, led_to_it, &who, known.as_ref().map(|it| &it.1)))
}
