//! Requests that routing brings: unknown users, new chats, codes. Each is part of the commit that decides on
//! its message.

use domain::AgentName;
use domain::admission::Ask;
use domain::agent::AgentGroup;
use domain::approval::{APPROVAL_LIFE, News, chat_options, sender_options};
use domain::delivery::PartKey;
use domain::message::Incoming;
use domain::naming::agent_name_for;
use domain::pairing::{self, Attempt, Code};
use domain::people::Handle;
use domain::question::QuestionId;
use domain::texts;
use domain::time::Timestamp;
use store::{
    CentralStore, Draft, NewPart, PairingId, PairingRow, PartKind, Put, Question, QuestionKind,
    StoreError,
};

use super::asking::news;

/// Asks those who may decide: whether the sender of a message may talk to an agent, or which of
/// `agents` a new chat belongs to.
pub(crate) fn request_access(
    central: &mut CentralStore,
    message: &Incoming,
    peer: Option<String>,
    ask: &Ask,
    agents: &[AgentGroup],
    now: Timestamp,
) -> Result<Put, StoreError> {
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
        vec![part.replying_to(message.platform_id.clone())]
    };
    central.request_access(&question, message, peer.as_deref(), say)
}

/// Takes a message that is a code. Returns whether it was one; then it is for nobody else.
pub(crate) fn pair(
    central: &mut CentralStore,
    message: &Incoming,
    now: Timestamp,
) -> Result<bool, StoreError> {
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
