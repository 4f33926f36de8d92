//! What the host says in a chat by itself. Short, what happened and what follows; no raw dumps.

use std::time::Duration;

use crate::outgoing::TextLimit;
use crate::session::{DEADLINE, FailReason};
use crate::split::split_text;
use crate::trouble::Trouble;

/// Told once when a message has to wait.
pub const WAITS: &str = "I have your message, but I cannot start working on it right now. \
     I keep trying and will answer as soon as I can.";

/// Told when a message is given up. `trouble` is what was the matter with the agent's container last.
#[must_use]
pub fn given_up(why: FailReason, trouble: Option<&Trouble>, agent: &str) -> String {
    let cause = trouble.map(|it| it.sentence(agent));
    let (what, cause) = match why {
        FailReason::Crashes => (
            "I tried several times, but my container ended each time while I worked on your \
             message, so I gave it up."
                .to_owned(),
            cause,
        ),
        FailReason::CannotStart => (
            "My container cannot be started, so I could not work on your message.".to_owned(),
            cause,
        ),
        FailReason::Deadline(class) => (
            format!(
                "I could not finish your message within {} hours, so I gave it up.",
                DEADLINE.as_secs() / 3600
            ),
            class.map(|it| format!("The last I know is that {}.", it.what())).or(cause),
        ),
    };
    let next = "Send it again to let me try once more; `nanoclaw doctor` on the host looks for what is \
                wrong.";
    [Some(what), cause, Some(next.to_owned())].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The answer to `/tasks` while nothing is scheduled.
pub const NO_TASKS: &str = "Nothing is scheduled.";

/// Shown while a turn goes on, and changed in place.
#[must_use]
pub fn working(so_far: Duration) -> String {
    match so_far.as_secs() / 60 {
        0 => "⏳ working on it…".to_owned(),
        1 => "⏳ working on it for a minute…".to_owned(),
        minutes => format!("⏳ working on it for {minutes} minutes…"),
    }
}

/// An answer as far as it is written, cut to what fits.
#[must_use]
pub fn draft(text: &str, limit: TextLimit) -> String {
    const GOES_ON: &str = " …";
    let room = TextLimit { max: limit.max.saturating_sub(limit.unit.measure(GOES_ON)), ..limit };
    let first = split_text(text, room).into_iter().next().unwrap_or_default();
    format!("{first}{GOES_ON}")
}

/// The answer to `/stop`.
#[must_use]
pub fn stopped(set_aside: usize, unsent: usize) -> String {
    match (set_aside, unsent) {
        (0, 0) => "There was nothing to stop.".to_owned(),
        (messages, 0) => format!("Stopped. Set aside: {}.", count(messages, "message")),
        (messages, parts) => format!(
            "Stopped. Set aside: {}; not sent any more: {}.",
            count(messages, "message"),
            count(parts, "answer")
        ),
    }
}

/// The answer to `/status`. `messages` are those being worked on and those that wait.
#[must_use]
pub fn status(agent: &str, container: &str, messages: (usize, usize), unsent: usize) -> String {
    let (working, waiting) = messages;
    format!(
        "{agent}: container {container}; {} in work, {} waiting, {} to be sent.",
        count(working, "message"),
        count(waiting, "message"),
        count(unsent, "answer")
    )
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waits::WaitClass;

    #[test]
    fn a_message_that_is_given_up_is_told_why_and_what_to_do() {
        let memory = Trouble::OutOfMemory { mib: 512 };
        for (why, trouble, words) in [
            (FailReason::Crashes, Some(&memory), "ran out of memory (512 MiB)"),
            (FailReason::CannotStart, Some(&Trouble::NoImage), "`nanoclaw image build`"),
            (FailReason::CannotStart, None, "cannot be started"),
            (FailReason::Deadline(None), None, "within 24 hours"),
            (FailReason::Deadline(Some(WaitClass::Billing)), Some(&memory), "no credit left"),
        ] {
            let text = given_up(why, trouble, "andy");
            assert!(text.contains(words) && text.contains("nanoclaw doctor"), "{text}");
            assert!(text.len() < 400, "{text}");
        }
    }
}
