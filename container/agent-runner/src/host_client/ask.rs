//! What needs an answer of the host: questions to people, administration.
//!
//! The request is a row, and so is its answer; a notification or the slow poll finds it. How long that takes
//! at most is for the host to say, so there is no timeout here.

use std::time::Duration;

use domain::OutSeq;
use domain::message::Form;
use domain::outgoing::{BUTTON_LABEL_CHARS_MAX, BUTTONS_MAX};
use store::StoreError;

use super::{HostClient, ToolError};

const TIMEOUT_DEFAULT_SECS: u64 = 300;
const TIMEOUT_SECS: std::ops::RangeInclusive<u64> = 10..=86_400;
/// More would be no question any more.
const QUESTION_BYTES_MAX: usize = 4 * 1024;
const COMMAND_BYTES_MAX: usize = 4 * 1024;

/// A question to the user being answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) options: Vec<String>,
    pub(crate) timeout_secs: Option<u64>,
}

impl HostClient {
    /// Asks and waits for the answer: the `ask_user_question` tool.
    pub(crate) async fn ask(&self, question: Question) -> Result<String, ToolError> {
        let (text, form) = checked(question)?;
        let seq = self.send(None, form, text).await?;
        self.answer(seq).await
    }

    /// Has the host carry out a line of the command line: the `nanoclaw` tool.
    pub(crate) async fn administer(&self, command: &str) -> Result<String, ToolError> {
        let command = command.trim();
        let command = command.strip_prefix("nanoclaw ").unwrap_or(command).trim();
        let fits = !command.is_empty() && command.len() <= COMMAND_BYTES_MAX;
        if !fits || command.contains(char::is_control) {
            return Err(ToolError::NoCommand);
        }
        let seq = self.send(None, Form::Admin, command.to_owned()).await?;
        self.answer(seq).await
    }

    /// Waits for what the host has to say.
    pub(super) async fn answer(&self, seq: OutSeq) -> Result<String, ToolError> {
        let mut wakeups = self.notifier.wakeups();
        loop {
            match self.store.read(move |store| store.answer(seq)).await {
                Ok(Some(answer)) if answer.ok => return Ok(answer.text),
                Ok(Some(answer)) => return Err(ToolError::Refused(answer.text)),
                Ok(None) => {}
                Err(err) => not_for_good(err)?,
            }
            // Waiting for a person is no silence.
            self.notifier.progress();
            tokio::select! {
                biased;
                () = self.notifier.stopped() => return Err(ToolError::Stopped),
                () = wakeups.next() => {}
                () = tokio::time::sleep(self.poll_interval) => {}
            }
        }
    }
}

/// The host may just be mending its database.
fn not_for_good(err: StoreError) -> Result<(), StoreError> {
    if err.is_permanent() {
        return Err(err);
    }
    tracing::warn!(error = %err, "could not look for an answer; will look again");
    Ok(())
}

fn checked(question: Question) -> Result<(String, Form), ToolError> {
    let text = question.text.trim();
    if text.is_empty() {
        return Err(ToolError::Empty);
    }
    if QUESTION_BYTES_MAX < text.len() {
        return Err(ToolError::TooLong(text.len()));
    }
    let options: Vec<String> = question.options.iter().map(|it| it.trim().to_owned()).collect();
    if !(1..=BUTTONS_MAX).contains(&options.len()) {
        return Err(ToolError::OptionCount);
    }
    for (index, option) in options.iter().enumerate() {
        let chars = option.chars().count();
        let fits = (1..=BUTTON_LABEL_CHARS_MAX).contains(&chars);
        if !fits || option.contains(char::is_control) || options[..index].contains(option) {
            return Err(ToolError::BadOption(
                option.chars().filter(|it| !it.is_control()).collect(),
            ));
        }
    }
    let secs = question.timeout_secs.unwrap_or(TIMEOUT_DEFAULT_SECS);
    if !TIMEOUT_SECS.contains(&secs) {
        return Err(ToolError::Timeout);
    }
    Ok((text.to_owned(), Form::Question { options, timeout: Duration::from_secs(secs) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(options: &[&str], timeout_secs: Option<u64>) -> Question {
        let options = options.iter().map(|it| (*it).to_owned()).collect();
        Question { text: " go? ".to_owned(), options, timeout_secs }
    }

    #[test]
    fn a_question_is_taken_as_it_fits_on_buttons() {
        let (text, form) = checked(question(&["yes ", "no"], None)).unwrap();
        let options = vec!["yes".to_owned(), "no".to_owned()];
        assert_eq!(text, "go?");
        assert_eq!(form, Form::Question { options, timeout: Duration::from_secs(300) });
        let many: Vec<String> = (0..21).map(|it| it.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let long = "x".repeat(81);
        for (options, timeout, words) in [
            (&[][..], None, "1 to 20 options"),
            (&many[..], None, "1 to 20 options"),
            (&["a", "a"], None, "`a` does not fit"),
            (&["a", " "], None, "`` does not fit"),
            (&[long.as_str()], None, "80 characters"),
            (&["a"], Some(9), "10 to 86400"),
            (&["a"], Some(86_401), "10 to 86400"),
        ] {
            let err = checked(question(options, timeout)).unwrap_err().to_string();
            assert!(err.contains(words), "{err}");
        }
    }
    #[test]
    fn a_question_may_be_as_long_as_a_card_shows_and_no_longer() {
        let long = |bytes| Question { text: "x".repeat(bytes), ..question(&["yes"], None) };
        assert!(checked(long(QUESTION_BYTES_MAX)).is_ok());
        let err = checked(long(QUESTION_BYTES_MAX + 1)).unwrap_err();
        assert!(matches!(err, ToolError::TooLong(_)), "{err}");
    }
}
