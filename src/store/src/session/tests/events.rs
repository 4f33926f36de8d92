//! Answers to events of a channel that takes none: where they go, and that each says so.

use domain::MessageSeq;
use domain::message::{Address, Admitted, Form, InboundKind, Incoming};
use domain::outgoing::{Caps, Content};

use super::SessionContext;
use super::forms::{EDITS, send};
use super::{NOW, Pair, answer, context, incoming, pair, with_caps};
use crate::{NewMessage, RunnerStore, TurnEnd};

const LABEL: &str = "(About an event from hook:house, which takes no answers.)\n";

/// An owner with a private chat.
const OWNER: &str = "INSERT INTO person (id, name, created_at) VALUES (1, 'Zoe', 1);
    INSERT INTO handle (channel, id, person) VALUES ('cli', 'zoe', 1);
    INSERT INTO role (person, role) VALUES (1, 'owner');
    INSERT INTO messaging_group (id, channel, account, chat, peer, active_at)
        VALUES (70, 'cli', 'local', 'dm-zoe', 'zoe', 5);";

fn insert(pair: &Pair, sql: &str) {
    pair.host.rows().scope.execute_batch(sql).unwrap();
}

fn mute_hook() -> SessionContext {
    with_caps(&[("cli", EDITS), ("hook", Caps { mute: true, ..Caps::default() })])
}

/// An event in the hands of a runner.
fn event(pair: &mut Pair, id: &str) -> (RunnerStore, MessageSeq) {
    let from = Address { channel: "hook".into(), chat: "house".into(), ..incoming(id).from };
    let message = Incoming { from, ..incoming(id) };
    let admitted = Admitted { message, kind: InboundKind::Chat, rule: None };
    pair.host.posting().insert(&[admitted], NOW).unwrap();
    let mut runner = pair.runner();
    let seq = pair.host.snapshot().unwrap().waiting[0].message;
    runner.claim(&[seq], NOW).unwrap();
    (runner, seq)
}

#[test]
fn everything_that_is_said_of_an_event_says_so() {
    let mut pair = pair();
    insert(&pair, OWNER);
    let (mut runner, seq) = event(&mut pair, "e1");
    runner.say(seq, "the door is open", NOW).unwrap();
    pair.host.import(&mute_hook(), NOW).unwrap();
    assert_eq!(send(&mut pair, "p1").content.text(), format!("{LABEL}the door is open"));
    let edit = NewMessage { form: Form::Edit(1), ..NewMessage::text(seq, "it is shut") };
    runner.add(&edit, NOW).unwrap();
    let folder = runner.files_dir();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("door.txt"), "a picture").unwrap();
    let form = Form::File(vec!["door.txt".into()]);
    runner.add(&NewMessage { form, ..NewMessage::text(seq, "see") }, NOW).unwrap();
    let long = format!("{} {}", "door ".repeat(15), "window ".repeat(10));
    runner.end_turn(&TurnEnd { messages: vec![seq], ..answer(&long) }, &[], NOW).unwrap();
    pair.host.import(&mute_hook(), NOW).unwrap();
    let count = pair.host.rows().open_parts().unwrap().len();
    let parts: Vec<Content> =
        (0..count).map(|n| send(&mut pair, &format!("q{n}")).content.clone()).collect();
    assert_eq!(parts[0], Content::Text(format!("{LABEL}it is shut")), "an edit is said instead");
    assert!(matches!(&parts[1], Content::File(file) if file.caption == format!("{LABEL}see")));
    let texts: Vec<&str> = parts[2..].iter().map(Content::text).collect();
    assert!(2 < texts.len(), "{texts:?}");
    for text in &texts {
        assert!(text.starts_with(LABEL) && text.chars().count() <= 100, "{text:?}");
    }
    let said: String = texts.iter().map(|text| text.replace(LABEL, "") + " ").collect();
    assert_eq!(said.split_whitespace().count(), 25, "nothing of it is lost");
}

#[test]
fn what_answers_an_event_before_anybody_wrote_reaches_somebody() {
    let mut pair = pair();
    let answer_next = |pair: &mut Pair, id: &str| {
        let (mut runner, seq) = event(pair, id);
        let end = TurnEnd { messages: vec![seq], ..answer("it failed") };
        runner.end_turn(&end, &[], NOW).unwrap();
        pair.host.import(&mute_hook(), NOW).unwrap();
        let part = send(pair, id);
        (part.to.clone(), part.content.text().to_owned())
    };
    insert(&pair, OWNER);
    let (to, text) = answer_next(&mut pair, "e1");
    assert_eq!(to.chat, "dm-zoe");
    assert_eq!(text, "(About an event from hook:house, which takes no answers.)\nit failed");
    insert(
        &pair,
        "INSERT INTO messaging_group (id, channel, account, chat, active_at)
             VALUES (71, 'cli', 'local', 'family', 1);
         INSERT INTO wiring (messaging_group, agent_group, session_mode)
             SELECT 71, agent_group, 'agent-shared' FROM session;
         UPDATE session SET messaging_group = NULL;",
    );
    assert_eq!(answer_next(&mut pair, "e2").0.chat, "family", "it is part of the conversation");
    pair.wire();
    pair.say("m1");
    let seq = pair.host.snapshot().unwrap().waiting[0].message;
    let end = TurnEnd { messages: vec![seq], ..answer("hello") };
    let mut runner = pair.runner();
    runner.claim(&[seq], NOW).unwrap();
    runner.end_turn(&end, &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    send(&mut pair, "p9");
    assert_eq!(
        answer_next(&mut pair, "e3").0.chat,
        incoming("m1").from.chat,
        "the last other chat"
    );
    insert(&pair, "UPDATE messaging_group SET denied_at = 1 WHERE chat = 'c'");
    assert_eq!(answer_next(&mut pair, "e4").0.chat, "family", "a denied chat hears nothing");
}
