//! What a message carries beside its text.

use domain::message::{Attachment, FileKind};
use serde_json::Value;

use crate::types::{name, text};

/// The fields that are files, and the type of those that do not name theirs.
const FILES: [(&str, FileKind, &str); 8] = [
    ("photo", FileKind::Image, "image/jpeg"),
    ("sticker", FileKind::Sticker, "image/webp"),
    ("animation", FileKind::Video, "video/mp4"),
    ("video", FileKind::Video, "video/mp4"),
    ("video_note", FileKind::Video, "video/mp4"),
    ("voice", FileKind::Voice, "audio/ogg"),
    ("audio", FileKind::Audio, ""),
    ("document", FileKind::Document, ""),
];

/// The files of a message. Their source is the `file_id`, which stays good for this bot
/// (<https://core.telegram.org/bots/api#file>).
pub(crate) fn files(message: &Value) -> Vec<Attachment> {
    // For older clients, an animation comes as a document too.
    let is_animation = !message["animation"].is_null();
    let fields = FILES.iter().filter(|it| !(is_animation && it.0 == "document"));
    let file = |&(field, kind, mime)| attachment(&message[field], kind, mime);
    fields.filter_map(file).collect()
}

fn attachment(file: &Value, kind: FileKind, mime: &str) -> Option<Attachment> {
    let sizes = file.as_array().into_iter().flatten();
    let file = sizes.max_by_key(|it| it["width"].as_u64()).unwrap_or(file);
    // Animated stickers are in Telegram's own format
    // (<https://core.telegram.org/stickers#animation-requirements>).
    let mime = match [&file["is_animated"], &file["is_video"]].map(Value::as_bool) {
        [Some(true), _] => "application/x-tgsticker",
        [_, Some(true)] => "video/webm",
        [..] => file["mime_type"].as_str().unwrap_or(mime),
    };
    Some(Attachment {
        kind,
        name: text(&file["file_name"]),
        mime: mime.to_owned(),
        bytes: file["file_size"].as_u64(),
        source: file["file_id"].as_str()?.to_owned(),
        is_quoted: false,
    })
}

/// In words, what has no text of its own; empty for what has no words.
pub(crate) fn stand_in(message: &Value) -> String {
    let field = |name: &str| message.get(name);
    let place = |at: &Value| format!("{}, {}", at["latitude"], at["longitude"]);
    // A venue has its location beside it.
    if let Some(venue) = field("venue") {
        let (title, address) = (text(&venue["title"]), text(&venue["address"]));
        format!("[place: {title}, {address} ({})]", place(&venue["location"]))
    } else if let Some(location) = field("location") {
        let live = if location["live_period"].is_null() { "" } else { "live " };
        format!("[{live}location: {}]", place(location))
    } else if let Some(contact) = field("contact") {
        format!("[contact: {}, {}]", name(contact), text(&contact["phone_number"]))
    } else if let Some(poll) = field("poll") {
        let options = poll["options"].as_array().into_iter().flatten();
        let options: Vec<String> = options.map(|it| text(&it["text"])).collect();
        format!("[poll: {} ({})]", text(&poll["question"]), options.join(" / "))
    } else if let Some(dice) = field("dice") {
        format!("[dice {}: {}]", text(&dice["emoji"]), dice["value"])
    } else if let Some(emoji) = field("sticker").and_then(|it| it["emoji"].as_str()) {
        format!("[sticker {emoji}]")
    } else {
        let mut words = String::new();
        gather(&message["rich_message"], false, &mut words);
        words.trim().to_owned()
    }
}

/// The words of a rich message (<https://core.telegram.org/bots/api#richmessage>), without formats.
/// A text is a string, a list of texts, or an object with a text in it.
fn gather(value: &Value, is_text: bool, words: &mut String) {
    const TEXTS: [&str; 5] = ["text", "summary", "caption", "credit", "expression"];
    match value {
        Value::String(text) if is_text => words.push_str(text),
        Value::Array(values) => values.iter().for_each(|it| gather(it, is_text, words)),
        Value::Object(fields) => {
            for (name, value) in fields {
                gather(value, TEXTS.contains(&name.as_str()), words);
            }
            // Of a block, a cell, an item.
            if !is_text && !words.ends_with('\n') {
                words.push('\n');
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// In words, content of a kind that is not known here: what is new on Telegram is told too.
pub(crate) fn unread(message: &Value) -> Option<String> {
    let content = message.as_object()?.iter().find(|(key, value)| is_content(key, value));
    let words = content?.0.replace('_', " ");
    let article = match words.chars().next() {
        _ if words.ends_with('s') || words.ends_with("media") => "",
        Some('a' | 'e' | 'i' | 'o' | 'u') => "an ",
        Some(_) | None => "a ",
    };
    Some(format!("{article}{words}"))
}

/// What says something about a message, or tells what happened in a chat, begins or ends with one of these.
fn is_content(key: &str, value: &Value) -> bool {
    const FIRST: &str = "from chat sender_ via_ guest_ forward_ reply_ external_ quote entities caption_ link_preview \
        suggested_ direct_ new_chat_ left_chat_ pinned_ successful_ refunded_ connected_ passport_ web_app_ gift unique_gift";
    const LAST: &str = "ed hidden set sent paid done";
    (value.is_object() || value.is_array())
        && !FIRST.split(' ').any(|it| key.starts_with(it))
        && !LAST.split(' ').any(|it| key.ends_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> Value {
        let frame = format!(r#"{{"message_id":1,"date":1,"chat":{{"id":1}},{json}}}"#);
        serde_json::from_str(&frame).unwrap()
    }

    #[test]
    fn of_a_photo_the_largest_size_is_taken() {
        let message = message(
            r#""photo":[{"file_id":"s","width":90,"height":60},
                {"file_id":"l","width":1280,"height":800,"file_size":7}]"#,
        );
        let files = files(&message);
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].source.as_str(), files[0].bytes), ("l", Some(7)));
        assert_eq!((files[0].kind, files[0].mime.as_str()), (FileKind::Image, "image/jpeg"));
    }

    #[test]
    fn every_kind_of_file_is_one_attachment() {
        let cases = [
            (
                r#""document":{"file_id":"f","file_name":"a.pdf","mime_type":"application/pdf"}"#,
                FileKind::Document,
                "application/pdf",
            ),
            (r#""voice":{"file_id":"f"}"#, FileKind::Voice, "audio/ogg"),
            (r#""audio":{"file_id":"f","mime_type":"audio/mpeg"}"#, FileKind::Audio, "audio/mpeg"),
            (r#""video":{"file_id":"f"}"#, FileKind::Video, "video/mp4"),
            (r#""video_note":{"file_id":"f"}"#, FileKind::Video, "video/mp4"),
            (
                r#""animation":{"file_id":"f"},"document":{"file_id":"f"}"#,
                FileKind::Video,
                "video/mp4",
            ),
            (
                r#""sticker":{"file_id":"f","is_animated":false,"is_video":true}"#,
                FileKind::Sticker,
                "video/webm",
            ),
            (
                r#""sticker":{"file_id":"f","is_animated":true}"#,
                FileKind::Sticker,
                "application/x-tgsticker",
            ),
        ];
        for (json, kind, mime) in cases {
            let files = files(&message(json));
            assert_eq!(files.len(), 1, "{json}");
            assert_eq!((files[0].kind, files[0].mime.as_str()), (kind, mime), "{json}");
        }
    }

    #[test]
    fn what_has_no_text_is_told_in_words() {
        let cases = [
            (r#""location":{"latitude":52.1,"longitude":13.2}"#, "[location: 52.1, 13.2]"),
            (
                r#""location":{"latitude":52.1,"longitude":13.2,"live_period":900}"#,
                "[live location: 52.1, 13.2]",
            ),
            (
                r#""venue":{"location":{"latitude":1.5,"longitude":2},"title":"Bar","address":"Road 1"},
                   "location":{"latitude":1.5,"longitude":2}"#,
                "[place: Bar, Road 1 (1.5, 2)]",
            ),
            (
                r#""contact":{"phone_number":"+49","first_name":"Ann","last_name":"B"}"#,
                "[contact: Ann B, +49]",
            ),
            (
                r#""poll":{"question":"Tea?","options":[{"text":"yes"},{"text":"no"}]}"#,
                "[poll: Tea? (yes / no)]",
            ),
            (r#""dice":{"emoji":"🎲","value":4}"#, "[dice 🎲: 4]"),
            (r#""sticker":{"file_id":"f","emoji":"👍"}"#, "[sticker 👍]"),
        ];
        for (json, words) in cases {
            assert_eq!(stand_in(&message(json)), words);
        }
        assert_eq!(stand_in(&message(r#""new_chat_title":"x""#)), "");
    }

    #[test]
    fn content_that_is_not_known_is_named_and_what_happened_in_a_chat_is_not() {
        for (key, words) in [
            ("checklist", "a checklist"),
            ("story", "a story"),
            ("paid_media", "paid media"),
            ("giveaway", "a giveaway"),
            ("giveaway_winners", "giveaway winners"),
            ("game", "a game"),
            ("invoice", "an invoice"),
            ("live_photo", "a live photo"),
            ("hologram_of_next_year", "a hologram of next year"),
        ] {
            let about = r#""via_bot":{"id":1},"reply_markup":{},"sender_tag":"x","effect_id":"5""#;
            let message = message(&format!(r#"{about},"{key}":{{"title":"x"}}"#));
            assert_eq!(unread(&message).as_deref(), Some(words));
        }
        for key in [
            "new_chat_members",
            "left_chat_member",
            "new_chat_photo",
            "pinned_message",
            "video_chat_started",
            "video_chat_participants_invited",
            "general_forum_topic_hidden",
            "proximity_alert_triggered",
            "boost_added",
            "chat_background_set",
            "gift",
            "unique_gift",
            "gift_upgrade_sent",
            "web_app_data",
            "message_auto_delete_timer_changed",
            "checklist_tasks_done",
            "checklist_tasks_added",
            "suggested_post_paid",
            "giveaway_completed",
            "users_shared",
            "write_access_allowed",
            "chat_owner_left",
            "successful_payment",
            "suggested_post_info",
            "link_preview_options",
        ] {
            let message = message(&format!(r#""{key}":{{"title":"x"}}"#));
            assert_eq!(unread(&message), None, "{key}");
        }
    }

    #[test]
    fn a_rich_message_is_read_without_its_formats() {
        let message = message(
            r#""rich_message":{"blocks":[
                {"type":"heading","size":1,"text":"Sizes"},
                {"type":"paragraph","text":["all in ",{"type":"bold","text":["kilo","metres"]},"."]},
                {"type":"table","cells":[[{"text":"Mars","align":"left","valign":"top"},
                    {"text":"6779","align":"left","valign":"top"}]]},
                {"type":"list","items":[{"label":"•","blocks":[{"type":"paragraph","text":"end"}]}]}]}"#,
        );
        assert_eq!(stand_in(&message), "Sizes\nall in kilometres.\nMars\n6779\nend");
    }
}
