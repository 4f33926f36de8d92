//! What the demo agent does at each word. Everything that leaves goes through the host client, as the tools of
//! a model do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use domain::MessageSeq;
use domain::inbound::{FileIn, FileLocation, Inbound};
use domain::link::Tool;
use domain::message::Body;
use domain::time::about;
use domain::waits::WaitClass;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{Demo, tasks};
use crate::host_client::{FileToSend, Question, ToolError, ToolResult};
use crate::provider::{Event, ToolNews};

const NOTES: &str = "notes.txt";
const WAIT_SECS_MAX: u64 = 600;
/// Characters of a digest that tell files apart.
const DIGEST_CHARS: usize = 12;

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

impl Demo {
    /// Does what a text asks for; `None` when nothing of that is known.
    pub(super) async fn act(&mut self, message: &Inbound, text: &str) -> Option<String> {
        if fails(text).is_some() {
            return Some("the model answers again.".to_owned());
        }
        let (word, rest) = split(text);
        let (word, (first, more)) = (word.to_ascii_lowercase(), split(rest));
        Some(match (word.as_str(), rest) {
            ("count", "") => format!("message number {}.", self.count),
            ("who", "") => who(message),
            ("files", "") => self.files(message).await,
            ("", _) if !message.body.file_texts.is_empty() => self.files(message).await,
            ("context", "") => context(message),
            ("wait", _) if let Ok(secs) = first.parse() => self.wait(secs).await,
            ("draft", _) if !rest.is_empty() => self.draft(rest).await,
            ("run", _) if let Ok(secs) = more.parse() => self.run_tool(first, secs).await,
            ("background", _)
                if let Ok(secs) = first.parse()
                    && !more.is_empty() =>
            {
                self.begin(message.seq, secs, more)
            }
            _ => return self.use_tool(message, &word, text).await,
        })
    }

    async fn use_tool(&self, message: &Inbound, word: &str, text: &str) -> Option<String> {
        let rest = split(text).1;
        let (first, more) = split(rest);
        // "send me" names no chat called "me".
        let is_meant_here = ["me", "us"].iter().any(|it| it.eq_ignore_ascii_case(first));
        let client = &self.host_client;
        Some(match (word, rest) {
            ("recall", "") => self.tool(message, "Read", self.recall()).await,
            ("remember", _) if !rest.is_empty() => {
                self.tool(message, "Write", self.remember(rest)).await
            }
            ("report", _) if !rest.is_empty() => {
                let sent = client.send_message(rest, None);
                let did = async { sent.await.map(|_| "I sent your report.".to_owned()) };
                self.tool(message, "send_message", did).await
            }
            ("send", _) if !more.is_empty() && !is_meant_here => {
                let sent = client.send_message(more, Some(first));
                let did = async { sent.await.map(|_| format!("I sent it to {first}.")) };
                self.tool(message, "send_message", did).await
            }
            ("file", _) if !more.is_empty() => {
                self.tool(message, "send_file", self.file(first, more)).await
            }
            ("react", _) if !rest.is_empty() => {
                let added = client.add_reaction(message.seq.0, rest);
                let did = async { added.await.map(|_| format!("I reacted with {rest}")) };
                self.tool(message, "add_reaction", did).await
            }
            ("ask", _) if let Some(end) = rest.find('?') => {
                let (question, options) = rest.split_at(end + 1);
                let options = options.split('|').map(str::trim).filter(|it| !it.is_empty());
                let question = Question {
                    question: question.to_owned(),
                    options: options.map(str::to_owned).collect(),
                    timeout_seconds: None,
                };
                let did = async { Ok(format!("you chose \"{}\"", client.ask(question).await?)) };
                self.tool(message, "ask_user_question", did).await
            }
            ("admin", _) if !rest.is_empty() => {
                let did = async { Ok(format!("it says:\n{}", client.administer(rest).await?)) };
                self.tool(message, "nanoclaw", did).await
            }
            _ => self.tool(message, "nanoclaw", client.tasks(tasks::parse(text)?)).await,
        })
    }

    async fn tool(
        &self,
        message: &Inbound,
        name: &str,
        action: impl Future<Output = ToolResult>,
    ) -> String {
        let (call, max) = (format!("{}.{}", message.seq, self.count), Duration::ZERO);
        let started = ToolNews::Started { call: call.clone(), name: name.to_owned(), max };
        self.report(Event::Tool(started)).await;
        let did = action.await;
        self.report(Event::Tool(ToolNews::Ended { call, ok: did.is_ok() })).await;
        match did {
            Ok(said) => said,
            Err(err) if name == "nanoclaw" => format!("it refuses: {err}"),
            Err(err) => format!("{err}."),
        }
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

    async fn file(&self, name: &str, text: &str) -> ToolResult {
        if Path::new(name).file_name().is_none_or(|it| it != name) {
            return Err(ToolError::Refused(format!("`{name}` is no name for a file")));
        }
        let truncate = File::options().write(true).create(true).truncate(true).clone();
        self.write(name, text.to_owned(), truncate).await?;
        let file = FileToSend { path: name.to_owned(), ..FileToSend::default() };
        self.host_client.send_file(file).await?;
        Ok(format!("I sent {name}."))
    }

    async fn files(&self, message: &Inbound) -> String {
        let Inbound { files, body, .. } = message;
        if files.is_empty() {
            return "no files came with this message.".to_owned();
        }
        let (dir, files) = (self.host_client.config.received_dir.clone(), files.clone());
        let lines = move || files.iter().map(|it| file_line(&dir, it)).collect::<Vec<_>>();
        let mut lines = self.host_client.store.beside(lines).await;
        for found in &body.file_texts {
            if let Some(line) = lines.get_mut(found.file) {
                *line += &match &found.text {
                    Ok(text) => format!(", saying \"{text}\""),
                    Err(why) => format!(", could not be read: {why}"),
                };
            }
        }
        format!("these files came:\n{}", lines.join("\n"))
    }

    async fn write(&self, name: &str, text: String, how: OpenOptions) -> ToolResult<()> {
        let path = self.host_client.config.workspace.join(name);
        let write = move || open(how, &path)?.write_all(text.as_bytes());
        let failed = |err| ToolError::Refused(format!("I could not write the file: {err}"));
        self.host_client.store.beside(write).await.map_err(failed)
    }

    async fn remember(&self, text: &str) -> ToolResult {
        let append = File::options().create(true).append(true).clone();
        self.write(NOTES, format!("{text}\n"), append).await?;
        Ok("I wrote it down.".to_owned())
    }

    async fn recall(&self) -> ToolResult {
        let path = self.host_client.config.workspace.join(NOTES);
        let read = move || io::read_to_string(open(File::options().read(true).clone(), &path)?);
        match self.host_client.store.beside(read).await {
            Ok(notes) => Ok(format!("my notes say:\n{}", notes.trim_end())),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok("I have no notes.".to_owned()),
            Err(err) => Err(ToolError::Refused(format!("I could not read my notes: {err}"))),
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
    let mut said = message.lateness().map(late).unwrap_or_default();
    said += &match all.len() {
        0 => "There are no context messages".to_owned(),
        1 => "1 context message".to_owned(),
        count => format!("{count} context messages"),
    };
    if 0 < left_out {
        said += &format!(", and {left_out} more before");
    }
    said.push(if all.is_empty() { '.' } else { ':' });
    said + &all.iter().map(line).collect::<String>()
}

fn line(message: &Inbound) -> String {
    let Body { sender, text, change, quote, .. } = &message.body;
    let did = match (change, quote) {
        (Some(change), Some(quote)) => format!(" {} \"{}\"", change.word(), quote.text),
        (Some(change), None) => format!(" {}", change.word()),
        (None, _) => String::new(),
    };
    format!("\n{}{did}: {text}", sender.name)
}

/// What a message with no word for the demo agent says.
pub(super) fn said(body: &Body, text: &str) -> String {
    let from = body.forwarded_from.as_ref().map(|it| format!("passed on what {it} "));
    let unread = body.unread.as_ref().map(|it| format!("; I could not read {it}"));
    format!("you {}said \"{text}\"{}", from.unwrap_or_default(), unread.unwrap_or_default())
}

/// Opens a file of the workspace. A script of a task may have put a link there: as the runner, this
/// program could follow it to the mailboxes.
fn open(mut options: OpenOptions, path: &Path) -> io::Result<File> {
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
        assert!(open(write.append(true).create(true).clone(), &notes).is_err());
        assert!(open(read.read(true).clone(), &notes).is_err());
        assert!(open(read.read(true).clone(), &mailbox).is_ok(), "a file is opened");
    }
}
