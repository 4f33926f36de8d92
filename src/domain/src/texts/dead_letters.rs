//! What is said about parts that were given up: to the agent that wrote them, to those who wait for them, and to the
//! owner of the host, who hears of many at once and never of what they said.

use super::count;
use crate::delivery::dead_letter::{DeadLetter, NAMED_MAX};
use crate::plain::{cut, one_line};

const WHY_CHARS_MAX: usize = 200;
pub const SENDER: &str = "the host";

/// What the owner reads. `letters` are the newest ones of `all`.
pub fn for_owner(letters: &[DeadLetter], all: usize) -> String {
    let line = |letter: &DeadLetter| {
        let DeadLetter { key, agent, chat, why } = letter;
        let agent = if agent.is_empty() { SENDER } else { agent.as_str() };
        format!("\n- {agent} to {chat}: {} ({key})", clean(why))
    };
    let named: String = letters.iter().take(NAMED_MAX).map(line).collect();
    let more = match all.saturating_sub(letters.len().min(NAMED_MAX)) {
        0 => String::new(),
        more => format!("\n- and {more} more"),
    };
    let key = letters.first().map_or("KEY", |it| &it.key);
    format!(
        "{} could not be delivered:{named}{more}\nOn the host, `nanoclaw outbox retry {key}` sends one \
         again, and `nanoclaw outbox list --dead` shows all.",
        count(all, "message")
    )
}

/// What the agent reads before its next message. `number` is the message's, as the agent knows it.
pub fn for_agent(number: i64, chat: &str, why: &str, may_be_seen: bool) -> String {
    let seen =
        if may_be_seen { "It may have been shown all the same." } else { "Nobody has seen it." };
    format!("Your message {number} to {chat} could not be delivered: {}. {seen}", clean(why))
}

/// What the sender of a message reads whose answer was given up. Plain and short, since the platform
/// may have refused the form of the answer.
pub fn for_sender(key: &str, why: &str) -> String {
    format!(
        "I couldn't deliver my answer here: {}. The owner can see it with `nanoclaw outbox show {key}`.",
        clean(why)
    )
}

/// Words of a platform, as part of a sentence of ours.
fn clean(why: &str) -> String {
    let why = one_line(why);
    match why.trim_end_matches('.') {
        "" => "nobody knows why".to_owned(),
        why => cut(why, WHY_CHARS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(n: usize) -> DeadLetter {
        DeadLetter {
            key: format!("s7.o{n}.0"),
            agent: "andy".into(),
            chat: "\"Family\" (telegram:5)".into(),
            why: "the bot was blocked.\nby them".into(),
        }
    }

    #[test]
    fn one_is_named_with_what_to_do() {
        assert_eq!(
            for_owner(&[letter(3)], 1),
            "1 message could not be delivered:\n- andy to \"Family\" (telegram:5): the bot was blocked. \
             by them (s7.o3.0)\nOn the host, `nanoclaw outbox retry s7.o3.0` sends one again, and \
             `nanoclaw outbox list --dead` shows all."
        );
    }

    #[test]
    fn a_hundred_make_one_message_with_a_count() {
        let letters: Vec<DeadLetter> = (0..100).map(letter).collect();
        let text = for_owner(&letters, 100);
        assert!(text.starts_with("100 messages"), "{text}");
        assert!(text.contains("and 97 more") && text.len() < 600, "{text}");
        assert!(!for_owner(&letters[..2], 2).contains("more"));
    }

    #[test]
    fn the_sender_hears_why_and_where_the_answer_is() {
        assert_eq!(
            for_sender("s7.o3.0", "it is too\nlong."),
            "I couldn't deliver my answer here: it is too long. The owner can see it with `nanoclaw \
             outbox show s7.o3.0`."
        );
    }

    #[test]
    fn the_agent_hears_which_message_and_why() {
        let text = for_agent(3, "\"Family\"", "it is\nfull.", false);
        assert_eq!(
            text,
            "Your message 3 to \"Family\" could not be delivered: it is full. Nobody has seen it."
        );
        assert!(for_agent(3, "x", "", true).contains("nobody knows why. It may have been shown"));
    }
}
