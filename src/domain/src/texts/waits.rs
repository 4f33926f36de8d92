//! What chats are told of a wait for the model's provider.

use std::time::Duration;

use super::sentence;
use crate::time::{Timestamp, about, civil};
use crate::waits::{ProviderWait, WaitClass};

pub fn what(class: WaitClass) -> &'static str {
    match class {
        WaitClass::Limit => "the limit of the model's account is reached",
        WaitClass::Billing => "the account for the model has no credit left",
        WaitClass::Overloaded => "the model is overloaded",
        WaitClass::Network => "the model cannot be reached",
    }
}

/// What happened, when it goes on, how to end it. `deadline` is until when the message is kept. Times are UTC, since
/// nobody knows the reader's time zone; the span beside them needs none.
pub fn notice(wait: &ProviderWait, deadline: Timestamp, now: Timestamp) -> String {
    let minutes = wait.until.since(now).as_secs().div_ceil(60).max(1);
    let (what, next) = (sentence(what(wait.class)), about(Duration::from_secs(minutes * 60)));
    let when = if wait.known && deadline < wait.until {
        let until = civil(deadline).1;
        format!(
            "That's longer than I keep a message, so I'll try until {until} UTC and tell you then."
        )
    } else if wait.known {
        format!("I'll continue in {next} (at {} UTC).", civil(wait.until).1)
    } else {
        format!("I'll keep trying, next in {next}.")
    };
    let help = match wait.class {
        WaitClass::Billing => " The owner of the account can top it up.",
        WaitClass::Limit | WaitClass::Overloaded | WaitClass::Network => "",
    };
    format!("{what} {when}{help} Nothing is lost; `/stop` cancels it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waits::{WAIT_MAX, next};

    #[test]
    fn a_notice_says_what_happened_and_when_it_goes_on() {
        // 2023-11-14 22:13:20 UTC.
        let now = Timestamp(1_700_000_000_000);
        let minutes = |n: u64| now + Duration::from_secs(n * 60);
        let text = |class, asked| notice(&next(None, class, asked, now), now + WAIT_MAX, now);
        assert_eq!(
            text(WaitClass::Limit, Some(minutes(35))),
            "The limit of the model's account is reached. I'll continue in 35 min (at 22:48 UTC). \
             Nothing is lost; `/stop` cancels it."
        );
        assert!(text(WaitClass::Overloaded, None).contains("next in 1 min."));
        assert!(text(WaitClass::Billing, None).contains("no credit"));
        let late = next(None, WaitClass::Limit, Some(minutes(600)), now);
        let text = notice(&late, minutes(60), now);
        assert!(text.contains("I'll try until 23:13 UTC"), "{text}");
    }
}
