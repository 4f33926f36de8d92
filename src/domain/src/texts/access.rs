//! What users read whose messages are not taken, or whose access has to be approved first; and what owners read of them.

use super::{count, list};
use crate::AgentName;
use crate::approval::News;
use crate::message::TEXT_BYTES_MAX;

/// Told an unknown user whom nobody is asked about.
pub const TOO_MANY: &str = "I don't know you yet, and too many unknown users wrote to me just now, so \
     nobody was asked about you. Write again in an hour.";
/// Told at the terminal, where somebody waits.
pub const CLOSED: &str = "this chat is closed; `nanoclaw chats list` names it, and `nanoclaw chats set \
     CHAT --undeny` opens it again";
pub const NO_AGENT: &str = "there is no agent yet; add one with `nanoclaw agents add NAME`";
/// For a message whose decision changed each time when it was about to be followed.
pub const UNDECIDED: &str =
    "someone is deciding about this chat right now; send your message again";
pub const EMPTY: &str = "the message is empty; write something";
/// For a message behind one that could not be stored.
pub const OUT_OF_ORDER: &str = "what came before it could not be stored";

/// Told who wrote and had to be asked about, or whose chat is new; says nothing about who decides.
pub fn told(news: News, is_new_chat: bool) -> String {
    let (unknown, purpose) = if is_new_chat {
        ("This chat is new to me", "answer here")
    } else {
        ("I don't know you yet", "talk with you here")
    };
    match news {
        News::Asked => format!(
            "{unknown}, so I asked for permission to {purpose}. I'll get to your message once I have it."
        ),
        News::Denied => format!("I'm not allowed to {purpose}."),
        News::Expired => format!(
            "Nobody decided whether I may {purpose}, so I dropped your message. Write again and I'll \
             ask once more."
        ),
        News::NobodyReachable => format!(
            "{unknown}, and I can't reach anyone who could let me {purpose}. Please tell my owner that \
             you wrote."
        ),
    }
}

/// Told the owner of unknown users whom nobody was asked about.
pub fn unasked(users: usize) -> String {
    format!(
        "{} wrote to me, too many to ask you about. `nanoclaw dropped list` on the host shows them.",
        count(users, "more unknown user")
    )
}

/// Told at the terminal for the name of an agent that is none of `known`.
pub fn unknown_agent<'a>(name: &str, known: impl Iterator<Item = &'a AgentName>) -> String {
    format!("there is no agent `{name}`; there is {}", names(known))
}

/// Told at the terminal for an agent that is none of those in the chat.
pub fn not_here<'a>(agent: &AgentName, wired: impl Iterator<Item = &'a AgentName>) -> String {
    format!("this chat belongs to {}, not to `{agent}`", names(wired))
}

fn names<'a>(agents: impl Iterator<Item = &'a AgentName>) -> String {
    let quoted: Vec<String> = agents.map(|it| format!("`{it}`")).collect();
    if quoted.is_empty() { "none".into() } else { list(&quoted) }
}

/// For a text of more than [`TEXT_BYTES_MAX`].
pub fn too_long(bytes: usize) -> String {
    format!(
        "the message has {} KiB, more than the {} KiB that are accepted; send it as several messages",
        bytes / 1024,
        TEXT_BYTES_MAX / 1024
    )
}

/// For a message whose platform's id could be taken for one of ours.
pub fn reserved_id(prefix: &str) -> String {
    format!("the id of this message begins with `{prefix}`")
}

/// For a message that failed to be stored.
pub fn unstored(why: &str) -> String {
    format!("it could not be stored: {why}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_end_is_told_to_the_requester() {
        let all = [News::Asked, News::Denied, News::Expired, News::NobodyReachable];
        let texts = [false, true].map(|is_new| all.map(|news| told(news, is_new)));
        let texts: BTreeSet<String> = texts.into_iter().flatten().collect();
        assert_eq!(texts.len(), 8, "each says something else");
        assert!(texts.iter().all(|it| it.len() < 200 && it.ends_with('.')));
    }

    #[test]
    fn the_owner_hears_how_many_nobody_was_asked_about() {
        assert!(unasked(12).starts_with("12 more unknown users wrote to me,"));
        assert!(unasked(1).starts_with("1 more unknown user wrote"));
    }
}
