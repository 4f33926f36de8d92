//! What is sent to Discord: the bodies of its requests. Pure.

use domain::outgoing::{Button, Card};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::tables;
use crate::wire::Id;

/// What one message takes, in code points
/// (<https://discord.com/developers/docs/resources/message#create-message>; how they are counted:
/// <https://github.com/discord/discord-api-docs/issues/1315>).
pub(crate) const DISCORD_CHARS_MAX: usize = 2_000;
/// Goes before a text that may have been sent already.
const REPEAT_NOTE: &str = "(possibly a repeat)\n";
/// What the host may send as one text, so that the note always fits.
pub(crate) const TEXT_CHARS_MAX: usize = DISCORD_CHARS_MAX - REPEAT_NOTE.len();

/// Rows of buttons, and buttons of a row
/// (<https://discord.com/developers/docs/components/reference#action-row>).
const ROWS_MAX: usize = 5;
const ROW_MAX: usize = 5;

/// Why something cannot be sent as it is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Unfit {
    #[error("the text has {0} characters and Discord takes 2000; send it as several messages")]
    Text(usize),
    #[error("the card has {0} buttons and Discord takes 25; leave some out")]
    Buttons(usize),
}

/// What Discord is to show for a text. A drawn table that makes it too long is left as it was.
pub(crate) fn shown(text: &str, repeat: bool) -> Result<String, Unfit> {
    let note = if repeat { REPEAT_NOTE } else { "" };
    let drawn = format!("{note}{}", tables::draw(text));
    if drawn.chars().count() <= DISCORD_CHARS_MAX {
        return Ok(drawn);
    }
    let plain = format!("{note}{text}");
    match plain.chars().count() {
        length if length <= DISCORD_CHARS_MAX => Ok(plain),
        length => Err(Unfit::Text(length)),
    }
}

/// The body that makes a message, once for each key. Mentions in it notify nobody.
pub(crate) fn message(key: &str, content: &str, reply_to: Option<Id>) -> Value {
    let mut body = json!({
        "content": content,
        "nonce": nonce(key),
        // A second message with the nonce of one of the last minutes is not made; the answer is the
        // first one.
        "enforce_nonce": true,
        "allowed_mentions": { "parse": [] },
    });
    if let Some(id) = reply_to {
        body["message_reference"] =
            json!({ "message_id": id.to_string(), "fail_if_not_exists": false });
    }
    body
}

/// The body that changes a message.
pub(crate) fn edit(content: &str) -> Value {
    json!({ "content": content, "allowed_mentions": { "parse": [] } })
}

/// Buttons below a message; none takes away those that are there.
pub(crate) fn components(card: &Card) -> Result<Value, Unfit> {
    if ROWS_MAX * ROW_MAX < card.buttons.len() {
        return Err(Unfit::Buttons(card.buttons.len()));
    }
    let row = |buttons: &[Button]| {
        let buttons: Vec<_> = buttons.iter().map(button).collect();
        json!({ "type": 1, "components": buttons })
    };
    Ok(card.buttons.chunks(ROW_MAX).map(row).collect())
}

fn button(button: &Button) -> Value {
    json!({ "type": 2, "style": 2, "label": button.label, "custom_id": button.data })
}

/// At most 25 characters are taken; half of a hash tells enough parts apart.
pub(crate) fn nonce(key: &str) -> String {
    Sha256::digest(key).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_one_nonce_that_discord_takes() {
        assert_eq!(nonce("session-1-part-2").len(), 24);
        assert_eq!(nonce("a"), nonce("a"));
        assert_ne!(nonce("a"), nonce("b"));
    }

    #[test]
    fn nobody_is_notified_and_a_reply_to_a_deleted_message_is_sent_all_the_same() {
        let body = message("k", "hi @everyone", Some(Id(5)));
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
        assert_eq!(body["enforce_nonce"], true);
        assert_eq!(
            body["message_reference"],
            json!({ "message_id": "5", "fail_if_not_exists": false })
        );
        assert_eq!(message("k", "hi", None).get("message_reference"), None);
    }

    #[test]
    fn the_longest_text_fits_with_its_note_and_a_longer_one_is_refused() {
        let longest = "é".repeat(TEXT_CHARS_MAX);
        assert_eq!(shown(&longest, false), Ok(longest.clone()));
        assert_eq!(shown(&longest, true), Ok(format!("{REPEAT_NOTE}{longest}")));
        let long = "é".repeat(DISCORD_CHARS_MAX + 1);
        assert_eq!(shown(&long, false), Err(Unfit::Text(2_001)));
    }

    #[test]
    fn a_table_that_would_be_too_long_when_drawn_is_left_as_it_was() {
        let wide = format!("|a|b|\n|-|-|\n{}|{}|c|", "|d|e|\n".repeat(9), "x".repeat(400));
        assert!(!shown(&wide, false).unwrap().contains("```"));
    }

    #[test]
    fn buttons_go_into_rows_of_five() {
        let button = |at: usize| Button { label: format!("L{at}"), data: format!("d{at}") };
        let card = |count| Card { text: String::new(), buttons: (0..count).map(button).collect() };
        let rows = components(&card(7)).unwrap();
        assert_eq!(rows[0]["components"].as_array().unwrap().len(), 5);
        assert_eq!(
            rows[1]["components"][1],
            json!({ "type": 2, "style": 2, "label": "L6", "custom_id": "d6" })
        );
        assert_eq!(components(&card(0)), Ok(json!([])));
        assert_eq!(components(&card(26)), Err(Unfit::Buttons(26)));
    }
}
