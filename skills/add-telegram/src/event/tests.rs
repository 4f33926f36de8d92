//! Updates as the documentation shows them, and what becomes of them.

use domain::message::Address;
use domain::time::Timestamp;
use serde_json::{Value, json};

use super::*;

fn me() -> Bot {
    Bot { id: 42, username: "my_bot".into(), ..Bot::default() }
}

fn read(update: Value) -> Option<Event> {
    let mut events = events(&update, &me(), "main");
    assert!(events.len() < 2, "{events:?}");
    events.pop()
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
    assert_eq!(message.body.thread.map(|it| it.title).as_deref(), Some("x"));
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
        Some(Quote {
            sender: "Bot".into(),
            text: "sure?".into(),
            id: "-1005:3".into(),
            is_ours: true
        })
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
        Some(Quote {
            sender: "Cy".into(),
            text: "two".into(),
            id: "-1005:3".into(),
            is_ours: false
        })
    );
    let picture = json!({"message_id": 3, "date": 1, "chat": {"id": -1005},
        "photo": [{"file_id": "p", "width": 1, "height": 1}]});
    let message = incoming(json!({"text": "x", "reply_to_message": picture}));
    let quote = message.body.quote.unwrap();
    assert_eq!((quote.sender.as_str(), quote.text.as_str()), ("", "[image]"));
    assert_eq!(message.files.len(), 1);
    assert!(message.files[0].is_quoted && message.files[0].source == "p");
}

#[test]
fn channels_bots_and_service_messages_are_nothing_to_the_host() {
    let ignored = [
        json!({"text": "x", "chat": {"id": -1007, "type": "channel", "title": "News"}}),
        json!({"text": "x", "from": {"id": 42, "is_bot": true, "first_name": "Me"}}),
        json!({"text": "x", "from": {"id": 43, "is_bot": true, "first_name": "Other"}}),
        json!({"text": "x", "is_automatic_forward": true,
            "sender_chat": {"id": -1007, "type": "channel", "title": "News"}}),
        json!({"new_chat_members": [{"id": 12, "is_bot": false, "first_name": "Cy"}]}),
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
    let shared = Author { kind: AuthorKind::Shared, ..Author::new("-1005", "Team") };
    assert_eq!(message.body.sender, shared, "it can hold no role");
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
fn the_bot_is_let_in_and_removed_and_knows_by_whom() {
    let change = |kind: &str, old: Value, new: Value| {
        read(
            json!({"update_id": 1, "my_chat_member": {"chat": {"id": 11, "type": kind, "title": "Crew"},
            "from": {"id": 12, "is_bot": false, "first_name": "Cy"},
            "old_chat_member": old, "new_chat_member": new}}),
        )
    };
    let is = |status: &str| json!({"status": status, "user": {"id": 42}});
    let chat = Address { chat: "11".into(), ..incoming(json!({"text": "x"})).from };
    let title = |is_group: bool| is_group.then(|| "Crew".to_owned());
    let by =
        |by, is_group| Some(Event::Reachable { chat: chat.clone(), by, title: title(is_group) });
    let cy = Some(Author::new("12", "Cy"));
    assert_eq!(change("private", is("kicked"), is("member")), by(None, false), "it is no group");
    assert_eq!(change("supergroup", is("left"), is("administrator")), by(cy, true));
    assert_eq!(
        change("supergroup", is("member"), is("administrator")),
        by(None, true),
        "it was there"
    );
    let out = json!({"status": "restricted", "is_member": false});
    for gone in [is("kicked"), is("left"), out] {
        assert_eq!(change("group", is("member"), gone.clone()), Some(Event::Left(chat.clone())));
        assert_eq!(change("group", is("left"), gone), None);
    }
    assert_eq!(change("channel", is("left"), is("administrator")), None);
}

#[test]
fn a_title_that_changes_is_told() {
    let Some(Event::Renamed { chat, title }) = message(json!({"new_chat_title": "Crew"})) else {
        panic!("it was not renamed");
    };
    assert_eq!((chat.chat.as_str(), chat.thread, title.as_str()), ("-1005", None, "Crew"));
}

#[test]
fn a_forward_names_who_wrote_it() {
    let cases = [
        (
            json!({"type": "user", "sender_user": {"id": 5, "first_name": "Mal", "last_name": "O"}}),
            "Mal O",
        ),
        (json!({"type": "hidden_user", "sender_user_name": "Nobody"}), "Nobody"),
        (json!({"type": "chat", "sender_chat": {"id": -1, "title": "Club"}}), "Club"),
        (json!({"type": "channel", "chat": {"id": -2, "title": "News"}, "message_id": 3}), "News"),
        (json!({"type": "of_next_year"}), "somebody"),
    ];
    for (origin, name) in cases {
        let message = incoming(json!({"text": "x", "forward_origin": origin}));
        assert_eq!(message.body.forwarded_from.as_deref(), Some(name));
        assert_eq!(message.body.sender.name, "Ann Bee");
    }
    assert_eq!(incoming(json!({"text": "x"})).body.forwarded_from, None);
}

#[test]
fn a_reply_to_another_chat_quotes_what_is_there() {
    let external = json!({"origin": {"type": "user", "sender_user": {"id": 42, "first_name": "Bot"}},
        "chat": {"id": -1009}, "message_id": 4, "document": {"file_id": "d", "file_name": "a.pdf"}});
    let message =
        incoming(json!({"text": "x", "external_reply": external, "quote": {"text": "here"}}));
    let quote =
        Quote { sender: "Bot".into(), text: "here".into(), id: "-1009:4".into(), is_ours: true };
    assert_eq!(message.body.quote, Some(quote));
    assert_eq!((message.files[0].name.as_str(), message.files[0].is_quoted), ("a.pdf", true));
}

#[test]
fn what_is_of_an_unknown_kind_is_said_instead_of_silence() {
    let list = incoming(json!({"checklist": {"title": "Milk", "tasks": []}}));
    assert_eq!((list.body.unread.as_deref(), list.body.text.as_str()), (Some("a checklist"), ""));
    let paid = incoming(json!({"caption": "look", "paid_media": {"star_count": 5}}));
    assert_eq!(
        (paid.body.unread.as_deref(), paid.body.text.as_str()),
        (Some("paid media"), "look")
    );
    let photo = json!([{"file_id": "p", "width": 1, "height": 1}]);
    assert_eq!(incoming(json!({"caption": "look", "photo": photo})).body.unread, None);
    assert_eq!(incoming(json!({"text": "x", "invoice": {}})).body.unread, None);
    let quoted = json!({"message_id": 3, "date": 1, "chat": {"id": -1005}, "story": {"id": 1}});
    let message = incoming(json!({"text": "x", "reply_to_message": quoted}));
    assert_eq!(message.body.quote.unwrap().text, "[a story]");
}

#[test]
fn an_edit_has_an_id_of_its_own_and_a_live_location_is_none() {
    let edit = |more: Value| {
        let mut message = json!({"message_id": 7, "date": 1_700_000_000, "edit_date": 1_700_000_060,
            "from": {"id": 11, "first_name": "Ann"}, "chat": {"id": -1005, "type": "supergroup"}});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(json!({"update_id": 1, "edited_message": message}))
    };
    let mention = json!([{"type": "mention", "offset": 0, "length": 7}]);
    let Some(Event::Message(message)) = edit(json!({"text": "@my_bot hi", "entities": mention}))
    else {
        panic!("no message");
    };
    assert_eq!(message.platform_id, "-1005:7#1700000060");
    assert_eq!(message.body.change, Some(Change::Edited { of: "-1005:7".into() }));
    assert_eq!(message.body.sent_at, Some(Timestamp(1_700_000_060_000)));
    assert!(message.mentioned, "it was forgotten before");
    assert_eq!(edit(json!({"location": {"latitude": 1, "longitude": 2, "live_period": 60}})), None);
}

#[test]
fn reactions_are_told_one_by_one() {
    let emoji = |it: &str| json!({"type": "emoji", "emoji": it});
    let update = json!({"message_reaction": {"chat": {"id": 11, "type": "private"}, "message_id": 7,
        "user": {"id": 11, "first_name": "Ann"}, "date": 1_700_000_000,
        "old_reaction": [emoji("👍"), emoji("🔥")],
        "new_reaction": [emoji("🔥"), {"type": "custom_emoji", "custom_emoji_id": "5"}]}});
    let told: Vec<_> = events(&update, &me(), "main")
        .into_iter()
        .map(|event| {
            let Event::Message(message) = event else { panic!("{event:?}") };
            assert_eq!((message.body.text.as_str(), message.mentioned), ("", false));
            (message.platform_id, message.body.change.unwrap())
        })
        .collect();
    let change =
        |emoji: &str, added| Change::Reacted { to: "11:7".into(), emoji: emoji.into(), added };
    assert_eq!(
        told,
        [
            ("11:7#1700000000:11-👍".to_owned(), change("👍", false)),
            ("11:7#1700000000:11+a custom emoji".to_owned(), change("a custom emoji", true)),
        ]
    );
}
