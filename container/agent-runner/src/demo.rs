//! The agent without a model: says what it is, echoes, and works the tools, so that everything
//! around a model can be tried without one. Each message is a turn of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::message::Inbound;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::RunnerError;
use crate::desk::Desk;
use crate::provider::{Event, Messages, Provider, TurnEnded};

/// Where the number of messages so far is kept.
const COUNT_KEY: &str = "demo:count";
const WAIT_SECS_MAX: u64 = 600;

const HELP: &str = "I am the demo agent, no model. I know: `help`; `report <text>` sends the text \
    as a message of its own; `wait <seconds>` takes that long to answer; `count` says how many \
    messages I have seen; `crash` ends my program. Anything else I repeat.";

#[derive(Debug)]
pub(crate) struct Demo {
    desk: Arc<Desk>,
}

#[derive(Debug, PartialEq, Eq)]
enum Command<'a> {
    Help,
    Report(&'a str),
    Wait(u64),
    Count,
    Crash,
    Echo(&'a str),
}

impl Demo {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    async fn answer(
        &self,
        message: &Inbound,
        count: u64,
        events: &mpsc::Sender<Event>,
    ) -> Result<String, RunnerError> {
        let text = match parse(&message.text) {
            Command::Help => HELP.to_owned(),
            Command::Report(text) => match self.desk.send_message(text).await {
                Ok(()) => "I am the demo agent, no model: I sent your report.".to_owned(),
                Err(err) => format!("I am the demo agent, no model: {err}."),
            },
            Command::Wait(secs) => {
                for _ in 0..secs {
                    sleep(Duration::from_secs(1)).await;
                    report(events, Event::Progress).await;
                }
                format!("I am the demo agent, no model: I waited {secs} seconds.")
            }
            Command::Count => format!("I am the demo agent, no model: message number {count}."),
            Command::Crash => return Err(RunnerError::DemoCrash),
            Command::Echo(text) => format!("I am the demo agent, no model: you said \"{text}\""),
        };
        Ok(text)
    }
}

#[async_trait]
impl Provider for Demo {
    async fn run(
        self: Box<Self>,
        mut messages: Messages,
        events: mpsc::Sender<Event>,
    ) -> Result<(), RunnerError> {
        let kept = self.desk.kept(COUNT_KEY).await?;
        let mut count: u64 = kept.and_then(|it| it.parse().ok()).unwrap_or(0);
        while let Some(batch) = messages.recv().await {
            for message in &batch {
                count += 1;
                self.desk.work_on(message.seq);
                report(&events, Event::Progress).await;
                let text = self.answer(message, count, &events).await?;
                let ended = TurnEnded {
                    covers: vec![message.seq],
                    result: Ok(text),
                    keep: vec![(COUNT_KEY.to_owned(), Some(count.to_string()))],
                };
                report(&events, Event::TurnEnded(ended)).await;
            }
        }
        Ok(())
    }
}

/// The loop that listens outlives the provider, unless everything is being torn down.
async fn report(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}

fn parse(text: &str) -> Command<'_> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match word.to_ascii_lowercase().as_str() {
        "help" if rest.is_empty() => Command::Help,
        "report" if !rest.is_empty() => Command::Report(rest),
        "wait" => {
            let secs = rest.split_whitespace().next().and_then(|it| it.parse().ok());
            secs.map_or(Command::Echo(text), |it: u64| Command::Wait(it.min(WAIT_SECS_MAX)))
        }
        "count" if rest.is_empty() => Command::Count,
        "crash" if rest.is_empty() => Command::Crash,
        _ => Command::Echo(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_told_from_small_talk() {
        for (text, command) in [
            ("Help", Command::Help),
            ("help me", Command::Echo("help me")),
            ("report all  well", Command::Report("all  well")),
            ("report", Command::Echo("report")),
            ("wait 5 please", Command::Wait(5)),
            ("wait 9999", Command::Wait(600)),
            ("wait for it", Command::Echo("wait for it")),
            (" count ", Command::Count),
            ("crash", Command::Crash),
            ("", Command::Echo("")),
        ] {
            assert_eq!(parse(text), command, "{text}");
        }
    }
}
