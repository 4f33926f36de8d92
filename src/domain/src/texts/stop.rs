//! What `/stop`, `/panic` and `/resume` came to, and what chats of a stopped agent are told.

use super::{count, list};
use crate::stop::StopReport;

/// For an order that its platform repeats.
pub const STOPPED_BEFORE: &str = "I already stopped what I was doing.";
pub const ALL_STOPPED_BEFORE: &str =
    "I already stopped every agent on this host. `/resume` undoes that.";
pub const RESUMED_BEFORE: &str = "I was already resumed.";

pub fn report(stop_report: &StopReport) -> Option<String> {
    let StopReport { aside, voided, sent_here, sent_elsewhere, uncertain } = *stop_report;
    let found = [
        (aside, "message", "cancelled"),
        (voided, "pending answer", "cancelled"),
        (sent_here, "answer", "already sent here"),
        (sent_elsewhere, "answer", "already sent elsewhere"),
        (uncertain, "answer", "may still arrive"),
    ];
    let found = found.into_iter().filter(|it| it.0 != 0);
    let found: Vec<String> =
        found.map(|(n, noun, how)| format!("{} {how}", count(n, noun))).collect();
    (!found.is_empty()).then(|| format!("{}.", list(&found)))
}

fn more(stop_report: &StopReport) -> String {
    report(stop_report).map(|it| format!(" {it}")).unwrap_or_default()
}

pub fn stopped(stop_report: &StopReport) -> String {
    match report(stop_report) {
        None => "There was nothing to stop.".to_owned(),
        Some(text) => format!("Stopped. {text}"),
    }
}

/// Told in a chat whose work was ended by a stop that holds.
pub fn frozen(by: &str, stop_report: &StopReport) -> String {
    format!("I was stopped by {by}.{}", more(stop_report))
}

/// Told once in a chat that writes to a stopped agent.
pub fn kept(by: &str, agent: &str) -> String {
    format!(
        "I'm stopped by {by}, so your message waits. I'll answer after `nanoclaw agents resume \
         {agent}`."
    )
}

pub fn all_stopped(stop_report: &StopReport, trouble: &[String]) -> String {
    let trouble: String = trouble.iter().map(|it| format!(" But: {it}.")).collect();
    let report = more(stop_report);
    format!("Every agent on this host is stopped.{report}{trouble} `/resume` undoes that.")
}

/// The answer to `/resume` where the stop of all agents still holds.
pub fn still_stopped(by: &str) -> String {
    format!(
        "I'm still stopped: {by} stopped every agent on this host, and only an owner can resume them."
    )
}

/// The answer to `/resume`; `waiting` messages are answered now.
pub fn resumed(was_stopped: bool, waiting: u64) -> String {
    match (was_stopped, waiting) {
        (false, _) => "I wasn't stopped.".to_owned(),
        (true, 1) => "I'm back. 1 message is waiting.".to_owned(),
        (true, many) => format!("I'm back. {many} messages are waiting."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_says_what_it_came_to() {
        let none = StopReport::default();
        assert_eq!(stopped(&none), "There was nothing to stop.");
        assert_eq!(frozen("Ann", &none), "I was stopped by Ann.");
        let some = StopReport { voided: 1, sent_here: 2, uncertain: 1, ..none };
        assert_eq!(
            stopped(&some),
            "Stopped. 1 pending answer cancelled, 2 answers already sent here and 1 answer may \
             still arrive."
        );
    }
}
