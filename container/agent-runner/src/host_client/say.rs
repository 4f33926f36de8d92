//! Texts, edits and reactions in the middle of a turn.

use std::sync::atomic::Ordering;

use domain::message::{Form, TEXT_BYTES_MAX};
use domain::{MessageSeq, OutSeq};
use store::{Destination, NewMessage};

use super::{HostClient, ToolError, refused};

/// Longer than any emoji, the ones that are made of several included.
const EMOJI_BYTES_MAX: usize = 64;

impl HostClient {
    /// Sends a text: the `send_message` tool. Returns once it is stored, so that "sent" holds even
    /// if the program dies right after.
    pub(crate) async fn send_message(
        &self,
        text: &str,
        to: Option<&str>,
    ) -> Result<OutSeq, ToolError> {
        let text = fitting(text, TEXT_BYTES_MAX)?;
        let destination = self.destination(to).await?;
        self.send(destination, Form::Text, text).await
    }

    /// Replaces a text that was sent: the `edit_message` tool.
    pub(crate) async fn edit_message(&self, id: i64, text: &str) -> Result<OutSeq, ToolError> {
        let text = fitting(text, TEXT_BYTES_MAX)?;
        match self.own_form(id).await?.as_deref() {
            Some("text") => self.send(None, Form::Edit(id), text).await,
            Some(_) => {
                refused(format!("message {id} is no text; only texts that you sent can be changed"))
            }
            None => refused(format!(
                "there is no message {id} of yours; give the number that send_message returned"
            )),
        }
    }

    /// Puts an emoji under a message: the `add_reaction` tool.
    pub(crate) async fn add_reaction(&self, id: i64, emoji: &str) -> Result<OutSeq, ToolError> {
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
        self.send(None, Form::Reaction(id), emoji.to_owned()).await
    }

    /// Chats that may be written to by name: the `list_destinations` tool.
    pub(crate) async fn destinations(&self) -> Result<Vec<Destination>, ToolError> {
        Ok(self.store.read(|store| store.destinations()).await?)
    }

    /// The name as the host knows it, or an error that lists the names.
    pub(super) async fn destination(&self, to: Option<&str>) -> Result<Option<String>, ToolError> {
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

    /// Stores a message in reply to the one at hand and notifies the host.
    pub(super) async fn send(
        &self,
        destination: Option<String>,
        form: Form,
        text: String,
    ) -> Result<OutSeq, ToolError> {
        let message = self.new_message(destination, form, text)?;
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
    ) -> Result<NewMessage, ToolError> {
        let Some(in_reply_to) = self.current() else {
            return refused(
                "there is no message to reply to yet; answer the user when one has come",
            );
        };
        let attempt = self.attempt.load(Ordering::Relaxed);
        Ok(NewMessage { in_reply_to, destination, form, text, attempt })
    }

    async fn own_form(&self, id: i64) -> Result<Option<String>, ToolError> {
        Ok(self.store.read(move |store| store.own_form(OutSeq(id))).await?)
    }
}

pub(super) fn fitting(text: &str, bytes_max: usize) -> Result<String, ToolError> {
    let text = text.trim();
    if text.is_empty() {
        return refused("the text is empty; write the text that the user should read");
    }
    if bytes_max < text.len() {
        return too_long(text.len());
    }
    Ok(text.to_owned())
}

pub(super) fn too_long<T>(bytes: usize) -> Result<T, ToolError> {
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

#[cfg(test)]
mod tests {
    use super::is_emoji;

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
