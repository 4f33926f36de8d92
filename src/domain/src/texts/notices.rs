//! Notices of the host about messages, accounts and work that goes on: what happened and what follows, without raw dumps.

use std::time::Duration;

use super::{count, trouble, waits};
use crate::plain::quoted;
use crate::session::{DEADLINE, FailReason, QUEUE_MAX};
use crate::time::{Timestamp, about, civil};
use crate::trouble::Trouble;

/// Told once when a message has to wait.
pub const WAITS: &str = "I got your message, but I can't start on it right now. I'll keep trying \
     and answer as soon as I can.";
/// Told when an agent ends its work on a message without a word.
pub const SAID_NOTHING: &str =
    "I finished without an answer. Send your message again to let me retry.";
pub const HELD: &str = "While you were away:";

/// In the place of the line that says that work goes on, where messages cannot be taken away.
pub const LINE_ENDED: &str = "✓";

pub fn queue_full() -> String {
    format!(
        "{QUEUE_MAX} messages wait for my answers already, so I didn't take this one. Write again \
         when I have caught up."
    )
}

/// What owners read, who are elsewhere.
pub fn events_lost(channel: &str, chat: &str) -> String {
    format!(
        "Events for {} are lost: {QUEUE_MAX} messages wait for an answer there already. On the host, \
         `nanoclaw dropped list` counts them, and `nanoclaw status` shows what keeps its agent busy.",
        quoted(&format!("{channel}:{chat}"), 80, "a chat")
    )
}

/// Told when a session is out of service for a while; its messages are kept.
pub fn parked(why: &str) -> String {
    format!("I can't work right now: {why}. Your message is kept; I'll try again in a few minutes.")
}

/// Why a message is given up, as a clause.
pub fn failure(why: FailReason) -> String {
    let hours = DEADLINE.as_secs() / 3_600;
    match why {
        FailReason::Crashes => "I tried several times, but my container failed each time".into(),
        FailReason::CannotStart => "my container can't be started".into(),
        FailReason::Deadline(None) => format!("I couldn't finish it within {hours} hours"),
        FailReason::Deadline(Some(class)) => {
            format!("I couldn't finish it within {hours} hours, since {}", waits::what(class))
        }
    }
}

/// Told when a message is given up. `last` is what was the matter with the agent's container last.
pub fn given_up(why: FailReason, last: Option<&Trouble>, agent: &str) -> String {
    // What was waited for says more.
    let last = last.filter(|_| !matches!(why, FailReason::Deadline(Some(_))));
    let failure = failure(why);
    let last = last.map(|it| format!(" {}", trouble::what(it, agent))).unwrap_or_default();
    format!(
        "I gave up on your message: {failure}.{last} Send it again to let me retry; `nanoclaw doctor` \
         on the host looks for the cause."
    )
}

pub fn missed(from: Timestamp, until: Timestamp) -> String {
    let ((first, from), (last, until)) = (civil(from), civil(until));
    let is_one_day = first == last;
    let at = |day: &str, time: String| if is_one_day { time } else { format!("{day} {time}") };
    format!(
        "I was not connected from {} to {} UTC and may have missed messages sent then.",
        at(&first, from),
        at(&last, until)
    )
}

/// Told the owner elsewhere when an account does not get in.
pub fn locked_out(channel: &str, account: &str, why: &str) -> String {
    format!(
        "I can't connect to {channel}/{account}, so I get no messages from there: {why}. I'll retry \
         every 15 minutes, or at once after `nanoclaw channels add {channel}`."
    )
}

/// Told the owner elsewhere when a platform was out of reach for so long.
pub fn out(channel: &str, account: &str, so_far: Duration, why: &str) -> String {
    format!(
        "I've had no connection to {channel}/{account} for {}, so I get no messages from there: {why}. I keep \
         trying; `nanoclaw status` shows how it stands.",
        about(so_far)
    )
}

/// Shown while a turn goes on, and changed in place.
pub fn working(so_far: Duration) -> String {
    match so_far.as_secs() {
        ..60 => "⏳ working on it…".to_owned(),
        _ => format!("⏳ working on it for {}…", about(so_far)),
    }
}

/// The answer to `/status`. `messages` are those being worked on and those that wait.
pub fn status(agent: &str, container: &str, messages: (usize, usize), unsent: usize) -> String {
    let (working, waiting) = messages;
    format!(
        "{agent}: container {container}; {} in progress, {} waiting, {} to send.",
        count(working, "message"),
        count(waiting, "message"),
        count(unsent, "answer")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waits::WaitClass;

    #[test]
    fn a_gap_names_its_days_where_there_are_two() {
        // 2026-11-25T09:10:00Z.
        let from = Timestamp(1_795_597_800_000);
        let later = |minutes: u64| from + Duration::from_secs(minutes * 60);
        let text = missed(from, later(295));
        assert!(text.starts_with("I was not connected from 09:10 to 14:05 UTC and "), "{text}");
        let text = missed(from, later(24 * 60));
        assert!(text.contains("from 2026-11-25 09:10 to 2026-11-26 09:10 UTC"), "{text}");
    }

    #[test]
    fn a_message_that_is_given_up_is_told_why_and_what_to_do() {
        let memory = Trouble::OutOfMemory { mib: 512 };
        for (why, trouble, words) in [
            (FailReason::Crashes, Some(&memory), "ran out of memory (512 MiB)"),
            (FailReason::Crashes, None, "failed each time"),
            (FailReason::CannotStart, Some(&Trouble::NoImage), "`nanoclaw image build`"),
            (FailReason::CannotStart, None, "can't be started"),
            (FailReason::Deadline(None), None, "within 24 hours"),
            (FailReason::Deadline(Some(WaitClass::Billing)), Some(&memory), "no credit left"),
        ] {
            let text = given_up(why, trouble, "andy");
            assert!(text.contains(words) && text.contains("nanoclaw doctor"), "{text}");
            assert!(text.len() < 400, "{text}");
        }
    }
}
