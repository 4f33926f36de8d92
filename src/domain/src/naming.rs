//! Makes names of ours out of what others call things: agents, destinations, files.

use std::collections::HashSet;

use crate::AgentName;
use crate::file_type::extension_of;
use crate::message::FileKind;
use crate::plain::is_invisible;

/// The longest name of an agent or a destination; both are typed, and one is a folder.
const NAME_BYTES_MAX: usize = 32;
/// The longest name of a file. Leaves room for what others put before it: a file system takes 255.
pub const FILE_NAME_BYTES_MAX: usize = 120;
const EXTENSION_BYTES_MAX: usize = 16;

pub fn agent_name_for(title: &str, taken: &[AgentName]) -> AgentName {
    let base = slug(title, "chat");
    let mut names = (1..).filter_map(|it| AgentName::parse(&numbered(&base, it)).ok());
    // A slug is always a name, and numbers do not end: the loop only saves an `expect`.
    loop {
        if let Some(name) = names.find(|it| !taken.contains(it)) {
            return name;
        }
    }
}

/// A free name by which an agent addresses a chat: after its title, else after its channel.
pub fn destination_name(title: &str, channel: &str, taken: &[String]) -> String {
    let base = slug(title, &slug(channel, "chat"));
    // Private chats have no title, so there may be many of one name.
    let taken: HashSet<&str> = taken.iter().map(String::as_str).collect();
    let mut names = (1..).map(|it| numbered(&base, it));
    names.find(|it| !taken.contains(it.as_str())).unwrap_or_default()
}

/// Lower case, with one `-` for everything that is not `a-z` and `0-9`. Nothing is transliterated:
/// what comes out would read wrong in most languages.
fn slug(text: &str, otherwise: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    let short = cut_at(&joined, NAME_BYTES_MAX).trim_end_matches('-');
    if short.is_empty() { otherwise.to_owned() } else { short.to_owned() }
}

fn numbered(base: &str, number: u32) -> String {
    if number < 2 {
        return base.to_owned();
    }
    let suffix = format!("-{number}");
    let room = NAME_BYTES_MAX.saturating_sub(suffix.len());
    format!("{}{suffix}", cut_at(base, room).trim_end_matches('-'))
}

fn cut_at(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// A name for a file that somebody sent: no path, no hidden file, no option of a command, nothing
/// invisible, at most [`FILE_NAME_BYTES_MAX`] bytes with the extension kept. One without a usable name is
/// called after its kind and `index`, its place in the message from 1, as `image-1.jpg`.
pub fn safe_file_name(name: &str, kind: FileKind, mime: &str, index: usize) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let tame: String = last
        .chars()
        .filter(|&c| !is_invisible(c))
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control())
        .map(|c| if matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c })
        .collect();
    let edges = [' ', '.'];
    let tame = tame.trim_end_matches(edges).trim_start_matches([' ', '.', '-']);
    if tame.is_empty() { generated(kind, mime, index) } else { shorten(tame) }
}

fn generated(kind: FileKind, mime: &str, index: usize) -> String {
    let usual = match kind {
        FileKind::Image => "jpg",
        FileKind::Audio => "mp3",
        FileKind::Voice => "ogg",
        FileKind::Video => "mp4",
        FileKind::Sticker => "webp",
        FileKind::Document => "bin",
    };
    format!("{}-{index}.{}", kind.as_str(), extension_of(mime).unwrap_or(usual))
}

fn shorten(name: &str) -> String {
    if name.len() <= FILE_NAME_BYTES_MAX {
        return name.to_owned();
    }
    let dot = name.rfind('.').filter(|at| name.len() - at <= 1 + EXTENSION_BYTES_MAX);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let stem = cut_at(stem, FILE_NAME_BYTES_MAX - extension.len()).trim_end_matches([' ', '.']);
    format!("{stem}{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agents(names: &[&str]) -> Vec<AgentName> {
        names.iter().map(|it| AgentName::parse(it).unwrap()).collect()
    }

    #[test]
    fn agents_are_named_after_their_chat() {
        for (title, want) in [
            ("Family Chat", "family-chat"),
            ("  --The «Team» #2!! ", "the-team-2"),
            ("家族", "chat"),
            ("", "chat"),
            ("Zoë & Jörg", "zo-j-rg"),
            ("_x_", "x"),
            ("a very long title of a group that goes on", "a-very-long-title-of-a-group-tha"),
            ("a very long title of a group th and", "a-very-long-title-of-a-group-th"),
        ] {
            assert_eq!(agent_name_for(title, &[]).as_str(), want, "{title}");
        }
        let taken = agents(&["chat", "chat-2", "a-very-long-title-of-a-group-tha"]);
        assert_eq!(agent_name_for("Chat", &taken).as_str(), "chat-3");
        let long = agent_name_for("a very long title of a group that goes on", &taken);
        assert_eq!(long.as_str(), "a-very-long-title-of-a-group-t-2");
    }

    #[test]
    fn destinations_are_named_after_title_or_channel() {
        let none: &[String] = &[];
        assert_eq!(destination_name("Family Chat", "telegram", none), "family-chat");
        assert_eq!(destination_name("家族", "telegram", none), "telegram");
        assert_eq!(destination_name("", "", none), "chat");
        let taken = ["telegram".to_owned(), "telegram-2".to_owned()];
        assert_eq!(destination_name("", "telegram", &taken), "telegram-3");
    }

    fn named(name: &str) -> String {
        safe_file_name(name, FileKind::Image, "image/png", 1)
    }

    #[test]
    fn names_of_files_are_plain() {
        for (name, want) in [
            ("photo.jpg", "photo.jpg"),
            ("Mein Bild (2).jpeg", "Mein Bild (2).jpeg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\a.txt", "a.txt"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            (". -. x.txt", "x.txt"),
            ("a:b*c?.txt", "a_b_c_.txt"),
            ("a\nb\u{0}.txt", "a b.txt"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("x.txt. . ", "x.txt"),
            ("报告.pdf", "报告.pdf"),
        ] {
            assert_eq!(named(name), want, "{name:?}");
        }
    }

    #[test]
    fn a_file_without_a_usable_name_gets_one() {
        for name in
            ["", ".", "..", "...", "/", "a/", "a\\..", "\u{0}", " \u{200b} ", "---", "../.."]
        {
            assert_eq!(named(name), "image-1.png", "{name:?}");
        }
        for (kind, want) in [
            (FileKind::Image, "image-3.jpg"),
            (FileKind::Audio, "audio-3.mp3"),
            (FileKind::Voice, "voice-3.ogg"),
            (FileKind::Video, "video-3.mp4"),
            (FileKind::Sticker, "sticker-3.webp"),
            (FileKind::Document, "document-3.bin"),
        ] {
            assert_eq!(safe_file_name("", kind, "x/y", 3), want);
        }
        assert_eq!(safe_file_name("", FileKind::Document, "application/pdf", 2), "document-2.pdf");
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = named(&format!("{}.tar.gz", "ä".repeat(200)));
        assert!(name.ends_with("ä.gz") && name.len() <= FILE_NAME_BYTES_MAX, "{name}");
        assert_eq!(named(&"x".repeat(300)).len(), FILE_NAME_BYTES_MAX);
        assert_eq!(named(&format!("x.{}", "y".repeat(300))).len(), FILE_NAME_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn every_title_makes_a_free_name(titles in prop::collection::vec(".{0,60}", 1..20)) {
            let (mut taken, mut destinations) = (Vec::new(), Vec::new());
            for title in titles {
                let name = agent_name_for(&title, &taken);
                prop_assert!(!taken.contains(&name));
                taken.push(name);
                let name = destination_name(&title, "telegram", &destinations);
                prop_assert!(!destinations.contains(&name) && name.len() <= NAME_BYTES_MAX);
                destinations.push(name);
            }
        }

        #[test]
        fn every_file_name_is_safe(
            name in prop_oneof![".{0,300}", "[./\\\\ -]{0,20}[a-z.]{0,140}", "\\PC{0,200}"],
            index in 1_usize..20,
        ) {
            let safe = safe_file_name(&name, FileKind::Document, "", index);
            prop_assert!(!safe.is_empty() && safe.len() <= FILE_NAME_BYTES_MAX);
            prop_assert!(!safe.contains(['/', '\\', '\0']) && !safe.chars().any(char::is_control));
            prop_assert!(!safe.starts_with(['.', '-', ' ']) && !safe.ends_with(['.', ' ']));
            let again = safe_file_name(&safe, FileKind::Document, "", index);
            prop_assert_eq!(again, safe);
        }
    }
}
