//! Requests that routers bring: unknown users, new chats, codes. Each is one commit;
//! the actor is only told to look.

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
use store::{
    Draft, NewPart, PairingId, PairingRow, PartKind, Put, Question, QuestionKind, StoreError,
};

use super::ApprovalMessage;
use super::asking::news;
use super::settling::overtaken;
use crate::host::Host;

/// Asks those who may decide: whether the sender of a message may talk to an agent, or which of
/// `agents` a new chat belongs to. `None` when that was decided while the message was on its way; the
/// router looks again.
pub(crate) async fn request_access(
    host: &Host,
    message: &Incoming,
    peer: Option<String>,
    ask: &Ask,
    agents: &[AgentGroup],
) -> Result<Option<Put>, StoreError> {
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
            let taken = host.central.read(|central| central.agent_names_taken()).await?;
            let agents: Vec<AgentName> = agents.iter().map(|it| it.name.clone()).collect();
            let options = chat_options(&agents, &agent_name_for(title, &taken));
            (QuestionKind::Chat, None, options, texts::approval::unknown_chat(message))
        }
    };
    let now = host.clock.now();
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
    ask_about(host, question, message.clone(), peer).await
}

async fn ask_about(
    host: &Host,
    mut question: Question,
    message: Incoming,
    peer: Option<String>,
) -> Result<Option<Put>, StoreError> {
    let put = host
        .central
        .write("a question", move |central| {
            let chat = central.chat(&message.from)?;
            question.chat = chat.as_ref().map(|it| it.id);
            let is_denied = match (&question.agent, Handle::parse(&question.requester)) {
                (Some(agent), Some(handle)) => central.is_denied(&handle, agent)?,
                (Some(_), None) => false,
                (None, _) => chat.is_some_and(|it| it.denied_at.is_some()),
            };
            if is_denied || overtaken(central, &question)?.is_some() {
                return Ok(None);
            }
            let say = |id: QuestionId| {
                let (key, to) = (format!("q{id}.asked"), message.from.clone());
                let part =
                    NewPart::new(key, to, PartKind::Interim, news(question.kind, News::Asked));
                vec![part.replying_to(message.platform_id.clone())]
            };
            central.request_access(&question, &message, peer.as_deref(), say).map(Some)
        })
        .await?;
    host.peers.approvals.cast(ApprovalMessage::Look);
    Ok(put)
}

/// Takes a message that is a code. Returns whether it was one; then it is for nobody else.
pub(crate) async fn pair(host: &Host, message: &Incoming) -> Result<bool, StoreError> {
    let (message, now) = (message.clone(), host.clock.now());
    let was_code = host
        .central
        .write("a pairing", move |central| {
            if central.has_said(&pair_key(&message))? {
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
                Attempt::Busy => return central.add_refusal(&message, &text, now).map(|_| true),
                Attempt::Paired { id } => {
                    central.use_pairing(PairingId(id), &message, now)?;
                    // No platform of ours tells where somebody lives.
                    let zone = central.zone_for(central.person_of(&handle)?)?;
                    text = format!("{text} {}", texts::pairing::zone(zone.name()));
                }
            }
            let (key, content) = (pair_key(&message).0, Draft::Text(text));
            let part = NewPart::new(key, message.from, PartKind::Answer, content);
            central.say(&part.replying_to(message.platform_id), now)?;
            Ok(true)
        })
        .await?;
    if was_code {
        host.peers.approvals.cast(ApprovalMessage::Look);
    }
    Ok(was_code)
}

/// The part that answers a code: one per message, however often it is delivered.
pub(crate) fn pair_key(message: &Incoming) -> PartKey {
    let (channel, chat, id) = (&message.from.channel, &message.from.chat, &message.platform_id);
    PartKey(format!("pair.{channel}.{chat}.{id}"))
}
