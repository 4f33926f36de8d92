//! What was found in the files of messages: kept by the runner, imported with the end of its message.

use domain::message::FileText;

use super::*;

fn text(text: &str) -> Vec<FileText> {
    vec![FileText { file: 0, is_speech: true, text: Ok(text.to_owned()) }]
}

fn kept(pair: &Pair, of: MessageSeq) -> Vec<FileText> {
    let central = &pair.host.central;
    let facts = central.message_facts(SessionId(1), of, NOW).unwrap().unwrap();
    assert_eq!(facts.message.body.sender.name, "U", "the rest of the body stays");
    facts.message.body.file_texts
}

#[test]
fn they_come_with_the_end_of_their_message() {
    let mut pair = pair();
    pair.say("m1");
    let mut runner = pair.runner();
    runner.claim(&[M1], NOW).unwrap();
    runner.keep_file_texts(M1, &text("call me")).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    assert_eq!(kept(&pair, M1), []);
    // The next attempt does not look for them again, a wait for the model or not.
    runner.wait(domain::waits::WaitClass::Limit, None, &[]).unwrap();
    drop(runner);
    let mut runner = pair.runner();
    assert_eq!(runner.file_texts(M1).unwrap(), Some(text("call me")));
    runner.claim(&[M1], NOW).unwrap();
    runner.end_turn(&answer("I call"), &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    assert_eq!(kept(&pair, M1), text("call me"));
    // The mailbox keeps those of messages that wait alone.
    pair.say("m2");
    runner.keep_file_texts(MessageSeq(4), &text("again")).unwrap();
    assert_eq!(runner.file_texts(M1).unwrap(), None);
}

#[test]
fn the_command_for_speech_is_known_to_the_runner_at_once() {
    let mut pair = pair();
    let mut runner = pair.runner();
    assert_eq!(runner.transcribe().unwrap(), None);
    let central = pair.host.central();
    let andy = central.agents().unwrap().remove(0);
    let transcribe = Some("hear {file}".to_owned());
    let set = domain::agent::AgentGroup { transcribe, ..andy };
    assert!(central.set_agent(&set).unwrap());
    assert_eq!(central.agents().unwrap(), [set]);
    pair.host.post().unwrap();
    assert_eq!(runner.transcribe().unwrap().as_deref(), Some("hear {file}"));
}

#[test]
fn what_makes_no_sense_or_is_too_long_is_left_out_and_the_message_ends() {
    let long = serde_json::to_string(&text(&"x".repeat(200 * 1024))).unwrap();
    let many = serde_json::to_string(&vec![text("x").remove(0); 1_000]).unwrap();
    for (forged, count) in
        [("no list", 0), ("{}", 0), ("[{\"file\": -1}]", 0), (&long, 0), (&many, 64)]
    {
        let mut pair = pair();
        pair.say("m1");
        let mut runner = pair.runner();
        runner.claim(&[M1], NOW).unwrap();
        runner.end_turn(&answer("done"), &[], NOW).unwrap();
        drop(runner);
        let conn = Connection::open(pair.outbound()).unwrap();
        conn.execute("INSERT INTO file_texts VALUES (2, ?1)", [forged]).unwrap();
        // Of a message that there is not.
        conn.execute("INSERT INTO file_texts VALUES (40, ?1)", [forged]).unwrap();
        let report = pair.host.import(&context(100), NOW).unwrap();
        assert_eq!(report.ended, [(M1, Outcome::Answered)]);
        assert_eq!(kept(&pair, M1).len(), count);
    }
}
