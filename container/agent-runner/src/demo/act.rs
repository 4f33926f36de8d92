//! What the demo agent does at each word. Everything that leaves goes through the host client, as the tools of
//! a model do.

use std::fmt::Write;
use std::io::Write as _;
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

use super::{Demo, report};
use crate::host_client::{FileToSend, Question, TaskLine};
use crate::provider::Event;

/// More than any container has by default.
const EAT_MIB_MAX: usize = 4096;
const NOTES: &str = "notes.txt";
/// Characters of a digest that tell files apart.
const DIGEST_CHARS: usize = 12;

/// What is said about an action, whether it was done or not.
pub(super) type Did = Result<String, String>;

pub(super) async fn wait(secs: u64, events: &mpsc::Sender<Event>) -> String {
    for _ in 0..secs {
        sleep(Duration::from_secs(1)).await;
        report(events, Event::Progress).await;
    }
    format!("I waited {secs} seconds.")
}

pub(super) fn who(message: &Inbound) -> String {
    let (name, channel) = (&message.sender_name, &message.from.channel);
    let kind = if message.chat.is_group { "a group" } else { "a private chat" };
    match message.chat.title.as_str() {
        "" => format!("you are {name}, in {kind} on {channel}."),
        title => format!("you are {name}, in \"{title}\", {kind} on {channel}."),
    }
}

pub(super) fn context(message: &Inbound) -> String {
    let context_messages = &message.context_messages;
    let late = message.lateness();
    let mut said = late.map_or_else(String::new, |lateness| {
        format!("your message arrived {} after it was sent. ", about(lateness))
    });
    said += &match context_messages.messages.len() {
        0 => "There are no context messages".to_owned(),
        1 => "1 context message".to_owned(),
        count => format!("{count} context messages"),
    };
    if context_messages.left_out != 0 {
        // Writing to a text cannot fail.
        let _ = write!(said, ", and {} more before", context_messages.left_out);
    }
    said.push(if context_messages.messages.is_empty() { '.' } else { ':' });
    for earlier in &context_messages.messages {
        let _ = write!(said, "\n{}: {}", earlier.sender_name, earlier.text);
    }
    said
}

/// Takes memory and writes to all of it, so that it is really used.
pub(super) fn eat(mib: usize) -> String {
    let mut eaten = Vec::new();
    for _ in 0..mib.min(EAT_MIB_MAX) {
        eaten.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
    format!("I took {} MiB and gave them back.", eaten.len())
}

impl Demo {
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
        self.host_client.background(true);
        format!("I work on it for {secs} seconds and report then.")
    }

    /// Says that it runs a tool, and then nothing for a while.
    pub(super) async fn run_tool(&self, tool: &str, secs: u64) -> String {
        self.host_client.running(Some(Tool::new(tool, Duration::ZERO)));
        sleep(Duration::from_secs(secs)).await;
        self.host_client.running(None);
        format!("I ran {tool} for {secs} seconds.")
    }

    /// Shows the text word by word before it is the answer.
    pub(super) async fn draft(&self, text: &str, events: &mpsc::Sender<Event>) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        for count in 1..=words.len() {
            self.host_client.draft(&words[..count].join(" "));
            report(events, Event::Progress).await;
            sleep(Duration::from_secs(1)).await;
        }
        format!("you said \"{text}\"")
    }

    pub(super) async fn report(&self, text: &str) -> Did {
        match self.host_client.send_message(text, None).await {
            Ok(_) => Ok("I sent your report.".to_owned()),
            Err(err) => Err(format!("{err}.")),
        }
    }

    pub(super) async fn send(&self, name: &str, text: &str) -> Did {
        match self.host_client.send_message(text, Some(name)).await {
            Ok(_) => Ok(format!("I sent it to {name}.")),
            Err(err) => Err(format!("{err}.")),
        }
    }

    pub(super) async fn file(&self, name: &str, text: &str) -> Did {
        let is_plain = Path::new(name).file_name().is_some_and(|it| it == name);
        if !is_plain {
            return Err(format!("`{name}` is no name for a file."));
        }
        let (path, content) = (self.workspace.join(name), text.to_owned());
        let write = move || {
            let mut options = std::fs::File::options();
            let mut file = plain(options.write(true).create(true).truncate(true), &path)?;
            file.write_all(content.as_bytes())
        };
        if let Err(err) = self.host_client.on_disk(write).await {
            return Err(format!("I could not write the file: {err}."));
        }
        let file = FileToSend { path: name.to_owned(), caption: String::new(), name: None };
        match self.host_client.send_file(file, None).await {
            Ok(_) => Ok(format!("I sent {name}.")),
            Err(err) => Err(format!("{err}.")),
        }
    }

    pub(super) async fn react(&self, to: MessageSeq, emoji: &str) -> Did {
        match self.host_client.add_reaction(to.0, emoji).await {
            Ok(_) => Ok(format!("I reacted with {emoji}")),
            Err(err) => Err(format!("{err}.")),
        }
    }

    pub(super) async fn ask(&self, question: &str, options: &[&str]) -> Did {
        let question = Question {
            text: question.to_owned(),
            options: options.iter().map(|it| (*it).to_owned()).collect(),
            timeout_secs: None,
        };
        match self.host_client.ask(question).await {
            Ok(answer) => Ok(format!("you chose \"{answer}\"")),
            Err(err) => Err(format!("{err}.")),
        }
    }

    pub(super) async fn admin(&self, command: &str) -> Did {
        match self.host_client.administer(command).await {
            Ok(answer) => Ok(format!("it says:\n{answer}")),
            Err(err) => Err(format!("it refuses: {err}")),
        }
    }

    pub(super) async fn tasks(&self, line: &TaskLine) -> Did {
        self.host_client.tasks(line).await.map_err(|err| format!("it refuses: {err}"))
    }

    pub(super) async fn files(&self, files: &[FileIn]) -> String {
        if files.is_empty() {
            return "no files came with this message.".to_owned();
        }
        let (dir, files) = (self.inbound_dir.clone(), files.to_vec());
        let lines = move || files.iter().map(|it| file_line(&dir, it)).collect::<Vec<_>>();
        format!("these files came:\n{}", self.host_client.on_disk(lines).await.join("\n"))
    }

    pub(super) async fn remember(&self, text: &str) -> Did {
        let (path, line) = (self.workspace.join(NOTES), format!("{text}\n"));
        let append = move || {
            let mut notes = plain(std::fs::File::options().create(true).append(true), &path)?;
            notes.write_all(line.as_bytes())
        };
        match self.host_client.on_disk(append).await {
            Ok(()) => Ok("I wrote it down.".to_owned()),
            Err(err) => Err(format!("I could not write it down: {err}.")),
        }
    }

    pub(super) async fn recall(&self) -> Did {
        let path = self.workspace.join(NOTES);
        let read =
            move || std::io::read_to_string(plain(std::fs::File::options().read(true), &path)?);
        match self.host_client.on_disk(read).await {
            Ok(notes) => Ok(format!("my notes say:\n{}", notes.trim_end())),
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
                Ok("I have no notes.".to_owned())
            }
            Err(err) => Err(format!("I could not read my notes: {err}.")),
        }
    }
}

/// Opens a file of the workspace. A script of a task may have put a link there: as the runner, this
/// program could follow it to the mailboxes.
fn plain(options: &mut std::fs::OpenOptions, path: &Path) -> std::io::Result<std::fs::File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default()).open(path)
}

fn file_line(dir: &Path, file: &FileIn) -> String {
    let (kind, name) = (file.kind.as_str(), &file.name);
    let read = match &file.location {
        FileLocation::Here(path) => std::fs::read(dir.join(path)).map_err(|err| err.to_string()),
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
        std::fs::write(&mailbox, "mine").unwrap();
        std::os::unix::fs::symlink(&mailbox, &notes).unwrap();
        let (mut write, mut read) = (std::fs::File::options(), std::fs::File::options());
        assert!(plain(write.append(true).create(true), &notes).is_err());
        assert!(plain(read.read(true), &notes).is_err());
        assert!(plain(read.read(true), &mailbox).is_ok(), "a file is opened");
    }
}
