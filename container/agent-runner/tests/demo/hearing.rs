//! Recordings and PDFs on their way to a provider.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use domain::agent::{AgentGroup, Provider};
use domain::message::{Attachment, FileKind, FileText, InboundKind};
use domain::time::Timestamp;
use domain::{MessageSeq, SessionId};

use super::said;
use super::support::{NoLink, Runner, Session, incoming, picture};

fn working(session: &mut Session) -> Runner {
    let config = session.config(Provider::Demo);
    session.start(config, Arc::new(NoLink))
}

fn voice_note() -> Attachment {
    let (kind, mime) = (FileKind::Voice, "audio/ogg".into());
    Attachment { kind, mime, ..picture("voice.ogg") }
}

/// Sets the command that turns speech into text.
fn transcribe(session: &mut Session, command: &str) {
    let central = session.host.central();
    let andy = central.agents().unwrap().remove(0);
    let transcribe = Some(command.to_owned());
    central.set_agent(&AgentGroup { transcribe, ..andy }).unwrap();
    session.host.post().unwrap();
}

/// What is stored of what was found in the files of the first message.
fn file_texts(session: &mut Session) -> Vec<FileText> {
    let central = session.host.central();
    let facts = central.message_facts(SessionId(1), MessageSeq(2), Timestamp(0)).unwrap();
    facts.unwrap().message.body.file_texts
}

/// A voice note with these bytes, and nothing else.
fn speak(session: &mut Session, id: &str, content: &str) {
    let mut message = incoming(id);
    message.body.text = String::new();
    message.files = vec![voice_note()];
    session.insert(InboundKind::Chat, message);
    session.fetch(Ok(content.as_bytes()));
}

#[tokio::test]
async fn a_voice_note_is_heard_once_and_stored_with_its_message() {
    let mut session = Session::new();
    transcribe(&mut session, "cat \"{file}\"; echo x >>runs");
    speak(&mut session, "v1", "call me at nine");
    let first = working(&mut session);
    let all = session.wait_for_said(1).await;
    assert!(all[0].contains("voice voice.ogg: 15 bytes"), "{all:?}");
    assert!(all[0].ends_with(", saying \"call me at nine\""), "{all:?}");
    let all = file_texts(&mut session);
    let [stored] = &all[..] else { panic!("{all:?}") };
    assert_eq!(
        (stored.file, stored.is_speech, stored.text.as_deref()),
        (0, true, Ok("call me at nine"))
    );
    drop(first);
}

#[tokio::test]
async fn a_later_attempt_does_not_listen_again() {
    let mut session = Session::new();
    transcribe(&mut session, "cat {file}; echo x >>runs");
    let mut message = incoming("limit 60");
    message.files = vec![voice_note()];
    session.insert(InboundKind::Chat, message);
    session.fetch(Ok(b"hello"));
    let config = session.config(Provider::Demo);
    let runs = config.workspace.join("runs");
    let first = session.start(config, Arc::new(NoLink));
    let told = session.wait_for_said(1).await;
    assert!(told[0].starts_with("interim: The limit of the model's account"), "{told:?}");
    first.stop().await.unwrap();
    session.end_waits();
    let _second = working(&mut session);
    assert_eq!(session.wait_for_said(2).await[1], said("the model answers again."));
    assert_eq!(file_texts(&mut session).len(), 1);
    assert_eq!(fs::read_to_string(runs).unwrap(), "x\n");
}

#[tokio::test]
async fn without_a_command_the_agent_knows_that_it_could_not_hear() {
    let mut session = Session::new();
    speak(&mut session, "v1", "call me at nine");
    let _runner = working(&mut session);
    let all = session.wait_for_said(1).await;
    assert!(all[0].contains("could not be read: nothing here turns speech into text"), "{all:?}");
    assert!(file_texts(&mut session)[0].text.is_err());
}

/// A slow command holds nothing back for ever, and what is said meanwhile comes after it.
#[tokio::test]
async fn what_is_written_meanwhile_does_not_overtake() {
    let mut session = Session::new();
    transcribe(&mut session, "sleep 1; cat {file}");
    speak(&mut session, "v1", "first");
    let _runner = working(&mut session);
    tokio::time::sleep(Duration::from_millis(300)).await;
    session.say("second");
    let all = session.wait_for_said(2).await;
    assert!(all[0].ends_with("saying \"first\""), "{all:?}");
    assert_eq!(all[1], said("you said \"second\""));
}

#[tokio::test]
async fn a_pdf_that_cannot_be_read_says_so() {
    let mut session = Session::new();
    let mut message = incoming("files");
    let (kind, mime) = (FileKind::Document, "application/pdf".into());
    message.files = vec![picture("a.png"), Attachment { kind, mime, ..picture("bill.pdf") }];
    session.insert(InboundKind::Chat, message);
    session.fetch(Ok(b"png"));
    session.fetch(Ok(b"%PDF-1.7 and nothing more"));
    let _runner = working(&mut session);
    let all = session.wait_for_said(1).await;
    let lines: Vec<&str> = all[0].lines().collect();
    assert!(lines[1].starts_with("image a.png: 3 bytes") && !lines[1].contains("read"), "{all:?}");
    // Whether there is a reader here or not.
    assert!(lines[2].contains("bill.pdf: 25 bytes") && lines[2].contains("could not be read: "));
}
