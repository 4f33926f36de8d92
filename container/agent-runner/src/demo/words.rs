//! What the demo agent does at each word. Everything that leaves goes through the host client, as the tools of
//! a model do.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use domain::MessageSeq;
use domain::inbound::{FileIn, FileLocation, Inbound};
use domain::link::Tool;
use domain::time::about;
use domain::waits::WaitClass;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{Demo, tasks};
use crate::host_client::{FileToSend, Question, ToolError};
use crate::provider::{Event, ToolNews};

const NOTES: &str = "notes.txt";
const WAIT_SECS_MAX: u64 = 600;
/// Characters of a digest that tell files apart.
const DIGEST_CHARS: usize = 12;

/// What is said about an action, whether it was done or not.
type Did = Result<String, String>;

/// A text without the `@name` with which a group says that the agent is meant.
pub(super) fn plain(text: &str) -> &str {
    let text = text.trim();
    let (first, rest) = split(text);
    let is_trigger = first.strip_prefix('@').is_some_and(|name| {
        let name = name.trim_end_matches([':', ',']);
        !name.is_empty() && name.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-'))
    });
    if is_trigger { rest } else { text }
}

/// How the model is to fail: with what, how often, and for a limit, for how many seconds.
pub(super) fn fails(text: &str) -> Option<(WaitClass, u32, Option<u64>)> {
    let (word, rest) = split(text);
    let (first, more) = split(rest);
    match word.to_ascii_lowercase().as_str() {
        "limit" => Some((WaitClass::Limit, 1, Some(rest.parse().ok()?))),
        "fail" => Some((WaitClass::parse(first)?, more.parse().ok()?, None)),
        _ => None,
    }
}

fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

fn sentence(err: ToolError) -> String {
    format!("{err}.")
}

fn refusal(err: ToolError) -> String {
    format!("it refuses: {err}")
}

impl Demo {
    /// Does what a text asks for; `None` when nothing of that is known.
    pub(super) async fn act(&mut self, message: &Inbound, text: &str) -> Option<String> {
        if fails(text).is_some() {
            return Some("the model answers again.".to_owned());
        }
        let (word, rest) = split(text);
        let word = word.to_ascii_lowercase();
        if let Some(said) = self.speak(message, &word, rest).await {
            return Some(said);
        }
        if let Some(said) = self.use_tool(message, &word, rest).await {
            return Some(said);
        }
        let line = tasks::parse(text)?;
        let did = async { self.host_client.tasks(line).await.map_err(refusal) };
        Some(self.tool(message, "nanoclaw", did).await)
    }

    async fn speak(&mut self, message: &Inbound, word: &str, rest: &str) -> Option<String> {
        let (first, more) = split(rest);
        Some(match (word, rest) {
            ("count", "") => format!("message number {}.", self.count),
            ("who", "") => who(message),
            ("files", "") => self.files(&message.files).await,
            ("context", "") => context(message),
            (_, "") => return None,
            ("wait", _) => self.wait(first.parse().ok()?).await,
            ("draft", _) => self.draft(rest).await,
            ("run", _) => self.run_tool(first, more.parse().ok()?).await,
            ("background", _) if !more.is_empty() => {
                self.begin(message.seq, first.parse().ok()?, more)
            }
            _ => return None,
        })
    }

    async fn use_tool(&self, message: &Inbound, word: &str, rest: &str) -> Option<String> {
        let (first, more) = split(rest);
        let client = &self.host_client;
        let said = match (word, rest) {
            ("recall", "") => self.tool(message, "Read", self.recall()).await,
            (_, "") => return None,
            ("remember", _) => self.tool(message, "Write", self.remember(rest)).await,
            ("report", _) => {
                let did = async {
                    client.send_message(rest, None).await.map_err(sentence)?;
                    Did::Ok("I sent your report.".to_owned())
                };
                self.tool(message, "send_message", did).await
            }
            // "send me" names no chat called "me".
            ("send", _) if ["me", "us"].iter().any(|it| it.eq_ignore_ascii_case(first)) => {
                return None;
            }
            ("send", _) if !more.is_empty() => {
                let did = async {
                    client.send_message(more, Some(first)).await.map_err(sentence)?;
                    Did::Ok(format!("I sent it to {first}."))
                };
                self.tool(message, "send_message", did).await
            }
            ("file", _) if !more.is_empty() => {
                self.tool(message, "send_file", self.file(first, more)).await
            }
            ("react", _) => {
                let did = async {
                    client.add_reaction(message.seq.0, rest).await.map_err(sentence)?;
                    Did::Ok(format!("I reacted with {rest}"))
                };
                self.tool(message, "add_reaction", did).await
            }
            ("ask", _) => {
                let (question, options) = rest.split_at(rest.find('?')? + 1);
                let options = options.split('|').map(str::trim).filter(|it| !it.is_empty());
                let question = Question {
                    question: question.to_owned(),
                    options: options.map(str::to_owned).collect(),
                    timeout_seconds: None,
                };
                let did = async {
                    let answer = client.ask(question).await.map_err(sentence)?;
                    Did::Ok(format!("you chose \"{answer}\""))
                };
                self.tool(message, "ask_user_question", did).await
            }
            ("admin", _) => {
                let did = async {
                    let answer = client.administer(rest).await.map_err(refusal)?;
                    Did::Ok(format!("it says:\n{answer}"))
                };
                self.tool(message, "nanoclaw", did).await
            }
            _ => return None,
        };
        Some(said)
    }

    async fn tool(
        &self,
        message: &Inbound,
        name: &str,
        action: impl Future<Output = Did>,
    ) -> String {
        let (call, name) = (format!("{}.{}", message.seq, self.count), name.to_owned());
        let max = Duration::ZERO;
        self.report(Event::Tool(ToolNews::Started { call: call.clone(), name, max })).await;
        let did = action.await;
        self.report(Event::Tool(ToolNews::Ended { call, ok: did.is_ok() })).await;
        let (Ok(said) | Err(said)) = did;
        said
    }

    fn begin(&mut self, message: MessageSeq, secs: u64, text: &str) -> String {
        let (events, text) = (self.events.clone(), text.to_owned());
        self.background.spawn(async move {
            sleep(Duration::from_secs(secs)).await;
            // The loop that listens outlives the provider, unless everything is being torn down.
            let _ = events.send(Event::Unsolicited { to: Some(message), text }).await;
        });
        self.host_client.notifier.background(true);
        format!("I work on it for {secs} seconds and report then.")
    }

    async fn wait(&self, secs: u64) -> String {
        let secs = secs.min(WAIT_SECS_MAX);
        for _ in 0..secs {
            sleep(Duration::from_secs(1)).await;
            self.host_client.notifier.progress();
        }
        format!("I waited {secs} seconds.")
    }

    /// Gives no sign of life for so long.
    async fn run_tool(&self, tool: &str, secs: u64) -> String {
        self.host_client.notifier.tool(Some(Tool::new(tool, Duration::ZERO)));
        sleep(Duration::from_secs(secs)).await;
        self.host_client.notifier.tool(None);
        format!("I ran {tool} for {secs} seconds.")
    }

    /// Shows the text word by word before it is the answer.
    async fn draft(&self, text: &str) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        for count in 1..=words.len() {
            self.host_client.draft(&words[..count].join(" "));
            self.host_client.notifier.progress();
            sleep(Duration::from_secs(1)).await;
        }
        format!("you said \"{text}\"")
    }

    async fn file(&self, name: &str, text: &str) -> Did {
        let is_plain = Path::new(name).file_name().is_some_and(|it| it == name);
        if !is_plain {
            return Err(format!("`{name}` is no name for a file."));
        }
        let truncate = OpenOptions::new().write(true).create(true).truncate(true).clone();
        let written = self.write(name, text.to_owned(), truncate).await;
        written.map_err(|err| format!("I could not write the file: {err}."))?;
        let file = FileToSend { path: name.to_owned(), ..FileToSend::default() };
        self.host_client.send_file(file).await.map_err(sentence)?;
        Ok(format!("I sent {name}."))
    }

    async fn files(&self, files: &[FileIn]) -> String {
        if files.is_empty() {
            return "no files came with this message.".to_owned();
        }
        let (dir, files) = (self.host_client.config.received_dir.clone(), files.to_vec());
        let lines = move || files.iter().map(|it| file_line(&dir, it)).collect::<Vec<_>>();
        format!("these files came:\n{}", self.host_client.store.beside(lines).await.join("\n"))
    }

    async fn write(&self, name: &str, text: String, mut how: OpenOptions) -> io::Result<()> {
        let path = self.host_client.config.workspace.join(name);
        let write = move || open(&mut how, &path)?.write_all(text.as_bytes());
        self.host_client.store.beside(write).await
    }

    async fn remember(&self, text: &str) -> Did {
        let append = OpenOptions::new().create(true).append(true).clone();
        let written = self.write(NOTES, format!("{text}\n"), append).await;
        written.map_err(|err| format!("I could not write it down: {err}."))?;
        Ok("I wrote it down.".to_owned())
    }

    async fn recall(&self) -> Did {
        let path = self.host_client.config.workspace.join(NOTES);
        let read = move || io::read_to_string(open(OpenOptions::new().read(true), &path)?);
        match self.host_client.store.beside(read).await {
            Ok(notes) => Ok(format!("my notes say:\n{}", notes.trim_end())),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok("I have no notes.".to_owned()),
            Err(err) => Err(format!("I could not read my notes: {err}.")),
        }
    }
}

fn who(message: &Inbound) -> String {
    let (name, channel) = (&message.body.sender.name, &message.from.channel);
    let kind = if message.body.chat.is_group { "a group" } else { "a private chat" };
    match message.body.chat.title.as_str() {
        "" => format!("you are {name}, in {kind} on {channel}."),
        title => format!("you are {name}, in \"{title}\", {kind} on {channel}."),
    }
}

fn context(message: &Inbound) -> String {
    let (all, left_out) = (&message.context_messages.messages, message.context_messages.left_out);
    let late = |it| format!("your message arrived {} after it was sent. ", about(it));
    let late = message.lateness().map(late).unwrap_or_default();
    let count = match all.len() {
        0 => "There are no context messages".to_owned(),
        1 => "1 context message".to_owned(),
        count => format!("{count} context messages"),
    };
    let more = if left_out == 0 { "" } else { &format!(", and {left_out} more before") };
    let end = if all.is_empty() { "." } else { ":" };
    let lines: String =
        all.iter().map(|it| format!("\n{}: {}", it.body.sender.name, it.body.text)).collect();
    format!("{late}{count}{more}{end}{lines}")
}

/// Opens a file of the workspace. A script of a task may have put a link there: as the runner, this
/// program could follow it to the mailboxes.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default()).open(path)
}

fn file_line(dir: &Path, file: &FileIn) -> String {
    let (kind, name) = (file.kind.as_str(), &file.name);
    let read = match &file.location {
        FileLocation::Here(path) => fs::read(dir.join(path)).map_err(|err| err.to_string()),
        FileLocation::Failed(why) => Err(why.clone()),
    };
    match read {
        Ok(content) => {
            let digest = format!("{:x}", Sha256::digest(&content));
            format!("{kind} {name}: {} bytes, sha256 {}", content.len(), &digest[..DIGEST_CHARS])
        }
        Err(why) => format!("{kind} {name} could not be fetched: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_meant_is_not_part_of_what_is_said() {
        for text in ["@andy count", "@Andy: count", "@andy_bot, count", " @andy   count"] {
            assert_eq!(plain(text), "count", "{text}");
        }
        assert_eq!(plain("@andy"), "");
        for text in ["a@b.c count", "@ count", "mail @andy"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn a_failure_is_asked_for_with_numbers() {
        assert_eq!(fails("Limit 60"), Some((WaitClass::Limit, 1, Some(60))));
        assert_eq!(fails("fail billing 2"), Some((WaitClass::Billing, 2, None)));
        for text in ["limit me", "fail me 2", "fail", "limit", ""] {
            assert_eq!(fails(text), None, "{text}");
        }
    }

    #[test]
    fn a_link_in_the_workspace_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (mailbox, notes) = (dir.path().join("outbound.db"), dir.path().join(NOTES));
        fs::write(&mailbox, "mine").unwrap();
        std::os::unix::fs::symlink(&mailbox, &notes).unwrap();
        let (mut write, mut read) = (OpenOptions::new(), OpenOptions::new());
        assert!(open(write.append(true).create(true), &notes).is_err());
        assert!(open(read.read(true), &notes).is_err());
        assert!(open(read.read(true), &mailbox).is_ok(), "a file is opened");
    }
}
