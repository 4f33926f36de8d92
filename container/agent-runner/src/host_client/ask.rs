//! What needs an answer of the host: questions to people, administration.
//!
//! The request is a row, and so is its answer; a notification or the slow poll finds it. How long that takes
//! at most is for the host to say, so there is no timeout here.

use std::time::Duration;

use domain::message::Form;
use domain::outgoing::{BUTTON_LABEL_CHARS_MAX, BUTTONS_MAX};
use domain::plain::shell_word;
use schemars::JsonSchema;
use serde::Deserialize;

use super::say::fitting;
use super::{HostClient, ToolError, refused};

const TIMEOUT_DEFAULT_SECS: u64 = 300;
const TIMEOUT_SECS: std::ops::RangeInclusive<u64> = 10..=86_400;
/// More would be no question any more.
const QUESTION_BYTES_MAX: usize = 4 * 1024;
const COMMAND_BYTES_MAX: usize = 4 * 1024;

/// The host takes no longer line about tasks.
const TASK_LINE_BYTES_MAX: usize = 32_000;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct Question {
    /// The question, with all that is needed to answer it.
    pub(crate) question: String,
    /// What can be answered: 1 to 20 short texts, which become buttons.
    pub(crate) options: Vec<String>,
    /// How long to wait for an answer: 10 to 86400 seconds, 300 if left out.
    pub(crate) timeout_seconds: Option<u64>,
}

/// The line of the host's command line for an operation about tasks: what it is about, and the options
/// that have a value. A `--` keeps what is said from being taken for an option.
pub(crate) fn task_line(
    operation: &str,
    said: &[&str],
    options: &[(&str, Option<&str>)],
) -> String {
    let mut words = vec![format!("tasks {operation}")];
    for (name, value) in options {
        words.extend(value.map(|it| shell_word(&format!("--{name}={it}"))));
    }
    if !said.is_empty() {
        words.push("--".to_owned());
        words.extend(said.iter().map(|it| shell_word(it)));
    }
    words.join(" ")
}

impl HostClient {
    /// Asks and waits for the answer: the `ask_user_question` tool.
    pub(crate) async fn ask(&self, question: Question) -> Result<String, ToolError> {
        let (text, form) = checked(question)?;
        self.request(form, text).await
    }

    /// Has the host carry out a line of the command line: the `nanoclaw` tool.
    pub(crate) async fn administer(&self, command: &str) -> Result<String, ToolError> {
        let command = command.trim();
        let command = command.strip_prefix("nanoclaw ").unwrap_or(command).trim();
        let fits = !command.is_empty() && command.len() <= COMMAND_BYTES_MAX;
        if !fits || command.contains(char::is_control) {
            return refused("give one line with a command, such as `help`");
        }
        self.request(Form::Admin, command.to_owned()).await
    }

    /// Has the host look at tasks or change them, by a [`task_line`]. The answer says what is stored.
    pub(crate) async fn tasks(&self, line: String) -> Result<String, ToolError> {
        if TASK_LINE_BYTES_MAX < line.len() {
            return refused(format!(
                "that makes {} bytes, more than the host takes; put the long part into a file of \
                 your workspace and name that",
                line.len()
            ));
        }
        self.request(Form::Admin, line).await
    }

    async fn request(&self, form: Form, text: String) -> Result<String, ToolError> {
        let seq = self.send(None, form, text).await?;
        let mut wakeups = self.notifier.wakeups();
        loop {
            match self.store.read(move |store| store.answer(seq)).await {
                Ok(Some(answer)) if answer.ok => return Ok(answer.text),
                // The host's own words.
                Ok(Some(answer)) => return refused(answer.text),
                Ok(None) => {}
                Err(err) if err.is_permanent() => return Err(err.into()),
                // The host may just be mending its database.
                Err(err) => {
                    tracing::warn!(error = %err, "could not look for an answer; will look again");
                }
            }
            // Waiting for a person is no silence.
            self.notifier.progress();
            tokio::select! {
                biased;
                () = self.notifier.stopped() => {
                    return refused("the wait was cut short because you are being stopped");
                }
                () = wakeups.next() => {}
                () = tokio::time::sleep(self.config.poll_interval) => {}
            }
        }
    }
}

fn checked(question: Question) -> Result<(String, Form), ToolError> {
    let text = fitting(&question.question, QUESTION_BYTES_MAX)?;
    let options: Vec<String> = question.options.iter().map(|it| it.trim().to_owned()).collect();
    if !(1..=BUTTONS_MAX).contains(&options.len()) {
        return refused(format!("give 1 to {BUTTONS_MAX} options"));
    }
    for (index, option) in options.iter().enumerate() {
        let chars = option.chars().count();
        let fits = (1..=BUTTON_LABEL_CHARS_MAX).contains(&chars);
        if !fits || option.contains(char::is_control) || options[..index].contains(option) {
            let shown: String = option.chars().filter(|it| !it.is_control()).collect();
            return refused(format!(
                "the option `{shown}` does not fit on a button; each option is a text of its own of \
                 1 to {BUTTON_LABEL_CHARS_MAX} characters"
            ));
        }
    }
    let secs = question.timeout_seconds.unwrap_or(TIMEOUT_DEFAULT_SECS);
    if !TIMEOUT_SECS.contains(&secs) {
        return refused("give a timeout of 10 to 86400 seconds");
    }
    Ok((text, Form::Question { options, timeout: Duration::from_secs(secs) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(options: &[&str], timeout_seconds: Option<u64>) -> Question {
        let options = options.iter().map(|it| (*it).to_owned()).collect();
        Question { question: " go? ".to_owned(), options, timeout_seconds }
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
    fn whatever_is_said_stays_one_word() {
        let said = ["every day at 9", "-5 is cold, isn't it\nsay so"];
        assert_eq!(
            task_line("add", &said, &[("zone", Some("Europe/Berlin")), ("chat", None)]),
            "tasks add --zone=Europe/Berlin -- 'every day at 9' '-5 is cold, isn'\\''t it\nsay so'"
        );
        assert_eq!(task_line("list --all", &[], &[]), "tasks list --all");
    }

    #[test]
    fn a_question_may_be_as_long_as_a_card_shows_and_no_longer() {
        let long = |bytes| Question { question: "x".repeat(bytes), ..question(&["yes"], None) };
        assert!(checked(long(QUESTION_BYTES_MAX)).is_ok());
        let err = checked(long(QUESTION_BYTES_MAX + 1)).unwrap_err().to_string();
        assert!(err.contains(&(QUESTION_BYTES_MAX + 1).to_string()), "{err}");
    }
}
