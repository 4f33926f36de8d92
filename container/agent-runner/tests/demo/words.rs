//! What the demo agent understands, through both databases: the tools as a model would use them.

use std::sync::Arc;

use domain::agent::Provider;
use domain::message::{InboundKind, Outcome, Quote};
use store::Asked;

use super::support::{NoLink, Runner, Session, in_group, picture};
use super::{ANSWERED, said, said_together};

/// A session with a runner at work.
fn working() -> (Session, Runner) {
    let mut session = Session::new();
    let config = session.config(Provider::Demo);
    let runner = session.start(config, Arc::new(NoLink));
    (session, runner)
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_its_answer_however_long_that_takes() {
    let (mut session, _runner) = working();
    session.say("ask tea or coffee? tea | coffee");
    let request = session.wait_for_request().await;
    let Asked::Question { options, timeout } = &request.what else { panic!("{request:?}") };
    assert_eq!((request.text.as_str(), timeout.as_secs()), ("tea or coffee?", 300));
    assert_eq!(options, &["tea", "coffee"]);
    tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
    assert_eq!(session.outcomes(), [None]);
    session.answer(request.seq, true, "tea");
    assert_eq!(session.wait_for_said(1).await, [said("you chose \"tea\"")]);

    session.say("ask again? tea");
    let request = session.wait_for_request().await;
    session.answer(request.seq, false, "nobody answered within 5 minutes");
    let all = session.wait_for_said(2).await;
    assert_eq!(all[1], said("nobody answered within 5 minutes."));
    assert_eq!(session.outcomes(), [ANSWERED; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_for_an_answer() {
    let (mut session, runner) = working();
    session.say("ask now? yes");
    session.wait_for_request().await;
    runner.stop().await.unwrap();
    let all = session.wait_for_said(1).await;
    assert_eq!(all, [said("the wait was cut short because you are being stopped.")]);
}

#[tokio::test(start_paused = true)]
async fn administration_shows_what_the_host_says() {
    let (mut session, _runner) = working();
    session.say("@andy admin nanoclaw chats list");
    let request = session.wait_for_request().await;
    assert_eq!((&request.what, request.text.as_str()), (&Asked::Admin, "chats list"));
    session.answer(request.seq, true, "one chat\ntwo chats");
    assert_eq!(session.wait_for_said(1).await, [said("it says:\none chat\ntwo chats")]);
    session.say("admin wire telegram:-100");
    let request = session.wait_for_request().await;
    session.answer(request.seq, false, "the owner declined");
    assert_eq!(session.wait_for_said(2).await[1], said("it refuses: the owner declined"));
}

#[tokio::test(start_paused = true)]
async fn another_chat_is_written_to_by_a_name_that_was_granted() {
    let (mut session, _runner) = working();
    session.say("send team hi");
    let all = session.wait_for_said(1).await;
    assert!(
        all[0].contains("no destination `team`") && all[0].contains("no other chat"),
        "{all:?}"
    );
    session.grant("family", "T");
    session.grant("team", "T");
    session.say("send Team hi there");
    session.say("send nobody hi");
    let all = session.wait_for_said(3).await;
    assert_eq!(all[1], "interim to t: hi there");
    assert!(all[2].starts_with(&said("I sent it to Team.")), "{all:?}");
    assert!(all[2].contains("no destination `nobody`; known are: family, team"), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn files_go_out_and_their_copies_do_not_pile_up() {
    let (mut session, _runner) = working();
    for (index, name) in ["a.txt", "b.txt", "c.txt"].into_iter().enumerate() {
        session.say(&format!("file {name} hello {name}"));
        let all = session.wait_for_said(2 * index + 2).await;
        let sent = format!("interim: [file {name} of 11 bytes] ");
        assert_eq!(all[2 * index..], [sent, said(&format!("I sent {name}."))]);
    }
    let left: Vec<_> = std::fs::read_dir(session.paths.outbound_dir().join("files"))
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(left, ["1-1"], "what the host took over is gone");
    session.say("file ../evil x");
    let all = session.wait_for_said(7).await;
    assert_eq!(all[6], said("`../evil` is no name for a file."));
}

#[tokio::test(start_paused = true)]
async fn a_reaction_goes_under_the_message() {
    let (mut session, _runner) = working();
    session.say("react 👍");
    session.say("react well done");
    let all = session.wait_for_said(2).await;
    assert!(all[0].starts_with("interim: [reaction to ") && all[0].ends_with("] 👍"), "{all:?}");
    assert!(all[1].starts_with(&said("I reacted with 👍")), "{all:?}");
    assert!(all[1].contains("`well done` is no emoji"), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn the_writers_of_context_messages_and_the_files_are_known() {
    let (mut session, _runner) = working();
    session.add_context("Bob", "tea?");
    session.add_context("Cid", "milk!");
    session.insert(InboundKind::Chat, in_group("Ann", "@andy context"));
    session.insert(InboundKind::Chat, in_group("Ann", "@Andy: who"));
    session.say("who");
    let mut with_files = in_group("Ann", "files");
    with_files.body.quote =
        Some(Quote { sender: "Bob".into(), text: "tea?".into(), ..Quote::default() });
    with_files.files = vec![picture("a.png"), picture("b.png")];
    session.insert(InboundKind::Chat, with_files);
    assert_eq!(
        session.wait_for_said(1).await,
        [said_together(&[
            "2 context messages:\nBob: tea?\nCid: milk!",
            "you are Ann, in \"Team\", a group on cli.",
            "you are Ann, in a private chat on cli.",
        ])]
    );
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    session.fetch(Ok(b"hello"));
    session.fetch(Err("the platform is down"));
    // `printf hello | sha256sum`
    assert_eq!(
        session.wait_for_said(2).await[1],
        said(
            "these files came:\nimage a.png: 5 bytes, sha256 2cf24dba5fb0\n\
             image b.png could not be fetched: the platform is down"
        )
    );
    let silent = Some(Outcome::Silent);
    assert_eq!(session.outcomes(), [silent, silent, ANSWERED, ANSWERED, ANSWERED, ANSWERED]);
}

#[tokio::test(start_paused = true)]
async fn notes_are_kept_in_the_workspace() {
    let (mut session, _runner) = working();
    // What says the same is the same message to the host.
    for text in ["recall", "remember milk", "remember  more tea", " recall"] {
        session.say(text);
    }
    assert_eq!(
        session.wait_for_said(1).await,
        [said_together(&[
            "I have no notes.",
            "I wrote it down.",
            "I wrote it down.",
            "my notes say:\nmilk\nmore tea",
        ])]
    );
}

#[tokio::test(start_paused = true)]
async fn commands_are_answered_alone_and_a_new_conversation_counts_from_one() {
    let (mut session, _runner) = working();
    session.say("wait 5");
    for command in ["/cost", "/context", "/compact", "/new"] {
        session.command(command);
    }
    session.say("count");
    let all = session.wait_for_said(6).await;
    assert_eq!(all[0], said("I waited 5 seconds."));
    assert_eq!(all[1], said("nothing of this costs anything."));
    assert_eq!(all[2], said("I have no context to fill; I have seen 1 messages."));
    assert!(all[3].contains("nothing to shorten"), "{all:?}");
    assert_eq!(all[4], "answer: I have put our conversation aside and begin a new one.");
    assert_eq!(all[5], said("message number 1."));
}

#[tokio::test(start_paused = true)]
async fn a_wait_lets_go_of_all_messages_and_the_same_runner_takes_them_up_in_order() {
    let (mut session, _runner) = working();
    session.say("limit 7200");
    session.say("and this");
    let told = session.wait_for_said(1).await;
    assert!(told[0].starts_with("interim: The limit of the model's account"), "{told:?}");
    assert_eq!(session.outcomes(), [None, None], "nothing behind it overtakes");
    session.end_waits();
    let all = session.wait_for_said(3).await;
    assert_eq!(all[1..], [said("the model answers again."), said("you said \"and this\"")]);
    assert_eq!(session.outcomes(), [ANSWERED, ANSWERED]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_about_tasks_goes_to_the_host_and_its_words_come_back() {
    let (mut session, _runner) = working();
    for (text, line) in [
        ("remind me in 20 minutes to stretch", "tasks add -- 'in 20 minutes' stretch"),
        ("what is scheduled?", "tasks list"),
        ("@andy move 3 to 9:30", "tasks edit --when=9:30 -- 3"),
    ] {
        session.say(text);
        let request = session.wait_for_request().await;
        assert_eq!((&request.what, request.text.as_str()), (&Asked::Admin, line));
        session.answer(request.seq, true, "it is stored");
    }
    assert_eq!(session.wait_for_said(3).await, [(); 3].map(|()| said("it is stored")));
    session.say("pause 9");
    let request = session.wait_for_request().await;
    assert!(request.is_cause_open && request.cause == "pause 9", "{request:?}");
    session.answer(request.seq, false, "there is no task `9`");
    let all = session.wait_for_said(4).await;
    assert_eq!(all[3], said("it refuses: there is no task `9`"));
}

#[tokio::test(start_paused = true)]
async fn small_talk_is_repeated() {
    let (mut session, _runner) = working();
    let texts = [
        "help me",
        "report",
        "wait for it",
        "ask me",
        "send team",
        "send me the news",
        "limit me",
        "fail me 2",
        "run to me",
    ];
    for text in texts {
        session.say(text);
    }
    let expected = texts.map(|it| format!("you said \"{it}\""));
    let expected = said_together(&expected.each_ref().map(String::as_str));
    assert_eq!(session.wait_for_said(1).await, [expected]);
}
