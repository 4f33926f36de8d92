//! What a model cannot take as it is, as text: what is said in a recording, and what a PDF contains.
//!
//! Invariants
//! - A file is opened by programs of the agent's user alone, never by this one.
//! - [`find`] always ends: each program has a deadline, and what was not found says why.
//! - Of what a program prints no more than [`FILE_BYTES_MAX`] is kept, and one line is held.

use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use domain::agent::FILE_PLACEHOLDER;
use domain::inbound::{FileIn, FileLocation, Inbound};
use domain::message::{FileKind, FileText};
use domain::plain::{cut, for_a_terminal, one_line};
use tokio::time::{Instant, timeout};

use crate::Config;
use crate::host_client::HostClient;
use crate::process::{Output, Process};

/// A thousand pages take some seconds.
const PDF_TIME_MAX: Duration = Duration::from_secs(20);
/// All files of the messages of one turn together: its sender waits. whisper.cpp with its small models hears a minute of
/// speech meanwhile, on two slow cores.
const ALL_TIME_MAX: Duration = Duration::from_secs(60);
/// Half an hour of speech, or ten full pages; the model has to read it.
const FILE_BYTES_MAX: usize = 24 * 1024;
/// The files of one message together.
const MESSAGE_BYTES_MAX: usize = 48 * 1024;
/// A transcript may be one line.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// How much of a reason is kept.
const REASON_CHARS_MAX: usize = 200;
/// In KiB: a PDF can claim to have pages of any size. Less than every container has.
const PDF_MEMORY_KIB_MAX: &str = "1048576";

const NO_COMMAND: &str = "nothing here turns speech into text; the owner can set a command for that, see \
    `nanoclaw agents set --help`";
const NO_TEXT: &str =
    "it has no text; if its pages are scanned, look at them as pictures (`pdftoppm`)";
const NO_SPEECH: &str = "nothing was heard in it";
const NO_ROOM: &str = "the files before it took all the room that one message has";
const NO_TIME: &str = "it was not read in time, since the files of one turn have 60 s together; read it \
    yourself if you need it";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pdf,
    Speech,
}

/// What a file is to be read as; `None` for what a model takes as it is, or nobody can read.
fn kind(file: &FileIn) -> Option<Kind> {
    if file.mime == "application/pdf" {
        return Some(Kind::Pdf);
    }
    let is_recording = matches!(file.kind, FileKind::Voice | FileKind::Audio);
    (is_recording || file.mime.starts_with("audio/")).then_some(Kind::Speech)
}

/// The files to read, each with its place in the message.
fn files(of: &Inbound) -> impl Iterator<Item = (usize, Kind, &str)> {
    of.files.iter().enumerate().filter_map(|(place, file)| match &file.location {
        FileLocation::Here(path) => Some((place, kind(file)?, path.as_str())),
        FileLocation::Failed(_) => None,
    })
}

pub(crate) fn has_any(messages: &[Inbound]) -> bool {
    messages.iter().any(|it| files(it).next().is_some())
}

/// Adds to messages what their files contain, and keeps it. What an earlier attempt kept is not looked for
/// again.
pub(crate) async fn find(mut messages: Vec<Inbound>, host_client: &HostClient) -> Vec<Inbound> {
    let until = Instant::now() + ALL_TIME_MAX;
    for message in messages.iter_mut().filter(|it| files(it).next().is_some()) {
        let seq = message.seq;
        let kept = host_client.store.read(move |store| store.file_texts(seq)).await;
        if let Ok(Some(texts)) = kept {
            message.body.file_texts = texts;
            continue;
        }
        // The same mailbox has just been read; without it no speech is understood this time.
        let command = host_client.store.read(|store| store.transcribe()).await.ok().flatten();
        let mut texts = Vec::new();
        let mut room = MESSAGE_BYTES_MAX;
        for (file, kind, path) in files(message) {
            let path = host_client.config.received_dir.join(path);
            let reader =
                Reader { config: &host_client.config, command: command.as_deref(), room, until };
            let link = format!(".heard-{seq}-{file}");
            let text = reader.read(kind, &path, &link).await;
            room -= text.as_ref().map_or(0, String::len).min(room);
            texts.push(FileText { file, is_speech: kind == Kind::Speech, text });
            host_client.notifier.progress();
        }
        let found = texts.iter().filter(|it| it.text.is_ok()).count();
        tracing::info!(message = seq.0, files = texts.len(), found, "read the files of a message");
        message.body.file_texts = texts;
        host_client.keep_file_texts(message).await;
    }
    messages
}

struct Reader<'a> {
    config: &'a Config,
    /// What turns speech into text.
    command: Option<&'a str>,
    /// Bytes that the text may have.
    room: usize,
    until: Instant,
}

impl Reader<'_> {
    /// An error is why there is no text. `link` is a name of its own in the agent's home.
    async fn read(&self, kind: Kind, path: &Path, link: &str) -> Result<String, String> {
        let found = match kind {
            Kind::Pdf => self.pdf(path).await,
            Kind::Speech => self.speech(path, link).await,
        };
        found.map_err(|why| cut(&one_line(&why), REASON_CHARS_MAX))
    }

    async fn pdf(&self, path: &Path) -> Result<String, String> {
        // The shell alone can limit the memory of what takes its place.
        let script = "ulimit -v \"$1\"; exec pdftotext -enc UTF-8 -nopgbrk \"$2\" -";
        let path = path.to_string_lossy();
        let args = ["-c", script, "sh", PDF_MEMORY_KIB_MAX, &path];
        let (text, is_cut) = self.run("sh", &args, PDF_TIME_MAX).await?;
        let rest = "\n(The rest is left out; `pdftotext` shows it.)";
        finished(&text, NO_TEXT, if is_cut { rest } else { "" })
    }

    /// The command gets a name of the file that means nothing to a shell, wherever in it and however quoted
    /// it stands.
    async fn speech(&self, path: &Path, link: &str) -> Result<String, String> {
        let command = self.command.ok_or(NO_COMMAND)?;
        let said = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let is_plain = |it: &&str| it.len() <= 8 && it.bytes().all(|it| it.is_ascii_alphanumeric());
        let extension = Some(said).filter(is_plain).unwrap_or("bin");
        let link = self.config.home.join(format!("{link}.{extension}"));
        // A predecessor may have left it behind.
        let _ = std::fs::remove_file(&link);
        symlink(path, &link).map_err(|err| format!("the command could not be given it: {err}"))?;
        let script = command.replace(FILE_PLACEHOLDER, &link.to_string_lossy());
        let ran = self.run("bash", &["-c", &script], ALL_TIME_MAX).await;
        let _ = std::fs::remove_file(&link);
        let (text, is_cut) = ran?;
        finished(&text, NO_SPEECH, if is_cut { "\n(The rest is left out.)" } else { "" })
    }

    /// What a program of the agent prints, and whether that is only the beginning.
    async fn run(
        &self,
        program: &str,
        args: &[&str],
        time_max: Duration,
    ) -> Result<(String, bool), String> {
        let left = self.until.duration_since(Instant::now()).min(time_max);
        if self.room == 0 {
            return Err(NO_ROOM.to_owned());
        }
        if left.is_zero() {
            return Err(NO_TIME.to_owned());
        }
        let mut command = self.config.agent_command(program);
        command.args(args).envs(self.config.extra_env.iter().map(|(name, value)| (name, value)));
        let not_run = |err: io::Error| format!("{program} could not be run: {err}");
        let mut process = Process::start(command, LINE_BYTES_MAX, left).map_err(not_run)?;
        process.finish();
        let printed = printed(&mut process, FILE_BYTES_MAX.min(self.room));
        let too_long = |_| match left == PDF_TIME_MAX {
            true => Err(format!("it took longer than {} s", left.as_secs())),
            false => Err(NO_TIME.to_owned()),
        };
        timeout(left, printed).await.unwrap_or_else(too_long)
    }
}

async fn printed(process: &mut Process, bytes_max: usize) -> Result<(String, bool), String> {
    let mut text = String::new();
    let ending = loop {
        match process.next().await {
            Output::Line(line) => {
                text += for_a_terminal(&String::from_utf8_lossy(&line)).trim_end();
                text.push('\n');
                if bytes_max < text.len() {
                    text.truncate(text.floor_char_boundary(bytes_max));
                    return Ok((text, true));
                }
            }
            Output::TooLong => return Err("it printed a line of more than 1 MiB".to_owned()),
            Output::Ended(ending) => break ending,
        }
    };
    if ending.is_success {
        return Ok((text, false));
    }
    let words = ending.last_words.lines().next_back().map(|it| format!(": {it}"));
    Err(format!("its program ended with {}{}", ending.status, words.unwrap_or_default()))
}

fn finished(text: &str, otherwise: &str, rest: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err(otherwise.to_owned()),
        text => Ok(format!("{text}{rest}")),
    }
}

#[cfg(test)]
mod tests;
