//! What is sent to Discord: the bodies of its requests. Pure.

use channel::REPEAT_NOTE;
use channel::http::Failure;
use domain::outgoing::{Button, Dialect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::wire::Id;

/// What one message takes, in code points
/// (<https://discord.com/developers/docs/resources/message#create-message>; how they are counted:
/// <https://github.com/discord/discord-api-docs/issues/1315>).
pub(crate) const DISCORD_CHARS_MAX: usize = 2_000;
/// What the host may send as one text, so that the note always fits.
pub(crate) const TEXT_CHARS_MAX: usize = DISCORD_CHARS_MAX - REPEAT_NOTE.len();

/// Buttons of a row, of which there are five at most
/// (<https://discord.com/developers/docs/components/reference#action-row>).
const ROW_MAX: usize = 5;

/// What Discord is to show for a text behind a note. Where formats make it too long, it is left as it was.
pub(crate) fn shown(note: &str, text: &str) -> Result<String, Failure> {
    let rendered = markdown::render(text, Dialect::Discord);
    let forms = [format!("{note}{rendered}"), format!("{note}{text}")];
    let fits = |it: &String| it.chars().count() <= DISCORD_CHARS_MAX;
    forms.into_iter().find(fits).ok_or_else(|| {
        Failure::refused(format!(
            "the text has {} characters and Discord takes {DISCORD_CHARS_MAX}; send it as several \
             messages",
            text.chars().count()
        ))
    })
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

/// Buttons below a message, as many as a card has at most; none takes away those that are there.
pub(crate) fn components(buttons: &[Button]) -> Value {
    let button =
        |it: &Button| json!({ "type": 2, "style": 2, "label": it.label, "custom_id": it.data });
    let row = |buttons: &[Button]| {
        let buttons: Value = buttons.iter().map(button).collect();
        json!({ "type": 1, "components": buttons })
    };
    buttons.chunks(ROW_MAX).map(row).collect()
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
        assert_eq!(shown("", &longest).unwrap(), longest);
        assert_eq!(shown(REPEAT_NOTE, &longest).unwrap(), format!("{REPEAT_NOTE}{longest}"));
        let long = "é".repeat(DISCORD_CHARS_MAX + 1);
        let refused = shown("", &long).unwrap_err().to_string();
        assert!(refused.contains("2001 characters"), "{refused}");
    }

    #[test]
    fn a_table_that_would_be_too_long_when_drawn_is_left_as_it_was() {
        let wide = format!("|a|b|\n|-|-|\n{}|{}|c|", "|d|e|\n".repeat(9), "x".repeat(400));
        assert!(!shown("", &wide).unwrap().contains("```"));
    }

    #[test]
    fn buttons_go_into_rows_of_five() {
        let button = |at: usize| Button { label: format!("L{at}"), data: format!("d{at}") };
        let rows = |count| components(&(0..count).map(button).collect::<Vec<_>>());
        assert_eq!(rows(0), json!([]));
        let rows = rows(7);
        assert_eq!(rows[0]["components"].as_array().unwrap().len(), 5);
        assert_eq!(
            rows[1]["components"][1],
            json!({ "type": 2, "style": 2, "label": "L6", "custom_id": "d6" })
        );
    }
}
