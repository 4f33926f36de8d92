//! What users read whose messages are not taken, or whose access has to be approved first, and what an owner reads of
//! those whom nobody was asked about. The card of an access request is in `approval.rs`.

use super::count;
use crate::approval::News;

/// Told an unknown user whom nobody is asked about.
pub const TOO_MANY: &str = "I don't know you yet, and too many unknown users wrote to me just now, so \
     nobody was asked about you. Write again in an hour.";
/// Told at the terminal, where somebody waits.
pub const CLOSED: &str = "this chat is closed; `nanoclaw chats list` names it, and `nanoclaw chats set \
     CHAT --undeny` opens it again";
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

pub fn reserved_id(prefix: &str) -> String {
    format!("the id of this message begins with `{prefix}`")
}

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
