//! What the host says in a chat by itself. Short, what happened and what follows; no raw dumps.

use crate::session::FailReason;

/// The longest piece of a container's last words in a notice.
const TAIL_CHARS_MAX: usize = 300;

/// Told once when a message has to wait.
pub const WAITS: &str = "I have your message, but I cannot start working on it right now. \
     I keep trying and will answer as soon as I can.";

/// Told when a message is given up. `last_words` is the end of what the container printed.
#[must_use]
pub fn given_up(why: FailReason, last_words: &str) -> String {
    let what = match why {
        FailReason::Crashes => {
            "I tried several times, but my container ended each time while I worked on your \
             message, so I gave it up."
        }
        FailReason::CannotStart => {
            "My container cannot be started, so I could not work on your message."
        }
    };
    let words = last_words.trim();
    let skipped = words.chars().count().saturating_sub(TAIL_CHARS_MAX);
    let tail: String = words.chars().skip(skipped).collect();
    let next =
        "Send it again to let me try once more; `nanoclaw doctor` on the host says what is wrong.";
    if tail.is_empty() {
        format!("{what} {next}")
    } else {
        format!("{what} Its last words: {tail}\n{next}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_last_words_is_shown() {
        let words = format!("{}the end", "noise ".repeat(1_000));
        let text = given_up(FailReason::CannotStart, &words);
        assert!(text.contains("the end") && text.len() < 700, "{text}");
        assert!(!given_up(FailReason::Crashes, " \n").contains("last words"));
    }
}
