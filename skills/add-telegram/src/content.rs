//! What a message carries beside its text.

use domain::message::{Attachment, FileKind};
use serde_json::Value;

use crate::types::{File, Message};

/// The files of a message. Their source is the `file_id`, which stays good for this bot
/// (<https://core.telegram.org/bots/api#file>).
pub(crate) fn files(message: &Message) -> Vec<Attachment> {
    let photo = message.photo.iter().max_by_key(|it| (it.width, it.height));
    // Animated ones are in Telegram's own format
    // (<https://core.telegram.org/stickers#animation-requirements>).
    let of_sticker = match &message.sticker {
        Some(sticker) if sticker.is_animated => "application/x-tgsticker",
        Some(sticker) if sticker.is_video => "video/webm",
        Some(_) | None => "image/webp",
    };
    // For older clients, an animation comes as a document too.
    let document = message.document.as_ref().filter(|_| message.animation.is_none());
    let files = [
        (photo, FileKind::Image, "image/jpeg"),
        (message.sticker.as_ref(), FileKind::Sticker, of_sticker),
        (message.animation.as_ref(), FileKind::Video, "video/mp4"),
        (message.video.as_ref(), FileKind::Video, "video/mp4"),
        (message.video_note.as_ref(), FileKind::Video, "video/mp4"),
        (message.voice.as_ref(), FileKind::Voice, "audio/ogg"),
        (message.audio.as_ref(), FileKind::Audio, ""),
        (document, FileKind::Document, ""),
    ];
    files.into_iter().filter_map(|(file, kind, mime)| Some(attachment(file?, kind, mime))).collect()
}

/// `mime` is for a file that does not name its type.
fn attachment(file: &File, kind: FileKind, mime: &str) -> Attachment {
    Attachment {
        kind,
        name: file.file_name.clone().unwrap_or_default(),
        mime: file.mime_type.clone().unwrap_or_else(|| mime.to_owned()),
        bytes: file.file_size,
        source: file.file_id.clone(),
        is_quoted: false,
    }
}

/// In words, what has neither text nor file.
pub(crate) fn stand_in(message: &Message) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let place = |at: &Value| format!("{}, {}", at["latitude"], at["longitude"]);
    // A venue has its location beside it.
    if let Some(venue) = &message.venue {
        let (title, address) = (text(&venue["title"]), text(&venue["address"]));
        return Some(format!("[place: {title}, {address} ({})]", place(&venue["location"])));
    }
    if let Some(location) = &message.location {
        return Some(format!("[location: {}]", place(location)));
    }
    if let Some(contact) = &message.contact {
        let name = [&contact["first_name"], &contact["last_name"]].map(text).join(" ");
        return Some(format!("[contact: {}, {}]", name.trim(), text(&contact["phone_number"])));
    }
    if let Some(poll) = &message.poll {
        let options = poll["options"].as_array().into_iter().flatten();
        let options: Vec<String> = options.map(|it| text(&it["text"])).collect();
        return Some(format!("[poll: {} ({})]", text(&poll["question"]), options.join(" / ")));
    }
    message.dice.as_ref().map(|it| format!("[dice {}: {}]", text(&it["emoji"]), it["value"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> Message {
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
    fn what_is_neither_text_nor_file_is_told_in_words() {
        let cases = [
            (r#""location":{"latitude":52.1,"longitude":13.2}"#, "[location: 52.1, 13.2]"),
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
        ];
        for (json, words) in cases {
            assert_eq!(stand_in(&message(json)).as_deref(), Some(words));
        }
        assert_eq!(stand_in(&message(r#""new_chat_title":"x""#)), None);
    }
}
