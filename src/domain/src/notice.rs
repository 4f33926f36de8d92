//! Notices of the host. Short, what happened and what follows; no raw dumps.

use std::time::Duration;

use crate::outgoing::TextLimit;
use crate::session::{DEADLINE, FailReason, QUEUE_MAX};
use crate::split::split_text;
use crate::stop::StopReport;
use crate::time::{Timestamp, civil};
use crate::trouble::Trouble;

/// Told once when a message has to wait.
pub const WAITS: &str = "I got your message, but I can't start on it right now. I'll keep trying \
     and answer as soon as I can.";

/// Told when a message is not taken, since too many wait.
#[must_use]
pub fn queue_full() -> String {
    format!(
        "{QUEUE_MAX} messages wait for my answers already, so I didn't take this one. Write again \
         when I have caught up."
    )
}

/// Told when a session is out of service for a while; its messages are kept.
#[must_use]
pub fn parked(why: &str) -> String {
    format!("I can't work right now: {why}. Your message is kept; I'll try again in a few minutes.")
}

/// Told when a message is given up. `trouble` is what was the matter with the agent's container last.
#[must_use]
pub fn given_up(why: FailReason, trouble: Option<&Trouble>, agent: &str) -> String {
    let cause = trouble.map(|it| it.sentence(agent));
    let (what, cause) = match why {
        FailReason::Crashes => (
            "I tried several times, but my container failed each time, so I gave up on your message."
                .to_owned(),
            cause,
        ),
        FailReason::CannotStart => (
            "My container can't be started, so I couldn't work on your message.".to_owned(),
            cause,
        ),
        FailReason::Deadline(class) => (
            format!(
                "I couldn't finish your message within {} hours, so I gave up on it.",
                DEADLINE.as_secs() / 3600
            ),
            class.map(|it| format!("The last I know is that {}.", it.what())).or(cause),
        ),
    };
    let next = "Send it again to let me retry; `nanoclaw doctor` on the host looks for the cause.";
    [Some(what), cause, Some(next.to_owned())].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Told when an agent ends its work on a message without a word.
pub const SAID_NOTHING: &str =
    "I finished without an answer. Send your message again to let me retry.";

/// Told in the chats of an account that may have missed something.
#[must_use]
pub fn missed(from: Timestamp, until: Timestamp) -> String {
    let (from, until) = (civil(from), civil(until));
    let (from, until) =
        if from.0 == until.0 { (from.1, until.1) } else { (together(from), together(until)) };
    format!(
        "I was not connected from {from} to {until} UTC and may have missed messages sent then."
    )
}

fn together((day, time): (String, String)) -> String {
    format!("{day} {time}")
}

/// Told the owner elsewhere when an account does not get in.
#[must_use]
pub fn locked_out(channel: &str, account: &str, why: &str) -> String {
    format!(
        "I can't connect to {channel}/{account}, so I get no messages from there: {why}. I'll retry \
         every 15 minutes, or at once after `nanoclaw channels add {channel}`."
    )
}

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
pub fn stopped(stop_report: &StopReport) -> String {
    match stop_report_text(stop_report) {
        None => "There was nothing to stop.".to_owned(),
        Some(text) => format!("Stopped. {text}"),
    }
}

/// Told in a chat whose work was ended by a stop that holds.
#[must_use]
pub fn frozen(by: &str, stop_report: &StopReport) -> String {
    let text = stop_report_text(stop_report).map(|it| format!(" {it}")).unwrap_or_default();
    format!("I was stopped by {by}.{text}")
}

/// Told once in a chat that writes to a stopped agent.
#[must_use]
pub fn kept(by: &str, agent: &str) -> String {
    format!(
        "I'm stopped by {by}, so your message waits. I'll answer after `nanoclaw resume {agent}`."
    )
}

/// What a stop came to; `None` when it found nothing.
#[must_use]
pub fn stop_report_text(stop_report: &StopReport) -> Option<String> {
    let StopReport { aside, voided, sent_here, sent_elsewhere, uncertain } = *stop_report;
    let said = [
        (aside, "message", "cancelled"),
        (voided, "pending answer", "cancelled"),
        (sent_here, "answer", "already sent here"),
        (sent_elsewhere, "answer", "already sent elsewhere"),
        (uncertain, "answer", "may still arrive"),
    ];
    let said = said.into_iter().filter(|it| it.0 != 0);
    let said: Vec<String> =
        said.map(|(n, noun, how)| format!("{} {how}", count(n, noun))).collect();
    (!said.is_empty()).then(|| format!("{}.", said.join(", ")))
}

/// The answer to `/status`. `messages` are those being worked on and those that wait.
#[must_use]
pub fn status(agent: &str, container: &str, messages: (usize, usize), unsent: usize) -> String {
    let (working, waiting) = messages;
    format!(
        "{agent}: container {container}; {} in progress, {} waiting, {} to send.",
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
    fn a_stop_says_what_it_came_to() {
        let none = StopReport::default();
        assert_eq!(stopped(&none), "There was nothing to stop.");
        assert_eq!(frozen("Ann", &none), "I was stopped by Ann.");
        let some = StopReport { voided: 1, sent_here: 2, uncertain: 1, ..none };
        let text = stopped(&some);
        let want = "Stopped. 1 pending answer cancelled, 2 answers already sent here, 1 answer may \
                    still arrive.";
        assert_eq!(text, want);
    }

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
