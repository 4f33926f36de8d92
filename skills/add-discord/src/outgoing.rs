//! What is sent to Discord: the bodies of its requests. Pure.

use std::collections::BTreeSet;

use channel::http::{self, Failure};
use channel::{CommandInfo, Part, REPEAT_NOTE, beginning};
use domain::outgoing::{Button, Dialect, TextLimit};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::wire::{Id, list, text};

/// What one message takes, in code points (<https://discord.com/developers/docs/resources/message#create-message>;
/// how they are counted: <https://github.com/discord/discord-api-docs/issues/1315>).
pub(crate) const DISCORD_CHARS_MAX: usize = 2_000;
/// What the host may send as one text, so that the note always fits.
pub(crate) const TEXT_CHARS_MAX: usize = DISCORD_CHARS_MAX - REPEAT_NOTE.len();

/// Buttons of a row, of which there are five at most
/// (<https://discord.com/developers/docs/components/reference#action-row>).
const ROW_MAX: usize = 5;

/// Flags of a message (<https://discord.com/developers/docs/resources/message#message-object-message-flags>). Links
/// are not fetched for a preview: nothing is to leave by an address that a model writes.
const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// Only who pressed or wrote a command sees it.
const EPHEMERAL: u64 = 1 << 6;
const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;

/// Kinds of interactions: a command that was chosen from the menu, and a button or menu under a message
/// (<https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object-interaction-type>).
pub(crate) const KIND_COMMAND: u64 = 2;
pub(crate) const KIND_COMPONENT: u64 = 3;

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

/// The body that makes a message, once for each key. It notifies who is replied to, or else who is to be notified,
/// and nobody whom the text mentions.
pub(crate) fn message(part: &Part, content: &str, reply_to: Option<Id>) -> Value {
    let loud = !part.silent;
    let is_alone = loud && part.in_group && reply_to.is_none();
    let notify = part.notify.as_ref().filter(|it| is_alone && Id::parse(it).is_some());
    // In a line of its own: the first may be a heading, an item or the fence of a block of code.
    let called = notify.map(|it| format!("<@{it}>\n{content}"));
    let called = called.filter(|it| it.chars().count() <= DISCORD_CHARS_MAX);
    let mut body = json!({
        "content": called.as_deref().unwrap_or(content),
        "nonce": nonce(&part.key),
        // A second message with the nonce of one of the last minutes is not made; the answer is the first one.
        "enforce_nonce": true,
        "flags": SUPPRESS_EMBEDS | if loud { 0 } else { SUPPRESS_NOTIFICATIONS },
        "allowed_mentions": {
            "parse": [], "replied_user": loud, "users": notify.iter().collect::<Vec<_>>(),
        },
    });
    if let Some(id) = reply_to {
        body["message_reference"] =
            json!({ "message_id": id.to_string(), "fail_if_not_exists": false });
    }
    body
}

/// The body that changes a message.
pub(crate) fn edit(content: &str) -> Value {
    json!({ "content": content, "flags": SUPPRESS_EMBEDS, "allowed_mentions": { "parse": [] } })
}

/// What Discord is told within its 3 seconds, and where: of a press nothing that anybody sees, of a command that it
/// arrived, so that nothing waits. The answer to a command is a message as any. `None` for anything else.
/// <https://discord.com/developers/docs/interactions/receiving-and-responding>
pub(crate) fn acknowledgement(interaction: &Value) -> Option<(String, Value)> {
    let answer = match interaction["type"].as_u64()? {
        KIND_COMPONENT => json!({ "type": 6 }),
        KIND_COMMAND => {
            let words = format!("Received: `{}`", command(interaction).replace('`', "'"));
            json!({ "type": 4, "data": whisper(&words) })
        }
        _ => return None,
    };
    let (id, token) = (Id::of(&interaction["id"])?, http::escaped(text(&interaction["token"])));
    Some((format!("interactions/{id}/{token}/callback"), answer))
}

/// A command that was chosen from the menu, as people write it.
pub(crate) fn command(interaction: &Value) -> String {
    let data = &interaction["data"];
    let written = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let given = list(&data["options"]).map(|it| written(&it["value"]));
    let name = format!("/{}", text(&data["name"]));
    [name].into_iter().chain(given).collect::<Vec<_>>().join(" ")
}

/// Words for one person alone.
pub(crate) fn whisper(words: &str) -> Value {
    let words = beginning(words, TextLimit::chars(DISCORD_CHARS_MAX));
    json!({
        "content": words, "flags": SUPPRESS_EMBEDS | EPHEMERAL, "allowed_mentions": { "parse": [] },
    })
}

/// The menu, of which each takes a text behind its name
/// (<https://discord.com/developers/docs/interactions/application-commands>).
pub(crate) fn commands(commands: &[CommandInfo]) -> Value {
    let text = json!({ "type": 3, "name": "text", "description": "What follows the command" });
    let command = |info: &CommandInfo| {
        let about = beginning(info.about, TextLimit::chars(100));
        // Where the bot is, and nowhere that a user takes it along to.
        json!({
            "type": 1, "name": info.name, "description": about, "options": [text],
            "contexts": [0, 1], "integration_types": [0],
        })
    };
    commands.iter().map(command).collect()
}

/// What of a menu this program sets, in an order of its own.
pub(crate) fn gist(menu: &Value) -> BTreeSet<[String; 3]> {
    let gist = |command: &Value| {
        let option = &command["options"][0]["name"];
        [&command["name"], &command["description"], option].map(Value::to_string)
    };
    list(menu).map(gist).collect()
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
    use domain::message::Address;
    use domain::outgoing::Content;

    use super::*;

    #[test]
    fn a_part_has_one_nonce_that_discord_takes() {
        assert_eq!(nonce("session-1-part-2").len(), 24);
        assert_eq!(nonce("a"), nonce("a"));
        assert_ne!(nonce("a"), nonce("b"));
    }

    fn part() -> Part {
        Part {
            to: Address::default(),
            key: "k".into(),
            content: Content::Text(String::new()),
            reply_to: String::new(),
            also: vec![],
            last: true,
            no_answer: false,
            repeat: false,
            in_group: true,
            silent: false,
            notify: Some("7".into()),
        }
    }

    #[test]
    fn who_asked_is_notified_alone_and_a_reply_to_a_deleted_message_is_sent_all_the_same() {
        let allowed = |replied, users: &[&str]| json!({ "parse": [], "replied_user": replied, "users": users });
        let body = message(&part(), "hi @everyone", Some(Id(5)));
        assert_eq!(body["allowed_mentions"], allowed(true, &[]));
        assert_eq!(body["enforce_nonce"], true);
        assert_eq!(body["flags"], 1 << 2, "no previews");
        assert_eq!(
            body["message_reference"],
            json!({ "message_id": "5", "fail_if_not_exists": false })
        );
        let alone = message(&part(), "hi", None);
        assert_eq!(alone.get("message_reference"), None);
        assert_eq!(alone["content"], "<@7>\nhi");
        assert_eq!(alone["allowed_mentions"], allowed(true, &["7"]));
        let silent = message(&Part { silent: true, ..part() }, "hi", None);
        assert_eq!(
            (&silent["content"], &silent["flags"]),
            (&json!("hi"), &json!(1 << 2 | 1 << 12))
        );
        assert_eq!(silent["allowed_mentions"], allowed(false, &[]));
        let direct = message(&Part { in_group: false, ..part() }, "hi", None);
        assert_eq!(direct["content"], "hi", "there is nobody else");
    }

    #[test]
    fn a_menu_that_says_the_same_is_the_same() {
        let help = CommandInfo { name: "help", about: "What I can do" };
        let stop = CommandInfo { name: "stop", about: "Stop the turn" };
        let there = |order: [CommandInfo; 2]| {
            let mut menu = commands(&order);
            menu[0]["id"] = json!("9");
            menu[1]["default_member_permissions"] = json!(null);
            menu
        };
        let wanted = gist(&commands(&[help, stop]));
        assert_eq!(gist(&there([stop, help])), wanted);
        let other = CommandInfo { name: "help", about: "Something else" };
        assert_ne!(gist(&there([stop, other])), wanted);
        assert_ne!(gist(&json!([])), wanted);
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
    fn a_wide_cell_makes_no_other_row_as_wide() {
        let wide = format!("|a|b|\n|-|-|\n{}|{}|c|", "|d|e|\n".repeat(9), "x".repeat(400));
        let shown = shown("", &wide).unwrap();
        assert!(shown.contains("```") && shown.len() < 600, "{shown}");
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
