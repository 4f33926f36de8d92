//! Sends and edits texts, in the best form that Telegram takes.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::api::Api;
use crate::buttons::Keyboard;
use crate::error::ApiError;
use crate::ids::Target;
use crate::methods::Reply;
use crate::text::forms;

/// Whether the server has rich messages, as far as is known.
#[derive(Debug)]
pub(crate) struct Rich(AtomicBool);

impl Default for Rich {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Rich {
    fn is_taken(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn forget(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Returns the message's number.
pub(crate) async fn send(
    api: &Api,
    rich: &Rich,
    to: Target,
    markdown: &str,
    (reply, keyboard): (Option<Reply>, Option<&Keyboard>),
) -> Result<i64, ApiError> {
    let mut forms = forms(markdown, rich.is_taken()).into_iter().peekable();
    loop {
        // There is always the plain one, and it returns.
        let form = forms.next().unwrap_or_default();
        let err = match api.send(to, &form, reply, keyboard).await {
            Ok(sent) => return Ok(sent.message_id),
            Err(err) => err,
        };
        // Before Bot API 10.1.
        let no_rich = form.rich_message.is_some() && err.is_unknown_method();
        if no_rich {
            rich.forget();
        }
        let another = no_rich || err.is_about_the_content();
        if !another || forms.peek().is_none() {
            return Err(err);
        }
    }
}

/// Puts a text, and buttons or none, in the place of a message of ours.
pub(crate) async fn edit(
    api: &Api,
    rich: &Rich,
    (chat, message): (i64, i64),
    markdown: &str,
    keyboard: Option<&Keyboard>,
) -> Result<(), ApiError> {
    let mut forms = forms(markdown, rich.is_taken()).into_iter().peekable();
    loop {
        let form = forms.next().unwrap_or_default();
        let err = match api.edit(chat, message, &form, keyboard).await {
            Ok(()) => return Ok(()),
            // It shows that already; perhaps an earlier attempt did it.
            Err(err) if err.says("message is not modified") => return Ok(()),
            Err(err) => err,
        };
        if !err.is_about_the_content() || forms.peek().is_none() {
            return Err(err);
        }
    }
}
