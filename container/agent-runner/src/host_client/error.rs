//! Why a tool did not do what a model asked for. Read by that model, so each says what to do.

use std::io;
use std::path::PathBuf;

use domain::message::TEXT_BYTES_MAX;
use domain::outgoing::{BUTTON_LABEL_CHARS_MAX, BUTTONS_MAX};
use store::StoreError;

use super::file::FILE_BYTES_MAX;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("the text is empty; write the text that the user should read")]
    Empty,
    #[error(
        "the text has {0} bytes, more than the {TEXT_BYTES_MAX} that fit; shorten it or send it in \
         several messages"
    )]
    TooLong(usize),
    #[error("there is no message to reply to yet; answer the user when one has come")]
    NobodyAsked,
    #[error("there is no destination `{name}`; {known}; without `to` you write to this chat")]
    UnknownDestination { name: String, known: String },
    #[error("there is no message {0} of yours; give the number that send_message returned")]
    NotOwn(i64),
    #[error("message {0} is no text; only texts that you sent can be changed")]
    NotText(i64),
    #[error("there is no message {0}; give the id of a message that you were shown or have sent")]
    NoMessage(i64),
    #[error("`{0}` is no emoji; give a single one, such as 👍")]
    NoEmoji(String),
    #[error("give 1 to {BUTTONS_MAX} options")]
    OptionCount,
    #[error(
        "the option `{0}` does not fit on a button; each option is a text of its own of 1 to \
         {BUTTON_LABEL_CHARS_MAX} characters"
    )]
    BadOption(String),
    #[error("give a timeout of 10 to 86400 seconds")]
    Timeout,
    #[error("give one line with a command, such as `help`")]
    NoCommand,
    #[error(
        "that makes {0} bytes, more than the host takes; put the long part into a file of your \
         workspace and name that"
    )]
    TaskTooLong(usize),
    #[error("{} is outside of your workspace and of /tmp; copy it into the workspace first", .0.display())]
    Outside(PathBuf),
    #[error("there is no file {}; give its path within the workspace", .0.display())]
    Missing(PathBuf),
    #[error(
        "{} is a link or lies behind one, which is not followed; copy the file itself into the workspace",
        .0.display()
    )]
    Link(PathBuf),
    #[error("{} is no plain file; pack a folder into an archive first", .0.display())]
    NotAFile(PathBuf),
    #[error("{} is empty; write something into it first", .0.display())]
    EmptyFile(PathBuf),
    #[error(
        "the file has {0} bytes, more than the {FILE_BYTES_MAX} that can be sent; make it smaller \
         or send it in pieces"
    )]
    TooLarge(u64),
    #[error("the file could not be copied ({0}); try again")]
    Io(#[from] io::Error),
    /// The host's own words.
    #[error("{0}")]
    Refused(String),
    #[error("the wait was cut short because you are being stopped")]
    Stopped,
    #[error(
        "it was not sent, because it could not be stored ({0}); try again in a minute, or put it \
         into your final answer"
    )]
    Store(#[from] StoreError),
}
