//! What tools say and ask: texts, edits, reactions, questions to people, administration.
//!
//! A request is a row, and so is its answer; a notification or the slow poll finds it. How long that takes
//! at most is for the host to say, so there is no timeout here.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::message::{Form, TEXT_BYTES_MAX};
use domain::outgoing::{BUTTON_LABEL_CHARS_MAX, BUTTONS_MAX};
use domain::plain::shell_word;
use domain::{MessageSeq, OutSeq};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Destination, NewMessage};

use super::{HostClient, ToolResult, refused};

/// Longer than any emoji, the ones that are made of several included.
const EMOJI_BYTES_MAX: usize = 64;
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
    /// Sends a text: the `send_message` tool. Returns once it is stored, so that "sent" holds even
    /// if the program dies right after.
    pub(crate) async fn send_message(&self, text: &str, to: Option<&str>) -> ToolResult<OutSeq> {
        let text = fitting(text, TEXT_BYTES_MAX)?;
        let destination = self.destination(to).await?;
        self.send(self.new_message(destination, Form::Text, text)?).await
    }

    /// Replaces a text that was sent: the `edit_message` tool.
    pub(crate) async fn edit_message(&self, id: i64, text: &str) -> ToolResult<OutSeq> {
        let text = fitting(text, TEXT_BYTES_MAX)?;
        match self.own_form(id).await? {
            Some(Form::Text) => self.send(self.new_message(None, Form::Edit(id), text)?).await,
            Some(_) => {
                refused(format!("message {id} is no text; only texts that you sent can be changed"))
            }
            None => refused(format!(
                "there is no message {id} of yours; give the number that send_message returned"
            )),
        }
    }

    /// Puts an emoji under a message: the `add_reaction` tool.
    pub(crate) async fn add_reaction(&self, id: i64, emoji: &str) -> ToolResult<OutSeq> {
        let emoji = emoji.trim();
        if !is_emoji(emoji) {
            let shown: String = emoji.chars().filter(|it| !it.is_control()).take(32).collect();
            return refused(format!("`{shown}` is no emoji; give a single one, such as 👍"));
        }
        let is_there = if id % 2 == 0 {
            self.store.read(move |store| store.has_inbound(MessageSeq(id))).await?
        } else {
            self.own_form(id).await?.is_some()
        };
        if !is_there {
            return refused(format!(
                "there is no message {id}; give the id of a message that you were shown or have sent"
            ));
        }
        self.send(self.new_message(None, Form::Reaction(id), emoji.to_owned())?).await
    }

    /// Chats that may be written to by name: the `list_destinations` tool.
    pub(crate) async fn destinations(&self) -> ToolResult<Vec<Destination>> {
        Ok(self.store.read(|store| store.destinations()).await?)
    }

    /// The name as the host knows it, or an error that lists the names.
    pub(super) async fn destination(&self, to: Option<&str>) -> ToolResult<Option<String>> {
        let Some(name) = to.map(str::trim).filter(|it| !it.is_empty()) else { return Ok(None) };
        let known = self.destinations().await?;
        let exact = known.iter().find(|it| it.name == name);
        let folded = || known.iter().find(|it| it.name.eq_ignore_ascii_case(name));
        if let Some(destination) = exact.or_else(folded) {
            return Ok(Some(destination.name.clone()));
        }
        let names: Vec<&str> = known.iter().map(|it| it.name.as_str()).collect();
        let known = match names.as_slice() {
            [] => "no other chat was granted to you".to_owned(),
            names => format!("known are: {}", names.join(", ")),
        };
        refused(format!(
            "there is no destination `{name}`; {known}; without `to` you write to this chat"
        ))
    }

    /// Stores a message and notifies the host.
    async fn send(&self, message: NewMessage) -> ToolResult<OutSeq> {
        let now = self.clock.now();
        let seq = self.store.write("a message", move |store| store.add(&message, now)).await?;
        self.notifier.look();
        Ok(seq)
    }

    /// In reply to the one at hand.
    pub(super) fn new_message(
        &self,
        destination: Option<String>,
        form: Form,
        text: String,
    ) -> ToolResult<NewMessage> {
        let Some(in_reply_to) = self.current() else {
            return refused(
                "there is no message to reply to yet; answer the user when one has come",
            );
        };
        let attempt = self.attempt.load(Ordering::Relaxed);
        Ok(NewMessage { in_reply_to, destination, form, text, attempt })
    }

    async fn own_form(&self, id: i64) -> ToolResult<Option<Form>> {
        Ok(self.store.read(move |store| store.own_form(OutSeq(id))).await?)
    }

    /// Asks and waits for the answer: the `ask_user_question` tool.
    pub(crate) async fn ask(&self, question: Question) -> ToolResult {
        let (text, form) = checked(question)?;
        self.request(form, text).await
    }

    /// Has the host carry out a line of the command line: the `nanoclaw` tool.
    pub(crate) async fn administer(&self, command: &str) -> ToolResult {
        let command = command.trim();
        let command = command.strip_prefix("nanoclaw ").unwrap_or(command).trim();
        let fits = !command.is_empty() && command.len() <= COMMAND_BYTES_MAX;
        if !fits || command.contains(char::is_control) {
            return refused("give one line with a command, such as `help`");
        }
        self.request(Form::Admin, command.to_owned()).await
    }

    /// Has the host look at tasks or change them, by a [`task_line`]. The answer says what is stored.
    pub(crate) async fn tasks(&self, line: String) -> ToolResult {
        if TASK_LINE_BYTES_MAX < line.len() {
            return refused(format!(
                "that makes {} bytes, more than the host takes; put the long part into a file of \
                 your workspace and name that",
                line.len()
            ));
        }
        self.request(Form::Admin, line).await
    }

    async fn request(&self, form: Form, text: String) -> ToolResult {
        let seq = self.send(self.new_message(None, form, text)?).await?;
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

fn fitting(text: &str, bytes_max: usize) -> ToolResult {
    let text = text.trim();
    if text.is_empty() {
        return refused("the text is empty; write the text that the user should read");
    }
    if bytes_max < text.len() {
        return too_long(text.len());
    }
    Ok(text.to_owned())
}

pub(super) fn too_long<T>(bytes: usize) -> ToolResult<T> {
    refused(format!(
        "the text has {bytes} bytes, more than the {TEXT_BYTES_MAX} that fit; shorten it or send it \
         in several messages"
    ))
}

/// Whether it can be one emoji. Which ones may be put under a message, the platform says.
fn is_emoji(text: &str) -> bool {
    let letter = |c: char| c.is_alphabetic() || c.is_whitespace() || c.is_control();
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '#' | '*');
    !text.is_empty()
        && text.len() <= EMOJI_BYTES_MAX
        && !text.contains(letter)
        && !text.chars().all(|it| it.is_ascii_punctuation() || digits(it))
}

fn checked(question: Question) -> ToolResult<(String, Form)> {
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

    #[test]
    fn emoji_are_told_from_words() {
        for emoji in ["👍", "❤️", "👩‍👩‍👧‍👦", "🇩🇪", "1️⃣", "✅"] {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for other in ["", " ", "ok", ":thumbs_up:", "1", "+1", "👍 yes", "é"] {
            assert!(!is_emoji(other), "{other}");
        }
    }
}
