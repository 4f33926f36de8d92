//! Requests that routers bring: unknown users, new chats, codes. Each is one commit;
//! the actor is only told to look.

use domain::AgentName;
use domain::approval::APPROVAL_LIFE;
use domain::approval::{
    ChatLabel, News, Request, Writer, chat_options, sender_options, told, unknown_chat_card,
    unknown_sender_card,
};
use domain::delivery::PartKey;
use domain::message::{Address, ChatInfo, Incoming};
use domain::naming::agent_name_for;
use domain::pairing::{self, Attempt, Code, OpenCode, PairingView};
use domain::people::{Handle, access};
use domain::question::QuestionId;
use domain::time::Timestamp;
use store::{
    CentralStore, Draft, NewPart, PairingId, PairingUse, PartKind, Put, Question, QuestionKind,
    StoreError,
};

use super::ApprovalMessage;
use crate::host::Host;

/// The state of an access request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessRequest {
    /// The message waits for the answer.
    Waits,
    /// People are asked about too many others; the message was counted.
    Full,
    /// It was decided while the message was on its way; the router looks again.
    Decided,
}

/// Asks those who may decide whether the sender may talk to this agent.
pub(crate) async fn request_sender_access(
    host: &Host,
    message: &Incoming,
    peer: Option<String>,
    agent: AgentName,
) -> Result<AccessRequest, StoreError> {
    let handle = Handle::new(&message.from.channel, &message.sender.id);
    let text = unknown_sender_card(&agent, &chat_label(message), &writer(message, &handle));
    let question = Question {
        kind: QuestionKind::Sender,
        agent: Some(agent),
        options: sender_options(),
        text,
        ..access_question(message, host.clock.now())
    };
    ask(host, question, (message, peer), Request::Sender).await
}

/// Asks those who may decide which agent a new chat belongs to.
pub(crate) async fn request_chat_access(
    host: &Host,
    message: &Incoming,
    peer: Option<String>,
    agents: &[AgentName],
) -> Result<AccessRequest, StoreError> {
    let handle = Handle::new(&message.from.channel, &message.sender.id);
    let title = &message.chat.title;
    let title = if title.is_empty() { &message.sender.name } else { title };
    // An agent that was removed would bring its memory along.
    let taken = host.central.read(|central| central.agent_names_taken()).await?;
    let question = Question {
        kind: QuestionKind::Chat,
        options: chat_options(agents, &agent_name_for(title, &taken)),
        text: unknown_chat_card(&chat_label(message), &writer(message, &handle)),
        ..access_question(message, host.clock.now())
    };
    ask(host, question, (message, peer), Request::Chat).await
}

fn chat_label(message: &Incoming) -> ChatLabel<'_> {
    ChatLabel {
        channel: &message.from.channel,
        title: &message.chat.title,
        is_group: message.chat.is_group,
    }
}

fn writer<'a>(message: &'a Incoming, handle: &'a Handle) -> Writer<'a> {
    Writer { name: &message.sender.name, handle, excerpt: &message.text }
}

fn access_question(message: &Incoming, now: Timestamp) -> Question {
    Question {
        kind: QuestionKind::Chat,
        agent: None,
        // That of the message, made with the request where it is new.
        chat: None,
        thread: message.from.thread.clone(),
        session: None,
        requester: Handle::new(&message.from.channel, &message.sender.id).to_string(),
        requester_name: message.sender.name.clone(),
        text: String::new(),
        options: Vec::new(),
        payload: String::new(),
        asked_at: now,
        expires_at: now + APPROVAL_LIFE,
    }
}

async fn ask(
    host: &Host,
    question: Question,
    (message, peer): (&Incoming, Option<String>),
    request: Request,
) -> Result<AccessRequest, StoreError> {
    let message = message.clone();
    let access_request = host
        .central
        .write("a question", move |central| {
            if is_decided(central, &question, &message.from)? {
                return Ok(AccessRequest::Decided);
            }
            let (to, reply_to) = (message.from.clone(), message.platform_id.clone());
            let say = |id: QuestionId| {
                let text = Draft::Text(told(request, News::Asked).to_owned());
                let part = NewPart::new(format!("q{id}.asked"), to, PartKind::Interim, text);
                vec![part.replying_to(reply_to)]
            };
            let put = central.request_access(&question, &message, peer.as_deref(), say)?;
            Ok(match put {
                Put::New(_) | Put::Joined(_) => AccessRequest::Waits,
                Put::Full => AccessRequest::Full,
            })
        })
        .await?;
    host.peers.approvals.cast(ApprovalMessage::Look);
    Ok(access_request)
}

fn is_decided(
    central: &CentralStore,
    question: &Question,
    from: &Address,
) -> Result<bool, StoreError> {
    match (&question.agent, Handle::parse(&question.requester), central.chat(from)?) {
        (Some(agent), Some(handle), _) => {
            let known = central.standing(&handle)?;
            let is_known = access(known.as_ref().map(|it| &it.1), agent).is_known();
            Ok(is_known || central.is_denied(&handle, agent)?)
        }
        (None, _, Some(chat)) => {
            Ok(chat.denied_at.is_some() || !central.wirings_of(chat.id)?.is_empty())
        }
        (_, _, _) => Ok(false),
    }
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
            let open = central.open_pairings(now)?;
            let handle = Handle::new(&message.from.channel, &message.sender.id);
            let guesses = central.guesses(&handle, now)?;
            let codes: Vec<OpenCode> = open
                .iter()
                .filter_map(|row| {
                    Some(OpenCode {
                        id: row.id.0,
                        code: Code::parse(&row.pairing.code)?,
                        expires_at: row.pairing.expires_at,
                    })
                })
                .collect();
            let view = PairingView {
                codes: &codes,
                sender_wrong: guesses.by_sender,
                all_wrong: guesses.by_all,
                mentions: &[],
            };
            let attempt = pairing::attempt(&view, without_mention(&message.text), now);
            match attempt {
                Attempt::NotACode => return Ok(false),
                Attempt::Wrong { .. } => central.count_wrong(&handle, now)?,
                Attempt::Busy => {
                    let why = pairing::answer(attempt).unwrap_or_default();
                    central.add_refusal(&message, &why, now)?;
                    return Ok(true);
                }
                Attempt::Expired { id } => {
                    central.close_pairings(Some(PairingId(id)), now)?;
                }
                Attempt::Paired { id } => {
                    let by = PairingUse {
                        handle,
                        name: message.sender.name.clone(),
                        from: message.from.clone(),
                        chat: ChatInfo { ..message.chat.clone() },
                    };
                    central.use_pairing(PairingId(id), &by, now)?;
                }
            }
            let more = zone_sentence(central, &message, attempt)?;
            central.say(&reply(&message, attempt, &more), now)?;
            Ok(true)
        })
        .await?;
    if was_code {
        host.peers.approvals.cast(ApprovalMessage::Look);
    }
    Ok(was_code)
}

/// A platform's mention stands in front of the text.
fn without_mention(text: &str) -> &str {
    match text.trim().split_once(char::is_whitespace) {
        Some((first, rest)) if first.starts_with('@') => rest.trim(),
        _ => text,
    }
}

/// The part that answers a code: one per message, however often it is delivered.
pub(crate) fn pair_key(message: &Incoming) -> PartKey {
    let (channel, chat, id) = (&message.from.channel, &message.from.chat, &message.platform_id);
    PartKey(format!("pair.{channel}.{chat}.{id}"))
}

/// For a user who was paired; empty for all others. No platform of ours tells where somebody lives.
fn zone_sentence(
    central: &CentralStore,
    message: &Incoming,
    attempt: Attempt,
) -> Result<String, StoreError> {
    if !matches!(attempt, Attempt::Paired { .. }) {
        return Ok(String::new());
    }
    let handle = Handle::new(&message.from.channel, &message.sender.id);
    let person = central.person_of(&handle)?;
    let zone = central.zone_for(person)?;
    Ok(format!(" {}", pairing::zone_sentence(zone.name())))
}

fn reply(message: &Incoming, attempt: Attempt, more: &str) -> NewPart {
    let text = Draft::Text(pairing::answer(attempt).unwrap_or_default() + more);
    NewPart::new(pair_key(message).0, message.from.clone(), PartKind::Answer, text)
        .replying_to(message.platform_id.clone())
}
