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
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::parse::ToolWord;
use super::{Demo, report};
use crate::host_client::{FileToSend, Question, ToolError};
use crate::provider::Event;

const NOTES: &str = "notes.txt";
/// Characters of a digest that tell files apart.
const DIGEST_CHARS: usize = 12;

/// What is said about an action, whether it was done or not.
pub(super) type Did = Result<String, String>;

pub(super) fn who(message: &Inbound) -> String {
    let (name, channel) = (&message.body.sender.name, &message.from.channel);
    let kind = if message.body.chat.is_group { "a group" } else { "a private chat" };
    match message.body.chat.title.as_str() {
        "" => format!("you are {name}, in {kind} on {channel}."),
        title => format!("you are {name}, in \"{title}\", {kind} on {channel}."),
    }
}

pub(super) fn context(message: &Inbound) -> String {
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

impl Demo {
    pub(super) async fn use_tool(&self, message: MessageSeq, tool: ToolWord<'_>) -> Did {
        let client = &self.host_client;
        let sentence = |err: ToolError| format!("{err}.");
        let refusal = |err: ToolError| format!("it refuses: {err}");
        match tool {
            ToolWord::Report(text) => {
                let sent = client.send_message(text, None).await.map_err(sentence);
                sent.map(|_| "I sent your report.".to_owned())
            }
            ToolWord::Send(name, text) => {
                let sent = client.send_message(text, Some(name)).await.map_err(sentence);
                sent.map(|_| format!("I sent it to {name}."))
            }
            ToolWord::File(name, text) => self.file(name, text).await,
            ToolWord::React(emoji) => {
                let reacted = client.add_reaction(message.0, emoji).await.map_err(sentence);
                reacted.map(|_| format!("I reacted with {emoji}"))
            }
            ToolWord::Ask(question, options) => {
                let options = options.into_iter().map(str::to_owned).collect();
                let question =
                    Question { question: question.to_owned(), options, timeout_seconds: None };
                let answer = client.ask(question).await.map_err(sentence);
                answer.map(|it| format!("you chose \"{it}\""))
            }
            ToolWord::Admin(command) => {
                let answer = client.administer(command).await.map_err(refusal);
                answer.map(|it| format!("it says:\n{it}"))
            }
            ToolWord::Tasks(line) => client.tasks(line).await.map_err(refusal),
            ToolWord::Remember(text) => self.remember(text).await,
            ToolWord::Recall => self.recall().await,
        }
    }

    /// Ends the turn at once and says the text later.
    pub(super) fn begin(
        &mut self,
        message: MessageSeq,
        secs: u64,
        text: &str,
        events: &mpsc::Sender<Event>,
    ) -> String {
        let (events, text) = (events.clone(), text.to_owned());
        self.background.spawn(async move {
            sleep(Duration::from_secs(secs)).await;
            report(&events, Event::Unsolicited { to: Some(message), text }).await;
        });
        self.host_client.notifier.background(true);
        format!("I work on it for {secs} seconds and report then.")
    }

    pub(super) async fn wait(&self, secs: u64) -> String {
        for _ in 0..secs {
            sleep(Duration::from_secs(1)).await;
            self.host_client.notifier.progress();
        }
        format!("I waited {secs} seconds.")
    }

    pub(super) async fn run_tool(&self, tool: &str, secs: u64) -> String {
        self.host_client.notifier.tool(Some(Tool::new(tool, Duration::ZERO)));
        sleep(Duration::from_secs(secs)).await;
        self.host_client.notifier.tool(None);
        format!("I ran {tool} for {secs} seconds.")
    }

    /// Shows the text word by word before it is the answer.
    pub(super) async fn draft(&self, text: &str) -> String {
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
        let sent = self.host_client.send_file(file).await;
        sent.map(|_| format!("I sent {name}.")).map_err(|err| format!("{err}."))
    }

    pub(super) async fn files(&self, files: &[FileIn]) -> String {
        if files.is_empty() {
            return "no files came with this message.".to_owned();
        }
        let (dir, files) = (self.host_client.config.received_dir.clone(), files.to_vec());
        let lines = move || files.iter().map(|it| file_line(&dir, it)).collect::<Vec<_>>();
        format!("these files came:\n{}", self.host_client.store.beside(lines).await.join("\n"))
    }

    async fn write(&self, name: &str, text: String, mut how: OpenOptions) -> io::Result<()> {
        let path = self.host_client.config.workspace.join(name);
        let write = move || plain(&mut how, &path)?.write_all(text.as_bytes());
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
        let read = move || io::read_to_string(plain(OpenOptions::new().read(true), &path)?);
        match self.host_client.store.beside(read).await {
            Ok(notes) => Ok(format!("my notes say:\n{}", notes.trim_end())),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok("I have no notes.".to_owned()),
            Err(err) => Err(format!("I could not read my notes: {err}.")),
        }
    }
}

/// Opens a file of the workspace. A script of a task may have put a link there: as the runner, this
/// program could follow it to the mailboxes.
fn plain(options: &mut OpenOptions, path: &Path) -> io::Result<fs::File> {
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
    fn a_link_in_the_workspace_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (mailbox, notes) = (dir.path().join("outbound.db"), dir.path().join(NOTES));
        fs::write(&mailbox, "mine").unwrap();
        std::os::unix::fs::symlink(&mailbox, &notes).unwrap();
        let (mut write, mut read) = (OpenOptions::new(), OpenOptions::new());
        assert!(plain(write.append(true).create(true), &notes).is_err());
        assert!(plain(read.read(true), &notes).is_err());
        assert!(plain(read.read(true), &mailbox).is_ok(), "a file is opened");
    }
}
