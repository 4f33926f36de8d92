//! What is said about parts that were given up: to the agent that wrote them, and to the owner of the
//! host, who hears of many at once and never of what they said.

use std::time::Duration;

use crate::time::Timestamp;

/// How long the first of several is held back for the others.
pub const GATHER: Duration = Duration::from_secs(10);
/// The shortest time between two such messages to the owner.
pub const PERIOD: Duration = Duration::from_secs(15 * 60);
/// Parts that one message names; the rest is counted.
pub const NAMED_MAX: usize = 3;
/// The longest piece of a platform's words.
const WHY_CHARS_MAX: usize = 200;
/// Whom the agent hears it from.
pub const SENDER: &str = "the host";

/// A part that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Across the host.
    pub key: String,
    /// Empty where the host itself wrote it.
    pub agent: String,
    /// As people know it.
    pub chat: String,
    pub why: String,
}

/// When the owner is to be told, given when the oldest part that they did not hear of was given up,
/// and when they were told last.
#[must_use]
pub fn due_at(oldest: Timestamp, last_told: Option<Timestamp>) -> Timestamp {
    let gathered = oldest + GATHER;
    last_told.map_or(gathered, |it| gathered.max(it + PERIOD))
}

/// Whether the owner is told now. The clock may have stepped back.
#[must_use]
pub fn is_due(oldest: Timestamp, last_told: Option<Timestamp>, now: Timestamp) -> bool {
    due_at(oldest, last_told).is_due(now, PERIOD)
}

/// What the owner reads. `letters` are the newest ones of `count`.
#[must_use]
pub fn for_owner(letters: &[DeadLetter], count: usize) -> String {
    let line = |letter: &DeadLetter| {
        let who = if letter.agent.is_empty() { "the host" } else { letter.agent.as_str() };
        format!("{who} to {}: {}", letter.chat, clean(&letter.why))
    };
    if let ([letter], 1) = (letters, count) {
        return format!(
            "A message could not be delivered and was given up: {}.\n\
             On the host, `nanoclaw outbox retry {}` sends it again.",
            line(letter),
            letter.key
        );
    }
    let named: Vec<String> =
        letters.iter().take(NAMED_MAX).map(|it| format!("\n- {} ({})", line(it), it.key)).collect();
    let more = match count.saturating_sub(named.len()) {
        0 => String::new(),
        more => format!("\n- and {more} more"),
    };
    format!(
        "{count} messages could not be delivered and were given up.{}{more}\nOn the host, \
         `nanoclaw outbox list --dead` shows them and `nanoclaw outbox retry KEY` sends one again.",
        named.concat()
    )
}

/// What the agent reads before its next message. `number` is the message's, as the agent knows it.
#[must_use]
pub fn for_agent(number: i64, chat: &str, why: &str, may_be_seen: bool) -> String {
    let seen =
        if may_be_seen { "It may have been shown all the same." } else { "Nobody has seen it." };
    format!("Your message {number} to {chat} could not be delivered: {}. {seen}", clean(why))
}

/// What the sender of a message reads whose answer was given up. Plain and short, since the platform
/// may have refused the form of the answer.
#[must_use]
pub fn for_sender(key: &str, why: &str) -> String {
    format!(
        "I couldn't deliver my answer here: {}. The owner can see it with `nanoclaw outbox show \
         {key}`.",
        clean(why)
    )
}

/// Words of a platform, as part of a sentence of ours.
fn clean(why: &str) -> String {
    let words: String = why
        .trim()
        .trim_end_matches('.')
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .take(WHY_CHARS_MAX)
        .collect();
    if words.is_empty() { "nobody knows why".to_owned() } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(n: usize) -> DeadLetter {
        DeadLetter {
            key: format!("s7.o{n}.0"),
            agent: "andy".into(),
            chat: "\"Family\" on telegram".into(),
            why: "the bot was blocked.\nby them".into(),
        }
    }

    #[test]
    fn one_is_named_with_what_to_do() {
        assert_eq!(
            for_owner(&[letter(3)], 1),
            "A message could not be delivered and was given up: andy to \"Family\" on telegram: \
             the bot was blocked. by them.\n\
             On the host, `nanoclaw outbox retry s7.o3.0` sends it again."
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
    fn the_owner_is_told_soon_and_then_not_again_for_a_while() {
        let at = Timestamp(5_000_000);
        assert!(!is_due(at, None, at));
        assert!(is_due(at, None, at + GATHER));
        assert!(!is_due(at, Some(at), at + GATHER));
        assert!(is_due(at, Some(at), at + PERIOD));
        let before = Timestamp(at.0 - 3_600_000);
        assert!(is_due(at, Some(at), before), "a clock that stepped back silences nobody");
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
