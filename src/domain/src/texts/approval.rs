//! What approvers read: cards, and their ends. Names, titles and excerpts of others are inline code.

use crate::AgentName;
use crate::approval::{self, ChatChoice};
use crate::message::Incoming;
use crate::plain::{one_line, quoted, shell_word};
use crate::session_key::ChatId;

const NAME_CHARS_MAX: usize = 60;
const EXCERPT_CHARS_MAX: usize = 200;
/// Of the card that a notice about its end names.
const QUESTION_CHARS_MAX: usize = 120;
const COMMAND_CHARS_MAX: usize = 160;
pub const DETAIL_CHARS_MAX: usize = 300;
const DETAILS_MAX: usize = 12;

pub fn unknown_sender(agent: &AgentName, message: &Incoming) -> String {
    let (sender, chat, said) = (sender(message), chat(message), said(message));
    format!(
        "{sender} wrote to `{agent}` in {chat}. I don't know them. May they talk to `{agent}`?\n{said}\n\
         This shares `{agent}`: anyone who talks to it can read its memory and files."
    )
}

pub fn unknown_chat(message: &Incoming) -> String {
    let (sender, chat, said) = (sender(message), chat(message), said(message));
    format!(
        "{sender} wrote to me in {chat}. No agent answers there yet. Which one should?\n{said}\nA new \
         agent shares nothing. If you share an agent, everyone in that chat can read its memory and files."
    )
}

fn sender(message: &Incoming) -> String {
    let sender = &message.body.sender;
    let name = quoted(&sender.name, NAME_CHARS_MAX, "Someone without a name");
    let handle = format!("{}:{}", message.from.channel, sender.id);
    format!("{name} ({})", quoted(&handle, NAME_CHARS_MAX, "unknown"))
}

fn chat(message: &Incoming) -> String {
    let channel = quoted(&message.from.channel, NAME_CHARS_MAX, "a channel");
    let title = quoted(&message.body.chat.title, NAME_CHARS_MAX, "");
    match (message.body.chat.is_group, title.as_str()) {
        (true, "") => format!("a group on {channel}"),
        (true, title) => format!("the group {title} on {channel}"),
        (false, _) => format!("a direct chat on {channel}"),
    }
}

fn said(message: &Incoming) -> String {
    format!("The message: {}", quoted(&message.body.text, EXCERPT_CHARS_MAX, "no text"))
}

pub fn share(agent: &AgentName, with: &str, question: &str) -> String {
    format!(
        "Share `{agent}` with {}? They'll be able to read its memory and files.\nThe question was: {}",
        quoted(with, NAME_CHARS_MAX, "an unknown user"),
        quoted(question, EXCERPT_CHARS_MAX, "no text")
    )
}

/// `command` is in the agent's words; `details` is everything that it would do, one line each.
pub fn change(agent: &AgentName, command: &str, details: &[String]) -> String {
    let mut lines = vec![format!("`{agent}` wants to run {}. Allow it?", detail(command))];
    lines.extend(details.iter().take(DETAILS_MAX).map(|it| format!("- {}", detail(it))));
    if DETAILS_MAX < details.len() {
        lines.push(format!("- and {} more that do not fit here", details.len() - DETAILS_MAX));
    }
    lines.join("\n")
}

/// The approver must know when they do not see everything.
fn detail(text: &str) -> String {
    let hidden = one_line(text).chars().count().saturating_sub(DETAIL_CHARS_MAX);
    let shown = quoted(text, DETAIL_CHARS_MAX, "nothing");
    if hidden == 0 { shown } else { format!("{shown} ({hidden} more characters not shown)") }
}

#[derive(Clone, Copy, Debug)]
pub enum Matter<'a> {
    Sender { who: &'a str, handle: &'a str, agent: &'a AgentName },
    Chat { who: &'a str, handle: &'a str, chat: ChatId },
    Change,
    Question,
}

/// What an answer did, and what undoes it.
pub fn result(matter: Matter<'_>, value: &str, label: &str) -> String {
    let name = |who| quoted(who, NAME_CHARS_MAX, "an unknown user");
    let (done, undo) = match matter {
        Matter::Sender { who, handle, agent } => {
            let (who, handle) = (name(who), shell_word(handle));
            let (done, undo) = match value {
                approval::ALLOW => (format!("Allowed {who} to talk to `{agent}`."), "remove"),
                _ => (format!("Refused: {who} may not talk to `{agent}`."), "add"),
            };
            (done, vec![format!("members {undo} {handle} {agent}")])
        }
        Matter::Chat { who, handle, chat } => match ChatChoice::parse(value) {
            Some(ChatChoice::Connect(agent)) => {
                let (who, handle) = (name(who), shell_word(handle));
                let remove = format!("members remove {handle} {agent}");
                let done =
                    format!("`{agent}` answers in chat {chat} now, and {who} may talk to it.");
                (done, vec![format!("chats disconnect {chat} {agent}"), remove])
            }
            Some(ChatChoice::New(agent)) => (
                format!("Chat {chat} has an agent of its own now: `{agent}`."),
                vec![format!("chats disconnect {chat} {agent}")],
            ),
            Some(ChatChoice::Refuse) | None => (
                format!("Refused: I ignore chat {chat}."),
                vec![format!("chats set {chat} --undeny")],
            ),
        },
        Matter::Change if value == approval::ALLOW => return "Allowed the change.".to_owned(),
        Matter::Change => return "Refused the change; nothing was changed.".to_owned(),
        Matter::Question => {
            return format!("The answer is {}.", quoted(label, NAME_CHARS_MAX, "not shown"));
        }
    };
    let command = |it: &String| quoted(&format!("nanoclaw {it}"), COMMAND_CHARS_MAX, "not shown");
    let undo: Vec<String> = undo.iter().map(command).collect();
    format!("{done} Undo: {}.", undo.join(", then "))
}

/// Told who pressed a button of which nothing came.
pub const NOT_TAKEN: &str = "This was answered already, or it isn't yours to answer.";
pub const EXPIRED: &str = "Expired without an answer.";

/// How a card ended whose answer did what `result` says.
pub fn decided(result: &str, by: &str) -> String {
    format!("{result} Decided by {}.", quoted(by, NAME_CHARS_MAX, "an admin"))
}

/// How a card ended whose matter was allowed and could not be done any more, or failed.
pub fn not_done(why: &str, by: &str) -> String {
    let why = quoted(why, QUESTION_CHARS_MAX, "it failed");
    decided(&format!("Allowed, but nothing was changed: {why}."), by)
}

/// The card with its end, in place of its buttons.
pub fn closed_card(card: &str, end: &str) -> String {
    format!("{}\n\n{end}", card.trim_end())
}

/// The end of a card as a message of its own: where a card cannot be changed.
pub fn closed_notice(card: &str, end: &str) -> String {
    format!("{end}\nThe question was: {}", quoted(card, QUESTION_CHARS_MAX, "a question"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Address, Author, Body, ChatInfo};

    fn agent(name: &str) -> AgentName {
        AgentName::parse(name).unwrap()
    }

    fn message(name: &str, id: &str, title: &str, text: &str) -> Incoming {
        let chat = ChatInfo { title: title.into(), is_group: true };
        let sender = Author::new(id, name);
        Incoming {
            from: Address { channel: "telegram".into(), ..Address::default() },
            body: Body { chat, ..Body::new(sender, text) },
            ..Incoming::default()
        }
    }

    #[test]
    fn what_unknown_users_wrote_cannot_format_link_or_add_lines() {
        let evil = "**x** [click](https://e.org)\n\n`Allow` @everyone <b>";
        let message = message(evil, "4`2", evil, &evil.repeat(50));
        let andy = agent("andy");
        let (who, handle) = (evil, "telegram:4`2");
        let sender = Matter::Sender { who, handle, agent: &andy };
        let chat = Matter::Chat { who, handle, chat: ChatId(7) };
        let cards = [
            unknown_sender(&andy, &message),
            unknown_chat(&message),
            share(&andy, evil, evil),
            change(&andy, evil, &[evil.into()]),
            closed_card("card", &end(sender, "allow", evil)),
            closed_card("card", &end(sender, "refuse", evil)),
            closed_card("card", &not_done(evil, evil)),
            closed_card("card", &end(chat, "connect:andy", evil)),
            closed_notice(evil, &end(Matter::Question, "x", evil)),
        ];
        for card in cards {
            let outside: String = card.split('`').step_by(2).collect();
            assert_eq!(card.matches('`').count() % 2, 0, "{card}");
            for sign in ["**", "[", "](", "http", "@", "<"] {
                assert!(!outside.contains(sign), "{sign} is outside of code: {card}");
            }
            assert!(card.chars().count() < 1_000, "{card}");
        }
    }

    fn end(matter: Matter<'_>, value: &str, by: &str) -> String {
        decided(&result(matter, value, by), by)
    }

    #[test]
    fn a_closed_card_says_what_was_done_and_what_undoes_it() {
        let andy = agent("andy");
        let (who, handle) = ("Eve", "telegram:9");
        let sender = Matter::Sender { who, handle, agent: &andy };
        let chat = Matter::Chat { who, handle, chat: ChatId(7) };
        for (matter, value, wanted) in [
            (
                sender,
                "allow",
                "Allowed `Eve` to talk to `andy`. Undo: `nanoclaw members remove telegram:9 andy`.",
            ),
            (
                sender,
                "refuse",
                "Refused: `Eve` may not talk to `andy`. Undo: `nanoclaw members add telegram:9 andy`.",
            ),
            (
                chat,
                "connect:andy",
                "`andy` answers in chat 7 now, and `Eve` may talk to it. Undo: `nanoclaw chats \
                 disconnect 7 andy`, then `nanoclaw members remove telegram:9 andy`.",
            ),
            (
                chat,
                "new:eve",
                "Chat 7 has an agent of its own now: `eve`. Undo: `nanoclaw chats disconnect 7 \
                 eve`.",
            ),
            (chat, "refuse", "Refused: I ignore chat 7. Undo: `nanoclaw chats set 7 --undeny`."),
            (Matter::Change, "allow", "Allowed the change."),
            (Matter::Change, "refuse", "Refused the change; nothing was changed."),
            (Matter::Question, "tea", "The answer is `Ann`."),
        ] {
            let card = closed_card("card\n", &end(matter, value, "Ann"));
            assert_eq!(card, format!("card\n\n{wanted} Decided by `Ann`."));
            let notice = closed_notice("card", &end(matter, value, "Ann"));
            assert_eq!(notice, format!("{wanted} Decided by `Ann`.\nThe question was: `card`"));
        }
    }

    #[test]
    fn cards_say_who_wrote_where_and_what() {
        let andy = agent("andy");
        assert_eq!(
            unknown_sender(&andy, &message("Zoë", "42", "Family", "hello\nthere")),
            "`Zoë` (`telegram:42`) wrote to `andy` in the group `Family` on `telegram`. I don't know \
             them. May they talk to `andy`?\nThe message: `hello there`\nThis shares `andy`: anyone \
             who talks to it can read its memory and files."
        );
        let mut nameless = message(" ", "42", "Family", "");
        nameless.body.chat = ChatInfo::default();
        assert_eq!(
            unknown_chat(&nameless),
            "Someone without a name (`telegram:42`) wrote to me in a direct chat on `telegram`. No \
             agent answers there yet. Which one should?\nThe message: no text\nA new agent shares \
             nothing. If you share an agent, everyone in that chat can read its memory and files."
        );
        assert_eq!(
            share(&andy, "Zoë", "May they?"),
            "Share `andy` with `Zoë`? They'll be able to read its memory and files.\nThe question \
             was: `May they?`"
        );
    }

    #[test]
    fn the_approver_of_a_change_knows_when_something_is_hidden() {
        let (andy, long) = (agent("andy"), "y".repeat(1_000));
        let card = change(&andy, "install jq", &["apt: jq".into(), long.clone()]);
        assert!(
            card.starts_with("`andy` wants to run `install jq`. Allow it?\n- `apt: jq`\n- `yyy")
        );
        assert!(card.contains("(700 more characters not shown)"), "{card}");
        let card = change(&andy, &long, &[]);
        assert!(card.ends_with("(700 more characters not shown). Allow it?"), "{card}");
        let many: Vec<String> = (0..20).map(|n| format!("package {n}")).collect();
        let card = change(&andy, "install it", &many[..12]);
        assert!(card.ends_with("- `package 11`"), "as many as fit: {card}");
        let card = change(&andy, "install it", &many);
        assert!(card.ends_with("and 8 more that do not fit here"), "{card}");
    }
}
