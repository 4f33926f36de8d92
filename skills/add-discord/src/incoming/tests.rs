//! Messages as Discord writes them.

use serde_json::from_str;

use super::*;

const BOT: &str = "77";

fn directory() -> Directory {
    let guild: Value = from_str(
        r#"{"id":"1","name":"Home","channels":[{"id":"2","name":"general"}],
            "threads":[{"id":"3","type":11,"name":"talk","parent_id":"2"}],
            "roles":[{"id":"4","tags":{"bot_id":"77"}}]}"#,
    )
    .unwrap();
    let (account, bot) = ("main".into(), BOT.into());
    let mut directory = Directory { account, bot, ..Directory::default() };
    directory.learn_server(&guild);
    directory
}

fn read(fields: &str) -> Option<Incoming> {
    let text = format!(
        r#"{{"id":"175928847299117063","channel_id":"2","guild_id":"1",
            "author":{{"id":"9","username":"ann","global_name":"Ann"}},{fields}}}"#
    );
    // Of two fields of the same name, a value keeps the later one.
    let message: Value = from_str(&text).unwrap();
    directory().message(&message)
}

fn text(content: &str, mentions: &str) -> String {
    read(&format!(r#""content":{content:?},"mentions":[{mentions}]"#)).unwrap().body.text
}

#[test]
fn a_message_tells_who_where_and_when() {
    let message = read(r#""content":"hi""#).unwrap();
    assert_eq!((message.from.chat.as_str(), message.from.thread.as_deref()), ("2", None));
    assert_eq!((message.from.channel.as_str(), message.from.account.as_str()), ("discord", "main"));
    assert_eq!(message.body.chat, ChatInfo { title: "#general (Home)".into(), is_group: true });
    assert_eq!(message.body.sender, Author::new("9", "Ann"));
    assert_eq!((message.body.text.as_str(), message.mentioned), ("hi", false));
    assert_eq!(message.body.sent_at, Some(Timestamp(1_462_015_105_796)));
    assert_eq!(message.platform_id, "175928847299117063");
}

#[test]
fn what_nobody_said_is_ignored() {
    assert_eq!(read(r#""content":"joined","type":7"#), None);
    assert_eq!(read(r#""content":"hook","webhook_id":"5""#), None);
    assert_eq!(read(r#""author":{"id":"5","username":"robot","bot":true},"content":"x""#), None);
}

#[test]
fn the_bot_is_meant_by_mention_role_or_reply() {
    let bot = r#"{"id":"77","username":"nano","bot":true}"#;
    let mentioned = read(&format!(r#""content":"<@77> do it","mentions":[{bot}]"#)).unwrap();
    assert!(mentioned.mentioned);
    assert_eq!(mentioned.body.text, "do it");
    let role = read(r#""content":"<@&4> do it","mention_roles":["4"]"#).unwrap();
    assert!(role.mentioned);
    assert_eq!(role.body.text, "do it");
    let replied = format!(r#"{{"id":"5","channel_id":"2","author":{bot},"content":"done"}}"#);
    let reply = read(&format!(r#""content":"why?","type":19,"referenced_message":{replied}"#));
    let reply = reply.unwrap();
    assert!(reply.mentioned);
    assert_eq!(
        reply.body.quote,
        Some(Quote { sender: "nano".into(), text: "done".into(), id: "5".into(), is_ours: true })
    );
    let everyone = read(r#""content":"@everyone look","mention_everyone":true"#).unwrap();
    assert!(!everyone.mentioned, "a mention of everybody is not one of the bot");
}

#[test]
fn ids_in_a_text_become_names() {
    let bob = r#"{"id":"8","username":"bob"}"#;
    assert_eq!(text("ask <@8> or <@!8>", bob), "ask @bob or @bob");
    assert_eq!(text("see <#2>, not <#5>", ""), "see #general, not <#5>");
    assert_eq!(text("fine <:ok:12> <a:wow:13>", ""), "fine :ok: :wow:");
    assert_eq!(text("1 < 2 <3 <b> <@", ""), "1 < 2 <3 <b> <@");
    assert_eq!(text("<@5> is gone", ""), "<@5> is gone");
    let bot = r#"{"id":"77","username":"nano"}"#;
    assert_eq!(text("<@77> <@!77> ask <@77>", bot), "ask @nano");
}

#[test]
fn files_have_their_kind() {
    let kind = |mime: &str, more: &str| {
        let file = format!(r#"{{"filename":"f","content_type":{mime},"size":3,"url":"u"{more}}}"#);
        read(&format!(r#""content":"","attachments":[{file}]"#)).unwrap().files[0].kind
    };
    assert_eq!(kind("\"image/png\"", ""), FileKind::Image);
    assert_eq!(kind("\"audio/ogg\"", ""), FileKind::Audio);
    assert_eq!(kind("\"audio/ogg\"", r#","waveform":"AA""#), FileKind::Voice);
    assert_eq!(kind("\"video/mp4\"", ""), FileKind::Video);
    assert_eq!(kind("null", ""), FileKind::Document);
}

#[test]
fn stickers_forwarded_messages_and_polls_are_told_in_words() {
    let message = read(r#""content":"","sticker_items":[{"name":"wave"}]"#).unwrap();
    assert_eq!(message.body.text, "[sticker: wave]");
    let message = read(
        r#""content":"","message_snapshots":[{"message":{"content":"news",
            "attachments":[{"filename":"a.txt","url":"u"}]}}]"#,
    )
    .unwrap();
    assert_eq!((message.body.text.as_str(), message.files.len()), ("news", 1));
    assert_eq!(message.body.forwarded_from.as_deref(), Some("somebody"));
    let message = read(
        r#""content":"","poll":{"question":{"text":"Tea?"},
            "answers":[{"poll_media":{"text":"Yes"}},{"poll_media":{"text":"No"}}]}"#,
    )
    .unwrap();
    assert_eq!((message.body.text.as_str(), message.body.unread), ("[poll: Tea? Yes / No]", None));
}

#[test]
fn what_has_no_text_is_named() {
    let unread = |fields: &str| read(fields).unwrap().body.unread.unwrap_or_default();
    assert!(unread(r#""content":"""#).contains("Discord's own app"));
    let invited = r#""content":"join me","activity":{"type":3,"party_id":"x"}"#;
    assert_eq!(unread(invited), "an invitation to an activity");
    assert_eq!(unread(r#""content":"hi""#), "");
    assert_eq!(unread(r#""content":"","attachments":[{"url":"u"}]"#), "");
}

#[test]
fn a_file_has_the_name_that_people_see() {
    let name = |fields: &str| {
        let file = format!(r#""content":"","attachments":[{{"url":"u",{fields}}}]"#);
        read(&file).unwrap().files.remove(0).name
    };
    assert_eq!(name(r#""filename":"a.txt""#), "a.txt");
    assert_eq!(name(r#""filename":"bersicht_5.pdf","title":"übersicht 5""#), "übersicht 5.pdf");
    assert_eq!(name(r#""filename":"LICENSE","title":"LICENSE""#), "LICENSE");
}
