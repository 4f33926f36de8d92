//! Updates as the documentation shows them, and what becomes of them.

use domain::message::Address;
use serde_json::{Value, json};

use super::*;

fn me() -> Me {
    Me { id: 42, username: "my_bot".into(), ..Me::default() }
}

fn read(update: Value) -> Option<Event> {
    event(serde_json::from_value(update).unwrap(), &me(), "main")
}

/// A message of Ann's in a supergroup, with more fields on top.
fn message(more: Value) -> Option<Event> {
    let mut message = json!({
        "message_id": 7,
        "date": 1_700_000_000,
        "from": {"id": 11, "is_bot": false, "first_name": "Ann", "last_name": "Bee"},
        "chat": {"id": -1005, "type": "supergroup", "title": "Team", "is_forum": true},
    });
    for (key, value) in more.as_object().unwrap() {
        message[key] = value.clone();
    }
    read(json!({"update_id": 1, "message": message}))
}

fn incoming(more: Value) -> Incoming {
    match message(more) {
        Some(Event::Message(message)) => message,
        other => panic!("no message: {other:?}"),
    }
}

#[test]
fn a_message_names_its_chat_its_sender_and_when_it_was_sent() {
    let message = incoming(json!({"text": "hi", "unheard_of": {"a": []}}));
    let from = &message.from;
    assert_eq!(from.chat, "-1005");
    assert_eq!((from.channel.as_str(), from.account.as_str()), ("telegram", "main"));
    assert_eq!(from.thread, None);
    assert_eq!(message.body.chat, ChatInfo { title: "Team".into(), is_group: true });
    assert_eq!(message.platform_id, "-1005:7");
    assert_eq!(message.body.sender, Author::new("11", "Ann Bee"));
    assert_eq!((message.body.text.as_str(), message.mentioned), ("hi", false));
    assert_eq!(message.body.sent_at, Some(Timestamp(1_700_000_000_000)));
}

#[test]
fn a_private_chat_is_called_as_the_person_in_it() {
    let chat = json!({"id": 11, "type": "private", "first_name": "Ann", "last_name": "Bee"});
    let message = incoming(json!({"text": "hi", "chat": chat}));
    assert_eq!(message.body.chat, ChatInfo { title: "Ann Bee".into(), is_group: false });
}

#[test]
fn a_topic_is_a_thread_and_the_general_one_is_not() {
    let in_topic = json!({"text": "hi", "message_thread_id": 3, "is_topic_message": true,
        "reply_to_message": {"message_id": 3, "date": 1, "chat": {"id": -1005},
            "from": {"id": 42, "is_bot": true, "first_name": "Bot"}, "forum_topic_created": {"name": "x"}}});
    let message = incoming(in_topic);
    assert_eq!(message.from.thread.as_deref(), Some("3"));
    assert_eq!((message.body.quote, message.mentioned), (None, false), "nothing was replied to");
    let in_a_reply_thread = incoming(json!({"text": "hi", "message_thread_id": 3}));
    assert_eq!(in_a_reply_thread.from.thread, None);
}

#[test]
fn the_bot_is_meant_by_a_mention_a_reply_or_a_command() {
    let mention = json!([{"type": "mention", "offset": 0, "length": 7}]);
    assert!(incoming(json!({"text": "@my_bot hi", "entities": mention})).mentioned);
    assert!(
        incoming(json!({"caption": "@my_bot hi", "caption_entities": mention,
        "voice": {"file_id": "f"}}))
        .mentioned
    );
    let command = |length| json!([{"type": "bot_command", "offset": 0, "length": length}]);
    let message = incoming(json!({"text": "/help@my_bot me", "entities": command(12)}));
    assert_eq!((message.body.text.as_str(), message.mentioned), ("/help me", true));
    let message = incoming(json!({"text": "/help@their_bot", "entities": command(15)}));
    assert_eq!((message.body.text.as_str(), message.mentioned), ("/help@their_bot", false));
    let replied = |id| {
        json!({"text": "yes", "reply_to_message": {"message_id": 3, "date": 1,
        "chat": {"id": -1005}, "text": "sure?", "from": {"id": id, "is_bot": true, "first_name": "Bot"}}})
    };
    let message = incoming(replied(42));
    assert!(message.mentioned);
    assert_eq!(
        message.body.quote,
        Some(Quote { sender: "Bot".into(), text: "sure?".into(), ..Quote::default() })
    );
    assert!(!incoming(replied(43)).mentioned);
}

#[test]
fn a_chosen_part_is_quoted_instead_of_the_whole() {
    let whole = json!({"message_id": 3, "date": 1, "chat": {"id": -1005}, "text": "one two",
        "from": {"id": 12, "is_bot": false, "first_name": "Cy"}});
    let message = incoming(json!({"text": "x", "reply_to_message": whole,
        "quote": {"text": "two", "position": 4, "is_manual": true}}));
    assert_eq!(
        message.body.quote,
        Some(Quote { sender: "Cy".into(), text: "two".into(), ..Quote::default() })
    );
    let picture = json!({"message_id": 3, "date": 1, "chat": {"id": -1005},
        "photo": [{"file_id": "p", "width": 1, "height": 1}]});
    let message = incoming(json!({"text": "x", "reply_to_message": picture}));
    assert_eq!(
        message.body.quote,
        Some(Quote { sender: String::new(), text: "[image]".into(), ..Quote::default() })
    );
}

#[test]
fn channels_bots_and_service_messages_are_nothing_to_the_host() {
    let ignored = [
        json!({"text": "x", "chat": {"id": -1007, "type": "channel", "title": "News"}}),
        json!({"text": "x", "from": {"id": 42, "is_bot": true, "first_name": "Me"}}),
        json!({"text": "x", "from": {"id": 43, "is_bot": true, "first_name": "Other"}}),
        json!({"text": "x", "is_automatic_forward": true,
            "sender_chat": {"id": -1007, "type": "channel", "title": "News"}}),
        json!({"new_chat_title": "x"}),
        json!({"pinned_message": {"message_id": 2, "date": 0, "chat": {"id": -1005}}}),
        json!({}),
    ];
    for more in ignored {
        assert_eq!(message(more.clone()), None, "{more}");
    }
    assert_eq!(read(json!({"update_id": 1, "channel_post": {"message_id": 1}})), None);
}

#[test]
fn an_anonymous_administrator_is_the_group_itself() {
    let message = incoming(json!({"text": "x",
        "from": {"id": 1_087_968_824, "is_bot": true, "first_name": "Group"},
        "sender_chat": {"id": -1005, "type": "supergroup", "title": "Team"}}));
    assert_eq!(message.body.sender, Author::new("-1005", "Team"));
}

#[test]
fn a_group_that_becomes_a_supergroup_moves() {
    let address = |id: &str| Address {
        channel: "telegram".into(),
        account: "main".into(),
        chat: id.into(),
        thread: None,
    };
    let moved = Event::Moved { from: address("-5"), to: address("-1009") };
    let old = json!({"id": -5, "type": "group", "title": "Team"});
    let told = message(json!({"chat": old, "migrate_to_chat_id": -1009}));
    assert_eq!(told, Some(moved.clone()));
    let new = json!({"id": -1009, "type": "supergroup", "title": "Team"});
    assert_eq!(message(json!({"chat": new, "migrate_from_chat_id": -5})), Some(moved));
}

#[test]
fn a_press_names_who_pressed_where_and_what() {
    let press = json!({"id": "77", "data": "d", "chat_instance": "x",
        "from": {"id": 11, "is_bot": false, "first_name": "Ann"},
        "message": {"message_id": 9, "date": 0, "chat": {"id": -1005, "type": "supergroup", "title": "T"},
            "message_thread_id": 3, "is_topic_message": true}});
    let Some(Event::Click(click)) = read(json!({"update_id": 1, "callback_query": press})) else {
        panic!("no press");
    };
    assert_eq!((click.platform_id.as_str(), click.data.as_str()), ("77", "d"));
    assert_eq!((click.sender.id.as_str(), click.from.chat.as_str()), ("11", "-1005"));
    assert_eq!(click.from.thread.as_deref(), Some("3"));
    let game = json!({"id": "78", "from": {"id": 11, "first_name": "Ann"}, "game_short_name": "g"});
    assert_eq!(read(json!({"update_id": 2, "callback_query": game})), None);
}

#[test]
fn a_person_who_unblocks_the_bot_can_be_reached_again() {
    let change = |status: &str| {
        read(json!({"update_id": 1, "my_chat_member": {"chat": {"id": 11, "type": "private"},
            "new_chat_member": {"status": status, "user": {"id": 42}}}}))
    };
    assert!(matches!(change("member"), Some(Event::Reachable { chat, .. }) if chat.chat == "11"));
    assert_eq!(change("kicked"), None);
    assert_eq!(change("left"), None);
}
